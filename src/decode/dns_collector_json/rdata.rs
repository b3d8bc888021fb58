//! The text form of service bindings (SVCB and HTTPS records, RFC 9460): `1 . alpn="h2,h3"
//! ipv4hint=203.0.113.66`.

use std::net::IpAddr;

use super::super::json::PLAIN_LEN_MAX;
use super::super::text::address;

/// What of a service binding can be matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'d> {
    /// The target, if it is not the owner itself.
    Target(&'d [u8]),
    /// A hint at the address of the target.
    Hint(IpAddr),
}

/// Hands the parts of `data` to `each`, in order. Nothing is in a text that does not begin with
/// a number, or is longer than [`PLAIN_LEN_MAX`]. O(`data.len()`).
pub(super) fn service<'d>(data: &'d [u8], mut each: impl FnMut(Part<'d>)) {
    let mut words = data
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    let priority = words.next().unwrap_or_default();
    if !priority.iter().all(u8::is_ascii_digit) || data.len() > PLAIN_LEN_MAX {
        return;
    }
    match words.next() {
        None | Some(b".") => {}
        Some(target) => each(Part::Target(target)),
    }
    for word in words {
        let hints = word
            .strip_prefix(b"ipv4hint=")
            .or_else(|| word.strip_prefix(b"ipv6hint="));
        let hints = hints.unwrap_or_default();
        for hint in hints.split(|byte| matches!(byte, b',' | b'"')) {
            if let Some(address) = address(hint) {
                each(Part::Hint(address));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &str, target: Option<&str>, hints: &[&str]) {
        let (mut targets, mut addresses) = (Vec::new(), Vec::new());
        service(data.as_bytes(), |part| match part {
            Part::Target(name) => targets.push(String::from_utf8_lossy(name).into_owned()),
            Part::Hint(address) => addresses.push(address.to_string()),
        });
        assert_eq!(targets, target.into_iter().collect::<Vec<_>>(), "{data}");
        assert_eq!(addresses, hints, "{data}");
    }

    #[test]
    fn a_service_binding_holds_a_target_and_hints() {
        check("1 . alpn=h2", None, &[]);
        check("0 svc.bad.example", Some("svc.bad.example"), &[]);
        check(
            "1 . alpn=\"h3,h2\" ipv4hint=203.0.113.66,203.0.113.67 ipv6hint=2001:db8::1",
            None,
            &["203.0.113.66", "203.0.113.67", "2001:db8::1"],
        );
        check(
            "16 svc.bad.example. port=53 ipv4hint=\"203.0.113.66\"",
            Some("svc.bad.example."),
            &["203.0.113.66"],
        );
    }

    #[test]
    fn other_texts_hold_nothing() {
        check("v=spf1 ipv4hint=203.0.113.66", None, &[]);
        check("", None, &[]);
        check(
            &format!("1 a.example{}", " ".repeat(PLAIN_LEN_MAX)),
            None,
            &[],
        );
    }
}
