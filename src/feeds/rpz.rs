//! `rpz`: a response policy zone as a zone file. What an owner's name says below the zone's name is
//! the trigger, the records are what a resolver does about it. Names that a zone lets through are
//! allow rules. What a resolver would answer instead is of no interest.
//!
//! `*.a` is all that is below `a`. A resolver looks wildcards up as a server of zones does: for it, an
//! entry `b.a` hides what is below `b.a` from `*.a`. That is an accident of how it looks things up,
//! and whoever lists both means both, so it is not followed here.
//!
//! A zone that never says its name (`@` and names relative to it, as a server's configuration
//! allows) is read as one whose names are all relative; an absolute name in it is refused, since
//! nobody knows which part of it is the zone's.

mod entry;
mod name;
mod record;
#[cfg(test)]
mod tests;
mod trigger;

use super::ParseOptions;
use super::blocks::{Line, Lines};
use super::error::FeedError;
use super::reason::{self, Reason};
use super::rows::{Facts, Row, Rows};
use super::value::{self, Found};
use crate::model::{Role, Scope};
use entry::{Entry, read_entry};
use name::{Name, Relative};
use record::{Action, Kind, Record};
use trigger::Trigger;

/// Parses a whole file.
///
/// # Errors
/// [`FeedError`] `Read` or `TooLarge`.
pub(super) fn parse(
    lines: &mut Lines,
    options: &ParseOptions<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), FeedError> {
    let mut entry = Entry::default();
    let mut zone = Zone::default();
    while let Some(read) = read_entry(lines, &mut entry)? {
        let line = Line {
            number: entry.number(),
            bytes: entry.shown(),
            too_long: false,
        };
        match read {
            Ok(()) => {
                let outcome = zone.parse_entry(&entry, options, rows);
                rows.count(line, outcome);
            }
            Err(reason) => {
                zone.forget_owner();
                rows.count_refused(line, reason, entry.n_lines());
            }
        }
    }
    Ok(())
}

/// What is known of the zone so far. Its memory is a few names.
#[derive(Debug, Default)]
struct Zone {
    /// What names without a trailing dot are relative to; none before anything says it.
    origin: Option<Name>,
    /// The zone's name: the owner of its SOA record, before that the first origin.
    apex: Option<Name>,
    /// Whether the SOA record was seen.
    authority: bool,
    /// The owner of the last record.
    owner: Name,
    /// That owner as written; none when it could not be read.
    written: Option<String>,
}

impl Zone {
    /// Parses a directive or a record.
    ///
    /// # Errors
    /// The [`Reason`] when it is refused.
    fn parse_entry(
        &mut self,
        entry: &Entry,
        options: &ParseOptions<'_>,
        rows: &mut Rows<'_>,
    ) -> Result<Row, Reason> {
        let first = entry.token(0).unwrap_or_default();
        if first.starts_with(b"$") && !entry.indented() {
            self.follow(first, entry)?;
            return Ok(Row::Comment);
        }
        if !entry.indented() {
            self.read_owner(first)?;
        }
        let record = Record::parse(entry, usize::from(!entry.indented()))?;
        if self.written.is_none() {
            return Err(reason::NO_OWNER);
        }
        match record.kind {
            Kind::Authority => {
                self.begin();
                Ok(Row::Ignored)
            }
            Kind::Ignored => Ok(Row::Ignored),
            Kind::Alias | Kind::Data => self.offer(&record, options, rows),
        }
    }

    /// Follows the directive `word`.
    ///
    /// # Errors
    /// The [`Reason`] when it cannot be followed. An origin that cannot be read leaves the last one
    /// in force, as if the directive were not there.
    fn follow(&mut self, word: &[u8], entry: &Entry) -> Result<(), Reason> {
        if word.eq_ignore_ascii_case(b"$ttl") {
            return Ok(());
        }
        if !word.eq_ignore_ascii_case(b"$origin") {
            return Err(reason::UNSUPPORTED_DIRECTIVE);
        }
        let mut origin = Name::default();
        let written = entry.token(1).ok_or(reason::MISSING_VALUE)?;
        origin.read(written, self.origin.as_ref())?;
        if self.apex.is_none() {
            self.apex = Some(origin.clone());
        }
        self.origin = Some(origin);
        Ok(())
    }

    /// Reads the owner of this record and of those that name none.
    fn read_owner(&mut self, written: &[u8]) -> Result<(), Reason> {
        let mut memory = self.written.take().unwrap_or_default();
        memory.clear();
        let written = std::str::from_utf8(written).map_err(|_| reason::NOT_UTF8)?;
        self.owner.read(written.as_bytes(), self.origin.as_ref())?;
        memory.push_str(written);
        self.written = Some(memory);
        Ok(())
    }

    /// Records that name no owner have none until one is read.
    fn forget_owner(&mut self) {
        self.written = None;
    }

    /// The owner at hand is the zone's name. If it is absolute and no origin was set, names are
    /// relative to it.
    fn begin(&mut self) {
        if self.authority {
            return;
        }
        self.authority = true;
        if self.origin.is_some() || self.owner.is_absolute() {
            self.apex = Some(self.owner.clone());
            self.origin.get_or_insert_with(|| self.owner.clone());
        }
    }

    /// Offers what the owner at hand triggers on.
    ///
    /// # Errors
    /// The [`Reason`] when it is refused.
    fn offer(
        &self,
        record: &Record<'_>,
        options: &ParseOptions<'_>,
        rows: &mut Rows<'_>,
    ) -> Result<Row, Reason> {
        let trigger = self.relative(&self.owner).ok_or(reason::OUT_OF_ZONE)?;
        let mut facts = Facts::of(options);
        if self.action(record, trigger)? == Action::Pass {
            facts.role = Role::Allow;
        }
        let written = self.written.as_deref().unwrap_or_default();
        match Trigger::of(trigger)? {
            Trigger::Apex => return Ok(Row::Ignored),
            Trigger::Name { text, wildcard } => {
                let scope = if wildcard {
                    Scope::Below
                } else {
                    options.bare()
                };
                let mut scratch = value::scratch();
                let name = value::name(&text, scope, &mut scratch)?;
                rows.take(name, written, &facts)?;
            }
            Trigger::Prefix(text) => {
                let mut scratch = value::scratch();
                let detected = value::detect(&text, Scope::Exact, &mut scratch)?;
                let Found::One(prefix) = detected.found else {
                    return Err(reason::BAD_PREFIX);
                };
                rows.take(prefix, written, &facts)?;
                if let Some(remark) = detected.remark {
                    rows.remark(remark);
                }
            }
        }
        Ok(Row::Accepted)
    }

    /// What a record has a resolver do about `trigger`.
    ///
    /// # Errors
    /// The [`Reason`] when its alias cannot be read, or is an action that does not exist.
    fn action(&self, record: &Record<'_>, trigger: Relative<'_>) -> Result<Action, Reason> {
        let Some(written) = record.alias() else {
            return Ok(Action::Answer);
        };
        let mut target = Name::default();
        target.read(written, self.origin.as_ref())?;
        if target.whole() == trigger || target.whole() == self.owner.whole() {
            return Ok(Action::Pass);
        }
        let absolute = target.is_absolute() && !self.is_below_apex(&target);
        Action::of(target.whole(), absolute)
    }

    /// What `name` says below the zone's name; `None` if it is not below it.
    fn relative<'n>(&self, name: &'n Name) -> Option<Relative<'n>> {
        match &self.apex {
            Some(apex) => name.below(apex),
            None => (!name.is_absolute()).then(|| name.whole()),
        }
    }

    /// Whether `name` is really below the zone's name: below the root, everything would be.
    fn is_below_apex(&self, name: &Name) -> bool {
        self.apex
            .as_ref()
            .is_some_and(|apex| !apex.whole().is_empty() && name.below(apex).is_some())
    }
}

/// The text that labels have with dots between them.
///
/// # Errors
/// The [`Reason`] when a label holds a dot of its own or is not UTF-8: no name of ours says that.
fn text_of(labels: Relative<'_>) -> Result<String, Reason> {
    let mut text = Vec::with_capacity(labels.wire_len());
    for label in labels.iter() {
        if label.contains(&b'.') {
            return Err(reason::ODD_CHARACTER);
        }
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend_from_slice(label);
    }
    String::from_utf8(text).map_err(|_| reason::NOT_UTF8)
}
