//! dnstap: one `dnstap.Dnstap` protobuf message a record. What is asked and answered stands in
//! the DNS message inside it.
//!
//! Only `MESSAGE` frames are events of ours, and of these all but dynamic updates. Of a field
//! that is there twice the last one counts. Both faces read a record by the same functions.

use crate::decode::dns::{Part, normalized, says_blocked, walk};
use crate::decode::wire::{
    Broken, Fields, Known, address, bytes_tag, fixed32_tag, port, varint_tag,
};
use crate::decode::{Item, KeySink, Outcome, Reject};
use crate::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, Endpoint, Event, EventKind, EventTime, TimeSource,
};

/// Hands the keys of the one item of `record` to `sink`. Linear; allocates nothing.
pub(super) fn keys<'r, S: KeySink<'r>>(record: &'r [u8], sink: &mut S) {
    let outcome = match scan(record, sink) {
        Ok(true) => Outcome::Event,
        Ok(false) => Outcome::Ignored,
        Err(reject) => Outcome::Rejected(reject),
    };
    sink.end(Item {
        bytes: record,
        outcome,
    });
}

/// Hands out the keys of `record`; says whether it is an event of ours.
fn scan<'r, S: KeySink<'r>>(record: &[u8], sink: &mut S) -> Result<bool, Reject> {
    let Some(frame) = read(record)? else {
        return Ok(false);
    };
    let walked = walk(frame.dns.bytes(), |part| match part {
        Part::Question(name) | Part::Name(name) => sink.name(name),
        Part::Address(address) => sink.address(address, None),
    });
    walked.map(|_| true).map_err(|_| Reject::NotDns)
}

/// Decodes an item whole; none for what is not an event of ours. An item without a time of its
/// own takes `record_time`.
///
/// # Errors
/// The [`Reject`] that says why the item is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    let Some(frame) = read(item)? else {
        return Ok(None);
    };
    let mut qname = String::new();
    let mut answers = Vec::new();
    let facts = walk(frame.dns.bytes(), |part| match part {
        Part::Question(name) => qname = normalized(name),
        Part::Name(name) => answers.push(Answer::Name(normalized(name))),
        Part::Address(address) => answers.push(Answer::Address(address)),
    })
    .map_err(|_| Reject::NotDns)?;
    let (time, time_source) = match (frame.time(), record_time) {
        (Some(time), _) => (time, TimeSource::Event),
        (None, Some(time)) => (time, TimeSource::Record),
        (None, None) => return Err(Reject::NoTime),
    };
    let Message {
        query_address,
        query_port,
        response_address,
        response_port,
        policy_action,
        ..
    } = frame.message;
    let (message, rcode, withheld) = match frame.dns {
        Dns::Query(_) => (DnsMessage::Query, None, false),
        Dns::Response(bytes) => {
            let rcode = Some(facts.rcode);
            (DnsMessage::Response, rcode, says_blocked(bytes))
        }
    };
    Ok(Some(Event {
        time,
        time_source,
        observer: Some(String::from_utf8_lossy(frame.identity).into_owned())
            .filter(|name| !name.is_empty()),
        hint: None,
        sampling_rate: 1,
        kind: EventKind::Dns(DnsEvent {
            client: endpoint(query_address, query_port),
            resolver: endpoint(response_address, response_port),
            side: frame.side,
            message,
            qname,
            qtype: facts.qtype,
            rcode,
            answers,
            blocked: withheld || policy_action.is_some_and(|action| action != POLICY_PASS),
        }),
    }))
}

/// The end of a transaction that `bytes` and `number` stand for; none without an address.
fn endpoint(bytes: &[u8], number: u64) -> Option<Endpoint> {
    address(bytes).map(|ip| Endpoint {
        ip,
        port: port(number),
    })
}

/// A frame that is an event of ours.
#[derive(Clone, Copy, Debug)]
struct Frame<'r> {
    /// The server's id.
    identity: &'r [u8],
    /// Between which parties the message went.
    side: DnsSide,
    /// The fields of the message.
    message: Message<'r>,
    /// The DNS message that counts.
    dns: Dns<'r>,
}

/// The DNS message of a frame that counts: the response if there is one.
#[derive(Clone, Copy, Debug)]
enum Dns<'r> {
    /// Only the query is there.
    Query(&'r [u8]),
    /// The response, which repeats the question.
    Response(&'r [u8]),
}

impl<'r> Dns<'r> {
    /// The message's bytes.
    fn bytes(self) -> &'r [u8] {
        match self {
            Self::Query(bytes) | Self::Response(bytes) => bytes,
        }
    }
}

impl Frame<'_> {
    /// When it happened, if it says so: a response by its response time, else the query time.
    fn time(&self) -> Option<EventTime> {
        let message = self.message;
        let response = (message.kind.is_multiple_of(2))
            .then(|| instant(message.response_sec, message.response_nsec))
            .flatten();
        response.or_else(|| instant(message.query_sec, message.query_nsec))
    }
}

/// An instant; none for second 0, which stands for unknown, and for what cannot be told.
fn instant(seconds: u64, nanos: u32) -> Option<EventTime> {
    let seconds = i64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds != 0)?;
    let nanos = if nanos < 1_000_000_000 { nanos } else { 0 };
    EventTime::from_parts(seconds, nanos).ok()
}

/// Reads `record`; none if it is not an event of ours.
#[inline(always)]
fn read(record: &[u8]) -> Result<Option<Frame<'_>>, Reject> {
    if record.is_empty() {
        return Err(Reject::Empty);
    }
    let outer = Outer::read(record).map_err(|_| Reject::NotProtobuf)?;
    match outer.kind {
        Some(Outer::MESSAGE) => {}
        Some(_) => return Ok(None),
        None => return Err(Reject::Schema),
    }
    let message = outer.message.ok_or(Reject::Schema)?;
    let message = Message::read(message).map_err(|_| Reject::NotProtobuf)?;
    let side = match message.kind {
        0 => return Err(Reject::Schema),
        5 | 6 | 9..=12 => DnsSide::Client,
        1..=4 | 7 | 8 => DnsSide::Upstream,
        _ => return Ok(None),
    };
    let dns = match (message.query, message.response) {
        ([], []) => return Err(Reject::Schema),
        (query, []) => Dns::Query(query),
        (_, response) => Dns::Response(response),
    };
    Ok(Some(Frame {
        identity: outer.identity,
        side,
        message,
        dns,
    }))
}

/// The fields of `dnstap.Dnstap` that an event needs.
#[derive(Clone, Copy, Debug, Default)]
struct Outer<'r> {
    /// `identity`.
    identity: &'r [u8],
    /// `message`.
    message: Option<&'r [u8]>,
    /// `type`.
    kind: Option<u64>,
}

impl<'r> Outer<'r> {
    /// The only `type` there is so far.
    const MESSAGE: u64 = 1;

    /// Reads the fields from `record`.
    #[inline(always)]
    fn read(record: &'r [u8]) -> Result<Self, Broken> {
        const IDENTITY: u32 = bytes_tag(1);
        const VERSION: u32 = bytes_tag(2);
        const MESSAGE: u32 = bytes_tag(14);
        const TYPE: u32 = varint_tag(15);
        const KNOWN: Known = Known::of(&[IDENTITY, MESSAGE, TYPE]);
        let mut outer = Self::default();
        let mut fields = Fields::new(record);
        // The fields as writers put them; the loop takes what is left.
        if fields.next_is(IDENTITY) {
            outer.identity = fields.bytes()?;
        }
        if fields.next_is(VERSION) {
            fields.bytes()?;
        }
        if fields.next_is(MESSAGE) {
            outer.message = Some(fields.bytes()?);
        }
        if fields.next_is(TYPE) {
            outer.kind = Some(fields.varint()?);
        }
        while let Some(tag) = fields.tag()? {
            match tag {
                IDENTITY => outer.identity = fields.bytes()?,
                MESSAGE => outer.message = Some(fields.bytes()?),
                TYPE => outer.kind = Some(fields.varint()?),
                other => fields.skip_unknown(other, KNOWN)?,
            }
        }
        Ok(outer)
    }
}

/// The fields of `dnstap.Message` that an event needs; what is absent is empty or 0.
#[derive(Clone, Copy, Debug, Default)]
struct Message<'r> {
    /// `type`: odd for queries, even for responses.
    kind: u64,
    /// `query_address`: the client's.
    query_address: &'r [u8],
    /// `response_address`: the server's.
    response_address: &'r [u8],
    /// `query_port`.
    query_port: u64,
    /// `response_port`.
    response_port: u64,
    /// `query_time_sec`.
    query_sec: u64,
    /// `query_time_nsec`.
    query_nsec: u32,
    /// `query_message`.
    query: &'r [u8],
    /// `response_time_sec`.
    response_sec: u64,
    /// `response_time_nsec`.
    response_nsec: u32,
    /// `response_message`.
    response: &'r [u8],
    /// `policy.action`.
    policy_action: Option<u64>,
}

impl<'r> Message<'r> {
    /// Reads the fields from `message`.
    #[inline(always)]
    fn read(message: &'r [u8]) -> Result<Self, Broken> {
        const TYPE: u32 = varint_tag(1);
        const FAMILY: u32 = varint_tag(2);
        const PROTOCOL: u32 = varint_tag(3);
        const QUERY_ADDRESS: u32 = bytes_tag(4);
        const RESPONSE_ADDRESS: u32 = bytes_tag(5);
        const QUERY_PORT: u32 = varint_tag(6);
        const RESPONSE_PORT: u32 = varint_tag(7);
        const QUERY_SEC: u32 = varint_tag(8);
        const QUERY_NSEC: u32 = fixed32_tag(9);
        const QUERY: u32 = bytes_tag(10);
        const ZONE: u32 = bytes_tag(11);
        const RESPONSE_SEC: u32 = varint_tag(12);
        const RESPONSE_NSEC: u32 = fixed32_tag(13);
        const RESPONSE: u32 = bytes_tag(14);
        const POLICY: u32 = bytes_tag(15);
        const KNOWN: Known = Known::of(&[
            TYPE,
            QUERY_ADDRESS,
            RESPONSE_ADDRESS,
            QUERY_PORT,
            RESPONSE_PORT,
            QUERY_SEC,
            QUERY_NSEC,
            QUERY,
            RESPONSE_SEC,
            RESPONSE_NSEC,
            RESPONSE,
            POLICY,
        ]);
        let mut read = Self::default();
        let mut fields = Fields::new(message);
        // The fields as writers put them; the loop takes what is left.
        if fields.next_is(TYPE) {
            read.kind = fields.varint()?;
        }
        if fields.next_is(FAMILY) {
            fields.varint()?;
        }
        if fields.next_is(PROTOCOL) {
            fields.varint()?;
        }
        if fields.next_is(QUERY_ADDRESS) {
            read.query_address = fields.bytes()?;
        }
        if fields.next_is(RESPONSE_ADDRESS) {
            read.response_address = fields.bytes()?;
        }
        if fields.next_is(QUERY_PORT) {
            read.query_port = fields.varint()?;
        }
        if fields.next_is(RESPONSE_PORT) {
            read.response_port = fields.varint()?;
        }
        if fields.next_is(QUERY_SEC) {
            read.query_sec = fields.varint()?;
        }
        if fields.next_is(QUERY_NSEC) {
            read.query_nsec = fields.fixed32()?;
        }
        if fields.next_is(QUERY) {
            read.query = fields.bytes()?;
        }
        if fields.next_is(ZONE) {
            fields.bytes()?;
        }
        if fields.next_is(RESPONSE_SEC) {
            read.response_sec = fields.varint()?;
        }
        if fields.next_is(RESPONSE_NSEC) {
            read.response_nsec = fields.fixed32()?;
        }
        if fields.next_is(RESPONSE) {
            read.response = fields.bytes()?;
        }
        while let Some(tag) = fields.tag()? {
            match tag {
                TYPE => read.kind = fields.varint()?,
                QUERY_ADDRESS => read.query_address = fields.bytes()?,
                RESPONSE_ADDRESS => read.response_address = fields.bytes()?,
                QUERY_PORT => read.query_port = fields.varint()?,
                RESPONSE_PORT => read.response_port = fields.varint()?,
                QUERY_SEC => read.query_sec = fields.varint()?,
                QUERY_NSEC => read.query_nsec = fields.fixed32()?,
                QUERY => read.query = fields.bytes()?,
                RESPONSE_SEC => read.response_sec = fields.varint()?,
                RESPONSE_NSEC => read.response_nsec = fields.fixed32()?,
                RESPONSE => read.response = fields.bytes()?,
                POLICY => read.policy_action = policy_action(fields.bytes()?)?,
                other => fields.skip_unknown(other, KNOWN)?,
            }
        }
        Ok(read)
    }
}

/// The policy action that leaves the answer as it is.
const POLICY_PASS: u64 = 3;

/// The `action` of a `dnstap.Policy`.
fn policy_action(policy: &[u8]) -> Result<Option<u64>, Broken> {
    const ACTION: u32 = varint_tag(3);
    const KNOWN: Known = Known::of(&[ACTION]);
    let mut action = None;
    let mut fields = Fields::new(policy);
    while let Some(tag) = fields.tag()? {
        match tag {
            ACTION => action = Some(fields.varint()?),
            other => fields.skip_unknown(other, KNOWN)?,
        }
    }
    Ok(action)
}

#[cfg(test)]
mod tests;
