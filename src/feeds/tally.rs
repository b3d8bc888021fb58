//! What the rows of a whole feed come to, file by file and block by block.

use std::path::{Path, PathBuf};

use super::error::FeedError;
use super::reason::{self, Reason};
use super::report::{FeedReport, RefusedRow};
use crate::model::FeedFormat;

/// Adds up what is counted of a feed, in order.
#[derive(Debug, Default)]
pub(super) struct Tally {
    report: FeedReport,
    /// The file at hand, and how many of its lines were counted.
    file: PathBuf,
    lines: u64,
    /// Rows and doubtful rows before that file.
    before: (u64, u64),
}

impl Tally {
    /// Bytes read so far, without those of the file at hand.
    pub(super) fn bytes(&self) -> u64 {
        self.report.bytes
    }

    /// Goes on to `file`, the format of whose feed was perhaps guessed.
    pub(super) fn begin_file(&mut self, file: &Path, guessed: Option<FeedFormat>) {
        self.report.guessed = guessed;
        self.file = file.to_owned();
        self.lines = 0;
        self.before = (self.report.rows, self.report.refused_in_doubt());
    }

    /// Adds what was counted of the next `lines` lines of the file.
    pub(super) fn add(&mut self, counted: FeedReport, lines: u64) {
        let FeedReport {
            rows,
            accepted,
            refused,
            ignored,
            indicators,
            samples,
            refanged,
            warnings,
            bytes,
            guessed,
            stated,
            newest,
        } = counted;
        let report = &mut self.report;
        report.rows += rows;
        report.accepted += accepted;
        report.ignored += ignored;
        report.indicators += indicators;
        report.refanged += refanged;
        report.bytes += bytes;
        report.guessed = report.guessed.or(guessed);
        report.stated = report.stated.max(stated);
        report.newest = report.newest.max(newest);
        for (reason, count) in refused {
            *report.refused.entry(reason).or_default() += count;
        }
        for (remark, count) in warnings {
            *report.warnings.entry(remark).or_default() += count;
        }
        let room = FeedReport::SAMPLES_MAX.saturating_sub(report.samples.len());
        for mut sample in samples.into_iter().take(room) {
            sample.file.clone_from(&self.file);
            sample.line += self.lines;
            report.samples.push(sample);
        }
        self.lines += lines;
    }

    /// Ends a file, with `bytes` read of the whole feed; remarks on one of several that has
    /// little to give.
    pub(super) fn end_file(&mut self, bytes: u64, of_several: bool) {
        self.report.bytes = bytes;
        if !of_several {
            return;
        }
        let rows = self.report.rows - self.before.0;
        let refused = self.report.refused_in_doubt() - self.before.1;
        if rows == 0 {
            self.remark(reason::EMPTY_FILE);
        } else if refused > rows / 2 {
            self.remark(reason::MOSTLY_REFUSED_FILE);
        }
    }

    /// What was counted, if the feed at `path` can be used; one whose rows each stand for
    /// themselves always can.
    ///
    /// # Errors
    /// [`FeedError`] `Empty`, `TooManyRefused` or `NothingAccepted`.
    pub(super) fn finish(self, path: &Path, row_by_row: bool) -> Result<FeedReport, FeedError> {
        let report = self.report;
        if row_by_row {
            return Ok(report);
        }
        let path = path.to_owned();
        let (rows, refused) = (report.rows, report.refused_in_doubt());
        if rows == 0 {
            return Err(FeedError::Empty { path });
        }
        let doubtful = |sample: &&RefusedRow| !reason::UNDERSTOOD.contains(&sample.reason);
        let first = report.samples.iter().find(doubtful);
        if let (true, Some(first)) = (refused > rows / 2, first.or_else(|| report.samples.first()))
        {
            return Err(FeedError::TooManyRefused {
                path,
                refused,
                rows,
                first: Box::new(first.clone()),
            });
        }
        if report.indicators == 0 {
            return Err(FeedError::NothingAccepted { path, rows });
        }
        Ok(report)
    }

    /// What was counted, whatever it is.
    pub(super) fn into_report(self) -> FeedReport {
        self.report
    }

    /// What was counted so far, for tests of what [`Tally::finish`] refuses.
    #[cfg(test)]
    pub(super) fn report(&self) -> &FeedReport {
        &self.report
    }

    /// Counts a remark.
    fn remark(&mut self, remark: Reason) {
        *self.report.warnings.entry(remark).or_default() += 1;
    }
}
