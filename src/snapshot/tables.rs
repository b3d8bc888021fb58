//! The four tables of one kind of rule (what is listed, allowed or revoked), each with the rows
//! of its keys.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnet::IpNet;

use super::rows::{Row, Rows, RowsBuilder};
use crate::matching::{
    AddressTable, AddressTableBuilder, Full, HashKey, KeyId, NameHash, NameTable, NameTableBuilder,
    PatternError, PatternTable, PatternTableBuilder, TableError,
};
use crate::model::{DomainName, IndicatorValue, MatchKind, NAME_LEN_MAX, NameEngine, Scope};

/// What a key is, and which table holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Class {
    /// A domain name.
    Name,
    /// A substring or glob.
    Pattern,
    /// An address or prefix.
    Prefix,
    /// An address on a port.
    Endpoint,
}

impl Class {
    /// The word that `hit_id` hashes.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Pattern => "pattern",
            Self::Prefix => "prefix",
            Self::Endpoint => "endpoint",
        }
    }
}

/// What is looked up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'e> {
    /// A name.
    Name(DomainName<'e>),
    /// What is left of an unfit name: only names that are listed count, not patterns.
    Below(DomainName<'e>),
    /// An address, perhaps with a port.
    Address(IpAddr, Option<u16>),
    /// A network: only what covers all of it counts.
    Network(IpNet),
}

/// A key that covers a subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'s> {
    /// Which key.
    pub(super) class: Class,
    /// Its number among those of its class.
    pub(super) key: KeyId,
    /// What it is.
    pub(super) value: FoundValue<'s>,
    /// How the subject and the key fit together.
    pub(super) kind: MatchKind,
    /// Bytes of the name, bits of the prefix, 0 for a pattern.
    pub(super) specificity: u16,
}

impl Found<'_> {
    /// Whether another layer's key is the same value.
    pub(super) fn is_same_value(&self, other: &Found<'_>) -> bool {
        self.class == other.class && self.value == other.value
    }

    /// Orders what was found of a subject: as [`Tables::find`] does.
    pub(super) fn rank(&self, subject: Subject<'_>) -> impl Ord + use<> {
        let asked = match subject {
            Subject::Address(_, port) => port,
            Subject::Name(_) | Subject::Below(_) | Subject::Network(_) => None,
        };
        let (behind, port) = match (self.class, self.value) {
            (Class::Endpoint, FoundValue::Endpoint(_, port)) => (0, port),
            (Class::Prefix | Class::Pattern, _) => (1, 0),
            (Class::Name | Class::Endpoint, _) => (0, 0),
        };
        let other_port = self.class == Class::Endpoint && Some(port) != asked;
        (behind, other_port, Reverse(self.specificity), port)
    }
}

/// The value of a key that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundValue<'s> {
    /// A name or a pattern.
    Text(&'s str),
    /// A prefix.
    Prefix(IpNet),
    /// An endpoint.
    Endpoint(IpAddr, u16),
}

impl FoundValue<'_> {
    /// The canonical text.
    pub(super) fn canonical(self) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::Prefix(net) => IndicatorValue::Prefix(net).to_string(),
            Self::Endpoint(ip, port) => IndicatorValue::Endpoint { ip, port }.to_string(),
        }
    }
}

/// The tables of one kind of rule.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) names: NameTable,
    pub(super) patterns: PatternTable,
    pub(super) addresses: AddressTable,
    name_rows: Rows,
    pattern_rows: Rows,
    prefix_rows: Rows,
    endpoint_rows: Rows,
}

impl Tables {
    /// How many rows there are.
    pub(super) fn len(&self) -> u64 {
        self.all_rows().map(|rows| rows.len() as u64).iter().sum()
    }

    /// Memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.names.bytes()
            + self.patterns.bytes()
            + self.addresses.bytes()
            + self.all_rows().map(Rows::bytes).iter().sum::<usize>()
    }

    /// Loses rows, as a mistake would: for the test of the self-test.
    #[cfg(test)]
    pub(super) fn lose(&mut self, lost: &dyn Fn(Row) -> bool) {
        for rows in [
            &mut self.name_rows,
            &mut self.pattern_rows,
            &mut self.prefix_rows,
            &mut self.endpoint_rows,
        ] {
            rows.lose(lost);
        }
    }

    /// The rows of a key, the newest first.
    pub(super) fn rows(&self, class: Class, key: KeyId) -> impl Iterator<Item = Row> {
        let rows = match class {
            Class::Name => &self.name_rows,
            Class::Pattern => &self.pattern_rows,
            Class::Prefix => &self.prefix_rows,
            Class::Endpoint => &self.endpoint_rows,
        };
        rows.of(key)
    }

    /// The value of a key that is a text, a name as an exact one; `None` for addresses.
    pub(super) fn text_value<'a>(
        &'a self,
        class: Class,
        key: KeyId,
        scratch: &'a mut [u8; NAME_LEN_MAX],
    ) -> Option<IndicatorValue<'a>> {
        match class {
            Class::Name => {
                let text = self.names.keys().name(key).as_bytes();
                let name = DomainName::parse(text, scratch).ok()?;
                let scope = Scope::Exact;
                Some(IndicatorValue::Name { name, scope })
            }
            Class::Pattern => Some(IndicatorValue::Pattern(self.patterns.text(key))),
            Class::Prefix | Class::Endpoint => None,
        }
    }

    /// Hands out every key with its value: names as exact ones, whatever their scopes.
    pub(super) fn each_key(&self, take: &mut dyn FnMut(Class, KeyId, IndicatorValue<'_>)) {
        let texts = [
            (Class::Name, self.names.keys().len()),
            (Class::Pattern, self.patterns.len()),
        ];
        let mut scratch = [0; NAME_LEN_MAX];
        for (class, len) in texts {
            for key in (0..len).map(KeyId::from_index) {
                if let Some(value) = self.text_value(class, key, &mut scratch) {
                    take(class, key, value);
                }
            }
        }
        self.each_address(take);
    }

    /// As [`Self::each_key`], for addresses alone.
    pub(super) fn each_address(&self, take: &mut dyn FnMut(Class, KeyId, IndicatorValue<'_>)) {
        for (net, key) in self.addresses.prefixes() {
            take(Class::Prefix, key, IndicatorValue::Prefix(net));
        }
        for (ip, port, key) in self.addresses.all_endpoints() {
            take(Class::Endpoint, key, IndicatorValue::Endpoint { ip, port });
        }
    }

    /// Every key that covers `subject`, the most specific first. Endpoints come on every port:
    /// which of their rows count is for the caller to say.
    pub(super) fn find(&self, subject: Subject<'_>) -> Vec<Found<'_>> {
        match subject {
            Subject::Name(name) => {
                let mut found = self.find_name(name);
                found.extend(self.find_patterns(name));
                found
            }
            Subject::Below(name) => self.find_name(name),
            Subject::Address(ip, port) => {
                let mut found = self.find_endpoints(ip, port);
                found.extend(self.find_prefixes(IpNet::from(ip)));
                found
            }
            Subject::Network(net) => self.find_prefixes(net),
        }
    }

    fn find_name(&self, name: DomainName<'_>) -> Vec<Found<'_>> {
        let mut keys = Vec::new();
        self.names.covering(name, &mut keys);
        let mut found: Vec<Found<'_>> = Vec::with_capacity(keys.len());
        for key in keys.drain(..) {
            let text = self.names.keys().name(key);
            let whole = text.len() == name.as_str().len();
            found.push(Found {
                class: Class::Name,
                key,
                value: FoundValue::Text(text),
                kind: if whole {
                    MatchKind::Exact
                } else {
                    MatchKind::Parent
                },
                specificity: u16::try_from(text.len()).unwrap_or(u16::MAX),
            });
        }
        found
    }

    fn find_patterns(&self, name: DomainName<'_>) -> impl Iterator<Item = Found<'_>> {
        let mut keys = Vec::new();
        self.patterns.fitting(name, &mut keys);
        keys.into_iter().map(|key| Found {
            class: Class::Pattern,
            key,
            value: FoundValue::Text(self.patterns.text(key)),
            kind: MatchKind::Pattern,
            specificity: 0,
        })
    }

    /// The endpoints at `ip`: the one on `port` first, then by port.
    fn find_endpoints(&self, ip: IpAddr, port: Option<u16>) -> Vec<Found<'_>> {
        let mut ports = Vec::new();
        self.addresses.endpoints(ip, &mut ports);
        ports.sort_by_key(|&(listed, _)| (Some(listed) != port, listed));
        let bits = u16::from(IpNet::from(ip).max_prefix_len());
        let found = ports.into_iter().map(|(listed, key)| Found {
            class: Class::Endpoint,
            key,
            value: FoundValue::Endpoint(ip, listed),
            kind: MatchKind::Address,
            specificity: bits,
        });
        found.collect()
    }

    fn find_prefixes(&self, net: IpNet) -> Vec<Found<'_>> {
        let mut nets = Vec::new();
        self.addresses.covering(net, &mut nets);
        let found = nets.into_iter().map(|(listed, key)| Found {
            class: Class::Prefix,
            key,
            value: FoundValue::Prefix(listed),
            kind: if listed.prefix_len() == listed.max_prefix_len() {
                MatchKind::Address
            } else {
                MatchKind::Prefix
            },
            specificity: u16::from(listed.prefix_len()),
        });
        found.collect()
    }

    fn all_rows(&self) -> [&Rows; 4] {
        [
            &self.name_rows,
            &self.pattern_rows,
            &self.prefix_rows,
            &self.endpoint_rows,
        ]
    }
}

/// Collects the keys and rows of one kind of rule.
#[derive(Debug)]
pub(super) struct TablesBuilder {
    names: NameTableBuilder,
    patterns: PatternTableBuilder,
    addresses: AddressTableBuilder,
    name_rows: RowsBuilder,
    pattern_rows: RowsBuilder,
    prefix_rows: RowsBuilder,
    endpoint_rows: RowsBuilder,
}

/// Why a key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InsertError {
    /// No room.
    Full,
    /// No pattern, or one too many.
    Pattern(PatternError),
}

impl From<Full> for InsertError {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

impl TablesBuilder {
    /// Empty tables. `key` seeds the hash of names.
    pub(super) fn new(key: HashKey) -> Self {
        Self {
            names: NameTableBuilder::new(key),
            patterns: PatternTableBuilder::default(),
            addresses: AddressTableBuilder::default(),
            name_rows: RowsBuilder::default(),
            pattern_rows: RowsBuilder::default(),
            prefix_rows: RowsBuilder::default(),
            endpoint_rows: RowsBuilder::default(),
        }
    }

    /// Whether there is any name.
    pub(super) fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether there is any address or prefix of IPv4, else of IPv6.
    pub(super) fn has_addresses(&self, v4: bool) -> bool {
        self.addresses.has_family(v4)
    }

    /// Reads where a name with this hash will be inserted.
    pub(super) fn touch(&self, hash: NameHash) -> u32 {
        self.names.touch(hash)
    }

    /// The rows of `value`, the newest first, if it is there; `hash` is that of a name.
    pub(super) fn rows_of(
        &self,
        value: &IndicatorValue<'_>,
        hash: NameHash,
    ) -> Option<impl Iterator<Item = Row>> {
        let (key, rows) = match *value {
            IndicatorValue::Name { name, .. } => {
                (self.names.find_hashed(name, hash)?, &self.name_rows)
            }
            IndicatorValue::Pattern(text) => (self.patterns.find(text)?, &self.pattern_rows),
            IndicatorValue::Prefix(net) => (self.addresses.find_prefix(net)?, &self.prefix_rows),
            IndicatorValue::Endpoint { ip, port } => {
                let key = self.addresses.find_endpoint(ip, port)?;
                (key, &self.endpoint_rows)
            }
        };
        Some(rows.of(key))
    }

    /// The key of `value`, old or new, and the rows of its class. `hash` is that of a name. An
    /// endpoint with `any_port` counts on every port.
    pub(super) fn insert(
        &mut self,
        value: &IndicatorValue<'_>,
        hash: NameHash,
        any_port: bool,
    ) -> Result<(KeyId, &mut RowsBuilder), InsertError> {
        let entry = match *value {
            IndicatorValue::Name { name, scope } => {
                let key = self.names.insert_hashed(name, scope, hash)?;
                (key, &mut self.name_rows)
            }
            IndicatorValue::Pattern(text) => {
                let key = self.patterns.insert(text).map_err(InsertError::Pattern)?;
                (key, &mut self.pattern_rows)
            }
            IndicatorValue::Prefix(net) => {
                (self.addresses.insert_prefix(net)?, &mut self.prefix_rows)
            }
            IndicatorValue::Endpoint { ip, port } => {
                let key = self.addresses.insert_endpoint(ip, port, any_port)?;
                (key, &mut self.endpoint_rows)
            }
        };
        Ok(entry)
    }

    /// The tables.
    pub(super) fn build(self, engine: NameEngine) -> Result<Tables, TableError> {
        Ok(Tables {
            names: self.names.build(engine)?,
            patterns: self.patterns.build()?,
            addresses: self.addresses.build(),
            name_rows: self.name_rows.build(),
            pattern_rows: self.pattern_rows.build(),
            prefix_rows: self.prefix_rows.build(),
            endpoint_rows: self.endpoint_rows.build(),
        })
    }
}
