//! Policy zones: what each trigger and action lists, and how zone files are written.

mod scenarios;

use proptest::prelude::*;

use super::*;
use crate::feeds::FeedReport;
use crate::feeds::tests::{options, parse_text, shown};
use crate::model::{FeedFormat, Indicator};

const HEAD: &str =
    "$TTL 1h\n$ORIGIN rpz.example.\n@ IN SOA ns.example. admin.example. (1 2 3 4 5)\n";

fn with_role(indicator: &Indicator<'_>) -> String {
    let role = match indicator.role {
        Role::Allow => "allow ",
        _ => "",
    };
    format!("{role}{}", shown(indicator))
}

fn parse_zone(text: &str) -> (Vec<String>, FeedReport) {
    parse_text(text.as_bytes(), &options(FeedFormat::Rpz), with_role)
}

/// Checks what one entry below the head of a zone lists, or why it is refused.
#[track_caller]
fn check(entry: &str, expected: Result<&[&str], Reason>) {
    let (found, report) = parse_zone(&format!("{HEAD}{entry}\n"));
    let (expected, refused) = match expected {
        Ok(expected) => (expected, [].into()),
        Err(reason) => (&[][..], [(reason, 1)].into()),
    };
    assert_eq!(report.refused, refused, "entry {entry:?}");
    assert_eq!(found, expected, "entry {entry:?}");
    assert_eq!(report.rows, 2, "entry {entry:?}");
}

#[test]
fn names_are_exact_and_wildcards_are_what_is_below() {
    check("bad.example CNAME .", Ok(&["name exact bad.example"]));
    check("*.bad.example CNAME .", Ok(&["name below bad.example"]));
    check("\\*.bad.example CNAME .", Ok(&["name below bad.example"]));
    check("Bad.Example CNAME .", Ok(&["name exact bad.example"]));
    check(
        "bad.example.RPZ.Example. CNAME .",
        Ok(&["name exact bad.example"]),
    );
    check("b\\097d.example CNAME .", Ok(&["name exact bad.example"]));
    check("b\\ad.example CNAME .", Ok(&["name exact bad.example"]));
    check(
        "bücher.test CNAME .",
        Ok(&["name exact xn--bcher-kva.test"]),
    );
    check("a\\.b.example CNAME .", Err(reason::ODD_CHARACTER));
    check("a.*.example CNAME .", Err(reason::ODD_CHARACTER));
    check("a\\000.example CNAME .", Err("bad_byte"));
    check("a\\255.example CNAME .", Err(reason::NOT_UTF8));
    check("* CNAME .", Err(reason::EVERY_NAME));
    check("5.113.0.203 CNAME .", Err(reason::BAD_ADDRESS));
    check("bad.example. CNAME .", Err(reason::OUT_OF_ZONE));
    check("bad.evilrpz.example. CNAME .", Err(reason::OUT_OF_ZONE));
}

#[test]
fn what_a_name_means_can_be_set() {
    let options = ParseOptions {
        names: Some(Scope::Subtree),
        ..options(FeedFormat::Rpz)
    };
    let text = format!("{HEAD}bad.example CNAME .\n*.two.example CNAME .\n");
    let (found, _) = parse_text(text.as_bytes(), &options, shown);
    assert_eq!(
        found,
        ["name subtree bad.example", "name below two.example"]
    );
}

#[test]
fn addresses_in_answers_are_prefixes() {
    let rows: [(&str, Result<&[&str], Reason>); 15] = [
        ("32.5.113.0.203.rpz-ip", Ok(&["prefix 203.0.113.5"])),
        ("24.0.113.0.203.RPZ-IP", Ok(&["prefix 203.0.113.0/24"])),
        ("8.0.0.0.10.rpz-ip", Ok(&["prefix 10.0.0.0/8"])),
        ("48.zz.1.db8.2001.rpz-ip", Ok(&["prefix 2001:db8:1::/48"])),
        ("128.1.zz.db8.2001.rpz-ip", Ok(&["prefix 2001:db8::1"])),
        ("128.1.zz.rpz-ip", Ok(&["prefix ::1"])),
        (
            "128.124.0.0.cc.bb.aa.db8.2001.rpz-ip",
            Ok(&["prefix 2001:db8:aa:bb:cc::124"]),
        ),
        ("rpz-ip", Err(reason::BAD_PREFIX)),
        ("32.rpz-ip", Err(reason::BAD_PREFIX)),
        ("33.5.113.0.203.rpz-ip", Err(reason::BAD_PREFIX)),
        ("032.5.113.0.203.rpz-ip", Err(reason::BAD_PREFIX)),
        ("32.256.113.0.203.rpz-ip", Err(reason::BAD_PREFIX)),
        ("32.113.0.203.rpz-ip", Err(reason::BAD_PREFIX)),
        ("128.zz.1.zz.2001.rpz-ip", Err(reason::BAD_PREFIX)),
        ("64.1.2.3.4.5.6.7.8.9.rpz-ip", Err(reason::BAD_PREFIX)),
    ];
    for (owner, expected) in rows {
        check(&format!("{owner} CNAME ."), expected);
    }
    let text = format!("{HEAD}24.5.113.0.203.rpz-ip CNAME .\n");
    let (found, report) = parse_zone(&text);
    assert_eq!(found, ["prefix 203.0.113.0/24"]);
    assert_eq!(report.warnings, [(reason::HOST_BITS, 1)].into());
}

#[test]
fn triggers_that_events_do_not_tell_are_refused() {
    for owner in [
        "24.0.113.0.203.rpz-client-ip",
        "ns.bad.example.rpz-nsdname",
        "24.0.113.0.203.rpz-nsip",
        "bad.example.rpz-other",
    ] {
        check(
            &format!("{owner} CNAME ."),
            Err(reason::UNSUPPORTED_TRIGGER),
        );
    }
}

#[test]
fn every_action_lists_but_passing_through_which_allows() {
    let listed: &[&str] = &["name exact bad.example"];
    for action in [
        "CNAME .",
        "CNAME *.",
        "CNAME rpz-drop.",
        "cname RPZ-TCP-Only.",
        "CNAME wall.example.",
        "CNAME *.wall.example.",
        "CNAME wall",
        "A 203.0.113.1",
        "AAAA 2001:db8::1",
        "TXT \"a;b\" \"(c\"",
        "MX 0 .",
        "TYPE65400 \\# 0",
    ] {
        check(&format!("bad.example {action}"), Ok(listed));
    }
    let allowed: &[&str] = &["allow name exact bad.example"];
    for action in [
        "rpz-passthru.",
        "RPZ-Passthru.",
        "bad.example.",
        "BAD.example",
    ] {
        check(&format!("bad.example CNAME {action}"), Ok(allowed));
    }
    check(
        "*.ok.example CNAME rpz-passthru.",
        Ok(&["allow name below ok.example"]),
    );
    check(
        "*.ok.example CNAME *.ok.example.",
        Ok(&["allow name below ok.example"]),
    );
    check(
        "32.5.113.0.203.rpz-ip CNAME rpz-passthru.",
        Ok(&["allow prefix 203.0.113.5"]),
    );
}

#[test]
fn an_action_that_nobody_defined_or_without_its_dot_is_refused() {
    for target in ["rpz-passthru", "rpz-drop", "rpz-other.", "x.rpz-drop"] {
        let expected = match target {
            "x.rpz-drop" => Ok(&["name exact bad.example"][..]),
            _ => Err(reason::BAD_ACTION),
        };
        check(&format!("bad.example CNAME {target}"), expected);
    }
    check("bad.example CNAME", Err(reason::MISSING_VALUE));
    check("bad.example CNAME a..", Err("empty_label"));
    check("bad.example CNAME . .", Err(reason::EXTRA_TEXT));
}

#[test]
fn records_of_the_zone_itself_and_of_its_signatures_list_nothing() {
    for entry in [
        "@ NS ns.example.",
        "rpz.example. 60 IN A 203.0.113.1",
        "bad.example NS ns.example.",
        "bad.example RRSIG CNAME 8 2 60 (\n20260101000000\n20260102000000 )",
    ] {
        check(entry, Ok(&[]));
    }
}

#[test]
fn time_class_and_layout_are_as_zone_files_have_them() {
    let one: &[&str] = &["name exact bad.example"];
    for entry in [
        "bad.example 60 IN CNAME .",
        "bad.example IN 1h30m CNAME .",
        "bad.example in cname . ; a ( comment \"",
        "bad.example\t60\tCNAME\t.\r",
        "bad.example (\n\n; nothing\n 60 IN\nCNAME\n. )",
        "\n ; c\n\nbad.example CNAME .",
        "\"bad.example\" CNAME .",
    ] {
        check(entry, Ok(one));
    }
    check("bad.example 60", Err(reason::MISSING_VALUE));
    check("bad.example 60 60 60 A .", Err(reason::UNKNOWN_TYPE));
    check("bad.example CH TXT a", Err(reason::UNKNOWN_TYPE));
    check("bad.example", Err(reason::MISSING_VALUE));
    check("bad.example TXT \"a", Err(reason::UNCLOSED_QUOTE));
    check("bad.example ) CNAME .", Err(reason::UNBALANCED_PARENTHESES));
    check("bad\\.example\\ CNAME .", Err(reason::UNKNOWN_TYPE));
    check("b\\9d.example CNAME .", Err(reason::BAD_ESCAPE));
    check("b\\256d.example CNAME .", Err(reason::BAD_ESCAPE));
    check("bad.example\\", Err(reason::BAD_ESCAPE));
    check("a..b CNAME .", Err("empty_label"));
    check("\"\" CNAME .", Err("empty_label"));
    check(
        &format!("{}.example A .", "a".repeat(64)),
        Err("label_too_long"),
    );
    check(&format!("{} A .", "a.".repeat(130)), Err("name_too_long"));
    check(&format!("{}a A .", "a.".repeat(122)), Err("name_too_long"));
    check("$INCLUDE other.zone", Err(reason::UNSUPPORTED_DIRECTIVE));
    check(
        "$GENERATE 1-9 a$ CNAME .",
        Err(reason::UNSUPPORTED_DIRECTIVE),
    );
    check("$ORIGIN", Err(reason::MISSING_VALUE));
}

#[test]
fn a_record_without_an_owner_has_that_of_the_last_one() {
    let text = format!(
        "{HEAD} NS ns.example.\none.example CNAME .\n  TXT a\n\tTXT b\na..b CNAME .\n CNAME .\n\
        two.example TXT \"\n TXT a\nthree.example A 203.0.113.1\n"
    );
    let (found, report) = parse_text(text.as_bytes(), &options(FeedFormat::Rpz), |indicator| {
        format!("{} as {}", indicator.value, indicator.written)
    });
    let one = "one.example as one.example";
    assert_eq!(found, [one, one, one, "three.example as three.example"]);
    let refused = [
        ("empty_label", 1),
        (reason::NO_OWNER, 2),
        (reason::UNCLOSED_QUOTE, 1),
    ];
    assert_eq!(report.refused, refused.into());
    let (found, report) = parse_zone(" CNAME .\n");
    assert!(found.is_empty());
    assert_eq!(report.refused, [(reason::NO_OWNER, 1)].into());
}

#[test]
fn the_written_form_is_that_of_the_owner() {
    let text = format!("{HEAD}*.Bad\\046example CNAME .\n*.Bad.test CNAME .\n");
    let (found, _) = parse_text(text.as_bytes(), &options(FeedFormat::Rpz), |indicator| {
        indicator.written.to_owned()
    });
    assert_eq!(found, ["*.Bad.test"]);
}

#[test]
fn the_zone_is_called_by_its_origin_or_by_the_owner_of_its_authority() {
    let rows = "bad.example CNAME .\ntwo.test.rpz.example. CNAME .\n";
    let soa = "SOA ns.example. admin.example. 1 2 3 4 5";
    let both = ["name exact bad.example", "name exact two.test"];
    for head in [
        format!("$ORIGIN rpz.example.\n@ {soa}\n"),
        "$ORIGIN rpz.example.\n".to_owned(),
        "$ORIGIN example.\n$ORIGIN rpz\n@ SOA a. b. 1 2 3 4 5\n".to_owned(),
        format!("rpz.example. 60 {soa}\n"),
        format!("$ORIGIN example.\nrpz 60 {soa}\n$ORIGIN rpz.example.\n"),
        format!("$ORIGIN .\nrpz.example {soa}\n$ORIGIN rpz.example.\n"),
    ] {
        let (found, report) = parse_zone(&format!("{head}{rows}"));
        assert_eq!(found, both, "{head}");
        assert_eq!(report.refused, [].into(), "{head}");
    }
    let (found, report) = parse_zone(&format!("@ {soa}\n{rows}"));
    assert_eq!(found, both[..1]);
    assert_eq!(report.refused, [(reason::OUT_OF_ZONE, 1)].into());
}

#[test]
fn a_parenthesis_that_is_never_closed_costs_few_lines() {
    let mut text = format!("{HEAD}bad.example ( CNAME .\n");
    for row in 0..200 {
        text += &format!("n{row}.example CNAME .\n");
    }
    let (found, report) = parse_zone(&text);
    assert_eq!(found.len(), 137);
    assert_eq!(
        report.refused,
        [(reason::UNBALANCED_PARENTHESES, 64)].into()
    );
    assert_eq!(report.rows, 202);
    let (_, report) = parse_zone(&format!("{HEAD}bad.example ( CNAME .\n.\n"));
    assert_eq!(report.refused, [(reason::UNBALANCED_PARENTHESES, 2)].into());
}

proptest! {
    #[test]
    fn any_text_is_survived_and_every_line_of_it_counted_once(
        text in proptest::collection::vec(
            proptest::sample::select(
                b"aA*@.$\\ \t\"();\n\n019\xffCNAME rpz-ip. A".to_vec(),
            ),
            0..300,
        ),
    ) {
        let text = [HEAD.as_bytes(), &text].concat();
        let (_, report) = parse_text(&text, &options(FeedFormat::Rpz), shown);
        prop_assert_eq!(
            report.rows,
            report.accepted + report.refused_total() + report.ignored
        );
        let n_lines = text.split(|&byte| byte == b'\n').count();
        prop_assert!(report.rows <= n_lines as u64);
    }

    #[test]
    fn a_name_with_any_bytes_escaped_is_the_name(name in "[a-z_]{1,9}(\\.[a-z0-9-]{1,9}){0,3}\\.[a-z]{2,9}", escape in any::<u64>()) {
        let written: String = name.bytes().enumerate().map(|(at, byte)| match byte {
            b'.' => ".".to_owned(),
            _ if escape >> (at % 64) & 1 == 1 => format!("\\{byte:03}"),
            _ => char::from(byte).to_string(),
        }).collect();
        let (found, _) = parse_zone(&format!("{HEAD}{written} CNAME .\n"));
        prop_assert_eq!(found, [format!("name exact {name}")]);
    }
}
