//! Tables of prefixes: Gannet's, and what one would use in its place. Everyone gets the same
//! addresses, parsed, and answers "does a listed prefix cover it?".
//!
//! - `gannet`: [`AddressTable::probe`].
//! - `iprange`: a set of each family, simplified as its documentation advises. It tells nothing of
//!   its memory: an allocation of the heap is counted for each node that its trie must have.
//! - `trie`: a binary trie, one bit a step.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use iprange::IpRange;

use super::addresses::AddressQuestions;
use super::domains::allocated;
use super::questions::in_words;
use super::texts::Texts;
use super::trie::Trie;
use super::{Built, TableEngine, built};
use crate::lab::bench::harness::{BenchError, Contender, TurnError, Work, WrongAnswer};
use crate::matching::{AddressTable, AddressTableBuilder};
use crate::model::{Named, parse_prefix};

/// The tables over one list, of the engines that were asked for.
#[derive(Default)]
pub(super) struct PrefixTables {
    gannet: Option<AddressTable>,
    ranges: Option<Ranges>,
    tries: Option<Tries>,
    /// Build time and memory, for each.
    pub(super) built: Vec<(TableEngine, Built)>,
}

impl PrefixTables {
    /// Builds tables over the prefixes in `texts` for `engines`.
    ///
    /// # Errors
    /// [`BenchError::Build`] when an engine cannot hold them.
    pub(super) fn build(
        texts: &Texts,
        engines: &[TableEngine],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, BenchError> {
        let mut tables = Self::default();
        let count = texts.len();
        for &engine in engines {
            progress(&format!("{} builds", engine.as_str()));
            let built = match engine {
                TableEngine::Gannet => {
                    let build = || gannet(texts);
                    let (table, built) = built(engine, count, build, AddressTable::bytes)?;
                    tables.gannet = Some(table);
                    built
                }
                TableEngine::Iprange => {
                    let (table, built) = built(engine, count, || ranges(texts), ranges_bytes)?;
                    tables.ranges = Some(table);
                    built
                }
                TableEngine::Trie => {
                    let build = || tries(texts);
                    let bytes = |(four, six): &Tries| four.bytes() + six.bytes();
                    let (table, built) = built(engine, count, build, bytes)?;
                    tables.tries = Some(table);
                    built
                }
                TableEngine::GannetBatched | TableEngine::AhoCorasick | TableEngine::Hashbrown => {
                    continue;
                }
            };
            tables.built.push((engine, built));
        }
        Ok(tables)
    }

    /// A contender for each table that there is, in the order of the engines.
    pub(super) fn contenders<'w>(&'w self, questions: &'w AddressQuestions) -> Vec<Contender<'w>> {
        let mut contenders = Vec::new();
        if let Some(table) = &self.gannet {
            let ask = |address| table.probe(address, None);
            contenders.push(contender(TableEngine::Gannet, questions, ask));
        }
        if let Some((four, six)) = &self.ranges {
            let ask = |address| match address {
                IpAddr::V4(ip) => four.contains(&ip),
                IpAddr::V6(ip) => six.contains(&ip),
            };
            contenders.push(contender(TableEngine::Iprange, questions, ask));
        }
        if let Some((four, six)) = &self.tries {
            let ask = |address| match address {
                IpAddr::V4(ip) => four.covers(u128::from(u32::from(ip)) << 96),
                IpAddr::V6(ip) => six.covers(u128::from(ip)),
            };
            contenders.push(contender(TableEngine::Trie, questions, ask));
        }
        contenders
    }
}

/// A contender that answers one question after the other.
fn contender<'w, F>(engine: TableEngine, questions: &'w AddressQuestions, ask: F) -> Contender<'w>
where
    F: Fn(IpAddr) -> bool + Copy + 'w,
{
    Contender::new(
        engine.as_str(),
        move || {
            let expected = questions.expected.listed();
            for (&address, &expected) in questions.addresses.iter().zip(expected) {
                let answered = ask(address);
                if answered != expected {
                    return Err(WrongAnswer {
                        question: address.to_string(),
                        expected: in_words(expected),
                        answered: in_words(answered),
                    });
                }
            }
            Ok(())
        },
        move |turn| {
            let part = questions.expected.part(turn);
            let addresses = questions.addresses.get(part).unwrap_or_default();
            let found = addresses.iter().filter(|&&address| ask(address)).count();
            Ok(Work {
                ops: addresses.len() as u64,
                bytes: 0,
                answers: Some(found as u64),
            })
        },
    )
}

/// Our table.
fn gannet(texts: &Texts) -> Result<AddressTable, TurnError> {
    let mut builder = AddressTableBuilder::default();
    for text in texts.iter() {
        builder.insert_prefix(parse_prefix(std::str::from_utf8(text)?)?)?;
    }
    Ok(builder.build())
}

/// The crate's sets.
type Ranges = (IpRange<Ipv4Net>, IpRange<Ipv6Net>);

/// Sets of both families, simplified.
fn ranges(texts: &Texts) -> Result<Ranges, TurnError> {
    let (mut four, mut six) = (IpRange::new(), IpRange::new());
    for text in texts.iter() {
        match std::str::from_utf8(text)?.parse()? {
            IpNet::V4(net) => {
                four.add(net);
            }
            IpNet::V6(net) => {
                six.add(net);
            }
        }
    }
    four.simplify();
    six.simplify();
    Ok((four, six))
}

/// Memory of the crate's sets: one allocation of two pointers for each node, and as many nodes as
/// the bits of what is left after simplification need.
fn ranges_bytes((four, six): &Ranges) -> usize {
    let four = four.iter().map(IpNet::V4);
    let nets: Vec<IpNet> = four.chain(six.iter().map(IpNet::V6)).collect();
    let node = allocated(2 * size_of::<usize>());
    nodes(nets) * node
}

/// How many nodes a binary trie over `nets` has.
fn nodes(nets: Vec<IpNet>) -> usize {
    let mut paths: Vec<(bool, u128, u8)> = nets
        .into_iter()
        .map(|net| match net {
            IpNet::V4(net) => {
                let bits = u128::from(u32::from(net.network())) << 96;
                (false, bits, net.prefix_len())
            }
            IpNet::V6(net) => (true, net.network().into(), net.prefix_len()),
        })
        .collect();
    paths.sort_unstable();
    // Each path adds the nodes that it does not share with the one before it.
    let mut before: Option<(bool, u128, u8)> = None;
    let mut count = 2;
    for (six, bits, len) in paths {
        let shared = match before {
            Some((same, other, other_len)) if same == six => {
                let common = (bits ^ other).leading_zeros();
                common.min(other_len.into()).min(len.into())
            }
            Some(_) | None => 0,
        };
        count += usize::from(len) - shared as usize;
        before = Some((six, bits, len));
    }
    count
}

/// Plain tries of both families.
type Tries = (Trie, Trie);

/// The tries.
fn tries(texts: &Texts) -> Result<Tries, TurnError> {
    let (mut four, mut six) = (Trie::new(), Trie::new());
    for text in texts.iter() {
        match std::str::from_utf8(text)?.parse()? {
            IpNet::V4(net) => {
                let bits = u128::from(u32::from(net.network())) << 96;
                four.insert(bits, net.prefix_len())?;
            }
            IpNet::V6(net) => six.insert(net.network().into(), net.prefix_len())?,
        }
    }
    Ok((four, six))
}

/// What a run over `size` prefixes needs at its peak, in bytes, questions left out.
pub(super) fn bytes_needed(size: u32, engines: &[TableEngine]) -> u64 {
    let of_engines = engines.iter().map(|engine| match engine {
        TableEngine::Gannet => 120,
        TableEngine::Iprange => 900,
        TableEngine::Trie => 300,
        TableEngine::GannetBatched | TableEngine::AhoCorasick | TableEngine::Hashbrown => 0,
    });
    // The list, its texts and the oracle beside them.
    let each: u64 = of_engines.sum::<u64>() + 160;
    u64::from(size).saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_as_a_trie_makes_them() {
        let count = |nets: &[&str]| nodes(nets.iter().map(|net| net.parse().unwrap()).collect());
        // A root of each family, then a node a bit that nobody has yet.
        assert_eq!(count(&[]), 2);
        assert_eq!(count(&["198.18.0.0/15"]), 2 + 15);
        assert_eq!(count(&["198.18.0.0/16", "198.19.0.0/16"]), 2 + 15 + 2);
        assert_eq!(count(&["198.18.0.0/15", "2001:db8::/32"]), 2 + 15 + 32);
    }
}
