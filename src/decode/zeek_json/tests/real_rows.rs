//! The Zeek decoder on real logs, where they are.

use std::io::Read;

use super::*;
use crate::decode::tests::rows::{Foresight, check_faces, items};
use crate::model::EventFormat;

const FORMAT: EventFormat = EventFormat::ZeekJson;

/// Calls `each` with every row of a file of the shared data, if that is there.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn for_each_row(path: &str, mut each: impl FnMut(&[u8])) {
    let path = format!(
        "{}/../shared/data/events/{path}",
        env!("CARGO_MANIFEST_DIR")
    );
    let Ok(file) = std::fs::File::open(&path) else {
        return eprintln!("skipped: no data");
    };
    let mut text = Vec::new();
    if path.ends_with(".gz") {
        flate2::read::GzDecoder::new(file)
            .read_to_end(&mut text)
            .unwrap();
    } else {
        std::io::BufReader::new(file)
            .read_to_end(&mut text)
            .unwrap();
    }
    text.split(|&byte| byte == b'\n')
        .filter(|row| !row.is_empty())
        .for_each(&mut each);
}

#[test]
fn every_row_of_a_real_dns_log_is_an_event() {
    for_each_row("zed-sample-data/dns.zeek-json.log.gz", |row| {
        check_faces(FORMAT, Foresight::Exact, row);
        let seen = items(FORMAT, row);
        assert_eq!(seen[0].outcome, Outcome::Event);
    });
}

#[test]
fn every_row_of_a_real_mixed_log_is_an_event_or_ignored() {
    let (mut events, mut rows) = (0, 0);
    for_each_row("otrf-apt29/combined_zeek.log", |row| {
        check_faces(FORMAT, Foresight::Exact, row);
        let outcome = items(FORMAT, row)[0].outcome;
        assert!(
            !matches!(outcome, Outcome::Rejected(_)),
            "{}",
            row.escape_ascii()
        );
        rows += 1;
        events += usize::from(outcome == Outcome::Event);
    });
    assert!(
        rows == 0 || (rows, events) == (2140, 613 + 53),
        "{rows} {events}"
    );
}
