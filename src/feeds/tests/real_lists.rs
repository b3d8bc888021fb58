//! Lists that are in use, as their makers publish them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The path of real lists, if they are there.
#[expect(clippy::print_stdout, reason = "says why a test proves nothing")]
pub(in crate::feeds) fn data(name: &str) -> Option<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/feeds");
    let path = Path::new(root).join(name);
    let there = path.exists();
    if !there {
        println!("skipped: no data");
    }
    there.then_some(path)
}

#[test]
fn three_renderings_of_a_real_list_are_the_same_names() {
    let Some(root) = data("blocklistproject") else {
        return;
    };
    let names = |file: &str, format| {
        let mut names = BTreeSet::new();
        let report = parse(&root.join(file), &options(format), &mut |indicator| {
            names.insert(indicator.value.to_string());
            Ok(())
        });
        (names, report.unwrap().refused)
    };
    for list in ["ransomware", "scam"] {
        let hosts = names(&format!("{list}.txt"), FeedFormat::Hosts);
        assert!(hosts.0.len() > 1000);
        assert_eq!(
            hosts,
            names(&format!("alt-version/{list}-nl.txt"), FeedFormat::Plain)
        );
        assert_eq!(
            hosts,
            names(&format!("adguard/{list}-ags.txt"), FeedFormat::Adblock)
        );
    }
}

#[test]
fn a_plain_list_called_hosts_is_found_out() {
    let Some(path) = data("stalkerware/generated/hosts") else {
        return;
    };
    let as_hosts = parse(&path, &options(FeedFormat::Hosts), &mut |_| Ok(()));
    assert_eq!(as_hosts.unwrap_err().reason(), "too_many_refused");
    let (_, report) = parse_plain(&path).unwrap();
    assert_eq!(report.refused, [].into());
    let csv = data("stalkerware/generated/network.csv").unwrap();
    let columns = CsvColumns {
        malware: Some("app".to_owned()),
        ..CsvColumns::default()
    };
    let options = ParseOptions {
        columns: &columns,
        ..options(FeedFormat::Csv)
    };
    let report = parse(&csv, &options, &mut |indicator| {
        indicator.malware.map(|_| ()).ok_or("no_family")
    });
    assert_eq!(report.unwrap().refused, [(reason::URL, 2)].into());
}

#[test]
fn real_ugly_rows_end_as_they_should() {
    let Some(path) = data("ugly_rows_sample.tsv") else {
        return;
    };
    let mut outcomes = BTreeMap::<String, BTreeSet<_>>::new();
    for row in fs::read_to_string(path).unwrap().lines().skip(1) {
        let mut cells = row.splitn(4, '\t');
        let (category, raw) = (cells.next().unwrap(), cells.nth(2).unwrap());
        let raw = raw
            .trim_matches('\'')
            .replace("\\\\", "\\")
            .replace("\\t", "\t");
        let (found, report) = parse_text(raw.as_bytes(), &options(FeedFormat::Plain), shown);
        let kind = found
            .first()
            .and_then(|row| row.split(' ').next())
            .map(str::to_owned);
        let outcome = report
            .refused
            .keys()
            .next()
            .map(|reason| (*reason).to_owned());
        let outcome = outcome.or(kind).unwrap_or_else(|| "comment".to_owned());
        outcomes
            .entry(category.to_owned())
            .or_default()
            .insert(outcome);
    }
    let expected: [(&str, &[&str]); 14] = [
        ("deep_name_9plus_labels", &["name"]),
        ("defanged", &["extra_text", "name", "prefix", "url"]),
        ("email", &["extra_text"]),
        ("hash", &["extra_text", "hash"]),
        ("header_only_file", &["comment"]),
        ("inline_comment", &["prefix"]),
        ("ip_port", &["endpoint"]),
        ("ip_port_port", &["bad_port"]),
        ("ipv6", &["prefix"]),
        ("path_only", &["path"]),
        ("regex_escape", &["extra_text", "odd_character"]),
        ("underscore_label", &["name"]),
        ("url_no_scheme", &["url"]),
        ("url_scheme", &["extra_text", "prefix"]),
    ];
    for (category, expected) in expected {
        let outcomes: Vec<_> = outcomes[category].iter().collect();
        assert_eq!(outcomes, expected, "{category}");
    }
}
