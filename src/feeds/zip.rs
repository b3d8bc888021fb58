//! Zip archives that hold one file, as some feeds come. Only that file is read; its name and those of
//! others are never used. Memory is the end of the archive, at most 64 KiB.
//!
//! Our own reader, since the usual one makes room for as many files as an archive claims to hold.
//! Deliberately absent: the forms for more than 4 GiB or 65,535 files, encryption, and any other
//! compression than deflate.

use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;

/// Bytes of the record at the end of an archive, without the comment behind it.
const END_BYTES: usize = 22;

/// Bytes of a file's entry in the directory, without its name and what else varies.
const ENTRY_BYTES: usize = 46;

/// Bytes of a file's header, likewise.
const HEADER_BYTES: usize = 30;

/// What a number that does not fit its field is written as.
const TOO_LARGE: u32 = u32::MAX;

/// Opens the only regular file of `archive`.
///
/// # Errors
/// When the archive cannot be read, or does not hold exactly one regular file that is neither
/// encrypted nor packed in an unknown way.
pub(super) fn open<A: Read + Seek + Send + 'static>(
    mut archive: A,
) -> io::Result<Box<dyn Read + Send>> {
    let directory = Directory::find(&mut archive)?;
    let member = directory.only_member(&mut archive)?;
    archive.seek(SeekFrom::Start(member.header_at.into()))?;
    let header = read_fields::<HEADER_BYTES>(&mut archive)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(broken("it has no file where its directory says"));
    }
    let skipped = i64::from(u16_at(&header, 26)) + i64::from(u16_at(&header, 28));
    archive.seek(SeekFrom::Current(skipped))?;
    let packed = archive.take(member.packed_bytes.into());
    let input: Box<dyn Read + Send> = match member.method {
        0 => Box::new(packed),
        8 => Box::new(DeflateDecoder::new(packed)),
        _ => return Err(broken("its file is not packed with deflate")),
    };
    Ok(Box::new(Checked {
        input: CrcReader::new(input),
        bytes: 0,
        member,
    }))
}

/// Where the list of files is.
struct Directory {
    /// Where it starts.
    start: u32,
    /// How many files it claims to list.
    n_entries: u16,
}

/// One file of an archive.
struct Member {
    /// Where its header starts.
    header_at: u32,
    /// How it is packed.
    method: u16,
    /// Bytes of it, packed.
    packed_bytes: u32,
    /// Bytes of it, unpacked.
    bytes: u32,
    /// Its checksum.
    checksum: u32,
    /// Whether it is encrypted.
    encrypted: bool,
}

/// A file whose length and checksum are compared when it ends.
struct Checked {
    input: CrcReader<Box<dyn Read + Send>>,
    /// Bytes read so far.
    bytes: u64,
    member: Member,
}

impl Directory {
    /// Finds the directory by the record at the end of `archive`, behind which there may be a comment.
    fn find(archive: &mut (impl Read + Seek)) -> io::Result<Self> {
        let len = archive.seek(SeekFrom::End(0))?;
        let tail_bytes = END_BYTES as u64 + u64::from(u16::MAX);
        archive.seek(SeekFrom::Start(len.saturating_sub(tail_bytes)))?;
        let mut tail = Vec::new();
        archive.take(tail_bytes).read_to_end(&mut tail)?;
        let end = memchr::memmem::rfind_iter(&tail, b"PK\x05\x06")
            .filter_map(|at| tail.get(at..))
            .find(|end| end.len() >= END_BYTES + usize::from(u16_at(end, 20)))
            .filter(|end| end.len() >= END_BYTES)
            .ok_or_else(|| broken("it has no end"))?;
        let (n_entries, start) = (u16_at(end, 10), u32_at(end, 16));
        if n_entries == u16::MAX || start == TOO_LARGE {
            return Err(broken("it is larger than a feed can be"));
        }
        Ok(Self { start, n_entries })
    }

    /// The only regular file.
    fn only_member(&self, archive: &mut (impl Read + Seek)) -> io::Result<Member> {
        archive.seek(SeekFrom::Start(self.start.into()))?;
        let mut entries = BufReader::new(archive);
        let mut only = None;
        for _ in 0..self.n_entries {
            let member = Member::read(&mut entries)?;
            if member.is_some() && only.is_some() {
                return Err(broken("it holds several files"));
            }
            only = only.or(member);
        }
        let only = only.ok_or_else(|| broken("it holds no file"))?;
        if only.encrypted {
            return Err(broken("it is encrypted"));
        }
        if [only.header_at, only.packed_bytes, only.bytes].contains(&TOO_LARGE) {
            return Err(broken("its file is larger than a feed can be"));
        }
        Ok(only)
    }
}

impl Member {
    /// Reads the next entry of a directory; `None` if it is not a regular file.
    fn read(entries: &mut BufReader<impl Read + Seek>) -> io::Result<Option<Self>> {
        let entry = read_fields::<ENTRY_BYTES>(entries)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return Err(broken("its directory is broken"));
        }
        let mut name = Vec::new();
        let name_len = u16_at(&entry, 28);
        entries
            .by_ref()
            .take(name_len.into())
            .read_to_end(&mut name)?;
        let skipped = i64::from(u16_at(&entry, 30)) + i64::from(u16_at(&entry, 32));
        entries.seek_relative(skipped)?;
        let folder = name.ends_with(b"/");
        // The upper half holds the mode of a file from Unix; others leave that kind at zero.
        let kind = u32_at(&entry, 38) >> 28;
        let regular = !folder && matches!(kind, 0 | 0o10);
        Ok(regular.then(|| Self {
            header_at: u32_at(&entry, 42),
            method: u16_at(&entry, 10),
            packed_bytes: u32_at(&entry, 20),
            bytes: u32_at(&entry, 24),
            checksum: u32_at(&entry, 16),
            encrypted: u16_at(&entry, 8) & 1 == 1,
        }))
    }
}

impl Read for Checked {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n_read = self.input.read(room)?;
        self.bytes += n_read as u64;
        let whole = self.bytes == u64::from(self.member.bytes)
            && self.input.crc().sum() == self.member.checksum;
        if n_read == 0 && !room.is_empty() && !whole {
            return Err(broken("its file is cut or damaged"));
        }
        Ok(n_read)
    }
}

/// The next `N` bytes.
fn read_fields<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut fields = [0; N];
    input.read_exact(&mut fields)?;
    Ok(fields)
}

/// The number at `at`; zero beyond the end.
fn u16_at(fields: &[u8], at: usize) -> u16 {
    let bytes = fields.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

/// The number at `at`; zero beyond the end.
fn u32_at(fields: &[u8], at: usize) -> u32 {
    let bytes = fields.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// What is wrong with an archive.
fn broken(problem: &str) -> io::Error {
    let problem = format!("cannot use the zip archive: {problem}");
    io::Error::new(ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::feeds::tests::{Entry, archive};

    fn read(archive: Vec<u8>) -> Result<Vec<u8>, String> {
        let mut found = Vec::new();
        open(Cursor::new(archive))
            .and_then(|mut file| file.read_to_end(&mut found))
            .map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[track_caller]
    fn check_refused(archive: Vec<u8>, problem: &str) {
        let error = read(archive).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }

    #[test]
    fn the_only_file_is_read_whatever_it_is_called() {
        for name in ["list.txt", "../../etc/passwd", "/abs", "a\0b", ""] {
            for method in [0, 8] {
                let entry = Entry {
                    name,
                    method,
                    ..Entry::default()
                };
                let packed = archive(&[entry], b"");
                assert_eq!(read(packed).unwrap(), b"one.example\n", "{name:?}");
            }
        }
        let folder = Entry {
            name: "lists/",
            text: b"",
            ..Entry::default()
        };
        let link = Entry {
            name: "link",
            mode: 0o120_777,
            ..Entry::default()
        };
        let packed = archive(&[folder, link, Entry::default()], b"comment PK\x05\x06");
        assert_eq!(read(packed).unwrap(), b"one.example\n");
    }

    #[test]
    fn archives_of_another_program_are_read() {
        // Written by Python to a pipe, so that sizes come after the data.
        let hex = PYTHON_STREAMED;
        let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16));
        let bytes: Vec<u8> = bytes.map(Result::unwrap).collect();
        assert_eq!(read(bytes).unwrap(), b"one.example\ntwo.example\n");
    }

    #[test]
    fn archives_that_are_no_feed_say_why() {
        let usual = Entry::default;
        check_refused(archive(&[usual(), usual()], b""), "several files");
        check_refused(archive(&[], b""), "no file");
        let encrypted = Entry {
            flags: 1,
            ..usual()
        };
        check_refused(archive(&[encrypted], b""), "encrypted");
        let method = 12;
        check_refused(archive(&[Entry { method, ..usual() }], b""), "deflate");
        let checksum = Some(7);
        let damaged = archive(
            &[Entry {
                checksum,
                ..usual()
            }],
            b"",
        );
        check_refused(damaged, "damaged");
        let mut cut = archive(&[usual()], b"");
        cut.truncate(cut.len() - END_BYTES);
        check_refused(cut, "no end");
        let mut many = archive(&[usual()], b"");
        let end = many.len() - END_BYTES;
        many[end + 10..end + 12].fill(0xff);
        check_refused(many, "larger than a feed");
        let mut torn = archive(&[usual()], b"");
        let start = torn.windows(4).position(|four| four == b"PK\x01\x02");
        torn[start.unwrap() + 1] = b'X';
        check_refused(torn, "directory is broken");
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(at in 0_usize..160, byte in any::<u8>(), end in 0_usize..200) {
            let mut packed = archive(&[Entry::default()], b"");
            if let Some(hit) = packed.get_mut(at) {
                *hit = byte;
            }
            packed.truncate(end.max(4));
            if let Ok(text) = read(packed) {
                prop_assert_eq!(text, b"one.example\n");
            }
        }
    }

    const PYTHON_STREAMED: &str = "504b03041400080008000000215c0000000000000000000000000800000066756c6c2e637376cbcf4bd54bad\
        48cc2dc849e52a29cf87b301504b07089d00d3641200000018000000504b010214031400080008000000215c\
        9d00d364120000001800000008000000000000000000000080010000000066756c6c2e637376504b05060000\
        00000100010036000000480000000000";
}
