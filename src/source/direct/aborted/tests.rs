//! Tests of what is left out of a partition: by hand, and against logs whose ends are known.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::batch::tests::made::{Made, framed, record};
use super::super::batch::{BatchError, Batches, Crcs};
use super::Transactions;

/// The flag for batches of a transaction.
const TRANSACTIONAL: u16 = 1 << 4;

/// The flag for batches of markers.
const CONTROL: u16 = 1 << 5;

/// A batch of two records of `producer_id`.
fn data(base_offset: i64, producer_id: i64) -> Made {
    Made {
        attributes: TRANSACTIONAL,
        producer_id,
        ..Made::small(base_offset, 2)
    }
}

/// The batch that ends a transaction of `producer_id`: with kind 0 it aborts, with 1 it commits.
fn marker(base_offset: i64, producer_id: i64, kind: u8) -> Made {
    Made {
        base_offset,
        attributes: TRANSACTIONAL | CONTROL,
        producer_id,
        ..Made::of(&[record(0, 0, Some(&[0, 0, 0, kind]), Some(&[0; 6]), &[])])
    }
}

/// The base offsets of those batches of `log` that are kept.
fn kept(log: &[Made], aborted: &[(i64, i64)]) -> Result<Vec<i64>, BatchError> {
    let bytes: Vec<u8> = log.iter().flat_map(Made::bytes).collect();
    let mut transactions = Transactions::new(aborted.iter().copied());
    let mut kept = Vec::new();
    for batch in Batches::new(&bytes, Crcs::Check) {
        let batch = batch.unwrap();
        if transactions.keeps(&batch)? {
            kept.push(batch.base_offset);
        }
    }
    Ok(kept)
}

#[test]
fn without_aborted_transactions_only_markers_are_left_out() {
    let log = [
        data(0, 7),
        marker(2, 7, 0),
        data(3, 8),
        marker(5, 8, 1),
        Made::small(6, 1),
    ];
    assert_eq!(kept(&log, &[]), Ok(vec![0, 3, 6]));
}

#[test]
fn a_producer_is_left_out_from_its_first_offset_to_its_marker() {
    let log = [
        data(0, 7),
        marker(2, 7, 1),
        data(3, 7),
        data(5, 8),
        data(7, 7),
        marker(9, 7, 0),
        data(10, 7),
    ];
    assert_eq!(kept(&log, &[(7, 3)]), Ok(vec![0, 5, 10]));
}

#[test]
fn the_listed_order_does_not_matter() {
    let log = [
        data(0, 7),
        data(2, 8),
        marker(4, 8, 0),
        marker(5, 7, 0),
        data(6, 7),
        data(8, 8),
    ];
    let wanted = Ok(vec![6, 8]);
    assert_eq!(kept(&log, &[(7, 0), (8, 2)]), wanted);
    assert_eq!(kept(&log, &[(8, 2), (7, 0)]), wanted);
}

#[test]
fn a_transaction_that_began_before_the_response_counts() {
    let log = [data(100, 7), marker(102, 7, 0), data(103, 7)];
    assert_eq!(kept(&log, &[(7, 20)]), Ok(vec![103]));
}

#[test]
fn a_transaction_that_begins_within_a_batch_counts_for_all_of_it() {
    assert_eq!(kept(&[data(100, 7)], &[(7, 101)]), Ok(vec![]));
    assert_eq!(kept(&[data(100, 7)], &[(7, 102)]), Ok(vec![100]));
}

#[test]
fn what_is_not_of_the_transaction_stays() {
    let idempotent = Made {
        producer_id: 7,
        ..Made::small(2, 2)
    };
    let log = [data(0, 7), idempotent, Made::small(4, 2), marker(6, 7, 0)];
    assert_eq!(kept(&log, &[(7, 0)]), Ok(vec![2, 4]));
}

#[test]
fn only_an_abort_ends_an_aborted_transaction() {
    for kind in [1, 2, 9] {
        let log = [data(0, 7), marker(2, 7, kind), data(3, 7)];
        assert_eq!(kept(&log, &[(7, 0)]), Ok(vec![]), "kind {kind}");
    }
    let empty = Made {
        count: 0,
        payload: vec![],
        ..marker(2, 7, 0)
    };
    assert_eq!(
        kept(&[data(0, 7), empty, data(3, 7)], &[(7, 0)]),
        Ok(vec![])
    );
}

#[test]
fn a_broken_marker_is_an_error_only_where_it_matters() {
    let broken = BatchError::Marker { base_offset: 2 };
    let with_key = |key: Option<&[u8]>| Made {
        payload: record(0, 0, key, None, &[]),
        ..marker(2, 7, 0)
    };
    let compressed = Made {
        attributes: TRANSACTIONAL | CONTROL | 4,
        ..marker(2, 7, 0)
    };
    for bad in [
        with_key(None),
        with_key(Some(&[0, 0, 0])),
        with_key(Some(&[0x80, 0, 0, 0])),
        compressed,
    ] {
        let log = [data(0, 7), bad];
        assert_eq!(kept(&log, &[(7, 0)]), Err(broken));
        assert_eq!(kept(&log, &[(8, 0)]), Ok(vec![0]));
    }
    let torn = Made {
        payload: framed(&[0]),
        ..marker(2, 7, 0)
    };
    assert!(matches!(
        kept(&[data(0, 7), torn], &[(7, 0)]),
        Err(BatchError::Record { .. })
    ));
}

/// What one producer does next in a generated log.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Writes in a transaction.
    Write,
    /// Ends its transaction, if it has one.
    End {
        /// Whether by aborting it.
        abort: bool,
    },
    /// Writes outside of transactions, which only producers without one do.
    Plain,
}

/// Steps of three producers.
fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        3 => Just(Step::Write),
        2 => any::<bool>().prop_map(|abort| Step::End { abort }),
        1 => Just(Step::Plain),
    ];
    vec((0..3_i64, step), 0..60)
}

/// A log, the transactions in it that were aborted, and the base offsets that are to be kept.
fn play(steps: &[(i64, Step)]) -> (Vec<Made>, Vec<(i64, i64)>, Vec<i64>) {
    let mut log: Vec<Made> = Vec::new();
    let mut aborted = Vec::new();
    let mut kept = Vec::new();
    let mut open: [Vec<i64>; 3] = Default::default();
    for &(producer_id, step) in steps {
        let offset = log.last().map_or(0, |made| {
            made.base_offset + i64::from(made.last_offset_delta) + 1
        });
        let open = &mut open[usize::try_from(producer_id).unwrap()];
        match step {
            Step::Write => {
                open.push(offset);
                log.push(data(offset, producer_id));
            }
            Step::End { abort } if !open.is_empty() => {
                let written = std::mem::take(open);
                log.push(marker(offset, producer_id, u8::from(!abort)));
                if abort {
                    aborted.push((producer_id, written[0]));
                } else {
                    kept.extend(written);
                }
            }
            Step::End { .. } => {}
            Step::Plain => {
                log.push(Made::small(offset, 1));
                kept.push(offset);
            }
        }
    }
    // What is open at the end lies above the last stable offset, and is not sent.
    let stable = open.iter().flatten().min().copied().unwrap_or(i64::MAX);
    log.retain(|made| made.base_offset < stable);
    kept.retain(|&offset| offset < stable);
    kept.sort_unstable();
    (log, aborted, kept)
}

proptest! {
    #[test]
    fn exactly_what_was_committed_is_kept(steps in steps(), from in 0_usize..20) {
        let (log, aborted, wanted) = play(&steps);
        let sent = log.get(from..).unwrap_or_default();
        let first = sent.first().map_or(i64::MAX, |made| made.base_offset);
        let wanted: Vec<i64> = wanted.into_iter().filter(|&offset| offset >= first).collect();
        // The broker lists those transactions whose marker lies in what is sent.
        let listed: Vec<(i64, i64)> = aborted
            .into_iter()
            .filter(|&(producer_id, first_offset)| {
                let end = log.iter().find(|made| {
                    made.base_offset > first_offset && made.producer_id == producer_id && made.attributes & CONTROL != 0
                });
                end.is_none_or(|end| end.base_offset >= first)
            })
            .collect();
        prop_assert_eq!(kept(sent, &listed), Ok(wanted));
    }
}
