//! The reader of protobuf fields against prost's own primitives.

use proptest::prelude::*;
use prost::encoding::{WireType, decode_varint, encode_key, encode_varint};

use super::*;

/// Walks a message whose fields are all unknown; gives how many there were.
fn walk(message: &[u8]) -> Result<usize, Broken> {
    let mut fields = Fields::new(message);
    let mut count = 0;
    while let Some(tag) = fields.tag()? {
        fields.skip(tag)?;
        count += 1;
    }
    Ok(count)
}

#[track_caller]
fn check(bytes: &[u8], expected: Result<u64, Broken>) {
    for padding in [0, 1, 9] {
        let mut padded = bytes.to_vec();
        padded.extend(vec![0xff; if expected.is_ok() { padding } else { 0 }]);
        let mut fields = Fields::new(&padded);
        assert_eq!(fields.varint(), expected, "{bytes:02x?} and {padding}");
        if expected.is_ok() {
            assert_eq!(fields.rest().len(), padding);
        }
    }
}

#[test]
fn integers_have_one_to_ten_bytes() {
    check(&[0], Ok(0));
    check(&[0x7f], Ok(127));
    check(&[0x80, 1], Ok(128));
    check(&[0x80, 0], Ok(0));
    check(&[0xff, 0xff, 0x03], Ok(65_535));
    check(
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
        Ok(1 << 56),
    );
    let mut most = [0xff; 10];
    most[9] = 1;
    check(&most, Ok(u64::MAX));
    most[9] = 2;
    check(&most, Err(Broken));
    check(&[0x80; 11], Err(Broken));
    check(&[0x80; 7], Err(Broken));
    check(&[0x80; 9], Err(Broken));
    check(&[0x80], Err(Broken));
    check(&[], Err(Broken));
}

#[test]
fn a_reader_passes_over_a_tag_only_if_it_is_the_one() {
    let mut fields = Fields::new(&[0x0a, 0, 0x10, 5]);
    assert!(!fields.next_is(varint_tag(2)) && fields.next_is(bytes_tag(1)));
    assert_eq!(fields.bytes(), Ok(&[][..]));
    assert!(!fields.next_is(bytes_tag(1)) && fields.next_is(varint_tag(2)));
    assert_eq!(fields.varint(), Ok(5));
    assert!(!fields.next_is(varint_tag(2)));
}

#[test]
fn text_is_utf8() {
    let text = |bytes: &'static [u8]| Fields::new(bytes).text();
    assert_eq!(text(b"\x02ab"), Ok(&b"ab"[..]));
    assert_eq!(text(b"\x02\xc3\xbc"), Ok("\u{fc}".as_bytes()));
    assert_eq!(text(b"\x02a\xc3"), Err(Broken));
    assert_eq!(text(b"\x03ab"), Err(Broken));
}

#[test]
fn lengths_beyond_the_end_are_broken() {
    assert_eq!(walk(&[0x0a, 2, 0, 0]), Ok(1));
    assert_eq!(walk(&[0x0a, 3, 0, 0]), Err(Broken));
    let mut longest = vec![0x0a];
    encode_varint(u64::MAX, &mut longest);
    assert_eq!(walk(&longest), Err(Broken));
    assert_eq!(walk(&[0x0d, 0, 0, 0]), Err(Broken));
    assert_eq!(walk(&[0x09, 0, 0, 0, 0, 0, 0, 0]), Err(Broken));
    assert_eq!(
        walk(&[0x0d, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0]),
        Ok(2)
    );
}

#[test]
fn groups_field_zero_and_wrong_types_are_broken() {
    for wire_type in [3, 4, 6, 7] {
        assert_eq!(walk(&[0x08 | wire_type, 0]), Err(Broken));
    }
    assert_eq!(walk(&[0x02, 0]), Err(Broken));
    let known = Known::of(&[bytes_tag(1), varint_tag(63)]);
    let skipped = |tag| Fields::new(&[0]).skip_unknown(tag, known);
    assert_eq!(skipped(varint_tag(1)), Err(Broken));
    assert_eq!(skipped(bytes_tag(63)), Err(Broken));
    assert_eq!(skipped(bytes_tag(2)), Ok(()));
    assert_eq!(skipped(varint_tag(64)), Ok(()));
}

#[test]
fn addresses_have_4_or_16_bytes() {
    let text = |bytes: &[u8]| address(bytes).map(|ip| ip.to_string());
    assert_eq!(text(&[192, 0, 2, 1]).as_deref(), Some("192.0.2.1"));
    let mut mapped = [0; 16];
    mapped[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
    assert_eq!(text(&mapped).as_deref(), Some("192.0.2.1"));
    assert_eq!(
        (text(&[]), text(&[0; 5]), text(&[0; 17])),
        (None, None, None)
    );
    assert_eq!((port(0), port(53), port(65_536)), (None, Some(53), None));
}

/// The definition: every field read with prost's own primitives.
fn oracle(message: &[u8]) -> Result<usize, ()> {
    let mut rest = message;
    let mut count = 0;
    while !rest.is_empty() {
        let key = u32::try_from(decode_varint(&mut rest).map_err(|_| ())?).map_err(|_| ())?;
        if key >> 3 == 0 {
            return Err(());
        }
        let len = match key & 7 {
            0 => decode_varint(&mut rest).map(|_| 0).map_err(|_| ())?,
            1 => 8,
            2 => decode_varint(&mut rest).map_err(|_| ())?,
            5 => 4,
            _ => return Err(()),
        };
        rest = rest
            .get(usize::try_from(len).map_err(|_| ())?..)
            .ok_or(())?;
        count += 1;
    }
    Ok(count)
}

proptest! {
    #[test]
    fn integers_read_as_prost_wrote_them(value: u64, shift in 0_u32..64, after in 0_usize..10) {
        let value = value >> shift;
        let mut bytes = Vec::new();
        encode_varint(value, &mut bytes);
        bytes.extend(vec![0x80; after]);
        let mut fields = Fields::new(&bytes);
        prop_assert_eq!(fields.varint(), Ok(value));
        prop_assert_eq!(fields.rest().len(), after);
    }

    #[test]
    fn any_bytes_are_walked_as_by_the_oracle(
        message in proptest::collection::vec(
            prop_oneof![Just(0x0a_u8), Just(8), 0_u8..4, Just(0x80), any::<u8>()], 0..40),
    ) {
        prop_assert_eq!(walk(&message).ok(), oracle(&message).ok());
    }

    #[test]
    fn tags_read_as_prost_wrote_them(number in 1_u32..(1 << 29)) {
        let mut bytes = Vec::new();
        encode_key(number, WireType::LengthDelimited, &mut bytes);
        prop_assert_eq!(Fields::new(&bytes).tag(), Ok(Some(bytes_tag(number))));
    }
}
