//! The splitter against its writers, a slow oracle, and input that arrives in any pieces.

use proptest::prelude::*;

use super::*;

/// What one pass over an input gives: records, bad frames that were passed over, and how it
/// ended.
type Split = (Vec<Vec<u8>>, Vec<BadFrame>, Result<(), BadFrame>);

/// Splits `input`, handing it over in pieces of `step` bytes.
fn split(mut splitter: Splitter, input: &[u8], step: usize) -> Split {
    let (mut records, mut bad) = (Vec::new(), Vec::new());
    let (mut from, mut to) = (0, 0);
    loop {
        let (buf, at_end) = (&input[from..to], to == input.len());
        let consumed = match splitter.next_frame(buf, at_end) {
            Frame::Record { record, consumed } => {
                records.push(buf[record].to_vec());
                consumed
            }
            Frame::Skip { consumed } => consumed,
            Frame::Bad { reason, consumed } => {
                bad.push(reason);
                consumed
            }
            Frame::More => {
                assert!(!at_end);
                to = (to + step).min(input.len());
                continue;
            }
            Frame::End => {
                assert!(at_end && buf.is_empty());
                return (records, bad, Ok(()));
            }
            Frame::Broken(reason) => return (records, bad, Err(reason)),
        };
        assert!(consumed > 0 && consumed <= buf.len());
        from += consumed;
    }
}

/// Splits with a bound of eight bytes, in every piece size, always alike.
#[track_caller]
fn check(framing: Framing, input: &[u8], expected: (&[&[u8]], &[BadFrame], Result<(), BadFrame>)) {
    for step in 1..=input.len().max(1) {
        let splitter = Splitter::with_len_max(framing, 8);
        let (records, bad, end) = split(splitter, input, step);
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        assert_eq!(
            (records.as_slice(), bad.as_slice(), end),
            expected,
            "in pieces of {step}"
        );
    }
}

/// A frame stream of `records`, with its start and stop.
fn stream(records: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write_start(Framing::FrameStream, &mut out);
    for record in records {
        write_frame(Framing::FrameStream, record, &mut out).unwrap();
    }
    write_stop(Framing::FrameStream, &mut out);
    out
}

/// A control frame of a type and its fields, with its escape.
fn control_frame(kind: u32, fields: &[u8]) -> Vec<u8> {
    let len = u32::try_from(4 + fields.len()).unwrap();
    [
        &0_u32.to_be_bytes()[..],
        &len.to_be_bytes(),
        &kind.to_be_bytes(),
        fields,
    ]
    .concat()
}

/// A field of a control frame.
fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let len = u32::try_from(value.len()).unwrap();
    [&number.to_be_bytes()[..], &len.to_be_bytes(), value].concat()
}

#[test]
fn blank_lines_are_no_records_and_the_last_line_may_be_open() {
    check(Framing::Lines, b"", (&[], &[], Ok(())));
    check(Framing::Lines, b"a\nbc\n", (&[b"a", b"bc"], &[], Ok(())));
    check(
        Framing::Lines,
        b"\n\r\n \t\na\r\n\nb",
        (&[b"a", b"b"], &[], Ok(())),
    );
    check(Framing::Lines, b" a \n", (&[b" a "], &[], Ok(())));
}

#[test]
fn a_line_above_the_bound_is_passed_over_once() {
    let long: &[BadFrame] = &[BadFrame::TooLong];
    check(
        Framing::Lines,
        b"12345678\na\n",
        (&[b"12345678", b"a"], &[], Ok(())),
    );
    check(Framing::Lines, b"123456789\na\n", (&[b"a"], long, Ok(())));
    check(
        Framing::Lines,
        b"a\n1234567890123456789012345678\nb\n",
        (&[b"a", b"b"], long, Ok(())),
    );
    check(Framing::Lines, b"12345678901234567890", (&[], long, Ok(())));
}

#[test]
fn a_record_behind_its_length_may_be_empty_but_not_cut() {
    check(Framing::Delimited, b"", (&[], &[], Ok(())));
    check(
        Framing::Delimited,
        b"\x01a\x00\x02bc",
        (&[b"a", b"", b"bc"], &[], Ok(())),
    );
    check(Framing::Delimited, b"\x81\x00a", (&[b"a"], &[], Ok(())));
    check(
        Framing::Delimited,
        b"\x01a\x02b",
        (&[b"a"], &[], Err(BadFrame::Cut)),
    );
    check(Framing::Delimited, b"\x80", (&[], &[], Err(BadFrame::Cut)));
    check(
        Framing::Delimited,
        &[0xff; 12],
        (&[], &[], Err(BadFrame::BadLength)),
    );
    let long: &[BadFrame] = &[BadFrame::TooLong];
    check(
        Framing::Delimited,
        b"\x09123456789\x01a",
        (&[b"a"], long, Ok(())),
    );
    check(
        Framing::Delimited,
        b"\x09123",
        (&[], long, Err(BadFrame::Cut)),
    );
    let endless = [&[0xff; 9][..], &[1], b"abc"].concat();
    check(
        Framing::Delimited,
        &endless,
        (&[], long, Err(BadFrame::Cut)),
    );
}

#[test]
fn a_frame_stream_starts_and_stops() {
    check(Framing::FrameStream, b"", (&[], &[], Ok(())));
    let whole = stream(&[b"a", b"bc"]);
    check(Framing::FrameStream, &whole, (&[b"a", b"bc"], &[], Ok(())));
    let open = &whole[..whole.len() - 12];
    check(Framing::FrameStream, open, (&[b"a", b"bc"], &[], Ok(())));
    let cut = &whole[..whole.len() - 13];
    check(
        Framing::FrameStream,
        cut,
        (&[b"a"], &[], Err(BadFrame::Cut)),
    );
    let after = [&whole[..], &[0]].concat();
    check(
        Framing::FrameStream,
        &after,
        (&[b"a", b"bc"], &[], Err(BadFrame::AfterStop)),
    );
    let no_start = &whole[46 - 4 + 4..];
    check(
        Framing::FrameStream,
        no_start,
        (&[], &[], Err(BadFrame::NoStart)),
    );
    check(
        Framing::FrameStream,
        &control_frame(4, &[]),
        (&[], &[], Err(BadFrame::NoStart)),
    );
    let twice = [control_frame(2, &[]), control_frame(2, &[])].concat();
    check(
        Framing::FrameStream,
        &twice,
        (&[], &[], Err(BadFrame::BadControl)),
    );
    let finish = [control_frame(2, &[]), control_frame(5, &[])].concat();
    check(
        Framing::FrameStream,
        &finish,
        (&[], &[], Err(BadFrame::BadControl)),
    );
    let long = [
        control_frame(2, &[]),
        b"\0\0\0\x09123456789\0\0\0\x01a".to_vec(),
    ]
    .concat();
    check(
        Framing::FrameStream,
        &long,
        (&[b"a"], &[BadFrame::TooLong], Ok(())),
    );
}

#[test]
fn a_frame_stream_says_that_it_is_dnstap_or_nothing() {
    let start = |fields: &[u8]| {
        split(
            Splitter::new(Framing::FrameStream),
            &control_frame(2, fields),
            1,
        )
        .2
    };
    let dnstap = field(1, b"protobuf:dnstap.Dnstap");
    let other = field(1, b"protobuf:other");
    assert_eq!(start(&[]), Ok(()));
    assert_eq!(start(&dnstap), Ok(()));
    assert_eq!(start(&[other.clone(), dnstap.clone()].concat()), Ok(()));
    assert_eq!(start(&other), Err(BadFrame::ContentType));
    assert_eq!(start(&field(2, b"x")), Err(BadFrame::BadControl));
    assert_eq!(start(&dnstap[..20]), Err(BadFrame::BadControl));
    assert_eq!(start(&dnstap[..7]), Err(BadFrame::BadControl));
    let long = |len: usize| start(&field(1, &vec![b'x'; len]));
    assert_eq!(long(CONTROL_LEN_MAX - 12), Err(BadFrame::ContentType));
    assert_eq!(long(CONTROL_LEN_MAX - 11), Err(BadFrame::BadControl));
    let short = [0_u32.to_be_bytes(), 3_u32.to_be_bytes(), [0; 4]].concat();
    assert_eq!(
        split(Splitter::new(Framing::FrameStream), &short, 1).2,
        Err(BadFrame::BadControl)
    );
}

#[test]
fn an_unframed_input_is_one_record() {
    check(Framing::Whole, b"", (&[], &[], Ok(())));
    check(Framing::Whole, b"a\nb", (&[b"a\nb"], &[], Ok(())));
    check(
        Framing::Whole,
        b"123456789",
        (&[], &[], Err(BadFrame::TooLong)),
    );
}

#[test]
fn the_usual_bounds_are_the_written_ones() {
    let line = vec![b'x'; RECORD_LEN_MAX + 1];
    let lines_max = || Splitter::new(Framing::Lines);
    assert_eq!(split(lines_max(), &line[1..], 1 << 20).0.len(), 1);
    assert_eq!(split(lines_max(), &line, 1 << 20).1, [BadFrame::TooLong]);
    let block = [&line[..], b"\na\n"].concat();
    let expected: [Result<&[u8], BadFrame>; 2] = [Err(BadFrame::TooLong), Ok(b"a")];
    assert_eq!(lines(&block).collect::<Vec<_>>(), expected);
    for (framing, len_max) in [
        (Framing::Lines, RECORD_LEN_MAX),
        (Framing::Whole, RECORD_LEN_MAX),
        (Framing::Delimited, RECORD_LEN_MAX),
        (Framing::FrameStream, FRAME_LEN_MAX),
    ] {
        let mut out = Vec::new();
        let over = &line[..len_max + 1];
        assert_eq!(write_frame(framing, over, &mut out), Err(BadFrame::TooLong));
        write_start(framing, &mut out);
        write_frame(framing, &line[..len_max], &mut out).unwrap();
        write_stop(framing, &mut out);
        assert_eq!(
            split(Splitter::new(framing), &out, 1 << 20).0.len(),
            1,
            "{framing:?}"
        );
    }
    let frame = [
        &control_frame(2, &[])[..],
        &[0, 0x10, 0, 1],
        &vec![1; FRAME_LEN_MAX + 1],
    ]
    .concat();
    let (records, bad, end) = split(Splitter::new(Framing::FrameStream), &frame, 1 << 16);
    assert_eq!(
        (records.len(), bad, end),
        (0, vec![BadFrame::TooLong], Ok(()))
    );
}

#[test]
fn a_growing_line_is_searched_once() {
    let mut splitter = Splitter::new(Framing::Lines);
    let line = vec![b'x'; 1000];
    for len in 0..1000 {
        assert_eq!(splitter.next_frame(&line[..len], false), Frame::More);
        assert_eq!(splitter.state, State::Open { searched: len });
    }
}

/// Lines by the standard library: the definition.
fn oracle_lines(input: &[u8]) -> Vec<Vec<u8>> {
    let line = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
    let lines = input.split(|&byte| byte == b'\n');
    lines
        .filter(|line| !line.trim_ascii().is_empty())
        .map(line)
        .collect()
}

/// Bytes of which framings are made, and few others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        Just(b'\n'),
        Just(b'\r'),
        Just(0_u8),
        0_u8..5,
        Just(b'a'),
        Just(0x80),
        any::<u8>()
    ]
}

/// Every framing.
fn any_framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Lines),
        Just(Framing::FrameStream),
        Just(Framing::Delimited),
        Just(Framing::Whole)
    ]
}

proptest! {
    #[test]
    fn lines_are_those_of_the_oracle(
        input in proptest::collection::vec(byte(), 0..60),
        step in 1_usize..20,
    ) {
        let expected = oracle_lines(&input);
        prop_assert_eq!(split(Splitter::new(Framing::Lines), &input, step), (expected.clone(), vec![], Ok(())));
        let end = last_line_end(&input);
        let mut fast: Vec<Vec<u8>> = lines(&input).map(|line| line.unwrap().to_vec()).collect();
        fast.extend(oracle_lines(&input[end..]));
        prop_assert_eq!(fast, expected);
    }

    #[test]
    fn what_was_written_is_read(
        framing in any_framing(),
        records in proptest::collection::vec(proptest::collection::vec(1_u8..255, 1..300), 0..8),
        step in 1_usize..600,
    ) {
        let mut records: Vec<Vec<u8>> = records;
        match framing {
            Framing::Lines => records.iter_mut().flatten().for_each(|byte| *byte = byte.saturating_add(32)),
            Framing::Whole => records.truncate(1),
            Framing::FrameStream | Framing::Delimited => {}
        }
        let mut out = Vec::new();
        write_start(framing, &mut out);
        for record in &records {
            write_frame(framing, record, &mut out).unwrap();
        }
        write_stop(framing, &mut out);
        prop_assert_eq!(split(Splitter::new(framing), &out, step), (records, vec![], Ok(())));
    }

    #[test]
    fn pieces_do_not_matter(
        framing in any_framing(),
        started: bool,
        input in proptest::collection::vec(byte(), 0..60),
        step in 1_usize..20,
    ) {
        let mut whole = if started { control_frame(2, &[]) } else { Vec::new() };
        whole.extend(input);
        let splitter = Splitter::with_len_max(framing, 8);
        let at_once = split(splitter.clone(), &whole, whole.len().max(1));
        prop_assert_eq!(split(splitter, &whole, step), at_once);
    }
}
