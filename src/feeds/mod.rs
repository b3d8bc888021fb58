//! Feeds: files in, indicators out. [`parse`] reads a file or a directory of one format and hands
//! every indicator to its caller, borrowed; what becomes of each row is counted with a reason.
//!
//! The children: `read` opens and inflates (`zip` what is an archive), `blocks` cuts into lines,
//! `document` walks what is one value, `steps` goes from file to file and feed to feed; `guess` tells
//! a format from a file's content; one file a format finds the values; [`refang()`] and [`detect`]
//! find out what a value is; `rows` offers and counts, `tally` adds up. [`load`] does all of it on
//! several threads (`crew`), each with blocks of its own (`parsed`), and in order. [`gate`] stands
//! between what feeds say and what is published. [`fetch`] brings in what lies elsewhere, as files.
//!
//! A feed that fails as a whole ([`FeedError`]) may have handed out rows before it did: the caller
//! builds beside the snapshot in use and throws the unfinished one away.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod abuse_ch;
mod adblock;
mod blocks;
mod crew;
mod csv;
mod dnsmasq;
mod document;
mod error;
pub mod fetch;
mod gannet_json;
pub mod gate;
mod guess;
mod hosts;
mod load;
mod maltrail;
mod misp;
mod parsed;
mod plain;
mod read;
pub mod reason;
mod refang;
mod report;
mod rows;
mod rpz;
mod spamhaus_drop;
mod steps;
mod stix2;
mod suricata_dataset;
mod survey;
mod tally;
#[cfg(test)]
mod tests;
mod threatfox_json;
mod value;
mod zeek_intel;
mod zip;

use std::path::Path;
use std::time::Duration;

use crate::config::{CsvColumns, FeedConfig};
use crate::model::{FeedFormat, Indicator, Role, Scope};

pub use error::{FeedError, chain};
pub use load::{LoadError, Loaded, LoadedFeed, THREADS_MAX, feed_info, load, load_on, threads};
pub use reason::Reason;
pub use refang::refang;
pub use report::{FeedReport, RefusedRow};
pub use value::{Detected, Found, RANGE_PREFIXES_MAX, detect, strip};

use blocks::{BLOCK_BYTES, Block, Lines};
use read::Input;
use rows::{Row, Rows};
use steps::{Files, Job, Step, Steps};
use survey::{OBJECTS_MAX, Survey};
use tally::Tally;

/// How a feed is parsed, and what holds where a row says nothing.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions<'a> {
    /// The format of every file; if that is to be guessed, that of the first one.
    pub format: FeedFormat,
    /// What the indicators are used for.
    pub role: Role,
    /// 0 to 100.
    pub confidence: u8,
    /// The malware family; `None` for a directory: each file's name without its extensions.
    pub malware: Option<&'a str>,
    /// What a bare name means; `None`: what the format means by it.
    pub names: Option<Scope>,
    /// How long an indicator is valid from its newest date on (the start of its validity, or when the
    /// feed saw it), where it says no end; `None`: for ever. One without any date is valid for ever
    /// all the same: its life began nobody knows when, and when the feed was read is no date of it.
    pub valid_for: Option<Duration>,
    /// For `csv`: which column holds what.
    pub columns: &'a CsvColumns,
    /// Most bytes of the whole feed, once inflated.
    pub bytes_max: u64,
    /// Whether every row stands for itself, as in a topic: then none need be there, and none of those
    /// that are need be usable.
    pub row_by_row: bool,
}

impl<'a> ParseOptions<'a> {
    /// As configured.
    pub fn of(feed: &'a FeedConfig) -> Self {
        Self {
            format: feed.format,
            role: feed.role,
            confidence: feed.confidence,
            malware: feed.malware.as_deref(),
            names: feed.names,
            valid_for: feed.valid_for,
            columns: &feed.columns,
            bytes_max: feed.size_max,
            row_by_row: feed.origin.is_topic(),
        }
    }

    /// The same, for a file that stands for a malware family.
    fn in_family<'b>(&self, family: Option<&'b str>) -> ParseOptions<'b>
    where
        'a: 'b,
    {
        ParseOptions {
            malware: self.malware.or(family),
            ..*self
        }
    }

    /// What a bare name means.
    fn bare(&self) -> Scope {
        self.names.unwrap_or(match self.format {
            FeedFormat::Hosts | FeedFormat::ZeekIntel => Scope::Exact,
            FeedFormat::Rpz | FeedFormat::Stix2 => Scope::Exact,
            FeedFormat::Auto | FeedFormat::Plain | FeedFormat::Adblock => Scope::Subtree,
            FeedFormat::Csv | FeedFormat::GannetJson => Scope::Subtree,
            FeedFormat::Dnsmasq | FeedFormat::Maltrail | FeedFormat::SuricataDataset => {
                Scope::Subtree
            }
            FeedFormat::UrlhausCsv | FeedFormat::ThreatfoxCsv | FeedFormat::ThreatfoxJson => {
                Scope::Subtree
            }
            FeedFormat::FeodoCsv | FeedFormat::SpamhausDrop => Scope::Subtree,
            FeedFormat::Misp => Scope::Subtree,
        })
    }
}

/// Parses the feed at `path`: a file (plain, gzip, zstd or a zip of one file, by its first bytes) or
/// a directory, whose regular files are read in the order of their names, hidden ones and
/// subdirectories left out. Hands each indicator to `take`; when that returns a reason, the row
/// counts as refused for it.
///
/// One pass, one buffer of 256 KiB; allocates nothing for an ordinary row.
///
/// # Errors
/// [`FeedError`] when the feed cannot be used; what was taken must then be thrown away.
pub fn parse(
    path: &Path,
    options: &ParseOptions<'_>,
    take: &mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>,
) -> Result<FeedReport, FeedError> {
    let job = Job {
        path,
        options: *options,
    };
    let mut tally = Tally::default();
    let jobs = [job];
    let mut steps = Steps::new(&jobs, BLOCK_BYTES);
    let mut block = Block::default();
    while let Some(step) = steps.next(&mut block) {
        match step {
            Step::BeginFile(file) => tally.begin_file(&file.path, file.guessed),
            Step::Block(file) => {
                let mut rows = Rows::new(&mut *take);
                let lines = parse_block(&block, &file.options(&job), &mut rows);
                tally.add(rows.finish(), lines);
            }
            Step::EndFile { bytes, of_several } => tally.end_file(bytes, of_several),
            Step::WholeFeed(files) => parse_whole(&job, files, take, &mut tally)?,
            Step::EndFeed(ended) => ended?,
        }
    }
    tally.finish(path, options.row_by_row)
}

/// The files of a feed, in the order in which they are read.
///
/// # Errors
/// [`FeedError`] when they cannot be looked at.
pub fn files(path: &Path) -> Result<Vec<std::path::PathBuf>, FeedError> {
    read::files(path).map(|(files, _)| files)
}

/// Parses rows of a feed that changes row by row, each a `gannet.indicator.v1` with the id that
/// it has whatever it says; as [`parse`] does.
pub fn parse_rows<'l>(
    lines: impl Iterator<Item = (&'l str, &'l [u8])>,
    options: &ParseOptions<'_>,
    take: &mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>,
) -> FeedReport {
    let mut tally = Tally::default();
    for (id, bytes) in lines {
        let mut with_id = |indicator: &Indicator<'_>| {
            take(&Indicator {
                id: Some(id),
                ..*indicator
            })
        };
        let mut rows = Rows::new(&mut with_id);
        let outcome = gannet_json::parse_line(bytes, options, &mut rows);
        let line = blocks::Line {
            number: 1,
            bytes,
            too_long: false,
        };
        rows.count(line, outcome);
        tally.add(rows.finish(), 1);
    }
    tally.into_report()
}

/// Finds the rows in one line.
type ParseLine = fn(&[u8], &ParseOptions<'_>, &mut Rows<'_>) -> Result<Row, Reason>;

/// Finds the rows in a whole file.
type ParseFile = fn(&mut Lines, &ParseOptions<'_>, &mut Rows<'_>) -> Result<(), FeedError>;

/// Notes what a whole file says about others; `u32` is its number in the feed.
type LookAtFile = fn(&mut Lines, u32, &mut Survey) -> Result<(), FeedError>;

/// Finds the rows in a whole file, by what is known of all files of the feed and its number among
/// them; of the only file nothing needs to be known.
type ParseSurveyed = fn(
    &mut Lines,
    &ParseOptions<'_>,
    Option<(&Survey, u32)>,
    &mut Rows<'_>,
) -> Result<(), FeedError>;

/// How the rows of a format are found.
#[derive(Clone, Copy)]
enum Parser {
    /// Each line means the same wherever it stands.
    Lines(ParseLine),
    /// Nobody who starts in the middle of a file knows what its lines mean: cells hold line feeds, a
    /// comment is a new header, a document is one value.
    File(ParseFile),
    /// As `File`; and what a row means is said in other files of the feed too.
    Files(LookAtFile, ParseSurveyed),
}

impl Parser {
    /// The parser of a format; none while that is still to be guessed.
    fn of(format: FeedFormat) -> Option<Self> {
        Some(match format {
            FeedFormat::Auto => return None,
            FeedFormat::Plain => Self::Lines(plain::parse_line),
            FeedFormat::Hosts => Self::Lines(hosts::parse_line),
            FeedFormat::Adblock => Self::Lines(adblock::parse_line),
            FeedFormat::GannetJson => Self::Lines(gannet_json::parse_line),
            FeedFormat::Dnsmasq => Self::Lines(dnsmasq::parse_line),
            FeedFormat::Maltrail => Self::Lines(maltrail::parse_line),
            FeedFormat::SpamhausDrop => Self::Lines(spamhaus_drop::parse_line),
            FeedFormat::SuricataDataset => Self::Lines(suricata_dataset::parse_line),
            FeedFormat::Csv => Self::File(csv::parse),
            FeedFormat::UrlhausCsv => Self::File(abuse_ch::parse_urlhaus),
            FeedFormat::ThreatfoxCsv => Self::File(abuse_ch::parse_threatfox),
            FeedFormat::FeodoCsv => Self::File(abuse_ch::parse_feodo),
            FeedFormat::ThreatfoxJson => Self::File(threatfox_json::parse),
            FeedFormat::Misp => Self::Files(misp::look, misp::parse),
            FeedFormat::Stix2 => Self::Files(stix2::look, stix2::parse),
            FeedFormat::Rpz => Self::File(rpz::parse),
            FeedFormat::ZeekIntel => Self::File(zeek_intel::parse),
        })
    }
}

/// Parses the lines of a block; how many there are.
fn parse_block(block: &Block, options: &ParseOptions<'_>, rows: &mut Rows<'_>) -> u64 {
    let mut n_lines = 0;
    let Some(Parser::Lines(parse_line)) = Parser::of(options.format) else {
        return n_lines;
    };
    for line in block.lines() {
        n_lines += 1;
        let outcome = if line.too_long {
            Err(reason::LINE_TOO_LONG)
        } else {
            parse_line(line.bytes, options, rows)
        };
        rows.count(line, outcome);
    }
    n_lines
}

/// Parses all files of a feed whose files cannot be cut into blocks.
fn parse_whole(
    job: &Job<'_>,
    mut files: Files,
    take: &mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>,
    tally: &mut Tally,
) -> Result<(), FeedError> {
    let (parser, survey) = match Parser::of(files.format()) {
        Some(parser @ Parser::File(_)) => (parser, None),
        Some(parser @ Parser::Files(look, _)) => (parser, survey(job, &files, look)?),
        Some(Parser::Lines(_)) | None => return Ok(()),
    };
    let mut number = 0;
    while let Some((file, input)) = files.next(job, tally.bytes())? {
        let options = file.options(job);
        let mut lines = Lines::new(input);
        let mut rows = Rows::new(&mut *take);
        tally.begin_file(&file.path, file.guessed);
        match parser {
            Parser::Lines(_) => {}
            Parser::File(parse_file) => parse_file(&mut lines, &options, &mut rows)?,
            Parser::Files(_, parse_surveyed) => {
                let known = survey.as_ref().map(|survey| (survey, number));
                parse_surveyed(&mut lines, &options, known, &mut rows)?;
            }
        }
        number += 1;
        tally.add(rows.finish(), 0);
        tally.end_file(lines.bytes(), files.of_several());
    }
    Ok(())
}

/// Looks at all files of a feed before they are parsed; `None` for a feed of one file, which comes
/// perhaps from a pipe and only once.
fn survey(job: &Job<'_>, files: &Files, look: LookAtFile) -> Result<Option<Survey>, FeedError> {
    if files.paths().nth(1).is_none() {
        return Ok(None);
    }
    let mut survey = Survey::of(OBJECTS_MAX);
    let mut bytes = 0;
    for (number, path) in (0..).zip(files.paths()) {
        let mut lines = Lines::new(Input::open(path, bytes, job.options.bytes_max)?);
        look(&mut lines, number, &mut survey)?;
        bytes = lines.bytes();
    }
    Ok(Some(survey))
}

/// The malware family that a file of a directory stands for: its name up to the extensions
/// (`lumma.txt.gz`: `lumma`).
fn family(file: &Path) -> String {
    let mut stem = Path::new(file.file_stem().unwrap_or_default());
    let packed = file.extension().is_some_and(|extension| {
        ["gz", "zst", "zip"]
            .iter()
            .any(|packed| extension == *packed)
    });
    if packed {
        stem = Path::new(stem.file_stem().unwrap_or_default());
    }
    stem.to_string_lossy().into_owned()
}
