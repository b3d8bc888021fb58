//! Whole answers from a stream of bytes, in buffers that are used again: answers are 1 to 50
//! MB, and the page faults of fresh memory cost more than copying them. A length is checked
//! before memory is taken, and the rest of an answer is asked for with one read.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers for large answers, shared by the connections of a worker. A buffer comes back by
/// itself when the last [`Bytes`] of its answer is dropped.
///
/// At most `kept_max` buffers of at most `frame_bytes_max` bytes (and the answers that are
/// held) are kept; they are initialized once and never shrink.
#[derive(Clone, Debug)]
pub struct FramePool {
    shared: Arc<Shared>,
}

/// What the clones of a pool share.
#[derive(Debug)]
struct Shared {
    /// Largest answer.
    frame_bytes_max: usize,
    /// Most buffers that wait for use.
    kept_max: usize,
    /// Those that wait. Locked for a moment at the start and the end of a large answer.
    kept: Mutex<Vec<Vec<u8>>>,
}

impl FramePool {
    /// A pool for answers of up to `frame_bytes_max` bytes, which keeps up to `kept_max`
    /// buffers (twice the connections: one is filled while one is worked on).
    pub fn new(frame_bytes_max: usize, kept_max: usize) -> Self {
        let kept = Mutex::new(Vec::new());
        let shared = Arc::new(Shared {
            frame_bytes_max,
            kept_max,
            kept,
        });
        Self { shared }
    }

    /// Largest answer.
    pub(super) fn frame_bytes_max(&self) -> usize {
        self.shared.frame_bytes_max
    }

    /// A buffer of at least `len` initialized bytes. Small ones are not worth keeping.
    fn take(&self, len: usize) -> Loan {
        if len <= SMALL_BYTES_MAX {
            return Loan {
                bytes: vec![0; len],
                len,
                home: None,
            };
        }
        let mut kept = self
            .shared
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fitting = |(_, bytes): &(usize, &Vec<u8>)| bytes.len() >= len;
        let best = kept.iter().enumerate().filter(fitting);
        let best = best.min_by_key(|(_, bytes)| bytes.len()).map(|(at, _)| at);
        let bytes = match best {
            Some(at) => kept.swap_remove(at),
            None => {
                // One that is too small makes room, so that sizes converge on what is needed.
                kept.pop();
                drop(kept);
                let rounded = len.checked_next_power_of_two().unwrap_or(len);
                vec![0; rounded.min(self.shared.frame_bytes_max.max(len))]
            }
        };
        Loan {
            bytes,
            len,
            home: Some(Arc::clone(&self.shared)),
        }
    }
}

/// A buffer that holds one answer and goes home when that is dropped.
struct Loan {
    /// Initialized; never read beyond `len`.
    bytes: Vec<u8>,
    /// How long the answer is.
    len: usize,
    /// Where it goes.
    home: Option<Arc<Shared>>,
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(home) = &self.home else {
            return;
        };
        let mut kept = home.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < home.kept_max {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// Takes answers out of a stream, one after the other.
pub(super) struct FrameReader {
    pool: FramePool,
    /// The length of the next answer, as far as it has come.
    head: [u8; HEAD_BYTES],
    head_filled: usize,
    /// The answer that comes in, and how much of it is there.
    body: Option<(Loan, usize)>,
}

/// What a look at the stream came to.
pub(super) enum Arrival {
    /// A whole answer, without its length.
    Frame(Bytes),
    /// Nothing more for now; whether there was anything.
    Blocked {
        /// Whether at least one byte came.
        heard: bool,
    },
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The stream ended; how much of an answer was there, and how much it should have had.
    Ended { got: usize, wanted: usize },
    /// A length that no answer has.
    Length { written: i32 },
    /// The stream failed.
    Io(io::Error),
}

impl FrameReader {
    /// A reader that takes its buffers from `pool`.
    pub(super) fn new(pool: FramePool) -> Self {
        Self {
            pool,
            head: [0; HEAD_BYTES],
            head_filled: 0,
            body: None,
        }
    }

    /// Reads until an answer is whole or the stream has no more for now.
    pub(super) fn read(&mut self, stream: &mut impl Read) -> Result<Arrival, FrameError> {
        let mut heard = false;
        loop {
            if let Some((loan, filled)) = self.body.take() {
                if filled == loan.len {
                    return Ok(Arrival::Frame(Bytes::from_owner(loan)));
                }
                self.body = Some((loan, filled));
            }
            match stream.read(self.room()) {
                Ok(0) => return Err(self.ended()),
                Ok(read) => {
                    heard = true;
                    self.account(read)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Arrival::Blocked { heard });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FrameError::Io(error)),
            }
        }
    }

    /// Where the next bytes belong: all that is missing of a length or of an answer.
    fn room(&mut self) -> &mut [u8] {
        match &mut self.body {
            Some((loan, filled)) => loan.bytes.get_mut(*filled..loan.len),
            None => self.head.get_mut(self.head_filled..),
        }
        .unwrap_or_default()
    }

    /// Notes that `read` bytes came; takes memory once a length is whole and true.
    fn account(&mut self, read: usize) -> Result<(), FrameError> {
        if let Some((_, filled)) = &mut self.body {
            *filled = filled.saturating_add(read);
            return Ok(());
        }
        self.head_filled = self.head_filled.saturating_add(read);
        if self.head_filled == HEAD_BYTES {
            self.head_filled = 0;
            let written = i32::from_be_bytes(self.head);
            let allowed = HEAD_BYTES..=self.pool.shared.frame_bytes_max;
            let len = usize::try_from(written)
                .ok()
                .filter(|len| allowed.contains(len));
            let len = len.ok_or(FrameError::Length { written })?;
            self.body = Some((self.pool.take(len), 0));
        }
        Ok(())
    }

    /// Whether a part of an answer is there.
    pub(super) fn midway(&self) -> bool {
        self.head_filled > 0 || self.body.is_some()
    }

    /// The end of the stream, with what was there.
    fn ended(&self) -> FrameError {
        let (got, wanted) = match &self.body {
            Some((loan, filled)) => (*filled, loan.len),
            None => (
                self.head_filled,
                if self.head_filled == 0 { 0 } else { HEAD_BYTES },
            ),
        };
        FrameError::Ended { got, wanted }
    }
}

/// Bytes of a length; an answer has at least as many, for its correlation id.
const HEAD_BYTES: usize = 4;
/// Answers of up to this many bytes get memory of their own.
const SMALL_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
