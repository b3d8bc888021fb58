//! A binary trie over prefixes, one bit a step, without any cleverness: what everyone can write.

/// Nodes of a trie for one address family. 8 bytes a node.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<[u32; 2]>,
}

/// There is no such child. The root is no one's child.
const NONE: u32 = 0;

/// Everything below is listed.
const LISTED: u32 = u32::MAX;

/// A trie has more nodes than it can number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the trie is full")]
pub(super) struct TrieFull;

impl Trie {
    /// An empty trie.
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![[NONE; 2]],
        }
    }

    /// Lists the first `len` bits of `bits`, which are counted from the top.
    ///
    /// # Errors
    /// [`TrieFull`] after four thousand million nodes.
    pub(super) fn insert(&mut self, bits: u128, len: u8) -> Result<(), TrieFull> {
        if len == 0 {
            self.nodes = vec![[LISTED; 2]];
            return Ok(());
        }
        let mut at = 0;
        for depth in 0..len - 1 {
            let side = side(bits, depth);
            let free = u32::try_from(self.nodes.len()).map_err(|_| TrieFull)?;
            let Some(child) = self.nodes.get_mut(at).and_then(|node| node.get_mut(side)) else {
                return Ok(());
            };
            match *child {
                // A shorter prefix covers this one.
                LISTED => return Ok(()),
                NONE if free == LISTED => return Err(TrieFull),
                NONE => {
                    *child = free;
                    at = free as usize;
                    self.nodes.push([NONE; 2]);
                }
                next => at = next as usize,
            }
        }
        let side = side(bits, len - 1);
        if let Some(child) = self.nodes.get_mut(at).and_then(|node| node.get_mut(side)) {
            *child = LISTED;
        }
        Ok(())
    }

    /// Whether a listed prefix covers `bits`.
    pub(super) fn covers(&self, bits: u128) -> bool {
        let mut at = 0_usize;
        for depth in 0..128 {
            match self
                .nodes
                .get(at)
                .map_or(NONE, |node| node[side(bits, depth)])
            {
                NONE => return false,
                LISTED => return true,
                next => at = next as usize,
            }
        }
        false
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<[u32; 2]>()
    }
}

/// The bit at `depth`, counted from the top.
fn side(bits: u128, depth: u8) -> usize {
    usize::from(bits >> (127 - u32::from(depth)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few bits, so that prefixes meet and nest.
        #[test]
        fn a_trie_covers_what_a_list_covers(
            listed in prop::collection::vec((0..64_u128, 0..=6_u8), 0..20),
            asked in 0..64_u128,
        ) {
            let mut trie = Trie::new();
            let top = |bits: u128| bits << 122;
            for &(bits, len) in &listed {
                trie.insert(top(bits), len).unwrap();
            }
            let shares = |bits: u128, len: u8| len == 0 || bits >> (6 - len) == asked >> (6 - len);
            let expected = listed.iter().any(|&(bits, len)| shares(bits, len));
            prop_assert_eq!(trie.covers(top(asked)), expected);
        }
    }

    #[test]
    fn all_bits_of_an_address_count() {
        let mut trie = Trie::new();
        trie.insert(u128::MAX, 128).unwrap();
        assert!(trie.covers(u128::MAX) && !trie.covers(u128::MAX - 1));
        assert!(trie.bytes() >= 8 * 128);
    }
}
