//! Records from files and standard input: plain, gzip or zstd by their first bytes, cut into
//! blocks of whole records. Workers take blocks in turn; a block says where its records lie.

use std::fs::File;
use std::io::{Chain, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::framing::{BadFrame, Frame, Splitter, framing};
use super::{Stream, StreamId};
use crate::model::EventFormat;

/// How many bytes a block has, about; more only when one record is larger.
const BLOCK_LEN: usize = 1 << 20;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// Its path; `-` is standard input.
    pub path: PathBuf,
    /// How its records are decoded.
    pub format: EventFormat,
}

impl FileInput {
    /// The stream that the file's records are of.
    pub fn stream(&self) -> Stream {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Stream {
            source: "file".to_owned(),
            topic: name.to_string_lossy().into_owned(),
            format: self.format,
        }
    }
}

/// Whole records of one file.
#[derive(Debug, Default)]
pub struct Block {
    /// Which file.
    pub stream: StreamId,
    /// The bytes that the ranges point into.
    pub bytes: Vec<u8>,
    /// Where each record lies, with its ordinal in the file.
    pub records: Vec<(Range<usize>, i64)>,
    /// Records that could not be framed, with their ordinals.
    pub bad: Vec<(i64, BadFrame)>,
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The full path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It could not be read or inflated.
    #[error("cannot read {} after {read} bytes", path.display())]
    Read {
        /// The full path.
        path: PathBuf,
        /// How many bytes came, once inflated.
        read: u64,
        /// What the system or the decompressor said.
        source: std::io::Error,
    },
}

/// Reads files one after the other.
pub struct FileReader {
    inputs: Vec<FileInput>,
    /// The next file to open.
    next: usize,
    open: Option<Open>,
    /// Bytes taken from the files, as they lie on disk.
    taken: Arc<AtomicU64>,
}

/// A file that is being read.
struct Open {
    stream: StreamId,
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    splitter: Splitter,
    /// What was read and not handed out.
    carry: Vec<u8>,
    /// The ordinal of the next record.
    ordinal: i64,
    read: u64,
    at_end: bool,
}

impl FileReader {
    /// A reader of `inputs`, in order.
    pub fn new(inputs: Vec<FileInput>) -> Self {
        Self {
            inputs,
            next: 0,
            open: None,
            taken: Arc::default(),
        }
    }

    /// Bytes taken from the files so far, as they lie on disk.
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Fills `block` with the next records; `false` when there are none left. After an error
    /// the next call goes on with the next file.
    ///
    /// # Errors
    /// [`FileError`] when a file cannot be opened or read.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, FileError> {
        loop {
            if self.open.is_none() && !self.open_next()? {
                return Ok(false);
            }
            let Some(open) = &mut self.open else {
                return Ok(false);
            };
            let filled = open.fill(block);
            if filled.is_err() || open.finished() {
                self.open = None;
            }
            filled?;
            if !block.records.is_empty() || !block.bad.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Opens the next file; `false` when there is none.
    fn open_next(&mut self) -> Result<bool, FileError> {
        let Some(input) = self.inputs.get(self.next) else {
            return Ok(false);
        };
        let stream = StreamId(u16::try_from(self.next).unwrap_or(u16::MAX));
        self.next += 1;
        let reader = open_file(&input.path, &self.taken).map_err(|source| FileError::Open {
            path: input.path.clone(),
            source,
        })?;
        self.open = Some(Open {
            stream,
            path: input.path.clone(),
            reader,
            splitter: Splitter::new(framing(input.format)),
            carry: Vec::new(),
            ordinal: 0,
            read: 0,
            at_end: false,
        });
        Ok(true)
    }
}

impl Open {
    /// Whether everything was handed out.
    fn finished(&self) -> bool {
        self.at_end && self.carry.is_empty()
    }

    /// Fills `block` with at least one record, if any is left.
    fn fill(&mut self, block: &mut Block) -> Result<(), FileError> {
        block.stream = self.stream;
        block.records.clear();
        block.bad.clear();
        block.bytes.clear();
        block.bytes.append(&mut self.carry);
        let mut done = 0;
        while block.records.is_empty() && block.bad.is_empty() && !(self.at_end && done > 0) {
            self.read_more(&mut block.bytes)?;
            done = self.split(block, done);
        }
        let rest = block.bytes.get(done..).unwrap_or_default();
        self.carry.extend_from_slice(rest);
        Ok(())
    }

    /// Reads until `bytes` has a block more, or the file ends.
    fn read_more(&mut self, bytes: &mut Vec<u8>) -> Result<(), FileError> {
        let wanted = (BLOCK_LEN.saturating_sub(bytes.len())).max(BLOCK_LEN / 4);
        let got = (&mut self.reader)
            .take(wanted as u64)
            .read_to_end(bytes)
            .map_err(|source| FileError::Read {
                path: self.path.clone(),
                read: self.read,
                source,
            })?;
        self.read += got as u64;
        self.at_end = got < wanted;
        Ok(())
    }

    /// Notes the records of `block` from `start` on; returns where they end.
    fn split(&mut self, block: &mut Block, start: usize) -> usize {
        let mut at = start;
        loop {
            let rest = block.bytes.get(at..).unwrap_or_default();
            match self.splitter.next_frame(rest, self.at_end) {
                Frame::Record { record, consumed } => {
                    block
                        .records
                        .push((at + record.start..at + record.end, self.ordinal));
                    self.ordinal += 1;
                    at += consumed;
                }
                Frame::Skip { consumed } => at += consumed,
                Frame::Bad { reason, consumed } => {
                    block.bad.push((self.ordinal, reason));
                    self.ordinal += 1;
                    at += consumed;
                }
                Frame::More | Frame::End => return at,
                Frame::Broken(reason) => {
                    block.bad.push((self.ordinal, reason));
                    self.at_end = true;
                    return block.bytes.len();
                }
            }
        }
    }
}

/// What stands at the start of a file, given back before the rest of it.
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// Opens `path` and undoes its compression, counting the bytes taken from it.
fn open_file(path: &Path, taken: &Arc<AtomicU64>) -> std::io::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return inflate(Counted {
            reader: std::io::stdin(),
            taken: Arc::clone(taken),
        });
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    inflate(Counted {
        reader: file,
        taken: Arc::clone(taken),
    })
}

/// Undoes gzip or zstd, known by the first bytes.
fn inflate<R: Read + Send + 'static>(mut reader: R) -> std::io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(4);
    (&mut reader).take(4).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    let zstd = magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let whole: Peeked<R> = Cursor::new(magic).chain(reader);
    if gzip {
        let buffered = std::io::BufReader::with_capacity(1 << 17, whole);
        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(buffered)))
    } else if zstd {
        Ok(Box::new(zstd::Decoder::new(whole)?))
    } else {
        Ok(Box::new(whole))
    }
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// All records of `content` with their ordinals, and what could not be framed.
    fn read_all(content: &[u8]) -> (Vec<(i64, Vec<u8>)>, Vec<(i64, BadFrame)>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.log");
        std::fs::write(&path, content).unwrap();
        let input = FileInput {
            path,
            format: EventFormat::ZeekJson,
        };
        let mut reader = FileReader::new(vec![input]);
        let (mut records, mut bad, mut block) = (Vec::new(), Vec::new(), Block::default());
        while reader.next_block(&mut block).unwrap() {
            for (range, ordinal) in &block.records {
                records.push((*ordinal, block.bytes[range.clone()].to_vec()));
            }
            bad.extend(block.bad.iter().copied());
        }
        (records, bad)
    }

    #[test]
    fn every_line_comes_once_in_order_whatever_the_compression() {
        let lines: Vec<String> = (0..60_000)
            .map(|number| format!("{{\"n\":{number},\"x\":\"{}\"}}", "y".repeat(number % 97)))
            .collect();
        let text = lines.join("\n");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
        for content in [text.clone().into_bytes(), gzip.finish().unwrap(), zstd] {
            let (records, bad) = read_all(&content);
            assert_eq!((records.len(), bad.len()), (lines.len(), 0));
            for (index, (ordinal, record)) in records.iter().enumerate() {
                assert_eq!(
                    (usize::try_from(*ordinal).unwrap(), record),
                    (index, &lines[index].clone().into_bytes())
                );
            }
        }
    }

    #[test]
    fn a_record_larger_than_a_block_is_read_whole() {
        let long = "z".repeat(3 * BLOCK_LEN);
        let (records, _) = read_all(format!("a\n{long}\nb").as_bytes());
        let lengths: Vec<usize> = records.iter().map(|(_, record)| record.len()).collect();
        assert_eq!(lengths, [1, 3 * BLOCK_LEN, 1]);
    }

    #[test]
    fn a_record_above_the_limit_is_told_and_passed_over() {
        let long = "z".repeat(17 << 20);
        let (records, bad) = read_all(format!("a\n{long}\nb\n").as_bytes());
        assert_eq!(records, [(0, b"a".to_vec()), (2, b"b".to_vec())]);
        assert_eq!(bad, [(1, BadFrame::TooLong)]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let input = FileInput {
            path: "/nonexistent/gannet.log".into(),
            format: EventFormat::ZeekJson,
        };
        let error = FileReader::new(vec![input])
            .next_block(&mut Block::default())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot open /nonexistent/gannet.log");
    }
}
