//! A process of Apache Kafka in a directory of its own. A keeper, which is its parent, ends it by
//! its process id: when it is told to, or when the test process has ended in whatever way.

use std::fs::OpenOptions;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::jars::{jars, output};

/// A node, which ends when this is dropped.
pub(super) struct Node {
    /// Present while it runs.
    keeper: Mutex<Option<Child>>,
    classpath: String,
    directory: tempfile::TempDir,
}

impl Node {
    /// Formats a new node with `properties`, whose paths start at the directory where `files` are.
    /// `arguments` are for the tool that formats.
    pub(super) fn format(
        properties: &str,
        files: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Self, String> {
        let libs = jars()?;
        let directory = tempfile::Builder::new()
            .prefix("gannet-kafka-")
            .tempdir()
            .map_err(|error| format!("no temporary directory: {error}"))?;
        for (name, text) in files.iter().chain(&[(PROPERTIES, properties)]) {
            std::fs::write(directory.path().join(name), text)
                .map_err(|error| format!("cannot write {name}: {error}"))?;
        }
        let node = Self {
            keeper: Mutex::new(None),
            classpath: format!("{}/*", libs.display()),
            directory,
        };
        let mut format = Command::new("java");
        format
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-cp", &node.classpath, "kafka.tools.StorageTool", "format"])
            .args(["-t", cluster_id(), "-c", PROPERTIES])
            .args(arguments)
            .current_dir(node.directory.path());
        output(&mut format)?;
        Ok(node)
    }

    /// Starts it, not waiting until it is ready; `flags` are Java's.
    pub(super) fn start(&self, flags: &[&str]) -> Result<(), String> {
        let mut log = OpenOptions::new();
        let log = log.create(true).append(true);
        let log = log
            .open(self.directory.path().join(LOG))
            .map_err(|error| format!("cannot write the log of a node: {error}"))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let keeper = Command::new("sh")
            .args(["-c", KEEP, "sh"])
            .arg(self.directory.path())
            .args(flags)
            .args(["-cp", &self.classpath, "kafka.Kafka", PROPERTIES])
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("cannot start sh: {error}"))?;
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        Ok(())
    }

    /// Kills it and waits for its end. What it has written stays.
    pub(super) fn kill(&self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut keeper) = keeper.take() else {
            return;
        };
        if let Some(mut stdin) = keeper.stdin.take() {
            // If the keeper has gone, so has the node.
            let _ = stdin.write_all(b"kill\n");
        }
        let _ = keeper.wait();
    }

    /// `error` and the end of the node's log.
    pub(super) fn complain(&self, error: &str) -> String {
        let log = std::fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(5)..];
        format!("{error}; its log ends with {tail:?}")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The id of every cluster of this process.
fn cluster_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let halves = [0, 1].map(|half| RandomState::new().hash_one(half));
        let mut bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_be_bytes()).collect();
        // What starts with a dash is taken for an option.
        bytes[0] &= 0x3f;
        URL_SAFE_NO_PAD.encode(bytes)
    })
}

/// The keeper: waits for a word, or for the end of the pipe, which comes when the test process ends;
/// then ends the one process that it started. Without a word nobody needs the directory any more.
const KEEP: &str = "directory=$1; shift; java \"$@\" </dev/null & node=$!; read -r word; \
                    kill -9 $node; wait $node; [ \"$word\" = kill ] || rm -rf \"$directory\"";
/// The file of properties.
const PROPERTIES: &str = "server.properties";
/// The file of what the node says.
const LOG: &str = "server.log";
