//! The feeds of an operation, as their publishers would write them, and the configuration that
//! reads them.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::indicators::Class;
use super::listings::{Lister, Listing};
use super::names;
use super::space::Spot;
use super::{Operation, families, time_at};
use crate::config::{CsvColumns, FeedConfig};
use crate::model::{FeedFormat, IndicatorState, Named, Role};

/// One feed, ready to be written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFile {
    /// Its name in hits.
    pub name: &'static str,
    /// What its file is called.
    pub file_name: &'static str,
    /// How it is written.
    pub format: FeedFormat,
    /// What its indicators are used for, where a row does not say.
    pub role: Role,
    /// 0 to 100, where a row does not say.
    pub confidence: u8,
    /// For `csv`: key of the configuration and name of the column.
    pub columns: &'static [(&'static str, &'static str)],
    /// How many rows it has.
    pub rows: u64,
    /// Its content.
    pub text: Vec<u8>,
}

/// The columns of the partner's table.
const COLUMNS: [(&str, &str); 9] = [
    ("value", "ioc"),
    ("id", "ref"),
    ("malware", "family"),
    ("role", "kind"),
    ("confidence", "score"),
    ("valid_from", "first_seen"),
    ("valid_until", "expires"),
    ("reference", "link"),
    ("tags", "labels"),
];

impl FeedFile {
    /// A feed without rows.
    fn new(lister: Lister) -> Self {
        let (name, file_name, format, role) = match lister {
            Lister::Operation => (
                "operation",
                "operation.jsonl",
                FeedFormat::GannetJson,
                Role::C2,
            ),
            Lister::Partner => ("partner", "partner.csv", FeedFormat::Csv, Role::C2),
            Lister::Watch => ("watchlist", "watchlist.txt", FeedFormat::Plain, Role::C2),
            Lister::Hosts => ("blocked-hosts", "hosts.txt", FeedFormat::Hosts, Role::C2),
            Lister::Scanners => ("scanners", "scanners.txt", FeedFormat::Plain, Role::Scanner),
        };
        let mut text = String::new();
        match lister {
            Lister::Operation => {}
            Lister::Partner => {
                let names: Vec<&str> = COLUMNS.iter().map(|(_, column)| *column).collect();
                text.push_str(&names.join(","));
                text.push('\n');
            }
            Lister::Watch | Lister::Hosts | Lister::Scanners => {
                let _ = writeln!(text, "# {name}: a made list, nothing in it is real");
            }
        }
        Self {
            name,
            file_name,
            format,
            role,
            confidence: lister.default_confidence(),
            columns: if lister == Lister::Partner {
                &COLUMNS
            } else {
                &[]
            },
            rows: 0,
            text: text.into_bytes(),
        }
    }

    /// Adds a row.
    fn push(&mut self, row: &str) {
        self.rows += 1;
        self.text.extend_from_slice(row.as_bytes());
        self.text.push(b'\n');
    }

    /// The feed as a configuration means it, with its file at `path`.
    pub fn meant(&self, path: PathBuf) -> FeedConfig {
        let column = |key: &str| {
            let found = self.columns.iter().find(|(name, _)| *name == key);
            found.map(|(_, column)| (*column).to_owned())
        };
        FeedConfig {
            confidence: self.confidence,
            columns: CsvColumns {
                value: column("value"),
                id: column("id"),
                malware: column("malware"),
                role: column("role"),
                confidence: column("confidence"),
                valid_from: column("valid_from"),
                valid_until: column("valid_until"),
                reference: column("reference"),
                tags: column("tags"),
                delimiter: None,
            },
            ..FeedConfig::new(self.name, path, self.format, self.role)
        }
    }

    /// The `[[feed]]` of a configuration whose feeds lie in `directory`.
    pub fn config(&self, directory: &str) -> String {
        let mut toml = String::new();
        let _ = writeln!(
            toml,
            "[[feed]]\nname = \"{}\"\npath = \"{directory}/{}\"\nformat = \"{}\"\nrole = \"{}\"\n\
             confidence = {}",
            self.name,
            self.file_name,
            self.format.as_str(),
            self.role.as_str(),
            self.confidence,
        );
        if !self.columns.is_empty() {
            toml.push_str("[feed.columns]\n");
            for (key, column) in self.columns {
                let _ = writeln!(toml, "{key} = \"{column}\"");
            }
        }
        toml
    }
}

impl Operation {
    /// All feeds with at least one row, the allow rules last. Builds them whole: some 5 MB at
    /// the default size.
    pub fn feeds(&self) -> Vec<FeedFile> {
        let mut operation = FeedFile::new(Lister::Operation);
        let mut partner = FeedFile::new(Lister::Partner);
        let mut watch = FeedFile::new(Lister::Watch);
        let mut hosts = FeedFile::new(Lister::Hosts);
        let mut scanners = FeedFile::new(Lister::Scanners);
        let mut allow = FeedFile {
            name: "allow",
            file_name: "allow.txt",
            role: Role::Allow,
            text: b"# allow: made rules\n".to_vec(),
            ..FeedFile::new(Lister::Watch)
        };
        for (index, plan) in (0..).zip(&self.indicators.plans) {
            for listing in plan.listings() {
                match listing.lister {
                    Lister::Operation => operation.push(&self.json_row(index, &listing)),
                    Lister::Partner => partner.push(&self.csv_row(index, &listing)),
                    Lister::Watch => watch.push(&self.bare(index)),
                    Lister::Hosts => {
                        hosts.push(&format!("0.0.0.0 {}", self.indicators.name(index)))
                    }
                    Lister::Scanners => scanners.push(&self.indicators.value(index)),
                }
            }
            if let Some(rule) = self.allow_rule(index) {
                allow.push(&rule);
            }
        }
        [operation, partner, watch, hosts, scanners, allow]
            .into_iter()
            .filter(|feed| feed.rows > 0)
            .collect()
    }

    /// The value of an indicator as its feeds write it: with its own letters.
    fn written(&self, index: u32) -> String {
        match self.indicators.plan(index).class {
            Class::Subtree | Class::Foreign | Class::Child | Class::Exact | Class::Below => {
                self.indicators.written_name(index)
            }
            Class::Pattern => names::pattern(index),
            Class::Address | Class::Inner | Class::Prefix | Class::Endpoint(_) => {
                self.indicators.value(index)
            }
        }
    }

    /// The value alone; now and then made harmless to click on.
    fn bare(&self, index: u32) -> String {
        let value = self.written(index);
        match (
            self.indicators.plan(index).is_address(),
            value.rsplit_once('.'),
        ) {
            (false, Some((head, top))) if index % 7 == 3 => format!("{head}[.]{top}"),
            _ => value,
        }
    }

    /// What allow rules take back of an indicator.
    fn allow_rule(&self, index: u32) -> Option<String> {
        let plan = self.indicators.plan(index);
        if plan.allowed {
            return Some(self.indicators.value(index));
        }
        if !plan.partly_allowed {
            return None;
        }
        if plan.is_address() {
            let address = self.indicators.address(index, Spot::Allowed)?;
            return Some(address.to_string());
        }
        Some(format!("good.{}", self.indicators.name(index)))
    }

    /// Free words: what the family does, and who hosts the address.
    fn tags(&self, index: u32, listing: &Listing) -> Vec<String> {
        let family = listing
            .family
            .map(|family| families::name(family).0.to_owned());
        let hoster = self.indicators.hoster(index);
        family
            .into_iter()
            .chain(hoster.map(|(asn, _)| format!("as{asn}")))
            .collect()
    }

    /// A `gannet.indicator.v1` object.
    fn json_row(&self, index: u32, listing: &Listing) -> String {
        let plan = self.indicators.plan(index);
        let mut row = String::with_capacity(320);
        let scope = match plan.class {
            Class::Subtree | Class::Foreign | Class::Child => Some("subtree"),
            Class::Exact => Some("exact"),
            Class::Below => Some("below"),
            Class::Pattern => Some("pattern"),
            Class::Address | Class::Inner | Class::Prefix | Class::Endpoint(_) => None,
        };
        let _ = write!(
            row,
            "{{\"schema\":\"gannet.indicator.v1\",\"id\":\"op-{index}\",\"value\":\"{}\"",
            self.written(index)
        );
        if let Some(scope) = scope {
            let _ = write!(row, ",\"scope\":\"{scope}\"");
        }
        let _ = write!(row, ",\"role\":\"{}\"", plan.role.as_str());
        if let Some(family) = listing.family {
            let _ = write!(row, ",\"malware\":\"{}\"", families::written(family));
        }
        let _ = write!(row, ",\"confidence\":{}", listing.confidence);
        for (key, seconds) in [("valid_from", listing.from), ("valid_until", listing.until)] {
            match seconds {
                Some(seconds) => {
                    let _ = write!(row, ",\"{key}\":\"{}\"", instant(seconds));
                }
                None => {
                    let _ = write!(row, ",\"{key}\":null");
                }
            }
        }
        let _ = write!(
            row,
            ",\"state\":\"{}\",\"reference\":\"https://intel.example/indicator/{index}\",\"tags\":[",
            listing.state.as_str()
        );
        for (at, tag) in self.tags(index, listing).iter().enumerate() {
            let _ = write!(row, "{}\"{tag}\"", if at == 0 { "" } else { "," });
        }
        row.push_str("]}");
        row
    }

    /// A row of the partner's table.
    fn csv_row(&self, index: u32, listing: &Listing) -> String {
        let plan = self.indicators.plan(index);
        let day = |seconds: Option<i32>| {
            let text = seconds.map(|seconds| instant(seconds).replace('T', " "));
            text.map(|text| text.trim_end_matches('Z').to_owned())
                .unwrap_or_default()
        };
        let family = listing.family.map(families::written).unwrap_or_default();
        let hoster = self.indicators.hoster(index).map(|(_, name)| name);
        let mut tags = self.tags(index, listing);
        tags.extend(hoster.map(|name| name.to_ascii_lowercase().replace(' ', "-")));
        format!(
            "{},p{index},{family},{},{},{},{},https://partner.example/{index},\"{}\"",
            self.written(index),
            plan.role.as_str(),
            listing.confidence,
            day(listing.from),
            day(listing.until),
            tags.join(",")
        )
    }

    /// How many listed values are withdrawn, allowed or otherwise never hit.
    pub fn silent_indicators(&self) -> u64 {
        let silent = |plan: &&super::indicators::Plan| {
            plan.allowed || plan.listing.state == IndicatorState::Revoked
        };
        self.indicators.plans.iter().filter(silent).count() as u64
    }
}

/// RFC 3339 without a fraction, of seconds since the start of the operation.
fn instant(seconds: i32) -> String {
    let text = time_at(i64::from(seconds) * 1_000_000).to_string();
    text.replace(".000000000Z", "Z")
}
