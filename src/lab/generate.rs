//! Writes an operation as files: feeds, events, leases, the truth, and a configuration that
//! reads them.

mod truth_files;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::operation::{Operation, OperationError, OperationOptions, Stream};
use crate::encode::event;

/// The events between two reports of progress.
const PROGRESS_EVENTS: u64 = 50_000;

/// What a frame stream of dnstap announces.
const DNSTAP_CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";

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
            if stream == Stream::Dnstap {
                out.write_all(&control_frame(2, Some(DNSTAP_CONTENT)))?;
            }
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
        let end = match stream {
            Stream::Dnstap => control_frame(3, None),
            Stream::Dns | Stream::Collector | Stream::Flows | Stream::Conn => Vec::new(),
        };
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

/// Writes one record with the framing of its file: a length for frame streams, a line feed for
/// JSON; protobuf records bring their length.
fn write_record(stream: Stream, record: &[u8], out: &mut impl Write) -> io::Result<()> {
    match stream {
        Stream::Dnstap => {
            let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
            out.write_all(&length.to_be_bytes())?;
            out.write_all(record)
        }
        Stream::Flows => out.write_all(record),
        Stream::Dns | Stream::Collector | Stream::Conn => {
            out.write_all(record)?;
            if record.last() == Some(&b'\n') {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        }
    }
}

/// A control frame of a frame stream: an escape, a length, the kind and perhaps the content.
fn control_frame(kind: u32, content: Option<&[u8]>) -> Vec<u8> {
    let mut body = kind.to_be_bytes().to_vec();
    if let Some(content) = content {
        body.extend_from_slice(&1_u32.to_be_bytes());
        body.extend_from_slice(&u32::try_from(content.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(content);
    }
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    frame.extend_from_slice(&body);
    frame
}

#[cfg(test)]
mod tests;
