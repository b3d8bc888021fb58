//! Listed names, behind one interface for both engines: which listed names cover a name?
//! A listed name has a number (its [`KeyId`]) and the scopes with which it is listed; what the
//! numbers mean is the caller's.

use super::KeyId;
use super::automaton::NameAutomaton;
use super::batch::NameBatch;
use super::hash::{HashKey, hash_name};
use super::suffix::SuffixTable;
use crate::model::{DomainName, NAME_LEN_MAX, NameEngine, NameError, Scope};

/// Finds the listed names that cover a name. Built by [`NameTableBuilder`].
#[derive(Debug)]
pub enum NameTable {
    /// A hash table over suffixes.
    Suffix(SuffixTable),
    /// One automaton over all listed names.
    Automaton(NameAutomaton),
}

/// What a look at a raw name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameProbe {
    /// Nothing listed covers it.
    Miss,
    /// Something listed may cover it.
    Candidate,
    /// It is no name that could be listed, nor below one that is.
    Unfit(NameError),
}

/// A table could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The patterns or names do not fit into one automaton.
    #[error("cannot build an automaton over {patterns} texts")]
    Automaton {
        /// How many there are.
        patterns: usize,
        /// What the automaton says.
        source: Box<aho_corasick::BuildError>,
    },
}

/// A table has no room for one more key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table is full")]
pub struct Full;

impl NameTable {
    /// Whether something listed covers `raw`, which is parsed as [`DomainName::parse`] does: any
    /// case, a trailing dot, escapes, other scripts. Exactly [`Self::covering`] on the parsed name,
    /// or on what [`DomainName::parse_below`] finds of an unfit one.
    ///
    /// No allocation for ASCII names without escapes.
    #[inline]
    pub fn probe(&self, raw: &[u8]) -> NameProbe {
        match self {
            Self::Suffix(table) => table.probe(raw),
            Self::Automaton(automaton) => automaton.probe(raw),
        }
    }

    /// Adds `raw` to a batch for [`Self::settle`]. What can be told at once is told at once; a
    /// [`NameProbe::Miss`] is only one if `settle` does not name its `owner`.
    ///
    /// No allocation for ASCII names without escapes.
    #[inline]
    pub fn queue(&self, raw: &[u8], owner: u32, batch: &mut NameBatch) -> NameProbe {
        match self {
            Self::Suffix(table) => table.queue(raw, owner, batch),
            Self::Automaton(automaton) => automaton.probe(raw),
        }
    }

    /// Looks up all names of a batch, which is empty afterwards: calls `found` with the owner
    /// of every name that something listed may cover. Says so of one that nothing covers about
    /// once in ten thousand times, never the other way round.
    pub fn settle(&self, batch: &mut NameBatch, found: impl FnMut(u32)) {
        match self {
            Self::Suffix(table) => table.settle(batch, found),
            Self::Automaton(_) => batch.rewind(0),
        }
    }

    /// Appends to `found` every listed name that covers `name`, longest first.
    ///
    /// At most one a label; allocates only when `found` has no room.
    pub fn covering(&self, name: DomainName<'_>, found: &mut Vec<KeyId>) {
        match self {
            Self::Suffix(table) => table.covering(name, found),
            Self::Automaton(automaton) => automaton.covering(name, found),
        }
    }

    /// The listed names.
    pub fn keys(&self) -> &NameKeys {
        match self {
            Self::Suffix(table) => table.keys(),
            Self::Automaton(automaton) => automaton.keys(),
        }
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Suffix(table) => table.bytes(),
            Self::Automaton(automaton) => automaton.bytes(),
        }
    }

    /// Loses everything listed, as a broken build would: for the test of the self-test.
    #[cfg(test)]
    pub(crate) fn forget(&mut self) {
        if let Self::Suffix(table) = self {
            table.forget();
        }
    }
}

/// Collects names for a [`NameTable`]. A name has one key, however often it is inserted.
#[derive(Debug)]
pub struct NameTableBuilder {
    key: HashKey,
    table: SuffixTable,
}

/// The hash of a name under the key of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameHash(u64);

impl HashKey {
    /// The hash of a name under this key. O(`name.len()`).
    pub fn hash(&self, name: DomainName<'_>) -> NameHash {
        NameHash(hash_name(name.as_str().as_bytes(), self))
    }
}

impl NameTableBuilder {
    /// An empty builder. `key` seeds the hash.
    pub fn new(key: HashKey) -> Self {
        Self {
            key,
            table: SuffixTable::new(key),
        }
    }

    /// The key of `name`, which is now also listed with `scope`. Amortized O(`name.len()`).
    ///
    /// # Errors
    /// [`Full`] after four thousand million names or bytes of names.
    pub fn insert(&mut self, name: DomainName<'_>, scope: Scope) -> Result<KeyId, Full> {
        self.insert_hashed(name, scope, self.key.hash(name))
    }

    /// As [`Self::insert`], for who knows the [`HashKey::hash`] of the name already.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn insert_hashed(
        &mut self,
        name: DomainName<'_>,
        scope: Scope,
        hash: NameHash,
    ) -> Result<KeyId, Full> {
        self.table.insert(name, scope, hash.0)
    }

    /// The key of `name`, if it is there; `hash` is its [`HashKey::hash`].
    pub fn find_hashed(&self, name: DomainName<'_>, hash: NameHash) -> Option<KeyId> {
        self.table.position(name, hash.0)
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.table.keys().is_empty()
    }

    /// Reads where a name would be inserted. Many of these in a row wait for memory once, where
    /// as many insertions would each wait for themselves. What it returns means nothing.
    pub fn touch(&self, hash: NameHash) -> u32 {
        self.table.touch(hash.0)
    }

    /// The table, with `engine` inside.
    ///
    /// # Errors
    /// [`TableError`] when the automaton cannot hold the names; the suffix table always can.
    pub fn build(self, engine: NameEngine) -> Result<NameTable, TableError> {
        match engine {
            NameEngine::Table => Ok(NameTable::Suffix(self.table.finished())),
            NameEngine::AhoCorasick => {
                NameAutomaton::new(self.table.into_keys()).map(NameTable::Automaton)
            }
        }
    }
}

/// The texts and scopes of the listed names, in order of insertion.
#[derive(Debug, Default)]
pub struct NameKeys {
    text: String,
    ends: Vec<u32>,
    scopes: Vec<u8>,
}

impl NameKeys {
    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name with the number `id`; empty if there is none.
    #[inline]
    pub fn name(&self, id: KeyId) -> &str {
        let index = id.index();
        let end = self.ends.get(index).copied().unwrap_or_default();
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or_default();
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// All names, in order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = (KeyId, &str)> + Clone {
        (0_u32..)
            .take(self.len())
            .map(|number| (KeyId(number), self.name(KeyId(number))))
    }

    /// Whether the name `id` covers a name that it equals (`whole`) or one below it.
    #[inline]
    pub fn covers(&self, id: KeyId, whole: bool) -> bool {
        let scopes = self.scopes.get(id.index()).copied().unwrap_or_default();
        let wanted = if whole {
            bit(Scope::Exact) | bit(Scope::Subtree)
        } else {
            bit(Scope::Subtree) | bit(Scope::Below)
        };
        scopes & wanted != 0
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + 4 * self.ends.capacity() + self.scopes.capacity()
    }

    /// Adds a name that is not there yet.
    pub(super) fn push(&mut self, name: DomainName<'_>) -> Result<KeyId, Full> {
        let id = u32::try_from(self.len()).map_err(|_| Full)?;
        let end = u32::try_from(self.text.len() + name.as_str().len()).map_err(|_| Full)?;
        // The last number stands for an empty slot.
        if id == u32::MAX {
            return Err(Full);
        }
        self.text.push_str(name.as_str());
        self.ends.push(end);
        self.scopes.push(0);
        Ok(KeyId(id))
    }

    /// Adds a scope to a name.
    pub(super) fn add_scope(&mut self, id: KeyId, scope: Scope) {
        if let Some(scopes) = self.scopes.get_mut(id.index()) {
            *scopes |= bit(scope);
        }
    }

    /// Gives back the room for more names.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.scopes.shrink_to_fit();
    }
}

/// Whether a name listed with `scope` covers a name that it equals (`whole`) or one below it.
pub fn scope_covers(scope: Scope, whole: bool) -> bool {
    match scope {
        Scope::Exact => whole,
        Scope::Subtree => true,
        Scope::Below => !whole,
    }
}

/// The bit of a scope in a set of scopes.
fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::Exact => 1,
        Scope::Subtree => 2,
        Scope::Below => 4,
    }
}

/// The probe of any raw name by way of [`DomainName::parse`]: slow, and right for every input. Of
/// an unfit name the part counts that [`DomainName::parse_below`] finds.
pub(super) fn probe_parsed(raw: &[u8], covered: impl Fn(DomainName<'_>) -> bool) -> NameProbe {
    let mut scratch = [0; NAME_LEN_MAX];
    match DomainName::parse(raw, &mut scratch) {
        Ok(name) if covered(name) => NameProbe::Candidate,
        Ok(_) => NameProbe::Miss,
        Err(error) => match DomainName::parse_below(raw, &mut scratch) {
            Some(name) if covered(name) => NameProbe::Candidate,
            Some(_) | None => NameProbe::Unfit(error),
        },
    }
}

#[cfg(test)]
mod tests;
