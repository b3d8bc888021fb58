//! DNS-collector JSON, nested (`{"dns":{"qname":…}}`) and flat (`{"dns.qname":…}`), which may
//! be mixed in one row. Ports are strings; `"-"`, `"<nil>"` and `""` stand for nothing. Of
//! several values for one field the last counts. A row without `dns.qname` is rejected.

use crate::model::{Event, EventTime};

use super::json::{self, Cursor, Meaning, Route, Spot, Text};
use super::text::{absent, address};
use super::{KeySink, Outcome, Reject};

mod full;
mod rdata;

/// Hands out questions, and of answers all that can be a name or an address whatever the type
/// of their record.
pub(super) fn keys<'r, S: KeySink<'r>>(route: &mut Route<Place>, record: &'r [u8], sink: &mut S) {
    json::rows(record, route, sink, |cursor, route, sink| {
        let mut walk = Walk {
            route,
            sink,
            asked: false,
        };
        let after = walk.members(Place::Row, cursor)?.end()?;
        if walk.asked {
            Ok((after, Outcome::Event))
        } else {
            Err(Reject::Schema)
        }
    });
}

/// Decodes one row.
///
/// # Errors
/// [`Reject`] says why the row is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    full::event(item, record_time)
}

/// Where in a row a value stands, as far as the key scan cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The row itself.
    Row,
    /// `dns`.
    Dns,
    /// `dns.qname`.
    Question,
    /// `dns.resource-records`.
    Records,
    /// `dns.resource-records.an`.
    Answers,
    /// `dns.resource-records.an.<number>`.
    Answer,
    /// `dns.resource-records.an.<number>.rdata`.
    Data,
    /// Anywhere else.
    Elsewhere,
}

impl Meaning for Place {
    const NOTHING: Self = Self::Elsewhere;
    const ELSEWHERE: u8 = Self::Elsewhere as u8;

    fn passing(self) -> Option<u8> {
        (self == Self::Elsewhere).then_some(0)
    }
}

impl Place {
    /// The place of `key` in an object that stands here: one step, or several joined by dots.
    fn below(self, key: &[u8]) -> Self {
        // Most members of a flat row are not below `dns`.
        if self == Self::Row && !matches!(key, b"dns" | [b'd', b'n', b's', b'.', ..]) {
            return Self::Elsewhere;
        }
        key.split(|&byte| byte == b'.').fold(self, Self::step)
    }

    /// One step down.
    fn step(self, key: &[u8]) -> Self {
        match self {
            Self::Row if key == b"dns" => Self::Dns,
            Self::Dns if key == b"qname" => Self::Question,
            Self::Dns if key == b"resource-records" => Self::Records,
            Self::Records if key == b"an" => Self::Answers,
            Self::Answers if key.iter().all(u8::is_ascii_digit) => Self::Answer,
            Self::Answer if key == b"rdata" => Self::Data,
            Self::Row | Self::Dns | Self::Records | Self::Answers | Self::Answer => Self::Elsewhere,
            Self::Question | Self::Data | Self::Elsewhere => Self::Elsewhere,
        }
    }
}

/// The walk through a row.
struct Walk<'a, S> {
    route: &'a mut Route<Place>,
    sink: &'a mut S,
    /// Whether the last question is a text.
    asked: bool,
}

impl<'r, S: KeySink<'r>> Walk<'_, S> {
    /// Reads the members of an object at `place` that was gone into; says where it ends.
    fn members(&mut self, place: Place, mut cursor: Cursor<'r>) -> Result<Cursor<'r>, Reject> {
        let read = |key: Text<'_>| {
            let below = key.with_plain(|key| place.below(key));
            below.unwrap_or(Place::Elsewhere)
        };
        let mut spot = Spot::first(place as u8);
        while let Some(below) = cursor.member(self.route, &mut spot, read)? {
            match below {
                Place::Elsewhere => cursor.pass(self.route, spot)?,
                Place::Question => {
                    let text = cursor.text()?;
                    self.asked = text.is_some();
                    text.map(|text| text.with_plain(|name| hand_out_name(name, self.sink)));
                }
                Place::Data => {
                    let text = cursor.text()?;
                    text.map(|text| text.with_plain(|data| hand_out_data(data, self.sink)));
                }
                Place::Row | Place::Dns | Place::Records | Place::Answers | Place::Answer => {
                    cursor = self.object(below, cursor)?;
                }
            }
        }
        Ok(cursor)
    }

    /// Reads what may be an object at `place`, or of answers a list; says where it ends.
    fn object(&mut self, place: Place, mut cursor: Cursor<'r>) -> Result<Cursor<'r>, Reject> {
        if place == Place::Answers && cursor.at_list() {
            cursor.list()?;
            while cursor.element()? {
                cursor = self.object(Place::Answer, cursor)?;
            }
            return Ok(cursor);
        }
        if !cursor.object()? {
            return Ok(cursor);
        }
        self.members(place, cursor)
    }
}

/// Hands out a name, unless it stands for nothing.
fn hand_out_name<'r, S: KeySink<'r>>(name: &[u8], sink: &mut S) {
    if !absent(name) {
        sink.name(name);
    }
}

/// Hands out what record data may hold: an address, a name, or a service binding.
fn hand_out_data<'r, S: KeySink<'r>>(data: &[u8], sink: &mut S) {
    if let Some(address) = address(data) {
        sink.address(address, None);
    } else if data.contains(&b' ') {
        rdata::service(data, |part| match part {
            rdata::Part::Target(name) => sink.name(name),
            rdata::Part::Hint(address) => sink.address(address, None),
        });
    } else {
        hand_out_name(data, sink);
    }
}

#[cfg(test)]
mod tests;
