//! Records of a policy zone, as far as they say what becomes of the names that they own.

use super::super::reason::{self, Reason};
use super::entry::Entry;
use super::name::Relative;

/// Types of records that say nothing about their owner, since no policy has them as its answer.
const IGNORED: [&[u8]; 12] = [
    b"NS",
    b"DNAME",
    b"DNSKEY",
    b"DS",
    b"RRSIG",
    b"NSEC",
    b"NSEC3",
    b"NSEC3PARAM",
    b"CDS",
    b"CDNSKEY",
    b"ZONEMD",
    b"KEY",
];

/// Types of records that a policy may answer with.
const DATA: [&[u8]; 18] = [
    b"A", b"AAAA", b"TXT", b"MX", b"SRV", b"PTR", b"NAPTR", b"CAA", b"HTTPS", b"SVCB", b"SPF",
    b"LOC", b"HINFO", b"RP", b"URI", b"TLSA", b"SSHFP", b"DHCID",
];

/// What kind of record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SOA: its owner is the zone's name.
    Authority,
    /// Says nothing about its owner.
    Ignored,
    /// CNAME: an action, or a name to answer with.
    Alias,
    /// Something else to answer with.
    Data,
}

/// What a resolver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It denies the name, stays silent, asks for TCP or answers something else.
    Answer,
    /// It answers as if there were no policy.
    Pass,
}

/// One record without its owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'e> {
    /// What kind it is.
    pub(super) kind: Kind,
    /// The first word of its data.
    data: &'e [u8],
}

impl<'e> Record<'e> {
    /// The record whose words start at `position`: class and time to live in either order or
    /// left out, type, data.
    ///
    /// # Errors
    /// The [`Reason`] when it is no record, or of a type that no policy has.
    pub(super) fn parse(entry: &'e Entry, position: usize) -> Result<Self, Reason> {
        let mut position = position;
        for _ in 0..2 {
            let word = entry.token(position).ok_or(reason::MISSING_VALUE)?;
            position += usize::from(word.eq_ignore_ascii_case(b"IN") || is_time(word));
        }
        let kind = kind(entry.token(position).ok_or(reason::MISSING_VALUE)?)?;
        let data = entry.token(position + 1).ok_or(reason::MISSING_VALUE)?;
        if kind == Kind::Alias && entry.token(position + 2).is_some() {
            return Err(reason::EXTRA_TEXT);
        }
        Ok(Self { kind, data })
    }

    /// The name that it is an alias of, as written.
    pub(super) fn alias(&self) -> Option<&'e [u8]> {
        match self.kind {
            Kind::Alias => Some(self.data),
            Kind::Authority | Kind::Ignored | Kind::Data => None,
        }
    }
}

impl Action {
    /// What an alias of `target` means. A name such as `rpz-passthru` below the zone has lost its
    /// dot, and a policy that turns into its opposite by that is no policy; nor is one that nobody has
    /// defined.
    ///
    /// # Errors
    /// [`reason::BAD_ACTION`] for such a name.
    pub(super) fn of(target: Relative<'_>, absolute: bool) -> Result<Self, Reason> {
        let Some((first, rest)) = target.split_first() else {
            return Ok(Self::Answer);
        };
        let reserved = first
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"rpz-"));
        if !reserved {
            return Ok(Self::Answer);
        }
        if !absolute || !rest.is_empty() {
            return Err(reason::BAD_ACTION);
        }
        match first.to_ascii_lowercase().as_slice() {
            b"rpz-passthru" => Ok(Self::Pass),
            b"rpz-drop" | b"rpz-tcp-only" => Ok(Self::Answer),
            _ => Err(reason::BAD_ACTION),
        }
    }
}

/// What the type `word` says.
fn kind(word: &[u8]) -> Result<Kind, Reason> {
    let is = |known: &&[u8]| word.eq_ignore_ascii_case(known);
    let unknown = word
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"TYPE"));
    if is(&b"CNAME".as_slice()) {
        Ok(Kind::Alias)
    } else if is(&b"SOA".as_slice()) {
        Ok(Kind::Authority)
    } else if DATA.iter().any(is) || unknown {
        Ok(Kind::Data)
    } else if IGNORED.iter().any(is) {
        Ok(Kind::Ignored)
    } else {
        Err(reason::UNKNOWN_TYPE)
    }
}

/// Whether a word is a time to live: seconds, or numbers with units (`1h30m`).
fn is_time(word: &[u8]) -> bool {
    let unit = |byte: &u8| matches!(byte.to_ascii_lowercase(), b's' | b'm' | b'h' | b'd' | b'w');
    word.first().is_some_and(u8::is_ascii_digit)
        && word.iter().all(|byte| byte.is_ascii_digit() || unit(byte))
}
