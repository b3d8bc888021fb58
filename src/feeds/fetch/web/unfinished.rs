//! A file that is being fetched: it stands beside its target under a hidden name and takes its
//! place when it is whole. Dropped before, it is gone.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::{Builder, NamedTempFile};
use tokio::fs::File;

use super::error::FetchError;
use crate::feeds::fetch::left_behind::{self, Names};

/// What the name of an unfinished file ends with.
const SUFFIX: &str = ".unfinished";

/// A file that is not whole yet.
pub(in crate::feeds::fetch) struct Unfinished {
    file: NamedTempFile,
    directory: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    /// Opens one that only its owner can read. Removes what killed processes left behind: the
    /// unfinished files of this target that were last written more than a day before `now`.
    ///
    /// # Errors
    /// [`FetchError::Write`].
    pub(in crate::feeds::fetch) fn beside(
        target: &Path,
        now: SystemTime,
    ) -> Result<Self, FetchError> {
        let failed = |source| failed(target, source);
        let name = target.file_name().ok_or_else(|| {
            let problem = "the path does not end in the name of a file";
            failed(io::Error::new(io::ErrorKind::InvalidInput, problem))
        })?;
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let names = Names {
            prefix: prefix.as_encoded_bytes(),
            suffix: SUFFIX.as_bytes(),
        };
        left_behind::remove(directory, names, now).map_err(failed)?;
        let file = Builder::new()
            .prefix(&prefix)
            .suffix(SUFFIX)
            .tempfile_in(directory)
            .map_err(failed)?;
        Ok(Self {
            file,
            directory: directory.to_owned(),
            target: target.to_owned(),
        })
    }

    /// Where to write.
    pub(in crate::feeds::fetch) fn file(&mut self) -> &mut impl Write {
        self.file.as_file_mut()
    }

    /// Makes it durable and puts it in the place of the target, in one step.
    ///
    /// # Errors
    /// [`FetchError::Write`]; the target is as it was, or new when only the step itself could not
    /// be made durable.
    pub(in crate::feeds::fetch) async fn finish(self) -> Result<(), FetchError> {
        let failed = |source| failed(&self.target, source);
        let (file, path) = self.file.into_parts();
        File::from_std(file).sync_all().await.map_err(failed)?;
        let placed = path.persist(&self.target);
        placed.map_err(|error| failed(error.error))?;
        let directory = File::open(&self.directory).await.map_err(failed)?;
        directory.sync_all().await.map_err(failed)
    }
}

/// A failure to write a target.
fn failed(target: &Path, source: io::Error) -> FetchError {
    FetchError::Write {
        path: target.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// The age from which on a file was left behind.
    const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

    /// The names in a directory, in order.
    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_file_takes_its_place_only_when_it_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("list.txt");
        fs::write(&target, "old").unwrap();
        let now = SystemTime::now();

        let mut dropped = Unfinished::beside(&target, now).unwrap();
        dropped.file().write_all(b"half").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        drop(dropped);
        assert_eq!(names(directory.path()), ["list.txt"]);

        let mut reader = fs::File::open(&target).unwrap();
        let mut finished = Unfinished::beside(&target, now).unwrap();
        finished.file().write_all(b"new").unwrap();
        finished.finish().await.unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        // Whoever was reading the old one reads it to its end.
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "old");
        assert_eq!(names(directory.path()), ["list.txt"]);
    }

    #[test]
    fn only_what_was_left_behind_of_the_same_target_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let kept = [".hidden", ".list.gz.a.unfinished", "list.txt.unfinished"];
        for name in kept.iter().chain(&[".list.txt.a.unfinished"]) {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let target = directory.path().join("list.txt");
        let now = SystemTime::now();
        drop(Unfinished::beside(&target, now + LEFT_BEHIND / 2).unwrap());
        assert_eq!(names(directory.path()).len(), 4);
        drop(Unfinished::beside(&target, now + LEFT_BEHIND * 2).unwrap());
        assert_eq!(names(directory.path()), kept);
    }
}
