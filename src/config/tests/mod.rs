//! The configuration as a whole: what is accepted, what is refused and where, and whether it
//! is documented. Here is what these tests share.

mod accepted;
mod documented;
mod feeds;
mod limits;
mod refused;

use std::fs;
use std::path::Path;

use super::{Config, ConfigErrors};

/// Exactly what a configuration must say.
const REQUIRED: &str = r#"
[kafka]
brokers = "127.0.0.1:9092"
group = "gannet"
[[source]]
name = "resolvers"
topics = ["dns"]
format = "zeek-json"
[[feed]]
name = "operation"
path = "feeds/operation.txt"
format = "plain"
role = "c2"
"#;

/// An environment without variables.
fn no_env(_: &str) -> Option<String> {
    None
}

/// What `text` means at `/etc/gannet/gannet.toml`.
fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("/etc/gannet/gannet.toml"), &no_env)
}

/// The mistakes of `text`, one line each, without the path.
fn mistakes(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.errors.iter().map(ToString::to_string).collect(),
    }
}

/// `REQUIRED` with `more` lines in front of the line that starts with `before`.
fn with(before: &str, more: &str) -> String {
    let (head, tail) = REQUIRED.split_once(before).unwrap();
    format!("{head}{more}\n{before}{tail}")
}

/// Checks that `text` has exactly one mistake, of `key`, whose message contains `message`.
#[track_caller]
fn check_refused(text: &str, key: &str, message: &str) {
    let errors = parse(text).expect_err(text).errors;
    let [error] = errors.as_slice() else {
        panic!("not one mistake: {errors:?}");
    };
    assert_eq!(error.key, key, "{error}");
    assert!(error.message.contains(message), "{error}");
    assert!(error.line > 0 && error.column > 0, "{error}");
}

/// A directory with a password in a file, and a configuration that names it.
fn with_password(password: &[u8]) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("password"), password).unwrap();
    let text = with("group", "username = \"u\"\npassword_file = \"password\"");
    let text = format!(
        "{text}[kafka.properties]\nsecurity.protocol = \"sasl_ssl\"\nsasl.mechanisms = \"PLAIN\"\n"
    );
    (directory, text)
}
