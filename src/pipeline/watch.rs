//! What a worker notices of its traffic beside counting it: what is hit, by value and feed, and a
//! sample of what is looked at. New lists are tried on the sample; the hits show when one that was
//! taken hits far too much. Some times a second it is told and forgotten.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::sampling::Sampler;
use crate::hits::Orientation;
use crate::model::{Hit, TrafficSample};
use crate::source::{Record, Stream};

/// What was noticed since it was last told.
#[derive(Debug)]
pub(super) struct Watch {
    /// One a stream.
    samplers: Vec<Sampler>,
    sample: TrafficSample,
    events: u64,
    hits: HitSums,
    told_at: Instant,
}

/// What was noticed.
#[derive(Clone, Copy, Debug)]
pub struct Noticed<'a> {
    /// Events, hit or not.
    pub events: u64,
    /// The events hit, by value and feed.
    pub hits: &'a HitSums,
    /// What some of them were, without addresses of subscribers.
    pub sample: &'a TrafficSample,
}

/// Events that were hit, by value and feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitSums {
    values: BTreeMap<String, BTreeMap<String, Sum>>,
    /// How many pairs there are.
    pairs: usize,
}

/// How many events of a value were hit by a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sum {
    events: u64,
    /// The last one: its partition, offset and ordinal.
    last: (i32, i64, u32),
}

/// How long it gathers.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// With so many pairs of values and feeds it is told at once.
const PAIRS_MAX: usize = 20_000;

/// Most events of a sample between two times that it is told.
const SAMPLED_EVENTS_MAX: usize = 64;

/// Most bytes of it; more push the first ones out.
const SAMPLED_BYTES_MAX: usize = 64 << 10;

impl Watch {
    /// For records of `streams`.
    pub(super) fn new(streams: &[Stream], now: Instant) -> Self {
        let sampler = |stream: &Stream| Sampler::new(stream.format);
        Self {
            samplers: streams.iter().map(sampler).collect(),
            sample: TrafficSample::new(SAMPLED_EVENTS_MAX, SAMPLED_BYTES_MAX),
            events: 0,
            hits: HitSums::default(),
            told_at: now,
        }
    }

    /// Takes records that were processed, and how many events were in them. Some of them, spread
    /// evenly, enter the sample while that has room.
    pub(super) fn look(&mut self, records: &[Record<'_>], events: u64, orientation: &Orientation) {
        self.events += events;
        let room = SAMPLED_EVENTS_MAX.saturating_sub(self.sample.len());
        if room == 0 {
            return;
        }
        let stride = records.len().div_ceil(room).max(1);
        for record in records.iter().step_by(stride) {
            if self.sample.len() >= SAMPLED_EVENTS_MAX {
                return;
            }
            let stream = usize::from(record.stream.0);
            if let Some(sampler) = self.samplers.get_mut(stream) {
                let value = record.value.unwrap_or_default();
                let own = |address| orientation.own.contains(address);
                sampler.add(value, &mut self.sample, &own);
            }
        }
    }

    /// Counts a hit.
    pub(super) fn hit(&mut self, hit: &Hit) {
        self.hits.add(hit);
    }

    /// What was noticed, if it is time to tell; [`Self::forget`] it then.
    pub(super) fn due(&self, now: Instant) -> Option<Noticed<'_>> {
        let long = now.saturating_duration_since(self.told_at) >= TELL_EVERY;
        (self.events > 0 && (long || self.hits.pairs >= PAIRS_MAX)).then_some(Noticed {
            events: self.events,
            hits: &self.hits,
            sample: &self.sample,
        })
    }

    /// Begins anew.
    pub(super) fn forget(&mut self, now: Instant) {
        self.sample.clear();
        self.events = 0;
        self.hits = HitSums::default();
        self.told_at = now;
    }
}

impl HitSums {
    /// Counts the event of a hit once for each feed that lists the value.
    fn add(&mut self, hit: &Hit) {
        let source = &hit.source;
        let last = (source.partition, source.offset, source.index);
        for indicator in &hit.indicators {
            let (value, feed) = (hit.matched.value.as_str(), &*indicator.feed);
            let known = self
                .values
                .get_mut(value)
                .and_then(|feeds| feeds.get_mut(feed));
            match known {
                Some(sum) => {
                    sum.events += u64::from(sum.last != last);
                    sum.last = last;
                }
                None => {
                    let feeds = self.values.entry(value.to_owned()).or_default();
                    feeds.insert(feed.to_owned(), Sum { events: 1, last });
                    self.pairs += 1;
                }
            }
        }
    }

    /// Value, feed and events.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.values.iter().flat_map(|(value, feeds)| {
            let feeds = feeds.iter();
            feeds.map(move |(feed, sum)| (value.as_str(), feed.as_str(), sum.events))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventFormat, Networks, SampleKey};
    use crate::source::{RecordHeaders, StreamId};

    /// One topic of Zeek rows.
    fn streams() -> Vec<Stream> {
        vec![Stream {
            source: "zeek".to_owned(),
            topic: "dns".to_owned(),
            format: EventFormat::ZeekJson,
        }]
    }

    /// A record with this value.
    fn record(value: &str, offset: i64) -> Record<'_> {
        Record {
            stream: StreamId(0),
            partition: 0,
            offset,
            timestamp_ms: None,
            key: None,
            value: Some(value.as_bytes()),
            headers: RecordHeaders::default(),
        }
    }

    /// What a sample holds, as text.
    fn told(sample: &TrafficSample) -> Vec<Vec<String>> {
        let text = |key: SampleKey<'_>| match key {
            SampleKey::Name(name) => String::from_utf8_lossy(name).into_owned(),
            SampleKey::Address(address, _) => address.to_string(),
        };
        sample
            .events()
            .map(|keys| keys.map(text).collect())
            .collect()
    }

    #[test]
    fn a_sample_is_spread_over_the_records_and_names_no_subscriber() {
        let rows: Vec<String> = (0..1000)
            .map(|at| {
                format!(
                    r#"{{"ts":1.0,"id.orig_h":"10.0.0.{}","id.orig_p":5,"id.resp_h":"192.0.2.1","id.resp_p":53,"query":"n{at}.example"}}"#,
                    at % 250
                )
            })
            .collect();
        let records: Vec<Record<'_>> = rows
            .iter()
            .zip(0..)
            .map(|(row, at)| record(row, at))
            .collect();
        let orientation = Orientation {
            own: Networks::new(["10.0.0.0/8".parse().unwrap()]),
            ..Orientation::default()
        };
        let now = Instant::now();
        let mut watch = Watch::new(&streams(), now);
        watch.look(&records, 1000, &orientation);
        assert!(watch.due(now).is_none());
        let noticed = watch.due(now + TELL_EVERY).unwrap();
        let sample = told(noticed.sample);
        assert_eq!((noticed.events, sample.len()), (1000, 63));
        assert!(
            sample.iter().flatten().all(|key| !key.starts_with("10.")),
            "{sample:?}"
        );
        assert!(sample[0].contains(&"n0.example".to_owned()));
        assert!(sample[62].contains(&"n992.example".to_owned()));
        watch.forget(now);
        assert!(watch.due(now + TELL_EVERY).is_none());
    }
}
