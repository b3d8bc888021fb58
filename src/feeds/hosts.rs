//! `hosts`: an address that leads nowhere, then the names that are sent there.

use std::net::{IpAddr, Ipv4Addr};

use super::ParseOptions;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};
use crate::model::unmapped;

/// Names that every hosts file holds for the machine itself.
const LOCAL: [&str; 13] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "localhost6.localdomain6",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "0.0.0.0",
    "ip6-mcastprefix",
];

/// Parses one line. Every name is offered, whether or not one before it is refused.
///
/// # Errors
/// The [`Reason`] when the row is refused: that of its first refused name.
pub(super) fn parse_line(
    line: &[u8],
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<Row, Reason> {
    let end = memchr::memchr(b'#', line).unwrap_or(line.len());
    let line = line.get(..end).unwrap_or(line).trim_ascii();
    if line.is_empty() || line.starts_with(b"!") {
        return Ok(Row::Comment);
    }
    let text = std::str::from_utf8(line).map_err(|_| reason::NOT_UTF8)?;
    let mut words = text.split_ascii_whitespace();
    let address = words
        .next()
        .and_then(parse_target)
        .ok_or(reason::NO_ADDRESS)?;
    let mut listed = words.clone().filter(|name| !is_local(name)).peekable();
    if listed.peek().is_none() {
        return match words.next() {
            Some(_) => Ok(Row::Ignored),
            None => Err(reason::NO_NAME),
        };
    }
    if !is_sink(address) {
        return Err(reason::NOT_A_SINK);
    }
    rows.offer_all(listed, options.bare(), &Facts::of(options))
}

/// The address that a row starts with. A zone is left out; `0` is short for `0.0.0.0`.
pub(super) fn parse_target(text: &str) -> Option<IpAddr> {
    if text == "0" {
        return Some(Ipv4Addr::UNSPECIFIED.into());
    }
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse().map(unmapped).ok()
}

/// Whether `address` is one that lists send names to.
pub(super) fn is_sink(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_loopback() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_loopback(),
    }
}

/// Whether `name` stands for the machine itself or its link.
fn is_local(name: &str) -> bool {
    LOCAL.iter().any(|local| name.eq_ignore_ascii_case(local))
        || name
            .get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case("ip6-all"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::tests::{check_row, options, parse_text, shown};
    use crate::model::FeedFormat;

    #[track_caller]
    fn check(row: &str, expected: Result<&[&str], Reason>) {
        check_row(FeedFormat::Hosts, row, expected);
    }

    #[test]
    fn names_are_exact() {
        check("0.0.0.0 bad.example", Ok(&["name exact bad.example"]));
        let two = &["name exact bad.example", "name exact two.example"];
        check("127.0.0.1\tBad.Example  two.example # c", Ok(two));
        check(":: bad.example#c", Ok(&["name exact bad.example"]));
        check("::1 bad.example", Ok(&["name exact bad.example"]));
        check("0 bad.example", Ok(&["name exact bad.example"]));
        check("127.0.53.53 bad.example", Ok(&["name exact bad.example"]));
        check(
            "::ffff:127.0.0.1 bad.example",
            Ok(&["name exact bad.example"]),
        );
        check(
            "127.0.0.1 localhost bad.example",
            Ok(&["name exact bad.example"]),
        );
        check("0.0.0.0 203.0.113.5", Ok(&["prefix 203.0.113.5"]));
    }

    #[test]
    fn the_machine_itself_is_ignored() {
        for row in [
            "127.0.0.1 localhost LOCALHOST.localdomain local",
            "255.255.255.255 broadcasthost",
            "fe80::1%lo0 localhost",
            "ff02::1 ip6-allnodes",
            "0.0.0.0 0.0.0.0",
        ] {
            check(row, Ok(&[]));
        }
    }

    #[test]
    fn other_rows_are_refused() {
        check("bad.example", Err(reason::NO_ADDRESS));
        check("0.0.0.0", Err(reason::NO_NAME));
        check("203.0.113.5 www.example", Err(reason::NOT_A_SINK));
        check("2001:db8::5 www.example", Err(reason::NOT_A_SINK));
        check("0.0.0.0 bad..example", Err("empty_label"));
    }

    #[test]
    fn the_good_names_of_a_refused_row_are_taken() {
        let text = b"! c\n# d\n0.0.0.0 a..example b.example /c d.example\n0.0.0.0 \xff\n";
        let (found, report) = parse_text(text, &options(FeedFormat::Hosts), shown);
        assert_eq!(found, ["name exact b.example", "name exact d.example"]);
        assert_eq!(
            report.refused,
            [("empty_label", 1), (reason::NOT_UTF8, 1)].into()
        );
        assert_eq!((report.rows, report.indicators), (2, 2));
    }
}
