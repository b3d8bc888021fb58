//! The stages of the data path, each as one pass over a fixed number of events. Preparing a
//! stage checks its answer against something slower.

use std::collections::HashSet;
use std::hint::black_box;
use std::net::IpAddr;

use anyhow::{Context, ensure};
use gannet::decode::{self, Outcome};
use gannet::encode;
use gannet::matching::NameProbe;
use gannet::model::{
    Answer, DomainName, Event, EventFormat, EventKind, EventTime, NAME_LEN_MAX, Named, OutputFormat,
};

use crate::corpus::{self, Feed, Kind};
use crate::path::{self, Batch};

/// Events of a pass.
const EVENTS: usize = 1_000;

/// One stage.
pub(crate) struct Stage {
    /// Its name in tables and in the baseline.
    pub(crate) name: String,
    prepare: Prepare,
}

/// How a stage is prepared.
enum Prepare {
    /// The key scan of a format.
    Keys(EventFormat),
    /// The probe of names.
    ProbeNames,
    /// The probe of addresses.
    ProbeAddresses,
    /// The whole data path.
    Process(EventFormat),
    /// The writing of hits.
    EncodeHits(OutputFormat),
    /// The building of a snapshot from a plain feed.
    Build,
}

/// A stage, ready to run.
pub(crate) struct Pass {
    /// Events (indicators for a build) of one run.
    pub(crate) events: usize,
    /// What every run gives.
    pub(crate) answer: u64,
    run: Box<dyn FnMut() -> u64>,
}

impl Pass {
    /// Runs `run` once for its answer.
    fn new(events: usize, mut run: impl FnMut() -> u64 + 'static) -> Self {
        Self {
            events,
            answer: run(),
            run: Box::new(run),
        }
    }

    /// Runs once.
    ///
    /// # Errors
    /// When the answer is not that of the other runs.
    pub(crate) fn checked(&mut self) -> anyhow::Result<()> {
        let answer = counted(self);
        ensure!(answer == self.answer, "{answer} is not {}", self.answer);
        Ok(())
    }
}

/// Runs once. The instructions between its entry and its return are those that are counted, so it
/// must stay a function of its own.
#[inline(never)]
pub(crate) fn counted(pass: &mut Pass) -> u64 {
    black_box((pass.run)())
}

/// All stages.
pub(crate) fn all() -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut add = |name: String, prepare| stages.push(Stage { name, prepare });
    for &format in EventFormat::ALL {
        add(format!("keys/{}", format.as_str()), Prepare::Keys(format));
    }
    add("probe/name".to_owned(), Prepare::ProbeNames);
    add("probe/address".to_owned(), Prepare::ProbeAddresses);
    for format in [
        EventFormat::ZeekJson,
        EventFormat::Dnstap,
        EventFormat::Goflow2Protobuf,
    ] {
        let name = format!("process/{}", format.as_str());
        add(name, Prepare::Process(format));
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
            Prepare::Keys(format) => keys(format),
            Prepare::ProbeNames => probe_names(),
            Prepare::ProbeAddresses => probe_addresses(),
            Prepare::Process(format) => whole(format),
            Prepare::EncodeHits(format) => encode_hits(format),
            Prepare::Build => build(),
        };
        pass.with_context(|| self.name.clone())
    }
}

/// The key scan, checked against the full decoding of every item.
fn keys(format: EventFormat) -> anyhow::Result<Pass> {
    let events = corpus::events(Kind::of(format), EVENTS);
    let records = corpus::records(format, &events);
    let kept = path::kept(format, &records);
    ensure!(kept.items.len() == EVENTS, "{} items", kept.items.len());
    let names: HashSet<String> = kept.names.iter().map(|name| normal(name)).collect();
    let addresses: HashSet<IpAddr> = kept.addresses.iter().map(|(ip, _)| *ip).collect();
    for (item, outcome) in &kept.items {
        ensure!(*outcome == Outcome::Event, "{outcome:?}");
        let time = Some(EventTime::from_millis(path::NOW_MS));
        let event = decode::event(format, item, time)?.context("ignored")?;
        let (event_names, event_addresses) = ends(&event);
        for name in event_names {
            ensure!(names.contains(name), "{name} was not handed out");
        }
        for address in event_addresses {
            ensure!(addresses.contains(&address), "{address} was not handed out");
        }
    }
    Ok(Pass::new(EVENTS, move || path::scan_keys(format, &records)))
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

/// The probe of the names of Zeek rows, checked against the set of listed names.
fn probe_names() -> anyhow::Result<Pass> {
    let feed = Feed::write()?;
    let snapshot = feed.snapshot()?;
    let events = corpus::events(&[Kind::Dns], EVENTS);
    let records = corpus::records(EventFormat::ZeekJson, &events);
    let names = path::kept(EventFormat::ZeekJson, &records).names;
    for name in &names {
        let text = normal(name);
        let mut suffixes = std::iter::successors(Some(text.as_str()), |name| {
            name.split_once('.').map(|(_, rest)| rest)
        });
        let listed = suffixes.any(|suffix| feed.names.contains(suffix));
        let candidate = snapshot.probe_name(name) == NameProbe::Candidate;
        ensure!(listed == candidate, "wrong probe of {text}");
    }
    let probe = move || {
        let candidate = |name: &Vec<u8>| snapshot.probe_name(name) == NameProbe::Candidate;
        names.iter().map(|name| u64::from(candidate(name))).sum()
    };
    Ok(Pass::new(names_len(&records), probe))
}

/// How many names the records hold.
fn names_len(records: &[Vec<u8>]) -> usize {
    path::kept(EventFormat::ZeekJson, records).names.len()
}

/// The probe of both ends of flows, checked against the set of listed addresses.
fn probe_addresses() -> anyhow::Result<Pass> {
    let feed = Feed::write()?;
    let snapshot = feed.snapshot()?;
    let events = corpus::events(&[Kind::Flow], EVENTS);
    let format = EventFormat::Goflow2Protobuf;
    let addresses = path::kept(format, &corpus::records(format, &events)).addresses;
    for (ip, port) in &addresses {
        let listed = feed.addresses.contains(ip);
        ensure!(
            listed == snapshot.probe_address(*ip, *port),
            "wrong probe of {ip}"
        );
    }
    let count = addresses.len();
    let probe = move || {
        let candidate = |(ip, port): &(IpAddr, Option<u16>)| snapshot.probe_address(*ip, *port);
        addresses.iter().map(|end| u64::from(candidate(end))).sum()
    };
    Ok(Pass::new(count, probe))
}

/// The whole data path, checked against the full decoding and matching of every event.
fn whole(format: EventFormat) -> anyhow::Result<Pass> {
    let feed = Feed::write()?;
    let snapshot = feed.snapshot()?;
    let kind = if format == EventFormat::Goflow2Protobuf {
        Kind::Flow
    } else {
        Kind::Dns
    };
    let events = corpus::events(&[kind], EVENTS);
    let values = corpus::records(format, &events);
    let mut wanted = 0;
    let mut matches = Vec::new();
    for event in &events {
        matches.clear();
        snapshot.matches(event, &mut matches);
        wanted += matches.len() as u64;
    }
    ensure!(wanted > 0, "nothing matches");
    let mut batch = Batch::new(format);
    let pass = Pass::new(EVENTS, move || {
        batch.hits(&snapshot, &path::records(&values))
    });
    ensure!(pass.answer == wanted, "{} hits", pass.answer);
    Ok(pass)
}

/// The writing of hits, checked by reading them back where that is possible.
fn encode_hits(format: OutputFormat) -> anyhow::Result<Pass> {
    let feed = Feed::write()?;
    let snapshot = feed.snapshot()?;
    let events = corpus::events(&[Kind::Dns, Kind::Flow], 20 * EVENTS);
    let values = corpus::records(EventFormat::ZeekJson, &events);
    let (hits, _) = Batch::new(EventFormat::ZeekJson).kept(&snapshot, &path::records(&values));
    ensure!(hits.len() > 50, "{} hits", hits.len());
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
    let count = hits.len();
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

/// The building of a snapshot from a plain feed in a file.
fn build() -> anyhow::Result<Pass> {
    let feed = Feed::write()?;
    let snapshot = feed.snapshot()?;
    for name in &feed.names {
        let probe = snapshot.probe_name(name.as_bytes());
        ensure!(probe == NameProbe::Candidate, "{name} is not found");
    }
    for ip in &feed.addresses {
        ensure!(snapshot.probe_address(*ip, None), "{ip} is not found");
    }
    let rows = feed.rows;
    ensure!(
        snapshot.indicators() == rows as u64,
        "{} indicators",
        snapshot.indicators()
    );
    let build = move || feed.snapshot().map_or(0, |snapshot| snapshot.indicators());
    Ok(Pass::new(rows, build))
}
