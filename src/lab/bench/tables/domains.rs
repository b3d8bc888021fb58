//! Tables of names: Gannet's, and what one would use in its place.
//!
//! Everyone gets the same questions as they lie in records, in whatever case, and answers "does
//! a listed name cover it?". The rivals, which want lower case, lower it once a question into a
//! buffer that they keep, inside the time that is measured.
//!
//! - `gannet`: [`NameTable::probe`], one question at a time.
//! - `aho-corasick`: one automaton of the crate's own choice over all names, run over the name
//!   with overlapping finds, each confirmed at the end of the name and at a label boundary.
//! - `hashbrown`: a set of names with the crate's own hasher, asked for each suffix of the name
//!   that starts at a label, the longest first.

use std::mem::size_of;

use aho_corasick::AhoCorasick;
use hashbrown::HashSet;

use super::names::{NameOracle, NameQuestions, asked_names, listed_names};
use super::questions::in_words;
use super::texts::Texts;
use super::{Built, Sizing, TableEngine, TableOptions, built};
use crate::lab::bench::harness::{BenchError, Contender, TurnError, Work, WrongAnswer};
use crate::matching::{HashKey, NameProbe, NameTable, NameTableBuilder};
use crate::model::{DomainName, NAME_LEN_MAX, NameEngine, Scope};

/// The tables over one list, of the engines that were asked for.
#[derive(Default)]
pub(super) struct NameTables {
    gannet: Option<NameTable>,
    automaton: Option<AhoCorasick>,
    set: Option<HashSet<Box<[u8]>>>,
    /// Build time and memory, for each.
    pub(super) built: Vec<(TableEngine, Built)>,
}

impl NameTables {
    /// Builds tables over `names` for `engines`.
    ///
    /// # Errors
    /// [`BenchError::Build`] when an engine cannot hold the names.
    pub(super) fn build(
        names: &Texts,
        engines: &[TableEngine],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, BenchError> {
        let mut tables = Self::default();
        let count = names.len();
        for &engine in engines {
            progress(&format!("{} builds", engine.label()));
            let built = match engine {
                TableEngine::Gannet => {
                    let (table, built) = built(engine, count, || gannet(names), NameTable::bytes)?;
                    tables.gannet = Some(table);
                    built
                }
                TableEngine::AhoCorasick => {
                    let build = || Ok(AhoCorasick::new(names.iter())?);
                    let (table, built) = built(engine, count, build, AhoCorasick::memory_usage)?;
                    tables.automaton = Some(table);
                    built
                }
                TableEngine::Hashbrown => {
                    let build = || Ok(names.iter().map(Box::from).collect());
                    let (table, built) = built(engine, count, build, set_bytes)?;
                    tables.set = Some(table);
                    built
                }
                TableEngine::Iprange | TableEngine::Trie => continue,
            };
            tables.built.push((engine, built));
        }
        Ok(tables)
    }

    /// A contender for each table that there is, in the order of the engines.
    pub(super) fn contenders<'w>(&'w self, questions: &'w NameQuestions) -> Vec<Contender<'w>> {
        let mut contenders = Vec::new();
        if let Some(table) = &self.gannet {
            contenders.push(one_by_one(TableEngine::Gannet, questions, |name: &[u8]| {
                table.probe(name) == NameProbe::Candidate
            }));
        }
        if let Some(automaton) = &self.automaton {
            let mut lower = Vec::with_capacity(NAME_LEN_MAX);
            contenders.push(one_by_one(
                TableEngine::AhoCorasick,
                questions,
                move |name: &[u8]| automaton_covers(automaton, lowered(name, &mut lower)),
            ));
        }
        if let Some(set) = &self.set {
            let mut lower = Vec::with_capacity(NAME_LEN_MAX);
            contenders.push(one_by_one(
                TableEngine::Hashbrown,
                questions,
                move |name: &[u8]| set_covers(set, lowered(name, &mut lower)),
            ));
        }
        contenders
    }
}

/// A contender that answers one question after the other.
fn one_by_one<'w, F>(engine: TableEngine, questions: &'w NameQuestions, ask: F) -> Contender<'w>
where
    F: FnMut(&[u8]) -> bool + Clone + 'w,
{
    let mut checked = ask.clone();
    let mut timed = ask;
    Contender::new(
        engine.label(),
        move || {
            let expected = questions.expected.listed();
            for (name, &expected) in questions.texts.iter().zip(expected) {
                let answered = checked(name);
                if answered != expected {
                    return Err(wrong(name, expected, answered));
                }
            }
            Ok(())
        },
        move |turn| {
            let part = questions.expected.part(turn);
            let ops = part.len() as u64;
            let names = questions.texts.range(part);
            let found = names.filter(|name| timed(name)).count();
            Ok(Work {
                ops,
                bytes: 0,
                answers: Some(found as u64),
            })
        },
    )
}

/// A wrong answer about `name`.
fn wrong(name: &[u8], expected: bool, answered: bool) -> WrongAnswer {
    WrongAnswer {
        question: String::from_utf8_lossy(name).into_owned(),
        expected: in_words(expected),
        answered: in_words(answered),
    }
}

/// Our table over `names`, each with all below it.
fn gannet(names: &Texts) -> Result<NameTable, TurnError> {
    let mut builder = NameTableBuilder::new(HashKey::new(1, 2));
    let mut scratch = [0; NAME_LEN_MAX];
    for name in names.iter() {
        builder.insert(DomainName::parse(name, &mut scratch)?, Scope::Subtree)?;
    }
    Ok(builder.build(NameEngine::Table)?)
}

/// `name` in lower case, in a buffer that is used again.
fn lowered<'b>(name: &[u8], buffer: &'b mut Vec<u8>) -> &'b [u8] {
    buffer.clear();
    buffer.extend_from_slice(name);
    buffer.make_ascii_lowercase();
    buffer
}

/// Whether the automaton finds something that ends where `name` ends and starts at a label.
fn automaton_covers(automaton: &AhoCorasick, name: &[u8]) -> bool {
    automaton.find_overlapping_iter(name).any(|found| {
        let before = found.start().checked_sub(1);
        found.end() == name.len() && before.is_none_or(|at| name.get(at) == Some(&b'.'))
    })
}

/// Whether the set holds `name` or a parent of it.
fn set_covers(set: &HashSet<Box<[u8]>>, name: &[u8]) -> bool {
    let mut labels = name;
    loop {
        if set.contains(labels) {
            return true;
        }
        let Some(rest) = memchr::memchr(b'.', labels).and_then(|dot| labels.get(dot + 1..)) else {
            return false;
        };
        labels = rest;
    }
}

/// Memory of a set: its own table, and each name as the system's allocator rounds it.
fn set_bytes(set: &HashSet<Box<[u8]>>) -> usize {
    let names = set.iter().map(|name| allocated(name.len()));
    set.allocation_size() + names.sum::<usize>()
}

/// What an allocation of `len` bytes takes of the heap: a header of a word, in steps of two
/// words, at least four.
pub(super) fn allocated(len: usize) -> usize {
    const WORD: usize = size_of::<usize>();
    (len + WORD).next_multiple_of(2 * WORD).max(4 * WORD)
}

/// Names for a table of `size`, or the operator's own.
pub(super) fn listed(options: &TableOptions, size: u32) -> Texts {
    listed_names(options.seed, size)
}

/// Made questions with the share of misses that is asked for.
pub(super) fn asked(
    options: &TableOptions,
    names: &Texts,
    oracle: &NameOracle<'_>,
    miss_share: f64,
) -> NameQuestions {
    asked_names(options.seed, names, oracle, options.ops, miss_share)
}

/// What a run over `size` names needs, in bytes, everything at once.
pub(super) fn bytes_needed(sizing: &Sizing<'_>) -> u64 {
    let engines: u64 = sizing
        .engines
        .iter()
        .map(|engine| match engine {
            TableEngine::Gannet => 130,
            TableEngine::AhoCorasick => 900,
            TableEngine::Hashbrown => 130,
            TableEngine::Iprange | TableEngine::Trie => 0,
        })
        .sum();
    // The list and the oracle; questions with the set that counts the different ones.
    sizing.size * (engines + 80) + sizing.questions * 100
}
