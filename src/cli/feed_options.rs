//! `--feed [FORMAT:]PATH` and `--input [FORMAT:]PATH`: what stands before the colon, and what
//! holds when nothing does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use crate::config::{CsvColumns, FeedConfig};
use crate::feeds::{LoadError, Loaded, load};
use crate::model::{EventFormat, FeedFormat, NameEngine, Named, Role};
use crate::snapshot::BuildOptions;
use crate::source::FileInput;

use super::terminal;

/// Feeds on a command line.
#[derive(clap::Args, Debug)]
pub(super) struct FeedArguments {
    /// A feed: plain, hosts, adblock, csv or gannet-json, by default by the name's ending, else
    /// plain. A directory is read file by file. Repeatable.
    #[arg(long = "feed", value_name = "[FORMAT:]PATH")]
    pub(super) feeds: Vec<String>,

    /// A feed of allow rules: the longer name or prefix wins, at the same length allow wins.
    #[arg(long = "allow", value_name = "[FORMAT:]PATH")]
    pub(super) allow: Vec<String>,

    /// What finds names: `table` or `aho-corasick` (see the README for what each costs).
    #[arg(long, value_name = "ENGINE", default_value = "table", value_parser = engine)]
    pub(super) names: NameEngine,
}

fn engine(text: &str) -> Result<NameEngine, String> {
    NameEngine::from_name(text).map_err(|error| error.to_string())
}

impl FeedArguments {
    /// The feeds as a configuration would have them.
    pub(super) fn configs(&self) -> Vec<FeedConfig> {
        let feeds = self.feeds.iter().map(|text| (text, Role::C2));
        let allow = self.allow.iter().map(|text| (text, Role::Allow));
        feeds
            .chain(allow)
            .map(|(text, role)| feed_config(text, role))
            .collect()
    }

    /// How the snapshot is built.
    pub(super) fn build_options(&self) -> BuildOptions {
        BuildOptions {
            names: self.names,
            ..BuildOptions::default()
        }
    }
}

/// The feed that `[FORMAT:]PATH` names.
fn feed_config(text: &str, role: Role) -> FeedConfig {
    let (format, path) = split_format::<FeedFormat>(text);
    let path = PathBuf::from(path);
    let name = path
        .file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    FeedConfig {
        name,
        format: format.unwrap_or_else(|| guess_feed_format(&path)),
        path,
        role,
        confidence: 50,
        malware: None,
        names: None,
        victim: None,
        grace: Duration::ZERO,
        ignore_ports: false,
        overrides: false,
        columns: CsvColumns::default(),
    }
}

/// The file that `[FORMAT:]PATH` names.
pub(super) fn file_input(text: &str) -> anyhow::Result<FileInput> {
    let (format, path) = split_format::<EventFormat>(text);
    let path = PathBuf::from(path);
    let Some(format) = format.or_else(|| guess_event_format(&path)) else {
        let known: Vec<&str> = EventFormat::ALL
            .iter()
            .map(|format| format.as_str())
            .collect();
        bail!(
            "cannot tell the format of {text} from its name: write FORMAT:PATH, with one of {}",
            known.join(", ")
        );
    };
    Ok(FileInput { path, format })
}

/// The format before the first colon, if it is one, and the rest.
fn split_format<F: Named>(text: &str) -> (Option<F>, &str) {
    match text.split_once(':') {
        Some((format, path)) => match F::from_name(format) {
            Ok(format) => (Some(format), path),
            Err(_) => (None, text),
        },
        None => (None, text),
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
        .or_else(|| name.strip_suffix(".zst"));
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
        let refused = feed.report.refused_total();
        if refused > 0 {
            let reasons: Vec<String> = feed
                .report
                .refused
                .iter()
                .map(|(reason, count)| format!("{reason} {}", terminal::thousands(*count)))
                .collect();
            terminal::complain(&format!(
                "feed {}: {} of {} rows refused ({})",
                feed.name,
                terminal::thousands(refused),
                terminal::thousands(feed.report.rows),
                reasons.join(", ")
            ));
        }
    }
    Ok(loaded)
}

/// All errors of a load as one, each with its causes.
pub(super) fn all_of(errors: &[LoadError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(describe).collect();
    anyhow::anyhow!("{}", lines.join("\n"))
}

/// An error with its causes on one line.
pub(super) fn describe(error: &LoadError) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
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
            assert_eq!(
                file_input(text).ok().map(|input| input.format),
                expected,
                "{text}"
            );
        }
        assert_eq!(
            feed_config("C:/x.txt", Role::C2).path,
            PathBuf::from("C:/x.txt")
        );
        assert_eq!(
            feed_config("hosts:/x.txt", Role::C2).format,
            FeedFormat::Hosts
        );
    }
}
