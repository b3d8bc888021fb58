//! Patterns that are lists, that are more, and that are none.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(pattern: &str, expected: &[Listed]) {
    let meaning = parse(pattern);
    let expected = Meaning {
        listed: expected.to_vec(),
        refused: None,
    };
    assert_eq!(meaning, Ok(expected), "{pattern}");
}

#[track_caller]
fn refuses(pattern: &str, expected: Reason) {
    let meaning = parse(pattern);
    let refused = meaning
        .as_ref()
        .map_or_else(|error| Some(*error), |meaning| meaning.refused);
    assert_eq!(refused, Some(expected), "{pattern}");
    assert!(meaning.is_ok_and(|meaning| meaning.listed.is_empty()) || refused.is_some());
}

fn name(text: &str) -> Listed {
    Listed::Name(text.to_owned())
}

fn address(text: &str) -> Listed {
    Listed::Address(text.to_owned())
}

fn at_port(text: &str, port: &str) -> Listed {
    Listed::PeerPort(text.to_owned(), port.to_owned())
}

#[test]
fn comparisons_list_their_values() {
    check("[domain-name:value='a.example']", &[name("a.example")]);
    check(
        " [ domain-name:value\t=\n'a.example' ] ",
        &[name("a.example")],
    );
    check(
        "[ipv4-addr:value = '203.0.113.0/24']",
        &[address("203.0.113.0/24")],
    );
    check(
        "[ipv4-addr:value ISSUBSET '203.0.113.0/24']",
        &[address("203.0.113.0/24")],
    );
    check(
        "[ipv6-addr:value = '2001:db8::5']",
        &[address("2001:db8::5")],
    );
    check(
        "[url:value = 'http://a.example/x']",
        &[Listed::Url("http://a.example/x".to_owned())],
    );
    check(
        "[url:value = 'it\\'s \\\\ so']",
        &[Listed::Url("it's \\ so".to_owned())],
    );
    check("[url:value = 'it''s']", &[Listed::Url("it's".to_owned())]);
    check("[domain-name:value = '']", &[name("")]);
    check(
        "[network-traffic:dst_ref.value = 'a.example']",
        &[Listed::Peer("a.example".to_owned())],
    );
}

#[test]
fn any_of_several_is_all_of_them() {
    let both = [name("a.example"), name("b.example")];
    for pattern in [
        "[domain-name:value IN ('a.example', 'b.example')]",
        "[domain-name:value = 'a.example' OR domain-name:value = 'b.example']",
        "[domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']",
        "([domain-name:value = 'a.example'] or ([domain-name:value = 'b.example']))",
        "[(domain-name:value = 'a.example' OR (domain-name:value = 'b.example'))]",
    ] {
        check(pattern, &both);
    }
}

#[test]
fn an_address_and_its_port_belong_together() {
    let expected = [at_port("203.0.113.5", "443")];
    for pattern in [
        "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]",
        "[network-traffic:dst_port = 443 AND network-traffic:dst_ref.value = '203.0.113.5']",
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]",
    ] {
        check(pattern, &expected);
    }
    check(
        "[network-traffic:dst_ref.value IN ('203.0.113.5', '203.0.113.6') AND network-traffic:dst_port IN (80, 443)]",
        &[
            at_port("203.0.113.5", "80"),
            at_port("203.0.113.5", "443"),
            at_port("203.0.113.6", "80"),
            at_port("203.0.113.6", "443"),
        ],
    );
    let many = vec!["1"; 100].join(",");
    refuses(
        &format!(
            "[network-traffic:dst_ref.value IN ({many}) AND network-traffic:dst_port IN ({many})]"
        ),
        reason::UNSUPPORTED_PATTERN,
    );
}

#[test]
fn what_says_more_than_a_list_is_refused() {
    for pattern in [
        "[domain-name:value = 'a.example' AND ipv4-addr:value = '203.0.113.5']",
        "[domain-name:value = 'a.example' AND file:name = 'a']",
        "[domain-name:value = 'a.example'] AND [domain-name:value = 'b.example']",
        "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
        "[domain-name:value = 'a.example'] WITHIN 5 SECONDS",
        "[domain-name:value = 'a.example'] REPEATS 5 TIMES",
        "[domain-name:value = 'a.example'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
        "[domain-name:value LIKE '%.example']",
        "[domain-name:value MATCHES '^a']",
        "[domain-name:value != 'a.example']",
        "[domain-name:value NOT = 'a.example']",
        "[NOT domain-name:value = 'a.example']",
        "[NOT EXISTS domain-name:value]",
        "[domain-name:value NOT IN ('a.example')]",
        "[ipv4-addr:value ISSUPERSET '203.0.113.0/24']",
        "[domain-name:resolves_to_refs[*].value = '203.0.113.5']",
        "[network-traffic:dst_port = 443]",
        "[network-traffic:dst_ref.type = 'ipv4-addr']",
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND domain-name:value = 'a.example']",
        "[network-traffic:src_ref.value = '203.0.113.5']",
        "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:protocols[*] = 'tcp']",
        "[(domain-name:value = 'a.example' OR url:value = 'x') AND network-traffic:dst_port = 443]",
    ] {
        refuses(pattern, reason::UNSUPPORTED_PATTERN);
    }
    for pattern in [
        "[file:hashes.'SHA-256' = 'aa']",
        "[file:hashes.MD5 = 'aa' AND file:size > 5]",
        "[file:extensions.'windows-pebinary-ext'.sections[*].entropy > 7.0]",
        "[process:name = 'a' OR email-addr:value = 'a@a.example']",
        "[x-own:data = h'00' OR x-own:at > t'2026-01-01T00:00:00Z' OR x-own:yes = true]",
    ] {
        refuses(pattern, reason::NOT_NETWORK);
    }
}

#[test]
fn what_is_enough_alone_is_listed_beside_what_cannot_be() {
    for (pattern, expected) in [
        (
            "[domain-name:value = 'a.example' OR file:name = 'a']",
            reason::NOT_NETWORK,
        ),
        (
            "[domain-name:value = 'a.example'] OR [domain-name:value = 'b.example'] REPEATS 5 TIMES",
            reason::UNSUPPORTED_PATTERN,
        ),
        (
            "[url:value = 'x'] AND [url:value = 'y'] OR [domain-name:value = 'a.example']",
            reason::UNSUPPORTED_PATTERN,
        ),
    ] {
        let expected = Meaning {
            listed: vec![name("a.example")],
            refused: Some(expected),
        };
        assert_eq!(parse(pattern), Ok(expected), "{pattern}");
    }
}

#[test]
fn what_does_not_parse_is_refused() {
    for pattern in [
        "",
        "a.example",
        "[",
        "[]",
        "[domain-name:value = 'a.example'",
        "[domain-name:value = 'a.example",
        "[domain-name:value = 'a.example\\",
        "[domain-name:value = 'a.example']]",
        "[domain-name:value = 'a.example'] [domain-name:value = 'a.example']",
        "[domain-name:value = 'a.example' OR]",
        "[domain-name:value = 'a.example'] OR",
        "[domain-name:value 'a.example']",
        "[domain-name:value IN ('a.example'",
        "[domain-name:value IN ()]",
        "[domain-name:value = 'a.example'] WITHIN",
        "[domain-name:value = \"a.example\"]",
        "[file:hashes.'MD5 = 5]",
        "[file:parts[1 = 5",
        "(domain-name:value = 'a.example')",
    ] {
        refuses(pattern, reason::BAD_PATTERN_SYNTAX);
    }
}

#[test]
fn parentheses_do_not_go_deeper_than_the_stack() {
    for (open, close) in [("(", ")"), ("[(", ")]")] {
        let deep =
            open.repeat(100_000) + "[domain-name:value = 'a.example']" + &close.repeat(100_000);
        assert!(parse(&deep).is_err());
    }
    let inside = format!("[{}{}]", "(".repeat(100_000), ")".repeat(100_000));
    refuses(&inside, reason::UNSUPPORTED_PATTERN);
    let whole = format!("[{}url:value = 'x'{}]", "(".repeat(32), ")".repeat(32));
    check(&whole, &[Listed::Url("x".to_owned())]);
}

/// A piece of a pattern.
fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "[",
        "]",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "'",
        "\\",
        "'a'",
        " OR ",
        " AND ",
        " NOT ",
        " IN ",
        "5",
        "domain-name:value",
        "network-traffic:dst_ref.value",
        "network-traffic:dst_port",
        " WITHIN ",
        "EXISTS ",
        "t'",
        ".",
        ":",
        "[*]",
        "[domain-name:value='a']",
        "ä",
    ])
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text: String) {
        let _ = parse(&text);
    }

    #[test]
    fn arbitrary_pieces_never_panic_and_something_always_comes_of_them(pieces in proptest::collection::vec(piece(), 0..12)) {
        if let Ok(meaning) = parse(&pieces.concat()) {
            prop_assert!(!meaning.listed.is_empty() || meaning.refused.is_some());
        }
    }

    #[test]
    fn constants_come_back_as_they_were_quoted(text in "[a'\\\\ ä\\]]{0,8}") {
        let quoted = text.replace('\\', "\\\\").replace('\'', "\\'");
        let meaning = parse(&format!("[url:value = '{quoted}']")).unwrap();
        prop_assert_eq!(meaning.listed, [Listed::Url(text)]);
    }
}
