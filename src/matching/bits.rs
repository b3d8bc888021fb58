//! A set of small numbers: one bit each.

/// A set of small numbers; empty sets take no memory.
#[derive(Debug, Default)]
pub(super) struct BitSet(Vec<u64>);

impl BitSet {
    /// Makes room for numbers below `bits`.
    pub(super) fn resize(&mut self, bits: usize) {
        if self.0.is_empty() {
            self.0 = vec![0; bits / 64];
        }
    }

    /// Adds a number.
    pub(super) fn insert(&mut self, bit: usize) {
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Adds the numbers from `first` to `last`.
    pub(super) fn insert_all(&mut self, first: usize, last: usize) {
        let mut bit = first;
        while bit <= last {
            if bit.is_multiple_of(64) && bit + 63 <= last {
                if let Some(word) = self.0.get_mut(bit / 64) {
                    *word = u64::MAX;
                }
                bit += 64;
            } else {
                self.insert(bit);
                bit += 1;
            }
        }
    }

    /// Whether a number is in it.
    #[inline]
    pub(super) fn contains(&self, bit: usize) -> bool {
        self.0
            .get(bit / 64)
            .is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        8 * self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_ends_and_nothing_else() {
        for (first, last) in [(0, 0), (3, 60), (63, 64), (64, 127), (1, 200), (130, 191)] {
            let mut set = BitSet::default();
            set.resize(256);
            set.insert_all(first, last);
            for bit in 0..300 {
                assert_eq!(set.contains(bit), (first..=last).contains(&bit), "{bit}");
            }
        }
    }

    #[test]
    fn an_empty_set_takes_no_memory() {
        assert_eq!(
            (BitSet::default().bytes(), BitSet::default().contains(0)),
            (0, false)
        );
    }
}
