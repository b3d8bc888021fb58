//! Triggers: what the owner of a record says below the zone's name.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::reason::{self, Reason};
use super::name::Relative;
use super::text_of;

/// What a record triggers on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// Nothing: the zone's own records.
    Apex,
    /// The name asked for.
    Name {
        /// The name, with dots.
        text: String,
        /// Whether it is what is below the name, in place of the name itself.
        wildcard: bool,
    },
    /// An address in an answer: a prefix as usually written.
    Prefix(String),
}

impl Trigger {
    /// The trigger that `labels` say.
    ///
    /// # Errors
    /// The [`Reason`] when it is one that DNS questions and answers cannot tell, or none.
    pub(super) fn of(labels: Relative<'_>) -> Result<Self, Reason> {
        let Some(last) = labels.iter().last() else {
            return Ok(Self::Apex);
        };
        let last = last.to_ascii_lowercase();
        if last == b"rpz-ip" {
            return prefix(labels).map(Self::Prefix);
        }
        if last.starts_with(b"rpz-") {
            return Err(reason::UNSUPPORTED_TRIGGER);
        }
        let (labels, wildcard) = match labels.split_first() {
            Some((b"*", below)) if below.is_empty() => return Err(reason::EVERY_NAME),
            Some((b"*", below)) => (below, true),
            Some(_) | None => (labels, false),
        };
        let text = text_of(labels)?;
        Ok(Self::Name { text, wildcard })
    }
}

/// The prefix that `labels` are: its length, the parts of its address from last to first (`zz` for a
/// run of zeros), and the word that says that it is one.
fn prefix(labels: Relative<'_>) -> Result<String, Reason> {
    let (len, address) = labels.split_first().ok_or(reason::BAD_PREFIX)?;
    let parts: Vec<&str> = address
        .iter()
        .map(|label| std::str::from_utf8(label).unwrap_or_default())
        .collect();
    let Some((_, parts)) = parts.split_last().filter(|(_, parts)| parts.len() <= 8) else {
        return Err(reason::BAD_PREFIX);
    };
    let short = parts.iter().any(|part| part.eq_ignore_ascii_case("zz"));
    let len = decimal(std::str::from_utf8(len).unwrap_or_default()).ok_or(reason::BAD_PREFIX)?;
    let address = match parts {
        [d, c, b, a] if !short => {
            let octet = |part| decimal(part).ok_or(reason::BAD_PREFIX);
            Ipv4Addr::new(octet(a)?, octet(b)?, octet(c)?, octet(d)?).to_string()
        }
        _ => ipv6(parts).ok_or(reason::BAD_PREFIX)?.to_string(),
    };
    Ok(format!("{address}/{len}"))
}

/// The address of these parts, last to first.
fn ipv6(parts: &[&str]) -> Option<Ipv6Addr> {
    let mut words: Vec<u16> = Vec::with_capacity(8);
    let mut gap = None;
    for part in parts.iter().rev() {
        if part.eq_ignore_ascii_case("zz") {
            if gap.replace(words.len()).is_some() {
                return None;
            }
        } else if part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            words.push(u16::from_str_radix(part, 16).ok()?);
        } else {
            return None;
        }
    }
    if let Some(gap) = gap {
        let n_zeros = 8_usize.checked_sub(words.len())?;
        words.splice(gap..gap, std::iter::repeat_n(0, n_zeros));
    }
    let words: [u16; 8] = words.try_into().ok()?;
    Some(Ipv6Addr::from(words))
}

/// A number from 0 to 255 in decimal digits without zeros before it.
fn decimal(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    (plain && !padded).then(|| text.parse().ok()).flatten()
}
