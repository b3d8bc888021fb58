//! Tables from keys to small ids: names, patterns, addresses and prefixes, endpoints. They know
//! what is listed, not what it means; `snapshot` gives the ids meaning.
//!
//! Every table has two questions. A *probe* takes what the key scan of a record hands out, may
//! say "perhaps" too often, and allocates nothing when the answer is no. A *find* takes parsed
//! values and gives every key that covers them, the most specific first. Beside the tables
//! stand two rules: which indicators an allow rule beats ([`Allowance`]) and which names are too
//! broad to be listed ([`guard_name`]).
//!
//! Pure: no I/O, no clock, no log.

mod addresses;
mod allow;
mod automaton;
mod batch;
mod bits;
mod broad;
mod endpoints;
mod filter;
mod gates;
mod guard;
mod hash;
mod names;
mod patterns;
mod plain;
mod prefixes;
mod sieve;
mod suffix;

pub use addresses::{AddressTable, AddressTableBuilder};
pub use allow::{Allowance, Claim};
pub use automaton::NameAutomaton;
pub use batch::NameBatch;
pub use guard::{Guarded, guard_name, reserved_name, reserved_net, too_wide, unroutable};
pub use hash::HashKey;
pub use names::{
    Full, NameHash, NameKeys, NameProbe, NameTable, NameTableBuilder, TableError, scope_covers,
};
pub use patterns::{
    PATTERN_LITERAL_MIN, PATTERNS_MAX, PatternError, PatternTable, PatternTableBuilder, fits,
};
pub use suffix::SuffixTable;

/// The number of a key in its table: dense, from 0, in order of insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

impl KeyId {
    /// The number as a place in a vector.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The number of the place `index`; tables refuse keys long before it saturates.
    pub(crate) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
