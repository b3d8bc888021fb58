//! The operator's own data: what the feeds list is the table, what the records ask is the
//! question. Names count with all below them, whatever scope they are listed with, since that is
//! what every engine here answers; an address with a port counts as the address.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::texts::Texts;
use crate::config::FeedConfig;
use crate::decode::{Item, KeyScanner, KeySink, Outcome};
use crate::feeds::{FeedError, ParseOptions, parse};
use crate::matching::{Guarded, guard_name, too_wide};
use crate::model::{DomainName, IndicatorValue, NAME_LEN_MAX, Scope};
use crate::source::{Block, FileError, FileInput, FileReader};

/// What an operator brought. Empty where nothing was brought.
#[derive(Clone, Debug, Default)]
pub struct OwnData {
    /// Listed names, different ones, normal.
    pub(super) names: Texts,
    /// Listed prefixes, different ones.
    pub(super) prefixes: Vec<IpNet>,
    /// Their texts.
    pub(super) prefix_texts: Texts,
    /// Names of records, as written, in their order.
    pub(super) asked_names: Texts,
    /// Addresses of records, in their order.
    pub(super) asked_addresses: Vec<IpAddr>,
    /// Whether the tables are the operator's.
    listed: bool,
    /// Whether the questions are the operator's.
    asked: bool,
    /// Listed values that are in no table: patterns, and what is too broad to be listed.
    pub left_out: u64,
    /// Names of records that are no questions: no name at all, or written with escapes or
    /// in other scripts, which only Gannet reads.
    pub unfit: u64,
}

/// Data that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// A feed.
    #[error("feed `{name}`")]
    Feed {
        /// Its name.
        name: String,
        /// Why.
        source: FeedError,
    },
    /// A file of records.
    #[error("records cannot be had")]
    Records(#[from] FileError),
    /// The feeds list nothing that goes into a table.
    #[error("the feeds list no name and no prefix")]
    NothingListed,
    /// The records hold no name and no address.
    #[error("the records hold no name and no address")]
    NothingAsked,
    /// There are names on one side and addresses on the other.
    #[error("the feeds list what the records do not hold: names here, addresses there")]
    NothingInCommon,
}

impl OwnData {
    /// Reads feeds and records; of these at most `questions_max` names and addresses each.
    ///
    /// # Errors
    /// [`OwnError`] when something cannot be read, or nothing is left to measure.
    pub fn read(
        feeds: &[FeedConfig],
        inputs: &[FileInput],
        questions_max: usize,
    ) -> Result<Self, OwnError> {
        let mut own = Self {
            listed: !feeds.is_empty(),
            asked: !inputs.is_empty(),
            ..Self::default()
        };
        own.read_feeds(feeds)?;
        own.read_records(inputs, questions_max)?;
        let listed = [!own.names.is_empty(), !own.prefixes.is_empty()];
        let asked = [!own.asked_names.is_empty(), !own.asked_addresses.is_empty()];
        if own.listed && listed == [false; 2] {
            return Err(OwnError::NothingListed);
        }
        if own.asked && asked == [false; 2] {
            return Err(OwnError::NothingAsked);
        }
        let common = listed
            .iter()
            .zip(asked)
            .any(|(&listed, asked)| listed && asked);
        if own.listed && own.asked && !common {
            return Err(OwnError::NothingInCommon);
        }
        Ok(own)
    }

    /// Sizes of tables: of the `listed` indicators if the operator brought feeds, else `made`.
    pub(super) fn sizes(&self, listed: usize, made: &[u32]) -> Vec<u32> {
        match u32::try_from(listed) {
            _ if !self.listed => made.to_vec(),
            Ok(0) | Err(_) => Vec::new(),
            Ok(size) => vec![size],
        }
    }

    /// Whether the operator brought records, and `asked` of them is nothing.
    pub(super) fn lacks_questions(&self, asked: usize) -> bool {
        self.asked && asked == 0
    }

    /// Collects what feeds list, each value once.
    fn read_feeds(&mut self, feeds: &[FeedConfig]) -> Result<(), OwnError> {
        let mut names: HashSet<Box<str>> = HashSet::new();
        let mut nets = HashSet::new();
        for feed in feeds {
            let mut take = |value: &IndicatorValue<'_>| match *value {
                IndicatorValue::Name { name, .. }
                    if guard_name(name, Scope::Subtree) == Guarded::Accepted(Scope::Subtree) =>
                {
                    if names.insert(name.as_str().into()) {
                        self.names.push(name.as_str().as_bytes());
                    }
                }
                IndicatorValue::Prefix(net) if !too_wide(net) => self.list(net, &mut nets),
                IndicatorValue::Endpoint { ip, .. } => self.list(ip.into(), &mut nets),
                IndicatorValue::Name { .. }
                | IndicatorValue::Pattern(_)
                | IndicatorValue::Prefix(_) => self.left_out += 1,
            };
            parse(&feed.path, &ParseOptions::of(feed), &mut |indicator| {
                take(&indicator.value);
                Ok(())
            })
            .map_err(|source| OwnError::Feed {
                name: feed.name.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Lists a prefix that is not listed yet.
    fn list(&mut self, net: IpNet, nets: &mut HashSet<IpNet>) {
        if nets.insert(net) {
            self.prefixes.push(net);
            self.prefix_texts.push(net.to_string().as_bytes());
        }
    }

    /// Collects what records ask, until there is enough.
    fn read_records(&mut self, inputs: &[FileInput], questions_max: usize) -> Result<(), OwnError> {
        let mut scanners: Vec<KeyScanner> = inputs
            .iter()
            .map(|input| KeyScanner::new(input.format))
            .collect();
        let mut reader = FileReader::new(inputs.to_vec());
        let mut block = Block::default();
        let mut questions = Questions {
            own: self,
            ended: (0, 0),
        };
        while reader.next_block(&mut block)? {
            let Some(scanner) = scanners.get_mut(usize::from(block.stream.0)) else {
                continue;
            };
            for (range, _) in &block.records {
                if let Some(record) = block.bytes.get(range.clone()) {
                    scanner.keys(record, &mut questions);
                }
                let (names, addresses) = questions.ended;
                if names.max(addresses) >= questions_max {
                    questions.own.asked_names.truncate(questions_max);
                    questions.own.asked_addresses.truncate(questions_max);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Takes the keys of events.
struct Questions<'o> {
    own: &'o mut OwnData,
    /// Names and addresses at the end of the last event.
    ended: (usize, usize),
}

impl<'r> KeySink<'r> for Questions<'_> {
    fn name(&mut self, name: &[u8]) {
        let plain = name.strip_suffix(b".").unwrap_or(name);
        let mut scratch = [0; NAME_LEN_MAX];
        let same = DomainName::parse(plain, &mut scratch)
            .is_ok_and(|parsed| parsed.as_str().as_bytes().eq_ignore_ascii_case(plain));
        if same {
            self.own.asked_names.push(plain);
        } else {
            self.own.unfit += 1;
        }
    }

    fn address(&mut self, address: IpAddr, _port: Option<u16>) {
        self.own.asked_addresses.push(address);
    }

    fn end(&mut self, item: Item<'r>) {
        let own = &mut *self.own;
        match item.outcome {
            Outcome::Event => self.ended = (own.asked_names.len(), own.asked_addresses.len()),
            Outcome::Ignored | Outcome::Rejected(_) => {
                own.asked_names.truncate(self.ended.0);
                own.asked_addresses.truncate(self.ended.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::model::{EventFormat, FeedFormat, Role};

    const ROWS: &str = r#"{"_path":"dns","ts":1.5,"id.orig_h":"198.51.100.7","id.orig_p":1,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","query":"WWW.bad.example","qtype":1,"answers":["203.0.113.66"]}
{"_path":"dns","ts":1.5,"id.orig_h":"198.51.100.7","id.orig_p":1,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","query":"fine.test","qtype":1}
{"_path":"dns","ts":1.5,"id.orig_h":"198.51.100.7","id.orig_p":1,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","query":"b\u00fccher.test","qtype":1}
{"_path":"http","query":"not.an.event.test"}
"#;

    fn feed(path: &Path) -> FeedConfig {
        FeedConfig::new("f", path.to_owned(), FeedFormat::Plain, Role::C2)
    }

    fn read(listed: &str, rows: &str, max: usize) -> Result<OwnData, OwnError> {
        let place = tempfile::tempdir().unwrap();
        let (list, log) = (place.path().join("l.txt"), place.path().join("dns.log"));
        fs::write(&list, listed).unwrap();
        fs::write(&log, rows).unwrap();
        let input = FileInput {
            path: log,
            format: EventFormat::ZeekJson,
        };
        OwnData::read(&[feed(&list)], &[input], max)
    }

    #[test]
    fn feeds_are_the_table_and_records_the_questions() {
        let listed = "bad.example\nBAD.example\n203.0.113.0/28\n192.0.2.1:443\nco.uk\n*bank*\n";
        let own = read(listed, ROWS, 100).unwrap();
        let names: Vec<&[u8]> = own.names.iter().collect();
        assert_eq!(names, [b"bad.example"]);
        assert_eq!(own.prefixes.len(), 2);
        assert_eq!(own.prefix_texts.text(1), b"192.0.2.1/32");
        assert_eq!(own.left_out, 2);
        let asked: Vec<&[u8]> = own.asked_names.iter().collect();
        assert_eq!(asked, [&b"WWW.bad.example"[..], b"fine.test"]);
        assert_eq!(own.unfit, 1);
        assert_eq!(own.asked_addresses.len(), 1);
        assert_eq!(own.sizes(own.names.len(), &[5]), [1]);
        assert_eq!(read(listed, ROWS, 1).unwrap().asked_names.len(), 1);
    }

    #[test]
    fn nothing_to_measure_is_told() {
        for (listed, rows, says) in [
            ("co.uk\nde\n", ROWS, "the feeds list no name"),
            (
                "bad.example\n",
                r#"{"_path":"http"}"#,
                "the records hold no",
            ),
        ] {
            let error = read(listed, rows, 10).unwrap_err();
            assert!(error.to_string().starts_with(says), "{error}");
        }
        let none = OwnData::read(&[], &[], 10).unwrap();
        assert_eq!(none.sizes(0, &[5, 6]), [5, 6]);
        assert!(!none.lacks_questions(0));
    }
}
