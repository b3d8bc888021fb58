//! A few rows of every feed, noted as they come in and apart from all tables: what the self-test asks
//! the finished snapshot for.

use std::net::IpAddr;

use ipnet::IpNet;

use super::layer::Rule;
use super::tables::FoundValue;
use crate::model::{IndicatorValue, Scope};

/// Most rows of a feed that are noted.
pub(super) const SAMPLES_MAX: usize = 64;

/// A row that is surely in the layer.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// The number of its feed in the layer.
    pub(super) feed: u16,
    pub(super) rule: Rule,
    pub(super) value: SampleValue,
}

/// What it lists.
#[derive(Clone, Debug)]
pub(super) enum SampleValue {
    /// A name.
    Name(Box<str>, Scope),
    /// A pattern.
    Pattern(Box<str>),
    /// A prefix.
    Prefix(IpNet),
    /// An address and a port.
    Endpoint(IpAddr, u16),
}

/// Notes rows: of each feed every one, then every second, then every fourth, so that they are spread
/// evenly, however many come. Costs a comparison a row.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<OfFeed>);

/// Those of one feed.
#[derive(Debug, Default)]
struct OfFeed {
    /// How many rows came.
    met: u64,
    /// Every how many of them one is noted, less one: a row of ones in binary.
    mask: u64,
    kept: Vec<Sample>,
}

impl SampleValue {
    /// The value of a row.
    fn of(value: &IndicatorValue<'_>) -> Self {
        match *value {
            IndicatorValue::Name { name, scope } => Self::Name(name.as_str().into(), scope),
            IndicatorValue::Pattern(text) => Self::Pattern(text.into()),
            IndicatorValue::Prefix(net) => Self::Prefix(net.trunc()),
            IndicatorValue::Endpoint { ip, port } => Self::Endpoint(ip, port),
        }
    }

    /// Whether a key that was found has this value.
    pub(super) fn is(&self, found: FoundValue<'_>) -> bool {
        match (self, found) {
            (Self::Name(text, _) | Self::Pattern(text), FoundValue::Text(found)) => {
                **text == *found
            }
            (Self::Prefix(net), FoundValue::Prefix(found)) => *net == found,
            (Self::Endpoint(ip, port), FoundValue::Endpoint(found, at)) => {
                (*ip, *port) == (found, at)
            }
            (Self::Name(..) | Self::Pattern(_) | Self::Prefix(_) | Self::Endpoint(..), _) => false,
        }
    }
}

impl Samples {
    /// Notes a row of a feed, if it is its turn.
    pub(super) fn offer(&mut self, feed: u16, rule: Rule, value: &IndicatorValue<'_>) {
        let place = usize::from(feed);
        if place >= self.0.len() {
            self.0.resize_with(place + 1, OfFeed::default);
        }
        let Some(of_feed) = self.0.get_mut(place) else {
            return;
        };
        let turn = of_feed.met & of_feed.mask == 0;
        of_feed.met = of_feed.met.wrapping_add(1);
        if !turn || rule == Rule::Revoked {
            return;
        }
        if of_feed.kept.len() >= SAMPLES_MAX {
            let mut keep = false;
            of_feed.kept.retain(|_| {
                keep = !keep;
                keep
            });
            of_feed.mask = of_feed.mask << 1 | 1;
        }
        of_feed.kept.push(Sample {
            feed,
            rule,
            value: SampleValue::of(value),
        });
    }

    /// All that were noted.
    pub(super) fn finish(self) -> Vec<Sample> {
        let kept = self.0.into_iter().flat_map(|of_feed| of_feed.kept);
        kept.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_every_feed_a_few_rows_are_noted_from_its_first_to_its_last() {
        let mut samples = Samples::default();
        for port in 0..10_000_u16 {
            let ip = "203.0.113.1".parse().unwrap();
            let value = IndicatorValue::Endpoint { ip, port };
            samples.offer(1, Rule::Listed, &value);
            if port < 3 {
                samples.offer(0, Rule::Allowed, &value);
                samples.offer(2, Rule::Revoked, &value);
            }
        }
        let kept = samples.finish();
        let ports = |feed: u16| {
            let of_feed = kept.iter().filter(move |sample| sample.feed == feed);
            of_feed.filter_map(|sample| match sample.value {
                SampleValue::Endpoint(_, port) => Some(port),
                _ => None,
            })
        };
        assert_eq!(ports(0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(ports(2).count(), 0);
        assert!((SAMPLES_MAX / 2..=SAMPLES_MAX).contains(&ports(1).count()));
        let all: Vec<u16> = std::iter::once(0).chain(ports(1)).chain([9_999]).collect();
        let widest = all.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest < Some(1_000), "{widest:?}");
    }
}
