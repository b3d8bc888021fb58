//! Plain values that every other module speaks in: names, addresses, times, events,
//! indicators, matches, hits, leases and episodes. No I/O, no clock, no logging.

mod episode;
mod event;
mod format;
mod hit;
mod id;
mod indicator;
mod lease;
mod matched;
mod name;
mod net;
mod sample;
mod time;

pub use episode::{Advice, Episode, Spell};
pub use event::{
    Answer, ConnState, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, FlowEvent, Half,
    Initiator, TimeSource, qtype_name, qtype_number, rcode_name, rcode_number,
};
pub use format::{EventFormat, FeedFormat, LeaseFormat, NameEngine, Named, OutputFormat};
pub use hit::{
    Attribution, Direction, DnsFacts, Evidence, Flag, FlowFacts, Hit, HitKind, HitMatch, Position,
    SnapshotId, VictimReason,
};
pub use id::{EpisodeId, EventFingerprint, HitId, IdHasher};
pub use indicator::{
    Indicator, IndicatorState, IndicatorValue, Role, Scope, ValueError, VictimDirection,
};
pub use lease::{Lease, LeaseError, PortBlock};
pub use matched::{Field, Match, MatchKind, MatchedIndicator, Side};
pub use name::{DomainName, LABEL_LEN_MAX, NAME_LEN_MAX, NameBuf, NameError, NameList};
pub use net::{HostPort, Networks, ParseNetError, parse_address, parse_prefix, unmapped};
pub use sample::{
    EVENT_BYTES_MAX, EVENT_KEYS_MAX, SAMPLE_BYTES_MAX, SAMPLE_EVENTS_MAX, SampleKey, SampleKeys,
    TrafficSample,
};
pub use time::{EventTime, TimeError};
