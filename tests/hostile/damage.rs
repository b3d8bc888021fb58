//! Rows of every format, changed at random: fields dropped, repeated, swapped, renamed, given
//! other values and wrapped; written with white space and escapes; and damaged byte by byte.

use gannet::model::EventFormat;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::rows::{self, BARE, KEYS, TEXTS};
use crate::scan::{FORMATS, check, check_after};
use crate::tree::Tree;

/// One change to an object of a row.
#[derive(Clone, Debug)]
enum Change {
    /// A member is dropped.
    Drop,
    /// A member is repeated somewhere.
    Repeat(Index),
    /// Two members change places.
    Swap(Index),
    /// A member gets another key.
    Rename(&'static str),
    /// A member gets another value.
    Replace(Tree),
    /// A member is added.
    Insert(&'static str, Tree),
    /// The value of a member is wrapped in an object under the same key.
    Wrap,
    /// The value of a member is wrapped in lists, so deep.
    Nest(usize),
}

impl Change {
    /// Changes a member of an object.
    fn apply(&self, members: &mut Vec<(String, Tree)>, at: &Index) {
        if members.is_empty() {
            return;
        }
        let at = at.index(members.len());
        match self {
            Self::Drop => {
                members.remove(at);
            }
            Self::Repeat(to) => {
                let member = members[at].clone();
                members.insert(to.index(members.len() + 1), member);
            }
            Self::Swap(with) => {
                let with = with.index(members.len());
                members.swap(at, with);
            }
            Self::Rename(key) => members[at].0 = (*key).to_owned(),
            Self::Replace(value) => members[at].1 = value.clone(),
            Self::Insert(key, value) => members.insert(at, ((*key).to_owned(), value.clone())),
            Self::Wrap => {
                let (key, value) = members[at].clone();
                members[at].1 = Tree::Object(vec![(key, value)]);
            }
            Self::Nest(deep) => {
                for _ in 0..*deep {
                    let value = std::mem::replace(&mut members[at].1, Tree::List(Vec::new()));
                    members[at].1 = Tree::List(vec![value]);
                }
            }
        }
    }
}

/// One damage to the bytes of a row.
#[derive(Clone, Debug)]
enum Damage {
    /// Cuts the row off.
    Cut,
    /// Removes a byte.
    Remove,
    /// Puts bytes in.
    Insert(Vec<u8>),
    /// Flips bits of a byte.
    Flip(u8),
}

impl Damage {
    /// Damages `row`.
    fn apply(&self, row: &mut Vec<u8>, at: &Index) {
        let at = at.index(row.len() + 1);
        match self {
            Self::Cut => row.truncate(at),
            Self::Insert(bytes) => {
                row.splice(at..at, bytes.iter().copied());
            }
            Self::Remove if at < row.len() => {
                row.remove(at);
            }
            Self::Flip(bits) if at < row.len() => row[at] ^= bits,
            Self::Remove | Self::Flip(_) => {}
        }
    }
}

/// A value.
fn values() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        2 => select(BARE).prop_map(|text| Tree::Bare(text.to_owned())),
        5 => select(TEXTS).prop_map(|text| Tree::Text(text.to_owned())),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        let members = proptest::collection::vec((select(KEYS), inner.clone()), 0..4);
        let object = members.prop_map(|members| {
            let owned = members.into_iter();
            Tree::Object(owned.map(|(key, value)| (key.to_owned(), value)).collect())
        });
        let list = proptest::collection::vec(inner, 0..4).prop_map(Tree::List);
        prop_oneof![list, object]
    })
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Drop),
        2 => any::<Index>().prop_map(Change::Repeat),
        3 => any::<Index>().prop_map(Change::Swap),
        3 => select(KEYS).prop_map(Change::Rename),
        5 => values().prop_map(Change::Replace),
        3 => (select(KEYS), values()).prop_map(|(key, value)| Change::Insert(key, value)),
        1 => Just(Change::Wrap),
        1 => (1..36_usize).prop_map(Change::Nest),
    ]
}

/// Bytes that mean something only in the right place.
const SPLINTERS: &[&[u8]] = &[
    b"\\u",
    b"\\ud800",
    b"\\u0000",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xef\xbb\xbf",
    b"\\\"",
    b"null",
    b"\"query\":",
];

fn damages() -> impl Strategy<Value = Damage> {
    let bytes = prop_oneof![
        3 => select(&b"{}[]\",:\\ \t\r\n0-.eu"[..]).prop_map(|byte| vec![byte]),
        1 => select(SPLINTERS).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 1..9),
    ];
    prop_oneof![
        1 => Just(Damage::Cut),
        3 => Just(Damage::Remove),
        3 => bytes.prop_map(Damage::Insert),
        3 => (1..=255_u8).prop_map(Damage::Flip),
    ]
}

/// A row of `format`, changed and written anew; damaged only if `damaged`.
fn row(format: EventFormat, damaged: bool) -> impl Strategy<Value = Vec<u8>> {
    let damages = if damaged { 0..4 } else { 0..1 };
    (
        select(rows::of(format)),
        proptest::collection::vec((any::<Index>(), any::<Index>(), changes()), 0..5),
        proptest::collection::vec(any::<u8>(), 1..60),
        proptest::collection::vec((any::<Index>(), self::damages()), damages),
        any::<bool>(),
    )
        .prop_map(|(row, changes, noise, damages, as_written)| {
            let mut tree: Tree = serde_json::from_str(row).expect("rows are JSON");
            for (object, at, change) in &changes {
                let mut number = object.index(tree.objects().max(1));
                if let Some(members) = tree.object_mut(&mut number) {
                    change.apply(members, at);
                }
            }
            let mut bytes = Vec::new();
            if as_written {
                tree.write(&mut std::iter::empty(), &mut bytes);
            } else {
                tree.write(&mut noise.into_iter().cycle(), &mut bytes);
            }
            for (at, damage) in &damages {
                damage.apply(&mut bytes, at);
            }
            bytes
        })
}

/// A format with rows of it: some that came before, and those of one record.
fn streams(damaged: bool) -> impl Strategy<Value = (EventFormat, Vec<Vec<u8>>, Vec<u8>)> {
    select(&FORMATS[..]).prop_flat_map(move |format| {
        let before = proptest::collection::vec(row(format, damaged), 0..4);
        let record = proptest::collection::vec(row(format, damaged), 1..4)
            .prop_map(|rows| rows.join(&b"\n"[..]));
        (Just(format), before, record)
    })
}

/// Rows as slices.
fn slices(rows: &[Vec<u8>]) -> Vec<&[u8]> {
    rows.iter().map(Vec::as_slice).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn changed_rows_are_what_they_say((format, before, record) in streams(false)) {
        check_after(format, &slices(&before), &record);
    }

    #[test]
    fn damaged_rows_are_what_they_say((format, before, record) in streams(true)) {
        check_after(format, &slices(&before), &record);
    }

    #[test]
    fn any_bytes_are_what_they_say(record in proptest::collection::vec(prop_oneof![
        4 => select(&b"{}[]\",:\\ \t\r\n0-1.eutruefalsn"[..]),
        1 => any::<u8>(),
    ], 0..120)) {
        for format in FORMATS {
            check(format, &record);
        }
    }
}

#[test]
fn rows_cut_anywhere_are_what_they_say() {
    for format in FORMATS {
        for row in rows::of(format) {
            for end in 0..row.len() {
                let cut = &row.as_bytes()[..end];
                let items = check(format, cut);
                assert_eq!(items.len(), 1, "{format:?} cut at {end}");
                let record = [row.as_bytes(), b"\n", cut].concat();
                check(format, &record);
            }
        }
    }
}
