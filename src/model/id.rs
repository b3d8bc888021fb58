//! Ids that are hashes of what they name: BLAKE3 cut to 128 bits, written in lower-case
//! base32. The same input gives the same id on every machine and in every version.

use std::fmt;
use std::str::FromStr;

/// Identifies one (event, indicator value) pair; all copies of a hit carry the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HitId(pub [u8; 16]);

/// Identifies the fact behind an event, wherever and however often it was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventFingerprint(pub [u8; 16]);

/// Identifies the episode of one subscriber on one campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EpisodeId(pub [u8; 16]);

/// Feeds fields into an id. Every field is preceded by its length, so that `ab`,`c` and
/// `a`,`bc` differ.
#[derive(Debug)]
pub struct IdHasher(blake3::Hasher);

impl IdHasher {
    /// A hasher whose ids never equal those of another `domain` (name and version of the id).
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self(blake3::Hasher::new());
        hasher.bytes(domain.as_bytes());
        hasher
    }

    /// Adds a field of bytes.
    pub fn bytes(&mut self, field: &[u8]) -> &mut Self {
        self.0.update(&(field.len() as u64).to_le_bytes());
        self.0.update(field);
        self
    }

    /// Adds a number.
    pub fn number(&mut self, field: i64) -> &mut Self {
        self.bytes(&field.to_le_bytes())
    }

    /// The first 128 bits.
    pub fn finish(&self) -> [u8; 16] {
        let mut id = [0; 16];
        self.0.finalize_xof().fill(&mut id);
        id
    }
}

/// A text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 26 base32 characters")]
pub struct ParseIdError;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Writes 128 bits as 26 characters, most significant first.
fn write_base32(bits: [u8; 16], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let number = u128::from_be_bytes(bits);
    for step in (0..26).rev() {
        let digit = (number >> (5 * step)) & 31;
        write!(formatter, "{}", char::from(ALPHABET[digit as usize]))?;
    }
    Ok(())
}

fn parse_base32(text: &str) -> Result<[u8; 16], ParseIdError> {
    if text.len() != 26 {
        return Err(ParseIdError);
    }
    let mut number = 0_u128;
    for (index, byte) in text.bytes().enumerate() {
        let digit = ALPHABET
            .iter()
            .position(|&known| known == byte)
            .ok_or(ParseIdError)?;
        if index == 0 && digit > 7 {
            return Err(ParseIdError);
        }
        number = (number << 5) | digit as u128;
    }
    Ok(number.to_be_bytes())
}

impl fmt::Display for HitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(self.0, formatter)
    }
}

impl fmt::Display for EventFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(self.0, formatter)
    }
}

impl fmt::Display for EpisodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(self.0, formatter)
    }
}

impl FromStr for HitId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_base32(text).map(Self)
    }
}

impl FromStr for EventFingerprint {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_base32(text).map(Self)
    }
}

impl FromStr for EpisodeId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_base32(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_parse() {
        for bits in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            let text = HitId(bits).to_string();
            assert_eq!((text.len(), text.parse()), (26, Ok(HitId(bits))));
        }
        assert!("z".repeat(26).parse::<HitId>().is_err());
        assert!("a".repeat(25).parse::<HitId>().is_err());
    }

    #[test]
    fn field_boundaries_count() {
        let id = |fields: &[&[u8]]| {
            let mut hasher = IdHasher::new("test");
            for field in fields {
                hasher.bytes(field);
            }
            hasher.finish()
        };
        assert_ne!(id(&[b"ab", b"c"]), id(&[b"a", b"bc"]));
        assert_eq!(id(&[b"ab", b"c"]), id(&[b"ab", b"c"]));
    }
}
