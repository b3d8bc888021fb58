//! Spells: the runs of an episode's hits that no gap longer than the quiet period divides.

use std::time::Duration;

use crate::model::{EventTime, Spell};

/// Most spells of an episode.
pub(super) const SPELLS_MAX: usize = 1_000;

/// Adds a hit at `at` to `spells` (earliest first, gaps longer than `quiet_period`).
///
/// Spells are the connected components of the times, so the order of arrival does not matter.
/// Above `spells_max` the two spells with the smallest gap (ties: the earliest) become one; from
/// then on the division, though not the bounds and counts, may depend on the order.
pub(super) fn add(
    spells: &mut Vec<Spell>,
    at: EventTime,
    quiet_period: Duration,
    spells_max: usize,
) {
    // Those whose last hit is near enough to `at`, and whose first is, are one run in the middle.
    let from = spells.partition_point(|spell| spell.last_seen.saturating_add(quiet_period) < at);
    let to = spells.partition_point(|spell| spell.first_seen.saturating_sub(quiet_period) <= at);
    let mut joined = Spell {
        first_seen: at,
        last_seen: at,
        hits: 1,
    };
    for spell in spells.get(from..to).unwrap_or_default() {
        joined = join(joined, *spell);
    }
    spells.splice(from..to.max(from), [joined]);
    while spells.len() > spells_max.max(1) {
        join_nearest(spells);
    }
}

/// Both as one.
fn join(left: Spell, right: Spell) -> Spell {
    Spell {
        first_seen: left.first_seen.min(right.first_seen),
        last_seen: left.last_seen.max(right.last_seen),
        hits: left.hits + right.hits,
    }
}

/// Makes one of the two spells with the smallest gap between them.
fn join_nearest(spells: &mut Vec<Spell>) {
    let gap = |pair: &[Spell]| match pair {
        [left, right] => i128::from(right.first_seen.nanos()) - i128::from(left.last_seen.nanos()),
        _ => i128::MAX,
    };
    let nearest = spells
        .windows(2)
        .enumerate()
        .min_by_key(|(_, pair)| gap(pair))
        .map(|(index, _)| index);
    let Some(index) = nearest else { return };
    let right = spells.remove(index + 1);
    if let Some(left) = spells.get_mut(index) {
        *left = join(*left, right);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const QUIET: Duration = Duration::from_nanos(3);

    fn folded(times: &[i64], spells_max: usize) -> Vec<Spell> {
        let mut spells = Vec::new();
        for &at in times {
            add(&mut spells, EventTime::from_nanos(at), QUIET, spells_max);
        }
        spells
    }

    /// The definition: sorted times, cut at long gaps.
    fn oracle(times: &[i64]) -> Vec<Spell> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        sorted
            .chunk_by(|left, right| right - left <= 3)
            .map(|run| Spell {
                first_seen: EventTime::from_nanos(run[0]),
                last_seen: EventTime::from_nanos(run[run.len() - 1]),
                hits: run.len() as u64,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn spells_are_the_runs_of_the_sorted_times(times in vec(0..60_i64, 0..30)) {
            prop_assert_eq!(folded(&times, SPELLS_MAX), oracle(&times));
        }

        #[test]
        fn too_many_spells_keep_their_bounds_and_counts(times in vec(0..400_i64, 1..60)) {
            let spells = folded(&times, 4);
            prop_assert!(spells.len() <= 4);
            prop_assert_eq!(spells.iter().map(|spell| spell.hits).sum::<u64>(), times.len() as u64);
            let bounds = |spells: &[Spell]| {
                (spells[0].first_seen, spells[spells.len() - 1].last_seen)
            };
            prop_assert_eq!(bounds(&spells), bounds(&oracle(&times)));
            prop_assert!(spells.is_sorted_by(|left, right| left.last_seen < right.first_seen));
        }
    }

    #[test]
    fn a_gap_of_the_quiet_period_is_no_gap() {
        assert_eq!(folded(&[0, 3], 9).len(), 1);
        assert_eq!(folded(&[0, 4], 9).len(), 2);
        assert_eq!(folded(&[0, 6, 3], 9).len(), 1);
        assert_eq!(folded(&[i64::MIN, i64::MAX, 0], 9).len(), 3);
    }
}
