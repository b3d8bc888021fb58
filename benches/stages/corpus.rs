//! What the stages work on: made events, the same on every machine, and a feed that lists the
//! ends of one in a hundred of them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use gannet::config::{CsvColumns, FeedConfig};
use gannet::encode;
use gannet::feeds;
use gannet::matching::HashKey;
use gannet::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, Event, EventFormat, EventKind, EventTime, FeedFormat,
    FlowEvent, Half, HostPort, Initiator, Role, TimeSource,
};
use gannet::snapshot::{BuildOptions, Snapshot};

use crate::path::NOW_MS;

/// Names that are listed.
const NAMES: usize = 8_000;

/// Addresses that are listed.
const ADDRESSES: u32 = 1_500;

/// Networks that are listed.
const NETWORKS: u32 = 500;

/// One in how many events has something listed in it.
const HIT_EVERY: usize = 100;

/// A plain feed in a file, and what it lists.
#[derive(Debug)]
pub(crate) struct Feed {
    file: tempfile::NamedTempFile,
    /// Its names.
    pub(crate) names: HashSet<String>,
    /// Its addresses.
    pub(crate) addresses: HashSet<IpAddr>,
    /// Its rows.
    pub(crate) rows: usize,
}

impl Feed {
    /// Writes the feed to a temporary file.
    pub(crate) fn write() -> anyhow::Result<Self> {
        let mut random = Random(1);
        let mut text = String::from("# made\n");
        let mut names = HashSet::new();
        let mut addresses = HashSet::new();
        for number in 0..NAMES {
            let name = random.listed(number);
            writeln!(text, "{name}")?;
            names.insert(name);
        }
        for number in 0..ADDRESSES {
            let address = Ipv4Addr::from_bits(0xc612_0000 + number * 13);
            writeln!(text, "{address}")?;
            addresses.insert(IpAddr::V4(address));
        }
        for number in 0..NETWORKS {
            let network = Ipv4Addr::from_bits(0x0a00_0000 + number * 0x400);
            writeln!(text, "{network}/24")?;
        }
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        let rows = NAMES + ADDRESSES as usize + NETWORKS as usize;
        ensure!(names.len() == NAMES, "names repeat");
        Ok(Self {
            file,
            names,
            addresses,
            rows,
        })
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> FeedConfig {
        FeedConfig {
            name: "bench".to_owned(),
            path: PathBuf::from(self.file.path()),
            format: FeedFormat::Plain,
            role: Role::C2,
            confidence: 75,
            malware: Some("examplestealer".to_owned()),
            names: None,
            victim: None,
            grace: Duration::ZERO,
            ignore_ports: false,
            overrides: false,
            columns: CsvColumns::default(),
        }
    }

    /// Builds a snapshot of it, with a hash key that is always the same.
    pub(crate) fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let options = BuildOptions {
            hash_key: Some(HashKey::new(1, 2)),
            ..BuildOptions::default()
        };
        let loaded = feeds::load(&[self.config()], options, 1);
        let mut errors = match loaded {
            Ok(loaded) => return Ok(loaded.snapshot),
            Err(errors) => errors,
        };
        let first = errors.pop().context("a load fails for a reason")?;
        Err(first.into())
    }
}

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A DNS response.
    Dns,
    /// A flow.
    Flow,
}

impl Kind {
    /// The kinds for which a format has words, the usual one first.
    pub(crate) fn of(format: EventFormat) -> &'static [Self] {
        match format {
            EventFormat::ZeekJson | EventFormat::GannetJson | EventFormat::GannetProtobuf => {
                &[Self::Dns, Self::Flow]
            }
            EventFormat::Dnstap | EventFormat::DnsCollectorJson => &[Self::Dns],
            EventFormat::Goflow2Protobuf | EventFormat::Goflow2Json => &[Self::Flow],
        }
    }
}

/// `count` events: half of each kind if there are two.
pub(crate) fn events(kinds: &[Kind], count: usize) -> Vec<Event> {
    let mut random = Random(2);
    (0..count)
        .map(|number| random.event(kinds[number % kinds.len()], number))
        .collect()
}

/// Events as records of `format`, one each.
pub(crate) fn records(format: EventFormat, events: &[Event]) -> Vec<Vec<u8>> {
    let record = |event: &Event| {
        let mut value = Vec::new();
        encode::event::write(format, std::slice::from_ref(event), &mut value);
        value
    };
    events.iter().map(record).collect()
}

/// What names end in: nothing that could be registered.
const TOPS: [&str; 4] = ["example", "test", "invalid", "com.example"];

/// What names are made of.
const WORDS: [&str; 16] = [
    "api", "assets", "beacon", "bravo", "cloud", "delta", "edge", "login", "mail", "metrics",
    "portal", "secure", "static", "sync", "tracker", "update",
];

/// A small generator (splitmix64): the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit)).unwrap_or_default()
    }

    /// One of `choices`.
    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let limit = u32::try_from(choices.len()).unwrap_or(1);
        choices[self.below(limit) as usize]
    }

    /// A listed name, unlike all others.
    fn listed(&mut self, number: usize) -> String {
        let (word, top) = (self.pick(&WORDS), self.pick(&TOPS));
        format!("{word}-{number:x}.{top}")
    }

    /// A name that is listed nowhere.
    fn benign(&mut self) -> String {
        let (site, top) = (self.next() % 100_000, self.pick(&TOPS));
        match self.below(4) {
            0 => format!("{}{site}.{top}", self.pick(&WORDS)),
            1 => format!("www.site{site}.{top}"),
            2 => format!("{}-{}.cdn.site{site}.{top}", self.pick(&WORDS), site % 100),
            _ => format!("{}.site{site}.{top}", self.pick(&WORDS)),
        }
    }

    /// An address of a subscriber or of a server that is listed nowhere.
    fn address(&mut self, base: u32, size: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(base + self.below(size)))
    }

    fn event(&mut self, kind: Kind, number: usize) -> Event {
        let listed = number % HIT_EVERY == 7;
        let client = HostPort {
            ip: self.address(0x6440_0000, 1 << 16),
            port: Some(1024 + u16::try_from(self.below(60_000)).unwrap_or_default()),
        };
        let kind = match kind {
            Kind::Dns => EventKind::Dns(self.question(client, listed)),
            Kind::Flow => EventKind::Flow(self.flow(client, listed)),
        };
        let micros = i64::try_from(number).unwrap_or_default();
        Event {
            time: EventTime::from_nanos(NOW_MS * 1_000_000 + micros * 1_000),
            time_source: TimeSource::Event,
            observer: None,
            hint: None,
            sampling_rate: 1,
            kind,
        }
    }

    fn question(&mut self, client: HostPort, listed: bool) -> DnsEvent {
        let qname = if listed {
            format!("www.{}", Self(1).listed(0))
        } else {
            self.benign()
        };
        let mut answers = Vec::new();
        if self.below(2) == 0 {
            answers.push(Answer::Name(self.benign()));
        }
        for _ in 0..=self.below(3) {
            answers.push(Answer::Address(self.address(0xc633_6400, 256)));
        }
        DnsEvent {
            client: Some(client),
            resolver: Some(HostPort {
                ip: IpAddr::from([100, 127, 0, 53]),
                port: Some(53),
            }),
            side: DnsSide::Client,
            message: DnsMessage::Response,
            qname,
            qtype: Some(1),
            rcode: Some(0),
            answers,
            blocked: false,
        }
    }

    fn flow(&mut self, client: HostPort, listed: bool) -> FlowEvent {
        let ip = if listed {
            IpAddr::from([198, 18, 0, 13])
        } else {
            self.address(0xc633_6400, 256)
        };
        let half = Half {
            packets: Some(1 + u64::from(self.below(40))),
            bytes: Some(60 + u64::from(self.below(50_000))),
            payload: None,
        };
        FlowEvent {
            source: client,
            destination: HostPort {
                ip,
                port: Some(self.pick(&[443, 80, 8080])),
            },
            protocol: Some(6),
            forward: half,
            reverse: None,
            tcp_flags: Some(0x1b),
            state: None,
            initiator: Initiator::Source,
        }
    }
}
