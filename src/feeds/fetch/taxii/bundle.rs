//! One STIX bundle with the newest version of every object of a collection.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::TaxiiError;
use crate::feeds::document::{Field, each_entry, is_list, object, text, time};
use crate::feeds::fetch::web::FetchError;
use crate::model::EventTime;

/// What a bundle has around its objects, at most, in bytes.
const AROUND_BYTES: u64 = 128;
/// What stands between two objects.
const BETWEEN: &[u8] = b",\n";
/// The same, in bytes.
const BETWEEN_BYTES: u64 = 2;

/// The objects of a bundle by their ids, so that the same objects make the same bundle.
#[derive(Default)]
pub(super) struct Bundle {
    objects: BTreeMap<String, Version>,
    /// The length of all objects and what stands between them.
    bytes: u64,
}

/// A version of an object.
struct Version {
    /// When it was made; `None` for what has no versions, or none that can be read.
    modified: Option<EventTime>,
    /// All of it.
    raw: Box<RawValue>,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is new, or newer than the one that was there.
    Changed,
    /// It was there, as new or newer.
    Known,
    /// It is no object, or has no id.
    Skipped,
}

/// An object, as far as it matters which one it is.
#[derive(Deserialize)]
struct Head<'d> {
    /// The id.
    #[serde(borrow, default)]
    id: Field<'d>,
    /// When this version was made.
    #[serde(borrow, default)]
    modified: Field<'d>,
    /// When the first version was made.
    #[serde(borrow, default)]
    created: Field<'d>,
}

/// A bundle as it is written.
#[derive(Deserialize)]
struct Around<'d> {
    /// `bundle`.
    #[serde(borrow, default, rename = "type")]
    kind: Field<'d>,
    /// The objects.
    #[serde(borrow, default)]
    objects: Field<'d>,
}

impl Bundle {
    /// The bundle in a file; `None` if there is none that can be read, or none of at most
    /// `bytes_max` bytes: then everything has to be fetched anew.
    pub(super) fn read(path: &Path, bytes_max: u64) -> Option<Self> {
        let mut written = String::new();
        let file = File::open(path).ok()?;
        let limit = bytes_max.saturating_add(1);
        let n_read = file.take(limit).read_to_string(&mut written).ok()?;
        if u64::try_from(n_read).ok()? > bytes_max {
            return None;
        }
        let raw: &RawValue = serde_json::from_str(&written).ok()?;
        let around: Around<'_> = object(raw).ok()?;
        let objects = around.objects.filter(|objects| is_list(objects))?;
        if text(around.kind).as_deref() != Some("bundle") {
            return None;
        }
        let mut bundle = Self::default();
        each_entry(objects, &mut |object| {
            bundle.add(object);
        });
        Some(bundle)
    }

    /// Adds an object if it is newer than the one with its id. O(log objects).
    pub(super) fn add(&mut self, raw: &RawValue) -> Added {
        let Ok(head) = object::<Head<'_>>(raw) else {
            return Added::Skipped;
        };
        let Some(id) = text(head.id) else {
            return Added::Skipped;
        };
        let at = |field| time(field).ok().flatten();
        let version = Version {
            modified: at(head.modified).or_else(|| at(head.created)),
            raw: raw.to_owned(),
        };
        match self.objects.entry(id.into_owned()) {
            Entry::Vacant(place) => {
                self.bytes = self.bytes.saturating_add(version.bytes());
                place.insert(version);
            }
            Entry::Occupied(mut known) if known.get().modified < version.modified => {
                let without = self.bytes.saturating_sub(known.get().bytes());
                self.bytes = without.saturating_add(version.bytes());
                known.insert(version);
            }
            Entry::Occupied(_) => return Added::Known,
        }
        Added::Changed
    }

    /// How many objects there are.
    pub(super) fn objects(&self) -> u64 {
        u64::try_from(self.objects.len()).unwrap_or(u64::MAX)
    }

    /// Whether it keeps its limits.
    ///
    /// # Errors
    /// [`TaxiiError`] `TooManyObjects`, and `Web` with [`FetchError::TooLarge`].
    pub(super) fn check(
        &self,
        objects_max: u64,
        bytes_max: u64,
        url: impl Fn() -> String,
    ) -> Result<(), TaxiiError> {
        if self.objects() > objects_max {
            return Err(TaxiiError::TooManyObjects {
                url: url(),
                limit: objects_max,
            });
        }
        if self.bytes.saturating_add(AROUND_BYTES) > bytes_max {
            return Err(TaxiiError::Web(FetchError::TooLarge {
                url: url(),
                limit: bytes_max,
            }));
        }
        Ok(())
    }

    /// Writes it, one object after another in the order of their ids; the length. `source` is what
    /// its own id is made from.
    ///
    /// # Errors
    /// What the writer says.
    pub(super) fn write(&self, source: &str, out: impl Write) -> io::Result<u64> {
        let mut out = BufWriter::new(out);
        let head = format!(
            "{{\"type\":\"bundle\",\"id\":\"bundle--{}\",\"objects\":[\n",
            uuid(source)
        );
        let tail = b"\n]}\n";
        out.write_all(head.as_bytes())?;
        let mut bytes = head.len().saturating_add(tail.len());
        for (index, version) in self.objects.values().enumerate() {
            if index > 0 {
                out.write_all(BETWEEN)?;
                bytes = bytes.saturating_add(BETWEEN.len());
            }
            let written = version.raw.get();
            out.write_all(written.as_bytes())?;
            bytes = bytes.saturating_add(written.len());
        }
        out.write_all(tail)?;
        out.flush()?;
        Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl Version {
    /// How much it adds to the length of a bundle.
    fn bytes(&self) -> u64 {
        let len = u64::try_from(self.raw.get().len()).unwrap_or(u64::MAX);
        len.saturating_add(BETWEEN_BYTES)
    }
}

/// A UUID of version 8 that is made from a text.
fn uuid(text: &str) -> String {
    let mut bytes = [0; 16];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) | 8 << 76;
    let number = number & !(3 << 62) | 2 << 62;
    let hex = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|part| hex.get(part).unwrap_or_default().to_owned());
    parts.join("-")
}
