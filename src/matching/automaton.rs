//! The second name engine: one Aho-Corasick automaton over all listed names, whose finds count
//! only at the end of a name and at a label boundary. Slower and larger than the suffix table;
//! the baseline of the benchmarks and the second opinion of the tests.

use aho_corasick::AhoCorasick;
use aho_corasick::automaton::OverlappingState;

use super::KeyId;
use super::names::{NameKeys, NameProbe, TableError, probe_parsed};
use crate::model::DomainName;

/// Finds listed names by running over the whole name.
#[derive(Debug)]
pub struct NameAutomaton {
    keys: NameKeys,
    automaton: AhoCorasick,
}

impl NameAutomaton {
    /// An automaton over `keys`.
    pub(super) fn new(keys: NameKeys) -> Result<Self, TableError> {
        let automaton = AhoCorasick::new(keys.names().map(|(_, name)| name)).map_err(|source| {
            TableError::Automaton {
                patterns: keys.len(),
                source: Box::new(source),
            }
        })?;
        Ok(Self { keys, automaton })
    }

    /// The listed names.
    pub(super) fn keys(&self) -> &NameKeys {
        &self.keys
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes() + self.automaton.memory_usage()
    }

    /// Whether something listed covers `raw`.
    pub(super) fn probe(&self, raw: &[u8]) -> NameProbe {
        probe_parsed(raw, |name| {
            let mut covered = false;
            self.walk(name, |_| covered = true);
            covered
        })
    }

    /// Appends every listed name that covers `name`, longest first.
    pub(super) fn covering(&self, name: DomainName<'_>, found: &mut Vec<KeyId>) {
        let before = found.len();
        self.walk(name, |id| found.push(id));
        if let Some(added) = found.get_mut(before..) {
            added.sort_by_key(|&id| std::cmp::Reverse(self.keys.name(id).len()));
        }
    }

    /// Hands out every listed name that covers `name`.
    fn walk(&self, name: DomainName<'_>, mut visit: impl FnMut(KeyId)) {
        let text = name.as_str();
        let mut state = OverlappingState::start();
        loop {
            self.automaton.find_overlapping(text, &mut state);
            let Some(found) = state.get_match() else {
                return;
            };
            let start = found.start();
            let whole = start == 0;
            let at_label = whole || text.as_bytes().get(start - 1) == Some(&b'.');
            let id = KeyId::from_index(found.pattern().as_usize());
            if found.end() == text.len() && at_label && self.keys.covers(id, whole) {
                visit(id);
            }
        }
    }
}
