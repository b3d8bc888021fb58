//! Made names: what is listed and what is asked for. Lists hold registered names, hosts below
//! them, names that machines made up, and hosts of shared services; lengths and labels are about
//! those of published lists (half of the names have two labels and some twenty letters). Questions
//! are as skewed as a resolver's (each power of two of a site's rank is equally likely, which is
//! Zipf's law), deeper than lists, and now and then in mixed case.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::questions::{Expected, PARTS, hits_among};
use super::texts::Texts;
use super::words::Vocabulary;
use crate::lab::operation::names::{at_or_below, look_alike, mixed_case, reverse};
use crate::lab::operation::random::{Rng, Subject, mix};

/// Of a thousand questions, those in mixed case.
const MIXED_CASE: u64 = 30;
/// Of a thousand questions that miss, those that look like something listed.
const LOOK_ALIKE: u64 = 5;
/// Of a thousand questions that miss, those for the name of an address.
const REVERSE: u64 = 40;

/// Questions and what is right.
pub(super) struct NameQuestions {
    /// The names, as they lie in records: one behind the other.
    pub(super) texts: Texts,
    /// The answers.
    pub(super) expected: Expected,
}

/// `count` different listed names of a seed. They are told apart by 64 bits of a hash, so that
/// ten million need no more room than they take.
pub(super) fn listed_names(seed: u64, count: u32) -> Texts {
    let words = Vocabulary::new(seed);
    let mut rng = Rng::keyed(seed, Subject::YardstickListed, 0);
    let mut texts = Texts::default();
    let mut seen = hashbrown::HashSet::with_capacity(count as usize);
    let mut name = String::new();
    while seen.len() < count as usize {
        name.clear();
        push_listed(&words, &mut rng, &mut name);
        if seen.insert(digest(name.as_bytes())) {
            texts.push(name.as_bytes());
        }
    }
    texts
}

/// Appends a listed name: a registered one for the most part, also hosts below such, and below
/// services that give names away.
fn push_listed(words: &Vocabulary, rng: &mut Rng, name: &mut String) {
    match rng.below(100) {
        0..72 => {}
        72..88 => {
            name.push_str(rng.pick(&HOSTS));
            name.push('.');
        }
        88..94 => {
            words.push_site(rng, name);
            name.push('.');
        }
        _ => {
            words.push_throwaway(rng, name);
            // Writing to a string cannot fail.
            let _ = write!(name, ".pages{}.test", rng.skewed(40));
            return;
        }
    }
    words.push_throwaway(rng, name);
    name.push('.');
    name.push_str(rng.pick(&TOPS));
}

/// 64 bits of a hash.
fn digest(name: &[u8]) -> u64 {
    name.iter()
        .fold(0, |state: u64, &byte| mix(state ^ u64::from(byte)))
}

/// What names end in: nothing that could be registered.
const TOPS: [&str; 8] = [
    "example",
    "example",
    "example",
    "test",
    "test",
    "invalid",
    "co.example",
    "com.test",
];
/// Hosts of a site.
const HOSTS: [&str; 12] = [
    "www", "www", "www", "api", "m", "static", "img", "login", "cdn", "mail", "ns1", "app",
];
/// Benign sites; the first are the most popular.
const SITES: u64 = 1 << 22;

/// Appends a host of a benign site, popular sites more often.
fn push_benign(seed: u64, words: &Vocabulary, rng: &mut Rng, name: &mut String) {
    let rank = rng.popular(SITES);
    let mut site = Rng::keyed(seed, Subject::Site, rank);
    // Writing to a string cannot fail.
    let _ = match site.below(100) {
        0..50 => write!(name, "{}.", rng.pick(&HOSTS)),
        50..65 => Ok(()),
        65..75 => write!(name, "e{}-{}.dsc.", rng.below(64), rank % 1000),
        75..83 => write!(name, "d{:012x}.cloud.", site.bits() >> 16),
        83..90 => {
            let host = rng.below_u32(u32::MAX);
            write!(name, "{host:08x}.{}.telemetry.", rng.below(90))
        }
        90..94 => write!(name, "_ldap._tcp.dc{}.", rng.below(4)),
        _ => {
            words.push_site(rng, name);
            write!(name, ".")
        }
    };
    words.push_site(&mut site, name);
    name.push('.');
    name.push_str(site.pick(&TOPS));
}

/// An oracle that is slow and plain: a set of names that is asked for each suffix of a name.
pub(super) struct NameOracle<'n>(HashSet<&'n [u8]>);

impl<'n> NameOracle<'n> {
    /// An oracle over listed names.
    pub(super) fn new(listed: &'n Texts) -> Self {
        Self(listed.iter().collect())
    }

    /// Whether something listed covers `name`.
    pub(super) fn covers(&self, name: &[u8]) -> bool {
        let lower = name.to_ascii_lowercase();
        let mut labels: &[u8] = &lower;
        loop {
            if self.0.contains(labels) {
                return true;
            }
            let Some(dot) = labels.iter().position(|&byte| byte == b'.') else {
                return false;
            };
            labels = labels.get(dot + 1..).unwrap_or_default();
        }
    }
}

/// Questions of which `miss_share` are misses, in [`PARTS`] parts of `ops` each.
pub(super) fn asked_names(
    seed: u64,
    names: &Texts,
    oracle: &NameOracle<'_>,
    ops: usize,
    miss_share: f64,
) -> NameQuestions {
    let words = Vocabulary::new(seed);
    let mut rng = Rng::keyed(seed, Subject::YardstickAsked, miss_share.to_bits());
    let mut places = rng.clone();
    let mut texts = Texts::default();
    let mut name = String::new();
    for hit in hits_among(ops * PARTS, miss_share, |bound| places.below(bound)) {
        name.clear();
        if hit {
            name.push_str(&hit_name(names, &mut rng));
        } else {
            miss_name(names, oracle, &mut rng, &mut name, |rng, name| {
                push_benign(seed, &words, rng, name);
            });
        }
        if rng.chance(MIXED_CASE) {
            name = mixed_case(&name, &mut rng);
        }
        texts.push(name.as_bytes());
    }
    expecting(texts, oracle, ops)
}

/// `texts` as questions, `ops` in a turn, with the oracle's answers.
pub(super) fn expecting(texts: Texts, oracle: &NameOracle<'_>, ops: usize) -> NameQuestions {
    let expected = Expected::new(texts.iter(), ops, |name| oracle.covers(name));
    NameQuestions { texts, expected }
}

/// A listed name or one below it: half of the time a popular one.
fn hit_name(names: &Texts, rng: &mut Rng) -> String {
    let count = names.len() as u64;
    let rank = if rng.chance(500) {
        rng.popular(count)
    } else {
        rng.below(count)
    };
    let name = names.text(usize::try_from(rank).unwrap_or(0));
    at_or_below(&String::from_utf8_lossy(name), rng)
}

/// Makes `name` one that nothing listed covers: a `benign` one for the most part.
fn miss_name(
    names: &Texts,
    oracle: &NameOracle<'_>,
    rng: &mut Rng,
    name: &mut String,
    benign: impl Fn(&mut Rng, &mut String),
) {
    loop {
        name.clear();
        match rng.below(1000) {
            0..LOOK_ALIKE => {
                let like = names.text(rng.index(names.len()));
                name.push_str(&look_alike(&String::from_utf8_lossy(like), rng));
            }
            LOOK_ALIKE..REVERSE => reverse(rng, name),
            _ => benign(rng, name),
        }
        if !oracle.covers(name.as_bytes()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DomainName, NAME_LEN_MAX};

    #[test]
    fn listed_names_are_different_and_normal() {
        let names = listed_names(1, 20_000);
        let different: HashSet<&[u8]> = names.iter().collect();
        assert_eq!(different.len(), 20_000);
        let mut scratch = [0; NAME_LEN_MAX];
        for name in names.iter() {
            let parsed = DomainName::parse(name, &mut scratch).unwrap();
            assert_eq!(parsed.as_str().as_bytes(), name);
        }
        assert_ne!(names, listed_names(2, 20_000));
    }

    #[test]
    fn questions_have_the_share_of_misses_that_was_asked_for() {
        let names = listed_names(1, 1000);
        let oracle = NameOracle::new(&names);
        for share in [0.999, 0.99, 0.5] {
            let asked = asked_names(1, &names, &oracle, 1000, share);
            assert_eq!(asked.expected.miss_share(), share);
            assert_eq!(asked.texts.len(), 4000);
            let again = asked_names(1, &names, &oracle, 1000, share);
            assert_eq!(asked.texts, again.texts, "{share}");
        }
        let asked = asked_names(1, &names, &oracle, 1000, 0.999);
        assert!(
            asked.expected.different() > 2000,
            "{}",
            asked.expected.different()
        );
        assert!(
            asked
                .texts
                .iter()
                .any(|name| name.iter().any(u8::is_ascii_uppercase))
        );
        let mut scratch = [0; NAME_LEN_MAX];
        for name in asked.texts.iter() {
            assert!(DomainName::parse(name, &mut scratch).is_ok());
        }
    }

    #[test]
    fn the_oracle_counts_whole_labels_in_any_case() {
        let mut names = Texts::default();
        names.push(b"bad.example");
        let oracle = NameOracle::new(&names);
        for (name, covered) in [
            ("bad.example", true),
            ("WWW.Bad.Example", true),
            ("notbad.example", false),
            ("bad.example.test", false),
            ("example", false),
            ("", false),
        ] {
            assert_eq!(oracle.covers(name.as_bytes()), covered, "{name}");
        }
    }
}
