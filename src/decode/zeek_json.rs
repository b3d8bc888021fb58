//! Zeek `dns` and `conn` rows as JSON, in the dialects that are met: keys with dots
//! (`id.orig_h`), with underscores (`id_orig_h`), nested (`"id":{"orig_h":…}`), and rows
//! wrapped in their log type (`{"dns":{…}}`, `{"conn-2":{…}}`), with static values beside it.
//!
//! A row's type is what `_path` or `@stream` says, else the wrapping key, else what its fields
//! tell. All dialects may be mixed in one row; of several values for one field the last counts.
//! Rows of other logs are ignored.

use std::net::IpAddr;

use crate::model::{Event, EventTime};

use super::json::{self, Cursor, Meaning, Route, Spot, Text};
use super::{Item, KeySink, Outcome, Reject, text};

mod full;

/// Hands out queries and answers of `dns` rows and both ends of `conn` rows.
pub(super) fn keys<'r, S: KeySink<'r>>(memory: &mut Memory, record: &'r [u8], sink: &mut S) {
    let Memory { route, streak } = memory;
    json::rows(record, route, sink, |cursor, route, sink| {
        let mut row = Row::default();
        let (mut after, mut log);
        if *streak < STREAK {
            (after, log) = row.read::<ENDS, _>(cursor, route, sink)?;
        } else {
            (after, log) = row.read::<NO_ENDS, _>(cursor, route, sink)?;
            if log == Log::Conn {
                // What is named in the row was handed out.
                (after, log) = row.read::<ENDS, _>(cursor, route, &mut Nobody)?;
            }
        }
        *streak = match log {
            Log::Conn => 0,
            Log::Dns | Log::Other => streak.saturating_add(1),
        };
        let outcome = match log {
            Log::Dns => Outcome::Event,
            Log::Conn => row.hand_out_ends(sink).map(|()| Outcome::Event)?,
            Log::Other => Outcome::Ignored,
        };
        Ok((after, outcome))
    });
}

/// What the key scan remembers of a stream.
#[derive(Debug)]
pub(super) struct Memory {
    route: Route<Field>,
    /// How many rows there were since the last one of `conn`, as far as it is counted.
    streak: u8,
}

impl Memory {
    /// Of nothing.
    pub(super) fn new() -> Self {
        Self {
            route: Route::new(),
            streak: 0,
        }
    }
}

/// After so many rows without one of `conn`, no other one is expected: the ends of a connection are
/// not looked for then, and if a row turns out to be one, it is walked again.
const STREAK: u8 = 16;

/// That the ends of a connection are read.
const ENDS: bool = true;

/// That they are not.
const NO_ENDS: bool = false;

/// A sink that keeps nothing.
struct Nobody;

impl<'r> KeySink<'r> for Nobody {
    fn name(&mut self, _: &[u8]) {}
    fn address(&mut self, _: IpAddr, _: Option<u16>) {}
    fn end(&mut self, _: Item<'r>) {}
}

/// Decodes one row; `None` when it is of another log.
///
/// # Errors
/// [`Reject`] says why the row is undecodable.
pub(super) fn event(item: &[u8], record_time: Option<EventTime>) -> Result<Option<Event>, Reject> {
    full::event(item, record_time)
}

/// The log that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    /// One DNS transaction.
    Dns,
    /// One connection.
    Conn,
    /// Any other.
    Other,
}

impl Log {
    /// The log that a path names: `dns`, or `dns-2` after a restart within one interval.
    fn from_path(path: &[u8]) -> Self {
        let base = match path {
            [base @ .., b'-', b'0'..=b'9'] | [base @ .., b'-', b'0'..=b'9', b'0'..=b'9'] => base,
            _ => path,
        };
        match base {
            b"dns" => Self::Dns,
            b"conn" => Self::Conn,
            _ => Self::Other,
        }
    }
}

/// What tells the log of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// What `_path` or `@stream` says.
    named: Option<Log>,
    /// What the wrapping key says.
    tag: Option<Log>,
    /// Whether a field is there that only `dns` rows have.
    dns: bool,
    /// Whether a field is there that only `conn` rows have.
    conn: bool,
}

impl Signs {
    /// The log of the row; `ends` is whether both ends of a connection are there.
    fn log(self, ends: bool) -> Log {
        let told = if self.dns {
            Log::Dns
        } else if self.conn && ends {
            Log::Conn
        } else {
            Log::Other
        };
        self.named.or(self.tag).unwrap_or(told)
    }
}

/// How deep in a row a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// In the row itself.
    Root,
    /// In the object that a log type wraps.
    Tagged,
    /// In the object `id`.
    Id,
    /// In an object of no interest.
    Other,
    /// As `Root`, where the ends of a connection are not read.
    RootWithoutEnds,
    /// As `Tagged`, where the ends of a connection are not read.
    TaggedWithoutEnds,
}

/// What a key means to the key scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Nothing.
    None,
    /// The question.
    Query,
    /// The answers.
    Answers,
    /// That this is a `dns` row.
    DnsSign,
    /// That this is a `conn` row.
    ConnSign,
    /// The address of the originator.
    SourceHost,
    /// The port of the originator.
    SourcePort,
    /// The address of the responder.
    DestinationHost,
    /// The port of the responder.
    DestinationPort,
    /// The name of the transport.
    Protocol,
    /// The number of the transport.
    ProtocolNumber,
    /// The log type.
    Path,
    /// The object of addresses and ports.
    Id,
    /// `dns`, which may wrap a row.
    DnsTag,
    /// `conn`, which may wrap a row.
    ConnTag,
}

/// Noted where a member was passed over that only `dns` rows have.
const DNS_SIGN: u8 = 1;

/// Noted where a member was passed over that only `conn` rows have.
const CONN_SIGN: u8 = 2;

impl Meaning for Field {
    const NOTHING: Self = Self::None;
    const ELSEWHERE: u8 = Level::Other as u8;

    fn passing(self) -> Option<u8> {
        match self {
            Self::None => Some(0),
            Self::DnsSign => Some(DNS_SIGN),
            Self::ConnSign => Some(CONN_SIGN),
            Self::Query | Self::Answers | Self::Path | Self::Id | Self::DnsTag | Self::ConnTag => {
                None
            }
            Self::SourceHost | Self::SourcePort | Self::DestinationHost => None,
            Self::DestinationPort | Self::Protocol | Self::ProtocolNumber => None,
        }
    }
}

impl Field {
    /// What `key` means. Looks at the length first: most keys mean nothing.
    #[inline]
    fn of(key: &[u8]) -> Self {
        match key.len() {
            2 if key == b"id" => Self::Id,
            5 if key == b"query" => Self::Query,
            5 if key == b"qtype" || key == b"rcode" => Self::DnsSign,
            5 if key == b"proto" => Self::Protocol,
            5 if key == b"_path" => Self::Path,
            7 if key == b"answers" => Self::Answers,
            7 if key == b"@stream" => Self::Path,
            7 if key == b"history" => Self::ConnSign,
            8 if key == b"ip_proto" => Self::ProtocolNumber,
            9 => Self::of_nine(key),
            10 if matches!(key, b"conn_state" | b"orig_bytes" | b"resp_bytes") => Self::ConnSign,
            13 if matches!(key, b"orig_ip_bytes" | b"resp_ip_bytes") => Self::ConnSign,
            3..=7 => match Log::from_path(key) {
                Log::Other => Self::None,
                Log::Dns => Self::DnsTag,
                Log::Conn => Self::ConnTag,
            },
            _ => Self::None,
        }
    }

    /// What `key` means where the ends of a connection are not read.
    fn of_without_ends(key: &[u8]) -> Self {
        let field = Self::of(key);
        let of_ends = match field {
            Self::Id | Self::Protocol | Self::ProtocolNumber => true,
            Self::SourceHost | Self::SourcePort => true,
            Self::DestinationHost | Self::DestinationPort => true,
            Self::None | Self::Query | Self::Answers | Self::Path => false,
            Self::DnsSign | Self::ConnSign | Self::DnsTag | Self::ConnTag => false,
        };
        if of_ends { Self::None } else { field }
    }

    /// What a key of the object `id` means.
    fn of_id(key: &[u8]) -> Self {
        match key {
            b"orig_h" => Self::SourceHost,
            b"orig_p" => Self::SourcePort,
            b"resp_h" => Self::DestinationHost,
            b"resp_p" => Self::DestinationPort,
            _ => Self::None,
        }
    }

    /// What a key of nine bytes means.
    #[inline]
    fn of_nine(key: &[u8]) -> Self {
        match key {
            b"id.orig_h" | b"id_orig_h" => Self::SourceHost,
            b"id.orig_p" | b"id_orig_p" => Self::SourcePort,
            b"id.resp_h" | b"id_resp_h" => Self::DestinationHost,
            b"id.resp_p" | b"id_resp_p" => Self::DestinationPort,
            b"orig_pkts" | b"resp_pkts" => Self::ConnSign,
            _ => Self::None,
        }
    }
}

/// What the key scan keeps of a row until its type is known.
#[derive(Default)]
struct Row<'r> {
    signs: Signs,
    source: End<'r>,
    destination: End<'r>,
    protocol: Option<Text<'r>>,
    protocol_number: Option<Text<'r>>,
}

/// One end of a connection, as written.
#[derive(Clone, Copy, Default)]
struct End<'r> {
    host: Option<Text<'r>>,
    port: Option<Text<'r>>,
}

impl<'r> Row<'r> {
    /// Reads a row, or all but the ends of a connection; says what follows its line, and what it is.
    #[inline(always)]
    fn read<const WITH_ENDS: bool, S: KeySink<'r>>(
        &mut self,
        cursor: Cursor<'r>,
        route: &mut Route<Field>,
        sink: &mut S,
    ) -> Result<(&'r [u8], Log), Reject> {
        let level = if WITH_ENDS {
            Level::Root
        } else {
            Level::RootWithoutEnds
        };
        let cursor = self.members::<WITH_ENDS, S>(level, cursor, route, sink)?;
        let after = cursor.end()?;
        let noted = route.noted();
        self.signs.dns |= noted & DNS_SIGN != 0;
        self.signs.conn |= noted & CONN_SIGN != 0;
        let ends = self.source.host.is_some() && self.destination.host.is_some();
        Ok((after, self.signs.log(ends || !WITH_ENDS)))
    }

    /// Reads the members of an object that was gone into; says where it ends.
    #[inline(always)]
    fn members<const WITH_ENDS: bool, S: KeySink<'r>>(
        &mut self,
        level: Level,
        mut cursor: Cursor<'r>,
        route: &mut Route<Field>,
        sink: &mut S,
    ) -> Result<Cursor<'r>, Reject> {
        let of = if WITH_ENDS {
            Field::of
        } else {
            Field::of_without_ends
        };
        let read = |key: Text<'_>| key.with_plain(of).unwrap_or(Field::None);
        let at_root = matches!(level, Level::Root | Level::RootWithoutEnds);
        let mut spot = Spot::first(level as u8);
        while let Some(field) = cursor.member(route, &mut spot, read)? {
            match field {
                Field::Id => cursor = self.id(cursor, route)?,
                Field::DnsTag if at_root => {
                    cursor = self.tagged::<WITH_ENDS, S>(Log::Dns, cursor, route, sink)?;
                }
                Field::ConnTag if at_root => {
                    cursor = self.tagged::<WITH_ENDS, S>(Log::Conn, cursor, route, sink)?;
                }
                Field::DnsTag | Field::ConnTag => cursor.pass(route, spot)?,
                Field::None | Field::DnsSign | Field::ConnSign => cursor.pass(route, spot)?,
                Field::Query => {
                    self.signs.dns = true;
                    let text = cursor.text()?;
                    text.map(|text| text.with_plain(|query| sink.name(query)));
                }
                Field::Answers => {
                    self.signs.dns = true;
                    hand_out_list(&mut cursor, sink)?;
                }
                Field::SourceHost => self.source.host = cursor.text()?,
                Field::SourcePort => self.source.port = cursor.scalar()?,
                Field::DestinationHost => self.destination.host = cursor.text()?,
                Field::DestinationPort => self.destination.port = cursor.scalar()?,
                Field::Protocol => self.protocol = cursor.text()?,
                Field::ProtocolNumber => self.protocol_number = cursor.scalar()?,
                Field::Path => {
                    let log = cursor.text()?.map(|path| path.with_plain(Log::from_path));
                    self.signs.named = log.map(|log| log.unwrap_or(Log::Other));
                }
            }
        }
        Ok(cursor)
    }

    /// Reads the row that a log type wraps; says where it ends.
    #[inline(never)]
    fn tagged<const WITH_ENDS: bool, S: KeySink<'r>>(
        &mut self,
        log: Log,
        mut cursor: Cursor<'r>,
        route: &mut Route<Field>,
        sink: &mut S,
    ) -> Result<Cursor<'r>, Reject> {
        if cursor.object()? {
            let level = if WITH_ENDS {
                Level::Tagged
            } else {
                Level::TaggedWithoutEnds
            };
            cursor = self.members::<WITH_ENDS, S>(level, cursor, route, sink)?;
            self.signs.tag = Some(log);
        }
        Ok(cursor)
    }

    /// Reads the object of addresses and ports; says where it ends.
    #[inline(never)]
    fn id(
        &mut self,
        mut cursor: Cursor<'r>,
        route: &mut Route<Field>,
    ) -> Result<Cursor<'r>, Reject> {
        if !cursor.object()? {
            return Ok(cursor);
        }
        let read = |key: Text<'_>| key.with_plain(Field::of_id).unwrap_or(Field::None);
        let mut spot = Spot::first(Level::Id as u8);
        while let Some(field) = cursor.member(route, &mut spot, read)? {
            if field == Field::None {
                cursor.skip()?;
            } else if matches!(field, Field::SourceHost | Field::DestinationHost) {
                let host = cursor.text()?;
                self.end(field).host = host;
            } else {
                let port = cursor.scalar()?;
                self.end(field).port = port;
            }
        }
        Ok(cursor)
    }

    /// The end that a field belongs to.
    fn end(&mut self, field: Field) -> &mut End<'r> {
        if matches!(field, Field::SourceHost | Field::SourcePort) {
            &mut self.source
        } else {
            &mut self.destination
        }
    }

    /// Hands out both ends of a connection.
    fn hand_out_ends<S: KeySink<'r>>(&self, sink: &mut S) -> Result<(), Reject> {
        let (Some(source), Some(destination)) = (self.source.host, self.destination.host) else {
            return Err(Reject::Schema);
        };
        let address = |host: Text<'_>| host.with_plain(text::address).flatten();
        let (Some(source), Some(destination)) = (address(source), address(destination)) else {
            return Err(Reject::BadAddress);
        };
        let named = self
            .protocol
            .and_then(|name| name.with_plain(text::protocol));
        let number = self.protocol_number;
        let protocol = named
            .flatten()
            .or_else(|| number?.with_plain(text::protocol).flatten());
        let port = |written: Option<Text<'_>>| {
            let port = written?.with_plain(text::port).flatten();
            port.filter(|_| text::has_ports(protocol))
        };
        sink.address(source, port(self.source.port));
        sink.address(destination, port(self.destination.port));
        Ok(())
    }
}

/// Hands out the elements of `answers`.
#[inline(always)]
fn hand_out_list<'r, S: KeySink<'r>>(cursor: &mut Cursor<'_>, sink: &mut S) -> Result<(), Reject> {
    if !cursor.list()? {
        return Ok(());
    }
    while cursor.element()? {
        if let Some(text) = cursor.text()? {
            text.with_plain(|answer| hand_out(answer, sink));
        }
    }
    Ok(())
}

/// Hands out one element of `answers`, which mixes addresses, names and texts.
fn hand_out<'r, S: KeySink<'r>>(answer: &[u8], sink: &mut S) {
    match text::address(answer) {
        Some(address) => sink.address(address, None),
        None if is_text(answer) => {}
        None => sink.name(answer),
    }
}

/// Whether an answer is a text record (`TXT 11 v=spf1 -all`), as Zeek writes it.
fn is_text(answer: &[u8]) -> bool {
    answer.starts_with(b"TXT ") || answer.starts_with(b"SPF ")
}

#[cfg(test)]
mod tests;
