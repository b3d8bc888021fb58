//! The fast way to read a name against the one label by label.

use proptest::prelude::*;

use super::*;

/// A name as both ways give it: its facts and its text.
fn by(
    read: impl Fn(&[u8], usize, &mut [u8; TEXT_ROOM]) -> Option<Name>,
    message: &[u8],
    start: usize,
) -> Option<(Name, Vec<u8>)> {
    let mut text = [0x55; TEXT_ROOM];
    let name = read(message, start, &mut text)?;
    Some((name, text[..name.len].to_vec()))
}

/// Reads the name at `start` both ways. The fast one may give up, and must agree if it does not;
/// says whether it read the name.
#[track_caller]
fn check(message: &[u8], start: usize) -> bool {
    let plain = by(read_plain, message, start);
    let labels = by(
        |message, start, text| read_labels(message, start, text).ok(),
        message,
        start,
    );
    if plain.is_some() {
        assert_eq!(plain, labels, "at {start} of {message:02x?}");
    }
    plain.is_some()
}

/// Labels in a row, without an end.
fn labels<L: AsRef<[u8]>>(labels: &[L]) -> Vec<u8> {
    let label = |label: &L| {
        let label = label.as_ref();
        [&[u8::try_from(label.len()).unwrap()][..], label].concat()
    };
    labels.iter().flat_map(label).collect()
}

#[test]
fn the_eight_bytes_of_a_word_are_judged_as_one_by_one() {
    for byte in 0..=255_u8 {
        for other in [0, b'a', b'.', 0x7f, 0x80, 0xff] {
            for place in 0..8 {
                let mut word = [other; 8];
                word[place] = byte;
                let expected = word.map(|byte| if is_plain(byte) { 0 } else { 0x80 });
                assert_eq!(special(u64::from_le_bytes(word)).to_le_bytes(), expected);
            }
        }
    }
}

#[test]
fn ordinary_names_take_the_fast_way() {
    let long = ["x".repeat(32).as_str(), "example"].join(".");
    let longest = ("x".repeat(32) + ".").repeat(7) + &"y".repeat(22);
    for name in [
        "example",
        "a.b",
        "www.example.test",
        "_dmarc.A-b.x0.example",
        &long,
        &longest,
        &["a"; 127].join("."),
    ] {
        let wire = labels(&name.split('.').collect::<Vec<_>>());
        let question = [&[0; 12][..], &wire, &[0, 0, 1, 0, 1]].concat();
        assert!(check(&question, 12), "{name:?}");
        // The name, one with a label before it, and the name from its second label on.
        let second = 12 + question[12] + 1;
        for (before, target) in [(&b""[..], 12), (b"\x01m", 12), (b"", second)] {
            let pointing = [&question[..], before, &[0xc0, target]].concat();
            let fits = wire.len() + before.len() < 255;
            assert_eq!(check(&pointing, question.len()), fits, "{name:?}");
        }
    }
    assert!(check(&[0; 13], 12));
}

#[test]
fn other_names_are_left_to_the_slow_way() {
    let header = [0; 12];
    for name in [
        labels(&["a.b", "example"]),
        labels(&["a b", "example"]),
        labels(&[b"a\\b"]),
        labels(&[b"a\x7fb"]),
        labels(&["b\u{fc}cher".as_bytes()]),
        labels(&[&[b'x'; 33]]),
        labels(&[&[b'x'; 46]]),
        labels(&[b"a"; 128]),
        labels(&[&[b'x'; 31]; 8]),
    ] {
        let question = [&header[..], &name, &[0, 0, 1, 0, 1]].concat();
        assert!(!check(&question, 12), "{name:02x?}");
    }
    // A label whose length a dot inside could stand for.
    let odd = [&header[..], &[33], &[b'x'; 31], b"..", &[0, 0, 1, 0, 1]].concat();
    assert!(!check(&odd, 12));
    // Pointers that do not go back, and what is cut short.
    for tail in [
        &[0xc0, 12][..],
        &[0xc0, 14],
        &[0xc0],
        &[3, b'a'],
        &[0x40],
        &[],
    ] {
        assert!(!check(&[&header[..], tail].concat(), 12), "{tail:02x?}");
    }
}

proptest! {
    #[test]
    fn any_name_reads_the_same_both_ways(
        runs in proptest::collection::vec(
            (
                proptest::collection::vec(
                    prop_oneof![
                        8 => "[a-zA-Z0-9_-]{1,12}".prop_map(String::into_bytes),
                        2 => proptest::collection::vec(Just(b'x'), 28..36),
                        1 => proptest::collection::vec(any::<u8>(), 1..10),
                    ],
                    0..4,
                ),
                prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)],
            ),
            1..6,
        ),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut message = vec![0; 12];
        let mut starts = vec![];
        for (run, pointer) in runs {
            let begin = message.len();
            for label in &run {
                starts.push(message.len());
                message.extend(labels(&[label]));
            }
            starts.push(begin);
            match pointer.map(|at| starts[at.index(starts.len())]) {
                Some(target) if target < begin => {
                    message.extend((0xc000 | u16::try_from(target).unwrap()).to_be_bytes());
                }
                Some(_) | None => message.push(0),
            }
        }
        for start in 0..message.len() {
            check(&message, start);
        }
        message.truncate(12.max(cut.index(message.len() + 1)));
        for (at, value) in edits {
            let at = at.index(message.len());
            message[at] = value;
        }
        for start in 0..message.len() {
            check(&message, start);
        }
    }
}
