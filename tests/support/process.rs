//! The real program as a process: started on a configuration, asked over HTTP, signalled by its
//! process id, and never left behind.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::eventually;

/// A running `gannet run`.
pub struct Instance {
    child: Child,
    log: PathBuf,
    address: Option<String>,
}

/// An answer over HTTP.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What came with it.
    pub body: String,
}

/// The program with `arguments`.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gannet"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

impl Instance {
    /// Starts `gannet run` on `config` with more `arguments`; logs go to `log`.
    pub fn start(config: &Path, log: &Path, arguments: &[&str]) -> Self {
        let file = File::create(log).expect("a log file");
        let child = command(&["run", "--config"])
            .arg(config)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self {
            child,
            log: log.to_owned(),
            address: None,
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks `path` over HTTP; `None` while nobody answers.
    pub fn get(&mut self, path: &str) -> Option<Answer> {
        if self.address.is_none() {
            let log = self.log();
            let line = log
                .lines()
                .find(|line| line.contains("serving health and metrics"))?;
            let (_, address) = line.split_once("address=")?;
            self.address = address.split_whitespace().next().map(str::to_owned);
        }
        let address = self.address.as_ref()?;
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: gannet\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some(Answer {
            status,
            body: body.to_owned(),
        })
    }

    /// `/readyz`, with its status.
    pub fn readiness(&mut self) -> Option<(u16, Value)> {
        let answer = self.get("/readyz")?;
        Some((answer.status, serde_json::from_str(&answer.body).ok()?))
    }

    /// Waits until `/readyz` says what `wanted` looks for.
    #[track_caller]
    pub fn await_readiness(
        &mut self,
        what: &str,
        wanted: impl Fn(u16, &Value) -> bool,
    ) -> (u16, Value) {
        eventually(what, || {
            self.readiness()
                .filter(|(status, body)| wanted(*status, body))
        })
    }

    /// Waits until it is ready and has partitions.
    #[track_caller]
    pub fn await_assigned(&mut self) {
        self.await_readiness("it is ready and has partitions", |status, body| {
            status == 200 && body["partitions"].as_u64() > Some(0)
        });
    }

    /// The sum of a metric over all its label sets that hold every one of `labels`.
    pub fn metric(&mut self, name: &str, labels: &[&str]) -> Option<u64> {
        let answer = self.get("/metrics")?;
        let mut sum = 0.0;
        for line in answer.body.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let bare = series.split('{').next().unwrap_or_default();
            if bare == name && labels.iter().all(|label| series.contains(label)) {
                sum += value.parse::<f64>().expect("a number");
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts of a test"
        )]
        Some(sum as u64)
    }

    /// Sends `signal`, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
    }

    /// Ends it without a word of warning.
    pub fn kill(mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("an exit status");
    }

    /// Asks it to stop and waits for its end.
    #[track_caller]
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", || {
            self.child.try_wait().expect("its status")
        })
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        assert!(
            std::thread::panicking() || !log.contains("panicked"),
            "{log}"
        );
        if std::thread::panicking() {
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<String> = tail
                .into_iter()
                .rev()
                .map(|line| line.chars().take(400).collect())
                .collect();
            println!("--- {} ---\n{}", self.log.display(), tail.join("\n"));
        }
    }
}
