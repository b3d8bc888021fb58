//! The DNS reader against hand-made messages, hickory-proto, real captures and anything else.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, SVCB, TXT};
use hickory_proto::rr::{DNSClass, Name as OracleName, RData, Record as OracleRecord, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use proptest::prelude::*;

use super::*;
use crate::decode::tests::recorder::{data, unhex};

/// The message of a CNAME chain in mixed case, compressed.
const CHAIN: &str = "1a2b818000010002000000000357775703624164076578616d706c650000010001c00c000500\
                     010000012c000603633278c010c02d000100010000003c0004cb007142";

/// All parts of a message as text, in order: `?` question, `>` name, `=` address.
fn parts(message: &[u8]) -> Result<(Vec<String>, Facts), NotDns> {
    let mut parts = Vec::new();
    let facts = walk(message, |part| {
        parts.push(match part {
            Part::Question(name) => format!("?{}", std::str::from_utf8(name).unwrap()),
            Part::Name(name) => format!(">{}", std::str::from_utf8(name).unwrap()),
            Part::Address(address) => format!("={address}"),
        });
    })?;
    Ok((parts, facts))
}

#[track_caller]
fn check(message: &[u8], expected: Result<&[&str], NotDns>) {
    let actual = parts(message).map(|(parts, _)| parts);
    let expected = expected.map(|parts| parts.iter().map(|part| part.to_string()).collect());
    assert_eq!(actual, expected, "{message:02x?}");
}

/// A header that announces so many questions and answers.
fn header(questions: u16, answers: u16) -> Vec<u8> {
    let mut message = vec![0, 1, 0x81, 0x80];
    message.extend(questions.to_be_bytes());
    message.extend(answers.to_be_bytes());
    message.extend([0; 4]);
    message
}

/// A message with one question: the name as bytes, then type A, class IN.
fn asking(name: &[u8]) -> Vec<u8> {
    [&header(1, 0), name, &[0, 1, 0, 1]].concat()
}

/// A record owned by the name at offset 12.
fn answer(rtype: u8, len: u16, data: &[u8]) -> Vec<u8> {
    let fixed = [0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 60];
    [&fixed, len.to_be_bytes().as_slice(), data].concat()
}

/// A message with one question, `a.example`, and `answers`.
fn answering(answers: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(answers.len()).unwrap();
    let question = [
        &header(1, count),
        b"\x01a\x07example\0".as_slice(),
        &[0, 1, 0, 1],
    ]
    .concat();
    [question, answers.concat()].concat()
}

#[test]
fn the_known_chain_is_read() {
    let (parts, facts) = parts(&unhex(CHAIN)).unwrap();
    assert_eq!(
        parts,
        ["?WwW.bAd.example", ">c2x.bAd.example", "=203.0.113.66"]
    );
    assert_eq!(
        facts,
        Facts {
            qtype: Some(1),
            rcode: 0
        }
    );
}

#[test]
fn a_message_cut_within_its_question_is_none_and_later_keeps_the_question() {
    let message = unhex(CHAIN);
    let question_end = 12 + 17 + 4;
    for len in 0..message.len() {
        let parts = parts(&message[..len]).map(|(parts, _)| parts);
        if len < question_end {
            assert_eq!(parts, Err(NotDns), "{len} bytes");
        } else {
            assert_eq!(parts.unwrap()[0], "?WwW.bAd.example", "{len} bytes");
        }
    }
}

#[test]
fn the_question_of_a_truncated_message_counts() {
    let mut message = asking(b"\x01a\x07example\0");
    message[2] |= 0x02;
    check(&message, Ok(&["?a.example"]));
}

#[test]
fn a_dot_inside_a_label_never_reads_as_a_separator() {
    check(&asking(b"\x03a.b\x07example\0"), Ok(&["?a\\046b.example"]));
    check(
        &asking(b"\x03a\\b\x02\0 \x02\xff\x7f\0"),
        Ok(&["?a\\092b.\\000\\032.\\255\\127"]),
    );
    for name in [
        b"\x03a.b\x07example\0".as_slice(),
        b"\x04a\\.b\0",
        b"\x05a\x5cx2e\0",
    ] {
        parts_are_unfit(&asking(name));
    }
    let every_byte = [
        &[63][..],
        &[b'.'; 63],
        &[63],
        &[0; 63],
        &[63],
        &[255; 63],
        &[61],
        &[b'\\'; 61],
        &[0],
    ];
    parts_are_unfit(&asking(&every_byte.concat()));
}

/// Asserts that the question is no name that could be listed.
#[track_caller]
fn parts_are_unfit(message: &[u8]) {
    let (parts, _) = parts(message).unwrap();
    let mut scratch = [0; NAME_LEN_MAX];
    assert!(
        DomainName::parse(&parts[0].as_bytes()[1..], &mut scratch).is_err(),
        "{parts:?}"
    );
}

#[test]
fn names_that_are_utf8_are_normalized_like_text() {
    let (parts, _) = parts(&asking("\u{7}b\u{fc}cher\u{7}example\0".as_bytes())).unwrap();
    assert_eq!(
        normalized(&parts[0].as_bytes()[1..]),
        "xn--bcher-kva.example"
    );
}

#[test]
fn the_root_is_one_dot_and_no_question_is_no_name() {
    check(&asking(b"\0"), Ok(&["?."]));
    check(&header(0, 0), Ok(&[]));
    assert_eq!(parts(&header(0, 0)).unwrap().1.qtype, None);
    let mut message = header(0, 1);
    message.extend([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1]);
    check(&message, Ok(&["=192.0.2.1"]));
}

#[test]
fn loops_and_forward_pointers_are_refused() {
    check(&asking(&[0xc0, 12]), Err(NotDns));
    check(&asking(&[1, b'a', 0xc0, 12]), Err(NotDns));
    check(&asking(&[1, b'a', 0xc0, 14]), Err(NotDns));
    check(&asking(&[0xc0, 18]), Err(NotDns));
    check(&asking(&[0xff, 0xff]), Err(NotDns));
    check(&asking(&[0xc0]), Err(NotDns));
    for code in [0x40, 0x80, 0xbf] {
        check(&asking(&[code, b'a', 0]), Err(NotDns));
    }
    // Backwards, but forward again into itself.
    let target = answer(5, 4, &[1, b'b', 0xc0, 39]);
    check(&answering(&[target]), Ok(&["?a.example"]));
}

/// A message whose last answer is a CNAME through so many pointers to pointers.
fn hopping(pointers: usize) -> Vec<u8> {
    let chain_at = 12 + 11 + 4 + 12;
    let mut chain = vec![0xc0, 12];
    for hop in 1..pointers - 1 {
        let target = u16::try_from(chain_at + 2 * (hop - 1)).unwrap();
        chain.extend((0xc000 | target).to_be_bytes());
    }
    let last = u16::try_from(chain_at + chain.len() - 2).unwrap() | 0xc000;
    let text = answer(16, u16::try_from(chain.len()).unwrap(), &chain);
    answering(&[text, answer(5, 2, &last.to_be_bytes())])
}

#[test]
fn a_name_may_have_127_pointers() {
    check(&hopping(2), Ok(&["?a.example", ">a.example"]));
    check(&hopping(127), Ok(&["?a.example", ">a.example"]));
    check(&hopping(128), Ok(&["?a.example"]));
}

#[test]
fn labels_have_at_most_63_bytes_and_names_255() {
    let label = [&[63][..], &[b'x'; 63]].concat();
    let longest = [label.repeat(3), vec![61], vec![b'y'; 61], vec![0]].concat();
    assert_eq!(longest.len(), 255);
    let (parts, _) = parts(&asking(&longest)).unwrap();
    assert_eq!(parts[0].len(), 1 + 253);
    let longer = [label.repeat(3), vec![62], vec![b'y'; 62], vec![0]].concat();
    check(&asking(&longer), Err(NotDns));
    check(
        &asking(&[&[64][..], &[b'x'; 64], &[0]].concat()),
        Err(NotDns),
    );
    let singles = [[1, b'a'].repeat(127), vec![0]].concat();
    assert_eq!(singles.len(), 255);
    assert!(walk(&asking(&singles), |_| {}).is_ok());
    check(
        &asking(&[[1, b'a'].repeat(128), vec![0]].concat()),
        Err(NotDns),
    );
}

#[test]
fn lies_about_lengths_and_counts_lose_answers_only() {
    let good = answer(1, 4, &[192, 0, 2, 1]);
    let lie = answer(1, 5, &[192, 0, 2, 1]);
    check(
        &answering(&[good.clone(), lie]),
        Ok(&["?a.example", "=192.0.2.1"]),
    );
    let short = answer(1, 3, &[192, 0, 2]);
    check(
        &answering(&[short, good.clone()]),
        Ok(&["?a.example", "=192.0.2.1"]),
    );
    let past_data = answer(5, 3, &[5, b'a', b'b']);
    check(
        &answering(&[past_data, good.clone()]),
        Ok(&["?a.example", "=192.0.2.1"]),
    );
    for questions in [2, 65_535] {
        let mut message = answering(std::slice::from_ref(&good));
        message[4..6].copy_from_slice(&u16::to_be_bytes(questions));
        assert_eq!(parts(&message).unwrap().0[0], "?a.example");
    }
    let mut message = answering(&[good]);
    message[6..8].copy_from_slice(&[0xff, 0xff]);
    check(&message, Ok(&["?a.example", "=192.0.2.1"]));
}

#[test]
fn only_internet_records_of_known_types_count() {
    let mut chaos = answer(1, 4, &[192, 0, 2, 1]);
    chaos[5] = 3;
    check(&answering(&[chaos]), Ok(&["?a.example"]));
    check(
        &answering(&[answer(2, 2, &[0xc0, 12])]),
        Ok(&["?a.example"]),
    );
    let hints = [
        0, 1, 0, 0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2, 0, 6, 0, 1, 9,
    ];
    let expected: &[&str] = &["?a.example", "=192.0.2.1", "=192.0.2.2"];
    check(&answering(&[answer(65, 20, &hints)]), Ok(expected));
    check(&answering(&[answer(64, 20, &hints)]), Ok(expected));
    check(
        &answering(&[answer(64, 1, &hints[..1])]),
        Ok(&["?a.example"]),
    );
}

/// Counts what visiting costs: parts and the bytes of their names.
fn cost(message: &[u8]) -> (usize, usize, usize) {
    let (mut parts, mut bytes) = (0, 0);
    let mut budget = NAME_WORK_MAX;
    let _ = walk_within(message, &mut budget, |part| {
        parts += 1;
        match part {
            Part::Question(name) | Part::Name(name) => bytes += name.len(),
            Part::Address(_) => {}
        }
    });
    (parts, bytes, NAME_WORK_MAX - budget)
}

#[test]
fn the_work_on_a_hostile_message_is_bounded() {
    let long = [[63].as_slice(), &[b'x'; 63]].concat().repeat(3);
    let question = [&header(1, 65_535)[..], &long, &[0, 0, 1, 0, 1]].concat();
    let many = [question, answer(5, 2, &[0xc0, 12]).repeat(80_000)].concat();
    assert!(many.len() > 1 << 20);
    let (parts, bytes, work) = cost(&many);
    assert!(parts <= 65_536 / 12 && bytes <= NAME_WORK_MAX + 512 && work == NAME_WORK_MAX);

    let mut hops = hopping(127);
    hops[6..8].copy_from_slice(&[0xff, 0xff]);
    let last = hops[hops.len() - 14..].to_vec();
    hops.extend(last.repeat(80_000));
    let (_, bytes, work) = cost(&hops);
    assert!(bytes <= NAME_WORK_MAX && work == NAME_WORK_MAX);
}

#[test]
fn addresses_are_read_beyond_the_budget_of_names() {
    let names = answer(5, 2, &[0xc0, 12]);
    let message = answering(&[names, answer(1, 4, &[192, 0, 2, 1])]);
    let mut seen = Vec::new();
    let walked = walk_within(&message, &mut 0, |part| seen.push(format!("{part:?}")));
    assert!(walked.is_ok() && seen.len() == 2, "{seen:?}");
}

/// A name's text by the oracle's labels: the definition.
fn oracle_text(name: &OracleName) -> String {
    let label = |label: &[u8]| -> String {
        let byte = |&byte: &u8| match byte {
            b'.' | b'\\' => format!("\\{byte:03}"),
            0x21..=0x7e => char::from(byte).to_string(),
            _ => format!("\\{byte:03}"),
        };
        label.iter().map(byte).collect()
    };
    let labels: Vec<String> = name.iter().map(label).collect();
    if labels.is_empty() {
        ".".to_owned()
    } else {
        labels.join(".")
    }
}

/// All parts of a message by the oracle.
fn oracle_parts(message: &Message) -> Vec<String> {
    let mut parts = Vec::new();
    let service = |svcb: &SVCB| {
        let mut parts = Vec::new();
        if !svcb.target_name().is_root() {
            parts.push(format!(">{}", oracle_text(svcb.target_name())));
        }
        for (_, value) in svcb.svc_params() {
            match value {
                SvcParamValue::Ipv4Hint(IpHint(hints)) => {
                    parts.extend(hints.iter().map(|hint| format!("={}", hint.0)));
                }
                SvcParamValue::Ipv6Hint(IpHint(hints)) => {
                    parts.extend(hints.iter().map(|hint| format!("={}", hint.0)));
                }
                _ => {}
            }
        }
        parts
    };
    parts.extend(
        message
            .query()
            .map(|query| format!("?{}", oracle_text(query.name()))),
    );
    let internet = |record: &&OracleRecord| record.dns_class() == DNSClass::IN;
    for record in message.answers().iter().filter(internet) {
        match record.data() {
            RData::A(address) => parts.push(format!("={address}")),
            RData::AAAA(address) => parts.push(format!("={address}")),
            RData::CNAME(name) if !name.is_root() => parts.push(format!(">{}", oracle_text(name))),
            RData::SVCB(svcb) => parts.extend(service(svcb)),
            RData::HTTPS(https) => parts.extend(service(https)),
            _ => {}
        }
    }
    parts
}

/// Names of few letters, so that they compress, with bytes that need care.
fn name() -> impl Strategy<Value = OracleName> {
    let byte = prop_oneof![8 => Just(b'a'), 8 => Just(b'B'), 1 => any::<u8>(), 1 => Just(b'.')];
    let label = proptest::collection::vec(byte, 1..4);
    proptest::collection::vec(label, 0..5)
        .prop_map(|labels| OracleName::from_labels(labels.iter().map(Vec::as_slice)).unwrap())
}

/// Addresses of the documentation networks.
fn address_v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u8>().prop_map(|last| Ipv4Addr::new(192, 0, 2, last))
}

/// Addresses of the documentation networks.
fn address_v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u16>().prop_map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

/// The data of an SVCB record.
fn service() -> impl Strategy<Value = SVCB> {
    let v4 = proptest::collection::vec(address_v4(), 1..4);
    let v6 = proptest::collection::vec(address_v6(), 1..4);
    (any::<u16>(), name(), v4, v6).prop_map(|(priority, target, v4, v6)| {
        let v4 = IpHint(v4.into_iter().map(A).collect());
        let v6 = IpHint(v6.into_iter().map(AAAA).collect());
        let params = vec![
            (SvcParamKey::Port, SvcParamValue::Port(443)),
            (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(v4)),
            (SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(v6)),
        ];
        SVCB::new(priority, target, params)
    })
}

/// The data of a record.
fn rdata() -> impl Strategy<Value = RData> {
    prop_oneof![
        name().prop_map(|name| RData::CNAME(CNAME(name))),
        address_v4().prop_map(|address| RData::A(A(address))),
        address_v6().prop_map(|address| RData::AAAA(AAAA(address))),
        service().prop_map(RData::SVCB),
        service().prop_map(|service| RData::HTTPS(HTTPS(service))),
        Just(RData::TXT(TXT::new(vec!["text".to_owned()]))),
    ]
}

/// A whole message, compressed.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let record = (name(), rdata());
    (name(), proptest::collection::vec(record, 0..6)).prop_map(|(asked, records)| {
        let mut message = Message::new();
        message.add_query(Query::query(asked, RecordType::A));
        for (owner, data) in records {
            message.add_answer(OracleRecord::from_rdata(owner, 60, data));
        }
        message.to_vec().unwrap()
    })
}

proptest! {
    #[test]
    fn generated_messages_read_as_by_the_oracle(message in message()) {
        let oracle = oracle_parts(&Message::from_vec(&message).unwrap());
        prop_assert_eq!(parts(&message).map(|(parts, _)| parts), Ok(oracle));
    }

    #[test]
    fn any_bytes_read_at_least_what_the_oracle_reads(
        message in message(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        len in any::<prop::sample::Index>(),
    ) {
        let mut message = message;
        for (at, value) in edits {
            let at = at.index(message.len());
            message[at] = value;
        }
        message.truncate(len.index(message.len() + 1));
        let ours = parts(&message);
        if let Ok(oracle) = Message::from_vec(&message) {
            prop_assert_eq!(ours.unwrap().0, oracle_parts(&oracle));
        } else if message.len() >= 12 && message[4..6] != [0, 0] {
            let mut decoder = BinDecoder::new(&message).clone(12);
            if let Ok(query) = Query::read(&mut decoder) {
                prop_assert_eq!(&ours.unwrap().0[0], &format!("?{}", oracle_text(query.name())));
            }
        }
    }

    #[test]
    fn any_bytes_are_walked(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parts(&message);
    }
}

/// The UDP payloads in a capture of Ethernet frames.
fn udp_payloads(pcap: &[u8]) -> Vec<&[u8]> {
    let mut payloads = Vec::new();
    let mut rest = &pcap[24..];
    while let Some((head, tail)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let (frame, after) = tail.split_at(len);
        rest = after;
        let transport = match frame[12..14] {
            [8, 0] if frame[14 + 9] == 17 => 14 + 4 * usize::from(frame[14] & 15),
            [0x86, 0xdd] if frame[14 + 6] == 17 => 14 + 40,
            _ => continue,
        };
        payloads.push(&frame[transport + 8..]);
    }
    payloads
}

#[test]
fn captured_messages_read_as_by_the_oracle() {
    let mut read = 0;
    for path in ["events/dnscap/dns.pcap", "events/dnscap/dns6.pcap"] {
        let Some(pcap) = data(path) else { return };
        for payload in udp_payloads(&pcap) {
            let Ok(oracle) = Message::from_vec(payload) else {
                continue;
            };
            let (parts, facts) = parts(payload).unwrap();
            assert_eq!(parts, oracle_parts(&oracle));
            assert_eq!(
                facts.qtype,
                oracle.query().map(|query| query.query_type().into())
            );
            assert_eq!(facts.rcode, u16::from(oracle.response_code().low()));
            read += 1;
        }
    }
    assert!(read > 50, "only {read} messages");
}
