//! A file, device or standard output that takes whole frames from several workers.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::SinkError;

/// Frames are written whole, in any order.
pub struct FileSink {
    /// The path, or what stands for it in messages.
    path: PathBuf,
    /// Where frames go.
    out: Mutex<Box<dyn Write + Send>>,
}

impl FileSink {
    /// Opens `path` in place (a device stays a device); `-` is standard output.
    ///
    /// # Errors
    /// [`SinkError::File`] with the full path.
    pub fn open(path: &Path) -> Result<Self, SinkError> {
        let mut named = path.to_owned();
        let out: Box<dyn Write + Send> = if path == Path::new("-") {
            named = PathBuf::from("standard output");
            Box::new(std::io::stdout())
        } else {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
                .map_err(|source| SinkError::File {
                    path: path.to_owned(),
                    source,
                })?;
            Box::new(file)
        };
        Ok(Self {
            path: named,
            out: Mutex::new(out),
        })
    }

    /// Writes `frames` in one piece; they are on their way when it returns.
    ///
    /// # Errors
    /// [`SinkError::File`] with the full path.
    pub fn write(&self, frames: &[u8]) -> Result<(), SinkError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(frames)
            .and_then(|()| out.flush())
            .map_err(|source| SinkError::File {
                path: self.path.clone(),
                source,
            })
    }
}
