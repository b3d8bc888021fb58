//! Rows that say what they say in unusual ways, case by case: what is handed out is written
//! beside each.

use gannet::decode::{JSON_DEPTH_MAX, Outcome, Reject};
use gannet::model::EventFormat;

use crate::rows;
use crate::scan::{FORMATS, Seen, check, normal};

/// A row of each format that asks for `NAME`, as `key` and `value` stand in it.
fn asking(format: EventFormat, key: &str, value: &str) -> String {
    match format {
        EventFormat::ZeekJson => {
            format!(r#"{{"_path":"dns","ts":1.5,{key}:{value},"rejected":false}}"#)
        }
        EventFormat::DnsCollectorJson => {
            format!(r#"{{"dns":{{{key}:{value}}},"dnstap":{{"operation":"CLIENT_QUERY"}}}}"#)
        }
        _ => format!(r#"{{"schema":"gannet.event.v1","dns":{{{key}:{value},"side":"client"}}}}"#),
    }
}

/// The formats that have names, each with its key of the question.
const ASKING: [(EventFormat, &str); 3] = [
    (EventFormat::ZeekJson, "query"),
    (EventFormat::DnsCollectorJson, "qname"),
    (EventFormat::GannetJson, "qname"),
];

/// The names of the only item, in their normal form where they have one.
#[track_caller]
fn names(format: EventFormat, row: &str) -> Vec<String> {
    let items = check(format, row.as_bytes());
    assert_eq!(items.len(), 1, "{row}");
    let shown =
        |name: &Vec<u8>| normal(name).unwrap_or_else(|| String::from_utf8_lossy(name).into_owned());
    items[0].names.iter().map(shown).collect()
}

/// What the only item comes to.
#[track_caller]
fn outcome(format: EventFormat, record: &[u8]) -> Outcome {
    let items = check(format, record);
    assert_eq!(items.len(), 1, "{}", record.escape_ascii());
    items[0].outcome
}

#[test]
fn names_are_found_however_they_are_escaped() {
    let hidden: String = "bad.example"
        .bytes()
        .map(|byte| format!("\\u{byte:04X}"))
        .collect();
    for (written, wanted) in [
        (r"bad\u002eexample", "bad.example"),
        (r"\u0062\u0061\u0064.example", "bad.example"),
        (r"\u0042AD.EXAMPLE", "bad.example"),
        (r"B\u0041D.Example.", "bad.example"),
        (hidden.as_str(), "bad.example"),
        (r"b\u00fccher.example", "xn--bcher-kva.example"),
        (r"b\u00FCcher\u002Eexample", "xn--bcher-kva.example"),
        (r"\\x62ad.example", "bad.example"),
        (r"\\098ad.example", "bad.example"),
        ("BAD.EXAMPLE", "bad.example"),
        ("bad.example.", "bad.example"),
        // What is no name is handed out as it is: what it lies below may be listed.
        (r"a\/b.example", "a/b.example"),
        (r"a\u0000b.example", "a\0b.example"),
        (r"a\tb.example", "a\tb.example"),
        (r"\ud83e\udd8a.example", "xn--9s9h.example"),
    ] {
        for (format, key) in ASKING {
            let row = asking(format, &format!("{key:?}"), &format!("\"{written}\""));
            assert_eq!(names(format, &row), [wanted], "{row}");
        }
    }
}

#[test]
fn keys_are_found_however_they_are_escaped() {
    for (format, key) in ASKING {
        for place in 0..key.len() {
            let escaped = format!(
                "\"{}\\u{:04x}{}\"",
                &key[..place],
                key.as_bytes()[place],
                &key[place + 1..]
            );
            let row = asking(format, &escaped, r#""bad.example""#);
            assert_eq!(names(format, &row), ["bad.example"], "{row}");
        }
        // Another key, in a string that ends in the middle of it, is none.
        for other in [
            "\"xquery\"",
            "\"query\\u0000\"",
            "\"Qname\"",
            "\"\\\"qname\"",
        ] {
            let row = asking(format, other, r#""bad.example""#);
            assert_eq!(names(format, &row), [""; 0], "{row}");
        }
    }
}

#[test]
fn of_several_questions_the_last_counts_and_all_are_handed_out() {
    for (format, key) in ASKING {
        let twice = format!(r#""one.example","{key}":"two.example""#);
        let row = asking(format, &format!("{key:?}"), &twice);
        assert_eq!(names(format, &row), ["one.example", "two.example"], "{row}");
        let hidden = format!(r#""one.example","\u0071{}":"two.example""#, &key[1..]);
        let row = asking(format, &format!("{key:?}"), &hidden);
        assert_eq!(names(format, &row), ["one.example", "two.example"], "{row}");
        let nothing = format!(r#""one.example","{key}":null"#);
        check(
            format,
            asking(format, &format!("{key:?}"), &nothing).as_bytes(),
        );
    }
}

#[test]
fn keys_inside_strings_and_other_objects_are_not_taken_for_fields() {
    for (format, key) in ASKING {
        let text = format!(r#""\"{key}\":\"x.example\"","{key}":"bad.example""#);
        for row in [
            asking(format, "\"note\"", &text),
            asking(
                format,
                "\"other\"",
                &format!(
                    r#"{{"{key}":"x.example","a":[{{"{key}":"y.example"}}]}},"{key}":"bad.example""#
                ),
            ),
            asking(
                format,
                "\"list\"",
                &format!(r#"["{key}","x.example",{{"{key}":"y.example"}}],"{key}":"bad.example""#),
            ),
        ] {
            assert_eq!(names(format, &row), ["bad.example"], "{row}");
        }
        // A string that ends in backslashes ends there.
        let slashes = format!(r#""\\\\","{key}":"bad.example""#);
        let row = asking(format, "\"note\"", &slashes);
        assert_eq!(names(format, &row), ["bad.example"], "{row}");
        let open = format!(r#""\\\","{key}":"bad.example""#);
        let row = asking(format, "\"note\"", &open);
        let rejected = Outcome::Rejected(Reject::NotJson);
        assert_eq!(outcome(format, row.as_bytes()), rejected, "{row}");
    }
}

#[test]
fn white_space_may_stand_wherever_json_allows_it() {
    for format in FORMATS {
        for row in rows::of(format) {
            let plain = check(format, row.as_bytes());
            for space in [" ", "\t", "\r", " \t\r ", &" ".repeat(300)] {
                let spaced = spaced(row, space);
                let seen = check(format, spaced.as_bytes());
                assert_eq!(keys(&seen), keys(&plain), "{spaced}");
            }
        }
    }
}

/// What items come to, without their bytes.
fn keys(items: &[Seen]) -> Vec<(Outcome, usize, usize)> {
    let counts = |item: &Seen| (item.outcome, item.names.len(), item.addresses.len());
    items.iter().map(counts).collect()
}

/// `row` with `space` around everything that it may stand around.
fn spaced(row: &str, space: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for character in row.chars() {
        let quote = character == '"' && !escaped;
        escaped = inside && character == '\\' && !escaped;
        let punctuation = !inside && "{}[]:,".contains(character);
        if punctuation || (quote && !inside) {
            out.push_str(space);
        }
        out.push(character);
        if quote {
            inside = !inside;
        }
        if punctuation || (quote && !inside) {
            out.push_str(space);
        }
    }
    out
}

#[test]
fn other_white_space_is_none() {
    for format in FORMATS {
        for row in rows::of(format) {
            for space in [
                "\u{b}", "\u{c}", "\u{a0}", "\u{2028}", "\u{feff}", "\0", "/**/",
            ] {
                let spaced = row.replacen(':', &format!(":{space}"), 1);
                let rejected = Outcome::Rejected(Reject::NotJson);
                assert_eq!(outcome(format, spaced.as_bytes()), rejected, "{spaced}");
            }
        }
    }
}

#[test]
fn names_longer_than_a_name_can_be_are_not_lost_below_what_is_listed() {
    for (format, key) in ASKING {
        for long in [
            format!("{}.bad.example", "a".repeat(63)),
            format!("{}.bad.example", "a".repeat(64)),
            format!("{}bad.example", "a.".repeat(200)),
            format!("{}bad.example", "a.".repeat(100_000)),
            "a".repeat(1 << 20),
        ] {
            let row = asking(format, &format!("{key:?}"), &format!("{long:?}"));
            let items = check(format, row.as_bytes());
            assert_eq!(items[0].outcome, Outcome::Event);
            assert_eq!(items[0].names, [long.as_bytes()]);
        }
    }
}

#[test]
fn nesting_of_any_depth_is_refused_beyond_the_limit() {
    for format in FORMATS {
        let row = rows::of(format)[0];
        let with = |value: &str| row.replacen('{', &format!(r#"{{"deep":{value},"#), 1);
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"query":"#, "}]")] {
            let levels = open.matches(['[', '{']).count();
            for deep in [1, JSON_DEPTH_MAX - 1, JSON_DEPTH_MAX, 1_000, 100_000] {
                let count = deep / levels;
                let value = format!("{}1{}", open.repeat(count), close.repeat(count));
                let row = with(&value);
                let found = outcome(format, row.as_bytes());
                if count * levels < JSON_DEPTH_MAX {
                    assert_eq!(found, Outcome::Event, "{deep} {open}");
                } else {
                    let rejected = Outcome::Rejected(Reject::TooDeep);
                    assert_eq!(found, rejected, "{deep} {open}");
                }
                // Never closed.
                let open = with(&open.repeat(deep));
                let found = outcome(format, open.as_bytes());
                assert!(matches!(found, Outcome::Rejected(_)), "{deep} {found:?}");
            }
        }
    }
}

#[test]
fn what_is_not_text_is_not_json() {
    for (format, key) in ASKING {
        for inside in [
            &b"a\0b.example"[..],
            b"a\x1fb.example",
            b"a\xffb.example",
            b"a\xc3.example",
            b"a\xc0\xafb.example",
            b"a\xed\xa0\x80b.example",
            b"a\xf5\x80\x80\x80b.example",
            br"a\ud800b.example",
            br"a\udc00b.example",
            br"a\ud800\u0041b.example",
            br"a\ud800\ud800b.example",
            br"a\u12",
            br"a\u00g0",
            br"a\U0041",
            br"a\x41",
            br"a\",
        ] {
            let row = asking(format, &format!("{key:?}"), "\"@\"");
            let (before, after) = row.split_once('@').expect("it holds the mark");
            let row = [before.as_bytes(), inside, after.as_bytes()].concat();
            let rejected = Outcome::Rejected(Reject::NotJson);
            assert_eq!(outcome(format, &row), rejected, "{}", row.escape_ascii());
            // Nor in a value, or a key, that means nothing.
            for text in ["\"note\":\"@\",", "\"@\":0,"] {
                let row = asking(format, &format!("{text}{key:?}"), r#""bad.example""#);
                let (before, after) = row.split_once('@').expect("it holds the mark");
                let row = [before.as_bytes(), inside, after.as_bytes()].concat();
                assert_eq!(outcome(format, &row), rejected, "{}", row.escape_ascii());
            }
        }
    }
}

#[test]
fn numbers_in_odd_forms_are_judged_as_by_a_full_parser() {
    for format in FORMATS {
        let row = rows::of(format)[0];
        for (number, fits) in [
            ("0", true),
            ("-0", true),
            ("-0.0e-0", true),
            ("1E400", true),
            ("1e+5", true),
            ("123456789012345678901234567890", true),
            ("00", false),
            ("-", false),
            ("+1", false),
            (".5", false),
            ("5.", false),
            ("1e", false),
            ("1e+", false),
            ("0x10", false),
            ("1_000", false),
            ("Infinity", false),
            ("NaN", false),
            ("-Infinity", false),
            ("1 2", false),
            ("tru", false),
            ("True", false),
            ("nulll", false),
        ] {
            let row = row.replacen('{', &format!(r#"{{"number":{number},"#), 1);
            let wanted = if fits {
                Outcome::Event
            } else {
                Outcome::Rejected(Reject::NotJson)
            };
            assert_eq!(outcome(format, row.as_bytes()), wanted, "{row}");
        }
    }
}

#[test]
fn rows_of_a_record_are_judged_one_by_one() {
    for format in FORMATS {
        let good = rows::of(format)[0];
        let mark = "\u{feff}";
        for (record, wanted) in [
            (format!("{mark}{good}"), &[true][..]),
            (format!("{mark}{mark}{good}"), &[false]),
            (format!("{good}\r\n{good}\r\n"), &[true, true]),
            (format!("\r\n\n \t\n{good}"), &[true]),
            (format!("{good}\n{{\n{good}"), &[true, false, true]),
            (format!("{good}\n{mark}{good}"), &[true, false]),
            (format!("{good}\n\"\n{good}"), &[true, false, true]),
            (format!("{good}\n{good}{good}"), &[true, false]),
            (format!("{good},\n{good}"), &[false, true]),
            (format!("[{good}]"), &[false]),
            (format!("{good}\r{good}"), &[false]),
            (format!("{good}\0"), &[false]),
            (format!("{good}\n\u{0}"), &[true, false]),
        ] {
            let items = check(format, record.as_bytes());
            let found: Vec<bool> = items
                .iter()
                .map(|item| item.outcome == Outcome::Event)
                .collect();
            assert_eq!(found, wanted, "{record}");
        }
    }
}
