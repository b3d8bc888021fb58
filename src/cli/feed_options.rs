//! `--feed [FORMAT:]PATH` and `--input [FORMAT:]PATH`: what stands before the colon, and what
//! holds when nothing does.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app;
use crate::config::FeedConfig;
use crate::feeds::gate;
use crate::feeds::{LoadError, Loaded, LoadedFeed, load};
use crate::model::{EventFormat, FeedFormat, NameEngine, Named, Role};
use crate::snapshot::BuildOptions;
use crate::source::FileInput;

use super::{Usage, terminal};

/// Feeds on a command line.
#[derive(clap::Args, Debug)]
pub(super) struct FeedArguments {
    /// A feed, in one of the formats that the README names; without one csv or gannet-json by the
    /// name's ending, else plain. A directory is read file by file. Repeatable.
    #[arg(long = "feed", value_name = "[FORMAT:]PATH")]
    pub(super) feeds: Vec<OsString>,

    /// A feed of allow rules: the longer name or prefix wins, at the same length allow wins.
    #[arg(long = "allow", value_name = "[FORMAT:]PATH")]
    pub(super) allow: Vec<OsString>,

    /// What finds names: `table` or `aho-corasick` (see the README for what each costs).
    #[arg(long, value_name = "ENGINE", default_value = "table", value_parser = engine)]
    pub(super) names: NameEngine,
}

fn engine(text: &str) -> Result<NameEngine, String> {
    NameEngine::from_name(text).map_err(|error| error.to_string())
}

impl FeedArguments {
    /// The feeds as a configuration would have them. Files of one name in several directories
    /// are named by their paths.
    ///
    /// # Errors
    /// [`Usage`] when there is none, when one is given twice, or when what stands before a
    /// colon is no format.
    pub(super) fn configs(&self) -> Result<Vec<FeedConfig>, Usage> {
        let feeds = self.feeds.iter().map(|text| (text, Role::C2));
        let allow = self.allow.iter().map(|text| (text, Role::Allow));
        let mut configs = feeds
            .chain(allow)
            .map(|(text, role)| feed_config(text, role))
            .collect::<Result<Vec<_>, Usage>>()?;
        if self.feeds.is_empty() {
            return Err(Usage(
                "nothing to look for: give --feed [FORMAT:]PATH or -c FILE".to_owned(),
            ));
        }
        let names: Vec<String> = configs.iter().map(|feed| feed.name.clone()).collect();
        let mut paths = BTreeSet::new();
        for feed in &mut configs {
            if !paths.insert(feed.path.clone()) {
                let path = feed.path.display();
                return Err(Usage(format!("feed {path} is given twice: leave one out")));
            }
            if names.iter().filter(|name| **name == feed.name).count() > 1 {
                feed.name = feed.path.display().to_string();
            }
        }
        Ok(configs)
    }

    /// How the snapshot is built.
    pub(super) fn build_options(&self) -> BuildOptions {
        BuildOptions {
            names: self.names,
            protected: Arc::new(gate::known_to_all()),
            ..BuildOptions::default()
        }
    }
}

/// The feed that `[FORMAT:]PATH` names.
///
/// # Errors
/// [`Usage`] when what stands before a colon is no format.
pub(super) fn feed_config(text: &OsStr, role: Role) -> Result<FeedConfig, Usage> {
    let (format, path) = split_format::<FeedFormat>(text)?;
    let plain = match path.extension() {
        Some(ending) if ending == "gz" || ending == "zst" => path.with_extension(""),
        Some(_) | None => path.clone(),
    };
    let name = plain
        .file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let format = format.unwrap_or_else(|| guess_feed_format(&path));
    Ok(FeedConfig::new(name, path, format, role))
}

/// The file that `[FORMAT:]PATH` names.
///
/// # Errors
/// [`Usage`] when its format is not known.
pub(super) fn file_input(text: &OsStr) -> Result<FileInput, Usage> {
    let (format, path) = split_format::<EventFormat>(text)?;
    let Some(format) = format.or_else(|| guess_event_format(&path)) else {
        let known: Vec<&str> = EventFormat::ALL
            .iter()
            .map(|format| format.as_str())
            .collect();
        return Err(Usage(format!(
            "cannot tell the format of {} from its name: write FORMAT:PATH, with one of {}",
            path.display(),
            known.join(", ")
        )));
    };
    Ok(FileInput { path, format })
}

/// The format before the first colon, if it is one, and the path after it.
///
/// # Errors
/// [`Usage`] when a word before a colon is no format and all of it no file either.
fn split_format<F: Named>(text: &OsStr) -> Result<(Option<F>, PathBuf), Usage> {
    let whole = PathBuf::from(text);
    let mut parts = text.as_bytes().splitn(2, |&byte| byte == b':');
    let (Some(word), Some(path)) = (parts.next(), parts.next()) else {
        return Ok((None, whole));
    };
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
    let Some(word) = std::str::from_utf8(word)
        .ok()
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| is_word(&byte)))
    else {
        return Ok((None, whole));
    };
    match F::from_name(word) {
        Ok(format) => Ok((Some(format), PathBuf::from(OsStr::from_bytes(path)))),
        Err(_) if whole.exists() => Ok((None, whole)),
        Err(error) => Err(Usage(format!("{}: {error}", whole.display()))),
    }
}

/// A file's name without the ending of its compression, lower case.
fn plain_name(path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let plain = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .or_else(|| name.strip_suffix(".zip"));
    plain.unwrap_or(&name).to_owned()
}

fn guess_feed_format(path: &Path) -> FeedFormat {
    let name = plain_name(path);
    if name.ends_with(".csv") {
        FeedFormat::Csv
    } else if name.ends_with(".jsonl") || name.ends_with(".ndjson") || name.ends_with(".json") {
        FeedFormat::GannetJson
    } else {
        FeedFormat::Plain
    }
}

fn guess_event_format(path: &Path) -> Option<EventFormat> {
    let name = plain_name(path);
    if let Some(format) = EventFormat::ALL
        .iter()
        .find(|format| name.contains(format.as_str()))
    {
        return Some(*format);
    }
    let has = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if has(&[".dnstap", ".fstrm"]) {
        Some(EventFormat::Dnstap)
    } else if has(&[".log"]) {
        Some(EventFormat::ZeekJson)
    } else {
        None
    }
}

/// Loads feeds, saying on standard error what was refused.
pub(super) fn load_feeds(feeds: &[FeedConfig], options: BuildOptions) -> anyhow::Result<Loaded> {
    let loaded = load(feeds, options, 1).map_err(|errors| all_of(&errors))?;
    for feed in &loaded.feeds {
        for line in remarks(feed) {
            terminal::complain(&line);
        }
    }
    Ok(loaded)
}

/// What of a feed will not be found as it is written: rows that were refused, and names that
/// are listed without what is below them.
fn remarks(feed: &LoadedFeed) -> Vec<String> {
    let mut lines = Vec::new();
    let (name, refused) = (&feed.name, feed.report.refused_total());
    if refused > 0 {
        let reasons: Vec<String> = feed
            .report
            .refused
            .iter()
            .map(|(reason, count)| format!("{reason} {}", terminal::thousands(*count)))
            .collect();
        let first = feed.report.samples.first().map_or(String::new(), |row| {
            let (file, line) = (row.file.display(), row.line);
            format!("; the first: {file}:{line} `{}`", row.text)
        });
        lines.push(format!(
            "feed {name}: {} of {} rows refused ({}){first}",
            terminal::thousands(refused),
            terminal::thousands(feed.report.rows),
            reasons.join(", "),
        ));
    }
    if feed.narrowed > 0 {
        lines.push(format!(
            "feed {name}: {} names match only themselves, since others register names below them",
            terminal::thousands(feed.narrowed)
        ));
    }
    lines
}

/// All errors of a load as one, each with its causes.
pub(super) fn all_of(errors: &[LoadError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(|error| app::chain(error)).collect();
    anyhow::anyhow!("{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_what_is_written_else_what_the_name_says() {
        for (text, expected) in [
            ("dnstap:x", Some(EventFormat::Dnstap)),
            ("dns.zeek-json.log.gz", Some(EventFormat::ZeekJson)),
            ("conn.log", Some(EventFormat::ZeekJson)),
            ("capture.fstrm", Some(EventFormat::Dnstap)),
            ("zeek-json:-", Some(EventFormat::ZeekJson)),
            ("what.bin", None),
            ("-", None),
        ] {
            let input = file_input(OsStr::new(text));
            assert_eq!(input.ok().map(|input| input.format), expected, "{text}");
        }
        let feed = feed_config(OsStr::new("hosts:/x.txt"), Role::C2).unwrap();
        assert_eq!(
            (feed.format, feed.path),
            (FeedFormat::Hosts, PathBuf::from("/x.txt"))
        );
        let odd = OsStr::from_bytes(b"dnstap:a\xff:b");
        let path = file_input(odd).unwrap().path;
        assert_eq!(path.as_os_str().as_bytes(), b"a\xff:b");
    }

    #[test]
    fn a_word_that_is_no_format_is_told_with_those_that_are() {
        let error = file_input(OsStr::new("zeekjson:dns.log")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("zeekjson:dns.log: `zeekjson` is not one of zeek-json, "));
        let path = file_input(OsStr::new("./a:b.log")).unwrap().path;
        assert_eq!(path, PathBuf::from("./a:b.log"));
    }

    #[test]
    fn feeds_of_one_name_are_told_apart_and_one_feed_is_given_once() {
        let names = |feeds: &[&str]| {
            let arguments = FeedArguments {
                feeds: feeds.iter().map(OsString::from).collect(),
                allow: vec!["fine.txt".into()],
                names: NameEngine::Table,
            };
            arguments
                .configs()
                .map(|feeds| feeds.into_iter().map(|feed| feed.name).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            names(&["a/x.txt", "b/x.txt", "y.txt.gz"]).unwrap(),
            ["a/x.txt", "b/x.txt", "y", "fine"]
        );
        assert!(names(&["y.txt", "hosts:y.txt"]).is_err());
        assert!(names(&["fine.txt"]).is_err());
        assert!(names(&[]).is_err());
    }
}
