//! Bounded counts against exact ones.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn pair(value: &str) -> PairRef<'_> {
    PairRef {
        value,
        feed: "feed",
    }
}

proptest! {
    #[test]
    fn counts_are_never_too_high_and_too_low_by_a_part_of_all_hits(
        hits in proptest::collection::vec(("[a-e]{1,2}", 0_u64..50), 0..200),
        kept in 1_usize..20,
    ) {
        let mut heavy = Heavy::new(kept);
        let mut exact: BTreeMap<&str, u64> = BTreeMap::new();
        for (value, hits) in &hits {
            heavy.add(pair(value), *hits);
            *exact.entry(value).or_default() += hits;
            prop_assert!(heavy.counts.len() < 2 * kept.max(1));
        }
        let all: u64 = exact.values().sum();
        prop_assert!(heavy.lost() * kept as u64 <= all, "{} of {all}", heavy.lost());
        for (value, count) in exact {
            prop_assert!(heavy.least(pair(value)) <= count);
            prop_assert!(count <= heavy.most(pair(value)));
        }
    }

    #[test]
    fn few_indicators_are_counted_exactly(
        hits in proptest::collection::vec(("[a-c]", "[ab]", 0_u64..50), 0..60),
    ) {
        let mut heavy = Heavy::new(6);
        let mut exact: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (value, feed, hits) in &hits {
            heavy.add(PairRef { value, feed }, *hits);
            *exact.entry((value, feed)).or_default() += hits;
        }
        exact.retain(|_, count| *count > 0);
        let counted: BTreeMap<(&str, &str), u64> = heavy
            .iter()
            .map(|(pair, count)| ((&*pair.value, &*pair.feed), count))
            .collect();
        prop_assert_eq!(counted, exact);
        prop_assert_eq!(heavy.lost(), 0);
    }
}

#[test]
fn one_that_has_many_hits_stands_out_of_a_million_that_have_one() {
    let mut heavy = Heavy::new(100);
    for at in 0..1_000_000 {
        heavy.add(pair(&at.to_string()), 1);
        if at % 10 == 0 {
            heavy.add(pair("much"), 1);
        }
        assert!(heavy.counts.len() < 200);
    }
    assert!(heavy.least(pair("much")) >= 89_000);
    assert!(heavy.most(pair("much")) >= 100_000);
    // The memory stays, whatever came.
    assert!(heavy.counts.capacity() < 1_000);
    heavy.clear();
    assert_eq!((heavy.iter().count(), heavy.lost()), (0, 0));
}
