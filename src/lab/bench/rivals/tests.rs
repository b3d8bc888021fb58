//! What the rivals make of records that others wrote.

use super::*;

/// The keys that a rival finds in `record`.
fn keys<R: Rival>(record: &[u8]) -> Result<(Vec<String>, Vec<String>), String> {
    let row = R::decode(record).map_err(|error| error.to_string())?;
    assert_eq!(row.events(), 1);
    let mut keys = Keys::default();
    row.keys(&mut keys);
    keys.settle();
    let addresses = keys.addresses.iter().map(IpAddr::to_string).collect();
    Ok((keys.names, addresses))
}

#[track_caller]
fn check<R: Rival>(record: &[u8], names: &[&str], addresses: &[&str]) {
    let expected = [names, addresses].map(|texts| texts.iter().map(ToString::to_string).collect());
    assert_eq!(keys::<R>(record), Ok(expected.into()));
}

#[test]
fn zeek_rows_of_either_dialect_and_either_form_of_time() {
    let names = ["c2.bad.example", "www.bad.example"];
    for ends in [
        r#""ts":1588205199.8,"id.orig_h":"198.51.100.7","id.orig_p":53123,"id.resp_h":"192.0.2.53","id.resp_p":53"#,
        r#""ts":1588205199,"id_orig_h":"2001:db8::7","id_orig_p":53123,"id_resp_h":"192.0.2.53","id_resp_p":53"#,
        r#""ts":"2018-03-24T17:15:20.865716Z","id.orig_h":"198.51.100.7","id.orig_p":1,"id.resp_h":"192.0.2.53","id.resp_p":53"#,
    ] {
        let row = format!(
            r#"{{"_path":"dns",{ends},"uid":"C1","query":"WWW.bad.example","qtype":1,"answers":["c2.bad.example","203.0.113.66","TXT 5 a b"],"TTLs":[1.0]}}"#
        );
        check::<ZeekDnsRow>(row.as_bytes(), &names, &["203.0.113.66"]);
    }
    assert!(keys::<ZeekDnsRow>(b"{}").is_err());
    assert!(keys::<ZeekConnRow>(b"[").is_err());
}

#[test]
fn the_published_vectors_of_dnstap_and_goflow2() {
    let dnstap = "0a0472657331120c756e626f756e6420312e32787273080610011801\
        2204c63364072a04c000023530839f0338354080f2d6ca064d15cd5b076080f2d6ca066d003b580872431a2b\
        818000010002000000000357775703624164076578616d706c650000010001c00c000500010000012c000603\
        633278c010c02d000100010000003c0004cb0071427801";
    check::<DnstapRow>(
        &unhex(dnstap),
        &["c2x.bad.example", "www.bad.example"],
        &["203.0.113.66"],
    );
    let flow = "080418e80720073204c63364073a04cb00714248dc0b50035a04c000020190010a9801\
        14a00106a801cb8703b001bb03d0011bf0018010f0068094d3cca2ca9cc318f80680ecfc929bca9cc3188007\
        80ca9ddea0ca9cc318";
    let ends = ["198.51.100.7", "203.0.113.66"];
    let mut record = unhex(flow);
    check::<Goflow2Messages>(&record, &[], &ends);
    record.insert(0, u8::try_from(record.len()).unwrap());
    check::<Goflow2Messages>(&record, &[], &ends);
    assert!(keys::<Goflow2Messages>(&[5, 1]).is_err());
    assert!(keys::<DnstapRow>(&[0x78, 1]).is_err());
}

#[test]
fn something_that_is_missing_is_told() {
    let mut all = Keys::default();
    all.name(b"B.example.");
    all.name(b"a.example");
    all.name(b"not a name..");
    all.answer("::ffff:192.0.2.1");
    all.settle();
    let mut some = Keys::default();
    some.name(b"b.example");
    some.settle();
    assert_eq!(all.missing(&some), None);
    assert_eq!(some.missing(&all), Some("a.example".to_owned()));
    some.name(b"a.example");
    some.settle();
    assert_eq!(some.missing(&all), Some("192.0.2.1".to_owned()));
}

/// The bytes of a hexadecimal text.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
