//! Answers are whole however they are cut, lengths that lie take no memory, and buffers come
//! back.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A stream that gives its bytes in pieces and blocks between them.
struct Pieces<'a>(VecDeque<&'a [u8]>, bool);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let Some(piece) = self.0.pop_front() else {
            return Ok(0);
        };
        let len = piece.len().min(buffer.len());
        buffer[..len].copy_from_slice(&piece[..len]);
        if len < piece.len() {
            self.0.push_front(&piece[len..]);
        }
        Ok(len)
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

fn all(reader: &mut FrameReader, bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut stream = Pieces(bytes.chunks(piece).collect(), false);
    let mut frames = Vec::new();
    loop {
        match reader.read(&mut stream) {
            Ok(Arrival::Frame(frame)) => frames.push(frame.to_vec()),
            Ok(Arrival::Blocked { .. }) => {}
            Err(FrameError::Ended { got: 0, wanted: 0 }) => return frames,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn answers_are_whole_however_they_are_cut() {
    let wanted: Vec<Vec<u8>> = [4, 5, 70_000, 200_000, 66_000]
        .iter()
        .map(|len: &usize| {
            (0..*len)
                .map(|at| u8::try_from(at % 251).unwrap())
                .collect()
        })
        .collect();
    let bytes: Vec<u8> = wanted.iter().flat_map(|body| frame(body)).collect();
    for piece in [1, 3, 4, 1000, bytes.len()] {
        let mut reader = FrameReader::new(FramePool::new(1 << 20, 2));
        assert!(
            all(&mut reader, &bytes, piece) == wanted,
            "pieces of {piece}"
        );
    }
}

#[test]
fn a_length_that_lies_takes_no_memory() {
    for written in [i32::MIN, -1, 0, 3, 1001, i32::MAX] {
        let pool = FramePool::new(1000, 2);
        let mut reader = FrameReader::new(pool);
        let error = reader.read(&mut &written.to_be_bytes()[..]);
        assert!(
            matches!(error, Err(FrameError::Length { written: told }) if told == written),
            "{written}"
        );
        assert!(reader.body.is_none());
    }
}

#[test]
fn an_end_in_the_middle_tells_how_far_it_got() {
    for (bytes, expected) in [
        (&b""[..], (0, 0)),
        (&b"\0\0"[..], (2, 4)),
        (&b"\0\0\0\x05abc"[..], (3, 5)),
    ] {
        let mut reader = FrameReader::new(FramePool::new(1000, 2));
        let mut stream = bytes;
        let Err(FrameError::Ended { got, wanted }) = reader.read(&mut stream) else {
            panic!("{bytes:?}");
        };
        assert_eq!((got, wanted), expected);
    }
}

#[test]
fn buffers_come_back_and_no_more_are_kept_than_allowed() {
    let pool = FramePool::new(1 << 20, 2);
    let mut reader = FrameReader::new(pool.clone());
    let answer =
        |reader: &mut FrameReader, len: usize| match reader.read(&mut &frame(&vec![7; len])[..]) {
            Ok(Arrival::Frame(frame)) => frame,
            _ => panic!("no answer of {len}"),
        };
    let first = answer(&mut reader, 100_000);
    let place = first.as_ptr();
    let part = first.slice(10..20);
    drop(first);
    assert!(
        pool.shared.kept.lock().unwrap().is_empty(),
        "a part is still held"
    );
    drop(part);
    let again = answer(&mut reader, 90_000);
    assert_eq!((again.as_ptr(), again.len()), (place, 90_000));
    let held: Vec<Bytes> = (0..5).map(|_| answer(&mut reader, 80_000)).collect();
    drop((again, held));
    assert_eq!(pool.shared.kept.lock().unwrap().len(), 2);
    let grown = answer(&mut reader, 600_000);
    assert_eq!(pool.shared.kept.lock().unwrap().len(), 1);
    drop(grown);
    let lens: Vec<usize> = pool
        .shared
        .kept
        .lock()
        .unwrap()
        .iter()
        .map(Vec::len)
        .collect();
    assert!(lens.contains(&(1 << 20)), "{lens:?}");
}

/// The answers in `bytes`, slowly, and whether a length among them lies.
fn oracle(mut bytes: &[u8], max: usize) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Vec::new();
    while bytes.len() >= 4 {
        let len = i64::from(i32::from_be_bytes(bytes[..4].try_into().unwrap()));
        if len < 4 || len > i64::try_from(max).unwrap() {
            return (frames, true);
        }
        let end = 4 + usize::try_from(len).unwrap();
        if bytes.len() < end {
            break;
        }
        frames.push(bytes[4..end].to_vec());
        bytes = &bytes[end..];
    }
    (frames, false)
}

proptest! {
    #[test]
    fn any_bytes_give_the_answers_that_are_in_them_and_no_more(
        parts in proptest::collection::vec(
            prop_oneof![
                Just(vec![0, 0, 0]),
                Just(vec![0, 0, 0, 4]),
                Just(vec![0, 0, 0, 9]),
                proptest::collection::vec(any::<u8>(), 0..9),
            ],
            0..9,
        ),
        piece in 1_usize..7,
    ) {
        let bytes = parts.concat();
        let (expected, lies) = oracle(&bytes, 20);
        let mut reader = FrameReader::new(FramePool::new(20, 2));
        let mut stream = Pieces(bytes.chunks(piece).collect(), false);
        let mut frames = Vec::new();
        let lied = loop {
            match reader.read(&mut stream) {
                Ok(Arrival::Frame(frame)) => frames.push(frame.to_vec()),
                Ok(Arrival::Blocked { .. }) => {}
                Err(FrameError::Ended { .. }) => break false,
                Err(FrameError::Length { .. }) => break true,
                Err(FrameError::Io(error)) => panic!("{error}"),
            }
        };
        prop_assert_eq!((frames, lied), (expected, lies));
    }
}
