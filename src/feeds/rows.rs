//! Where all formats put their rows: offers indicators to the taker and counts what became of
//! every row.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use super::ParseOptions;
use super::blocks::Line;
use super::reason::{self, Reason};
use super::refang::refang;
use super::report::{FeedReport, RefusedRow};
use super::value::{self, Found};
use crate::model::{
    EventTime, Indicator, IndicatorState, IndicatorValue, Role, Scope, parse_address, parse_prefix,
};

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Every value of it was taken.
    Accepted,
    /// It belongs to the format but lists nothing.
    Ignored,
    /// Blank, or a comment: not a row.
    Comment,
}

/// What a row says about its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// The feed's own id.
    pub(super) id: Option<&'a str>,
    /// What it is used for.
    pub(super) role: Role,
    /// The malware family.
    pub(super) malware: Option<&'a str>,
    /// 0 to 100.
    pub(super) confidence: u8,
    /// First instant at which it is valid.
    pub(super) valid_from: Option<EventTime>,
    /// First instant at which it is no longer valid.
    pub(super) valid_until: Option<EventTime>,
    /// When it was seen, the newest such instant. It begins no validity: what somebody saw first on
    /// some day was there before, and whoever asks about the past wants to know.
    pub(super) seen: Option<EventTime>,
    /// How long it is valid from its newest date on, if it says no end.
    pub(super) valid_for: Option<Duration>,
    /// What became of it.
    pub(super) state: IndicatorState,
    /// Where to read about it.
    pub(super) reference: Option<&'a str>,
    /// Free words.
    pub(super) tags: &'a [&'a str],
}

impl<'a> Facts<'a> {
    /// What holds where a row says nothing.
    pub(super) fn of(options: &ParseOptions<'a>) -> Self {
        Self {
            id: None,
            role: options.role,
            malware: options.malware,
            confidence: options.confidence,
            valid_from: None,
            valid_until: None,
            seen: None,
            valid_for: options.valid_for,
            state: IndicatorState::Active,
            reference: None,
            tags: &[],
        }
    }

    /// First instant at which it is no longer valid: what it says, else [`Facts::valid_for`] after
    /// its newest date. Without any date its life has no end: nobody knows when it began.
    fn end(&self) -> Option<EventTime> {
        let newest = self.valid_from.max(self.seen);
        self.valid_until
            .or_else(|| Some(newest?.saturating_add(self.valid_for?)))
    }

    /// Whether the validity holds any instant.
    ///
    /// # Errors
    /// [`reason::BAD_VALIDITY`] if it holds none.
    pub(super) fn check_validity(&self) -> Result<(), Reason> {
        match (self.valid_from, self.valid_until) {
            (Some(from), Some(until)) if until <= from => Err(reason::BAD_VALIDITY),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}

/// The tag of an indicator that is the host of a URL.
pub(super) const URL_TAG: &str = "host-of-url";

/// The confidence of an indicator that is the host of a URL with a path, at most.
pub(super) const URL_CONFIDENCE_MAX: u8 = 25;

/// Most tags of a row that are kept.
pub(super) const TAGS_MAX: usize = 32;

/// The tags of one row.
pub(super) struct Tags<'a> {
    /// The kept ones, then empty room.
    kept: [&'a str; TAGS_MAX],
    /// How many are kept.
    len: usize,
    /// Whether there were more.
    dropped: bool,
}

impl<'a> Tags<'a> {
    /// The first [`TAGS_MAX`] of `tags` that are not blank.
    pub(super) fn of(tags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut kept = [""; TAGS_MAX];
        let mut all = tags
            .into_iter()
            .map(str::trim)
            .filter(|tag| !tag.is_empty());
        let mut len = 0;
        for (room, tag) in kept.iter_mut().zip(&mut all) {
            *room = tag;
            len += 1;
        }
        let dropped = len == TAGS_MAX && all.next().is_some();
        Self { kept, len, dropped }
    }

    /// The tags.
    pub(super) fn kept(&self) -> &[&'a str] {
        self.kept.get(..self.len).unwrap_or_default()
    }

    /// Whether some were dropped.
    pub(super) fn dropped(&self) -> bool {
        self.dropped
    }
}

/// Counts the rows of some lines of one file and hands out their indicators.
pub(super) struct Rows<'t> {
    /// Takes the indicators, or says why not.
    take: &'t mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>,
    /// What was counted so far; the samples do not name their file.
    report: FeedReport,
}

impl<'t> Rows<'t> {
    /// Nothing counted yet.
    pub(super) fn new(take: &'t mut dyn FnMut(&Indicator<'_>) -> Result<(), Reason>) -> Self {
        Self {
            take,
            report: FeedReport::default(),
        }
    }

    /// What was counted.
    pub(super) fn finish(self) -> FeedReport {
        self.report
    }

    /// Notes when the list was made, by its own word; the newest one counts.
    pub(super) fn state_date(&mut self, made: EventTime) {
        self.report.stated = self.report.stated.max(Some(made));
    }

    /// Notes a date of a row beside those of its facts.
    pub(super) fn note_date(&mut self, at: Option<EventTime>) {
        self.report.newest = self.report.newest.max(at);
    }

    /// Counts a remark.
    pub(super) fn remark(&mut self, remark: Reason) {
        *self.report.warnings.entry(remark).or_default() += 1;
    }

    /// Offers whatever `written` is, with `facts`; `bare` is what a bare name means.
    ///
    /// # Errors
    /// The [`Reason`] when it is nothing, or refused.
    pub(super) fn offer(
        &mut self,
        written: &str,
        bare: Scope,
        facts: &Facts<'_>,
    ) -> Result<(), Reason> {
        if let Some(value) = value::usual_name(written, bare, &mut value::scratch()) {
            return self.take(value, written, facts);
        }
        let written = value::strip(written);
        let refanged = refang(written);
        if matches!(refanged, Cow::Owned(_)) {
            self.report.refanged += 1;
        }
        let mut scratch = value::scratch();
        let detected = value::detect(value::strip(&refanged), bare, &mut scratch)?;
        match detected.found {
            Found::One(value) => self.take(value, written, facts)?,
            Found::Range(mut nets) => {
                nets.try_for_each(|net| self.take(IndicatorValue::Prefix(net), written, facts))?;
            }
        }
        if let Some(remark) = detected.remark {
            self.remark(remark);
        }
        Ok(())
    }

    /// Offers `written`, which the format says is an address, a prefix or a range of addresses.
    ///
    /// # Errors
    /// [`reason::BAD_PREFIX`] when it is a name, else the [`Reason`] when it is nothing, or refused.
    pub(super) fn offer_network(&mut self, written: &str, facts: &Facts<'_>) -> Result<(), Reason> {
        let written = value::strip(written);
        let mut scratch = value::scratch();
        let detected = value::detect(written, Scope::Exact, &mut scratch)?;
        match detected.found {
            Found::One(value @ IndicatorValue::Prefix(_)) => self.take(value, written, facts)?,
            Found::One(
                IndicatorValue::Name { .. }
                | IndicatorValue::Pattern(_)
                | IndicatorValue::Endpoint { .. },
            ) => return Err(reason::BAD_PREFIX),
            Found::Range(mut nets) => {
                nets.try_for_each(|net| self.take(IndicatorValue::Prefix(net), written, facts))?;
            }
        }
        if let Some(remark) = detected.remark {
            self.remark(remark);
        }
        Ok(())
    }

    /// Offers all names of a row, whether or not one before them is refused.
    ///
    /// # Errors
    /// The [`Reason`] of the first that is.
    pub(super) fn offer_all<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        bare: Scope,
        facts: &Facts<'_>,
    ) -> Result<Row, Reason> {
        let mut outcome = Ok(Row::Accepted);
        for name in names {
            let offered = self.offer(name, bare, facts);
            outcome = outcome.and_then(|row| offered.map(|()| row));
        }
        outcome
    }

    /// Offers the host of a URL, with or without its scheme, as what the format says is one. A path
    /// says nothing about its host, which may be shared by many: unless the URL is the host and no
    /// more, only the host itself is listed, with the tag [`URL_TAG`] and at most
    /// [`URL_CONFIDENCE_MAX`].
    ///
    /// # Errors
    /// The [`Reason`] when it has no host that can be listed, or that is refused.
    pub(super) fn offer_url(
        &mut self,
        written: &str,
        bare: Scope,
        facts: &Facts<'_>,
    ) -> Result<(), Reason> {
        let url = value::strip(written);
        let refanged = refang(url);
        if refanged.starts_with('/') {
            return Err(reason::PATH);
        }
        let rest = value::after_scheme(&refanged).unwrap_or(&refanged);
        let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(host_end).unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        if matches!(path, "" | "/") && user.is_empty() {
            return self.offer(written, bare, facts);
        }
        let mut scratch = value::scratch();
        let detected = value::detect(host, Scope::Exact, &mut scratch)?;
        let Found::One(value) = detected.found else {
            return Err(reason::URL);
        };
        let tags: Vec<&str> = facts.tags.iter().copied().chain([URL_TAG]).collect();
        let facts = Facts {
            confidence: facts.confidence.min(URL_CONFIDENCE_MAX),
            tags: &tags,
            ..*facts
        };
        self.take(value, url, &facts)?;
        self.remark(reason::HOST_OF_URL);
        Ok(())
    }

    /// Offers what the format says is an address or a prefix.
    ///
    /// # Errors
    /// The [`Reason`] when it is none, or refused.
    pub(super) fn offer_address(&mut self, written: &str, facts: &Facts<'_>) -> Result<(), Reason> {
        let refanged = refang(value::strip(written));
        let text = value::strip(&refanged);
        if parse_address(text).is_err() && parse_prefix(text).is_err() {
            return Err(reason::BAD_ADDRESS);
        }
        self.offer(written, Scope::Exact, facts)
    }

    /// Offers an address and its port, written apart.
    ///
    /// # Errors
    /// The [`Reason`] when one of them is none, or they are refused.
    pub(super) fn offer_endpoint(
        &mut self,
        address: &str,
        port: &str,
        facts: &Facts<'_>,
    ) -> Result<(), Reason> {
        let refanged = refang(value::strip(address));
        if matches!(refanged, Cow::Owned(_)) {
            self.report.refanged += 1;
        }
        let ip = parse_address(value::strip(&refanged)).map_err(|_| reason::BAD_ADDRESS)?;
        let port = value::parse_port(port.trim())?;
        let written = format!("{address}|{port}");
        self.take(IndicatorValue::Endpoint { ip, port }, &written, facts)
    }

    /// Hands out one indicator.
    ///
    /// # Errors
    /// The [`Reason`] for which the taker refuses it.
    pub(super) fn take(
        &mut self,
        value: IndicatorValue<'_>,
        written: &str,
        facts: &Facts<'_>,
    ) -> Result<(), Reason> {
        let Facts {
            id,
            role,
            malware,
            confidence,
            valid_from,
            valid_until: _,
            seen,
            valid_for: _,
            state,
            reference,
            tags,
        } = *facts;
        (self.take)(&Indicator {
            value,
            written,
            id,
            role,
            malware,
            confidence,
            valid_from,
            valid_until: facts.end(),
            state,
            reference,
            tags,
        })?;
        self.report.indicators += 1;
        self.note_date(valid_from.max(seen));
        Ok(())
    }

    /// Counts a line and what became of it.
    pub(super) fn count(&mut self, line: Line<'_>, outcome: Result<Row, Reason>) {
        match outcome {
            Ok(Row::Comment) => return,
            Ok(Row::Accepted) => self.report.accepted += 1,
            Ok(Row::Ignored) => self.report.ignored += 1,
            Err(reason) => self.refuse(line, reason, 1),
        }
        self.report.rows += 1;
    }

    /// Counts `n_lines` lines from `line` on that are refused together.
    pub(super) fn count_refused(&mut self, line: Line<'_>, reason: Reason, n_lines: u64) {
        self.refuse(line, reason, n_lines);
        self.report.rows += n_lines;
    }

    /// Notes refused rows.
    fn refuse(&mut self, line: Line<'_>, reason: Reason, n_lines: u64) {
        *self.report.refused.entry(reason).or_default() += n_lines;
        if self.report.samples.len() < FeedReport::SAMPLES_MAX {
            self.report.samples.push(RefusedRow {
                file: PathBuf::new(),
                line: line.number,
                reason,
                text: RefusedRow::shown(line.bytes),
            });
        }
    }
}
