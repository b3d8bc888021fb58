//! Made names: of indicators, of benign sites, and look-alikes. Indicators have a hyphen in
//! their registered label and benign sites never do, so that the two cannot meet.

use std::fmt::Write as _;

use super::random::{Rng, Subject};
use crate::model::{DomainName, NAME_LEN_MAX};

/// First words of listed names; none begins like a look-alike.
const FIRST: [&str; 12] = [
    "secure", "update", "login", "cloud", "cdn", "mail", "sync", "auth", "data", "portal", "files",
    "media",
];
/// Second words of listed names.
const SECOND: [&str; 10] = [
    "gate", "panel", "check", "drop", "host", "node", "stat", "core", "link", "service",
];
/// First words of listed names that are not ASCII.
const FOREIGN: [&str; 4] = [
    "b\u{fc}cher",
    "caf\u{e9}",
    "\u{5e97}\u{94fa}",
    "\u{43f}\u{43e}\u{447}\u{442}\u{430}",
];
/// Words of benign names.
const BENIGN: [&str; 16] = [
    "news", "shop", "video", "photos", "travel", "bank", "games", "music", "weather", "school",
    "maps", "food", "sport", "health", "forum", "wiki",
];
/// Top-level names that nobody can register.
const TOPS: [&str; 3] = ["example", "test", "invalid"];
/// Labels that a victim asks for below a listed name.
const BELOW: [&str; 5] = ["www", "api", "gate", "update", "img"];

/// The listed name of an indicator as its feed writes it: with its own letters if `foreign`.
pub(in crate::lab) fn listed(seed: u64, indicator: u32, foreign: bool) -> String {
    let mut rng = Rng::keyed(!seed, Subject::Indicator, indicator.into());
    let first = if foreign {
        rng.pick(&FOREIGN)
    } else {
        rng.pick(&FIRST)
    };
    let second = rng.pick(&SECOND);
    let mut name = format!("{first}-{second}-");
    push_base36(&mut name, indicator.into());
    name.push('.');
    name.push_str(rng.pick(&TOPS));
    name
}

/// A listed name as events and hits write it.
pub(in crate::lab) fn normal(name: String) -> String {
    if name.is_ascii() {
        return name;
    }
    let mut scratch = [0; NAME_LEN_MAX];
    match DomainName::parse(name.as_bytes(), &mut scratch) {
        Ok(normal) => normal.as_str().to_owned(),
        Err(_) => name,
    }
}

/// The pattern of an indicator.
pub(in crate::lab) fn pattern(indicator: u32) -> String {
    format!("*vault{indicator}login*")
}

/// A name that the pattern of an indicator fits.
pub(in crate::lab) fn fitting_pattern(indicator: u32, rng: &mut Rng) -> String {
    format!("my-vault{indicator}login.{}.test", rng.pick(&BENIGN))
}

/// A name below `listed`, or `listed` itself.
pub(in crate::lab) fn at_or_below(listed: &str, rng: &mut Rng) -> String {
    if rng.chance(400) {
        listed.to_owned()
    } else {
        below(listed, rng)
    }
}

/// A name below `listed`; never one that an allow rule or a nested indicator lists.
pub(in crate::lab) fn below(listed: &str, rng: &mut Rng) -> String {
    let label = rng.pick(&BELOW);
    if rng.chance(150) {
        format!("{:08x}.{label}.{listed}", rng.below_u32(u32::MAX))
    } else {
        format!("{label}.{listed}")
    }
}

/// A name that looks like `listed` and is not covered by it.
pub(in crate::lab) fn look_alike(listed: &str, rng: &mut Rng) -> String {
    match rng.below(5) {
        0 => format!("not{listed}"),
        1 => format!("x{listed}"),
        2 => format!("{listed}.benign.example"),
        3 => format!("{}.benign.test", listed.replace('.', "-")),
        _ => format!("www.x{listed}"),
    }
}

/// `name` with its letters in mixed case, as resolvers write it against forgery.
pub(in crate::lab) fn mixed_case(name: &str, rng: &mut Rng) -> String {
    let bits = rng.bits();
    name.char_indices()
        .map(|(at, letter)| {
            if bits >> (at % 64) & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        })
        .collect()
}

/// How many benign sites there are.
pub(in crate::lab) const SITES: u64 = 1 << 20;

/// A host of a benign site, by the rank of the site's popularity.
pub(in crate::lab) fn benign(seed: u64, rng: &mut Rng, name: &mut String) {
    let site = rng.popular(SITES);
    let mut shape = Rng::keyed(seed, Subject::Site, site);
    let word = shape.pick(&BENIGN);
    let top = if shape.chance(700) { "example" } else { "test" };
    // Writing to a string cannot fail.
    let _ = match shape.below(100) {
        0..45 => {
            let host = rng.pick(&["www", "m", "api", "static", "img", "login", "cdn"]);
            write!(name, "{host}.{word}{site}.{top}")
        }
        45..60 => write!(name, "{word}{site}.{top}"),
        60..72 => {
            let edge = rng.below(64);
            write!(name, "e{edge}-{site}.dsc.edge{}.cdn.{top}", site % 8)
        }
        72..80 => write!(name, "d{:012x}.cloudfront.cdn.{top}", shape.bits() >> 16),
        80..87 => {
            let host = rng.below_u32(u32::MAX);
            write!(
                name,
                "{host:08x}.{}.telemetry.{word}{site}.{top}",
                rng.below(90)
            )
        }
        87..92 => write!(name, "_ldap._tcp.dc{}.{word}{site}.{top}", rng.below(4)),
        92..97 => write!(name, "{word}.co.{word}{site}.{top}"),
        _ => write!(name, "xn--{word}-{}.{word}{site}.{top}", site % 97),
    };
}

/// The name that asks for the name of an address.
pub(in crate::lab) fn reverse(rng: &mut Rng, name: &mut String) {
    let [a, b, ..] = rng.bits().to_le_bytes();
    let _ = write!(name, "{a}.{b}.19.198.in-addr.arpa");
}

/// Where a content network leads a benign site.
pub(in crate::lab) fn cdn_target(rng: &mut Rng) -> String {
    format!("e{}.g.edge{}.cdn.example", rng.below(4_000), rng.below(8))
}

/// Appends a number in base 36.
fn push_base36(name: &mut String, mut number: u64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let from = name.len();
    loop {
        let digit = usize::try_from(number % 36).unwrap_or(0);
        name.insert(from, char::from(DIGITS[digit]));
        number /= 36;
        if number == 0 {
            return;
        }
    }
}
