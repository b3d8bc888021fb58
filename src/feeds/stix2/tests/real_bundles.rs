//! Bundles as their makers publish them.

use std::collections::BTreeSet;
use std::fs;

use super::super::super::reason;
use crate::feeds::tests::real_lists::data;
use crate::feeds::tests::{options, parse_text, shown};
use crate::model::FeedFormat;

#[test]
fn a_real_bundle_gives_the_names_of_its_text_list() {
    let Some(root) = data("amnesty/2021-07-18_nso") else {
        return;
    };
    let names = |file: &str, format| {
        let mut names = BTreeSet::new();
        let report = crate::feeds::parse(&root.join(file), &options(format), &mut |indicator| {
            if format == FeedFormat::Stix2 {
                assert_eq!(indicator.malware, Some("Pegasus"));
            }
            names.insert(indicator.value.to_string());
            Ok(())
        });
        (names, report.unwrap())
    };
    let (listed, _) = names("domains.txt", FeedFormat::Plain);
    let (found, report) = names("pegasus.stix2", FeedFormat::Stix2);
    assert!(found == listed, "{} and {}", found.len(), listed.len());
    assert_eq!(
        (report.rows, report.accepted, report.ignored),
        (3099, 1438, 1550)
    );
    assert_eq!(report.refused, [(reason::NOT_NETWORK, 111)].into());
}

#[test]
fn a_real_list_of_observed_objects_lists_nothing() {
    let Some(path) = data("stix2-oasis/sco-examples-bundle.json") else {
        return;
    };
    let text = fs::read(path).unwrap();
    let (found, report) = parse_text(&text, &options(FeedFormat::Stix2), shown);
    assert_eq!(found, [""; 0]);
    assert_eq!((report.rows, report.ignored), (82, 82));
}
