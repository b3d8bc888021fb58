//! Leases in: one `gannet.lease.v1` object a record, or one a line.

use serde::Deserialize;
use serde_json::error::Category;

use super::{ITEMS_MAX, JSON_DEPTH_MAX, Reject};
use crate::model::{
    EventTime, Lease, LeaseError, LeaseFormat, PortBlock, parse_address, parse_prefix,
};

/// Hands every lease of `record` to `each`, or why a line is none: the record is one object, or
/// holds one a line (blank lines are passed over). Order is that of the record.
pub fn leases(format: LeaseFormat, record: &[u8], each: &mut impl FnMut(Result<Lease, Reject>)) {
    match format {
        LeaseFormat::GannetJson => json_leases(record, each),
    }
}

/// As [`leases`], of the native form.
fn json_leases(record: &[u8], each: &mut impl FnMut(Result<Lease, Reject>)) {
    let record = record.trim_ascii();
    if record.is_empty() {
        return each(Err(Reject::Empty));
    }
    let whole = json_lease(record);
    // One object over several lines is one lease; only what is not may be several.
    if whole.is_ok() || !record.contains(&b'\n') {
        return each(whole);
    }
    let lines = record
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    for (index, line) in lines.enumerate() {
        if index == ITEMS_MAX {
            return each(Err(Reject::TooMany));
        }
        each(json_lease(line));
    }
}

/// The written form.
#[derive(Deserialize)]
struct Written {
    schema: Option<String>,
    lease_id: Option<String>,
    subscriber: Option<String>,
    ip: Option<String>,
    prefix: Option<String>,
    port_first: Option<u16>,
    port_last: Option<u16>,
    start: Option<String>,
    end: Option<String>,
    operator: Option<String>,
    country: Option<String>,
    source: Option<String>,
    contact: Option<String>,
}

/// The lease of one object.
fn json_lease(object: &[u8]) -> Result<Lease, Reject> {
    if nested_too_deeply(object) {
        return Err(Reject::TooDeep);
    }
    let written: Written =
        serde_json::from_slice(object).map_err(|error| match error.classify() {
            Category::Data => Reject::Schema,
            Category::Io | Category::Syntax | Category::Eof => Reject::NotJson,
        })?;
    if written.schema.is_some_and(|schema| schema != SCHEMA) {
        return Err(Reject::Schema);
    }
    let (Some(lease_id), Some(subscriber)) = (given(written.lease_id), given(written.subscriber))
    else {
        return Err(reject(LeaseError::Identity));
    };
    let net = match (given(written.ip), given(written.prefix)) {
        (Some(ip), None) => parse_address(&ip).map(Into::into),
        (None, Some(prefix)) => parse_prefix(&prefix),
        (None, None) | (Some(_), Some(_)) => return Err(reject(LeaseError::Address)),
    };
    let ports = match (written.port_first, written.port_last) {
        (None, None) => None,
        (Some(first), Some(last)) => Some(PortBlock::new(first, last).map_err(reject)?),
        (Some(_), None) | (None, Some(_)) => return Err(reject(LeaseError::Ports)),
    };
    let start = instant(written.start)?.ok_or(Reject::NoTime)?;
    let end = instant(written.end)?;
    if end.is_some_and(|end| end < start) {
        return Err(reject(LeaseError::EndBeforeStart));
    }
    Ok(Lease {
        lease_id,
        subscriber,
        net: net.map_err(|_| Reject::BadAddress)?,
        ports,
        start,
        end,
        operator: given(written.operator),
        country: given(written.country),
        source: given(written.source),
        contact: given(written.contact),
    })
}

/// The name of the native form.
const SCHEMA: &str = "gannet.lease.v1";

/// A text that says something.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// A written instant; absent is none, anything that is no time is refused.
fn instant(text: Option<String>) -> Result<Option<EventTime>, Reject> {
    given(text)
        .map(|text| EventTime::parse_rfc3339(&text).map_err(|_| Reject::NoTime))
        .transpose()
}

/// The reason that stands for what is wrong with a lease.
fn reject(error: LeaseError) -> Reject {
    match error {
        LeaseError::Address => Reject::BadAddress,
        LeaseError::Ports | LeaseError::EndBeforeStart | LeaseError::Identity => Reject::Schema,
    }
}

/// Whether brackets outside strings are nested deeper than we read.
fn nested_too_deeply(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(record: &[u8]) -> Vec<Result<Lease, Reject>> {
        let mut found = Vec::new();
        leases(LeaseFormat::GannetJson, record, &mut |lease| {
            found.push(lease)
        });
        found
    }

    const WHOLE: &str = r#"{"schema":"gannet.lease.v1","lease_id":"r1-4711","subscriber":"line-0042",
        "ip":"198.51.100.7","prefix":null,"port_first":1024,"port_last":2047,
        "start":"2026-01-01T00:00:00Z","end":null,"operator":"ISP A","country":"VN",
        "source":"radius","contact":"ticket-0042","later":{"added":[1]}}"#;

    fn whole() -> Lease {
        Lease {
            lease_id: "r1-4711".into(),
            subscriber: "line-0042".into(),
            net: "198.51.100.7/32".parse().unwrap(),
            ports: PortBlock::new(1024, 2047).ok(),
            start: EventTime::from_parts(1_767_225_600, 0).unwrap(),
            end: None,
            operator: Some("ISP A".into()),
            country: Some("VN".into()),
            source: Some("radius".into()),
            contact: Some("ticket-0042".into()),
        }
    }

    #[test]
    fn the_native_form_is_taken_whole() {
        assert_eq!(decoded(WHOLE.as_bytes()), [Ok(whole())]);
    }

    #[test]
    fn lines_are_leases_and_bad_ones_cost_only_themselves() {
        let line = WHOLE.replace('\n', " ");
        let record = format!("{line}\n\nnonsense\r\n{line}\n");
        let expected = [Ok(whole()), Err(Reject::NotJson), Ok(whole())];
        assert_eq!(decoded(record.as_bytes()), expected);
    }

    #[track_caller]
    fn check(from: &str, to: &str, expected: Result<fn(&mut Lease), Reject>) {
        let written = WHOLE.replace(from, to);
        assert_ne!(written, WHOLE, "`{from}` occurs");
        let expected = expected.map(|change| {
            let mut lease = whole();
            change(&mut lease);
            lease
        });
        let line = written.replace('\n', " ");
        assert_eq!(decoded(line.as_bytes()), [expected], "{from} -> {to}");
    }

    #[test]
    fn every_field_is_checked() {
        check("gannet.lease.v1", "gannet.hit.v1", Err(Reject::Schema));
        check(r#""schema":"gannet.lease.v1","#, "", Ok(|_| {}));
        check("r1-4711", "", Err(Reject::Schema));
        check(r#""line-0042""#, "null", Err(Reject::Schema));
        check(r#""line-0042""#, "42", Err(Reject::Schema));
        check("198.51.100.7", "198.51.100", Err(Reject::BadAddress));
        check(
            "198.51.100.7",
            "::ffff:198.51.100.8",
            Ok(|lease| lease.net = "198.51.100.8/32".parse().unwrap()),
        );
        check(
            r#""ip":"198.51.100.7","prefix":null"#,
            r#""prefix":"2001:db8:1::1/56""#,
            Ok(|lease| lease.net = "2001:db8:1::/56".parse().unwrap()),
        );
        check(
            "\"prefix\":null",
            "\"prefix\":\"10.0.0.0/8\"",
            Err(Reject::BadAddress),
        );
        check(r#""ip":"198.51.100.7","#, "", Err(Reject::BadAddress));
        check("1024", "2048", Err(Reject::Schema));
        check("2047", "null", Err(Reject::Schema));
        check("2047", "70000", Err(Reject::Schema));
        check("\"2026-01-01T00:00:00Z\"", "null", Err(Reject::NoTime));
        check("00:00Z", "00:00", Err(Reject::NoTime));
        check("\"end\":null", "\"end\":\"soon\"", Err(Reject::NoTime));
        check(
            "\"end\":null",
            "\"end\":\"2025-01-01T00:00:00Z\"",
            Err(Reject::Schema),
        );
        check(
            "\"end\":null",
            "\"end\":\"2026-01-01T00:00:00Z\"",
            Ok(|lease| lease.end = Some(lease.start)),
        );
        check("\"ISP A\"", "\" \"", Ok(|lease| lease.operator = None));
        check(
            "[1]",
            &format!("{}{}", "[".repeat(40), "]".repeat(40)),
            Err(Reject::TooDeep),
        );
        check("[1]", &format!("\"{}\\\"[\"", "[".repeat(40)), Ok(|_| {}));
        check("[1]", "[1", Err(Reject::NotJson));
    }

    #[test]
    fn nothing_is_an_empty_record() {
        assert_eq!(decoded(b""), [Err(Reject::Empty)]);
        assert_eq!(decoded(b" \n "), [Err(Reject::Empty)]);
    }

    #[test]
    fn too_many_lines_are_cut_off() {
        let found = decoded("1\n".repeat(ITEMS_MAX + 2).as_bytes());
        assert_eq!(found.len(), ITEMS_MAX + 1);
        assert_eq!(found.last(), Some(&Err(Reject::TooMany)));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_outcome(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!decoded(&bytes).is_empty());
        }

        #[test]
        fn a_damaged_lease_ends_in_an_outcome(at in 0..WHOLE.len(), byte in any::<u8>()) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            bytes[at] = byte;
            prop_assert!(!decoded(&bytes).is_empty());
            prop_assert!(!decoded(&bytes[..at]).is_empty());
        }
    }
}
