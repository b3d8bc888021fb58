//! What can be found out of a row without a table: whether it may be listed at all, and
//! everything about it that is costly to compute. Any thread can do this for the builder.

use std::fmt::Write;
use std::sync::Arc;

use super::catalog::{CatalogBuilder, SetForm};
use super::counts::Refusal;
use super::digest::{RowDigest, RowHasher};
use super::protect::Protected;
use crate::matching::{
    Guarded, HashKey, NameHash, guard_name, reserved_name, reserved_net, too_wide, unroutable,
};
use crate::model::{DomainName, Indicator, IndicatorValue, Role, Scope, unmapped};

/// Vets the rows of one feed, one after the other; for one builder.
#[derive(Clone, Debug)]
pub struct Vetter {
    /// What the tables of the builder hash names with.
    key: HashKey,
    hasher: RowHasher,
    /// What no feed may list.
    protected: Arc<Protected>,
    /// The words, the detail and the canonical text of the row at hand.
    words: Vec<u8>,
    detail: Vec<u8>,
    text: String,
}

/// A row that may be listed, with all that its builder needs to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Vetted<'a> {
    /// What is listed, which may be less than what was written.
    pub(super) value: IndicatorValue<'a>,
    /// Whether it is less.
    pub(super) narrowed: bool,
    /// Whether it is nobody's.
    pub(super) reserved: bool,
    /// What it shares with other rows.
    pub(super) set: SetForm<'a>,
    /// The form of what is its own.
    pub(super) detail: &'a [u8],
    /// The hash of a name.
    pub(super) hash: NameHash,
    /// The hash of all of it.
    pub(super) digest: RowDigest,
}

impl Vetter {
    /// For the feed with this name, and a builder that hashes names with `key`.
    pub(super) fn new(feed: &str, key: HashKey, protected: Arc<Protected>) -> Self {
        Self {
            key,
            protected,
            hasher: RowHasher::new(feed),
            words: Vec::new(),
            detail: Vec::new(),
            text: String::new(),
        }
    }

    /// Vets a row. O(its length); no allocation once its buffers have grown.
    ///
    /// # Errors
    /// [`Refusal`] when it must not be listed: a public suffix, a prefix that is too wide, an
    /// address that is nobody's, what is protected.
    pub fn vet<'a>(&'a mut self, row: &Indicator<'a>) -> Result<Vetted<'a>, Refusal> {
        self.vet_as(row, false)
    }

    /// As [`Self::vet`], for a row that its feed lists no longer.
    pub(super) fn vet_removed<'a>(
        &'a mut self,
        row: &Indicator<'a>,
    ) -> Result<Vetted<'a>, Refusal> {
        self.vet_as(row, true)
    }

    /// Vets a row.
    fn vet_as<'a>(&'a mut self, row: &Indicator<'a>, removed: bool) -> Result<Vetted<'a>, Refusal> {
        let (value, narrowed) = guarded(row.value, row.role)?;
        if row.role != Role::Allow {
            self.protected.check(&value)?;
        }
        let (canonical, hash) = match value {
            IndicatorValue::Name { name, .. } => (name.as_str(), self.key.hash(name)),
            IndicatorValue::Pattern(text) => (text, NameHash::default()),
            IndicatorValue::Prefix(_) | IndicatorValue::Endpoint { .. } => {
                self.text.clear();
                // Writing to a string does not fail.
                let _ = write!(self.text, "{value}");
                (self.text.as_str(), NameHash::default())
            }
        };
        self.detail.clear();
        CatalogBuilder::detail(row, canonical).write(&mut self.detail);
        let mut set = SetForm::write(row, &mut self.words);
        set.removed = removed;
        Ok(Vetted {
            value,
            narrowed,
            reserved: reserved(&value),
            set,
            detail: &self.detail,
            hash,
            digest: self.hasher.hash(set, &value, &self.detail),
        })
    }
}

/// Whether a feed may list a value as an indicator.
///
/// # Errors
/// [`Refusal`] when it must not.
pub fn may_be_listed(value: IndicatorValue<'_>, protected: &Protected) -> Result<(), Refusal> {
    let (value, _) = guarded(value, Role::C2)?;
    protected.check(&value)
}

/// A value in the form in which it is listed, and whether that covers less than was written.
/// Allow rules are taken as they are.
fn guarded(value: IndicatorValue<'_>, role: Role) -> Result<(IndicatorValue<'_>, bool), Refusal> {
    let guards = role != Role::Allow;
    match value {
        IndicatorValue::Name { name, scope } if guards => guarded_name(name, scope),
        IndicatorValue::Prefix(net) if guards && too_wide(net) => Err(Refusal::PrefixTooWide),
        IndicatorValue::Prefix(net) if guards && unroutable(net) => Err(Refusal::Unroutable),
        IndicatorValue::Prefix(net) => Ok((IndicatorValue::Prefix(net.trunc()), false)),
        IndicatorValue::Endpoint { ip, port } => {
            let ip = unmapped(ip);
            if guards && unroutable(ip.into()) {
                return Err(Refusal::Unroutable);
            }
            Ok((IndicatorValue::Endpoint { ip, port }, false))
        }
        IndicatorValue::Name { .. } | IndicatorValue::Pattern(_) => Ok((value, false)),
    }
}

/// A name with the scope with which it is listed.
fn guarded_name(name: DomainName<'_>, scope: Scope) -> Result<(IndicatorValue<'_>, bool), Refusal> {
    match guard_name(name, scope) {
        Guarded::Accepted(scope) => Ok((IndicatorValue::Name { name, scope }, false)),
        Guarded::Narrowed => {
            let scope = Scope::Exact;
            Ok((IndicatorValue::Name { name, scope }, true))
        }
        Guarded::Refused => Err(Refusal::PublicSuffix),
    }
}

/// Whether a value can be nobody's.
fn reserved(value: &IndicatorValue<'_>) -> bool {
    match value {
        IndicatorValue::Name { name, .. } => reserved_name(*name),
        IndicatorValue::Pattern(_) => false,
        IndicatorValue::Prefix(net) => reserved_net(*net),
        IndicatorValue::Endpoint { ip, .. } => reserved_net((*ip).into()),
    }
}
