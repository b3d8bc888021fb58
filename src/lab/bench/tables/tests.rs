//! Whole runs, small.

use std::collections::BTreeSet;

use super::domains::NameTables;
use super::texts::Texts;
use super::*;

/// The smallest run that has everything.
fn options() -> TableOptions {
    TableOptions {
        name_sizes: vec![50, 200],
        prefix_sizes: vec![60],
        miss_shares: vec![0.99, 0.5],
        ops: 200,
        settings: Settings {
            turns: 3,
            warmups: 0,
        },
        ..TableOptions::full()
    }
}

#[test]
fn every_engine_answers_every_size_and_share() {
    let mut steps = 0;
    let rows = measure_tables(&options(), &OwnData::default(), &mut |_| steps += 1).unwrap();
    let found: BTreeSet<String> = rows
        .iter()
        .map(|row| {
            let (size, share) = (row.size.unwrap(), row.miss_share.unwrap());
            format!("{} {} {size} {share}", row.bench, row.engine)
        })
        .collect();
    let mut expected = BTreeSet::new();
    for share in [0.99, 0.5] {
        for engine in ["gannet", "gannet-batched", "aho-corasick", "hashbrown"] {
            expected.insert(format!("domains {engine} 50 {share}"));
            expected.insert(format!("domains {engine} 200 {share}"));
        }
        for engine in ["gannet", "iprange", "trie"] {
            expected.insert(format!("prefixes {engine} 60 {share}"));
        }
    }
    assert_eq!(found, expected);
    assert_eq!(rows.len(), expected.len());
    for row in &rows {
        let times = row.times_gannet.unwrap();
        assert!(times.is_finite() && times > 0.0, "{row:?}");
        assert!(row.bytes_per_indicator.unwrap() > 1.0, "{row:?}");
        assert_eq!(row.ops, Some(200));
    }
    assert!(steps > rows.len());
}

#[test]
fn a_table_that_lost_a_name_is_caught() {
    let names = listed_names(1, 100);
    let mut fewer = Texts::default();
    for name in names.iter().take(99) {
        fewer.push(name);
    }
    let oracle = NameOracle::new(&names);
    let questions = asked_names(1, &names, &oracle, 200, 0.1);
    for engine in [
        TableEngine::Gannet,
        TableEngine::GannetBatched,
        TableEngine::AhoCorasick,
        TableEngine::Hashbrown,
    ] {
        let tables = NameTables::build(&fewer, &[engine], &mut |_| {}).unwrap();
        let mut contenders = tables.contenders(&questions);
        let error = run(&mut contenders, options().settings, &mut |_, _| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("where `listed` is right"), "{text}");
        assert!(text.starts_with(engine.as_str()), "{text}");
    }
}

#[test]
fn a_table_that_lost_a_prefix_is_caught() {
    let (nets, texts) = listed_prefixes(1, 100);
    let mut fewer = Texts::default();
    for text in texts.iter().take(99) {
        fewer.push(text);
    }
    let oracle = AddressOracle::new(&nets);
    let questions = asked_addresses(1, &nets, &oracle, 200, 0.1);
    for engine in [TableEngine::Gannet, TableEngine::Iprange, TableEngine::Trie] {
        let tables = PrefixTables::build(&fewer, &[engine], &mut |_| {}).unwrap();
        let mut contenders = tables.contenders(&questions);
        let error = run(&mut contenders, options().settings, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, BenchError::Wrong { .. }), "{error}");
    }
}

#[test]
fn the_automaton_takes_part_up_to_two_million_names_unless_it_is_asked_for() {
    let mut options = options();
    let takes_part = |options: &TableOptions, size| {
        options
            .name_engines(size)
            .contains(&TableEngine::AhoCorasick)
    };
    assert!(takes_part(&options, 2_000_000) && !takes_part(&options, 2_000_001));
    options.engines = vec![TableEngine::AhoCorasick, TableEngine::Trie];
    assert!(takes_part(&options, 10_000_000));
    assert_eq!(options.prefix_engines(), [TableEngine::Trie]);
}

#[test]
fn what_memory_cannot_hold_is_refused_before_it_is_built() {
    let too_large = TableOptions {
        name_sizes: vec![SIZE_MAX],
        prefix_sizes: Vec::new(),
        ops: usize::MAX >> 12,
        ..options()
    };
    let error = measure_tables(&too_large, &OwnData::default(), &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("a run over 100000000 names needs about"),
        "{text}"
    );
}
