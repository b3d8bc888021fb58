//! What must not match though it is listed: indicators and feeds whose hits exploded, until an
//! operator has looked at them.

use std::collections::BTreeSet;

/// Muted values and feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muted {
    /// Values of indicators, as hits show them.
    pub values: BTreeSet<String>,
    /// Names of feeds.
    pub feeds: BTreeSet<String>,
}

impl Muted {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.feeds.is_empty()
    }
}
