//! Tables of names: Gannet's, and what one would use in its place.
//!
//! Everyone gets the same questions as they lie in records, in whatever case, and answers "does
//! a listed name cover it?". The rivals, which want lower case, lower it once a question into a
//! buffer that they keep, inside the time that is measured.
//!
//! - `gannet`: [`NameTable::probe`], one question at a time.
//! - `gannet-batched`: [`NameTable::queue`] and [`NameTable::settle`], as the data path does it,
//!   and a probe of each candidate, so that the answer is as exact as everyone's.
//! - `aho-corasick`: one automaton of the crate's own choice over all names, run over the name
//!   with overlapping finds, each confirmed at the end of the name and at a label boundary.
//! - `hashbrown`: a set of names with the crate's own hasher, asked for each suffix of the name
//!   that starts at a label, the longest first.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use hashbrown::HashSet;

use super::names::NameQuestions;
use super::questions::in_words;
use super::texts::Texts;
use super::{Built, TableEngine, built};
use crate::lab::bench::harness::{BenchError, Contender, TurnError, Work, WrongAnswer};
use crate::matching::{HashKey, NameBatch, NameProbe, NameTable, NameTableBuilder};
use crate::model::{DomainName, NAME_LEN_MAX, NameEngine, Named, Scope};

/// The tables over one list, of the engines that were asked for.
#[derive(Default)]
pub(super) struct NameTables {
    gannet: Option<NameTable>,
    /// Whether our table is asked one by one, and whether in batches.
    asked_as: (bool, bool),
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
            progress(&format!("{} builds", engine.as_str()));
            let built = match engine {
                TableEngine::Gannet | TableEngine::GannetBatched => {
                    tables.asked_as.0 |= engine == TableEngine::Gannet;
                    tables.asked_as.1 |= engine == TableEngine::GannetBatched;
                    if let Some(&(_, same)) =
                        tables.built.first().filter(|_| tables.gannet.is_some())
                    {
                        same
                    } else {
                        let build = || gannet(names);
                        let (table, built) = built(engine, count, build, NameTable::bytes)?;
                        tables.gannet = Some(table);
                        built
                    }
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
            if self.asked_as.0 {
                let ask = |name: &[u8]| table.probe(name) == NameProbe::Candidate;
                contenders.push(one_by_one(TableEngine::Gannet, questions, ask));
            }
            if self.asked_as.1 {
                contenders.push(batched(table, questions));
            }
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
        engine.as_str(),
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

/// The contender that asks our table for many names at once.
fn batched<'w>(table: &'w NameTable, questions: &'w NameQuestions) -> Contender<'w> {
    let mut batch = NameBatch::new();
    let mut checked = NameBatch::new();
    Contender::new(
        TableEngine::GannetBatched.as_str(),
        move || {
            let mut answers = vec![false; questions.texts.len()];
            each_found(table, questions, 0..answers.len(), &mut checked, |place| {
                if let Some(answer) = answers.get_mut(place) {
                    *answer = true;
                }
            });
            let told = questions.expected.listed().iter().zip(answers);
            for (name, (&expected, answered)) in questions.texts.iter().zip(told) {
                if answered != expected {
                    return Err(wrong(name, expected, answered));
                }
            }
            Ok(())
        },
        move |turn| {
            let part = questions.expected.part(turn);
            let ops = part.len() as u64;
            let mut found = 0;
            each_found(table, questions, part, &mut batch, |_| found += 1);
            Ok(Work {
                ops,
                bytes: 0,
                answers: Some(found),
            })
        },
    )
}

/// Calls `found` with the place of every question of `part` that something listed covers, once.
fn each_found(
    table: &NameTable,
    questions: &NameQuestions,
    part: Range<usize>,
    batch: &mut NameBatch,
    mut found: impl FnMut(usize),
) {
    let start = part.start;
    // Hashes of one name lie together in a batch, and a name lies in one batch.
    let mut last = None;
    let mut confirm = |owner: u32| {
        if last.replace(owner) != Some(owner) {
            let place = start + owner as usize;
            if table.probe(questions.texts.text(place)) == NameProbe::Candidate {
                found(place);
            }
        }
    };
    for (owner, name) in (0_u32..).zip(questions.texts.range(part)) {
        if table.queue(name, owner, batch) == NameProbe::Candidate {
            confirm(owner);
        }
        if batch.is_full() {
            table.settle(batch, &mut confirm);
        }
    }
    table.settle(batch, &mut confirm);
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

/// What a run over `size` names needs at its peak, in bytes, questions left out.
pub(super) fn bytes_needed(size: u32, engines: &[TableEngine]) -> u64 {
    let of_engines = engines.iter().map(|engine| match engine {
        TableEngine::Gannet | TableEngine::Hashbrown => 90,
        TableEngine::AhoCorasick => 900,
        // The same table as one at a time.
        TableEngine::GannetBatched => 0,
        TableEngine::Iprange | TableEngine::Trie => 0,
    });
    // The list and the oracle beside them.
    let each: u64 = of_engines.sum::<u64>() + 80;
    u64::from(size).saturating_mul(each)
}
