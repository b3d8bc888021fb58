//! No row takes more than its share of time: four times the bytes take about four times as long,
//! whatever the bytes are.

use std::sync::LazyLock;
use std::thread::yield_now;
use std::time::{Duration, Instant};

use gannet::decode::event;
use gannet::matching::{HashKey, NameBatch, NameTableBuilder};
use gannet::model::{DomainName, EventFormat, EventTime, NAME_LEN_MAX, NameEngine, Scope};

use crate::rows;
use crate::scan::{FORMATS, count};

/// Bytes of the smaller of two rows; the larger has four times as many. They take about as long in
/// a build without optimization as more do with it.
const SMALL: usize = if cfg!(debug_assertions) {
    32 << 10
} else {
    256 << 10
};

/// How many times longer four times the bytes may take: far from linear time's 4, and from
/// quadratic time's 16.
const RATIO_MAX: u32 = 10;

/// When the first time was taken.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long this thread has run: without the time in which the machine did other things, where
/// the system tells it.
fn thread_time() -> Duration {
    // The account is brought up to date when the thread gives way.
    yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| STARTED.elapsed(), Duration::from_nanos)
}

/// What takes less is not measurable.
const MEASURABLE: Duration = Duration::from_micros(300);

/// Something that can be made of any length.
type Made = fn(usize) -> Vec<u8>;

/// `unit` as often as it takes, between `before` and `after`.
fn filled(before: &str, unit: &str, after: &str, len: usize) -> Vec<u8> {
    let body = unit.repeat(len / unit.len());
    [before.as_bytes(), body.as_bytes(), after.as_bytes()].concat()
}

/// Rows that look as if they could take long.
const ROWS: &[(&str, Made)] = &[
    ("backslashes", |len| {
        filled(r#"{"query":""#, r"\\", r#""}"#, len)
    }),
    ("backslashes, never closed", |len| {
        filled(r#"{"query":""#, r"\\", "", len)
    }),
    ("escaped quotes", |len| {
        filled(r#"{"query":""#, r#"\""#, r#""}"#, len)
    }),
    ("escaped letters", |len| {
        filled(r#"{"query":""#, r"\u0061.", r#""}"#, len)
    }),
    ("escaped key", |len| {
        filled(r#"{""#, r"\u0061", r#"":1}"#, len)
    }),
    ("half pairs", |len| {
        filled(r#"{"query":""#, r"\ud83e\udd8a", r#""}"#, len)
    }),
    ("quotes", |len| filled("{", "\"", "}", len)),
    ("brackets", |len| filled("", "[", "", len)),
    ("braces", |len| filled("", "{", "", len)),
    ("open objects", |len| filled("", r#"{"dns":"#, "", len)),
    ("commas", |len| filled("{", ",", "}", len)),
    ("colons", |len| filled("{", ":", "}", len)),
    ("tiny keys", |len| filled(r#"{"a":0"#, r#","":1"#, "}", len)),
    ("the same question", |len| {
        filled(
            r#"{"_path":"dns","query":"a.example""#,
            r#","query":"a.example""#,
            "}",
            len,
        )
    }),
    ("the same question, flat", |len| {
        filled(
            r#"{"dns.qname":"a.example""#,
            r#","dns.qname":"a.example""#,
            "}",
            len,
        )
    }),
    ("the same question, ours", |len| {
        filled(
            r#"{"schema":"gannet.event.v1","dns":{"qname":"a.example""#,
            r#","qname":"a.example""#,
            "}}",
            len,
        )
    }),
    ("the same end", |len| {
        filled(
            r#"{"src_addr":"192.0.2.1","dst_addr":"192.0.2.2""#,
            r#","src_addr":"192.0.2.1""#,
            "}",
            len,
        )
    }),
    ("the same log", |len| {
        filled(
            r#"{"ts":1"#,
            r#","conn":{"id.orig_h":"192.0.2.1","id":{"resp_h":"192.0.2.2"}}"#,
            "}",
            len,
        )
    }),
    ("other keys that look alike", |len| {
        filled(r#"{"ts":1"#, r#","querz":"a.example""#, "}", len)
    }),
    ("answers", |len| {
        filled(
            r#"{"_path":"dns","answers":["a""#,
            r#","203.0.113.6""#,
            "]}",
            len,
        )
    }),
    ("answers with paths", |len| {
        let mut row = br#"{"dns.qname":"a.example""#.to_vec();
        let mut number = 0;
        while row.len() < len {
            let member = format!(r#","dns.resource-records.an.{number}.rdata":"b.example""#);
            row.extend_from_slice(member.as_bytes());
            number += 1;
        }
        row.push(b'}');
        row
    }),
    ("dots", |len| filled(r#"{"query":""#, ".", r#""}"#, len)),
    ("dots in a key", |len| {
        filled(r#"{"dns."#, ".", r#"":1}"#, len)
    }),
    ("a long name", |len| {
        filled(r#"{"_path":"dns","query":""#, "a.", r#""}"#, len)
    }),
    ("digits", |len| filled(r#"{"ts":"#, "7", "}", len)),
    ("digits of a fraction", |len| {
        filled(r#"{"ts":0."#, "7", "}", len)
    }),
    ("digits of an exponent", |len| {
        filled(r#"{"ts":1e"#, "7", "}", len)
    }),
    ("digits in a text", |len| {
        filled(r#"{"_path":"dns","ts":""#, "7", r#""}"#, len)
    }),
    ("white space", |len| filled("{", " ", "}", len)),
    ("white space everywhere", |len| {
        filled(r#"{"a":1"#, " \t , \"b\" : \r 2 ", "}", len)
    }),
    ("white lines", |len| filled("", " \r\n", "{}", len)),
    ("empty rows", |len| filled("", "{}\n", "", len)),
    ("rows cut short", |len| {
        filled("", "{\"query\":\"\n", "", len)
    }),
    ("shallow nests", |len| {
        filled(r#"{"x":[0"#, ",[[[[[[[[]]]]]]]]", "]}", len)
    }),
    ("high bytes", |len| {
        filled(r#"{"query":""#, "\u{fc}", r#""}"#, len)
    }),
    ("zeros", |len| filled("", "\0", "", len)),
    ("byte order marks", |len| filled("", "\u{feff}", "", len)),
];

/// The best of several times that `run` takes with `bytes`.
fn best(run: &dyn Fn(&[u8]), bytes: &[u8]) -> Duration {
    let once = || {
        let started = thread_time();
        run(bytes);
        thread_time().saturating_sub(started)
    };
    let times = (0..4).map(|_| once());
    times.min().unwrap_or_default()
}

/// The times of `run` with what `made` makes, if four times as much takes much more than four
/// times as long.
fn more_than_linear(made: &dyn Fn(usize) -> Vec<u8>, run: &dyn Fn(&[u8])) -> Option<String> {
    let (small, large) = (made(SMALL), made(4 * SMALL));
    let times = || (best(run, &small).max(MEASURABLE), best(run, &large));
    // A machine that was busy elsewhere is asked again.
    let fits = (0..3).any(|_| {
        let (base, time) = times();
        time <= RATIO_MAX * base
    });
    (!fits).then(|| format!("{:?}", times()))
}

#[test]
fn what_takes_more_than_linear_time_is_noticed() {
    // So much more that a processor that changes its clock in between does not hide it.
    let cubic = |bytes: &[u8]| {
        let starts = || (0..bytes.len()).step_by(SMALL / 16);
        for (start, _) in starts().flat_map(|start| starts().map(move |again| (start, again))) {
            let sum: u64 = bytes[start..].iter().map(|byte| u64::from(*byte)).sum();
            std::hint::black_box(sum);
        }
    };
    let linear = |bytes: &[u8]| {
        for _ in 0..64 {
            cubic(&bytes[bytes.len().saturating_sub(2_048)..]);
            std::hint::black_box(bytes.iter().filter(|byte| **byte == 7).count());
        }
    };
    assert!(more_than_linear(&|len| vec![7; len], &cubic).is_some());
    assert_eq!(more_than_linear(&|len| vec![7; len], &linear), None);
}

#[test]
fn four_times_the_bytes_take_about_four_times_as_long() {
    let mut slow = Vec::new();
    for format in FORMATS {
        let usual: Vec<&[u8]> = rows::of(format).iter().map(|row| row.as_bytes()).collect();
        let run = |record: &[u8]| {
            let seen = count(format, &usual, record);
            assert!(seen.items > 0, "no item");
            // The full decoding of a record with many rows is that of its first.
            let first = record.split(|&byte| byte == b'\n').next();
            let _ = event(
                format,
                first.unwrap_or_default(),
                Some(EventTime::from_nanos(0)),
            );
        };
        for (what, made) in ROWS {
            let times = more_than_linear(made, &run);
            slow.extend(times.map(|times| format!("{format:?}: {what}: {times}")));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn a_stream_of_rows_that_differ_is_scanned_in_linear_time() {
    // Every row has another field first: nothing that is learned of one helps with the next.
    let rows = |len: usize| -> Vec<u8> {
        let usual = rows::of(EventFormat::ZeekJson);
        let mut bytes = Vec::new();
        for number in 0.. {
            if bytes.len() >= len {
                break;
            }
            let row = usual[number % 3].replacen('{', &format!(r#"{{"f{number}":{number},"#), 1);
            bytes.extend_from_slice(row.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    };
    let run = |bytes: &[u8]| {
        let rows: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
        assert_eq!(count(EventFormat::ZeekJson, &rows, b"{}").items, 1);
    };
    assert_eq!(more_than_linear(&rows, &run), None);
}

/// Names that look as if they could take long.
const NAMES: &[&str] = &[
    "a.",
    ".",
    "a",
    "aB-",
    "\\",
    "\\.",
    "\\097",
    "\\x62.",
    "\\xff.",
    "\u{fc}",
    "\u{fc}.",
    "e\u{301}",
    "\u{301}",
    "\u{df}.",
    " .",
    "xn--a.",
    "\u{1f98a}\u{200d}",
    "\0",
];

#[test]
fn names_of_any_length_are_probed_in_linear_time() {
    let mut builder = NameTableBuilder::new(HashKey::new(1, 2));
    for name in ["bad.example", "a", "a.a.a", "*.a.a"] {
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(name.as_bytes(), &mut scratch).expect("a fit name");
        builder.insert(name, Scope::Subtree).expect("room");
    }
    let table = builder.build(NameEngine::Table).expect("a table");
    let mut slow = Vec::new();
    for unit in NAMES {
        for end in ["", "bad.example", ".bad.example."] {
            let made = |len: usize| filled("", unit, end, len);
            let run = |name: &[u8]| {
                std::hint::black_box(table.probe(name));
                let mut batch = NameBatch::new();
                std::hint::black_box(table.queue(name, 0, &mut batch));
                assert!(batch.len() < 128, "a name of {} suffixes", batch.len());
            };
            let times = more_than_linear(&made, &run);
            slow.extend(times.map(|times| format!("{unit:?} {end:?}: {times}")));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
