//! A zone that is transferred lists what the same zone lists as a file, however its names are spelled.

use domain::base::Name;
use domain::base::iana::Rtype;
use proptest::prelude::*;

use super::server::{Rec, Server, below, cname, deny, messages, name, soa};
use super::*;
use crate::feeds::tests::{options as parse_options, parse_text, shown};
use crate::model::{FeedFormat, Indicator, Role};

/// Every record type that tests send, and some that no policy has.
const TYPES: [Rtype; 14] = [
    Rtype::A,
    Rtype::AAAA,
    Rtype::CNAME,
    Rtype::DNAME,
    Rtype::NS,
    Rtype::PTR,
    Rtype::MX,
    Rtype::TXT,
    Rtype::SRV,
    Rtype::DNSKEY,
    Rtype::HTTPS,
    Rtype::NULL,
    Rtype::OPENPGPKEY,
    Rtype::from_int(65280),
];

fn with_role(indicator: &Indicator<'_>) -> String {
    let role = if indicator.role == Role::Allow {
        "allow "
    } else {
        ""
    };
    format!("{role}{}", shown(indicator))
}

/// What a zone file lists, and what of it is refused.
pub(super) fn listed(text: &[u8]) -> (Vec<String>, Vec<(&'static str, u64)>, u64) {
    let (mut found, report) = parse_text(text, &parse_options(FeedFormat::Rpz), with_role);
    found.sort();
    let refused = report.refused.into_iter().collect();
    (found, refused, report.rows)
}

/// A name with every byte of every label escaped.
fn escaped(name: &Name<Vec<u8>>) -> String {
    let labels = name.iter().filter(|label| !label.is_root());
    let labels = labels.map(|label| {
        let bytes = label.iter().map(|byte| format!("\\{byte:03}"));
        bytes.collect::<String>() + "."
    });
    let text: String = labels.collect();
    if text.is_empty() {
        ".".to_owned()
    } else {
        text
    }
}

/// A zone file, written without regard for looks.
fn file(records: &[Rec]) -> String {
    let lines = records.iter().map(|Rec(owner, rtype, data)| {
        let data = match *rtype {
            Rtype::CNAME => escaped(&Name::from_octets(data.clone()).unwrap()),
            _ => "x".to_owned(),
        };
        format!("{} 300 IN {rtype} {data}\n", escaped(owner))
    });
    lines.collect()
}

/// Transfers a zone of these records and compares.
#[track_caller]
fn check(records: &[Rec]) -> (Vec<String>, Vec<(&'static str, u64)>, u64) {
    let whole = [&[soa(5)], records].concat();
    let place = Place::holding(&whole);
    let transferred = listed(&std::fs::read(&place.target).unwrap());
    assert_eq!(transferred, listed(file(&whole).as_bytes()));
    transferred
}

#[test]
fn triggers_and_actions_are_those_of_the_file() {
    let (found, refused, rows) = check(&[
        Rec(name(ZONE), Rtype::NS, vec![0]),
        deny("bad.example"),
        deny("*.bad.example"),
        cname("nodata.example", "*."),
        cname("good.example", "rpz-passthru."),
        cname("self.example", "self.example"),
        cname("same.example", "same.example.rpz.example"),
        cname("drop.example", "rpz-drop."),
        cname("lost.example", "rpz-passthru.rpz.example"),
        cname("32.5.113.0.203.rpz-ip", "."),
        cname("24.0.0.198.51.rpz-client-ip", "."),
        Rec(below("wall.example"), Rtype::A, vec![192, 0, 2, 1]),
        Rec(below("text.example"), Rtype::TXT, b"\x05a;\"\\\n".to_vec()),
        Rec(below("other.example"), Rtype::from_int(65280), vec![]),
        Rec(name("outside.example"), Rtype::CNAME, vec![0]),
    ]);
    assert_eq!(
        found,
        [
            "allow name exact good.example",
            "allow name exact same.example",
            "allow name exact self.example",
            "name below bad.example",
            "name exact bad.example",
            "name exact drop.example",
            "name exact nodata.example",
            "name exact other.example",
            "name exact text.example",
            "name exact wall.example",
            "prefix 203.0.113.5",
        ]
    );
    assert_eq!(
        refused,
        [
            (crate::feeds::reason::BAD_ACTION, 1),
            (crate::feeds::reason::OUT_OF_ZONE, 1),
            (crate::feeds::reason::UNSUPPORTED_TRIGGER, 1),
        ]
    );
    assert_eq!(rows, 16);
}

#[test]
fn a_name_of_a_servers_choice_is_never_more_than_a_name() {
    let labels: [&[u8]; 9] = [
        b";",
        b"$ORIGIN x",
        b"a\nb CNAME .",
        b"\"",
        b"(",
        b")",
        b"a b",
        b"@",
        b"a.b",
    ];
    for label in labels {
        let len = u8::try_from(label.len()).unwrap();
        let owner = [&[len], label, below("example").as_slice()].concat();
        let owner = Name::from_octets(owner).unwrap();
        let text = format!("{:?}", check(&[Rec(owner.clone(), Rtype::CNAME, vec![0])]));
        assert!(!text.contains("exact b"), "{text}");
        check(&[
            cname("a.example", "."),
            Rec(below("b.example"), Rtype::CNAME, owner.as_slice().to_vec()),
        ]);
    }
}

#[test]
fn differences_list_what_the_whole_zone_lists() {
    let place = Place::holding(&[
        soa(5),
        deny("a.example"),
        cname("b.example", "rpz-passthru."),
    ]);
    let sent = vec![
        soa(6),
        soa(5),
        cname("b.example", "rpz-passthru."),
        soa(6),
        deny("b.example"),
        deny("*.c.example"),
        soa(6),
    ];
    let server = Server::start(vec![messages(vec![sent])]);
    let got = ask(&options(&[server.address]), Some(5), &place.target);
    assert_eq!(got.unwrap(), new(6, 4, true));
    let zone = [
        soa(6),
        deny("a.example"),
        deny("b.example"),
        deny("*.c.example"),
    ];
    let found = listed(&std::fs::read(&place.target).unwrap());
    assert_eq!(found, listed(file(&zone).as_bytes()));
}

/// A label of any bytes, mostly of such as zone files give a meaning to.
fn label() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => proptest::sample::select(b"aAzZ09-_*".to_vec()),
        1 => proptest::sample::select(b"\\.$@;()\" \t\n\r\0/".to_vec()),
        1 => any::<u8>(),
    ];
    let special = proptest::sample::select(vec![
        b"*".to_vec(),
        b"rpz-ip".to_vec(),
        b"RPZ-passthru".to_vec(),
        b"zz".to_vec(),
        b"24".to_vec(),
    ]);
    prop_oneof![4 => proptest::collection::vec(byte, 1..6), 1 => special]
}

/// A name below the zone, or not.
fn owner() -> impl Strategy<Value = Name<Vec<u8>>> {
    let zone = proptest::sample::select(vec!["rpz.example", "rpz.example", "RPZ.example", "."]);
    (proptest::collection::vec(label(), 0..6), zone).prop_map(|(labels, zone)| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend_from_slice(&label);
        }
        wire.extend_from_slice(name(zone).as_slice());
        Name::from_octets(wire).unwrap()
    })
}

/// A record with data that its type allows.
fn record() -> impl Strategy<Value = Rec> {
    let bytes = proptest::collection::vec(any::<u8>(), 1..20);
    (
        owner(),
        proptest::sample::select(TYPES.to_vec()),
        owner(),
        bytes,
    )
        .prop_map(|(owner, rtype, target, bytes)| {
            let target = target.as_slice().to_vec();
            let data = match rtype {
                Rtype::A => vec![192, 0, 2, bytes[0]],
                Rtype::AAAA => [&[0x20, 0x01, 0x0d, 0xb8][..], &[bytes[0]; 12]].concat(),
                Rtype::CNAME | Rtype::DNAME | Rtype::NS | Rtype::PTR => target,
                Rtype::MX => [&[0, 10], &target[..]].concat(),
                Rtype::TXT => [&[u8::try_from(bytes.len()).unwrap()], &bytes[..]].concat(),
                _ => bytes,
            };
            Rec(owner, rtype, data)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_zone_lists_what_its_file_lists(records in proptest::collection::vec(record(), 0..12)) {
        check(&records);
    }
}
