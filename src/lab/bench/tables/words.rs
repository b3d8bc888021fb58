//! Words that nobody knows, and labels made of them as people and machines make theirs. Lists
//! and traffic share one vocabulary: where they did not, whoever walks a name letter by letter
//! would leave each at its first one, which real names do not let him do.

use std::fmt::Write as _;

use crate::lab::operation::random::{Rng, Subject};

/// How syllables begin.
const ONSETS: [&str; 28] = [
    "", "b", "br", "c", "ch", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n",
    "p", "pr", "r", "s", "st", "t", "tr", "v", "w", "z",
];
/// What they sound like.
const NUCLEI: [&str; 10] = ["a", "e", "i", "o", "u", "a", "e", "o", "ea", "ou"];
/// How they end.
const CODAS: [&str; 12] = ["", "", "", "", "n", "r", "l", "s", "t", "m", "ck", "nd"];

/// How many words there are.
const WORDS: u64 = 30_000;

/// Words by their popularity.
pub(super) struct Vocabulary(Vec<String>);

impl Vocabulary {
    /// The words of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self((0..WORDS).map(|rank| word(seed, rank)).collect())
    }

    /// A word, popular ones more often.
    fn pick(&self, rng: &mut Rng) -> &str {
        let rank = usize::try_from(rng.popular(WORDS)).unwrap_or(0);
        self.0.get(rank).map_or("", String::as_str)
    }

    /// Appends the label of a site: one word or two, with a number now and then.
    pub(super) fn push_site(&self, rng: &mut Rng, name: &mut String) {
        name.push_str(self.pick(rng));
        // Writing to a string cannot fail.
        let _ = match rng.below(100) {
            0..40 => write!(name, "{}", self.pick(rng)),
            40..60 => write!(name, "-{}", self.pick(rng)),
            60..75 => write!(name, "{}{}", self.pick(rng), self.pick(rng)),
            75..90 => write!(name, "{}", rng.below(1000)),
            _ => write!(name, "{}{}", self.pick(rng), rng.below(100)),
        };
    }

    /// Appends the label that someone registers for a while: like a site's, or thrown together,
    /// or made up by a machine.
    pub(super) fn push_throwaway(&self, rng: &mut Rng, name: &mut String) {
        match rng.below(100) {
            0..45 => self.push_site(rng, name),
            45..70 => {
                let (first, second) = (self.pick(rng), self.pick(rng));
                let number = rng.below(100_000);
                let _ = write!(name, "{first}-{second}-{number}");
            }
            70..80 => {
                let bits = rng.bits() >> 16;
                let _ = write!(name, "{bits:x}");
            }
            _ => {
                let count = 8 + rng.below(12);
                name.extend((0..count).map(|_| char::from(rng.pick(LETTERS))));
            }
        }
    }
}

/// The letters.
const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";

/// The word of a rank: popular ones are short.
fn word(seed: u64, rank: u64) -> String {
    let mut rng = Rng::keyed(seed, Subject::YardstickPlace, !rank);
    let syllables = 1 + u64::from(rank > 200) + rng.below(2);
    let mut word = String::new();
    for _ in 0..syllables {
        for part in [rng.pick(&ONSETS), rng.pick(&NUCLEI), rng.pick(&CODAS)] {
            word.push_str(part);
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_many_and_labels_can_stand_in_names() {
        let words = Vocabulary::new(1);
        let different: BTreeSet<&String> = words.0.iter().collect();
        assert!(different.len() > 20_000, "{}", different.len());
        let mut rng = Rng::keyed(1, Subject::YardstickAsked, 0);
        for _ in 0..10_000 {
            let (mut site, mut throwaway) = (String::new(), String::new());
            words.push_site(&mut rng, &mut site);
            words.push_throwaway(&mut rng, &mut throwaway);
            for label in [site, throwaway] {
                assert!((1..=63).contains(&label.len()), "{label}");
            }
        }
    }
}
