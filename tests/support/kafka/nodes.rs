//! A cluster of three nodes that tests kill, start again and make leaders. Who leads what is told to
//! the cluster in requests that the client library does not have.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, ElectLeadersRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::super::{PATIENCE, eventually};
use super::node::Node;
use super::wire::Wire;
use super::{Broker, COMMON, START_MAX, await_ready, free_ports, skip};

/// The ids of the nodes.
pub const IDS: [i32; 3] = [1, 2, 3];

/// The cluster.
pub struct Nodes {
    /// All nodes together.
    pub broker: Broker,
    /// Each node and its port, in the order of [`IDS`].
    nodes: Vec<(Node, u16)>,
}

/// The cluster, for one test at a time; or `None` after saying that `test` was skipped and why.
pub fn nodes_or_skip(test: &str) -> Option<MutexGuard<'static, &'static Nodes>> {
    static NODES: OnceLock<Result<Nodes, String>> = OnceLock::new();
    static TURN: OnceLock<Mutex<&'static Nodes>> = OnceLock::new();
    match NODES.get_or_init(start) {
        Ok(nodes) => {
            let turn = TURN.get_or_init(|| Mutex::new(nodes));
            Some(turn.lock().unwrap_or_else(PoisonError::into_inner))
        }
        Err(reason) => {
            skip(test, reason);
            None
        }
    }
}

fn start() -> Result<Nodes, String> {
    let ports: [u16; 6] = free_ports()?;
    let (ports, controllers) = ports.split_at(IDS.len());
    let voters = IDS.iter().zip(controllers);
    let voters: Vec<String> = voters
        .map(|(id, port)| format!("{id}@127.0.0.1:{port}"))
        .collect();
    let voters = voters.join(",");
    let nodes: Result<Vec<(Node, u16)>, String> = std::thread::scope(|scope| {
        let formatted = IDS.iter().zip(ports.iter().zip(controllers));
        let formatted = formatted.map(|(id, (port, controller))| {
            let properties = properties(*id, (*port, *controller), &voters);
            scope.spawn(move || Ok((Node::format(&properties, &[], &[])?, *port)))
        });
        let formatted: Vec<_> = formatted.collect();
        let joined = formatted.into_iter();
        joined
            .map(|node| node.join().expect("no thread panics"))
            .collect()
    });
    let nodes = nodes?;
    for (node, _) in &nodes {
        node.start(&FLAGS)?;
    }
    let addresses: Vec<String> = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let address = addresses.join(",");
    await_ready(&address, IDS.len(), START_MAX).map_err(|error| nodes[0].0.complain(&error))?;
    let broker = Broker {
        address,
        node: None,
    };
    Ok(Nodes { broker, nodes })
}

fn properties(id: i32, (port, controller): (u16, u16), voters: &str) -> String {
    format!(
        "{COMMON}node.id={id}\ncontroller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         default.replication.factor=3\noffsets.topic.replication.factor=3\n\
         offsets.topic.num.partitions=1\ntransaction.state.log.replication.factor=3\n\
         auto.leader.rebalance.enable=false\nnum.network.threads=1\nnum.io.threads=2\n\
         broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n"
    )
}

impl Nodes {
    /// Kills a node.
    pub fn kill(&self, id: i32) {
        self.node(id).0.kill();
    }

    /// Starts a node that was killed.
    pub fn start(&self, id: i32) {
        self.node(id).0.start(&FLAGS).expect("a node starts");
    }

    /// Who leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> i32 {
        eventually("a partition has a leader", || {
            let (leader, _) = self.state(topic, partition)?;
            (leader >= 0).then_some(leader)
        })
    }

    /// Waits until every node has all of a partition.
    pub fn until_in_sync(&self, topic: &str, partition: i32) {
        eventually("every node has all of a partition", || {
            let (_, in_sync) = self.state(topic, partition)?;
            (in_sync == IDS.len()).then_some(())
        });
    }

    /// Makes the node `id` the leader of a partition, as an administrator does: its replica becomes
    /// the preferred one, and is elected.
    pub fn lead(&self, topic: &str, partition: i32, id: i32) {
        let name = TopicName(StrBytes::from_string(topic.to_owned()));
        let others = IDS.into_iter().filter(|other| *other != id);
        let replicas = [id].into_iter().chain(others).map(BrokerId).collect();
        let order = ReassignablePartition::default()
            .with_partition_index(partition)
            .with_replicas(Some(replicas));
        let topic_of = ReassignableTopic::default()
            .with_name(name.clone())
            .with_partitions(vec![order]);
        let reassign = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(REQUEST_MS)
            .with_topics(vec![topic_of]);
        let of = TopicPartitions::default()
            .with_topic(name)
            .with_partitions(vec![partition]);
        let elect = ElectLeadersRequest::default()
            .with_timeout_ms(REQUEST_MS)
            .with_topic_partitions(Some(vec![of]));
        eventually("a node leads", || {
            if self.state(topic, partition)?.0 == id {
                return Some(());
            }
            let mut wire = Wire::to(self.node(id).1)?;
            wire.ask(&reassign, 0)?;
            wire.ask(&elect, 2)?;
            None
        });
    }

    /// A node and its port.
    fn node(&self, id: i32) -> &(Node, u16) {
        let at = IDS.iter().position(|known| *known == id);
        &self.nodes[at.expect("a node of this id")]
    }

    /// Who leads a partition, and how many nodes have all of it.
    fn state(&self, topic: &str, partition: i32) -> Option<(i32, usize)> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.broker.address);
        let consumer: BaseConsumer = config.create().expect("a client");
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        let found = partitions.iter().find(|found| found.id() == partition)?;
        Some((found.leader(), found.isr().len()))
    }
}

/// Java's flags: three nodes share a small machine, and live a minute.
const FLAGS: [&str; 3] = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/// How long the cluster may take for one request.
const REQUEST_MS: i32 = 10_000;
