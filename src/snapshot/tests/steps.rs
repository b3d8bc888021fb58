//! A snapshot that came about in steps is the same as one that is built at once: new versions of
//! feeds, rows that come, change and go, and merges beside all that.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use proptest::prelude::*;

use super::*;

/// What rows list: few values, so that feeds and layers meet in them.
const VALUES: [&str; 10] = [
    "a.example",
    "=a.example",
    "~a.example",
    "b.a.example",
    "/*.exam*/",
    "198.18.0.0/16",
    "198.18.1.1",
    "198.18.1.1:443",
    "2001:db8::/32",
    "c.example",
];

/// What is looked up.
const ASKED: [&str; 10] = [
    "a.example",
    "b.a.example",
    "x.b.a.example",
    "c.example",
    "d.example",
    "198.18.1.1",
    "198.18.1.1:443",
    "198.18.1.2:443",
    "198.18.2.0/24",
    "2001:db8::1",
];

/// The feeds that change as a whole.
const FEEDS: [&str; 2] = ["one", "two"];
/// The feed that changes row by row.
const KEYED: &str = "keyed";

/// The ids of the rows of the keyed feed.
const IDS: [&str; 4] = ["0", "1", "2", "3"];

/// What a row is.
#[derive(Clone, Copy, Debug)]
struct Made {
    value: usize,
    /// 0: listed, 1: allowed, 2: withdrawn; 3: listed with a family.
    kind: u8,
}

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// A feed has a new version.
    Replace(usize, Vec<Made>),
    /// Rows of the keyed feed come, change or go.
    Rows(Vec<(u8, Option<Made>)>),
    /// A merge begins.
    BeginMerge,
    /// The merge that has begun ends.
    EndMerge,
}

/// Everything as it should be.
#[derive(Default)]
struct Model {
    feeds: [Vec<Made>; 2],
    keyed: BTreeMap<u8, Made>,
}

/// Keeps nothing of what is gone.
const NOTHING: Keep = Keep {
    at: EventTime::MAX,
    since: EventTime::MAX,
    max: 0,
};

fn options() -> BuildOptions {
    BuildOptions {
        hash_key: Some(HashKey::random()),
        ..BuildOptions::default()
    }
}

fn keyed_feed() -> FeedInfo {
    FeedInfo {
        keyed: true,
        ..feed(KEYED)
    }
}

fn add_made(builder: &mut SnapshotBuilder, feed: FeedId, id: Option<u8>, made: Made) {
    let id = id.map(|id| IDS[usize::from(id)]);
    let written = VALUES[made.value];
    let added = add_with(builder, feed, written, |row| {
        row.id = id;
        match made.kind {
            1 => row.role = Role::Allow,
            2 => row.state = IndicatorState::Revoked,
            3 => row.malware = Some("family"),
            _ => {}
        }
    });
    added.unwrap();
}

/// The snapshot of a model, built at once.
fn at_once(model: &Model, options: &BuildOptions) -> Snapshot {
    let mut builder = SnapshotBuilder::new(options.clone());
    for (name, rows) in FEEDS.iter().zip(&model.feeds) {
        let id = builder.add_feed(feed(name));
        for made in rows {
            add_made(&mut builder, id, None, *made);
        }
    }
    let id = builder.add_feed(keyed_feed());
    for (key, made) in &model.keyed {
        add_made(&mut builder, id, Some(*key), *made);
    }
    builder.build(1).unwrap()
}

/// A snapshot on its way, with the merge that has begun.
struct Way {
    options: BuildOptions,
    snapshot: Snapshot,
    merge: Option<Merge>,
}

impl Way {
    fn closed(&self) -> usize {
        self.merge.as_ref().map_or(1, Merge::layers)
    }

    fn take(&mut self, step: &Step, model: &mut Model) {
        match step {
            Step::Replace(number, rows) => {
                let mut builder = SnapshotBuilder::new(self.options.clone());
                let id = builder.add_feed(feed(FEEDS[*number]));
                for made in rows {
                    add_made(&mut builder, id, None, *made);
                }
                let mut update = self.snapshot.update(builder);
                update.replace(FEEDS[*number], NOTHING);
                self.snapshot = update.finish(self.closed()).unwrap();
                model.feeds[*number].clone_from(rows);
            }
            Step::Rows(rows) => {
                // The last word on an id counts.
                let rows: BTreeMap<u8, Option<Made>> = rows.iter().copied().collect();
                let mut builder = SnapshotBuilder::new(self.options.clone());
                let id = builder.add_feed(keyed_feed());
                for (key, made) in &rows {
                    model.keyed.remove(key);
                    if let Some(made) = made {
                        add_made(&mut builder, id, Some(*key), *made);
                        model.keyed.insert(*key, *made);
                    }
                }
                let ids: HashSet<&str> = rows.keys().map(|&id| IDS[usize::from(id)]).collect();
                let mut update = self.snapshot.update(builder);
                update.replace_rows(KEYED, &ids, NOTHING);
                self.snapshot = update.finish(self.closed()).unwrap();
            }
            Step::BeginMerge => {
                if self.merge.is_none() {
                    self.merge = Some(self.snapshot.begin_merge());
                }
            }
            Step::EndMerge => {
                if let Some(merge) = self.merge.take() {
                    let builder = SnapshotBuilder::new(self.options.clone());
                    let layer = merge.build(builder).unwrap();
                    self.snapshot = self.snapshot.merged(&merge, layer);
                }
            }
        }
    }
}

/// What a snapshot counts of the feeds that have rows.
fn counted(snapshot: &Snapshot) -> Vec<(String, u64, u64, u64)> {
    let counts = snapshot.feeds().iter().map(|feed| {
        let name = feed.name.to_string();
        (name, feed.indicators, feed.allow_rules, feed.revoked)
    });
    let mut counts: Vec<_> = counts.filter(|&(_, a, b, c)| a + b + c > 0).collect();
    counts.sort();
    counts
}

/// Fails unless the two say the same of everything.
fn check_same(stepped: &Snapshot, fresh: &Snapshot) {
    assert_eq!(counted(stepped), counted(fresh));
    assert_eq!(stepped.hash(), fresh.hash());
    for asked in ASKED {
        let (found, expected) = (stepped.lookup(asked, None), fresh.lookup(asked, None));
        assert_eq!(found, expected, "{asked}");
        let passes = match asked.parse() {
            Ok(ip) => stepped.probe_address(ip, None),
            Err(_) => stepped.probe_name(asked.as_bytes()) == NameProbe::Candidate,
        };
        let exact = !asked.contains([':', '/']) || asked.parse::<IpAddr>().is_ok();
        assert!(passes || !exact || !expected.would_match, "{asked}");
    }
}

fn made() -> impl Strategy<Value = Made> {
    (0..VALUES.len(), 0..4_u8).prop_map(|(value, kind)| Made { value, kind })
}

fn step() -> impl Strategy<Value = Step> {
    let rows = proptest::collection::vec((0..4_u8, proptest::option::of(made())), 0..4);
    prop_oneof![
        3 => (0..2_usize, proptest::collection::vec(made(), 0..5))
            .prop_map(|(feed, rows)| Step::Replace(feed, rows)),
        4 => rows.prop_map(Step::Rows),
        1 => Just(Step::BeginMerge),
        1 => Just(Step::EndMerge),
    ]
}

proptest! {
    #[test]
    fn steps_lead_to_the_same_as_building_at_once(
        steps in proptest::collection::vec(step(), 0..12),
    ) {
        let options = options();
        let mut model = Model::default();
        let mut way = Way {
            snapshot: at_once(&model, &options),
            options: options.clone(),
            merge: None,
        };
        for step in &steps {
            way.take(step, &mut model);
            check_same(&way.snapshot, &at_once(&model, &options));
            prop_assert_eq!(way.snapshot.self_test(None, &Protected::default()), Ok(()));
        }
    }
}
