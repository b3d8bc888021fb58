//! Where a broker is: host and port as configured or as metadata tells, and the socket
//! addresses that the system knows for it. Resolving waits for the system; nothing else here
//! does anything but text.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

/// Where a broker is. Its written form, `host:port`, names it in every message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrokerAddress {
    /// Name or literal address, an IPv6 one without brackets.
    host: Arc<str>,
    /// Its port.
    port: u16,
}

/// Which addresses of a name are tried (`broker.address.family`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// All.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// An item of a list of brokers is not `host:port`.
    #[error("`{written}` is not an address such as `host:9092`")]
    Malformed {
        /// As written.
        written: String,
    },
    /// A list is empty or too long.
    #[error("{found} brokers are written, which is not 1 to {BROKERS_MAX}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// The system does not know the name.
    #[error("cannot resolve the name of broker {broker}")]
    Resolve {
        /// Whose.
        broker: BrokerAddress,
        /// What the system says.
        source: io::Error,
    },
    /// The name has no address of the family that is wanted.
    #[error("broker {broker} has no address of the family that `broker.address.family` wants")]
    NoAddress {
        /// Whose.
        broker: BrokerAddress,
    },
}

impl BrokerAddress {
    /// An address; `host` may be a name or a literal, an IPv6 one with or without brackets.
    /// `None` if the host is empty, too long, or has characters that no host has, or if the
    /// port is not one.
    pub fn new(host: &str, port: i32) -> Option<Self> {
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/[]@,\"".contains(&byte);
        let literal = !host.contains(':') || host.parse::<Ipv6Addr>().is_ok();
        let fits = (1..=HOST_BYTES_MAX).contains(&host.len());
        let port = u16::try_from(port).ok().filter(|port| *port > 0)?;
        (fits && literal && host.bytes().all(plain)).then(|| Self {
            host: host.into(),
            port,
        })
    }

    /// The addresses of a list as `brokers` has it: `host`, `host:port` or `[v6]:port`,
    /// with commas. The port is 9092 where none is written.
    ///
    /// # Errors
    /// [`AddressError::Malformed`] and [`AddressError::Count`].
    pub fn list(brokers: &str) -> Result<Vec<Self>, AddressError> {
        let items = brokers.split(',').map(str::trim);
        let mut found = Vec::new();
        for item in items.filter(|item| !item.is_empty()).take(BROKERS_MAX + 1) {
            let address = parse(item).ok_or_else(|| AddressError::Malformed {
                written: item.chars().take(HOST_BYTES_MAX).collect(),
            })?;
            found.push(address);
        }
        if found.is_empty() || found.len() > BROKERS_MAX {
            return Err(AddressError::Count { found: found.len() });
        }
        Ok(found)
    }

    /// The host, an IPv6 literal without brackets: what a certificate must name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket addresses of the broker in the system's order, each once, at most
    /// `ADDRESSES_MAX`. A literal answers at once; **a name waits for the system's
    /// resolver**, which has its own limits of time.
    ///
    /// # Errors
    /// [`AddressError::Resolve`] and [`AddressError::NoAddress`].
    pub fn resolve(&self, family: Family) -> Result<Vec<SocketAddr>, AddressError> {
        let known: Vec<SocketAddr> = match self.host.parse::<IpAddr>() {
            Ok(literal) => vec![SocketAddr::new(literal, self.port)],
            Err(_) => (self.host(), self.port)
                .to_socket_addrs()
                .map_err(|source| AddressError::Resolve {
                    broker: self.clone(),
                    source,
                })?
                .collect(),
        };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in known {
            let wanted = match family {
                Family::Any => true,
                Family::V4 => address.is_ipv4(),
                Family::V6 => address.is_ipv6(),
            };
            if wanted && !addresses.contains(&address) && addresses.len() < ADDRESSES_MAX {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(AddressError::NoAddress {
                broker: self.clone(),
            });
        }
        Ok(addresses)
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// One item of a list.
fn parse(item: &str) -> Option<BrokerAddress> {
    let unbracketed_v6 = item.parse::<Ipv6Addr>().is_ok();
    match item.rsplit_once(':') {
        Some((host, port)) if !unbracketed_v6 && !item.ends_with(']') => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|_| digits)?;
            // An IPv6 literal with a port must have brackets, else the port is a guess.
            let bare = host.contains(':') && !host.starts_with('[');
            (!bare).then(|| BrokerAddress::new(host, port))?
        }
        _ => BrokerAddress::new(item, PORT),
    }
}

/// The port of a broker that is written without one.
const PORT: i32 = 9092;
/// Most brokers in a list.
const BROKERS_MAX: usize = 256;
/// Most addresses of one broker that are tried.
const ADDRESSES_MAX: usize = 16;
/// Longest host, in bytes: a name in text form, with room for a zone.
const HOST_BYTES_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: &[&str]) {
        let list = BrokerAddress::list(written).unwrap();
        let told: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{written:?}");
    }

    #[test]
    fn lists_are_read_as_librdkafka_reads_them() {
        check("a:1", &["a:1"]);
        check("a, b:2 ,,c:3", &["a:9092", "b:2", "c:3"]);
        check(
            "[::1]:5,[::2],::3",
            &["[::1]:5", "[::2]:9092", "[::3]:9092"],
        );
    }

    #[test]
    fn what_is_no_address_is_quoted() {
        for written in [
            "a:0",
            "a:65536",
            "a:b",
            "a:+1",
            ":1",
            "ssl://a:1",
            "a b:1",
            "::1:x",
        ] {
            let error = BrokerAddress::list(written).unwrap_err();
            assert!(error.to_string().contains(written), "{error}");
        }
        let many = vec!["a:1"; BROKERS_MAX + 1].join(",");
        for written in ["", " , ", many.as_str()] {
            let error = BrokerAddress::list(written).unwrap_err();
            assert!(matches!(error, AddressError::Count { .. }), "{error}");
        }
    }

    #[test]
    fn literals_resolve_by_themselves_and_the_family_is_kept() {
        let address = BrokerAddress::new("[::1]", 7).unwrap();
        assert_eq!(
            address.resolve(Family::Any).unwrap(),
            ["[::1]:7".parse().unwrap()]
        );
        let error = address.resolve(Family::V4).unwrap_err();
        assert!(error.to_string().contains("[::1]:7"), "{error}");
        assert!(BrokerAddress::new("a", 70_000).is_none());
        assert!(BrokerAddress::new("a", -1).is_none());
        assert!(BrokerAddress::new(&"a".repeat(301), 1).is_none());
    }

    #[test]
    fn the_name_of_this_machine_resolves_to_each_address_once() {
        let address = BrokerAddress::new("localhost", 9).unwrap();
        let found = address.resolve(Family::V4).unwrap();
        assert_eq!(found, ["127.0.0.1:9".parse().unwrap()]);
    }
}
