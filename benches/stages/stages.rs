//! The stages of the data path, each as one pass over a fixed number of events. Preparing a
//! stage checks its answer against something slower.

use std::collections::HashSet;
use std::hint::black_box;
use std::net::IpAddr;

use anyhow::{Context, ensure};
use gannet::decode::{self, KeyScanner, Outcome};
use gannet::encode;
use gannet::lab::bench::Workload;
use gannet::matching::{NameBatch, NameProbe};
use gannet::model::{
    Answer, DomainName, Event, EventKind, EventTime, NAME_LEN_MAX, Named, OutputFormat, Scope,
};
use gannet::snapshot::Snapshot;

use crate::corpus::{self, HIT_SHARE, PlainFeed};
use crate::path::{self, Batch};

/// One stage.
pub(crate) struct Stage {
    /// Its name in tables and in the baseline.
    pub(crate) name: String,
    prepare: Prepare,
}

/// How a stage is prepared.
enum Prepare {
    /// The key scan of a format.
    Keys(Workload),
    /// The probe of names.
    ProbeNames,
    /// The probe of addresses.
    ProbeAddresses,
    /// The whole data path.
    Process(Workload),
    /// The writing of hits.
    EncodeHits(OutputFormat),
    /// The building of a snapshot from a plain feed.
    Build,
}

/// A stage, ready to run.
pub(crate) struct Pass {
    /// Events (indicators for a build) of one run.
    pub(crate) events: u64,
    /// What every run gives.
    pub(crate) answer: u64,
    /// How many runs are counted together.
    pub(crate) runs: u64,
    run: Box<dyn FnMut() -> u64>,
}

impl Pass {
    /// Runs `run` once for its answer.
    fn new(events: u64, mut run: impl FnMut() -> u64 + 'static) -> Self {
        Self {
            events,
            answer: run(),
            runs: 1,
            run: Box::new(run),
        }
    }

    /// Runs once.
    ///
    /// # Errors
    /// When the answer is not that of the other runs.
    pub(crate) fn checked(&mut self) -> anyhow::Result<()> {
        let answer = (self.run)();
        ensure!(answer == self.answer, "{answer} is not {}", self.answer);
        Ok(())
    }
}

/// Runs as often as runs are counted together; says whether the answer was right every time. The
/// instructions between its entry and its return are those that are counted, so it must stay a
/// function of its own.
#[inline(never)]
pub(crate) fn counted(pass: &mut Pass) -> bool {
    (0..pass.runs).all(|_| black_box((pass.run)()) == pass.answer)
}

/// All stages.
pub(crate) fn all() -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut add = |name: String, prepare| stages.push(Stage { name, prepare });
    for &workload in Workload::ALL {
        let name = format!("keys/{}", workload.as_str());
        add(name, Prepare::Keys(workload));
    }
    add("probe/name".to_owned(), Prepare::ProbeNames);
    add("probe/address".to_owned(), Prepare::ProbeAddresses);
    for workload in [
        Workload::ZeekDns,
        Workload::Dnstap,
        Workload::Goflow2Protobuf,
    ] {
        let name = format!("process/{}", workload.as_str());
        add(name, Prepare::Process(workload));
    }
    for &format in OutputFormat::ALL {
        let name = format!("hit/{}", format.as_str());
        add(name, Prepare::EncodeHits(format));
    }
    add("build/plain".to_owned(), Prepare::Build);
    stages
}

impl Stage {
    /// Makes what the stage works on, and checks its answer.
    ///
    /// # Errors
    /// When the answer is wrong.
    pub(crate) fn prepare(&self) -> anyhow::Result<Pass> {
        let pass = match self.prepare {
            Prepare::Keys(workload) => keys(workload),
            Prepare::ProbeNames => probe_names(),
            Prepare::ProbeAddresses => probe_addresses(),
            Prepare::Process(workload) => whole(workload),
            Prepare::EncodeHits(format) => encode_hits(format),
            Prepare::Build => build(),
        };
        pass.with_context(|| self.name.clone())
    }
}

/// The key scan, checked against the full decoding of every item.
fn keys(workload: Workload) -> anyhow::Result<Pass> {
    let traffic = corpus::traffic(workload, HIT_SHARE)?;
    let kept = path::kept(&traffic);
    let items = kept.items.len() as u64;
    ensure!(items == traffic.truth().events(), "{items} items");
    let names: HashSet<String> = kept.names.iter().map(|name| normal(name)).collect();
    let addresses: HashSet<IpAddr> = kept.addresses.iter().map(|(ip, _)| *ip).collect();
    for (item, outcome) in &kept.items {
        ensure!(*outcome == Outcome::Event, "{outcome:?}");
        let time = Some(EventTime::from_millis(path::NOW_MS));
        let event = decode::event(traffic.format(), item, time)?.context("ignored")?;
        let (event_names, event_addresses) = ends(&event);
        for name in event_names {
            ensure!(names.contains(name), "{name} was not handed out");
        }
        for address in event_addresses {
            ensure!(addresses.contains(&address), "{address} was not handed out");
        }
    }
    let mut scanner = KeyScanner::new(traffic.format());
    Ok(Pass::new(items, move || {
        path::scan_keys(&mut scanner, &traffic)
    }))
}

/// The names and addresses of an event that can match.
fn ends(event: &Event) -> (Vec<&str>, Vec<IpAddr>) {
    match &event.kind {
        EventKind::Flow(flow) => (Vec::new(), vec![flow.source.ip, flow.destination.ip]),
        EventKind::Dns(dns) => {
            let (mut names, mut addresses) = (vec![dns.qname.as_str()], Vec::new());
            for answer in &dns.answers {
                match answer {
                    Answer::Name(name) => names.push(name),
                    Answer::Address(ip) => addresses.push(*ip),
                }
            }
            (names, addresses)
        }
    }
}

/// A name in its normal form; as it is if it has none.
fn normal(raw: &[u8]) -> String {
    let mut scratch = [0; NAME_LEN_MAX];
    DomainName::parse(raw, &mut scratch).map_or_else(
        |_| String::from_utf8_lossy(raw).into_owned(),
        |name| name.as_str().to_owned(),
    )
}

/// Whether something listed covers a name.
fn candidate(snapshot: &Snapshot, name: &[u8]) -> bool {
    snapshot.probe_name(name) == NameProbe::Candidate
}

/// The probe of the names of Zeek rows, checked against the set of listed names.
fn probe_names() -> anyhow::Result<Pass> {
    let snapshot = corpus::snapshot()?;
    let listed = corpus::names()?;
    let names = path::kept(&corpus::traffic(Workload::ZeekDns, HIT_SHARE)?).names;
    for raw in &names {
        let name = normal(raw);
        let mut suffixes = std::iter::successors(Some(name.as_str()), |name| {
            name.split_once('.').map(|(_, rest)| rest)
        });
        let covered = suffixes.any(|suffix| match listed.get(suffix) {
            Some(Scope::Exact) => suffix == name,
            Some(Scope::Subtree) => true,
            Some(Scope::Below) => suffix != name,
            None => false,
        });
        ensure!(
            covered == candidate(&snapshot, raw),
            "wrong probe of {name}"
        );
    }
    let mut batch = NameBatch::new();
    let candidates = path::probe_names(&snapshot, &mut batch, &names);
    let wanted = names
        .iter()
        .filter(|name| candidate(&snapshot, name))
        .count() as u64;
    // Together, names are told by parts of their hashes.
    ensure!(
        candidates >= wanted && wanted > 0 && candidates < wanted + 5,
        "{candidates} candidates where {wanted} are listed"
    );
    Ok(Pass::new(names.len() as u64, move || {
        path::probe_names(&snapshot, &mut batch, &names)
    }))
}

/// The probe of both ends of flows, checked against every listed prefix.
fn probe_addresses() -> anyhow::Result<Pass> {
    let snapshot = corpus::snapshot()?;
    let prefixes = corpus::prefixes()?;
    let addresses = path::kept(&corpus::traffic(Workload::Goflow2Protobuf, HIT_SHARE)?).addresses;
    for (ip, port) in &addresses {
        let covered = prefixes.iter().any(|prefix| prefix.contains(ip));
        let candidate = snapshot.probe_address(*ip, *port);
        ensure!(covered == candidate, "wrong probe of {ip}");
    }
    let count = addresses.len() as u64;
    let probe = move || {
        let candidate = |(ip, port): &(IpAddr, Option<u16>)| snapshot.probe_address(*ip, *port);
        addresses.iter().map(|end| u64::from(candidate(end))).sum()
    };
    let pass = Pass::new(count, probe);
    ensure!(pass.answer > 0, "nothing is found");
    Ok(pass)
}

/// The whole data path, checked against what was planted.
fn whole(workload: Workload) -> anyhow::Result<Pass> {
    let snapshot = corpus::snapshot()?;
    let traffic = corpus::traffic(workload, HIT_SHARE)?;
    let truth = traffic.truth();
    let mut batch = Batch::new(traffic.format());
    let hits = batch.count_hits(&snapshot, &traffic);
    ensure!(hits > 0 && hits == truth.hits, "{hits} hits");
    let outcomes = batch.outcomes();
    ensure!(
        outcomes == [truth.matched, truth.unmatched, 0],
        "{outcomes:?}"
    );
    Ok(Pass::new(truth.events(), move || {
        batch.count_hits(&snapshot, &traffic)
    }))
}

/// The writing of hits, checked by reading them back where that is possible.
fn encode_hits(format: OutputFormat) -> anyhow::Result<Pass> {
    let traffic = corpus::traffic(Workload::GannetJson, 0.1)?;
    let hits = Batch::new(traffic.format()).hits(&corpus::snapshot()?, &traffic);
    let count = hits.len() as u64;
    ensure!(count == traffic.truth().hits, "{count} hits");
    let mut buffer = Vec::new();
    for hit in &hits {
        buffer.clear();
        encode::hit(format, hit, &mut buffer);
        if format == OutputFormat::Ecs {
            serde_json::from_slice::<serde_json::Value>(&buffer)?;
        } else {
            ensure!(decode::hit::hit(format, &buffer)? == *hit, "another hit");
        }
    }
    Ok(Pass::new(count, move || {
        let mut bytes = 0;
        for hit in &hits {
            buffer.clear();
            encode::hit(format, hit, &mut buffer);
            bytes += buffer.len() as u64;
        }
        bytes
    }))
}

/// Builds that are counted together: the maps of a builder hash with keys of their own, whose
/// chance evens out.
const BUILDS: u64 = 12;

/// The building of a snapshot from a plain feed in a file.
fn build() -> anyhow::Result<Pass> {
    let feed = PlainFeed::write()?;
    let snapshot = feed.load()?;
    for name in corpus::names()?.keys() {
        let found = candidate(&snapshot, name.as_bytes());
        ensure!(found, "{name} is not found");
    }
    for prefix in corpus::prefixes()? {
        let found = snapshot.probe_address(prefix.network(), None);
        ensure!(found, "{prefix} is not found");
    }
    let indicators = snapshot.indicators();
    ensure!(indicators == PlainFeed::rows(), "{indicators} indicators");
    let load = move || feed.load().map_or(0, |snapshot| snapshot.indicators());
    Ok(Pass {
        runs: BUILDS,
        ..Pass::new(indicators, load)
    })
}
