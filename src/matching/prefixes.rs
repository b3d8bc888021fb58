//! Prefixes of one address family, sorted, each with a link to the next longer network around
//! it. A lookup is one binary search and a climb: every prefix that covers an address lies on
//! the way from the last prefix that starts at or before it to the root. IPv4 addresses are spread
//! so evenly that their first bits tell nearly where, and the search is short.

use super::KeyId;

/// An address as a number: 32 or 128 bits.
pub(super) trait Bits: Copy + Ord {
    /// How many bits.
    const LEN: u8;

    /// All bits set.
    const MAX: Self;

    /// Whether the first `len` bits of `self` and `other` are the same.
    fn shares(self, other: Self, len: u8) -> bool;

    /// The first `len` bits as a number, where listed addresses differ in them; else 0.
    fn spread(self, len: u8) -> usize;
}

impl Bits for u32 {
    const LEN: u8 = 32;
    const MAX: Self = Self::MAX;

    fn shares(self, other: Self, len: u8) -> bool {
        let rest = Self::LEN.saturating_sub(len).into();
        (self ^ other).checked_shr(rest).unwrap_or(0) == 0
    }

    fn spread(self, len: u8) -> usize {
        let rest = Self::LEN.saturating_sub(len).into();
        self.checked_shr(rest).unwrap_or(0) as usize
    }
}

impl Bits for u128 {
    const LEN: u8 = 128;
    const MAX: Self = Self::MAX;

    fn shares(self, other: Self, len: u8) -> bool {
        let rest = Self::LEN.saturating_sub(len).into();
        (self ^ other).checked_shr(rest).unwrap_or(0) == 0
    }

    /// Nearly all networks that are in use start with the same bits.
    fn spread(self, _len: u8) -> usize {
        0
    }
}

/// Finds all prefixes that cover an address. 13 bytes an IPv4 prefix, 25 an IPv6 one.
#[derive(Debug)]
pub(super) struct PrefixTree<A> {
    /// First addresses, sorted; among equals the shorter prefix first.
    starts: Vec<A>,
    lens: Vec<u8>,
    /// The place of the longest prefix around each one.
    parents: Vec<u32>,
    ids: Vec<KeyId>,
    /// For each number that the first `spread_len` bits can be, and for one more: the place of the
    /// first prefix whose first bits are that or more.
    firsts: Vec<u32>,
    spread_len: u8,
}

/// Most first bits that tell where to search: 256 KiB.
const SPREAD_LEN_MAX: u8 = 16;

/// No prefix around it.
const ROOT: u32 = u32::MAX;

impl<A: Bits> PrefixTree<A> {
    /// A tree over distinct prefixes without host bits.
    pub(super) fn new(mut prefixes: Vec<(A, u8, KeyId)>) -> Self {
        prefixes.sort_unstable();
        let mut parents = Vec::with_capacity(prefixes.len());
        // The prefixes around the one at hand, shortest first, with their places.
        let mut around: Vec<(A, u8, u32)> = Vec::new();
        for (place, &(start, len, _)) in (0..ROOT).zip(&prefixes) {
            while around
                .last()
                .is_some_and(|&(outer, outer_len, _)| !start.shares(outer, outer_len))
            {
                around.pop();
            }
            parents.push(around.last().map_or(ROOT, |&(_, _, place)| place));
            around.push((start, len, place));
        }
        let starts: Vec<A> = prefixes.iter().map(|&(start, _, _)| start).collect();
        let spread_len = (0..SPREAD_LEN_MAX).take_while(|len| starts.len() >> len > 1);
        let spread_len = spread_len.count().try_into().unwrap_or(0);
        Self {
            firsts: firsts(&starts, spread_len),
            spread_len,
            starts,
            lens: prefixes.iter().map(|&(_, len, _)| len).collect(),
            ids: prefixes.iter().map(|&(_, _, id)| id).collect(),
            parents,
        }
    }

    /// How many prefixes start at or before `address`.
    fn upto(&self, address: A) -> usize {
        let spread = address.spread(self.spread_len);
        let first = |spread: usize| self.firsts.get(spread).map(|&place| place as usize);
        let first_place = first(spread).unwrap_or(0);
        let end = first(spread + 1).unwrap_or(self.starts.len());
        let near = self.starts.get(first_place..end).unwrap_or_default();
        first_place + near.partition_point(|&start| start <= address)
    }

    /// Hands out the length and key of every prefix that covers `address`, longest first,
    /// until `visit` says no. O(log n + depth), no allocation.
    pub(super) fn covering(&self, address: A, mut visit: impl FnMut(u8, KeyId) -> bool) {
        let mut place = self.upto(address).checked_sub(1);
        while let Some(at) = place {
            let (Some(&start), Some(&len), Some(&parent), Some(&id)) = (
                self.starts.get(at),
                self.lens.get(at),
                self.parents.get(at),
                self.ids.get(at),
            ) else {
                return;
            };
            if address.shares(start, len) && !visit(len, id) {
                return;
            }
            place = (parent != ROOT).then_some(parent as usize);
        }
    }

    /// How many prefixes there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// All prefixes: first address, length, key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (A, u8, KeyId)> {
        let lens_and_ids = self.lens.iter().zip(&self.ids);
        let all = self.starts.iter().zip(lens_and_ids);
        all.map(|(&start, (&len, &id))| (start, len, id))
    }

    /// Whether any prefix covers `address`.
    pub(super) fn covers(&self, address: A) -> bool {
        let mut covered = false;
        self.covering(address, |_, _| {
            covered = true;
            false
        });
        covered
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<A>()
            + self.lens.capacity()
            + 4 * (self.parents.capacity() + self.ids.capacity() + self.firsts.capacity())
    }
}

/// The places at which the first bits of sorted addresses change.
fn firsts<A: Bits>(starts: &[A], spread_len: u8) -> Vec<u32> {
    let place = |spread: usize| {
        let place = starts.partition_point(|start| start.spread(spread_len) < spread);
        u32::try_from(place).unwrap_or(ROOT)
    };
    let last = A::MAX.spread(spread_len);
    (0..=last + 1).map(place).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: compare bit by bit with every prefix.
    fn oracle(listed: &[(u32, u8)], address: u32) -> Vec<(u8, u32)> {
        let mut found: Vec<(u8, u32)> = (0..)
            .zip(listed)
            .filter(|(_, (start, len))| {
                (0..u32::from(*len)).all(|bit| (start << bit) >> 31 == (address << bit) >> 31)
            })
            .map(|(id, (_, len))| (*len, id))
            .collect();
        found.sort_by_key(|&(len, _)| std::cmp::Reverse(len));
        found
    }

    fn truncate(address: u32, len: u8) -> u32 {
        address
            & u32::MAX
                .checked_shl(32 - u32::from(len))
                .unwrap_or_default()
    }

    /// The few addresses that matter: 10.0.0.0/29 and the ends of the space.
    fn address() -> impl Strategy<Value = u32> {
        prop_oneof![
            8 => (0_u32..8).prop_map(|host| 0x0a00_0000 | host),
            1 => Just(0),
            1 => Just(u32::MAX),
        ]
    }

    proptest! {
        #[test]
        fn all_covering_prefixes_are_found_longest_first(
            listed in proptest::collection::btree_set((address(), prop_oneof![0_u8..=8, 27_u8..=32]), 0..16),
            asked in address(),
        ) {
            let mut listed: Vec<(u32, u8)> =
                listed.into_iter().map(|(start, len)| (truncate(start, len), len)).collect();
            listed.sort_unstable();
            listed.dedup();
            let numbered = |widen: fn(u32) -> u128, extra: u8| {
                (0..).zip(&listed).map(move |(id, &(start, len))| (widen(start), len + extra, KeyId(id)))
            };
            let tree = PrefixTree::new(
                (0..).zip(&listed).map(|(id, &(start, len))| (start, len, KeyId(id))).collect(),
            );
            let mut found = Vec::new();
            tree.covering(asked, |len, id| { found.push((len, id.0)); true });
            prop_assert_eq!(&found, &oracle(&listed, asked));
            prop_assert_eq!(tree.covers(asked), !found.is_empty());

            // The same at the low end of the longer family.
            let wide = PrefixTree::<u128>::new(numbered(u128::from, 96).collect());
            let mut found_wide = Vec::new();
            wide.covering(u128::from(asked), |len, id| { found_wide.push((len - 96, id.0)); true });
            prop_assert_eq!(found_wide, found);
        }
    }
}
