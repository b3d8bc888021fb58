//! Randomness that is a function: of a seed, a subject and an index, the same everywhere and
//! for ever. Not for secrets.

/// A SplitMix64 sequence.
#[derive(Clone, Debug)]
pub(in crate::lab) struct Rng(u64);

/// What a sequence is used for, so that no two uses share one.
#[derive(Clone, Copy, Debug)]
pub(in crate::lab) enum Subject {
    /// The make-up of an indicator.
    Indicator = 1,
    /// The leases of a group of subscribers.
    Group,
    /// When and what a victim contacts.
    Victim,
    /// Hits that speak for no victim.
    Bystander,
    /// The event of a planted contact.
    Contact,
    /// A benign event.
    Benign,
    /// The shape of a benign site.
    Site,
    /// An event of made traffic.
    Traffic,
    /// A row of the feed of made traffic.
    Listed,
    /// What the yardsticks list.
    YardstickListed,
    /// What the yardsticks ask for.
    YardstickAsked,
    /// The networks and servers of the yardsticks.
    YardstickPlace,
}

impl Rng {
    /// The sequence of `index` within `subject`.
    pub(in crate::lab) fn keyed(seed: u64, subject: Subject, index: u64) -> Self {
        Self(mix(mix(seed ^ ((subject as u64) << 56)).wrapping_add(index)))
    }

    /// The next 64 bits.
    pub(in crate::lab) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(in crate::lab) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number below `bound` as 32 bits.
    pub(in crate::lab) fn below_u32(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).unwrap_or(0)
    }

    /// A number from `first` to `last`, both included.
    pub(in crate::lab) fn port(&mut self, first: u16, last: u16) -> u16 {
        let offset = self.below(u64::from(last.saturating_sub(first)) + 1);
        first.saturating_add(u16::try_from(offset).unwrap_or(0))
    }

    /// A number below `bound` as an index.
    pub(in crate::lab) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    /// A number below `bound`, small ones more often.
    pub(in crate::lab) fn skewed(&mut self, bound: u64) -> u64 {
        let first = self.below(bound);
        let second = self.below(first + 1);
        second.min(bound.saturating_sub(1))
    }

    /// A rank below `bound` as popularity goes: each power of two is equally likely.
    pub(in crate::lab) fn popular(&mut self, bound: u64) -> u64 {
        let log = u64::from(bound.max(2).ilog2());
        let power = self.below(log + 1);
        ((1 << power) - 1 + self.below(1 << power)).min(bound.saturating_sub(1))
    }

    /// True in `per_mille` of a thousand cases.
    pub(in crate::lab) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of `items`, which are never empty.
    pub(in crate::lab) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }
}

/// Mixes 64 bits so that each output bit hangs on all input bits.
pub(in crate::lab) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut rng = Rng::keyed(1, Subject::Benign, 7);
        for bound in [1, 2, 3, 26, 20_000, u64::MAX] {
            for _ in 0..200 {
                assert!(rng.below(bound) < bound && rng.skewed(bound) < bound);
            }
        }
        for bound in [1, 2, 3, 1000, 1 << 20] {
            assert!((0..500).all(|_| rng.popular(bound) < bound));
        }
        assert!((0..500).all(|_| (7..=9).contains(&rng.port(7, 9))));
    }

    #[test]
    fn sequences_differ_by_seed_subject_and_index() {
        let first = |seed, subject, index| Rng::keyed(seed, subject, index).bits();
        let base = first(1, Subject::Benign, 1);
        assert_eq!(base, first(1, Subject::Benign, 1));
        for other in [
            first(2, Subject::Benign, 1),
            first(1, Subject::Victim, 1),
            first(1, Subject::Benign, 2),
        ] {
            assert_ne!(base, other);
        }
    }
}
