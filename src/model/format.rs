//! The closed sets of formats and engines that a configuration can name.

use super::indicator::ValueError;

/// A closed set with written names.
pub trait Named: Copy + Sized + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The written form.
    fn as_str(self) -> &'static str;

    /// The value that `name` names.
    ///
    /// # Errors
    /// [`ValueError`] with the known names.
    fn from_name(name: &str) -> Result<Self, ValueError> {
        Self::ALL
            .iter()
            .copied()
            .find(|value| value.as_str() == name)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|value| value.as_str()).collect();
                ValueError::new(name, &known)
            })
    }
}

/// An event format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventFormat {
    /// Zeek `dns` and `conn` rows as JSON.
    ZeekJson,
    /// One `dnstap.Dnstap` protobuf message a record.
    Dnstap,
    /// DNS-collector JSON, nested or flat.
    DnsCollectorJson,
    /// goflow2 `FlowMessage`, bare or length-delimited (then several a record).
    Goflow2Protobuf,
    /// goflow2 JSON, snake case or the older camel case.
    Goflow2Json,
    /// Our own JSON, one or several lines a record.
    GannetJson,
    /// Our own protobuf, one `EventBatch` a record.
    GannetProtobuf,
}

/// A feed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedFormat {
    /// Whichever of the others the first file looks like.
    Auto,
    /// One value a line: domains, addresses, prefixes, `address:port`, mixed.
    Plain,
    /// `0.0.0.0 name` lines.
    Hosts,
    /// `||name^` and `@@||name^` rules.
    Adblock,
    /// Named columns.
    Csv,
    /// `address=/name/` and `server=/name/` lines.
    Dnsmasq,
    /// The CSV dumps of URLhaus: URLs that deliver malware.
    UrlhausCsv,
    /// The CSV dumps of ThreatFox.
    ThreatfoxCsv,
    /// The JSON dumps of ThreatFox.
    ThreatfoxJson,
    /// The CSV of Feodo Tracker: addresses and ports.
    FeodoCsv,
    /// The DROP lists of Spamhaus, as text or as JSON lines.
    SpamhausDrop,
    /// MISP events, or a directory of them with its manifest.
    Misp,
    /// A STIX 2 bundle, or objects one a line.
    Stix2,
    /// A response policy zone as a zone file.
    Rpz,
    /// A file of the Zeek intelligence framework.
    ZeekIntel,
    /// A Suricata dataset, strings in base64 or values as they are.
    SuricataDataset,
    /// Maltrail trails: mixed rows, the file name is the family.
    Maltrail,
    /// One `gannet.indicator.v1` object a line.
    GannetJson,
}

/// A lease format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseFormat {
    /// One `gannet.lease.v1` object a line or record.
    GannetJson,
}

/// A format of hits and episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Native JSON.
    Json,
    /// Native protobuf.
    Protobuf,
    /// Elastic Common Schema (hits only).
    Ecs,
}

/// Which structure finds names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NameEngine {
    /// A hash table over suffixes.
    #[default]
    Table,
    /// One automaton over all names.
    AhoCorasick,
}

impl Named for EventFormat {
    const ALL: &'static [Self] = &[
        Self::ZeekJson,
        Self::Dnstap,
        Self::DnsCollectorJson,
        Self::Goflow2Protobuf,
        Self::Goflow2Json,
        Self::GannetJson,
        Self::GannetProtobuf,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ZeekJson => "zeek-json",
            Self::Dnstap => "dnstap",
            Self::DnsCollectorJson => "dns-collector-json",
            Self::Goflow2Protobuf => "goflow2-protobuf",
            Self::Goflow2Json => "goflow2-json",
            Self::GannetJson => "gannet-json",
            Self::GannetProtobuf => "gannet-protobuf",
        }
    }
}

impl Named for FeedFormat {
    const ALL: &'static [Self] = &[
        Self::Auto,
        Self::Plain,
        Self::Hosts,
        Self::Adblock,
        Self::Csv,
        Self::Dnsmasq,
        Self::UrlhausCsv,
        Self::ThreatfoxCsv,
        Self::ThreatfoxJson,
        Self::FeodoCsv,
        Self::SpamhausDrop,
        Self::Misp,
        Self::Stix2,
        Self::Rpz,
        Self::ZeekIntel,
        Self::SuricataDataset,
        Self::Maltrail,
        Self::GannetJson,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Plain => "plain",
            Self::Hosts => "hosts",
            Self::Adblock => "adblock",
            Self::Csv => "csv",
            Self::Dnsmasq => "dnsmasq",
            Self::UrlhausCsv => "urlhaus-csv",
            Self::ThreatfoxCsv => "threatfox-csv",
            Self::ThreatfoxJson => "threatfox-json",
            Self::FeodoCsv => "feodo-csv",
            Self::SpamhausDrop => "spamhaus-drop",
            Self::Misp => "misp",
            Self::Stix2 => "stix2",
            Self::Rpz => "rpz",
            Self::ZeekIntel => "zeek-intel",
            Self::SuricataDataset => "suricata-dataset",
            Self::Maltrail => "maltrail",
            Self::GannetJson => "gannet-json",
        }
    }
}

impl Named for LeaseFormat {
    const ALL: &'static [Self] = &[Self::GannetJson];

    fn as_str(self) -> &'static str {
        match self {
            Self::GannetJson => "gannet-json",
        }
    }
}

impl Named for OutputFormat {
    const ALL: &'static [Self] = &[Self::Json, Self::Protobuf, Self::Ecs];

    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Protobuf => "protobuf",
            Self::Ecs => "ecs",
        }
    }
}

impl Named for NameEngine {
    const ALL: &'static [Self] = &[Self::Table, Self::AhoCorasick];

    fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::AhoCorasick => "aho-corasick",
        }
    }
}
