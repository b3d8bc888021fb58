//! `[gate]`: what no feed may do, whoever wrote it.

use std::path::PathBuf;

use super::reader::{Section, Wrong};
use super::value::{Item, choice, count, path, percent, word};
use crate::model::{DomainName, NAME_LEN_MAX};

/// `[gate]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateConfig {
    /// Where the last good copy of every feed is kept; `None`: nowhere, and feeds are held against
    /// no history.
    pub store: Option<PathBuf>,
    /// Files with names that many ask for every day.
    pub popular: Vec<PathBuf>,
    /// Names of the operator.
    pub own_names: Vec<String>,
    /// Whether addresses of private networks may be listed.
    pub private: bool,
    /// How much a feed may change.
    pub limits: ChangeLimits,
}

/// How much a feed may change from what it held in its last good copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLimits {
    /// Of a hundred indicators, how many may be gone.
    pub shrink_max: u8,
    /// For a hundred indicators, how many may be added.
    pub growth_max: u32,
}

impl Default for ChangeLimits {
    fn default() -> Self {
        Self {
            shrink_max: 30,
            growth_max: 100,
        }
    }
}

/// Most percent by which a feed may grow.
const GROWTH_MAX: usize = 1_000_000;

/// Reads `[gate]`.
pub(super) fn gate(document: &mut Section<'_>) -> GateConfig {
    let mut section = document.section("gate");
    let private = &[("refuse", false), ("accept", true)];
    let gate = GateConfig {
        store: section.optional("store", path),
        popular: section.list("popular", path).unwrap_or_default(),
        own_names: section.list("own_names", domain).unwrap_or_default(),
        private: section.or("private", false, choice(private)),
        limits: limits(&mut section, ChangeLimits::default()),
    };
    section.finish();
    gate
}

/// Reads how much a feed may change, of `[gate]` or of a feed.
pub(super) fn limits(section: &mut Section<'_>, base: ChangeLimits) -> ChangeLimits {
    let growth = |item: &Item<'_>| {
        let percent = count(0..=GROWTH_MAX)(item)?;
        u32::try_from(percent).map_err(|error| error.to_string().into())
    };
    ChangeLimits {
        shrink_max: section.or("shrink_max", base.shrink_max, percent),
        growth_max: section.or("growth_max", base.growth_max, growth),
    }
}

/// A domain name in its normal form.
fn domain(item: &Item<'_>) -> Result<String, Wrong> {
    let written = word(item)?;
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(written.as_bytes(), &mut scratch);
    let name = name.map_err(|error| Wrong::from(format!("is no domain name: {error}")))?;
    Ok(name.as_str().to_owned())
}
