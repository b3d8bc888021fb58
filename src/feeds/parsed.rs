//! A block with all that a thread without the builder can find out about it, and how the builder
//! takes it: exactly as if it had parsed the lines itself.

use super::blocks::Block;
use super::reason::Reason;
use super::report::FeedReport;
use super::rows::Rows;
use super::steps::{Files, Job};
use super::tally::Tally;
use super::{FeedError, ParseOptions, parse_block, parse_whole};
use crate::model::Indicator;
use crate::snapshot::{FeedId, Refusal, RowBatch, SnapshotBuilder, Vetter};

/// Most bytes of rows that are kept of one block. Blocks whose rows need more (each line a range
/// of addresses) are parsed once more, by whoever builds.
const ROWS_BYTES_MAX: usize = 4 << 20;

/// A block and what it holds; memory that serves block after block.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The lines.
    pub(super) block: Block,
    n_lines: u64,
    /// What was counted, if the builder takes every row.
    report: FeedReport,
    /// The rows that may be listed.
    rows: RowBatch,
    /// How many of the others there are, by reason.
    refused: Vec<(Refusal, u64)>,
    /// Whether `rows` holds all of them.
    complete: bool,
}

/// Accepted rows with a remark by the builder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    /// Listed without what is below them.
    pub(super) narrowed: u64,
    /// Nobody's.
    pub(super) reserved: u64,
    /// There already.
    pub(super) duplicates: u64,
}

/// What is known of a feed that is being read.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Its rows so far.
    pub(super) tally: Tally,
    /// Remarks about them.
    pub(super) remarks: Remarks,
}

/// A feed on its way into a builder.
pub(super) struct Target<'b> {
    /// The builder.
    pub(super) builder: &'b mut SnapshotBuilder,
    /// The feed in the builder.
    pub(super) feed: FeedId,
    /// What is known of it.
    pub(super) progress: &'b mut Progress,
}

impl Target<'_> {
    /// Parses all of a feed whose files cannot be cut into blocks.
    ///
    /// # Errors
    /// [`FeedError`] when the feed cannot be used.
    pub(super) fn add_whole(&mut self, job: &Job<'_>, files: Files) -> Result<(), FeedError> {
        let mut tally = std::mem::take(&mut self.progress.tally);
        let mut take = |indicator: &Indicator<'_>| self.add(indicator);
        let parsed = parse_whole(job, files, &mut take, &mut tally);
        self.progress.tally = tally;
        parsed
    }

    /// Adds an indicator.
    ///
    /// # Errors
    /// The builder's reason not to.
    fn add(&mut self, indicator: &Indicator<'_>) -> Result<(), Reason> {
        let accepted = self
            .builder
            .add(self.feed, indicator)
            .map_err(Refusal::reason)?;
        self.progress.remarks.narrowed += u64::from(accepted.narrowed);
        self.progress.remarks.reserved += u64::from(accepted.reserved);
        self.progress.remarks.duplicates += u64::from(accepted.duplicate);
        Ok(())
    }
}

impl Parsed {
    /// Parses the block. Without a vetter, nothing is found out and the builder has to.
    pub(super) fn parse(&mut self, options: &ParseOptions<'_>, vetter: Option<&mut Vetter>) {
        self.rows.clear();
        self.refused.clear();
        self.complete = vetter.is_some();
        let Some(vetter) = vetter else {
            return;
        };
        let mut take = |indicator: &Indicator<'_>| {
            if !self.complete {
                return Ok(());
            }
            match vetter.vet(indicator) {
                Ok(row) => {
                    self.complete = self.rows.bytes() < ROWS_BYTES_MAX && self.rows.push(&row);
                    Ok(())
                }
                Err(refusal) => {
                    match self.refused.iter_mut().find(|(known, _)| *known == refusal) {
                        Some((_, count)) => *count += 1,
                        None => self.refused.push((refusal, 1)),
                    }
                    Err(refusal.reason())
                }
            }
        };
        let mut rows = Rows::new(&mut take);
        self.n_lines = parse_block(&self.block, options, &mut rows);
        self.report = rows.finish();
    }

    /// Adds the rows of the block to the builder and what was counted to the tally.
    pub(super) fn add_to(&mut self, target: &mut Target<'_>, options: &ParseOptions<'_>) {
        if !self.complete {
            return self.add_again(0, target, options);
        }
        let taken = target.builder.add_batch(target.feed, &self.rows);
        target.progress.remarks.narrowed += taken.narrowed;
        target.progress.remarks.reserved += taken.reserved;
        target.progress.remarks.duplicates += taken.duplicates;
        if taken.rows < self.rows.len() {
            return self.add_again(taken.rows, target, options);
        }
        for &(refusal, count) in &self.refused {
            target.builder.count_refused(target.feed, refusal, count);
        }
        target
            .progress
            .tally
            .add(std::mem::take(&mut self.report), self.n_lines);
    }

    /// Parses the block again, row by row, when the builder refuses what only it can refuse: such
    /// a row counts as refused, and what else it lists is not listed. The first `known`
    /// indicators that pass the vetter are in the builder already.
    fn add_again(&mut self, mut known: usize, target: &mut Target<'_>, options: &ParseOptions<'_>) {
        let mut vetter = target.builder.vetter(target.feed);
        let mut take = |indicator: &Indicator<'_>| {
            if let (1.., Some(vetter)) = (known, &mut vetter) {
                return match vetter.vet(indicator) {
                    Ok(_) => {
                        known -= 1;
                        Ok(())
                    }
                    Err(refusal) => {
                        target.builder.count_refused(target.feed, refusal, 1);
                        Err(refusal.reason())
                    }
                };
            }
            target.add(indicator)
        };
        let mut rows = Rows::new(&mut take);
        let n_lines = parse_block(&self.block, options, &mut rows);
        let report = rows.finish();
        target.progress.tally.add(report, n_lines);
    }
}
