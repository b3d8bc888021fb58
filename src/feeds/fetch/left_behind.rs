//! What a process that was killed left behind: unfinished files beside their targets, which nobody
//! will finish.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// From this age on, an unfinished file was left behind: no fetch takes so long.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// How the names of unfinished files look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'n> {
    /// What they begin with.
    pub(super) prefix: &'n [u8],
    /// What they end with.
    pub(super) suffix: &'n [u8],
}

/// Removes from `directory` the files with such names that were last written more than a day before
/// `now`. A younger one may be that of another process, which still writes it.
///
/// # Errors
/// When the directory cannot be read, or a file cannot be removed.
pub(super) fn remove(directory: &Path, names: Names<'_>, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if !name.starts_with(names.prefix) || !name.ends_with(names.suffix) {
            continue;
        }
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        // One that is gone by now, or is of the future, is not ours to judge.
        let age = written.ok().and_then(|at| now.duration_since(at).ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_these_names_that_are_older_than_a_day_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (names, now) = (
            Names {
                prefix: b".list.",
                suffix: b".part",
            },
            SystemTime::now(),
        );
        let left = || {
            let entries = fs::read_dir(directory.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        };
        let others = [".list.", ".list.a.whole", ".other.a.part", "list.a.part"];
        for name in others.iter().chain(&[".list.a.part", ".list.b.part"]) {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let young = fs::File::options()
            .write(true)
            .open(directory.path().join(".list.b.part"))
            .unwrap();
        young.set_modified(now + LEFT_BEHIND * 2).unwrap();
        remove(directory.path(), names, now + LEFT_BEHIND / 2).unwrap();
        assert_eq!(left().len(), 6);
        // One from the future stays too.
        remove(directory.path(), names, now + LEFT_BEHIND * 3 / 2).unwrap();
        assert_eq!(left().len(), 5);
        remove(directory.path(), names, now + LEFT_BEHIND * 4).unwrap();
        assert_eq!(left(), others);
        let gone = directory.path().join("gone");
        let error = remove(&gone, names, now).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
