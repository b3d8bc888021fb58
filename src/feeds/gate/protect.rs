//! What no feed may list, put together from what everybody knows and from the configuration.

use std::io;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::known;
use crate::config::{GateConfig, NetworksConfig};
use crate::model::{DomainName, NAME_LEN_MAX};
use crate::snapshot::{Protected, Refusal};

/// A list of popular names that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PopularError {
    /// It cannot be read.
    #[error("cannot read the list of popular names {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It holds no name.
    #[error("the list of popular names {} holds no name", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What everybody knows to be wrong in a feed.
pub fn known_to_all() -> Protected {
    let mut protected = Protected::default();
    for name in known::NAMES {
        protect(&mut protected, name, Refusal::PopularName, true);
    }
    protected.protect_nets(nets(known::RESOLVERS), Refusal::Resolver);
    protected
}

/// What the operator of this configuration knows besides.
///
/// # Errors
/// [`PopularError`] when a list of popular names cannot be used: without it, feeds would pass that
/// must not.
pub fn known_to(gate: &GateConfig, networks: &NetworksConfig) -> Result<Protected, PopularError> {
    let mut protected = known_to_all();
    for path in &gate.popular {
        popular(path, &mut protected)?;
    }
    for name in &gate.own_names {
        protect(&mut protected, name, Refusal::OwnName, true);
    }
    protected.protect_nets(networks.own.iter().copied(), Refusal::OwnNetwork);
    protected.protect_nets(networks.resolvers.iter().copied(), Refusal::Resolver);
    if !gate.private {
        protected.protect_nets(nets(known::PRIVATE), Refusal::PrivateNetwork);
    }
    Ok(protected)
}

/// Protects the names of a list: one a line, perhaps behind its rank and a comma.
fn popular(path: &Path, protected: &mut Protected) -> Result<(), PopularError> {
    let text = std::fs::read_to_string(path).map_err(|source| PopularError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut any = false;
    for line in text.lines() {
        let name = line.rsplit(',').next().unwrap_or(line);
        any |= protect(protected, name.trim(), Refusal::PopularName, false);
    }
    if any {
        Ok(())
    } else {
        let path = path.to_owned();
        Err(PopularError::Empty { path })
    }
}

/// Protects a name; says whether it is one.
fn protect(protected: &mut Protected, name: &str, why: Refusal, from_patterns: bool) -> bool {
    let mut scratch = [0; NAME_LEN_MAX];
    let Ok(name) = DomainName::parse(name.as_bytes(), &mut scratch) else {
        return false;
    };
    protected.protect_name(name, why);
    if from_patterns {
        protected.protect_from_patterns(name, why);
    }
    true
}

/// Networks, or addresses, as written.
fn nets(written: &[&str]) -> impl Iterator<Item = IpNet> {
    written.iter().filter_map(|text| {
        let address = || text.parse().map(|ip: std::net::IpAddr| IpNet::from(ip));
        text.parse().or_else(|_| address()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_known_is_well_written() {
        assert_eq!(nets(known::RESOLVERS).count(), known::RESOLVERS.len());
        assert_eq!(nets(known::PRIVATE).count(), known::PRIVATE.len());
        let mut protected = Protected::default();
        for name in known::NAMES {
            assert!(
                protect(&mut protected, name, Refusal::PopularName, true),
                "{name}"
            );
        }
    }

    #[test]
    fn a_list_of_popular_names_that_holds_none_is_an_error() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("popular.csv");
        for (text, good) in [("1,busy.example\n2,b.test\n", true), ("\n\n", false)] {
            std::fs::write(&path, text).unwrap();
            let gate = GateConfig {
                popular: vec![path.clone()],
                ..GateConfig::default()
            };
            let protected = known_to(&gate, &NetworksConfig::default());
            assert_eq!(protected.is_ok(), good, "{text:?}");
        }
    }
}
