//! The feed that made traffic is judged by: names as lists of malicious domains have them, and
//! prefixes, each a function of its index.

use ipnet::IpNet;

use super::{TrafficError, space};
use crate::lab::operation::names;
use crate::lab::operation::random::{Rng, Subject};
use crate::model::{
    DomainName, Indicator, IndicatorState, IndicatorValue, NAME_LEN_MAX, Role, Scope,
};
use crate::snapshot::{BuildError, BuildOptions, FeedInfo, Snapshot, SnapshotBuilder};

/// How large a made feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedOptions {
    /// Listed names; at most [`FeedOptions::NAMES_MAX`].
    pub names: u32,
    /// Listed prefixes and single addresses; at most [`FeedOptions::PREFIXES_MAX`].
    pub prefixes: u32,
    /// Equal options with an equal seed make equal feeds.
    pub seed: u64,
}

impl FeedOptions {
    /// Most names.
    pub const NAMES_MAX: u32 = 20_000_000;
    /// Most prefixes: the made address space.
    pub const PREFIXES_MAX: u32 = space::PREFIXES_MAX;
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self {
            names: 100_000,
            prefixes: 20_000,
            seed: 1,
        }
    }
}

/// A made feed. Nothing of it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeFeed {
    options: FeedOptions,
}

impl MadeFeed {
    /// A feed of these sizes.
    ///
    /// # Errors
    /// [`TrafficError::TooMany`] when there is no room for as many.
    pub fn new(options: FeedOptions) -> Result<Self, TrafficError> {
        for (what, given, max) in [
            ("names", options.names, FeedOptions::NAMES_MAX),
            ("prefixes", options.prefixes, FeedOptions::PREFIXES_MAX),
        ] {
            if given > max {
                return Err(TrafficError::TooMany { what, given, max });
            }
        }
        Ok(Self { options })
    }

    /// Its sizes.
    pub fn options(&self) -> FeedOptions {
        self.options
    }

    /// The listed name `index`, below the number of names, and what it covers. Seven in ten
    /// have two labels, the others three or four; one in ten covers only itself.
    pub fn name(&self, index: u32) -> (String, Scope) {
        let mut rng = Rng::keyed(self.options.seed, Subject::Listed, index.into());
        let registered = names::listed(self.options.seed, index, false);
        let name = match rng.below(10) {
            0..7 => registered,
            7 | 8 => format!("{}.{registered}", rng.pick(&HOSTS)),
            _ => format!("{}.{}.{registered}", rng.pick(&HOSTS), rng.pick(&HOSTS)),
        };
        let scope = if rng.chance(100) {
            Scope::Exact
        } else {
            Scope::Subtree
        };
        (name, scope)
    }

    /// The listed prefix `index`, below the number of prefixes.
    pub fn prefix(&self, index: u32) -> IpNet {
        space::listed(self.options.seed, index)
    }

    /// The snapshot of the feed alone, self-tested. O(names + prefixes).
    ///
    /// # Errors
    /// [`BuildError`] when a table cannot be built.
    pub fn snapshot(&self, options: BuildOptions) -> Result<Snapshot, BuildError> {
        let mut builder = SnapshotBuilder::new(options);
        let feed = builder.add_feed(FeedInfo {
            name: "made".into(),
            victim: None,
            grace: std::time::Duration::ZERO,
            ignore_ports: false,
            overrides: false,
            keyed: false,
        });
        let mut scratch = [0; NAME_LEN_MAX];
        for index in 0..self.options.names {
            let (text, scope) = self.name(index);
            if let Ok(name) = DomainName::parse(text.as_bytes(), &mut scratch) {
                let value = IndicatorValue::Name { name, scope };
                // A row that is refused is missed when the answers are checked.
                let _ = builder.add(feed, &indicator(value, &text, index));
            }
        }
        for index in 0..self.options.prefixes {
            let net = self.prefix(index);
            let value = IndicatorValue::Prefix(net);
            let _ = builder.add(feed, &indicator(value, &net.to_string(), index));
        }
        builder.build(1)
    }
}

/// Labels above a registered name; never those that a victim asks for below a listed name.
const HOSTS: [&str; 6] = ["host", "srv", "static", "files", "panel", "cdn"];

/// Made families, in documentation's own words.
const FAMILIES: [&str; 4] = ["win.alpha", "win.beta", "apk.gamma", "elf.delta"];

/// A row as a feed of command servers has it.
fn indicator<'a>(value: IndicatorValue<'a>, written: &'a str, index: u32) -> Indicator<'a> {
    let family = usize::try_from(index % 4).unwrap_or(0);
    Indicator {
        value,
        written,
        id: None,
        role: Role::C2,
        malware: FAMILIES.get(family).copied(),
        confidence: 75,
        valid_from: None,
        valid_until: None,
        state: IndicatorState::Active,
        reference: None,
        tags: &["c2"],
    }
}
