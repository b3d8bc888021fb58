//! The self-test of tables: freshly built, they must find a sample of their own keys, or there is no
//! layer. What is asked of a whole snapshot stands beside.

use super::build::BuildError;
use super::tables::{Class, Tables};
use crate::matching::{AddressTable, KeyId, NameProbe, fits};
use crate::model::{DomainName, IndicatorValue, NAME_LEN_MAX};

/// Most keys of a class that are looked up.
const SAMPLE: usize = 1000;

/// Looks up a sample of the keys of every class, with the probe and with the find.
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
        let text = tables.patterns.text(id);
        let asked = text.replace('*', "").replace('?', "a");
        let found = |name: DomainName<'_>| {
            let mut found = Vec::new();
            tables.patterns.fitting(name, &mut found);
            // A dot at its end is lost when the text becomes a name.
            !fits(text, name.as_str())
                || found.contains(&id) && tables.patterns.probe(asked.as_bytes())
        };
        expect(Class::Pattern, text, &asked, found)?;
    }
    check_addresses(&tables.addresses)
}

/// Looks up a sample of the prefixes and endpoints, with the probe and with the find.
fn check_addresses(addresses: &AddressTable) -> Result<(), BuildError> {
    let step = stride(addresses.prefixes_len());
    for (net, id) in addresses.prefixes().step_by(step) {
        let mut found = Vec::new();
        addresses.covering(net, &mut found);
        if !found.contains(&(net, id)) || !addresses.probe(net.addr(), None) {
            return Err(lost(Class::Prefix, IndicatorValue::Prefix(net).to_string()));
        }
    }
    let step = stride(addresses.endpoints_len());
    for (ip, port, id) in addresses.all_endpoints().step_by(step) {
        let mut found = Vec::new();
        addresses.endpoints(ip, &mut found);
        if !found.contains(&(port, id)) || !addresses.probe(ip, Some(port)) {
            let value = IndicatorValue::Endpoint { ip, port };
            return Err(lost(Class::Endpoint, value.to_string()));
        }
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
        Ok(name) if !found(name) => Err(lost(class, value.to_owned())),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// At most [`SAMPLE`] of `len` numbers, evenly spread.
fn sample(len: usize) -> impl Iterator<Item = KeyId> {
    (0..len).step_by(stride(len)).map(KeyId::from_index)
}

/// The step that takes at most [`SAMPLE`] of `len`.
fn stride(len: usize) -> usize {
    len.div_ceil(SAMPLE).max(1)
}

/// A key that was not found.
fn lost(class: Class, value: String) -> BuildError {
    BuildError::SelfTest {
        class: class.as_str(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{HashKey, NameHash};
    use crate::model::{NameEngine, Scope};
    use crate::snapshot::tables::TablesBuilder;

    #[test]
    fn tables_that_lose_a_key_are_refused() {
        let mut scratch = [0; NAME_LEN_MAX];
        let values = [
            IndicatorValue::Name {
                name: DomainName::parse(b"bad.example", &mut scratch).unwrap(),
                scope: Scope::Below,
            },
            IndicatorValue::Pattern("*login??bank*"),
            IndicatorValue::Prefix("10.0.0.0/8".parse().unwrap()),
            IndicatorValue::Endpoint {
                ip: "203.0.113.1".parse().unwrap(),
                port: 443,
            },
        ];
        for value in values {
            let key = HashKey::random();
            let hash = match value {
                IndicatorValue::Name { name, .. } => key.hash(name),
                _ => NameHash::default(),
            };
            let mut builder = TablesBuilder::new(key);
            builder.insert(&value, hash, false).unwrap();
            let mut tables = builder.build(NameEngine::Table).unwrap();
            assert!(check(&tables).is_ok(), "{value}");
            tables.names.forget();
            tables.patterns.forget();
            tables.addresses.forget();
            let error = check(&tables).unwrap_err().to_string();
            let class = value.class();
            assert_eq!(
                error,
                format!("the snapshot does not find its own {class} `{value}`")
            );
        }
    }
}
