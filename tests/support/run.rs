//! Runs the real binary and gives back what a person would see. A run that does not end is
//! killed and fails its test.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;

/// Longest that a run may take.
const RUN_MAX: Duration = Duration::from_secs(120);

/// A DNS transaction as Zeek writes it: bad.example is asked for and answered.
pub const ROW: &str = r#"{"_path":"dns","ts":1767225600.5,"uid":"C1","id.orig_h":"198.51.100.7","id.orig_p":5353,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","query":"www.bad.example","qtype":1,"qtype_name":"A","rcode":0,"rcode_name":"NOERROR","answers":["203.0.113.66"]}"#;

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// The lines of standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let lines = self.out.split(|&byte| byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// The only line of standard output as JSON.
    #[track_caller]
    pub fn object(&self) -> Value {
        let mut lines = self.json();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }
}

/// Runs Gannet in `directory` to its end.
#[track_caller]
pub fn gannet(directory: &Path, arguments: &[impl AsRef<OsStr>]) -> Ran {
    gannet_reading(directory, arguments, b"")
}

/// Runs Gannet in `directory` to its end with `input` on standard input.
#[track_caller]
pub fn gannet_reading(directory: &Path, arguments: &[impl AsRef<OsStr>], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gannet"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Whoever reads may stop before the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut err = Vec::new();
        stderr.read_to_end(&mut err).unwrap();
        String::from_utf8_lossy(&err).into_owned()
    });
    let mut stdout = child.stdout.take().unwrap();
    let (done, ended) = channel();
    std::thread::spawn(move || {
        let mut out = Vec::new();
        stdout.read_to_end(&mut out).unwrap();
        // Nobody listens any more after a run that was given up.
        let _ = done.send(out);
    });
    let Ok(out) = ended.recv_timeout(RUN_MAX) else {
        child.kill().unwrap();
        panic!("did not end within {RUN_MAX:?}");
    };
    let code = child.wait().unwrap().code().unwrap_or(-1);
    writer.join().unwrap();
    let err = reader.join().unwrap();
    Ran { code, out, err }
}

/// Checks that every record of a scan is accounted for.
#[track_caller]
pub fn check_sums(summary: &Value) {
    let count = |key: &str| summary[key].as_u64().unwrap();
    let rejected: u64 = summary["rejected"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(
        count("records"),
        count("events") + count("ignored") + rejected,
        "{summary}"
    );
    assert_eq!(
        count("events"),
        count("matched") + count("unmatched"),
        "{summary}"
    );
}
