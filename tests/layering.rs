//! The architecture, held by test: what each module may import, which crates are confined to
//! which modules, which modules are pure, and what every file looks like. Each checker is
//! itself shown to catch what it is for.

use std::fs;
use std::path::{Path, PathBuf};

/// What a module may import from this crate. A row imports only rows above it, so there is no
/// cycle.
const ROWS: &[(&str, Imports)] = &[
    ("model", Imports::Only(&[])),
    ("proto", Imports::Only(&[])),
    ("config", Imports::Only(&["model"])),
    ("telemetry", Imports::Only(&["model"])),
    ("source", Imports::Only(&["model", "config", "telemetry"])),
    ("decode", Imports::Only(&["model", "proto"])),
    ("matching", Imports::Only(&["model"])),
    ("snapshot", Imports::Only(&["model", "matching"])),
    ("hits", Imports::Only(&["model"])),
    ("identify", Imports::Only(&["model"])),
    ("encode", Imports::Only(&["model", "proto"])),
    ("sink", Imports::Only(&["model", "config", "telemetry"])),
    ("pipeline", Imports::AllAbove),
    (
        "feeds",
        Imports::Only(&["model", "config", "telemetry", "snapshot"]),
    ),
    (
        "reload",
        Imports::Only(&["model", "feeds", "snapshot", "config", "telemetry"]),
    ),
    ("http", Imports::Only(&["config", "telemetry", "snapshot"])),
    ("lab", Imports::AllAbove),
    ("app", Imports::AllAbove),
    ("cli", Imports::AllAbove),
];

/// What a row may import.
#[derive(Clone, Copy)]
enum Imports {
    /// These rows.
    Only(&'static [&'static str]),
    /// Every row above it.
    AllAbove,
}

/// Crates that only some modules (or the file `main`) may name.
const CONFINED: &[(&str, &[&str])] = &[
    ("rdkafka", &["source", "sink", "lab"]),
    ("kafka_protocol", &["source", "sink", "lab"]),
    ("metrics", &["telemetry"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("anyhow", &["cli", "main"]),
];

/// Modules without I/O, clock, log, metric or task.
const PURE: &[&str] = &["model", "decode", "matching", "hits", "encode"];
/// What pure modules must not name, tests excepted.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io::stdout",
    "std::env",
    "std::thread",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "TcpStream",
    "UdpSocket",
    "tokio::",
    "tracing::",
];

/// Lines that a file should have at most, and must have at most.
const FILE_LINES: (usize, usize) = (400, 600);

/// A file of `src`.
struct Source {
    /// Its path below `src`, with `/`.
    path: String,
    /// Its text.
    text: String,
    /// Its text without comments and without what strings hold.
    code: String,
}

impl Source {
    /// A file with its text.
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            path: path.into(),
            code: code(&text),
            text,
        }
    }

    /// The top-level module (or `lib`, `main`) that it belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many modules it is below the crate: 1 for `http.rs` and `config/mod.rs`.
    fn depth(&self) -> usize {
        let levels = self.path.split('/').count();
        levels - usize::from(self.path.ends_with("/mod.rs"))
    }

    /// A finding about the whole file.
    fn fault(&self, what: &str) -> Vec<String> {
        vec![format!("{}: {what}", self.path)]
    }
}

#[test]
fn rows_import_only_rows_above() {
    assert_eq!(misplaced_rows(ROWS), [""; 0]);
}

#[test]
fn sources_keep_the_rules() {
    let sources = sources();
    assert!(sources.len() > 10, "src was not found");
    let checks: [fn(&Source) -> Vec<String>; 6] = [
        missing_header,
        too_many_lines,
        unknown_module,
        forbidden_imports,
        unconfined_crates,
        impurities,
    ];
    let found: Vec<String> = sources
        .iter()
        .flat_map(|source| checks.iter().flat_map(|check| check(source)))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
#[expect(clippy::print_stderr, reason = "for whoever looks for what to split")]
fn long_files_are_named() {
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES.0 {
            eprintln!("{} has {lines} lines", source.path);
        }
    }
}

/// Every row that lists a row which is not above it, or is there twice.
fn misplaced_rows(rows: &[(&str, Imports)]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, (module, imports)) in rows.iter().enumerate() {
        let above: Vec<&str> = rows[..index].iter().map(|(name, _)| *name).collect();
        if above.contains(module) {
            found.push(format!("`{module}` has two rows"));
        }
        let Imports::Only(imports) = imports else {
            continue;
        };
        for import in imports.iter().filter(|import| !above.contains(import)) {
            found.push(format!(
                "`{module}` lists `{import}`, which is not above it"
            ));
        }
    }
    found
}

/// A file that does not say at its top what it is for.
fn missing_header(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or_default();
    match first.strip_prefix("//!") {
        Some(text) if !text.trim().is_empty() => Vec::new(),
        _ => source.fault("does not open with `//!`"),
    }
}

/// A file that is too long.
fn too_many_lines(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES.1 {
        return Vec::new();
    }
    source.fault(&format!("has {lines} lines: split it by subject"))
}

/// A file of a module that has no row.
fn unknown_module(source: &Source) -> Vec<String> {
    let module = source.module();
    if matches!(module, "lib" | "main") || row(module).is_some() {
        return Vec::new();
    }
    source.fault("belongs to a module without a row")
}

/// Every import that the row of the file does not allow, or that hides what it imports.
fn forbidden_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    if matches!(module, "lib" | "main") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, after) in paths(&source.code, "crate") {
        let import: String = after.chars().take_while(|c| is_word(*c)).collect();
        if import.is_empty() {
            found.push(format!("{}:{at}: a grouped `crate::` import", source.path));
        } else if import != module && !allowed(module, &import) {
            found.push(format!("{}:{at}: imports `{import}`", source.path));
        }
    }
    for (index, line) in source.code.lines().enumerate() {
        let supers = line.matches("super::").count();
        // A line that is indented may be in a module inside the file.
        let inside = usize::from(line.starts_with(' '));
        if supers > 0 && supers >= source.depth() + inside {
            let at = index + 1;
            found.push(format!("{}:{at}: `super::` leaves the module", source.path));
        }
    }
    found
}

/// Every confined crate that the file names and must not.
fn unconfined_crates(source: &Source) -> Vec<String> {
    CONFINED
        .iter()
        .filter(|(_, modules)| !modules.contains(&source.module()))
        .filter_map(|(name, _)| {
            let (at, _) = paths(&source.code, name).into_iter().next()?;
            Some(format!("{}:{at}: names the crate `{name}`", source.path))
        })
        .collect()
}

/// What a pure module does that it must not, tests excepted.
fn impurities(source: &Source) -> Vec<String> {
    let is_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
    if is_test || !PURE.contains(&source.module()) {
        return Vec::new();
    }
    let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    IMPURE
        .iter()
        .filter(|name| code.contains(**name))
        .flat_map(|name| source.fault(&format!("is pure and names `{name}`")))
        .collect()
}

/// The place of `module` in the table, and what it may import.
fn row(module: &str) -> Option<(usize, Imports)> {
    let index = ROWS.iter().position(|(name, _)| *name == module)?;
    Some((index, ROWS[index].1))
}

/// Whether `module` may import `import`.
fn allowed(module: &str, import: &str) -> bool {
    match row(module) {
        Some((_, Imports::Only(imports))) => imports.contains(&import),
        Some((index, Imports::AllAbove)) => ROWS[..index].iter().any(|(name, _)| *name == import),
        None => false,
    }
}

/// Whether `c` can stand in a name.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `code` has a path that starts with `root`: the line, and what follows `root::`. A
/// bare `use root` or `extern crate root` counts, with nothing behind it.
fn paths<'c>(code: &'c str, root: &str) -> Vec<(usize, &'c str)> {
    code.match_indices(root)
        .filter_map(|(start, _)| {
            let (before, after) = (&code[..start], &code[start + root.len()..]);
            let in_word = before.ends_with(is_word) || after.starts_with(is_word);
            let in_path = before
                .strip_suffix("::")
                .is_some_and(|before| before.ends_with(|c| is_word(c) || c == '>'));
            if in_word || in_path || before.ends_with(['.', '$']) {
                return None;
            }
            let line = before.matches('\n').count() + 1;
            let before = before.trim_end_matches("::").trim_end();
            let used = before.ends_with("use") || before.ends_with("extern crate");
            match after.strip_prefix("::") {
                Some(after) => Some((line, after)),
                None => used.then_some((line, "")),
            }
        })
        .collect()
}

/// `text` without comments, strings and characters, line by line as it was.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            string_len(rest)
        } else if c == 'r' && !code.ends_with(|c| is_word(c) && c != 'b') {
            raw_string_len(rest)
        } else if c == '\'' {
            char_len(rest)
        } else {
            0
        };
        if skip == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.extend(rest[..skip].chars().filter(|c| *c == '\n'));
            rest = &rest[skip..];
        }
    }
    code
}

/// The length of the string that `text` starts with.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length of the raw string that `text` starts with; 0 when it is none.
fn raw_string_len(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let Some(inside) = text[1 + hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = text.len() - inside.len();
    inside
        .find(&end)
        .map_or(text.len(), |at| opening + at + end.len())
}

/// The length of the character that `text` starts with; 0 for a lifetime.
fn char_len(text: &str) -> usize {
    let mut inside = text[1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), Some(escaped)) => {
            let from = 2 + escaped.len_utf8();
            text[from..].find('\'').map_or(0, |at| from + at + 1)
        }
        (Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 0,
    }
}

/// Every Rust file of `src`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let below = path.strip_prefix(&root).unwrap();
                found.push(Source::new(
                    below.to_string_lossy().replace('\\', "/"),
                    text,
                ));
            }
        }
    }
    found
}

/// Checks that `checker` finds `expected` faults in a file at `path` with `text`.
#[track_caller]
fn check(checker: fn(&Source) -> Vec<String>, path: &str, text: &str, expected: usize) {
    let found = checker(&Source::new(path, text));
    assert_eq!(found.len(), expected, "{text}\n{found:?}");
}

#[test]
fn a_misplaced_row_is_caught() {
    let rows = [
        ("a", Imports::Only(&["b"])),
        ("b", Imports::Only(&["a"])),
        ("a", Imports::AllAbove),
    ];
    assert_eq!(misplaced_rows(&rows).len(), 2);
}

#[test]
fn a_missing_header_is_caught() {
    check(missing_header, "hits/mod.rs", "//! What hits are.\n", 0);
    check(missing_header, "hits/mod.rs", "// What hits are.\n", 1);
    check(missing_header, "hits/mod.rs", "//!\n//! Hits.\n", 1);
    check(missing_header, "hits/mod.rs", "", 1);
}

#[test]
fn a_long_file_is_caught() {
    check(too_many_lines, "hits/mod.rs", &"\n".repeat(600), 0);
    check(too_many_lines, "hits/mod.rs", &"\n".repeat(601), 1);
}

#[test]
fn a_module_without_a_row_is_caught() {
    check(unknown_module, "lib.rs", "", 0);
    check(unknown_module, "http.rs", "", 0);
    check(unknown_module, "util.rs", "", 1);
    check(unknown_module, "util/mod.rs", "", 1);
}

#[test]
fn a_forbidden_import_is_caught() {
    let imports = |text, expected| check(forbidden_imports, "hits/id.rs", text, expected);
    imports("use crate::model::{Event, Hit};", 0);
    imports("use crate::hits::Reason;", 0);
    imports("use crate::decode::event;", 1);
    imports(
        "fn f() {\n    crate::sink::send(crate::config::load())\n}",
        2,
    );
    imports("use crate::{model, decode};", 1);
    imports("use crate::*;", 1);
    imports("use crate::nowhere::X;", 1);
    imports("pub(crate) fn f(_: $crate::x) {}", 0);
    imports(
        "fn f(_: other::crate::decode::X, _: a_crate::decode::X) {}",
        0,
    );
    imports("use super::orientation;", 0);
    imports("use super::super::decode;", 1);
    imports("mod tests {\n    use super::super::orientation;\n}", 0);
    check(forbidden_imports, "http.rs", "use super::feeds;", 1);
    check(forbidden_imports, "http/mod.rs", "use super::feeds;", 1);
    check(
        forbidden_imports,
        "http.rs",
        "mod tests {\n    use super::*;\n}",
        0,
    );
    check(forbidden_imports, "app/mod.rs", "use crate::lab::X;", 0);
    check(forbidden_imports, "app/mod.rs", "use crate::cli::X;", 1);
    check(forbidden_imports, "cli/run.rs", "use crate::app::X;", 0);
}

#[test]
fn only_code_is_looked_at() {
    let imports = |text, expected| check(forbidden_imports, "hits/id.rs", text, expected);
    imports(
        "/// As [`crate::decode::event`].\n//! crate::decode\nfn f() {} // crate::sink",
        0,
    );
    imports(
        "/* crate::decode\n */ const S: &str = \"crate::sink \\\" crate::sink\";",
        0,
    );
    imports("const S: &[u8] = br#\"crate::sink \" crate::sink\"#;", 0);
    imports("const S: &str = r\"\\\"; use crate::sink::X;", 1);
    imports(
        "const C: [char; 3] = ['\"', '\\'', '\\\\']; use crate::sink::X;",
        1,
    );
    imports(
        "fn f<'a>(a: &'a str, r: u8) -> &'a str { crate::sink::x(a) }",
        1,
    );
}

#[test]
fn an_unconfined_crate_is_caught() {
    let crates = |path, text, expected| check(unconfined_crates, path, text, expected);
    crates("source/kafka.rs", "use rdkafka::ClientConfig;", 0);
    crates("pipeline/worker.rs", "use rdkafka::ClientConfig;", 1);
    crates(
        "pipeline/worker.rs",
        "fn f(_: ::rdkafka::ClientConfig) {}",
        1,
    );
    crates(
        "pipeline/worker.rs",
        "fn f() -> Vec<rdkafka::Message> {}",
        1,
    );
    crates("decode/mod.rs", "use kafka_protocol as k;", 1);
    crates(
        "pipeline/worker.rs",
        "metrics::counter!(NAME).increment(1);",
        1,
    );
    crates(
        "pipeline/worker.rs",
        "self.metrics.add(n); let metrics = 1;",
        0,
    );
    crates(
        "pipeline/worker.rs",
        "my_metrics::f(); use crate::pipeline::metrics::X;",
        0,
    );
    crates("telemetry/handles.rs", "use metrics::Counter;", 0);
    crates("app/mod.rs", "fn f() -> anyhow::Result<()> {}", 1);
    crates("cli/run.rs", "use anyhow::Context;", 0);
    crates("main.rs", "use anyhow::Context;", 0);
}

#[test]
fn an_impurity_is_caught() {
    let pure = |path, text, expected| check(impurities, path, text, expected);
    pure("hits/id.rs", "let now = SystemTime::now();", 1);
    pure("model/time.rs", "use std::time::SystemTime;", 0);
    pure(
        "decode/zeek.rs",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
        0,
    );
    pure("decode/tests.rs", "use std::fs;", 0);
    pure("encode/json.rs", "tracing::warn!(\"no\");", 1);
    pure("source/files.rs", "use std::fs;", 0);
}
