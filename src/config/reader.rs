//! Walks a parsed TOML document key by key, collects every mistake with its place, and knows
//! which keys were asked for, so that the others can be reported with a suggestion.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, place};
use super::value::Item;

/// What all sections of one document share.
pub(super) struct Context<'t> {
    /// Looks up environment variables.
    pub(super) env: &'t dyn Fn(&str) -> Option<String>,
    /// What relative paths are relative to.
    pub(super) directory: PathBuf,
    /// The mistakes so far, in no order.
    problems: RefCell<Vec<Problem>>,
    /// Every key that was asked for, with `[]` for any index.
    known: RefCell<BTreeSet<String>>,
}

/// A mistake before its place is turned into line and column.
struct Problem {
    offset: usize,
    key: String,
    wrong: Wrong,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// One lower-case line.
    pub(super) message: String,
    /// What was probably meant.
    pub(super) suggestion: Option<String>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self {
            message,
            suggestion: None,
        }
    }
}

impl From<&str> for Wrong {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}

impl<'t> Context<'t> {
    /// A context without mistakes.
    pub(super) fn new(env: &'t dyn Fn(&str) -> Option<String>, directory: PathBuf) -> Self {
        Self {
            env,
            directory,
            problems: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// Notes a mistake.
    fn report(&self, offset: usize, key: &str, wrong: impl Into<Wrong>) {
        self.problems.borrow_mut().push(Problem {
            offset,
            key: key.to_owned(),
            wrong: wrong.into(),
        });
    }

    /// The mistakes in the order of their places in `text`.
    pub(super) fn errors(&self, text: &str) -> Vec<ConfigError> {
        let mut problems = self.problems.take();
        problems.sort_by_key(|problem| problem.offset);
        let resolve = |problem: Problem| {
            let (line, column) = place(text, problem.offset);
            ConfigError {
                key: problem.key,
                line,
                column,
                message: problem.wrong.message,
                suggestion: problem.wrong.suggestion,
            }
        };
        problems.into_iter().map(resolve).collect()
    }

    /// Every key that was asked for: `kafka`, `kafka.brokers`, `source[].name`, ….
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }
}

/// One table of the document, or the absence of one. Ends with [`Section::finish`].
pub(super) struct Section<'t> {
    context: &'t Context<'t>,
    /// `source[1]`; empty for the document.
    key: String,
    /// The key with `[]` for any index.
    pattern: String,
    /// Where the table starts.
    offset: usize,
    /// `None`: the section is absent, or is no table and was reported.
    table: Option<&'t DeTable<'t>>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
    /// Whether no key can be unknown.
    free: bool,
}

/// A value with its full key and its place.
struct Entry<'t> {
    item: Item<'t>,
    key: String,
    offset: usize,
}

impl<'t> Section<'t> {
    /// The whole document.
    pub(super) fn document(context: &'t Context<'t>, table: &'t DeTable<'t>) -> Self {
        Self::new(context, String::new(), String::new(), 0, Some(table))
    }

    /// A section of which nothing was asked yet.
    fn new(
        context: &'t Context<'t>,
        key: String,
        pattern: String,
        offset: usize,
        table: Option<&'t DeTable<'t>>,
    ) -> Self {
        Self {
            context,
            key,
            pattern,
            offset,
            table,
            known: Vec::new(),
            free: false,
        }
    }

    /// Whether the section is there.
    pub(super) fn present(&self) -> bool {
        self.table.is_some()
    }

    /// Whether `key` is written, whatever it holds.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// The value of `key`, or `None` when it is absent or wrong.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&Item<'t>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let entry = self.entry(key)?;
        self.converted(&entry, convert)
    }

    /// The value of `key`, or `default` when it is absent or wrong.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        convert: impl Fn(&Item<'t>) -> Result<T, Wrong>,
    ) -> T {
        self.optional(key, convert).unwrap_or(default)
    }

    /// The value of `key`; its absence is a mistake.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&Item<'t>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.optional(key, convert);
        self.require(key);
        value
    }

    /// The values of the list `key`, or `None` when it is absent or one of them is wrong.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&Item<'t>) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let list = self.entry(key)?;
        let DeValue::Array(elements) = list.item.value else {
            let wrong = format!("must be a list, not {}", list.item.kind());
            self.context.report(list.offset, &list.key, wrong);
            return None;
        };
        let values: Vec<Option<T>> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| {
                let entry = Entry {
                    item: Item::new(self.context, element.get_ref()),
                    key: format!("{}[{index}]", list.key),
                    offset: element.span().start,
                };
                self.converted(&entry, &convert)
            })
            .collect();
        values.into_iter().collect()
    }

    /// The values of the list `key`; its absence is a mistake.
    pub(super) fn required_list<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&Item<'t>) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let values = self.list(key, convert);
        self.require(key);
        values
    }

    /// The table `key`, absent or not.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let pattern = join(&self.pattern, key);
        let Some(entry) = self.entry(key) else {
            return Self::new(
                self.context,
                join(&self.key, key),
                pattern,
                self.offset,
                None,
            );
        };
        self.subsection(entry, pattern)
    }

    /// The table `key`; its absence is a mistake.
    pub(super) fn required_section(&mut self, key: &'static str) -> Self {
        let section = self.section(key);
        if self.table.is_some() && !self.has(key) {
            let wrong = format!("the section `[{}]` is missing", section.key);
            self.context.report(self.offset, &section.key, wrong);
        }
        section
    }

    /// The tables of the list `key`, `[[key]]` or inline; none when it is absent.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let pattern = format!("{}[]", join(&self.pattern, key));
        let Some(list) = self.entry(key) else {
            return Vec::new();
        };
        let DeValue::Array(elements) = list.item.value else {
            let wrong = format!("must be a list of tables: write `[[{}]]`", list.key);
            self.context.report(list.offset, &list.key, wrong);
            return Vec::new();
        };
        elements
            .iter()
            .enumerate()
            .map(|(index, element)| {
                let entry = Entry {
                    item: Item::new(self.context, element.get_ref()),
                    key: format!("{}[{index}]", list.key),
                    offset: element.span().start,
                };
                self.subsection(entry, pattern.clone())
            })
            .collect()
    }

    /// All values of a section whose keys are free, with their keys; those of nested tables
    /// with dotted keys. Nothing of such a section is unknown.
    pub(super) fn free(&mut self) -> Vec<(String, Item<'t>)> {
        let mut found = Vec::new();
        self.free = true;
        if let Some(table) = self.table {
            flatten(self.context, table, "", &mut found);
        }
        found
    }

    /// Reports the absence of `key` from a section that is there.
    pub(super) fn require(&self, key: &str) {
        if self.present() && !self.has(key) {
            self.context
                .report(self.offset, &join(&self.key, key), "is missing");
        }
    }

    /// Reports a mistake of `key`: at its value, or at the section when it is not written.
    /// Dots in `key` are part of it, or lead into nested tables.
    pub(super) fn reject(&self, key: &str, wrong: impl Into<Wrong>) {
        let offset = self.table.and_then(|table| find(table, key));
        self.context
            .report(offset.unwrap_or(self.offset), &join(&self.key, key), wrong);
    }

    /// Reports a mistake of one element of the list `key`.
    pub(super) fn reject_element(&self, key: &str, index: usize, wrong: impl Into<Wrong>) {
        let element = self
            .table
            .and_then(|table| table.get(key))
            .and_then(|list| list.get_ref().as_array())
            .and_then(|list| list.get(index));
        let offset = element.map_or(self.offset, |element| element.span().start);
        let key = format!("{}[{index}]", join(&self.key, key));
        self.context.report(offset, &key, wrong);
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(self) {
        let Some(table) = self.table.filter(|_| !self.free) else {
            return;
        };
        for key in table.keys() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let suggestion = nearest(name, &self.known);
            let message = match suggestion {
                Some(_) => "unknown key".to_owned(),
                None => format!("unknown key; known here: {}", self.known.join(", ")),
            };
            let wrong = Wrong {
                message,
                suggestion,
            };
            self.context
                .report(key.span().start, &join(&self.key, name), wrong);
        }
    }

    /// The value of `key`, which from now on is known.
    fn entry(&mut self, key: &'static str) -> Option<Entry<'t>> {
        self.known.push(key);
        self.context
            .known
            .borrow_mut()
            .insert(join(&self.pattern, key));
        let value = self.table?.get(key)?;
        Some(Entry {
            item: Item::new(self.context, value.get_ref()),
            key: join(&self.key, key),
            offset: value.span().start,
        })
    }

    /// What `convert` makes of `entry`; a mistake is reported.
    fn converted<T>(
        &self,
        entry: &Entry<'t>,
        convert: impl Fn(&Item<'t>) -> Result<T, Wrong>,
    ) -> Option<T> {
        convert(&entry.item)
            .map_err(|wrong| self.context.report(entry.offset, &entry.key, wrong))
            .ok()
    }

    /// The section that `entry` holds; anything but a table is reported.
    fn subsection(&self, entry: Entry<'t>, pattern: String) -> Self {
        let table = match entry.item.value {
            DeValue::Table(table) => Some(table),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                let wrong = format!("must be a table, not {}", entry.item.kind());
                self.context.report(entry.offset, &entry.key, wrong);
                None
            }
        };
        Self::new(self.context, entry.key, pattern, entry.offset, table)
    }
}

/// The nearest of `known` to `written`, if it is near enough to be a slip.
pub(super) fn nearest(written: &str, known: &[&str]) -> Option<String> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let distance_max = (written.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|word| {
            let distance = strsim::damerau_levenshtein(&plain(written), &plain(word));
            (distance, *word)
        })
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word.to_owned())
}

/// `section.key`, or `key` at the top.
fn join(section: &str, key: &str) -> String {
    if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}

/// Appends all values of `table` and its tables to `found`.
fn flatten<'t>(
    context: &'t Context<'t>,
    table: &'t DeTable<'t>,
    prefix: &str,
    found: &mut Vec<(String, Item<'t>)>,
) {
    for (key, value) in table {
        let key = join(prefix, key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            flatten(context, inner, &key, found);
        } else {
            found.push((key, Item::new(context, value.get_ref())));
        }
    }
}

/// Where the value of `key` starts: written as it is, or dotted into nested tables.
fn find(table: &DeTable<'_>, key: &str) -> Option<usize> {
    if let Some(value) = table.get(key) {
        return Some(value.span().start);
    }
    table.iter().find_map(|(name, value)| {
        let rest = key.strip_prefix(&**name.get_ref())?.strip_prefix('.')?;
        find(value.get_ref().as_table()?, rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slips_are_suggested() {
        let known = ["brokers", "group", "session_timeout", "own"];
        for (written, expected) in [
            ("broker", Some("brokers")),
            ("brokres", Some("brokers")),
            ("session-timeout", Some("session_timeout")),
            ("SESSION_TIMEOUT", Some("session_timeout")),
            ("sesion_timout", Some("session_timeout")),
            ("onw", Some("own")),
            ("x", None),
            ("topic", None),
        ] {
            assert_eq!(nearest(written, &known).as_deref(), expected, "{written}");
        }
    }
}
