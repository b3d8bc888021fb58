//! A real Apache Kafka for tests: one that runs already (`GANNET_TEST_KAFKA=host:port`), else a
//! KRaft node started from Maven's jars, on free loopback ports, in a directory of its own. It
//! ends with the test process, by its process id, however that process ends.
//!
//! Beside the node that all tests share, [`secure`] has one with TLS and SASL, and [`nodes`] a
//! cluster of three. Each is started when it is first asked for.

mod certificates;
mod jars;
mod node;
pub mod nodes;
pub mod secure;
pub mod wire;

use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use node::Node;

/// A broker that tests can reach.
pub struct Broker {
    /// `host:port`, or several of them with commas between.
    pub address: String,
    /// The node, if it is ours and nobody else keeps it.
    node: Option<Node>,
}

/// The broker of this test process, started at first use, or why there is none.
pub fn broker() -> Result<&'static Broker, String> {
    static BROKER: OnceLock<Result<Broker, String>> = OnceLock::new();
    BROKER
        .get_or_init(find_or_start)
        .as_ref()
        .map_err(Clone::clone)
}

/// The broker, or `None` after saying that `test` was skipped and why.
pub fn broker_or_skip(test: &str) -> Option<&'static Broker> {
    broker().map_err(|reason| skip(test, &reason)).ok()
}

/// Says that `test` was skipped and why.
fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: no Apache Kafka ({reason})");
}

fn find_or_start() -> Result<Broker, String> {
    if let Ok(address) = std::env::var("GANNET_TEST_KAFKA") {
        await_ready(&address, 1, Duration::from_secs(10))?;
        return Ok(Broker {
            address,
            node: None,
        });
    }
    let [port, controller] = free_ports()?;
    let properties = format!(
        "{COMMON}{SINGLE}controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    );
    let node = Node::format(&properties, &[], &["--standalone"])?;
    node.start(&["-Xmx768m", "-XX:+UseSerialGC"])?;
    let address = format!("127.0.0.1:{port}");
    await_ready(&address, 1, START_MAX).map_err(|error| node.complain(&error))?;
    Ok(Broker {
        address,
        node: Some(node),
    })
}

/// Waits until the brokers answer a request for metadata, and are `count`.
fn await_ready(address: &str, count: usize, limit: Duration) -> Result<(), String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .create()
        .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + limit;
    loop {
        let found = consumer.fetch_metadata(None, Duration::from_secs(1));
        let found = found.map(|metadata| metadata.brokers().len());
        if found.as_ref().is_ok_and(|found| *found >= count) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{address} is not ready after {limit:?}: {found:?}"));
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, String> {
    free_ports().map(|[port]| port)
}

/// Ports that were free a moment ago, no two of them the same.
fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT], String> {
    let mut ports = [0; COUNT];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0));
        let listener = listener.map_err(|error| format!("no free port: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        *port = address.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Longest time until nodes are ready.
const START_MAX: Duration = Duration::from_secs(90);

/// Properties of every node.
const COMMON: &str = "process.roles=broker,controller\n\
    inter.broker.listener.name=PLAINTEXT\ncontroller.listener.names=CONTROLLER\nlog.dirs=log\n\
    group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n";

/// Properties of a node that is alone, beside [`COMMON`].
const SINGLE: &str = "node.id=1\n\
    offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n\
    transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n";
