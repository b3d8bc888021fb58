//! `config/gannet.toml` tells every key and every default.

use std::collections::BTreeSet;
use std::fs;

use toml::de::{DeTable, DeValue};

use crate::config::load::document;
use crate::config::reader::{Context, Section};

use super::{REQUIRED, no_env, parse};

/// The documented configuration.
const DOCUMENTED: &str = include_str!("../../../config/gannet.toml");

#[test]
fn the_documented_configuration_equals_the_defaults() {
    let identify = "[identify]\nstore = \"state/episodes.redb\"\n\
                    leases = [{ topic = \"gannet.leases\", format = \"gannet-json\" }]\n[http]\n";
    assert_eq!(parse(DOCUMENTED), parse(&format!("{REQUIRED}{identify}")));
}

#[test]
fn every_key_is_documented() {
    let text: String = DOCUMENTED
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(['[', '"']) || key.starts_with(char::is_alphabetic) => key,
            Some(_) | None => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("secrets")).unwrap();
    fs::write(directory.path().join("secrets/kafka-password"), "x").unwrap();
    let table = DeTable::parse(&text).unwrap();
    let context = Context::new(&no_env, directory.path().to_owned());
    let config = document(Section::document(&context, table.get_ref()));
    assert_eq!(context.errors(&text), []);
    assert!(config.is_some());
    let mut documented = BTreeSet::new();
    collect_keys(table.get_ref(), "", &mut documented);
    documented.retain(|key| !key.contains(".properties.") && !key.contains("header_files."));
    assert_eq!(documented, context.known());
}

/// Adds every key of `table` and its tables, with `[]` for any index, to `keys`.
fn collect_keys(table: &DeTable<'_>, section: &str, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let key = format!("{section}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            collect_keys(inner, &format!("{key}."), keys);
        }
        for element in value.get_ref().as_array().into_iter().flatten() {
            if let DeValue::Table(inner) = element.get_ref() {
                collect_keys(inner, &format!("{key}[]."), keys);
            }
        }
        keys.insert(key);
    }
}
