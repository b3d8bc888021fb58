//! What is planted in every layer: a name and addresses that its tables must find and nobody must see.
//! They have no rows, so they are nobody's: they match nothing, are in no count and no hash.

use super::build::Rules;
use super::layer::Rule;
use crate::matching::{HashKey, NameHash};
use crate::model::{DomainName, IndicatorValue, NAME_LEN_MAX, Scope};

/// A name that nobody can have.
const NAME: &str = "planted.self-test.gannet.invalid";

/// Addresses of documentation.
const ADDRESSES: [&str; 2] = ["192.0.2.253/32", "2001:db8:5e1f:7e57::fd/128"];

/// Plants in the tables of what is listed; says what. Tables without names or without addresses of a
/// family stay so: to ask them costs nothing. What somebody lists is not planted.
pub(super) fn plant(rules: &mut Rules, key: HashKey) -> Vec<&'static str> {
    let tables = rules.tables(Rule::Listed);
    let mut planted = Vec::new();
    let mut scratch = [0; NAME_LEN_MAX];
    if let Ok(name) = DomainName::parse(NAME.as_bytes(), &mut scratch) {
        let scope = Scope::Exact;
        let (value, hash) = (IndicatorValue::Name { name, scope }, key.hash(name));
        if tables.has_names()
            && tables.rows_of(&value, hash).is_none()
            && tables.insert(&value, hash, false).is_ok()
        {
            planted.push(NAME);
        }
    }
    for text in ADDRESSES {
        let Ok(net) = text.parse::<ipnet::IpNet>() else {
            continue;
        };
        let (value, hash) = (IndicatorValue::Prefix(net), NameHash::default());
        if tables.has_addresses(net.addr().is_ipv4())
            && tables.rows_of(&value, hash).is_none()
            && tables.insert(&value, hash, false).is_ok()
        {
            planted.push(text);
        }
    }
    planted
}
