//! What the tests of the decoders share: a sink that remembers, the comparison of the two
//! faces of a format, and generated JSON rows.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;

use crate::decode::{Item, KeyScanner, KeySink, Outcome, event};
use crate::model::{Answer, DomainName, Event, EventFormat, EventKind, EventTime, NAME_LEN_MAX};

/// One key that a decoder handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Key {
    /// A name.
    Name(String),
    /// An address and its port.
    Address(IpAddr, Option<u16>),
}

/// One item of a record with its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decode) struct Seen {
    /// Its bytes.
    pub(in crate::decode) bytes: Vec<u8>,
    /// What it is.
    pub(in crate::decode) outcome: Outcome,
    /// Its keys, in order.
    pub(in crate::decode) keys: Vec<Key>,
}

/// Remembers everything.
#[derive(Default)]
struct Memory {
    open: Vec<Key>,
    items: Vec<Seen>,
}

impl KeySink<'_> for Memory {
    fn name(&mut self, name: &[u8]) {
        self.open
            .push(Key::Name(String::from_utf8_lossy(name).into_owned()));
    }

    fn address(&mut self, address: IpAddr, port: Option<u16>) {
        self.open.push(Key::Address(address, port));
    }

    fn end(&mut self, item: Item<'_>) {
        self.items.push(Seen {
            bytes: item.bytes.to_vec(),
            outcome: item.outcome,
            keys: std::mem::take(&mut self.open),
        });
    }
}

/// The items of `record`.
pub(in crate::decode) fn items(format: EventFormat, record: &[u8]) -> Vec<Seen> {
    items_by(&mut KeyScanner::new(format), record)
}

/// The items of `record`, as a scanner finds them.
fn items_by(scanner: &mut KeyScanner, record: &[u8]) -> Vec<Seen> {
    let mut memory = Memory::default();
    scanner.keys(record, &mut memory);
    assert!(memory.open.is_empty(), "keys behind the last item");
    memory.items
}

/// Checks that what a scanner has seen `before`, so many times, changes nothing in what it finds in
/// `record`.
#[track_caller]
pub(in crate::decode) fn check_after(
    format: EventFormat,
    (before, times): (&str, usize),
    record: &[u8],
) {
    let mut scanner = KeyScanner::new(format);
    for _ in 0..times {
        items_by(&mut scanner, before.as_bytes());
    }
    let seen = items_by(&mut scanner, record);
    assert_eq!(seen, items(format, record), "{}", shown(record));
}

/// How often something may have come before: never, until it is expected, until expectations were
/// looked at again.
pub(in crate::decode) fn times() -> impl Strategy<Value = usize> {
    select(&[0, 20, 300][..])
}

/// The only item of `record`.
#[track_caller]
pub(in crate::decode) fn item(format: EventFormat, record: &str) -> Seen {
    let mut items = items(format, record.as_bytes());
    assert_eq!(items.len(), 1, "{record}");
    items.remove(0)
}

/// The event of `item`, which has a time of its own.
#[track_caller]
pub(in crate::decode) fn decoded(format: EventFormat, item: &str) -> Event {
    event(format, item.as_bytes(), None)
        .unwrap_or_else(|reject| panic!("{reject}: {item}"))
        .unwrap_or_else(|| panic!("ignored: {item}"))
}

/// A time for records.
pub(in crate::decode) fn record_time() -> Option<EventTime> {
    Some(EventTime::from_nanos(1_767_225_600_000_000_000))
}

/// How well the key scan must foresee a full decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Foresight {
    /// Same outcome, same reason.
    Exact,
    /// It may take a row for an event that is rejected in the end.
    Lenient,
}

/// Compares the two faces on every item of `record`, and the items with its lines.
#[track_caller]
pub(in crate::decode) fn check_faces(format: EventFormat, foresight: Foresight, record: &[u8]) {
    let seen = items(format, record);
    assert_eq!(
        seen.len(),
        lines(record).max(1),
        "items of {}",
        shown(record)
    );
    for item in &seen {
        let full = event(format, &item.bytes, record_time());
        match (&full, item.outcome) {
            (Ok(Some(event)), Outcome::Event) => check_keys(event, item),
            (Ok(None), Outcome::Ignored) => {}
            (Err(reject), Outcome::Rejected(scanned)) if *reject == scanned => {}
            (Err(_), Outcome::Event) if foresight == Foresight::Lenient => {}
            _ => panic!("{full:?} but {:?}: {}", item.outcome, shown(&item.bytes)),
        }
    }
}

/// How many lines of a JSON record are not blank.
fn lines(record: &[u8]) -> usize {
    let record = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record);
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    record
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.iter().all(blank))
        .count()
}

/// `bytes` for a message.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Checks that all that can match in `event` was handed out.
#[track_caller]
fn check_keys(event: &Event, item: &Seen) {
    let has_name = |name: &str| {
        let wanted = normal(name);
        let mut handed = item.keys.iter().filter_map(|key| match key {
            Key::Name(name) => normal(name),
            Key::Address(..) => None,
        });
        wanted.is_none() || handed.any(|name| Some(name) == wanted)
    };
    let has = |address, port| item.keys.contains(&Key::Address(address, port));
    let complete = match &event.kind {
        EventKind::Dns(dns) => {
            has_name(&dns.qname)
                && dns.answers.iter().all(|answer| match answer {
                    Answer::Name(name) => has_name(name),
                    Answer::Address(address) => has(*address, None),
                })
        }
        EventKind::Flow(flow) => {
            has(flow.source.ip, flow.source.port) && has(flow.destination.ip, flow.destination.port)
        }
    };
    assert!(
        complete,
        "{:?} of {event:?}: {}",
        item.keys,
        shown(&item.bytes)
    );
}

/// The normal form of a name, if it has one.
fn normal(name: &str) -> Option<String> {
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(name.as_bytes(), &mut scratch).ok()?;
    Some(name.as_str().to_owned())
}

/// The words of which rows are made.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Words {
    /// Keys, besides a few that mean nothing.
    pub(in crate::decode) keys: &'static [&'static str],
    /// Strings, besides a few common ones.
    pub(in crate::decode) texts: &'static [&'static str],
    /// Whole rows, to be damaged.
    pub(in crate::decode) rows: &'static [&'static str],
}

/// Strings that mean something in most formats.
const TEXTS: &[&str] = &[
    "bad.example",
    "WWW.Bad.example.",
    "b\u{fc}cher.example",
    "\\xc3\\xbc.example",
    "\u{1f98a}.example",
    "203.0.113.66",
    "2001:db8::66",
    "::ffff:203.0.113.66",
    "198.51.100.7",
    "-",
    "<nil>",
    "",
    ".",
    "53",
    "a b",
    "\u{1}\n\"\\",
    "0",
    "x.example",
];

/// Values that are no strings.
const LITERALS: &[&str] = &[
    "53",
    "0",
    "70000",
    "443",
    "-1",
    "1.5",
    "6",
    "17",
    "1",
    "58",
    "1588205199.827696",
    "1e3",
    "true",
    "false",
    "null",
    "null",
];

/// A JSON value to be written.
#[derive(Clone, Debug)]
enum Node {
    /// A number, boolean or null.
    Literal(&'static str),
    /// A string.
    Text(&'static str),
    /// A list.
    List(Vec<Self>),
    /// An object, whose keys may repeat.
    Object(Vec<(&'static str, Self)>),
}

/// Records of one to three rows made of `words`: escaped at random, spaced at random, some of
/// them damaged.
pub(in crate::decode) fn records(words: Words) -> impl Strategy<Value = Vec<u8>> {
    let damaged = (select(words.rows), damages()).prop_map(|(row, damages)| {
        let mut row = row.as_bytes().to_vec();
        damages.iter().for_each(|damage| damage.apply(&mut row));
        row
    });
    let made = (members(words), noise(), damages()).prop_map(|(members, noise, damages)| {
        let mut row = Vec::new();
        let mut noise = noise.into_iter().cycle();
        write(&Node::Object(members), &mut noise, &mut row);
        if noise.next().is_some_and(|byte| byte < 64) {
            damages.iter().for_each(|damage| damage.apply(&mut row));
        }
        row
    });
    let row = prop_oneof![damaged, made.boxed()];
    proptest::collection::vec(row, 1..4).prop_map(|rows| rows.join(&b"\n"[..]))
}

/// Members of an object.
fn members(words: Words) -> impl Strategy<Value = Vec<(&'static str, Node)>> {
    proptest::collection::vec((key(words), value(words)), 0..12)
}

/// A key.
fn key(words: Words) -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => select(words.keys), 1 => select(&["", "x", "query2", "\u{fc}"][..])]
}

/// A value.
fn value(words: Words) -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        2 => select(LITERALS).prop_map(Node::Literal),
        3 => select(TEXTS).prop_map(Node::Text),
        3 => select(words.texts).prop_map(Node::Text),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4).prop_map(Node::List);
        let member = (key(words), inner);
        let object = proptest::collection::vec(member, 0..6).prop_map(Node::Object);
        prop_oneof![list, object]
    })
}

/// Random choices for writing a row.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..64)
}

/// Writes `node`, asking `noise` for spaces and escapes.
fn write(node: &Node, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    space(noise, out);
    match node {
        Node::Literal(text) => out.extend_from_slice(text.as_bytes()),
        Node::Text(text) => write_text(text, noise, out),
        Node::List(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b"," });
                write(element, noise, out);
            }
            space(noise, out);
            out.push(b']');
        }
        Node::Object(members) => {
            out.push(b'{');
            for (index, (key, value)) in members.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b"," });
                space(noise, out);
                write_text(key, noise, out);
                space(noise, out);
                out.push(b':');
                write(value, noise, out);
            }
            space(noise, out);
            out.push(b'}');
        }
    }
    space(noise, out);
}

/// Writes white space now and then.
fn space(noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    match noise.next() {
        Some(0..8) => out.push(b' '),
        Some(8..12) => out.extend_from_slice(b"\t\r "),
        _ => {}
    }
}

/// Writes a string, escaping what must be and now and then what need not be.
fn write_text(text: &str, noise: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.push(b'"');
    let escaping = noise.next().is_some_and(|byte| byte < 64);
    for character in text.chars() {
        let must = character < ' ' || matches!(character, '"' | '\\');
        if must || (escaping && noise.next().is_some_and(|byte| byte < 64)) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    out.push(b'"');
}

/// One damage to a row.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// Cuts the row off.
    Cut(usize),
    /// Removes a byte.
    Remove(usize),
    /// Puts a byte in.
    Insert(usize, u8),
    /// Replaces a byte.
    Replace(usize, u8),
}

impl Damage {
    /// Damages `row`.
    fn apply(self, row: &mut Vec<u8>) {
        let place = |at: usize| at % (row.len() + 1);
        match self {
            Self::Cut(at) => row.truncate(place(at)),
            Self::Insert(at, byte) => row.insert(place(at), byte),
            Self::Remove(at) if place(at) < row.len() => {
                row.remove(place(at));
            }
            Self::Replace(at, byte) if place(at) < row.len() => {
                let at = place(at);
                row[at] = byte;
            }
            Self::Remove(_) | Self::Replace(..) => {}
        }
    }
}

/// None to three damages.
fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let byte = || prop_oneof![select(&b"{}[]\",:\\ n0-.e\x80u"[..]), any::<u8>()];
    let damage = prop_oneof![
        1 => any::<usize>().prop_map(Damage::Cut),
        4 => any::<usize>().prop_map(Damage::Remove),
        4 => (any::<usize>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        4 => (any::<usize>(), byte()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
    ];
    proptest::collection::vec(damage, 0..4)
}
