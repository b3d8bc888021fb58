//! What all contenders are asked, and what is right. A turn takes one part of the questions and
//! the next turn the next, since a stream does not come twice either: what is popular stays in
//! the caches, what is rare does not.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Range;

/// How many parts made questions have, each of a turn's length.
pub const PARTS: usize = 4;

/// Where each question stands, and whether something listed covers it.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    listed: Vec<bool>,
    part: usize,
    different: u64,
}

impl Expected {
    /// For `questions`, with `part` of them in a turn, by an oracle that knows what is listed.
    pub(super) fn new<Q: Eq + Hash>(
        questions: impl Iterator<Item = Q>,
        part: usize,
        mut oracle: impl FnMut(&Q) -> bool,
    ) -> Self {
        let mut seen = HashSet::new();
        let mut listed = Vec::new();
        for question in questions {
            listed.push(oracle(&question));
            seen.insert(question);
        }
        Self {
            part: part.clamp(1, listed.len().max(1)),
            listed,
            different: seen.len() as u64,
        }
    }

    /// Whether something listed covers each question, in order.
    pub(super) fn listed(&self) -> &[bool] {
        &self.listed
    }

    /// The questions of a turn.
    pub(super) fn part(&self, turn: usize) -> Range<usize> {
        let parts = (self.listed.len() / self.part).max(1);
        let start = turn % parts * self.part;
        start..(start + self.part).min(self.listed.len())
    }

    /// How many questions there are.
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// How many different ones.
    pub(super) fn different(&self) -> u64 {
        self.different
    }

    /// The share of questions that nothing listed covers.
    pub(super) fn miss_share(&self) -> f64 {
        let misses = self.listed.iter().filter(|listed| !**listed).count();
        misses as f64 / self.len().max(1) as f64
    }
}

/// What a yes and a no is called in a complaint.
pub(super) fn in_words(listed: bool) -> String {
    if listed { "listed" } else { "not listed" }.to_owned()
}

/// Where hits stand among `count` questions of which `miss_share` are misses: exactly as many as
/// that says, anywhere.
pub(super) fn hits_among(
    count: usize,
    miss_share: f64,
    mut below: impl FnMut(u64) -> u64,
) -> impl Iterator<Item = bool> {
    let mut rest = count as u64;
    let mut hits = share_of(count as u64, 1.0 - miss_share);
    std::iter::from_fn(move || {
        let hit = below(rest.checked_sub(1)? + 1) < hits;
        rest -= 1;
        hits -= u64::from(hit);
        Some(hit)
    })
}

/// A share of `whole`, rounded.
fn share_of(whole: u64, share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rounded share between 0 and 1 of a count is such a count"
    )]
    let part = (whole as f64 * share.clamp(0.0, 1.0)).round() as u64;
    part.min(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_take_the_parts_one_after_the_other() {
        let expected = Expected::new(0..10, 4, |n| n % 2 == 0);
        let parts: Vec<_> = (0..3).map(|turn| expected.part(turn)).collect();
        assert_eq!(parts, [0..4, 4..8, 0..4]);
        assert_eq!((expected.len(), expected.different()), (10, 10));
        assert_eq!(expected.miss_share(), 0.5);
        let few = Expected::new([7, 7].iter(), 100, |_| true);
        assert_eq!((few.part(0), few.part(5)), (0..2, 0..2));
        assert_eq!((few.different(), few.miss_share()), (1, 0.0));
        assert_eq!(Expected::new([0; 0].iter(), 5, |_| true).part(1), 0..0);
    }

    #[test]
    fn there_are_as_many_hits_as_the_share_says() {
        for (count, share, expected) in [
            (1000, 0.999, 1),
            (4000, 0.99, 40),
            (10, 0.5, 5),
            (3, 0.0, 3),
            (3, 1.0, 0),
            (0, 0.5, 0),
        ] {
            let hits = hits_among(count, share, |bound| bound / 2);
            let hits: Vec<bool> = hits.collect();
            let found = hits.iter().filter(|hit| **hit).count();
            assert_eq!((hits.len(), found), (count, expected), "{count} {share}");
        }
    }
}
