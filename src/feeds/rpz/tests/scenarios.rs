//! Zones of a resolver's own tests, with its answers to questions about them.

use super::*;

/// The zones of a scenario of a resolver's own tests, if they are there.
fn scenario(name: &str) -> Option<(String, Vec<Vec<String>>)> {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/peer-tests/unbound-rpz"
    );
    let Ok(text) = std::fs::read_to_string(format!("{root}/{name}")) else {
        skip();
        return None;
    };
    let parsed = zones(&text).map(|zone| {
        let (found, report) = parse_zone(zone);
        let mut refused = report.refused.keys();
        assert!(
            refused.all(|reason| *reason == reason::UNSUPPORTED_TRIGGER),
            "{name}"
        );
        found
    });
    let parsed = parsed.collect();
    Some((text, parsed))
}

#[test]
fn zones_of_a_resolvers_own_tests_are_read() {
    for (file, expected) in [
        ("rpz_qname.rpl", QNAME),
        ("rpz_respip.rpl", RESPIP),
        ("rpz_passthru.rpl", PASSTHRU),
    ] {
        if let Some((_, zones)) = scenario(file) {
            assert_eq!(zones, expected, "{file}");
        }
    }
}

/// The resolver marks what a policy answers as authoritative.
#[test]
fn what_a_resolver_answers_by_policy_is_what_is_listed() {
    let Some((text, zones)) = scenario("rpz_qname.rpl") else {
        return;
    };
    let mut n_answers = 0;
    for step in text.split("CHECK_ANSWER").skip(1) {
        let flags = step.lines().find(|line| line.starts_with("REPLY")).unwrap();
        let mut section = step.split("SECTION QUESTION\n").nth(1).unwrap().lines();
        let question = section.next().unwrap().split_whitespace().next().unwrap();
        // An answer by way of an alias, one over TCP after all, and a name for which a server of zones would find no wildcard,
        // since a name between the two exists.
        if ["f.example.", "x.b.a."].contains(&question) || step.contains("MATCH all TCP") {
            continue;
        }
        let listed = verdict(&zones, question.trim_end_matches('.'));
        assert_eq!(listed, flags.contains(" AA "), "{question}: {flags}");
        n_answers += 1;
    }
    assert_eq!(n_answers, 11);
}

/// Whether the first zone that says anything about `name` lists it: what it says of the name itself
/// goes before what it says of all below the longest parent.
fn verdict(zones: &[Vec<String>], name: &str) -> bool {
    let parents = std::iter::successors(name.split_once('.'), |(_, rest)| rest.split_once('.'));
    let rules: Vec<String> = std::iter::once(format!("name exact {name}"))
        .chain(parents.map(|(_, parent)| format!("name below {parent}")))
        .collect();
    for zone in zones {
        for rule in &rules {
            if zone.contains(&format!("allow {rule}")) {
                return false;
            }
            if zone.contains(rule) {
                return true;
            }
        }
    }
    false
}

/// The zone files within a scenario.
fn zones(scenario: &str) -> impl Iterator<Item = &str> {
    scenario
        .split("TEMPFILE_CONTENTS ")
        .skip(1)
        .filter_map(|rest| rest.split_once('\n')?.1.split("TEMPFILE_END").next())
}

#[expect(clippy::print_stdout, reason = "says why a test proves nothing")]
fn skip() {
    println!("skipped: no data");
}

/// What the two zones of `rpz_qname` list and let through.
const QNAME: &[&[&str]] = &[
    &[
        "name exact a",
        "name exact a",
        "name below a",
        "name exact b.a",
        "allow name exact c.a",
        "allow name exact c.g",
    ],
    &[
        "name exact a",
        "name exact d",
        "name exact e",
        "name below e",
        "name exact drop",
        "name exact tcp",
        "name exact c.g",
    ],
];

/// The same for addresses in answers.
const RESPIP: &[&[&str]] = &[
    &[
        "prefix 10.0.0.0/8",
        "prefix 10.10.0.0/16",
        "prefix 10.10.10.0/24",
        "allow prefix 10.10.10.10",
        "prefix 10.1.1.1",
        "prefix 2001:db8::/32",
        "prefix 2001:db8:aa::/48",
        "prefix 2001:db8:aa:bb::/64",
        "allow prefix 2001:db8:aa:bb:cc::1",
        "prefix 2001:db8:aa:bb:cc::123",
        "prefix 2001:db8:aa:bb:cc::124",
    ],
    &[
        "prefix 10.10.10.10",
        "prefix 192.0.2.123",
        "prefix 2001:db8:aa:bb:cc::1",
    ],
];

/// The same for zones whose own server would override them.
const PASSTHRU: &[&[&str]] = &[
    &["name exact c.a", "name exact d.a"],
    &["allow name exact e.a"],
    &["name exact c.a", "prefix 1.2.3.0/24"],
];
