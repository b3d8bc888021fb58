//! Tests of the DNS-collector decoder.

use proptest::prelude::*;

use super::super::event as full_event;
use super::*;
use crate::decode::tests::rows::{
    Foresight, Key, Words, check_after, check_faces, decoded, item, record_time, records, times,
};
use crate::model::{
    Answer, DnsEvent, DnsMessage, DnsSide, Endpoint, EventFormat, EventKind, TimeSource,
};

const FORMAT: EventFormat = EventFormat::DnsCollectorJson;

const NESTED: &str = r#"{"network":{"family":"IPv4","protocol":"UDP","query-ip":"198.51.100.7","query-port":"53123","response-ip":"192.0.2.53","response-port":"53","ip-defragmented":false},"dns":{"length":74,"id":6699,"opcode":0,"rcode":"NOERROR","qname":"WWW.bad.example","qclass":"IN","qtype":"A","flags":{"qr":true,"tc":false},"resource-records":{"an":[{"name":"www.bad.example","rdatatype":"CNAME","class":"IN","ttl":300,"rdata":"c2x.bad.example"},{"name":"c2x.bad.example","rdatatype":"A","class":"IN","ttl":60,"rdata":"203.0.113.66"}],"ns":[{"rdatatype":"NS","rdata":"ns.example"}],"ar":[]},"malformed-packet":false},"edns":{"options":[{"code":8,"name":"CSUBNET","data":"198.51.100.0/24"}]},"dnstap":{"operation":"CLIENT_RESPONSE","identity":"res1","timestamp-rfc3339ns":"2026-01-01T00:00:00.14Z","policy-action":"-","query-zone":"-"}}"#;

const FLAT: &str = r#"{"dns.flags.qr":true,"dns.qname":"WWW.bad.example","dns.qtype":"A","dns.rcode":"NOERROR","dns.resource-records.an.0.rdata":"c2x.bad.example","dns.resource-records.an.0.rdatatype":"CNAME","dns.resource-records.an.0.name":"www.bad.example","dns.resource-records.an.1.rdata":"203.0.113.66","dns.resource-records.an.1.rdatatype":"A","dns.resource-records.ns":"-","dns.resource-records.ar":"-","dnstap.identity":"res1","dnstap.operation":"CLIENT_RESPONSE","dnstap.policy-action":"-","dnstap.timestamp-rfc3339ns":"2026-01-01T00:00:00.14Z","network.query-ip":"198.51.100.7","network.query-port":"53123","network.response-ip":"192.0.2.53","network.response-port":"53"}"#;

/// The DNS event of a row.
#[track_caller]
fn dns(row: &str) -> DnsEvent {
    match decoded(FORMAT, row).kind {
        EventKind::Dns(dns) => dns,
        EventKind::Flow(_) => panic!("not a DNS event: {row}"),
    }
}

fn name(text: &str) -> Answer {
    Answer::Name(text.to_owned())
}

fn address(text: &str) -> Answer {
    Answer::Address(text.parse().unwrap())
}

#[test]
fn a_nested_row_is_decoded_whole() {
    let event = decoded(FORMAT, NESTED);
    assert_eq!(event.time, EventTime::from_nanos(1_767_225_600_140_000_000));
    assert_eq!(
        (event.observer.as_deref(), event.hint),
        (Some("res1"), None)
    );
    let end = |ip: &str, port| {
        let ip = ip.parse().unwrap();
        Some(Endpoint {
            ip,
            port: Some(port),
        })
    };
    let expected = DnsEvent {
        client: end("198.51.100.7", 53123),
        resolver: end("192.0.2.53", 53),
        side: DnsSide::Client,
        message: DnsMessage::Response,
        qname: "www.bad.example".to_owned(),
        qtype: Some(1),
        rcode: Some(0),
        answers: vec![name("c2x.bad.example"), address("203.0.113.66")],
        blocked: false,
    };
    assert_eq!(event.kind, EventKind::Dns(expected));
}

#[test]
fn the_flat_form_says_the_same() {
    assert_eq!(decoded(FORMAT, FLAT), decoded(FORMAT, NESTED));
    let keys = [
        Key::Name("WWW.bad.example".to_owned()),
        Key::Name("c2x.bad.example".to_owned()),
        Key::Address("203.0.113.66".parse().unwrap(), None),
    ];
    assert_eq!(item(FORMAT, FLAT).keys, keys);
    assert_eq!(item(FORMAT, NESTED).keys, keys);
}

#[test]
fn a_sentinel_is_no_name_no_port_and_no_address() {
    for sentinel in ["-", "<nil>", ""] {
        let row = FLAT
            .replace("WWW.bad.example", sentinel)
            .replace("53123", sentinel)
            .replace("192.0.2.53", sentinel)
            .replace("c2x.bad.example", sentinel)
            .replace("res1", sentinel);
        let event = dns(&row);
        assert_eq!((event.qname.as_str(), event.resolver), ("", None));
        assert_eq!(event.client.unwrap().port, None);
        assert_eq!(event.answers, [address("203.0.113.66")]);
        assert_eq!(decoded(FORMAT, &row).observer, None);
        assert_eq!(item(FORMAT, &row).keys.len(), 1, "{sentinel}");
    }
}

#[test]
fn resolver_forwarder_and_authority_speak_for_no_client() {
    for (operation, side, message) in [
        ("CLIENT_QUERY", DnsSide::Client, DnsMessage::Query),
        ("CR", DnsSide::Client, DnsMessage::Response),
        ("STUB_RESPONSE", DnsSide::Client, DnsMessage::Response),
        ("TQ", DnsSide::Client, DnsMessage::Query),
        ("RESOLVER_QUERY", DnsSide::Upstream, DnsMessage::Query),
        ("RR", DnsSide::Upstream, DnsMessage::Response),
        ("AUTH_RESPONSE", DnsSide::Upstream, DnsMessage::Response),
        ("FORWARDER_QUERY", DnsSide::Upstream, DnsMessage::Query),
        ("FR", DnsSide::Upstream, DnsMessage::Response),
        ("-", DnsSide::Client, DnsMessage::Response),
    ] {
        let row = FLAT
            .replace("CLIENT_RESPONSE", operation)
            .replace(r#""dns.flags.qr":true,"#, "");
        assert_eq!(
            (dns(&row).side, dns(&row).message),
            (side, message),
            "{operation}"
        );
    }
}

#[test]
fn the_message_says_itself_what_it_is() {
    for (flag, message) in [
        (r#""dns.flags.qr":false"#, DnsMessage::Query),
        (r#""dns.qr":"Q""#, DnsMessage::Query),
        (r#""dns.qr":"REPLY""#, DnsMessage::Response),
        (r#""dns.type":"query""#, DnsMessage::Query),
    ] {
        let row = FLAT.replace(r#""dns.flags.qr":true"#, flag);
        assert_eq!(dns(&row).message, message, "{flag}");
    }
}

#[test]
fn service_bindings_hold_targets_and_hints() {
    let data = r#""rdata":"1 svc.bad.example alpn=\"h2\" ipv4hint=203.0.113.66,203.0.113.67 ipv6hint=2001:db8::66""#;
    for kind in ["HTTPS", "SVCB"] {
        let row = NESTED
            .replace(r#""rdata":"203.0.113.66""#, data)
            .replace(r#""rdatatype":"A""#, &format!(r#""rdatatype":"{kind}""#));
        let answers = ["203.0.113.66", "203.0.113.67", "2001:db8::66"].map(address);
        assert_eq!(dns(&row).answers[1], name("svc.bad.example"), "{kind}");
        assert_eq!(dns(&row).answers[2..], answers, "{kind}");
        check_faces(FORMAT, Foresight::Exact, row.as_bytes());
    }
}

#[test]
fn other_record_types_are_not_matched() {
    for kind in ["TXT", "NS", "UNKNOWN", "-"] {
        let row = FLAT.replace(r#""CNAME""#, &format!("{kind:?}"));
        assert_eq!(dns(&row).answers, [address("203.0.113.66")], "{kind}");
    }
}

#[test]
fn a_masked_or_hashed_client_is_a_hint() {
    for masked in ["198.51.0.0/16", "0fa3c1d09b7e4f5a6b7c8d9e0f1a2b3c4d5e6f70"] {
        let row = FLAT.replace("198.51.100.7", masked);
        assert_eq!(dns(&row).client, None);
        assert_eq!(decoded(FORMAT, &row).hint.as_deref(), Some(masked));
    }
}

#[test]
fn the_requestor_is_a_hint() {
    for (block, hint) in [
        (
            r#"{"powerdns":{"requestor-id":"line-0042","device-id":"d"},"#,
            "line-0042",
        ),
        (r#"{"powerdns":{"requestor-id":"","device-id":"d"},"#, "d"),
        (r#"{"powerdns.requestor-id":"line-0042","#, "line-0042"),
    ] {
        let row = FLAT.replacen('{', block, 1);
        assert_eq!(decoded(FORMAT, &row).hint.as_deref(), Some(hint), "{block}");
    }
}

#[test]
fn a_policy_that_acts_blocks_and_is_no_reason_to_drop() {
    for (action, blocked) in [
        ("-", false),
        ("PASS", false),
        ("NoAction", false),
        ("NXDOMAIN", true),
        ("LOCAL_DATA", true),
    ] {
        let row = FLAT.replace(
            r#""dnstap.policy-action":"-""#,
            &format!(r#""dnstap.policy-action":"{action}""#),
        );
        assert_eq!(dns(&row).blocked, blocked, "{action}");
    }
    for (block, blocked) in [
        (
            r#"{"powerdns":{"applied-policy":"rpz","applied-policy-kind":"Custom"},"#,
            true,
        ),
        (
            r#"{"powerdns":{"applied-policy":"rpz","applied-policy-kind":"NoAction"},"#,
            false,
        ),
        (r#"{"powerdns":{"applied-policy":"-"},"#, false),
    ] {
        assert_eq!(
            dns(&FLAT.replacen('{', block, 1)).blocked,
            blocked,
            "{block}"
        );
    }
}

/// A nested row whose answer came with these options.
fn nested_with(options: &str) -> String {
    let written = r#"{"code":8,"name":"CSUBNET","data":"198.51.100.0/24"}"#;
    assert!(NESTED.contains(written));
    NESTED.replace(written, options)
}

#[test]
fn an_extended_error_of_a_policy_blocks_and_others_do_not() {
    let subnet = r#"{"code":8,"name":"CSUBNET","data":"198.51.100.0/24"}"#;
    for (data, blocked) in [
        ("4 Forged Answer -", true),
        ("15 Blocked -", true),
        ("15 Blocked malware: see https://a.example/why", true),
        ("16 Censored by order 17", true),
        ("17 Filtered -", true),
        ("18 Prohibited -", true),
        ("15", true),
        ("3 Stale Answer -", false),
        ("22 No Reachable Authority 15 Blocked", false),
        (
            "49152 - Provided ECS includes 32 bits, but no more than 24 are allowed.",
            false,
        ),
        ("-", false),
        ("", false),
        ("Blocked", false),
        ("65551 -", false),
    ] {
        let error = format!(r#"{{"code":15,"name":"ERRORS","data":"{data}"}}"#);
        for options in [
            error.clone(),
            format!("{subnet},{error}"),
            format!("{error},{subnet}"),
        ] {
            assert_eq!(dns(&nested_with(&options)).blocked, blocked, "{options}");
        }
        let flat = format!(
            r#"{{"edns.dnssec-ok":0,"edns.options.0.code":10,"edns.options.0.data":"-","edns.options.0.name":"COOKIE","edns.options.1.code":15,"edns.options.1.data":"{data}","edns.options.1.name":"ERRORS","edns.rcode":0,"edns.udp-size":1232,"edns.version":0,"#
        );
        let flat = FLAT.replacen('{', &flat, 1);
        assert_eq!(dns(&flat).blocked, blocked, "{flat}");
        check_faces(FORMAT, Foresight::Exact, flat.as_bytes());
    }
}

#[test]
fn only_the_option_of_errors_counts_and_only_beside_an_answer() {
    for (options, blocked) in [
        // Another option whose text begins with the number of an error.
        (r#"{"code":3,"name":"NSID","data":"15 Blocked -"}"#, false),
        (
            r#"{"code":10,"name":"ERRORS","data":"15 Blocked -"}"#,
            false,
        ),
        // What a rule that drops keys leaves.
        (r#"{"name":"ERRORS","data":"15 Blocked -"}"#, true),
        (r#"{"code":"15","data":"15 Blocked -"}"#, true),
        (r#"{"data":"15 Blocked -"}"#, false),
        (r#"{"code":15,"name":"ERRORS","data":15}"#, false),
        (r#"{"code":15,"name":"ERRORS"}"#, false),
        (r#"15"#, false),
    ] {
        assert_eq!(dns(&nested_with(options)).blocked, blocked, "{options}");
    }
    let empty = FLAT.replacen('{', r#"{"edns.options":"-","#, 1);
    assert!(!dns(&empty).blocked);
    let error = r#"{"code":15,"name":"ERRORS","data":"15 Blocked -"}"#;
    let question = nested_with(error).replace(r#""qr":true"#, r#""qr":false"#);
    assert!(!dns(&question).blocked);
}

#[test]
fn the_record_time_stands_in_for_an_absent_one() {
    let row = FLAT.replace("2026-01-01T00:00:00.14Z", "-");
    let event = full_event(FORMAT, row.as_bytes(), record_time())
        .unwrap()
        .unwrap();
    assert_eq!(event.time_source, TimeSource::Record);
    assert_eq!(
        full_event(FORMAT, row.as_bytes(), None),
        Err(Reject::NoTime)
    );
}

#[test]
fn a_row_without_a_question_is_rejected() {
    for row in [
        "{}",
        r#"{"dns":{}}"#,
        r#"{"dns":{"qname":null}}"#,
        r#"{"dns.qname":7}"#,
        r#"{"qname":"a.example"}"#,
        r#"{"":{"dns.qname":"a.example"}}"#,
    ] {
        assert_eq!(
            item(FORMAT, row).outcome,
            Outcome::Rejected(Reject::Schema),
            "{row}"
        );
        check_faces(FORMAT, Foresight::Exact, row.as_bytes());
    }
}

#[test]
fn long_paths_cost_no_more_than_they_are_long() {
    let key = "k".repeat(100_000);
    let members = r#""a":1,"#.repeat(50_000);
    let row = format!(r#"{{"{key}":{{{members}"b":1}},"dns.qname":"a.example"}}"#);
    check_faces(FORMAT, Foresight::Exact, row.as_bytes());
}

const WORDS: Words = Words {
    keys: &[
        "dns",
        "dns",
        "dns.qname",
        "qname",
        "qname",
        "resource-records",
        "resource-records",
        "an",
        "an",
        "0",
        "1",
        "rdata",
        "rdata",
        "rdatatype",
        "rdatatype",
        "dns.resource-records",
        "resource-records.an",
        "an.0.rdata",
        "dns.resource-records.an",
        "dns.resource-records.an.0.rdata",
        "dns.resource-records.an.0.rdatatype",
        "dns.resource-records.an.1",
        "dnstap",
        "operation",
    ],
    texts: &[
        "A",
        "AAAA",
        "CNAME",
        "HTTPS",
        "SVCB",
        "1 svc.example ipv4hint=203.0.113.66",
        "1 . ipv6hint=\"2001:db8::66\"",
        "CLIENT_QUERY",
    ],
    rows: &[NESTED, FLAT],
};

proptest! {
    #[test]
    fn both_faces_agree_on_any_row(record in records(WORDS)) {
        check_faces(FORMAT, Foresight::Exact, &record);
    }

    #[test]
    fn what_came_before_changes_nothing(times in times(), record in records(WORDS)) {
        check_after(FORMAT, (NESTED, times), &record);
    }

    #[test]
    fn both_faces_agree_on_any_bytes(record in proptest::collection::vec(any::<u8>(), 0..80)) {
        check_faces(FORMAT, Foresight::Exact, &record);
    }
}
