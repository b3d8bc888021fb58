//! Broad stems: pairs of labels below which many names are listed, though not the pair itself
//! (`co.uk`, `github.io`). That such a pair lies above something listed says little, so of names
//! below them the third label decides as well.

/// A few hundred stems, by their hashes. What does not fit is left out, which costs time and
/// nothing else.
#[derive(Debug)]
pub(super) struct BroadStems {
    /// A hash at the place that it chooses, or one that chooses another place.
    hashes: Box<[u64; PLACES]>,
}

/// Places, a power of two: 4 KiB, which stay in the first cache.
const PLACES: usize = 512;

/// Names below it, of those counted, that make a stem broad.
const NAMES_MIN: usize = 4;

impl BroadStems {
    /// Most hashes that [`Self::among`] should be given; a sample of more does as well.
    pub(super) const SAMPLE: usize = 1 << 20;

    /// The broad ones among `stems`, the hashes of the stems of listed names that have more than two
    /// labels.
    pub(super) fn among(mut stems: Vec<u64>) -> Self {
        stems.sort_unstable();
        let same = stems.chunk_by(|one, next| one == next);
        let mut broad: Vec<(usize, u64)> = same
            .filter(|run| run.len() >= NAMES_MIN)
            .filter_map(|run| Some((run.len(), *run.first()?)))
            .collect();
        // The broadest last, so that it has its place whatever else wants it.
        broad.sort_unstable();
        let mut found = Self::default();
        for (_, hash) in broad {
            if let Some(kept) = found.hashes.get_mut(place(hash)) {
                *kept = hash;
            }
        }
        found
    }

    /// Makes a stem not broad: one that is listed itself.
    pub(super) fn remove(&mut self, hash: u64) {
        if self.contains(hash)
            && let Some(kept) = self.hashes.get_mut(place(hash))
        {
            *kept = !hash;
        }
    }

    /// Whether the stem with this hash is broad.
    #[inline(always)]
    pub(super) fn contains(&self, hash: u64) -> bool {
        self.hashes.get(place(hash)) == Some(&hash)
    }
}

impl Default for BroadStems {
    fn default() -> Self {
        let mut places = 1..=PLACES as u64;
        Self {
            hashes: Box::new([0; PLACES].map(|_| places.next().unwrap_or_default())),
        }
    }
}

/// The place of a stem.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
fn place(hash: u64) -> usize {
    hash as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash that chooses a place.
    fn hash(place: u64, rest: u64) -> u64 {
        rest << 32 | place
    }

    #[test]
    fn the_broadest_stems_are_kept_and_listed_ones_never() {
        let (often, seldom, rival, listed) = (hash(1, 1), hash(2, 2), hash(1, 3), hash(4, 4));
        let runs = [(often, 9), (rival, 8), (seldom, 3), (listed, 9)];
        let stems = runs.iter().flat_map(|&(hash, names)| vec![hash; names]);
        let mut broad = BroadStems::among(stems.collect());
        broad.remove(listed);
        let found = [often, rival, seldom, listed].map(|hash| broad.contains(hash));
        assert_eq!(found, [true, false, false, false]);
    }

    #[test]
    fn nothing_is_broad_at_first() {
        let broad = BroadStems::default();
        assert!((0..10_000).all(|hash| !broad.contains(hash)));
    }
}
