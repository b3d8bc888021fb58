//! Events: one DNS transaction or one flow, fully decoded. Made only for what may be a hit;
//! the hot path never builds one.

use std::net::IpAddr;

use super::format::Named;
use super::net::HostPort;
use super::time::EventTime;

/// One end of an event: its address and, where known, its port.
pub type Endpoint = HostPort;

/// One decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened: the sensor's time, else the record's.
    pub time: EventTime,
    /// Where `time` comes from.
    pub time_source: TimeSource,
    /// The sensor, resolver or exporter that saw it.
    pub observer: Option<String>,
    /// A subscriber id that the event itself carries.
    pub hint: Option<String>,
    /// One in how many packets the sensor looked at; 1 when it saw all or does not say.
    pub sampling_rate: u64,
    /// What happened.
    pub kind: EventKind,
}

/// Where an event's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// The event says it.
    Event,
    /// The event does not say; the Kafka record's timestamp stands in.
    Record,
}

impl Named for TimeSource {
    const ALL: &'static [Self] = &[Self::Event, Self::Record];

    fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Record => "record",
        }
    }
}

/// The two kinds of event. A closed set: a new variant makes the compiler list every stage
/// that must learn it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A DNS transaction, or one half of it.
    Dns(DnsEvent),
    /// A flow.
    Flow(FlowEvent),
}

/// A DNS query, response, or both in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsEvent {
    /// Who asked.
    pub client: Option<Endpoint>,
    /// Who was asked.
    pub resolver: Option<Endpoint>,
    /// Between which two parties.
    pub side: DnsSide,
    /// Whether the answer is in it.
    pub message: DnsMessage,
    /// The question: normalized when it can be, else as written. Empty when absent.
    pub qname: String,
    /// The question's type.
    pub qtype: Option<u16>,
    /// The response code.
    pub rcode: Option<u16>,
    /// What the answer holds that can be matched, in order: names and addresses.
    pub answers: Vec<Answer>,
    /// Whether the resolver says that a policy (RPZ or the like) took the answer away or changed it.
    pub blocked: bool,
}

/// Between which two parties a DNS message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsSide {
    /// Client or stub to resolver: speaks for the client.
    Client,
    /// Resolver to authority or forwarder: speaks for no client.
    Upstream,
}

/// Which half of a transaction an event holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsMessage {
    /// Only the question.
    Query,
    /// The response, or question and response in one row.
    Response,
}

/// One matchable item of a DNS answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A CNAME (or SVCB/HTTPS) target: normalized when it can be, else as written.
    Name(String),
    /// An A or AAAA address, or an SVCB/HTTPS address hint, unmapped.
    Address(IpAddr),
}

/// A flow, one way or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowEvent {
    /// The source as the sensor wrote it (Zeek: the originator).
    pub source: Endpoint,
    /// The destination as the sensor wrote it (Zeek: the responder).
    pub destination: Endpoint,
    /// The IP protocol number.
    pub protocol: Option<u8>,
    /// What went from source to destination.
    pub forward: Half,
    /// What came back, if the sensor reports both ways.
    pub reverse: Option<Half>,
    /// The OR of the TCP flags seen from source to destination.
    pub tcp_flags: Option<u8>,
    /// The sensor's own verdict on the connection.
    pub state: Option<ConnState>,
    /// Which side is known to have started it.
    pub initiator: Initiator,
}

/// One direction of a flow; unknown is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half {
    /// Packets, as sampled.
    pub packets: Option<u64>,
    /// Bytes with headers, as sampled.
    pub bytes: Option<u64>,
    /// Payload bytes alone, where the sensor tells them apart.
    pub payload: Option<u64>,
}

/// Which side started a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The source.
    Source,
    /// The destination.
    Destination,
    /// The sensor cannot tell.
    Unknown,
}

/// How a connection went, in the words that matter for evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnState {
    /// The originator tried, nothing came back (Zeek S0).
    NoReply,
    /// The responder refused (Zeek REJ).
    Refused,
    /// A handshake was completed (Zeek S1, S2, S3, SF, RSTO, RSTR).
    Established,
    /// Half seen or midstream: decide by packets (Zeek OTH, SH, SHR, RSTOS0, RSTRH).
    Other,
}

/// The mnemonic of a DNS record type; `TYPE123` for those without one here (RFC 3597).
pub fn qtype_name(qtype: u16) -> String {
    QTYPES
        .iter()
        .find(|(number, _)| *number == qtype)
        .map_or_else(|| format!("TYPE{qtype}"), |(_, name)| (*name).to_owned())
}

/// The mnemonic of a DNS response code; `RCODE24` for those without one here.
pub fn rcode_name(rcode: u16) -> String {
    RCODES
        .iter()
        .find(|(number, _)| *number == rcode)
        .map_or_else(|| format!("RCODE{rcode}"), |(_, name)| (*name).to_owned())
}

/// The number of a record type mnemonic (also `TYPE123`), any case.
pub fn qtype_number(name: &str) -> Option<u16> {
    number_of(QTYPES, "TYPE", name)
}

/// The number of a response code mnemonic (also `RCODE24`), any case.
pub fn rcode_number(name: &str) -> Option<u16> {
    number_of(RCODES, "RCODE", name)
}

fn number_of(table: &[(u16, &str)], prefix: &str, name: &str) -> Option<u16> {
    if let Some((number, _)) = table
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(name))
    {
        return Some(*number);
    }
    let head = name.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| name[prefix.len()..].parse().ok())?
}

/// Record types that resolvers log (IANA DNS parameters).
const QTYPES: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (24, "SIG"),
    (25, "KEY"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (37, "CERT"),
    (39, "DNAME"),
    (41, "OPT"),
    (43, "DS"),
    (44, "SSHFP"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (255, "ANY"),
    (257, "CAA"),
];

/// Response codes (IANA DNS parameters).
const RCODES: &[(u16, &str)] = &[
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];
