//! Records from files and standard input: plain, gzip or zstd by their first bytes, cut into
//! blocks of whole records. Workers take blocks in turn; a block says where its records lie.

use std::fs::File;
use std::io::{Chain, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::framing::{BadFrame, Frame, Splitter, framing};
use super::{Stream, StreamId};
use crate::model::EventFormat;

/// How many bytes a block has, about; more only when one record is larger.
const BLOCK_LEN: usize = 1 << 20;

/// How many bytes are taken at once from what comes as it is written, such as a pipe.
const LIVE_LEN: usize = 1 << 16;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// Its path; `-` is standard input.
    pub path: PathBuf,
    /// How its records are decoded.
    pub format: EventFormat,
}

impl FileInput {
    /// The stream that the file's records are of. A file that was compressed meanwhile is
    /// still the same.
    pub fn stream(&self) -> Stream {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        let name = name.to_string_lossy();
        let plain = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".zst"));
        Stream {
            source: "file".to_owned(),
            topic: plain.unwrap_or(&name).to_owned(),
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
    /// Why the file that was handed out to its end has no more, if it should have.
    failed: Option<FileError>,
    /// Bytes taken from the files, as they lie on disk.
    taken: Arc<AtomicU64>,
}

/// A file that is being read.
struct Open {
    stream: StreamId,
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    pace: Pace,
    splitter: Splitter,
    /// What was read and not handed out.
    carry: Vec<u8>,
    /// The ordinal of the next record.
    ordinal: i64,
    read: u64,
    /// Whether no more will be read.
    at_end: bool,
    /// Why not, if this is not the end of the file.
    failed: Option<FileError>,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// In whole blocks: it is all there.
    Blocks,
    /// As it comes: someone is still writing it and wants to see what it gives.
    Live,
}

impl Block {
    /// Whether there is nothing in it, not even a record that could not be framed.
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.bad.is_empty()
    }
}

impl FileReader {
    /// A reader of `inputs`, in order.
    pub fn new(inputs: Vec<FileInput>) -> Self {
        Self {
            inputs,
            next: 0,
            open: None,
            failed: None,
            taken: Arc::default(),
        }
    }

    /// Bytes taken from the files so far, as they lie on disk.
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Fills `block` with the next records; `false` when there are none left. What could be read
    /// before an error comes before the error; the next call goes on with the next file.
    ///
    /// # Errors
    /// [`FileError`] when a file cannot be opened or read.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, FileError> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.open.is_none() && !self.open_next()? {
                return Ok(false);
            }
            let Some(open) = &mut self.open else {
                return Ok(false);
            };
            open.fill(block);
            if open.at_end {
                self.failed = self.open.take().and_then(|open| open.failed);
            }
            if !block.is_empty() {
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
        let (reader, pace) =
            open_file(&input.path, &self.taken).map_err(|source| FileError::Open {
                path: input.path.clone(),
                source,
            })?;
        self.open = Some(Open {
            stream,
            path: input.path.clone(),
            reader,
            pace,
            splitter: Splitter::new(framing(input.format)),
            carry: Vec::new(),
            ordinal: 0,
            read: 0,
            at_end: false,
            failed: None,
        });
        Ok(true)
    }
}

impl Open {
    /// Fills `block` with at least one record, if any is left. What is passed over does not
    /// stay in memory, however long it is.
    fn fill(&mut self, block: &mut Block) {
        block.stream = self.stream;
        block.records.clear();
        block.bad.clear();
        block.bytes.clear();
        block.bytes.append(&mut self.carry);
        loop {
            self.read_more(&mut block.bytes);
            let done = self.split(block);
            if self.at_end {
                return;
            }
            if !block.is_empty() {
                let rest = block.bytes.get(done..).unwrap_or_default();
                self.carry.extend_from_slice(rest);
                return;
            }
            block.bytes.drain(..done);
        }
    }

    /// Reads until `bytes` has a block more, or the file ends or fails.
    fn read_more(&mut self, bytes: &mut Vec<u8>) {
        let before = bytes.len();
        let result = match self.pace {
            Pace::Blocks => {
                let wanted = BLOCK_LEN.saturating_sub(before).max(BLOCK_LEN / 4);
                let mut part = (&mut self.reader).take(wanted as u64);
                part.read_to_end(bytes).map(|got| got < wanted)
            }
            Pace::Live => read_once(&mut self.reader, bytes).map(|got| got == 0),
        };
        self.read += (bytes.len() - before) as u64;
        match result {
            Ok(at_end) => self.at_end = at_end,
            Err(source) => {
                self.at_end = true;
                self.failed = Some(FileError::Read {
                    path: self.path.clone(),
                    read: self.read,
                    source,
                });
            }
        }
    }

    /// Notes the records of `block`; returns where they end. After a failure the record that
    /// it cut is left out: the failure itself is told.
    fn split(&mut self, block: &mut Block) -> usize {
        let mut at = 0;
        let last = self.at_end && self.failed.is_none();
        loop {
            let rest = block.bytes.get(at..).unwrap_or_default();
            match self.splitter.next_frame(rest, last) {
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

/// Appends what one read gives to `bytes`; says how much that was.
fn read_once(reader: &mut dyn Read, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let before = bytes.len();
    bytes.resize(before + LIVE_LEN, 0);
    let got = loop {
        match reader.read(bytes.get_mut(before..).unwrap_or_default()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            got => break got,
        }
    };
    bytes.truncate(before + got.as_ref().map_or(0, |got| *got));
    got
}

/// Opens `path` and undoes its compression, counting the bytes taken from it.
fn open_file(path: &Path, taken: &Arc<AtomicU64>) -> std::io::Result<(Box<dyn Read + Send>, Pace)> {
    let taken = Arc::clone(taken);
    if path == Path::new("-") {
        let reader = std::io::stdin();
        return Ok((inflate(Counted { reader, taken })?, Pace::Live));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(std::io::Error::from(ErrorKind::IsADirectory));
    }
    let pace = if metadata.is_file() {
        Pace::Blocks
    } else {
        Pace::Live
    };
    let reader = file;
    Ok((inflate(Counted { reader, taken })?, pace))
}

/// Undoes gzip or zstd, known by the first bytes.
fn inflate<R: Read + Send + 'static>(mut reader: R) -> std::io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(4);
    (&mut reader).take(4).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    // A zstd file may begin with a frame to skip.
    let zstd = matches!(
        magic.as_slice(),
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18]
    );
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

    /// A file with `content`.
    fn written(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    /// The file at `path` as an input of lines.
    fn input(path: &Path) -> FileInput {
        FileInput {
            path: path.to_owned(),
            format: EventFormat::ZeekJson,
        }
    }

    /// All records of `content` with their ordinals, and what could not be framed.
    fn read_all(content: &[u8]) -> (Vec<(i64, Vec<u8>)>, Vec<(i64, BadFrame)>) {
        let file = written(content);
        let mut reader = FileReader::new(vec![input(file.path())]);
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
        // A frame to skip in front, as parallel compressors write it.
        let skips = [&b"\x50\x2a\x4d\x18\x02\0\0\0xx"[..], &zstd].concat();
        let plain = text.clone().into_bytes();
        for content in [plain, gzip.finish().unwrap(), zstd, skips] {
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
    fn what_holds_no_record_ends_and_is_no_error() {
        for content in ["", "\n", "\r\n \n\n"] {
            assert_eq!(read_all(content.as_bytes()), (Vec::new(), Vec::new()));
        }
    }

    #[test]
    fn what_is_passed_over_does_not_stay_in_memory() {
        let mut content = vec![b'\n'; 20 << 20];
        content.extend_from_slice(b"a\n");
        content.resize(60 << 20, b'z');
        content.extend_from_slice(b"\nb\n");
        let file = written(&content);
        let mut reader = FileReader::new(vec![input(file.path())]);
        let (mut block, mut largest) = (Block::default(), 0);
        while reader.next_block(&mut block).unwrap() {
            largest = largest.max(block.bytes.capacity());
        }
        assert!(largest < 40 << 20, "{largest}");
    }

    #[test]
    fn what_comes_before_a_failure_is_handed_out() {
        let lines = "{\"a\":1}\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        gzip.write_all(lines.as_bytes()).unwrap();
        let whole = gzip.finish().unwrap();
        let file = written(&whole[..whole.len() - 1000]);
        let next = written(b"x\n");
        let mut reader = FileReader::new(vec![input(file.path()), input(next.path())]);
        let mut block = Block::default();
        assert!(reader.next_block(&mut block).unwrap());
        assert!(block.records.len() > 800, "{}", block.records.len());
        assert_eq!(block.bad, []);
        let error = reader.next_block(&mut block).unwrap_err();
        let start = format!("cannot read {} after", file.path().display());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(reader.next_block(&mut block).unwrap());
        assert_eq!((block.stream, block.records.len()), (StreamId(1), 1));
        assert!(!reader.next_block(&mut block).unwrap());
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = input("/nonexistent/gannet.log".as_ref());
        let error = FileReader::new(vec![missing])
            .next_block(&mut Block::default())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot open /nonexistent/gannet.log");
    }
}
