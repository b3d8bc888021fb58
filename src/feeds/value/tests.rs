//! What values are taken for, by a table and by properties.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// What `text` is, in words: `scope name`, `pattern`, a canonical address, prefixes with commas.
fn told(text: &str) -> Result<String, Reason> {
    let mut scratch = scratch();
    let detected = detect(strip(text), Scope::Exact, &mut scratch)?;
    let told = match detected.found {
        Found::One(value @ IndicatorValue::Name { scope, .. }) => format!("{scope:?} {value}"),
        Found::One(value @ IndicatorValue::Pattern(_)) => format!("Pattern {value}"),
        Found::One(value @ (IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. })) => {
            value.to_string()
        }
        Found::Range(nets) => nets
            .map(|net| net.to_string())
            .collect::<Vec<_>>()
            .join(","),
    };
    Ok(match detected.remark {
        Some(remark) => format!("{told} ({remark})"),
        None => told,
    })
}

#[track_caller]
fn check(text: &str, expected: Result<&str, Reason>) {
    assert_eq!(told(text), expected.map(str::to_owned), "input {text:?}");
}

#[test]
fn names_are_normalized_and_bare_unless_they_say_more() {
    check("Bad.Example", Ok("Exact bad.example"));
    check("bad.example.", Ok("Exact bad.example"));
    check("  `bad.example`, ", Ok("Exact bad.example"));
    check("<\"bad.example\">;", Ok("Exact bad.example"));
    check("\u{201c}bad.example\u{201d}", Ok("Exact bad.example"));
    check("bad.example/", Ok("Exact bad.example"));
    check("_dmarc.-odd-.example", Ok("Exact _dmarc.-odd-.example"));
    check("b\u{fc}cher.example", Ok("Exact xn--bcher-kva.example"));
    check(
        "b\u{fc}cher\u{3002}example",
        Ok("Exact xn--bcher-kva.example"),
    );
    check("xn--example-.org", Ok("Exact xn--example-.org"));
    check("*.bad.example", Ok("Subtree bad.example"));
    check(".bad.example", Ok("Subtree bad.example"));
    check("single", Ok("Exact single"));
    check("bad.example:8443", Ok("Exact bad.example (port_dropped)"));
}

#[test]
fn wildcards_elsewhere_are_patterns() {
    check("*login-bank*", Ok("Pattern *login-bank*"));
    check("Pay??.*", Ok("Pattern pay??.*"));
    check("*.bad.*.example", Ok("Pattern *.bad.*.example"));
    check("bad*.example", Ok("Pattern bad*.example"));
    check("*", Err(reason::BAD_PATTERN));
    check("*.*", Err(reason::BAD_PATTERN));
    check("*bad/*", Err(reason::URL));
    check("*b\u{fc}cher*", Err(reason::BAD_PATTERN));
    check(
        &format!("*{}", "a".repeat(253)),
        Err(reason::PATTERN_TOO_LONG),
    );
    check("*.", Err("empty_name"));
}

#[test]
fn addresses_are_canonical() {
    check("203.0.113.5", Ok("203.0.113.5"));
    check("203.0.113.5/", Ok("203.0.113.5"));
    check("2001:DB8:0::5", Ok("2001:db8::5"));
    check("[2001:db8::5]", Ok("2001:db8::5"));
    check("::ffff:203.0.113.5", Ok("203.0.113.5"));
    check("203.0.113.0/24", Ok("203.0.113.0/24"));
    check("203.0.113.5/32", Ok("203.0.113.5"));
    check("203.0.113.5/24", Ok("203.0.113.0/24 (host_bits)"));
    check("2001:db8::/32", Ok("2001:db8::/32"));
    check("2001:db8::1/32", Ok("2001:db8::/32 (host_bits)"));
    check("::ffff:203.0.113.0/120", Ok("203.0.113.0/24"));
    check("203.0.113.5:443", Ok("203.0.113.5:443"));
    check("[2001:db8::5]:443", Ok("[2001:db8::5]:443"));
    check("[::ffff:203.0.113.5]:443", Ok("203.0.113.5:443"));
}

#[test]
fn what_is_nearly_an_address_is_never_a_name() {
    for text in [
        "1.2.3",
        "010.1.1.1",
        "1.2.3.4.5",
        "203.0.113.300",
        "203.0.113",
        "0x7f.0x1",
        "3325256709",
        "bad.1",
        "1.2.3.4-5",
        "\u{ff11}.\u{ff12}.\u{ff13}.\u{ff14}",
        "203.0.113.5.",
        "*.203.0.113.5",
    ] {
        check(text, Err(reason::BAD_ADDRESS));
    }
    for text in [
        "fe80::1%eth0",
        "[2001:db8::5",
        "[2001:db8::g]",
        "2001:db8:::5",
    ] {
        check(text, Err(reason::BAD_ADDRESS));
    }
    for text in [
        "010.1.1.0/24",
        "203.0.113.0/33",
        "203.0.113/24",
        "::/129",
        "203.0.113.0/255.255.255.0",
    ] {
        check(text, Err(reason::BAD_PREFIX));
    }
    for text in [
        "203.0.113.5:0",
        "203.0.113.5:65536",
        "203.0.113.5:+1",
        "203.0.113.5:22:443",
        "203.0.113.5:",
        "bad.example:",
        "bad.example:http",
        "[2001:db8::5]x",
        "[2001:db8::5]:",
    ] {
        check(text, Err(reason::BAD_PORT));
    }
}

#[test]
fn a_url_is_its_host_only_when_it_says_no_more() {
    check("http://bad.example", Ok("Exact bad.example"));
    check("https://bad.example/", Ok("Exact bad.example"));
    check("http://203.0.113.5", Ok("203.0.113.5"));
    check("tcp://203.0.113.5:4444", Ok("203.0.113.5:4444"));
    check("http://[2001:db8::5]:80/", Ok("[2001:db8::5]:80"));
    check(
        "http://bad.example:8080",
        Ok("Exact bad.example (port_dropped)"),
    );
    for text in [
        "http://bad.example/a",
        "bad.example/?u=http://good.example",
        "bad.example?u=http://good.example/",
        "http://bad.example/?a",
        "http://bad.example?a",
        "http://?a",
        "http://bad.example#a",
        "http://user@bad.example",
        "bad.example/a",
        "203.0.113.5/a.sh",
        "203.0.113.5:80/a",
        "bad.example?a=1",
        "http://bad.example//a",
        "me@bad.example/a",
    ] {
        check(text, Err(reason::URL));
    }
    check("/a.sh", Err(reason::PATH));
    check("http://bad.example two", Err(reason::EXTRA_TEXT));
    check("http://*.example", Err(reason::ODD_CHARACTER));
}

#[test]
fn ranges_become_prefixes() {
    check("203.0.113.0-203.0.113.255", Ok("203.0.113.0/24"));
    check(
        "203.0.113.1 - 203.0.113.3",
        Ok("203.0.113.1/32,203.0.113.2/31"),
    );
    check("2001:db8::-2001:db8::1", Ok("2001:db8::/127"));
    check("203.0.113.9-203.0.113.1", Err(reason::BAD_RANGE));
    check("203.0.113.9-2001:db8::", Err(reason::BAD_RANGE));
    check("0.0.0.0-255.255.255.255", Ok("0.0.0.0/0"));
    check("2001:db8::1-2001:dbf:ffff::", Err(reason::RANGE_TOO_WIDE));
}

#[test]
fn other_things_say_what_they_are() {
    check("", Err(reason::EMPTY_VALUE));
    check("\"\"", Err(reason::EMPTY_VALUE));
    check("who@bad.example", Err(reason::EMAIL));
    check("d41d8cd98f00b204e9800998ecf8427e", Err(reason::HASH));
    check(&"aB3".repeat(22)[..64], Err(reason::HASH));
    check("one.example two.example", Err(reason::EXTRA_TEXT));
    check("one.example,two.example", Err(reason::EXTRA_TEXT));
    check("one.example | two", Err(reason::EXTRA_TEXT));
    check("vh[0-9]{6}.example", Err(reason::ODD_CHARACTER));
    check("bad\\.example", Err(reason::ODD_CHARACTER));
    check("bad\\d.example", Err(reason::ODD_CHARACTER));
    check("[203.0.113.5]", Err(reason::ODD_CHARACTER));
    check("bad%20.example", Err(reason::ODD_CHARACTER));
    check("\u{2100}.example", Err(reason::ODD_CHARACTER));
    check("a..example", Err("empty_label"));
    check("..example", Err("empty_label"));
    check(
        &format!("{}.example", "a".repeat(64)),
        Err("label_too_long"),
    );
    check(&"abcdefg.".repeat(32), Err("name_too_long"));
}

proptest! {
    #[test]
    fn any_text_is_survived_and_names_are_normal(text in "(\\PC|[a-z0-9.:/*@\\[\\]-]){0,40}") {
        let mut scratch = scratch();
        let detected = detect(&text, Scope::Exact, &mut scratch);
        if let Ok(Detected { found: Found::One(value @ IndicatorValue::Name { .. }), .. }) = detected {
            let name = value.to_string();
            prop_assert_eq!(told(&name), Ok(format!("Exact {name}")));
        }
    }

    #[test]
    fn a_usual_name_is_what_the_long_way_makes_of_it(
        text in "([0-9a-f.-]|0x|[A-Z_x.:/\\[]|\u{e4}| ){0,12}|([a-z0-9-]{0,70}\\.){1,5}[a-zA-Z0-9-]{1,5}|[0-9.]{7,9}-[0-9a.]{7,9}",
    ) {
        let (mut one, mut other) = (scratch(), scratch());
        if let Some(value) = usual_name(&text, Scope::Below, &mut one) {
            prop_assert_eq!(strip(&text), &text);
            prop_assert_eq!(crate::feeds::refang(&text), text.as_str());
            let long = detect(&text, Scope::Below, &mut other);
            prop_assert_eq!(long, Ok(Detected { found: Found::One(value), remark: None }));
        }
    }

    #[test]
    fn addresses_come_back_as_they_were(bits in any::<u128>(), v4 in any::<bool>(), len in 0_u8..=32, port in 1_u16..) {
        let ip: IpAddr = if v4 {
            Ipv4Addr::from(u32::try_from(bits >> 96).unwrap()).into()
        } else {
            Ipv6Addr::from(bits | 1 << 127).into()
        };
        prop_assert_eq!(told(&ip.to_string()), Ok(ip.to_string()));
        let host = if v4 { ip.to_string() } else { format!("[{ip}]") };
        prop_assert_eq!(told(&format!("{host}:{port}")), Ok(format!("{host}:{port}")));
        let told = told(&format!("{ip}/{len}")).unwrap();
        let net = ipnet::IpNet::new(ip, len).unwrap().trunc();
        let remark = if net.addr() == ip { "" } else { " (host_bits)" };
        prop_assert_eq!(told, format!("{}{remark}", IndicatorValue::Prefix(net)));
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others(first in 0_u32..60, len in 0_u32..60) {
        let base = u32::from(Ipv4Addr::new(198, 18, 0, 0));
        let (first, last) = (base + first, base + first + len);
        let text = format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last));
        let mut scratch = scratch();
        let Found::Range(nets) = detect(&text, Scope::Exact, &mut scratch).unwrap().found else {
            panic!("no range");
        };
        let held = |address: u32| nets.into_iter().filter(|net| net.contains(&IpAddr::from(Ipv4Addr::from(address)))).count();
        for address in base..base + 130 {
            prop_assert_eq!(held(address), usize::from((first..=last).contains(&address)));
        }
    }

    /// The standard library's readers decide what an address is; ours only adds ranges, URLs and
    /// brackets, which this alphabet cannot make valid.
    #[test]
    fn addresses_are_what_the_standard_library_takes_for_addresses(
        text in "([0-9]{1,3}\\.){2,4}[0-9]{1,3}([:/][0-9]{1,5})?|\\[?[0-9a:]{2,9}(\\]:[0-9]{1,4})?(/[0-9]{1,3})?",
    ) {
        let mut scratch = scratch();
        let actual = match detect(&text, Scope::Exact, &mut scratch) {
            Ok(Detected { found: Found::One(value @ (IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. })), .. }) => Some(value),
            Ok(Detected { found: Found::One(IndicatorValue::Name { .. } | IndicatorValue::Pattern(_)) | Found::Range(_), .. }) | Err(_) => None,
        };
        let address = text.parse::<IpAddr>().ok().map(single);
        // The prefix type alone would take octal for decimal.
        let strict = text.split_once('/').is_some_and(|(ip, _)| ip.parse::<IpAddr>().is_ok());
        let net = text.parse::<ipnet::IpNet>().ok().filter(|_| strict);
        let net = net.map(|net| IndicatorValue::Prefix(net.trunc()));
        let socket = text.parse::<std::net::SocketAddr>().ok().filter(|socket| socket.port() > 0);
        let socket = socket.map(|socket| IndicatorValue::Endpoint { ip: socket.ip(), port: socket.port() });
        prop_assert_eq!(actual, address.or(net).or(socket));
    }
}
