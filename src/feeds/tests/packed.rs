//! Packed files: zip archives, and files of any kind that inflate to more than they should.

use std::io::Cursor;

use super::*;

/// A file of an archive.
pub(in crate::feeds) struct Entry<'a> {
    /// Its name.
    pub(in crate::feeds) name: &'a str,
    /// What it holds.
    pub(in crate::feeds) text: &'a [u8],
    /// How it is packed.
    pub(in crate::feeds) method: u16,
    /// Its flags.
    pub(in crate::feeds) flags: u16,
    /// Its mode on Unix.
    pub(in crate::feeds) mode: u32,
    /// A checksum in place of the right one.
    pub(in crate::feeds) checksum: Option<u32>,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        Self {
            name: "list.txt",
            text: b"one.example\n",
            method: 8,
            flags: 0,
            mode: 0,
            checksum: None,
        }
    }
}

/// A zip archive of these files, with a comment at its end.
pub(in crate::feeds) fn archive(entries: &[Entry<'_>], comment: &[u8]) -> Vec<u8> {
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    for entry in entries {
        let mut crc = flate2::Crc::new();
        crc.update(entry.text);
        let mut packed = entry.text.to_vec();
        if entry.method == 8 {
            let mut packer =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            packer.write_all(entry.text).unwrap();
            packed = packer.finish().unwrap();
        }
        let mut common = Vec::new();
        common.extend(
            [20_u16, entry.flags, entry.method, 0, 0]
                .map(u16::to_le_bytes)
                .concat(),
        );
        let sizes = [
            entry.checksum.unwrap_or_else(|| crc.sum()),
            len(&packed),
            len(entry.text),
        ];
        common.extend(sizes.map(u32::to_le_bytes).concat());
        common.extend(
            [u16::try_from(entry.name.len()).unwrap(), 0]
                .map(u16::to_le_bytes)
                .concat(),
        );
        let start = len(&files);
        files.extend(b"PK\x03\x04");
        files.extend(&common);
        files.extend(entry.name.as_bytes());
        files.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend([entry.mode << 16, start].map(u32::to_le_bytes).concat());
        directory.extend(entry.name.as_bytes());
    }
    let n_entries = u16::try_from(entries.len()).unwrap();
    let sizes = [len(&directory), len(&files)];
    files.extend(&directory);
    files.extend(b"PK\x05\x06\0\0\0\0");
    files.extend([n_entries; 2].map(u16::to_le_bytes).concat());
    files.extend(sizes.map(u32::to_le_bytes).concat());
    files.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    files.extend(comment);
    files
}

#[test]
fn a_feed_may_be_an_archive_of_one_file() {
    let (_directory, path) = file("list.zip", &archive(&[Entry::default()], b""));
    assert_eq!(parse_plain(&path).unwrap().0, ["one.example"]);
    assert_eq!(family(Path::new("lumma.txt.zip")), "lumma");
    let (_directory, path) = file("list", &archive(&[], b""));
    let error = parse_plain(&path).unwrap_err();
    assert_eq!(error.reason(), "read");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("it holds no file"), "{cause}");
    let page = Entry {
        text: b"<html>",
        ..Entry::default()
    };
    let (_directory, path) = file("list", &archive(&[page], b""));
    assert_eq!(parse_plain(&path).unwrap_err().reason(), "html");
}

/// Blank lines pack best: a thousand to one.
const BOMB_BYTES: usize = 64 << 20;

#[test]
fn a_bomb_of_any_kind_is_left_at_the_limit() {
    let blank = vec![b'\n'; BOMB_BYTES];
    let entry = Entry {
        text: &blank,
        ..Entry::default()
    };
    let gzip = gzip(&blank);
    let bombs = [
        archive(&[entry], b""),
        [gzip.clone(), gzip].concat(),
        zstd::encode_all(Cursor::new(&blank), 1).unwrap(),
    ];
    let options = ParseOptions {
        bytes_max: 1 << 20,
        row_by_row: false,
        ..options(FeedFormat::Plain)
    };
    for bomb in bombs {
        assert!(bomb.len() < BOMB_BYTES / 50, "{}", bomb.len());
        let (_directory, path) = file("bomb", &bomb);
        let error = parse(&path, &options, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.reason(), "too_large");
        let mut input = Input::open(&path, 0, options.bytes_max).unwrap();
        let error = loop {
            input.consume(usize::MAX / 2);
            if let Err(error) = input.fill() {
                break error;
            }
        };
        assert_eq!(error.reason(), "too_large");
        assert!(input.bytes() <= options.bytes_max + read::BUFFER_BYTES as u64);
    }
}

#[test]
fn a_zstd_file_cannot_ask_for_a_large_window() {
    let packed = |window_log| {
        let mut packer = zstd::Encoder::new(Vec::new(), 1).unwrap();
        packer.window_log(window_log).unwrap();
        packer.write_all(b"one.example\n").unwrap();
        packer.flush().unwrap();
        packer.write_all(b"two.example\n").unwrap();
        packer.finish().unwrap()
    };
    let (_directory, path) = file("list", &packed(27));
    assert_eq!(parse_plain(&path).unwrap().0.len(), 2);
    // The window is asked for in the first bytes: 2 GiB here, in one byte.
    let mut bomb = packed(27);
    assert_eq!(bomb[5], (27 - 10) << 3);
    bomb[5] = (31 - 10) << 3;
    let (_directory, path) = file("list", &bomb);
    let error = parse_plain(&path).unwrap_err();
    assert_eq!(error.reason(), "read");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("memory"), "{cause}");
}
