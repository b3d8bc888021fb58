//! Instances join, leave and fall silent while records flow: nothing is lost, and a clean stop
//! leaves nothing to be done again.

use serde_json::Value;

use crate::support::client::{Cluster, Producer};
use crate::support::eventually;
use crate::support::naive::{self, Feed};
use crate::support::plan::{self, FEED, OWN, Plan};
use crate::support::process::Instance;
use crate::support::setup::{PARTITIONS, Setup};
use crate::support::told;

/// Rows that keep flowing.
struct Flow<'s> {
    setup: &'s Setup,
    producer: Producer,
    plan: Plan,
    rows: Vec<Value>,
}

impl<'s> Flow<'s> {
    fn of(setup: &'s Setup) -> Self {
        Self {
            setup,
            producer: setup.producer(),
            plan: Plan::new(13, usize::MAX >> 8),
            rows: Vec::new(),
        }
    }

    /// Sends some rows.
    fn send(&mut self, rows: usize) {
        let rows: Vec<Value> = (0..rows).map(|_| self.plan.dns()).collect();
        let values: Vec<Vec<u8>> = rows.iter().map(plan::bytes).collect();
        let topic = self.setup.topic("dns");
        self.producer.spread(&topic, PARTITIONS, &values);
        self.rows.extend(rows);
    }

    /// Sends rows until `reached`.
    #[track_caller]
    fn send_until(&mut self, what: &str, mut reached: impl FnMut() -> bool) {
        eventually(what, || {
            self.send(40);
            reached().then_some(())
        });
    }

    /// All rows were processed: exactly what was planned is there.
    #[track_caller]
    fn check(&self) {
        self.setup.await_committed();
        let expected = naive::expected(&Feed::of(FEED.iter().copied()), OWN, &self.rows);
        let mut hits = self.setup.hits();
        hits.read_all(&self.setup.cluster);
        told::check(&hits.json(), &expected);
    }
}

/// Whether `instance` has read records since it was started.
fn reads(instance: &mut Instance) -> bool {
    instance.metric("gannet_records_total", &[]) > Some(0)
}

/// How many partitions `instance` has.
fn partitions(instance: &mut Instance) -> Option<u64> {
    instance.readiness()?.1["partitions"].as_u64()
}

#[test]
fn an_instance_that_joins_and_leaves_loses_nothing() {
    let setup = Setup::on(Cluster::best(), "joins", FEED);
    let mut flow = Flow::of(&setup);
    let mut first = setup.start(&["--role", "match"]);
    flow.send_until("the first instance reads", || reads(&mut first));
    let mut second = setup.start(&["--role", "match"]);
    flow.send_until("the second instance reads", || reads(&mut second));
    flow.send(400);
    assert_eq!(second.stop().code(), Some(0));
    let all = u64::try_from(2 * PARTITIONS).expect("a number of partitions");
    flow.send_until("the first instance has everything again", || {
        partitions(&mut first) == Some(all)
    });
    flow.check();
    assert_eq!(first.stop().code(), Some(0));
}

#[test]
fn after_a_clean_stop_nothing_is_read_twice() {
    let setup = Setup::on(Cluster::best(), "clean", FEED);
    let mut flow = Flow::of(&setup);
    let mut gannet = setup.start(&["--role", "match"]);
    flow.send_until("it reads", || reads(&mut gannet));
    flow.send(2_000);
    assert_eq!(gannet.stop().code(), Some(0));
    let topic = setup.topic("dns");
    let committed: i64 = setup
        .cluster
        .committed(&setup.group(), &topic, PARTITIONS)
        .into_iter()
        .map(|next| next.unwrap_or(0))
        .sum();
    let sent = u64::try_from(flow.rows.len()).expect("a number of rows");
    let left = sent - u64::try_from(committed).expect("an offset");
    let mut gannet = setup.start(&["--role", "match"]);
    gannet.await_assigned();
    flow.check();
    eventually("what was left is read", || {
        (gannet.metric("gannet_records_total", &[])? >= left).then_some(())
    });
    assert_eq!(gannet.metric("gannet_records_total", &[]), Some(left));
    assert_eq!(gannet.stop().code(), Some(0));
    let mut hits = setup.hits();
    hits.read_all(&setup.cluster);
    assert_eq!(told::ids(&hits.records).len(), hits.records.len());
}

#[test]
fn an_instance_that_was_silent_too_long_does_no_harm() {
    let setup = Setup::on(Cluster::best(), "silent", FEED);
    let mut flow = Flow::of(&setup);
    let mut first = setup.start(&["--role", "match"]);
    let mut second = setup.start(&["--role", "match"]);
    flow.send_until("both read", || reads(&mut first) && reads(&mut second));
    first.signal("STOP");
    flow.send(400);
    let all = u64::try_from(2 * PARTITIONS).expect("a number of partitions");
    flow.send_until("the other has everything", || {
        partitions(&mut second) == Some(all)
    });
    setup.await_committed();
    first.signal("CONT");
    flow.send_until("it has noticed", || {
        let lost = first.metric("gannet_rebalances_total", &["kind=\"lost\""]);
        let revoked = first.metric("gannet_rebalances_total", &["kind=\"revoked\""]);
        lost.unwrap_or(0) + revoked.unwrap_or(0) > 0
    });
    flow.send_until("it takes part again", || partitions(&mut first) > Some(0));
    flow.check();
    assert_eq!(first.stop().code(), Some(0));
    assert_eq!(second.stop().code(), Some(0));
}
