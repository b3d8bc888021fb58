//! Files through the data path: workers take blocks of records in turn and write their hits in
//! whole pieces.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::process::{DeadLetter, Output, Path, Scratch, process};
use super::stats::BatchStats;
use crate::encode;
use crate::hits::Orientation;
use crate::model::{EventTime, Hit, OutputFormat};
use crate::sink::{FileSink, SinkError};
use crate::snapshot::Snapshot;
use crate::source::{Block, FileError, FileInput, FileReader, Record, RecordHeaders, Stream};

/// What a scan works with.
pub struct Scan<'a> {
    /// What judges the events.
    pub snapshot: &'a Snapshot,
    /// Which networks are whose.
    pub orientation: &'a Orientation,
    /// The files.
    pub inputs: Vec<FileInput>,
    /// How many threads work.
    pub threads: usize,
    /// Where hits go, if anywhere.
    pub hits: Option<&'a FileSink>,
    /// The format of hits.
    pub format: OutputFormat,
    /// What hits carry as `matched_at`.
    pub now: EventTime,
    /// Bytes taken from the files, records and hits so far, for whoever shows progress.
    pub progress: &'a ScanProgress,
}

/// How far a scan is.
#[derive(Debug, Default)]
pub struct ScanProgress {
    /// Bytes taken from the files, as they lie on disk.
    pub bytes: AtomicU64,
    /// Events so far.
    pub events: AtomicU64,
    /// Hits so far.
    pub hits: AtomicU64,
}

/// What a scan came to.
#[derive(Debug, Default)]
pub struct ScanReport {
    /// Counts, a file.
    pub stats: BatchStats,
    /// Records that could not be framed, by reason; they count as rejected.
    pub unframed: BTreeMap<&'static str, u64>,
    /// Files that could not be opened or read to their end.
    pub failed: Vec<FileError>,
    /// The first undecodable records: file, ordinal, reason.
    pub samples: Vec<(PathBuf, i64, String)>,
}

/// Most samples of undecodable records that a scan keeps.
const SAMPLES_MAX: usize = 10;

/// Scans all files. A file that cannot be read is reported and the others are scanned.
///
/// # Errors
/// [`SinkError`] when hits cannot be written; the scan ends there.
pub fn scan(scan: &Scan<'_>) -> Result<ScanReport, SinkError> {
    let streams: Vec<Stream> = scan.inputs.iter().map(FileInput::stream).collect();
    let reader = FileReader::new(scan.inputs.clone());
    let taken = reader.taken();
    let shared = Mutex::new((reader, Vec::new()));
    let stopped = AtomicBool::new(false);
    let results: Vec<Result<ScanReport, SinkError>> = std::thread::scope(|scope| {
        let work = || {
            let mut worker = ScanWorker {
                scan,
                streams: &streams,
                scratch: Scratch::new(&streams),
                report: ScanReport {
                    stats: BatchStats::new(streams.len()),
                    ..Default::default()
                },
            };
            let mut block = Block::default();
            while !stopped.load(Ordering::Relaxed) && next_block(&shared, &mut block) {
                if let Err(error) = worker.block(&block) {
                    stopped.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                scan.progress
                    .bytes
                    .store(taken.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            Ok(worker.report)
        };
        let others: Vec<_> = (1..scan.threads).map(|_| scope.spawn(work)).collect();
        let first = work();
        let mut results = vec![first];
        for other in others {
            match other.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    let mut total = ScanReport {
        stats: BatchStats::new(streams.len()),
        ..ScanReport::default()
    };
    for result in results {
        let report = result?;
        total.stats.add(&report.stats);
        for (reason, count) in report.unframed {
            *total.unframed.entry(reason).or_default() += count;
        }
        total.samples.extend(report.samples);
    }
    total.samples.sort();
    total.samples.truncate(SAMPLES_MAX);
    let (_, failed) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.failed = failed;
    Ok(total)
}

/// Takes the next block of any file; notes files that fail and goes on with the next.
fn next_block(shared: &Mutex<(FileReader, Vec<FileError>)>, block: &mut Block) -> bool {
    let mut guard = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let (reader, failed) = &mut *guard;
    loop {
        match reader.next_block(block) {
            Ok(more) => return more,
            Err(error) => failed.push(error),
        }
    }
}

/// One thread of a scan.
struct ScanWorker<'a> {
    scan: &'a Scan<'a>,
    streams: &'a [Stream],
    scratch: Scratch,
    report: ScanReport,
}

impl ScanWorker<'_> {
    /// Takes one block through the data path.
    fn block(&mut self, block: &Block) -> Result<(), SinkError> {
        for (_, reason) in &block.bad {
            *self.report.unframed.entry(reason.reason()).or_default() += 1;
        }
        let path = self
            .scan
            .inputs
            .get(usize::from(block.stream.0))
            .map(|input| &input.path);
        for (ordinal, reason) in block.bad.iter().take(SAMPLES_MAX) {
            let path = path.cloned().unwrap_or_default();
            self.report
                .samples
                .push((path, *ordinal, reason.to_string()));
        }
        let records: Vec<Record<'_>> = block
            .records
            .iter()
            .map(|(range, ordinal)| Record {
                stream: block.stream,
                partition: 0,
                offset: *ordinal,
                timestamp_ms: None,
                key: None,
                value: block.bytes.get(range.clone()),
                headers: RecordHeaders::default(),
            })
            .collect();
        let mut stats = BatchStats::new(self.streams.len());
        let mut output = Frames {
            scan: self.scan,
            path: path.cloned().unwrap_or_default(),
            bytes: Vec::new(),
            one: Vec::new(),
            samples: &mut self.report.samples,
        };
        let path = Path {
            snapshot: self.scan.snapshot,
            orientation: self.scan.orientation,
            streams: self.streams,
            cluster: "file",
            now: self.scan.now,
        };
        process(&records, path, &mut self.scratch, &mut output, &mut stats);
        if let Some(hits) = self.scan.hits
            && !output.bytes.is_empty()
        {
            hits.write(&output.bytes)?;
        }
        let total = stats.total();
        self.scan
            .progress
            .events
            .fetch_add(total.events(), Ordering::Relaxed);
        self.scan
            .progress
            .hits
            .fetch_add(total.hits_total(), Ordering::Relaxed);
        self.report.stats.add(&stats);
        Ok(())
    }
}

/// Hits as lines (or length-delimited messages); dead letters as samples.
struct Frames<'a> {
    scan: &'a Scan<'a>,
    path: PathBuf,
    bytes: Vec<u8>,
    one: Vec<u8>,
    samples: &'a mut Vec<(PathBuf, i64, String)>,
}

impl Output for Frames<'_> {
    fn hit(&mut self, hit: &mut Hit) {
        if self.scan.hits.is_none() {
            return;
        }
        self.one.clear();
        encode::hit(self.scan.format, hit, &mut self.one);
        match self.scan.format {
            OutputFormat::Json | OutputFormat::Ecs => {
                self.bytes.extend_from_slice(&self.one);
                self.bytes.push(b'\n');
            }
            OutputFormat::Protobuf => {
                prost::encoding::encode_varint(self.one.len() as u64, &mut self.bytes);
                self.bytes.extend_from_slice(&self.one);
            }
        }
    }

    fn dead(&mut self, dead: &DeadLetter<'_>) {
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push((
                self.path.clone(),
                dead.record.offset,
                dead.reject.to_string(),
            ));
        }
    }
}
