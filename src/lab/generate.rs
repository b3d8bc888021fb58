//! Writes an operation as files: feeds, events, leases, the truth, and a configuration that
//! reads them.

mod truth_files;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::operation::{Operation, OperationError, OperationOptions, Stream};
use crate::encode::event;
use crate::source::framing::{Framing, framing, write_frame, write_start, write_stop};

/// The events between two reports of progress.
const PROGRESS_EVENTS: u64 = 50_000;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GenerateReport {
    /// Events.
    pub events: u64,
    /// Bytes of events.
    pub event_bytes: u64,
    /// Planted hits.
    pub hits: u64,
    /// Planted victims.
    pub victims: u64,
    /// Leases.
    pub leases: u64,
    /// Rows of feeds.
    pub feed_rows: u64,
}

/// Why an operation could not be written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The sizes cannot work.
    #[error("cannot plan the operation")]
    Plan(#[from] OperationError),
    /// The directory has something in it.
    #[error("{path} is not empty: an operation needs a new or empty directory")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the operation of `options` into `directory`, which is made if it is missing and must
/// be empty. Equal options write equal bytes. `progress` is told the number of events written,
/// now and then and at the end.
///
/// # Errors
/// [`GenerateError`] when the sizes cannot work, the directory is not empty, or a file cannot be
/// written; what was written until then stays.
pub fn generate(
    options: &OperationOptions,
    directory: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<GenerateReport, GenerateError> {
    let operation = Operation::plan(options)?;
    claim(directory)?;
    let mut report = GenerateReport::default();
    let mut toml = truth_files::configuration(&operation);
    for feed in operation.feeds() {
        report.feed_rows += feed.rows;
        write_file(&directory.join("feeds").join(feed.file_name), |out| {
            out.write_all(&feed.text)
        })?;
        toml.push('\n');
        toml.push_str(&feed.config("feeds"));
    }
    write_file(&directory.join("gannet.toml"), |out| {
        out.write_all(toml.as_bytes())
    })?;
    write_events(&operation, directory, progress, &mut report)?;
    write_file(&directory.join("leases.jsonl"), |out| {
        report.leases = truth_files::write_leases(&operation, out)?;
        Ok(())
    })?;
    write_file(&directory.join("truth/victims.jsonl"), |out| {
        report.victims = truth_files::write_victims(&operation, out)?;
        Ok(())
    })?;
    let readme = truth_files::readme(&operation, &report);
    write_file(&directory.join("README.txt"), |out| {
        out.write_all(readme.as_bytes())
    })?;
    Ok(report)
}

impl Stream {
    /// The name of the file that holds it.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Dns => "dns.jsonl",
            Self::Dnstap => "dnstap.fstrm",
            Self::Collector => "collector.jsonl",
            Self::Flows => "flows.binpb",
            Self::Conn => "conn.jsonl",
        }
    }
}

/// Makes the directories; refuses one with something in it.
fn claim(directory: &Path) -> Result<(), GenerateError> {
    let failed = |path: &Path, source| GenerateError::Write {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
    let mut entries = fs::read_dir(directory).map_err(|source| failed(directory, source))?;
    if entries.next().is_some() {
        return Err(GenerateError::NotEmpty {
            path: directory.to_owned(),
        });
    }
    for name in ["feeds", "events", "truth"] {
        let path = directory.join(name);
        fs::create_dir(&path).map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

/// Writes one file whole.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), GenerateError> {
    let written = File::create_new(path).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 18, file);
        write(&mut out)?;
        out.flush()
    });
    written.map_err(|source| GenerateError::Write {
        path: path.to_owned(),
        source,
    })
}

/// One stream that is being written.
struct StreamFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl StreamFile {
    /// Opens the file of a stream, with what comes before the first record.
    fn open(stream: Stream, directory: &Path) -> Result<Self, GenerateError> {
        let path = directory.join("events").join(stream.file_name());
        let opened = File::create_new(&path).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 18, file);
            let mut start = Vec::new();
            write_start(framing(stream.format()), &mut start);
            out.write_all(&start)?;
            Ok(out)
        });
        match opened {
            Ok(out) => Ok(Self { path, out }),
            Err(source) => Err(GenerateError::Write { path, source }),
        }
    }

    /// Writes one record.
    fn write(&mut self, stream: Stream, record: &[u8]) -> Result<(), GenerateError> {
        write_record(stream, record, &mut self.out).map_err(|source| GenerateError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Writes what comes after the last record.
    fn close(mut self, stream: Stream) -> Result<(), GenerateError> {
        let mut end = Vec::new();
        write_stop(framing(stream.format()), &mut end);
        let closed = self.out.write_all(&end).and_then(|()| self.out.flush());
        closed.map_err(|source| GenerateError::Write {
            path: self.path,
            source,
        })
    }
}

/// Writes all events, each into the file of its stream, and the hits as they come by.
fn write_events(
    operation: &Operation,
    directory: &Path,
    progress: &mut dyn FnMut(u64),
    report: &mut GenerateReport,
) -> Result<(), GenerateError> {
    let mut files = Vec::new();
    for stream in Stream::ALL {
        files.push((stream, StreamFile::open(stream, directory)?));
    }
    let mut record = Vec::with_capacity(4096);
    write_file(&directory.join("truth/hits.jsonl"), |hits| {
        let mut line = Vec::new();
        for planned in operation.events() {
            record.clear();
            let format = planned.stream.format();
            event::write(format, std::slice::from_ref(&planned.event), &mut record);
            if let Some((stream, file)) = files
                .iter_mut()
                .find(|(stream, _)| *stream == planned.stream)
            {
                file.write(*stream, &record).map_err(io::Error::other)?;
            }
            report.events += 1;
            report.event_bytes += record.len() as u64;
            for hit in &planned.hits {
                line.clear();
                truth_files::push_hit(hit, &mut line);
                hits.write_all(&line)?;
                report.hits += 1;
            }
            if report.events.is_multiple_of(PROGRESS_EVENTS) {
                progress(report.events);
            }
        }
        progress(report.events);
        Ok(())
    })?;
    for (stream, file) in files {
        file.close(stream)?;
    }
    Ok(())
}

/// Writes one record with the framing of its file; flows bring their length.
fn write_record(stream: Stream, record: &[u8], out: &mut impl Write) -> io::Result<()> {
    if stream == Stream::Flows {
        return out.write_all(record);
    }
    let mut framed = Vec::with_capacity(record.len() + 4);
    let record = match framing(stream.format()) {
        Framing::Lines => record.strip_suffix(b"\n").unwrap_or(record),
        Framing::FrameStream | Framing::Delimited | Framing::Whole => record,
    };
    write_frame(framing(stream.format()), record, &mut framed).map_err(io::Error::other)?;
    out.write_all(&framed)
}

#[cfg(test)]
mod tests;
