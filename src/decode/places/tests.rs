//! The walk by blocks against one by prost's own primitives, on messages of any shape.

use proptest::prelude::*;
use prost::encoding::{decode_varint, encode_varint};

use super::*;
use crate::decode::wire::{bytes_tag, fixed32_tag, fixed64_tag, varint_tag};

/// The tags that the tests want.
const TAGS: &[u32] = &[
    varint_tag(1),
    bytes_tag(2),
    varint_tag(15),
    bytes_tag(16),
    varint_tag(127),
    fixed32_tag(3),
    fixed64_tag(20),
];

/// The fields of [`TAGS`].
static WANTED: Wanted = Wanted::of(TAGS);

/// What a wanted field holds: its number, or its bytes.
type Value<'m> = (Option<u64>, &'m [u8]);

/// All wanted fields by the walk, those of fixed width left out.
fn found(message: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut places = Places::new(message);
    WANTED.find(&mut places).ok()?;
    let value = |wanted: usize| match TAGS[wanted] & 7 {
        0 => (Some(places.varint(wanted)), &[][..]),
        2 => (None, places.bytes(wanted)),
        _ => (None, &[][..]),
    };
    Some((0..TAGS.len()).map(value).collect())
}

/// The definition: the last value of every wanted field, read by prost's primitives; none for
/// what is no message, or has a wanted field of another type.
fn oracle(message: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut values: Vec<Value<'_>> = TAGS
        .iter()
        .map(|tag| ((tag & 7 == 0).then_some(0), &[][..]))
        .collect();
    let mut rest = message;
    while !rest.is_empty() {
        let tag = u32::try_from(decode_varint(&mut rest).ok()?).ok()?;
        let (number, bytes) = match tag & 7 {
            0 => (Some(decode_varint(&mut rest).ok()?), &[][..]),
            1 => (None, rest.get(..8)?),
            2 => {
                let len = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                (None, rest.get(..len)?)
            }
            5 => (None, rest.get(..4)?),
            _ => return None,
        };
        rest = &rest[bytes.len()..];
        if tag >> 3 == 0 {
            return None;
        }
        if let Some(wanted) = TAGS.iter().position(|wanted| wanted >> 3 == tag >> 3) {
            if TAGS[wanted] != tag {
                return None;
            }
            values[wanted] = match tag & 7 {
                0 => (number, &[]),
                2 => (None, bytes),
                _ => (None, &[]),
            };
        }
    }
    Some(values)
}

#[track_caller]
fn check(message: &[u8]) {
    assert_eq!(found(message), oracle(message), "{message:02x?}");
}

/// A field: its tag as so many bytes, then its value.
fn field(tag: u32, tag_len: usize, value: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    encode_varint(u64::from(tag), &mut field);
    while field.len() < tag_len {
        *field.last_mut().unwrap() |= 0x80;
        field.push(0);
    }
    [field, value.to_vec()].concat()
}

/// An integer as a value.
fn number(value: u64) -> Vec<u8> {
    let mut number = Vec::new();
    encode_varint(value, &mut number);
    number
}

/// Bytes as a value.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len() as u64), bytes.to_vec()].concat()
}

#[test]
fn fields_are_found_wherever_blocks_end() {
    let wanted = [
        field(varint_tag(1), 1, &number(300)),
        field(bytes_tag(2), 1, &prefixed(&[0xff; 16])),
        field(bytes_tag(16), 2, &prefixed(&[7; 4])),
        field(varint_tag(127), 2, &number(1 << 60)),
        field(fixed32_tag(3), 1, &[0xff; 4]),
        field(fixed64_tag(20), 2, &[0xff; 8]),
    ];
    for wanted in wanted {
        for before in 0..150 {
            for after in [0, 1, 70] {
                let filling = |count| field(varint_tag(5), 1, &number(9)).repeat(count);
                let odd = field(varint_tag(40), 2, &number(9));
                let message = [filling(before), odd, wanted.clone(), filling(after)].concat();
                assert!(found(&message).is_some());
                check(&message);
                check(&message[1.min(message.len())..]);
                check(&message[..message.len() - 1]);
            }
        }
    }
}

#[test]
fn long_numbers_and_long_tags_are_found() {
    for shift in 0..64 {
        let value = u64::MAX >> shift;
        for pad in [0, 30, 80] {
            let filling = field(varint_tag(7), 1, &number(1)).repeat(pad);
            let one = field(varint_tag(15), 1, &number(value));
            check(&[&one[..], &filling, &one].concat());
            assert_eq!(
                found(&[&one[..], &filling].concat()).unwrap()[2].0,
                Some(value)
            );
        }
    }
    let filling = field(varint_tag(7), 1, &number(1)).repeat(60);
    for len in 1..=10 {
        check(
            &[
                &filling[..],
                &field(varint_tag(15), len, &number(9)),
                &filling,
            ]
            .concat(),
        );
        check(
            &[
                &filling[..],
                &field(bytes_tag(2), len, &prefixed(b"ab")),
                &filling,
            ]
            .concat(),
        );
        check(
            &[
                &filling[..],
                &field(bytes_tag(15), len, &prefixed(b"ab")),
                &filling,
            ]
            .concat(),
        );
        check(&[&filling[..], &field(0, len, &number(9)), &filling].concat());
    }
    let mut long = vec![0x80; 9];
    long.push(2);
    check(&[&filling[..], &field(varint_tag(9), 1, &long), &filling].concat());
    check(
        &[
            &filling[..],
            &field(varint_tag(9), 1, &[0x80; 10]),
            &filling,
        ]
        .concat(),
    );
}

#[test]
fn fields_of_large_numbers_are_not_taken_for_wanted_ones() {
    let filling = field(varint_tag(7), 1, &number(1)).repeat(60);
    for bit in 7..29 {
        for wanted in TAGS {
            let unknown = field(1 << bit << 3 | wanted, 1, &prefixed(&[0; 8]));
            check(&[&filling[..], &unknown, &filling].concat());
            check(&[&unknown[..], &filling].concat());
            check(&unknown);
        }
    }
}

/// Fields of any kind, many of them wanted.
fn any_field() -> impl Strategy<Value = Vec<u8>> {
    let numbers = prop_oneof![
        3 => prop_oneof![Just(1_u32), Just(2), Just(3), Just(15), Just(16), Just(20), Just(127)],
        3 => 0_u32..40,
        1 => 120_u32..140,
        1 => 1_u32..(1 << 29),
    ];
    let own = |number: u32| {
        let wanted = TAGS.iter().find(|tag| *tag >> 3 == number);
        wanted.map_or(number % 3, |tag| tag & 7)
    };
    let wire_type = prop_oneof![20 => Just(None), 1 => (0_u32..8).prop_map(Some)];
    let value = (
        any::<u64>(),
        0_u32..64,
        proptest::collection::vec(any::<u8>(), 0..40),
    );
    let tag_len = prop_oneof![30 => Just(1_usize), 1 => 2_usize..7];
    (numbers, wire_type, value, tag_len).prop_map(
        move |(field_number, wire_type, (value, shift, bytes), tag_len)| {
            let wire_type = wire_type.unwrap_or_else(|| own(field_number));
            let value = match wire_type {
                0 => number(value >> shift),
                1 => value.to_le_bytes().to_vec(),
                2 => prefixed(&bytes),
                _ => value.to_le_bytes()[..4].to_vec(),
            };
            field(field_number << 3 | wire_type, tag_len, &value)
        },
    )
}

proptest! {
    #[test]
    fn any_message_is_walked_as_by_the_oracle(
        fields in proptest::collection::vec(any_field(), 0..40),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut message = fields.concat();
        check(&message);
        check(&message[..cut.index(message.len() + 1)]);
        if !message.is_empty() {
            for (at, value) in edits {
                let at = at.index(message.len());
                message[at] = value;
            }
            check(&message);
        }
    }

    #[test]
    fn any_bytes_are_walked_as_by_the_oracle(
        message in proptest::collection::vec(
            prop_oneof![Just(0x0a_u8), Just(8), 0_u8..4, Just(0x80), any::<u8>()], 0..200),
    ) {
        check(&message);
    }
}
