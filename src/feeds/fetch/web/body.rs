//! The body of an answer: checked by its head, inflated on its way, counted before and after, and
//! written until it ends or a limit is passed.

use std::io::{self, Write};
use std::mem;
use std::path::Path;

use flate2::write::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};

use super::error::FetchError;
use super::shown::shown;

/// Longest content encoding that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// How many bytes may still come, of one body or of several.
#[derive(Clone, Copy, Debug)]
pub(in crate::feeds::fetch) struct Allowance {
    bytes_max: u64,
    received: u64,
    written: u64,
}

impl Allowance {
    /// At most `bytes_max` bytes as received, and as many as written.
    pub(in crate::feeds::fetch) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            received: 0,
            written: 0,
        }
    }

    /// How many bytes were written.
    pub(in crate::feeds::fetch) fn written(&self) -> u64 {
        self.written
    }

    /// Whether `bytes` more may be received.
    fn has_room(&self, bytes: u64) -> bool {
        bytes <= self.bytes_max.saturating_sub(self.received)
    }
}

/// Writes the body of `response` to `out`, which stands for the file `path`.
///
/// Holds one chunk of the body and 32 KiB of what is inflated; stops at the first byte too many.
///
/// # Errors
/// [`FetchError`] `Html`, `Encoding`, `TooLarge`, `Body`, `Inflate` and `Write`; `out` then holds
/// anything.
pub(in crate::feeds::fetch) async fn receive<W: Write>(
    mut response: Response,
    allowance: &mut Allowance,
    path: &Path,
    out: W,
) -> Result<(), FetchError> {
    let url = shown(response.url());
    let bytes_max = allowance.bytes_max;
    let too_large = || FetchError::TooLarge {
        url: url.clone(),
        limit: bytes_max,
    };
    if is_html(&response) {
        return Err(FetchError::Html { url });
    }
    let bounded = Bounded {
        out,
        left: bytes_max.saturating_sub(allowance.written),
        written: 0,
        failure: Failure::None,
    };
    let mut sink = Sink::of(&response, bounded)?;
    if !allowance.has_room(response.content_length().unwrap_or(0)) {
        return Err(too_large());
    }
    let of_sink = |(failure, source)| match failure {
        Failure::Full => too_large(),
        Failure::Write => FetchError::Write {
            path: path.to_owned(),
            source,
        },
        Failure::None => FetchError::Inflate {
            url: url.clone(),
            source,
        },
    };
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::Body {
        url: url.clone(),
        source: error.without_url(),
    })? {
        let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if !allowance.has_room(len) {
            return Err(too_large());
        }
        allowance.received = allowance.received.saturating_add(len);
        sink.write(&chunk).map_err(of_sink)?;
    }
    let written = sink.finish().map_err(of_sink)?;
    allowance.written = allowance.written.saturating_add(written);
    Ok(())
}

/// Whether a response says that it is a web page.
fn is_html(response: &Response) -> bool {
    let kind = text(response, &CONTENT_TYPE);
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"]
        .iter()
        .any(|html| kind.eq_ignore_ascii_case(html))
}

/// The values of a header, in one text.
fn text(response: &Response, name: &HeaderName) -> String {
    let values = response.headers().get_all(name).iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(", ")
}

/// Where the bytes of a body go.
enum Sink<W: Write> {
    /// To the file as they are.
    Plain(Bounded<W>),
    /// Through the inflater, and whether there were any.
    Gzip(Box<MultiGzDecoder<Bounded<W>>>, bool),
}

impl<W: Write> Sink<W> {
    /// The one for the encoding of a response.
    fn of(response: &Response, out: Bounded<W>) -> Result<Self, FetchError> {
        let encoding = text(response, &CONTENT_ENCODING);
        match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain(out)),
            "gzip" | "x-gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(out)), false)),
            _ => Err(FetchError::Encoding {
                url: shown(response.url()),
                encoding: encoding.chars().take(SHOWN_CHARS_MAX).collect(),
            }),
        }
    }

    /// Takes some bytes.
    fn write(&mut self, chunk: &[u8]) -> Result<(), (Failure, io::Error)> {
        match self {
            Self::Plain(out) => {
                let outcome = out.write_all(chunk);
                outcome.map_err(|error| (out.failure(), error))
            }
            Self::Gzip(inflater, some) => {
                *some |= !chunk.is_empty();
                let outcome = inflater.write_all(chunk);
                outcome.map_err(|error| (inflater.get_mut().failure(), error))
            }
        }
    }

    /// Takes the end; how many bytes were written.
    fn finish(self) -> Result<u64, (Failure, io::Error)> {
        match self {
            Self::Plain(out) => Ok(out.written),
            // An empty body is no gzip stream, but is sent as one.
            Self::Gzip(inflater, false) => Ok(inflater.get_ref().written),
            Self::Gzip(mut inflater, true) => {
                let outcome = inflater.try_finish();
                outcome.map_err(|error| (inflater.get_mut().failure(), error))?;
                Ok(inflater.get_ref().written)
            }
        }
    }
}

/// Why a [`Bounded`] did not take what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// It took everything.
    None,
    /// It was full.
    Full,
    /// What is behind it did not.
    Write,
}

/// A writer that takes only so much, and remembers why it did not.
struct Bounded<W> {
    out: W,
    left: u64,
    written: u64,
    failure: Failure,
}

impl<W> Bounded<W> {
    /// Why it did not take what it was given.
    fn failure(&mut self) -> Failure {
        mem::replace(&mut self.failure, Failure::None)
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(len) else {
            self.failure = Failure::Full;
            return Err(io::Error::other("longer than allowed"));
        };
        if let Err(error) = self.out.write_all(bytes) {
            self.failure = Failure::Write;
            return Err(error);
        }
        self.left = left;
        self.written = self.written.saturating_add(len);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
