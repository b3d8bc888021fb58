//! From the file to the meant form.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::defaults::SESSION_TIMEOUT;
use super::error::{ConfigError, ConfigErrors, place};
use super::feeds::feeds;
use super::gate::gate;
use super::inputs::{Unique, networks, sources};
use super::kafka::kafka;
use super::reader::{Context, Section};
use super::stages::{dead, episodes, hits, http, identify, log, matching, workers};
use super::{ClusterConfig, Config};

/// Largest configuration that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

impl Config {
    /// Reads the configuration at `path`, and the files of secrets that it names. `env` looks
    /// up environment variables; nothing else of the environment is used, except that the
    /// default number of workers is that of the cores.
    ///
    /// # Errors
    /// Every mistake of the file at once.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let text = read(path).map_err(|message| whole(path, message))?;
        Self::parse(&text, path, env)
    }

    /// Reads `text`, which stands at `path`: relative paths are relative to its directory.
    ///
    /// # Errors
    /// Every mistake of the text at once; for a text that is not TOML, the first.
    pub fn parse(
        text: &str,
        path: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigErrors> {
        let table = DeTable::parse(text).map_err(|error| syntax(text, path, &error))?;
        let directory = path.parent().map(PathBuf::from).unwrap_or_default();
        let context = Context::new(env, directory);
        let config = document(Section::document(&context, table.get_ref()));
        let errors = context.errors(text);
        match config {
            Some(config) if errors.is_empty() => Ok(config),
            Some(_) | None => Err(ConfigErrors {
                path: path.to_owned(),
                errors,
            }),
        }
    }
}

/// Reads the whole document. Whatever is wrong is with the context of `document`; `None` only
/// when something is.
pub(super) fn document(mut document: Section<'_>) -> Option<Config> {
    let clusters = kafka(&mut document);
    let (mut read, mut written) = (Unique::default(), Unique::default());
    let sources = sources(&mut document, &mut read);
    let gate = gate(&mut document);
    let feeds = feeds(&mut document, gate.limits, gate.store.as_deref(), &mut read);
    let networks = networks(&mut document);
    let matching = matching(&mut document);
    let session_timeout = clusters
        .as_ref()
        .map_or(SESSION_TIMEOUT, |(kafka, _)| kafka.session_timeout);
    let workers = workers(&mut document, session_timeout);
    let identify = identify(&mut document, &mut read);
    // Topics of two clusters cannot meet.
    let apart = clusters
        .as_ref()
        .is_some_and(|(kafka, output)| other_cluster(&kafka.cluster, output));
    let topics = if apart { &mut written } else { &mut read };
    let hits = hits(&mut document, topics);
    let dead = dead(&mut document, topics);
    let episodes = episodes(&mut document, topics);
    let http = http(&mut document);
    let log = log(&mut document);
    document.finish();
    let (kafka, output) = clusters?;
    Some(Config {
        kafka,
        output,
        sources,
        feeds,
        gate,
        networks,
        matching,
        workers,
        hits,
        dead,
        episodes,
        identify,
        http,
        log,
    })
}

/// Whether the two are surely different clusters.
fn other_cluster(read: &ClusterConfig, written: &ClusterConfig) -> bool {
    let mut brokers = read.brokers.split(',').map(str::trim);
    !brokers.any(|broker| {
        written
            .brokers
            .split(',')
            .any(|other| other.trim() == broker)
    })
}

/// The text of the file.
fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read it: {error}");
    let file = File::open(path).map_err(cannot)?;
    let mut text = String::new();
    let len = file
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    if u64::try_from(len).is_ok_and(|len| len <= FILE_BYTES_MAX) {
        Ok(text)
    } else {
        Err(format!("has more than {FILE_BYTES_MAX} bytes"))
    }
}

/// A mistake of the whole file.
fn whole(path: &Path, message: String) -> ConfigErrors {
    let error = ConfigError {
        key: String::new(),
        line: 0,
        column: 0,
        message,
        suggestion: None,
    };
    ConfigErrors {
        path: path.to_owned(),
        errors: vec![error],
    }
}

/// A text that is not TOML.
fn syntax(text: &str, path: &Path, error: &toml::de::Error) -> ConfigErrors {
    let offset = error.span().map_or(text.len(), |span| span.start);
    let (line, column) = place(text, offset);
    let mut errors = whole(path, error.message().to_owned());
    for error in &mut errors.errors {
        (error.line, error.column) = (line, column);
    }
    errors
}
