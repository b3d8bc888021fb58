//! The few words of the protobuf wire format that the codecs here need.

/// Appends a base-128 number.
pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a number field.
pub(super) fn push_number(out: &mut Vec<u8>, field: u32, number: u64) {
    push_varint(out, u64::from(field) << 3);
    push_varint(out, number);
}

/// Appends a `fixed32` field.
pub(super) fn push_fixed32(out: &mut Vec<u8>, field: u32, number: u32) {
    push_varint(out, u64::from(field) << 3 | 5);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field of bytes.
pub(super) fn push_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    push_varint(out, u64::from(field) << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends the 4 or 16 bytes of an address as a field.
pub(super) fn push_ip(out: &mut Vec<u8>, field: u32, ip: std::net::IpAddr) {
    match ip {
        std::net::IpAddr::V4(v4) => push_bytes(out, field, &v4.octets()),
        std::net::IpAddr::V6(v6) => push_bytes(out, field, &v6.octets()),
    }
}

/// Appends a field whose content `write` appends, with its length in front.
pub(super) fn push_nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    push_varint(out, u64::from(field) << 3 | 2);
    push_delimited(out, write);
}

/// Appends what `write` appends with its length in front. The length is inserted afterwards:
/// messages here are short, so that moving them is cheaper than a second buffer.
pub(super) fn push_delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    write(out);
    let mut rest = (out.len() - start - 1) as u64;
    let mut at = start;
    while rest >= 0x80 {
        out[at] = rest.to_le_bytes()[0] | 0x80;
        rest >>= 7;
        at += 1;
        out.insert(at, 0);
    }
    out[at] = rest.to_le_bytes()[0];
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_and_lengths_are_those_of_prost(number in any::<u64>(), len in 0_usize..40_000) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            push_varint(&mut ours, number);
            push_delimited(&mut ours, |out| out.resize(out.len() + len, 7));
            prost::encoding::encode_varint(number, &mut theirs);
            prost::encoding::encode_varint(len as u64, &mut theirs);
            theirs.resize(theirs.len() + len, 7);
            prop_assert_eq!(ours, theirs);
        }
    }
}
