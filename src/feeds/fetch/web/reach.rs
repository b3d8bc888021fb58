//! Which addresses a fetch may connect to, and the resolver that hands out no others: what was
//! checked is what is connected to, so that no second answer of a name server comes between.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::feeds::fetch::address::is_public;

/// Most addresses of a name that are tried.
const ADDRESSES_MAX: usize = 16;

/// Which addresses may be connected to.
#[derive(Clone, Debug)]
pub(in crate::feeds::fetch) struct Reach {
    /// All of them.
    any: bool,
    /// These too, beside the public ones.
    also: Vec<IpAddr>,
    /// Names that no name server is asked about.
    names: Vec<(String, IpAddr)>,
}

impl Reach {
    /// The public addresses, or all of them.
    pub(in crate::feeds::fetch) fn new(any: bool) -> Self {
        Self {
            any,
            also: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The public addresses and `also`, with names of our own: for tests, whose servers are at
    /// addresses that are not public.
    #[cfg(test)]
    pub(in crate::feeds::fetch) fn with(also: &[IpAddr], names: &[(&str, IpAddr)]) -> Self {
        let names = names.iter().map(|(name, to)| ((*name).to_owned(), *to));
        Self {
            any: false,
            also: also.to_vec(),
            names: names.collect(),
        }
    }

    /// Whether an address may be connected to.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.any || is_public(address) || self.also.contains(&address)
    }

    /// Whether all addresses may be connected to.
    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    /// The addresses of a name, without those that may not be connected to.
    ///
    /// # Errors
    /// [`Refused`] when none is left; what the system said when it knows none.
    async fn resolve(self, name: String) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let own = self.names.iter().find(|(known, _)| *known == name);
        let found: Vec<SocketAddr> = match own {
            Some((_, address)) => vec![SocketAddr::new(*address, 0)],
            None => lookup_host((name, 0)).await?.collect(),
        };
        let allowed = found.iter().filter(|found| self.allows(found.ip()));
        let allowed: Vec<SocketAddr> = allowed.take(ADDRESSES_MAX).copied().collect();
        match found.first() {
            Some(refused) if allowed.is_empty() => Err(Refused(refused.ip()).into()),
            Some(_) | None => Ok(allowed),
        }
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.clone().resolve(name.as_str().to_owned());
        Box::pin(async move { Ok(Box::new(addresses.await?.into_iter()) as Addrs) })
    }
}

/// A name leads only to addresses that may not be connected to; the first of them.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0} is not a public address")]
pub(super) struct Refused(pub(super) IpAddr);
