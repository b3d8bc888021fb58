//! The self-test of a whole snapshot: before it is used, it is asked as traffic asks it. It must find
//! rows that were noted while they came in, apart from all tables, and what was planted; and it must
//! not match what no feed may list.

use super::Snapshot;
use super::judge::{Judged, Verdict};
use super::layer::{Rule, Stacked};
use super::protect::Protected;
use super::samples::{Sample, SampleValue};
use super::tables::{Class, FoundValue, Subject};
use crate::matching::{NameBatch, NameProbe, fits};
use crate::model::{DomainName, IndicatorValue, MatchKind, NAME_LEN_MAX, Scope, parse_prefix};

/// How a snapshot answers wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelfTestError {
    /// It does not find what is in it.
    #[error("{by} does not find `{value}` of feed `{feed}`")]
    Lost {
        /// Which way of asking.
        by: &'static str,
        /// What was asked for.
        value: String,
        /// The feed that lists it.
        feed: String,
    },
    /// A feed is hidden, and no later version of it is there.
    #[error("feed `{feed}` is hidden and nothing stands in its place")]
    Hidden {
        /// The feed.
        feed: String,
    },
    /// It does not find what was planted in it.
    #[error("{by} does not find `{value}`, which was planted")]
    NotPlanted {
        /// Which way of asking.
        by: &'static str,
        /// What was asked for.
        value: &'static str,
    },
    /// What was planted has rows, which hits would show.
    #[error("`{value}`, which was planted, would be seen")]
    Seen {
        /// What was planted.
        value: &'static str,
    },
    /// It matches what no feed may list.
    #[error("`{value}` matches by feed `{feed}`, and no feed may list it")]
    Mistaken {
        /// What was asked for.
        value: String,
        /// The feed that lists it, or what covers it.
        feed: String,
    },
}

/// Most rows that a snapshot is asked for, of all feeds together.
const ASKED_MAX: usize = 2048;

/// Most names, and of each kind of networks, that must not match.
const PROTECTED_MAX: usize = 128;

/// What the ways of asking are called.
const PROBE: &str = "the probe";
const BATCH: &str = "the probe of many names";
const FIND: &str = "the lookup";

impl Snapshot {
    /// Asks the snapshot as traffic does. `running` is what is in use: what that matches of
    /// `protected` is no news. Bounded: at most `ASKED_MAX` rows, some milliseconds.
    ///
    /// # Errors
    /// The first wrong answer.
    pub fn self_test(
        &self,
        running: Option<&Self>,
        protected: &Protected,
    ) -> Result<(), SelfTestError> {
        let samples = self.stack.layers().map(|one| one.layer.samples.len());
        let step = samples.sum::<usize>().div_ceil(ASKED_MAX).max(1);
        let mut names = Names::default();
        for (at, stacked) in self.stack.layers().enumerate() {
            for &value in &stacked.layer.planted {
                self.check_planted(stacked, value)?;
            }
            let hides_rows: Vec<bool> = (0..)
                .zip(stacked.layer.catalog.feeds())
                .map(|(feed, info)| info.keyed && stacked.hides_rows_of(feed))
                .collect();
            for sample in stacked.layer.samples.iter().step_by(step) {
                if !stacked.shows_feed(sample.feed) {
                    self.check_replaced(at, stacked, sample)?;
                    continue;
                }
                let hides = hides_rows.get(usize::from(sample.feed));
                let sure = hides.is_some_and(|hides| !hides);
                self.check_sample(stacked, sample, sure, &mut names)?;
            }
        }
        names.check(self)?;
        self.check_protected(running, protected)
    }

    /// Makes sure that a later layer has the feed of a sample, which is hidden in layer `at`.
    fn check_replaced(
        &self,
        at: usize,
        stacked: &Stacked,
        sample: &Sample,
    ) -> Result<(), SelfTestError> {
        let feed = feed_of(stacked, sample);
        let mut later = self.stack.layers().skip(at + 1);
        if later.any(|later| later.layer.feed(feed).is_some()) {
            return Ok(());
        }
        let feed = feed.to_owned();
        Err(SelfTestError::Hidden { feed })
    }

    /// Asks for what was planted in a layer: found by every probe, and nobody's.
    fn check_planted(&self, stacked: &Stacked, value: &'static str) -> Result<(), SelfTestError> {
        let lost = |by| SelfTestError::NotPlanted { by, value };
        let tables = &stacked.layer.listed;
        let mut scratch = [0; NAME_LEN_MAX];
        let net = parse_prefix(value).ok();
        let subject = if let Some(net) = net {
            if !self.probe_address(net.addr(), None) {
                return Err(lost(PROBE));
            }
            Subject::Address(net.addr(), None)
        } else {
            let name = DomainName::parse(value.as_bytes(), &mut scratch);
            let name = name.map_err(|_| lost(FIND))?;
            if self.probe_name(value.as_bytes()) != NameProbe::Candidate {
                return Err(lost(PROBE));
            }
            if !self.is_found_in_batch(value) {
                return Err(lost(BATCH));
            }
            Subject::Name(name)
        };
        let found = tables.find(subject).into_iter().find(|found| {
            let name = found.class == Class::Name && found.value == FoundValue::Text(value);
            name || net.is_some_and(|net| found.value == FoundValue::Prefix(net))
        });
        let found = found.ok_or_else(|| lost(FIND))?;
        if tables.rows(found.class, found.key).next().is_some() {
            return Err(SelfTestError::Seen { value });
        }
        Ok(())
    }

    /// Whether a name passes the probe of many names.
    fn is_found_in_batch(&self, name: &str) -> bool {
        let mut batch = NameBatch::new();
        let mut found = self.queue_name(name.as_bytes(), 0, &mut batch) == NameProbe::Candidate;
        self.settle_names(&mut batch, |_| found = true);
        found
    }

    /// Asks for a row, which is not hidden if that is `sure`.
    fn check_sample<'s>(
        &'s self,
        stacked: &'s Stacked,
        sample: &'s Sample,
        sure: bool,
        names: &mut Names<'s>,
    ) -> Result<(), SelfTestError> {
        let lost = |by| lost_sample(by, stacked, sample);
        let mut scratch = [0; NAME_LEN_MAX];
        let asked = asked_for(&sample.value);
        let subject = match &sample.value {
            SampleValue::Name(..) | SampleValue::Pattern(_) => {
                let Ok(name) = DomainName::parse(asked.as_bytes(), &mut scratch) else {
                    // Too long by its addition.
                    return Ok(());
                };
                // A dot at the end of a pattern's text is lost when that becomes a name.
                if matches!(&sample.value, SampleValue::Pattern(text) if !fits(text, name.as_str()))
                {
                    return Ok(());
                }
                Subject::Name(name)
            }
            SampleValue::Prefix(net) => Subject::Network(*net),
            SampleValue::Endpoint(ip, port) => Subject::Address(*ip, Some(*port)),
        };
        let in_layer = || is_in_layer(stacked, sample, subject, sure);
        if sample.rule == Rule::Allowed {
            return if in_layer() { Ok(()) } else { Err(lost(FIND)) };
        }
        match &sample.value {
            SampleValue::Name(..) | SampleValue::Pattern(_) => {
                if self.probe_name(asked.as_bytes()) != NameProbe::Candidate {
                    return Err(lost(PROBE));
                }
                names.add(self, &asked, stacked, sample);
            }
            SampleValue::Prefix(net) if !self.probe_address(net.addr(), None) => {
                return Err(lost(PROBE));
            }
            SampleValue::Endpoint(ip, port) if !self.probe_address(*ip, Some(*port)) => {
                return Err(lost(PROBE));
            }
            SampleValue::Prefix(_) | SampleValue::Endpoint(..) => {}
        }
        let found = if sure {
            self.shows_sample(stacked, sample, subject)
        } else {
            in_layer()
        };
        if found { Ok(()) } else { Err(lost(FIND)) }
    }

    /// Whether a lookup finds the row of a sample, whatever comes of it.
    fn shows_sample(&self, stacked: &Stacked, sample: &Sample, subject: Subject<'_>) -> bool {
        let feed = feed_of(stacked, sample);
        let is_it = |judged: &Judged<'_>| {
            let mut rows = judged.rows.iter();
            sample.value.is(judged.found.value)
                && rows.any(|row| {
                    row.catalog
                        .feed(row.row)
                        .is_some_and(|by| &*by.name == feed)
                })
        };
        self.judge(subject, None).iter().any(is_it)
    }

    /// Makes sure that nothing matches that no feed may list, beyond what `running` matches.
    fn check_protected(
        &self,
        running: Option<&Self>,
        protected: &Protected,
    ) -> Result<(), SelfTestError> {
        for (text, from_patterns) in protected.some_names(PROTECTED_MAX) {
            let mut scratch = [0; NAME_LEN_MAX];
            let Ok(name) = DomainName::parse(text.as_bytes(), &mut scratch) else {
                continue;
            };
            if self.probe_name(text.as_bytes()) == NameProbe::Miss {
                continue;
            }
            self.check_harmless(running, Subject::Name(name), text, from_patterns)?;
        }
        for ip in protected.some_addresses(PROTECTED_MAX) {
            self.check_harmless(running, Subject::Address(ip, None), ip, true)?;
        }
        Ok(())
    }

    /// Makes sure that a protected value does not match, or did so before.
    fn check_harmless(
        &self,
        running: Option<&Self>,
        subject: Subject<'_>,
        shown: impl ToString,
        from_patterns: bool,
    ) -> Result<(), SelfTestError> {
        let mistaken = self.mistaken(subject, from_patterns);
        if mistaken.is_empty() {
            return Ok(());
        }
        let before = running.map(|running| running.mistaken(subject, from_patterns));
        let known = |one: &(FoundValue<'_>, &str)| {
            (before.as_ref()).is_some_and(|before| before.contains(one))
        };
        match mistaken.iter().find(|one| !known(one)) {
            None => Ok(()),
            Some((_, feed)) => Err(SelfTestError::Mistaken {
                value: shown.to_string(),
                feed: (*feed).to_owned(),
            }),
        }
    }

    /// What matches a subject that no feed may list, on whatever port, with the feeds; who overrides,
    /// may.
    fn mistaken(&self, subject: Subject<'_>, from_patterns: bool) -> Vec<(FoundValue<'_>, &str)> {
        let mut mistaken = Vec::new();
        for judged in self.judge(subject, None) {
            let found = judged.found;
            if found.kind == MatchKind::Pattern && !from_patterns {
                continue;
            }
            for row in judged.rows {
                let matches = match (row.verdict, found.value) {
                    (Verdict::Allowed, _) => false,
                    (Verdict::OtherPort, FoundValue::Endpoint(ip, port))
                        if subject_port(subject).is_none() =>
                    {
                        let on_port = self.mistaken(Subject::Address(ip, Some(port)), true);
                        on_port.iter().any(|(value, _)| *value == found.value)
                    }
                    (Verdict::OtherPort, _) => false,
                    (_, _) => true,
                };
                if let Some(feed) = row.catalog.feed(row.row)
                    && matches
                    && !feed.overrides
                {
                    mistaken.push((found.value, &*feed.name));
                }
            }
        }
        mistaken
    }
}

/// The port of an address that is looked up.
fn subject_port(subject: Subject<'_>) -> Option<u16> {
    match subject {
        Subject::Address(_, port) => port,
        Subject::Name(_) | Subject::Below(_) | Subject::Network(_) => None,
    }
}

/// Names that wait for the probe of many names.
#[derive(Default)]
struct Names<'s> {
    batch: NameBatch,
    /// What each owner stands for, and whether it was found.
    owners: Vec<(&'s Stacked, &'s Sample, bool)>,
}

impl<'s> Names<'s> {
    /// Adds what is asked for a sample.
    fn add(&mut self, snapshot: &Snapshot, asked: &str, of: &'s Stacked, sample: &'s Sample) {
        if self.batch.is_full() {
            self.settle(snapshot);
        }
        let owner = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        let probe = snapshot.queue_name(asked.as_bytes(), owner, &mut self.batch);
        let found = probe == NameProbe::Candidate;
        self.owners.push((of, sample, found));
    }

    /// Looks up all that wait.
    fn settle(&mut self, snapshot: &Snapshot) {
        let owners = &mut self.owners;
        snapshot.settle_names(&mut self.batch, |owner| {
            let place = usize::try_from(owner).unwrap_or(usize::MAX);
            if let Some((.., found)) = owners.get_mut(place) {
                *found = true;
            }
        });
    }

    /// Makes sure that all were found.
    fn check(mut self, snapshot: &Snapshot) -> Result<(), SelfTestError> {
        self.settle(snapshot);
        match self.owners.iter().find(|(.., found)| !found) {
            Some((stacked, sample, _)) => Err(lost_sample(BATCH, stacked, sample)),
            None => Ok(()),
        }
    }
}

/// Whether the tables of a layer have the row of a sample, and show it if that is `sure`.
fn is_in_layer(stacked: &Stacked, sample: &Sample, subject: Subject<'_>, sure: bool) -> bool {
    let tables = stacked.layer.tables(sample.rule);
    let catalog = &stacked.layer.catalog;
    tables.find(subject).into_iter().any(|found| {
        let mut rows = tables.rows(found.class, found.key);
        sample.value.is(found.value)
            && rows.any(|row| {
                catalog.feed_number(row) == Some(sample.feed) && (!sure || stacked.shows(row))
            })
    })
}

/// A name that a sample covers; for an address its text.
fn asked_for(value: &SampleValue) -> String {
    match value {
        SampleValue::Name(name, scope) if *scope == Scope::Below => format!("a.{name}"),
        SampleValue::Name(name, _) => (**name).to_owned(),
        SampleValue::Pattern(text) => text.replace('*', "").replace('?', "a"),
        SampleValue::Prefix(net) => IndicatorValue::Prefix(*net).to_string(),
        SampleValue::Endpoint(ip, port) => {
            let (ip, port) = (*ip, *port);
            IndicatorValue::Endpoint { ip, port }.to_string()
        }
    }
}

/// The name of the feed of a sample.
fn feed_of<'s>(stacked: &'s Stacked, sample: &Sample) -> &'s str {
    let feeds = stacked.layer.catalog.feeds();
    feeds
        .get(usize::from(sample.feed))
        .map_or("", |feed| &feed.name)
}

/// A sample that was not found.
fn lost_sample(by: &'static str, stacked: &Stacked, sample: &Sample) -> SelfTestError {
    SelfTestError::Lost {
        by,
        value: asked_for(&sample.value),
        feed: feed_of(stacked, sample).to_owned(),
    }
}
