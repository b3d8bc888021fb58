//! How records lie in a file: lines, frame streams, length prefixes. [`Splitter`] finds the
//! records in a buffer that grows; [`lines`] is the fast way over a block of lines. The writers
//! are their inverse.
//!
//! Everything has a bound; beyond it a record is passed over and told as [`Frame::Bad`].

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::model::EventFormat;

pub use write::{write_frame, write_start, write_stop};

mod control;
mod write;

/// Most bytes of a line, of a record with a length prefix, and of an unframed input.
pub const RECORD_LEN_MAX: usize = 16 << 20;

/// Most bytes of a data frame of a frame stream.
pub const FRAME_LEN_MAX: usize = 1 << 20;

/// Most bytes of a control frame, without its escape and length.
pub const CONTROL_LEN_MAX: usize = 512;

/// How records lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// One record a line; blank lines are none.
    Lines,
    /// Frame Streams, one way: a START control frame, data frames, a STOP control frame.
    FrameStream,
    /// Each record after its length as a protobuf varint.
    Delimited,
    /// The whole input is one record.
    Whole,
}

/// The framing that files of `format` have.
pub fn framing(format: EventFormat) -> Framing {
    match format {
        EventFormat::ZeekJson
        | EventFormat::DnsCollectorJson
        | EventFormat::Goflow2Json
        | EventFormat::GannetJson => Framing::Lines,
        EventFormat::Dnstap => Framing::FrameStream,
        EventFormat::Goflow2Protobuf | EventFormat::GannetProtobuf => Framing::Delimited,
    }
}

/// What stands at the start of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A record.
    Record {
        /// Where it lies in the buffer, without its framing.
        record: Range<usize>,
        /// How many bytes it takes with its framing: drop as many.
        consumed: usize,
    },
    /// Nothing for the decoder: a blank line, a control frame, part of what is passed over.
    Skip {
        /// Drop as many bytes.
        consumed: usize,
    },
    /// A record that cannot be read. The reader goes on behind it.
    Bad {
        /// Why.
        reason: BadFrame,
        /// Drop as many bytes.
        consumed: usize,
    },
    /// More bytes are needed to tell.
    More,
    /// The end: nothing is left and nothing is missing.
    End,
    /// The rest of the input cannot be read.
    Broken(BadFrame),
}

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadFrame {
    /// A line or record above its bound.
    #[error("record longer than the limit")]
    TooLong,
    /// The input ends inside a frame.
    #[error("input ends inside a frame")]
    Cut,
    /// A length prefix of more than 64 bits.
    #[error("bad length prefix")]
    BadLength,
    /// A frame stream that does not begin with a START control frame.
    #[error("frame stream without START")]
    NoStart,
    /// A frame stream of another content than dnstap.
    #[error("frame stream of another content type")]
    ContentType,
    /// A control frame that is malformed, too long, or not allowed where it is.
    #[error("bad control frame")]
    BadControl,
    /// Bytes after the STOP control frame.
    #[error("bytes after STOP")]
    AfterStop,
}

/// Finds the records of one input. The caller holds the buffer: it gives all bytes that are not
/// consumed yet, drops what each answer consumes, and adds bytes when asked for more.
///
/// Every byte is looked at once, however the buffer grows, and no more than the bound of a
/// record and its framing need ever be in the buffer. Allocates nothing.
#[derive(Clone, Debug)]
pub struct Splitter {
    /// How records lie.
    framing: Framing,
    /// Most bytes of a record.
    len_max: usize,
    /// What was seen so far.
    state: State,
}

/// What a [`Splitter`] remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    Start,
    /// Between frames, or in one whose end is not in the buffer yet.
    Open {
        /// How many bytes of the buffer are known to hold no line end.
        searched: usize,
    },
    /// In a line that is too long: passing over it.
    LongLine,
    /// In a frame that is too long: passing over so many bytes.
    LongFrame {
        /// How many are left.
        left: u64,
    },
    /// After the STOP control frame.
    Stopped,
}

impl BadFrame {
    /// The value of a `reason` label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Cut => "cut",
            Self::BadLength => "bad_length",
            Self::NoStart => "no_start",
            Self::ContentType => "content_type",
            Self::BadControl => "bad_control",
            Self::AfterStop => "after_stop",
        }
    }
}

impl Splitter {
    /// A splitter at the start of an input.
    pub fn new(framing: Framing) -> Self {
        let len_max = match framing {
            Framing::FrameStream => FRAME_LEN_MAX,
            Framing::Lines | Framing::Delimited | Framing::Whole => RECORD_LEN_MAX,
        };
        Self::with_len_max(framing, len_max)
    }

    /// A splitter with another bound than the usual.
    fn with_len_max(framing: Framing, len_max: usize) -> Self {
        Self {
            framing,
            len_max,
            state: State::Start,
        }
    }

    /// What stands at the start of `buf`; `at_end` says that nothing comes after it. Never asks
    /// for more at the end.
    pub fn next_frame(&mut self, buf: &[u8], at_end: bool) -> Frame {
        if let State::LongFrame { left } = self.state {
            return self.pass_over(left, buf, at_end);
        }
        if buf.is_empty() && at_end {
            return Frame::End;
        }
        let frame = match self.framing {
            Framing::Lines => self.line(buf, at_end),
            Framing::FrameStream => self.stream_frame(buf),
            Framing::Delimited => self.delimited(buf),
            Framing::Whole => self.whole(buf, at_end),
        };
        if frame == Frame::More && at_end {
            return Frame::Broken(BadFrame::Cut);
        }
        frame
    }

    /// The line at the start of `buf`.
    fn line(&mut self, buf: &[u8], at_end: bool) -> Frame {
        let searched = match self.state {
            State::Open { searched } => searched,
            State::Start | State::LongLine | State::LongFrame { .. } | State::Stopped => 0,
        };
        let unsearched = buf.get(searched..).unwrap_or_default();
        let newline = memchr(b'\n', unsearched).map(|found| searched + found);
        let (len, consumed) = match newline {
            Some(at) => (at, at + 1),
            None if at_end => (buf.len(), buf.len()),
            None if self.state == State::LongLine => {
                return if buf.is_empty() {
                    Frame::More
                } else {
                    Frame::Skip {
                        consumed: buf.len(),
                    }
                };
            }
            None if buf.len() > self.len_max => {
                self.state = State::LongLine;
                return Frame::Bad {
                    reason: BadFrame::TooLong,
                    consumed: buf.len(),
                };
            }
            None => {
                self.state = State::Open {
                    searched: buf.len(),
                };
                return Frame::More;
            }
        };
        let passing = self.state == State::LongLine;
        self.state = State::Open { searched: 0 };
        if passing {
            return Frame::Skip { consumed };
        }
        if len > self.len_max {
            let reason = BadFrame::TooLong;
            return Frame::Bad { reason, consumed };
        }
        let line = buf.get(..len).unwrap_or_default();
        if is_blank(line) {
            Frame::Skip { consumed }
        } else {
            let record = 0..without_return(line).len();
            Frame::Record { record, consumed }
        }
    }

    /// The record behind a length prefix at the start of `buf`.
    fn delimited(&mut self, buf: &[u8]) -> Frame {
        let mut len = 0_u64;
        for (index, &byte) in buf.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Frame::Broken(BadFrame::BadLength);
            }
            len |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return self.framed(index + 1, len, buf);
            }
        }
        Frame::More
    }

    /// The frame of a frame stream at the start of `buf`.
    fn stream_frame(&mut self, buf: &[u8]) -> Frame {
        if self.state == State::Stopped {
            return if buf.is_empty() {
                Frame::More
            } else {
                Frame::Broken(BadFrame::AfterStop)
            };
        }
        let Some((prefix, after)) = buf.split_first_chunk() else {
            return Frame::More;
        };
        let len = u32::from_be_bytes(*prefix);
        if len > 0 {
            return if self.state == State::Start {
                Frame::Broken(BadFrame::NoStart)
            } else {
                self.framed(4, u64::from(len), buf)
            };
        }
        match control::read(after) {
            Ok(None) => Frame::More,
            Ok(Some((kind, consumed))) => {
                let frame = Frame::Skip {
                    consumed: 4 + consumed,
                };
                match (kind, self.state) {
                    (control::Kind::Start, State::Start) => {
                        self.state = State::Open { searched: 0 };
                        frame
                    }
                    (control::Kind::Stop, State::Open { .. }) => {
                        self.state = State::Stopped;
                        frame
                    }
                    (_, State::Start) => Frame::Broken(BadFrame::NoStart),
                    _ => Frame::Broken(BadFrame::BadControl),
                }
            }
            Err(reason) => Frame::Broken(reason),
        }
    }

    /// The record of `len` bytes behind a prefix of `prefix_len` bytes at the start of `buf`.
    fn framed(&mut self, prefix_len: usize, len: u64, buf: &[u8]) -> Frame {
        match usize::try_from(len) {
            Ok(len) if len <= self.len_max => {
                let record = prefix_len..prefix_len + len;
                if buf.len() < record.end {
                    return Frame::More;
                }
                let consumed = record.end;
                Frame::Record { record, consumed }
            }
            Ok(_) | Err(_) => {
                self.state = State::LongFrame { left: len };
                Frame::Bad {
                    reason: BadFrame::TooLong,
                    consumed: prefix_len,
                }
            }
        }
    }

    /// Passes over `left` bytes, as many of them as are there.
    fn pass_over(&mut self, left: u64, buf: &[u8], at_end: bool) -> Frame {
        if buf.is_empty() {
            return if at_end {
                Frame::Broken(BadFrame::Cut)
            } else {
                Frame::More
            };
        }
        let consumed = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        self.state = match left.saturating_sub(consumed as u64) {
            0 => State::Open { searched: 0 },
            left => State::LongFrame { left },
        };
        Frame::Skip { consumed }
    }

    /// All of the input, once it is all there.
    fn whole(&self, buf: &[u8], at_end: bool) -> Frame {
        if buf.len() > self.len_max {
            Frame::Broken(BadFrame::TooLong)
        } else if at_end {
            let consumed = buf.len();
            let record = 0..consumed;
            Frame::Record { record, consumed }
        } else {
            Frame::More
        }
    }
}

/// The lines of `block` that end in it, without line ends and blank lines; a line above
/// [`RECORD_LEN_MAX`] is an error. One pass, no allocation. What comes after the last line end is
/// left to the caller: it begins at [`last_line_end`].
pub fn lines(block: &[u8]) -> impl Iterator<Item = Result<&[u8], BadFrame>> {
    let mut start = 0;
    memchr_iter(b'\n', block).filter_map(move |end| {
        let line = block.get(start..end).unwrap_or_default();
        start = end + 1;
        if line.len() > RECORD_LEN_MAX {
            Some(Err(BadFrame::TooLong))
        } else if is_blank(line) {
            None
        } else {
            Some(Ok(without_return(line)))
        }
    })
}

/// Where the part of `block` begins that no line end closes.
pub fn last_line_end(block: &[u8]) -> usize {
    memchr::memrchr(b'\n', block).map_or(0, |end| end + 1)
}

/// Whether a line holds nothing but white space.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// A line without the carriage return that some systems end it with.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
