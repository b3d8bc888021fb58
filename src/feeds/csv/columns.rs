//! Which column of a `csv` file holds what, found by the names in its header.

use super::record::Record;
use crate::config::CsvColumns;

/// Names of the column of the indicator, in the order in which they are looked for.
pub(in crate::feeds) const VALUE_NAMES: [&str; 5] = ["value", "indicator", "ioc", "domain", "ip"];

/// The positions of the columns, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The indicator.
    pub(super) value: usize,
    /// The feed's own id.
    pub(super) id: Option<usize>,
    /// The malware family.
    pub(super) malware: Option<usize>,
    /// The role.
    pub(super) role: Option<usize>,
    /// The confidence.
    pub(super) confidence: Option<usize>,
    /// Start of validity.
    pub(super) valid_from: Option<usize>,
    /// End of validity.
    pub(super) valid_until: Option<usize>,
    /// A link.
    pub(super) reference: Option<usize>,
    /// Tags.
    pub(super) tags: Option<usize>,
}

impl Columns {
    /// Finds the columns in `header`, whatever the case of their names. Those that `named` does
    /// not name have the names of their fields, and may be absent.
    ///
    /// # Errors
    /// The name of the first missing column.
    pub(super) fn find(header: &Record, named: &CsvColumns) -> Result<Self, String> {
        let position = |name: &str| header.position(name.trim());
        let value = match &named.value {
            Some(name) => position(name).ok_or_else(|| name.clone())?,
            None => VALUE_NAMES
                .iter()
                .find_map(|name| position(name))
                .ok_or_else(|| VALUE_NAMES[0].to_owned())?,
        };
        let find = |name: &Option<String>, usual: &str| match name {
            Some(name) => position(name).map(Some).ok_or_else(|| name.clone()),
            None => Ok(position(usual)),
        };
        Ok(Self {
            value,
            id: find(&named.id, "id")?,
            malware: find(&named.malware, "malware")?,
            role: find(&named.role, "role")?,
            confidence: find(&named.confidence, "confidence")?,
            valid_from: find(&named.valid_from, "valid_from")?,
            valid_until: find(&named.valid_until, "valid_until")?,
            reference: find(&named.reference, "reference")?,
            tags: find(&named.tags, "tags")?,
        })
    }
}
