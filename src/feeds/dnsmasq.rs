//! `dnsmasq`: the directives that keep names from being resolved. `address=/name/` with an address
//! that leads nowhere, and `server=/name/` or `local=/name/` without a server. A directive may hold
//! several names, and each covers all below it. Directives about anything else list nothing.

use std::net::IpAddr;

use super::ParseOptions;
use super::hosts;
use super::plain;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};
use crate::model::unmapped;

/// Parses one line. Every name is offered, whether or not one before it is refused.
///
/// # Errors
/// The [`Reason`] when the row is refused: that of its first refused name.
pub(super) fn parse_line(
    line: &[u8],
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(Row::Comment);
    }
    let text = std::str::from_utf8(plain::without_comment(line)).map_err(|_| reason::NOT_UTF8)?;
    let (directive, value) = text.split_once('=').unwrap_or((text, ""));
    let directive = directive.trim_end();
    if !is_directive(directive) {
        return Err(reason::NOT_A_DIRECTIVE);
    }
    let value = value.trim_start().strip_prefix('/');
    let value = match (directive, value) {
        ("address" | "server" | "local", Some(value)) => value,
        ("address", None) => return Err(reason::NO_NAME),
        _ => return Ok(Row::Ignored),
    };
    let (names, target) = value.rsplit_once('/').ok_or(reason::NO_NAME)?;
    let target = target.trim();
    let leads_nowhere = match directive {
        "address" => is_sink(target)?,
        // Any server answers, be it `#` for the usual ones.
        _ => target.is_empty(),
    };
    if !leads_nowhere {
        return Err(reason::NOT_A_SINK);
    }
    rows.offer_all(names.split('/'), options.bare(), &Facts::of(options))
}

/// Whether `text` has the form of the name of a directive, which no listed name has: no dots.
fn is_directive(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether the answer of an `address` leads nowhere: none, `#` for the unspecified address, or
/// an address that lists send names to.
///
/// # Errors
/// [`reason::BAD_ADDRESS`] when it is no address.
fn is_sink(target: &str) -> Result<bool, Reason> {
    if matches!(target, "" | "#") {
        return Ok(true);
    }
    let address: IpAddr = target.parse().map_err(|_| reason::BAD_ADDRESS)?;
    Ok(hosts::is_sink(unmapped(address)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::feeds::parse;
    use crate::feeds::tests::{check_counts, check_row, options, parse_text, real_lists, shown};
    use crate::model::FeedFormat;

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::Dnsmasq, row, expected);
    }

    #[test]
    fn names_that_lead_nowhere_are_subtrees() {
        for row in [
            "address=/bad.example/",
            "address=/bad.example/#",
            "address=/Bad.Example/0.0.0.0",
            "address=/bad.example/127.0.0.1",
            "address=/bad.example/::",
            "address=/bad.example/::ffff:127.0.0.1",
            "address = /bad.example/ # c",
            "address=/.bad.example/",
            "server=/bad.example/",
            "local=/bad.example/\t#c",
        ] {
            check(row, Ok(&["name subtree bad.example"]));
        }
    }

    #[test]
    fn a_directive_may_hold_several_names() {
        let names = &["name subtree a.example", "name subtree b.test"];
        check("address=/a.example/b.test/0.0.0.0", Ok(names));
        check("address=/a.example/b.test/", Ok(names));
        check("server=/a.example/b.test/", Ok(names));
    }

    #[test]
    fn a_name_that_leads_somewhere_is_not_listed() {
        for row in [
            "address=/good.example/203.0.113.5",
            "address=/good.example/2001:db8::5",
            "server=/good.example/203.0.113.5",
            "server=/good.example/127.0.0.1#5353",
            "server=/good.example/#",
            "local=/good.example/203.0.113.5",
        ] {
            check(row, Err(reason::NOT_A_SINK));
        }
    }

    #[test]
    fn other_directives_are_ignored() {
        for row in [
            "no-resolv",
            "cache-size=10000",
            "server=203.0.113.5",
            "local-ttl=1",
            "ipset=/a.example/blocked",
            "bogus-nxdomain=203.0.113.5",
            "conf-dir=/etc/dnsmasq.d/,*.conf",
        ] {
            check(row, Ok(&[]));
        }
    }

    #[test]
    fn other_rows_are_refused() {
        check("bad.example", Err(reason::NOT_A_DIRECTIVE));
        check("0.0.0.0 bad.example", Err(reason::NOT_A_DIRECTIVE));
        check("||bad.example^", Err(reason::NOT_A_DIRECTIVE));
        check("--address=/bad.example/", Err(reason::NOT_A_DIRECTIVE));
        check("=/bad.example/", Err(reason::NOT_A_DIRECTIVE));
        check("address=bad.example", Err(reason::NO_NAME));
        check("address=/bad.example", Err(reason::NO_NAME));
        check("address=//0.0.0.0", Err(reason::EMPTY_VALUE));
        check("address=/#/0.0.0.0", Err(reason::ODD_CHARACTER));
        check("address=/bad.example/0.0.0", Err(reason::BAD_ADDRESS));
        check("address=/bad..example/", Err("empty_label"));
    }

    #[test]
    fn the_good_names_of_a_refused_row_are_taken() {
        let text = b"# c\n\naddress=/a..example/b.example/c#d.example/e.example/\naddress=/\xff/\n";
        let (found, report) = parse_text(text, &options(FeedFormat::Dnsmasq), shown);
        assert_eq!(found, ["name subtree b.example", "name subtree e.example"]);
        let refused = [("empty_label", 1), (reason::NOT_UTF8, 1)];
        assert_eq!(report.refused, refused.into());
        assert_eq!((report.rows, report.indicators), (2, 2));
    }

    #[test]
    fn a_real_list_is_taken_whole() {
        let Some(path) = real_lists::data("blocklistproject/dnsmasq-version") else {
            return;
        };
        for list in ["ransomware-dnsmasq.txt", "scam-dnsmasq.txt"] {
            let path = path.join(list);
            let text = fs::read_to_string(&path).unwrap();
            let rows = text.lines().filter(|line| line.starts_with("server=/"));
            let report = parse(&path, &options(FeedFormat::Dnsmasq), &mut |_| Ok(())).unwrap();
            assert_eq!(report.refused, [].into());
            assert_eq!(report.indicators, rows.count() as u64);
            assert!(report.indicators > 1000);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            start in proptest::sample::select(vec!["", "address=/", "server=/", "local=/a/"]),
        ) {
            check_counts(FeedFormat::Dnsmasq, &[start.as_bytes(), &bytes].concat());
        }
    }
}
