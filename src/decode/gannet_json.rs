//! Gannet's own event JSON, `gannet.event.v1`: one object a line, with the fields of
//! `model::Event`.
//!
//! ```json
//! {"schema":"gannet.event.v1","time":"2026-01-01T00:00:00.14Z","observer":"res1","client_hint":"line-0042",
//!  "sampling_rate":1,"dns":{"client":{"ip":"198.51.100.7","port":53123},"resolver":{"ip":"192.0.2.53","port":53},
//!  "qname":"www.bad.example","qtype":"A","rcode":"NOERROR","answers":["203.0.113.66"],"message":"response",
//!  "side":"client","blocked":false}}
//! {"schema":"gannet.event.v1","time":"2026-01-01T00:00:00Z","flow":{"source":{"ip":"198.51.100.7","port":50123},
//!  "destination":{"ip":"203.0.113.66","port":443},"protocol":"tcp","packets":3,"bytes":1500,"payload_bytes":1380,
//!  "reverse":{"packets":2,"bytes":900,"payload_bytes":820},"tcp_flags":27,"state":"established","initiator":"source"}}
//! ```
//!
//! Needed are `schema` and either `dns` or `flow`, in a flow both ends; all else may be absent
//! or null. What is there must have its type: a field of another type, or a word that is not
//! among those above, rejects the row. The key scan checks only the fields that it reads.
//! Rows of another schema are ignored. Of several values for one field the last counts.

use std::net::IpAddr;

use super::json::{self, Cursor, Meaning, Route, Spot, Text};
use super::{KeySink, Outcome, Reject, text};
use crate::model::{Event, EventTime};

mod full;

/// The value of `schema`.
const SCHEMA: &str = "gannet.event.v1";

/// Hands out question and answers of DNS events and both ends of flows.
pub(super) fn keys<'r, S: KeySink<'r>>(route: &mut Route<Field>, record: &'r [u8], sink: &mut S) {
    json::rows(record, route, sink, |mut cursor, route, sink| {
        let mut row = Row::default();
        let mut spot = Spot::first(Level::Row as u8);
        while let Some(member) = cursor.member(route, &mut spot, Field::read)? {
            row.member((member, spot), &mut cursor, route, sink)?;
        }
        let after = cursor.end()?;
        row.outcome().map(|outcome| (after, outcome))
    });
}

/// Decodes one row; `None` when it is of another schema.
///
/// # Errors
/// [`Reject`] says why the row is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    full::event(item, record_time)
}

/// What a key means to the key scan, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Nothing.
    None,
    /// `schema`.
    Schema,
    /// `dns`.
    Dns,
    /// `flow`.
    Flow,
    /// `qname`.
    Question,
    /// `answers`.
    Answers,
    /// `source`.
    Source,
    /// `destination`.
    Destination,
    /// `ip`.
    Address,
    /// `port`.
    Port,
}

impl Meaning for Field {
    const NOTHING: Self = Self::None;
    const ELSEWHERE: u8 = Level::Other as u8;

    fn passing(self) -> Option<u8> {
        (self == Self::None).then_some(0)
    }
}

impl Field {
    /// What `key` means.
    #[inline]
    fn read(key: Text<'_>) -> Self {
        let field = key.with_plain(|key| match key {
            b"schema" => Self::Schema,
            b"dns" => Self::Dns,
            b"flow" => Self::Flow,
            b"qname" => Self::Question,
            b"answers" => Self::Answers,
            b"source" => Self::Source,
            b"destination" => Self::Destination,
            b"ip" => Self::Address,
            b"port" => Self::Port,
            _ => Self::None,
        });
        field.unwrap_or(Self::None)
    }
}

/// The kinds of objects in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The row itself.
    Row,
    /// `dns`.
    Dns,
    /// `flow`.
    Flow,
    /// An end of a flow.
    End,
    /// Any other.
    Other,
}

/// What the key scan keeps of a row.
#[derive(Default)]
struct Row {
    /// Whether `schema` is ours, if it is there.
    ours: Option<bool>,
    /// Whether the last `dns`, if there is one, is well formed.
    dns: Option<Result<(), Reject>>,
    /// Whether the last `flow`, if there is one, is well formed.
    flow: Option<Result<(), Reject>>,
}

impl Row {
    /// Reads the value of a member, behind a spot.
    #[inline(always)]
    fn member<'r, S: KeySink<'r>>(
        &mut self,
        (field, spot): (Field, Spot),
        cursor: &mut Cursor<'_>,
        route: &mut Route<Field>,
        sink: &mut S,
    ) -> Result<(), Reject> {
        if field == Field::Schema {
            let schema = cursor.text()?;
            let is_ours = |text: &[u8]| text == SCHEMA.as_bytes();
            self.ours = schema.map(|text| text.with_plain(is_ours).unwrap_or(false));
        } else if field == Field::Dns {
            self.dns = read_dns(cursor, route, sink)?;
        } else if field == Field::Flow {
            self.flow = read_flow(cursor, route, sink)?;
        } else {
            cursor.pass(route, spot)?;
        }
        Ok(())
    }

    /// What the row is.
    fn outcome(&self) -> Result<Outcome, Reject> {
        match (self.ours, self.dns, self.flow) {
            (None, _, _) => Err(Reject::Schema),
            (Some(false), _, _) => Ok(Outcome::Ignored),
            (Some(true), Some(read), None) | (Some(true), None, Some(read)) => {
                read.map(|()| Outcome::Event)
            }
            (Some(true), Some(_), Some(_)) | (Some(true), None, None) => Err(Reject::Schema),
        }
    }
}

/// Whether a value is there and well formed: `None` when it is null.
type Read = Option<Result<(), Reject>>;

/// Reads a DNS event, handing out its question and answers.
fn read_dns<'r, S: KeySink<'r>>(
    cursor: &mut Cursor<'_>,
    route: &mut Route<Field>,
    sink: &mut S,
) -> Result<Read, Reject> {
    if cursor.null()? {
        return Ok(None);
    }
    let mut well_formed = cursor.object()?;
    if well_formed {
        // Of several questions or lists of answers the last counts.
        let (mut qname, mut answers) = (true, true);
        let mut spot = Spot::first(Level::Dns as u8);
        while let Some(field) = cursor.member(route, &mut spot, Field::read)? {
            if field == Field::Question {
                qname = read_qname(cursor, sink)?;
            } else if field == Field::Answers {
                answers = read_answers(cursor, sink)?;
            } else {
                cursor.pass(route, spot)?;
            }
        }
        well_formed = qname && answers;
    }
    Ok(Some(well_formed.then_some(()).ok_or(Reject::Schema)))
}

/// Hands out a question; says whether it is a text or null.
fn read_qname<'r, S: KeySink<'r>>(cursor: &mut Cursor<'_>, sink: &mut S) -> Result<bool, Reject> {
    if cursor.null()? {
        return Ok(true);
    }
    let text = cursor.text()?;
    Ok(text
        .map(|text| text.with_plain(|name| sink.name(name)))
        .is_some())
}

/// Hands out answers; says whether they are a list of texts or null.
fn read_answers<'r, S: KeySink<'r>>(cursor: &mut Cursor<'_>, sink: &mut S) -> Result<bool, Reject> {
    if cursor.null()? {
        return Ok(true);
    }
    if !cursor.list()? {
        return Ok(false);
    }
    let mut texts = true;
    while cursor.element()? {
        let text = cursor.text()?;
        texts &= text.is_some();
        text.map(|text| text.with_plain(|answer| hand_out(answer, sink)));
    }
    Ok(texts)
}

/// Hands out one answer: an address, else a name.
fn hand_out<'r, S: KeySink<'r>>(answer: &[u8], sink: &mut S) {
    match text::address(answer) {
        Some(address) => sink.address(address, None),
        None => sink.name(answer),
    }
}

/// Reads a flow, handing out both ends.
fn read_flow<'r, S: KeySink<'r>>(
    cursor: &mut Cursor<'_>,
    route: &mut Route<Field>,
    sink: &mut S,
) -> Result<Read, Reject> {
    if cursor.null()? {
        return Ok(None);
    }
    let (mut source, mut destination) = (End::default(), End::default());
    if cursor.object()? {
        let mut spot = Spot::first(Level::Flow as u8);
        while let Some(field) = cursor.member(route, &mut spot, Field::read)? {
            if field == Field::Source {
                source = End::read(cursor, route)?;
            } else if field == Field::Destination {
                destination = End::read(cursor, route)?;
            } else {
                cursor.pass(route, spot)?;
            }
        }
    }
    let mut hand_out = || -> Result<(), Reject> {
        let ((source, source_port), (destination, port)) = (source.parts()?, destination.parts()?);
        sink.address(source, source_port);
        sink.address(destination, port);
        Ok(())
    };
    Ok(Some(hand_out()))
}

/// One end of a flow, as written.
#[derive(Default)]
struct End<'r> {
    ip: Option<Text<'r>>,
    port: Option<Text<'r>>,
    /// Whether the port is there but no scalar.
    bad_port: bool,
}

impl<'r> End<'r> {
    /// Reads an end; anything but an object is one without address.
    fn read(cursor: &mut Cursor<'r>, route: &mut Route<Field>) -> Result<Self, Reject> {
        let mut end = Self::default();
        if !cursor.object()? {
            return Ok(end);
        }
        let mut spot = Spot::first(Level::End as u8);
        while let Some(field) = cursor.member(route, &mut spot, Field::read)? {
            if field == Field::Address {
                end.ip = cursor.text()?;
            } else if field == Field::Port {
                let null = cursor.null()?;
                end.port = if null { None } else { cursor.scalar()? };
                end.bad_port = !null && end.port.is_none();
            } else {
                cursor.pass(route, spot)?;
            }
        }
        Ok(end)
    }

    /// The address and port.
    fn parts(&self) -> Result<(IpAddr, Option<u16>), Reject> {
        let ip = self.ip.ok_or(Reject::Schema)?;
        let port = self.port.map(|port| port.with_plain(port_number).flatten());
        if self.bad_port || port == Some(None) {
            return Err(Reject::Schema);
        }
        let ip = ip.with_plain(text::address).flatten();
        let port = port.flatten().filter(|&port| port != 0);
        Ok((ip.ok_or(Reject::BadAddress)?, port))
    }
}

/// The port that `text` writes in decimal, 0 included.
fn port_number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
