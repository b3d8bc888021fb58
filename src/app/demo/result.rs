//! What a demo came to, and its report.

use std::path::PathBuf;
use std::time::Duration;

use crate::encode::report::{Comparison, ReportBuilder, number, report};
use crate::lab::{HitReport, Operation, VictimReport};
use crate::model::{Attribution, Named};

/// What a demo came to.
#[derive(Clone, Debug)]
pub struct DemoResult {
    /// The seed that it was made from.
    pub seed: u64,
    /// Events streamed.
    pub events: u64,
    /// Kafka records that carried them.
    pub records: u64,
    /// Indicators of the operation.
    pub indicators: u64,
    /// Rows of its feeds that list them: some are in several.
    pub listings: u64,
    /// Countries with victims.
    pub countries: usize,
    /// The share of the indicators that was taken down.
    pub taken_down_share: f64,
    /// Victims and episodes against the planted ones.
    pub victims: VictimReport,
    /// Hits against the planted ones.
    pub hits: HitReport,
    /// How hits were attributed.
    pub attribution: AttributionCounts,
    /// The whole demo.
    pub seconds: f64,
    /// While events were streamed.
    pub streamed: Duration,
    /// Where the report was written.
    pub report: PathBuf,
}

/// Hits by how they were attributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributionCounts {
    /// By one lease.
    pub exact: u64,
    /// By a lease just outside its time.
    pub grace: u64,
    /// To several subscribers.
    pub ambiguous: u64,
    /// To a shared address.
    pub shared: u64,
    /// To nobody.
    pub none: u64,
}

impl DemoResult {
    /// Whether everything planted was found as planted, and nothing else.
    pub fn is_exact(&self) -> bool {
        self.hits.is_clean() && self.victims.is_clean()
    }

    /// Events a second while streaming, as a whole number.
    pub fn events_per_second_whole(&self) -> u64 {
        let micros = self.streamed.as_micros().max(1);
        u64::try_from(u128::from(self.events) * 1_000_000 / micros).unwrap_or(u64::MAX)
    }

    /// Episodes that were attributed to the wrong subscriber.
    pub fn attributed_wrong(&self) -> u64 {
        self.victims.episodes_extra + self.victims.episodes_wrong
    }
}

/// Writes the page.
pub(super) fn write_report(
    result: &DemoResult,
    operation: &Operation,
    episodes: &ReportBuilder,
) -> std::io::Result<()> {
    let mut input = episodes.finish("Operation report");
    let AttributionCounts {
        exact,
        grace,
        ambiguous,
        shared,
        none,
    } = result.attribution;
    let counts = [exact, grace, ambiguous, shared, none];
    input.hit_attribution = Attribution::ALL.iter().copied().zip(counts).collect();
    input.indicators = operation.indicator_states();
    input.hosting = operation.hosting();
    let (victims, hits) = (&result.victims, &result.hits);
    input.comparisons = vec![
        Comparison {
            what: "victims".to_owned(),
            planted: victims.planted,
            found: victims.found,
            missing: victims.missing,
            extra: victims.extra,
        },
        Comparison {
            what: "hits".to_owned(),
            planted: hits.planted,
            found: hits.delivered,
            missing: hits.missing,
            extra: hits.extra,
        },
    ];
    let options = operation.options();
    input.making = vec![
        (
            "Made by".to_owned(),
            format!("gannet {} demo", env!("CARGO_PKG_VERSION")),
        ),
        ("Seed".to_owned(), options.seed.to_string()),
        ("Events".to_owned(), number(options.events)),
        ("Records".to_owned(), number(result.records)),
        ("Broker".to_owned(), "embedded".to_owned()),
    ];
    let mut page = Vec::new();
    report(&input, &mut page);
    std::fs::write(&result.report, page)
}
