//! The self-test: a freshly built snapshot must find a sample of its own keys, or it is not
//! published.

use super::build::BuildError;
use super::tables::{Class, Tables};
use crate::matching::{KeyId, NameProbe, PatternTable};
use crate::model::{DomainName, NAME_LEN_MAX};

/// Most keys of a class that are looked up.
const SAMPLE: usize = 1000;

/// Looks up a sample of the names and patterns, with the probe and with the find.
///
/// # Errors
/// [`BuildError::SelfTest`] with the first one that is not found.
pub(super) fn check(tables: &Tables) -> Result<(), BuildError> {
    let keys = tables.names.keys();
    for id in sample(keys.len()) {
        let name = keys.name(id);
        let asked = if keys.covers(id, true) {
            name.to_owned()
        } else {
            format!("a.{name}")
        };
        let found = |name: DomainName<'_>| {
            let mut found = Vec::new();
            tables.names.covering(name, &mut found);
            found.contains(&id) && tables.names.probe(asked.as_bytes()) == NameProbe::Candidate
        };
        expect(Class::Name, name, &asked, found)?;
    }
    for id in sample(tables.patterns.len()) {
        let asked = instance(&tables.patterns, id);
        let found = |name: DomainName<'_>| {
            let mut found = Vec::new();
            tables.patterns.fitting(name, &mut found);
            found.contains(&id) && tables.patterns.probe(asked.as_bytes())
        };
        expect(Class::Pattern, tables.patterns.text(id), &asked, found)?;
    }
    Ok(())
}

/// Fails unless `found` holds for `asked`, or `asked` is no name (too long by its addition).
fn expect(
    class: Class,
    value: &str,
    asked: &str,
    found: impl Fn(DomainName<'_>) -> bool,
) -> Result<(), BuildError> {
    let mut scratch = [0; NAME_LEN_MAX];
    match DomainName::parse(asked.as_bytes(), &mut scratch) {
        Ok(name) if !found(name) => Err(BuildError::SelfTest {
            class: class.as_str(),
            value: value.to_owned(),
        }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The shortest text that a pattern fits; not always a name.
fn instance(patterns: &PatternTable, id: KeyId) -> String {
    patterns.text(id).replace('*', "").replace('?', "a")
}

/// At most [`SAMPLE`] of `len` numbers, evenly spread.
fn sample(len: usize) -> impl Iterator<Item = KeyId> {
    (0..len)
        .step_by(len.div_ceil(SAMPLE).max(1))
        .map(KeyId::from_index)
}
