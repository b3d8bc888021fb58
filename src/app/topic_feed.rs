//! A feed that is a compacted topic of Kafka: read to its end into a file, the newest record of every
//! key, then followed record by record.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hashbrown::HashMap;

use super::chain;
use crate::config::{ClusterConfig, FeedConfig};
use crate::reload::TopicRow;
use crate::source::{OwnedRecord, PartitionReader};

/// A topic that was read to its end.
pub(super) struct TopicFeed {
    reader: PartitionReader,
}

/// Most records that are taken at once.
const RECORDS_MAX: usize = 10_000;

/// Longest key and value together that can be an indicator, in bytes.
const ROW_BYTES_MAX: usize = 60 << 10;

/// Where the newest record of a key is in the unfinished file, and its length.
type Places = HashMap<[u8; 16], (u64, u32)>;

impl TopicFeed {
    /// Reads a topic to the end that it has now into the feed's file; `None` if it is to stop.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn read_whole(
        feed: &FeedConfig,
        topic: &str,
        cluster: &ClusterConfig,
        stop: &AtomicBool,
    ) -> Result<Option<Self>, String> {
        let mut reader =
            PartitionReader::open(cluster, topic, &[]).map_err(|error| chain(&error))?;
        let at = |error: io::Error| format!("{}: {error}", feed.path.display());
        let directory = feed.path.parent().unwrap_or_else(|| Path::new(""));
        fs::create_dir_all(directory).map_err(at)?;
        let all = feed.path.with_extension("all");
        let mut out = BufWriter::new(File::create(&all).map_err(at)?);
        let (mut places, mut end) = (Places::new(), 0_u64);
        while reader.behind().map_err(|error| chain(&error))? > 0 {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let records = reader.read(RECORDS_MAX, Duration::from_millis(50));
            for record in records.map_err(|error| chain(&error))? {
                let key = id_of(&record);
                match line(&record) {
                    Some(line) => {
                        out.write_all(&line).map_err(at)?;
                        let len = u32::try_from(line.len()).unwrap_or_default();
                        places.insert(key, (end, len));
                        end += u64::from(len);
                    }
                    None => {
                        places.remove(&key);
                    }
                }
            }
        }
        out.flush().map_err(at)?;
        drop(out);
        keep_newest(&all, &places, &feed.path).map_err(at)?;
        fs::remove_file(&all).map_err(at)?;
        Ok(Some(Self { reader }))
    }

    /// What has come since; waits for a short while for something to come.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn read(&mut self) -> Result<Vec<TopicRow>, String> {
        let records = self.reader.read(RECORDS_MAX, Duration::from_millis(200));
        let records = records.map_err(|error| chain(&error))?;
        Ok(records.iter().map(row).collect())
    }
}

/// A record as a row.
fn row(record: &OwnedRecord) -> TopicRow {
    let there = !record.value.is_empty();
    TopicRow {
        id: String::from_utf8_lossy(&record.key).into_owned(),
        value: there.then(|| record.value.clone()),
    }
}

/// What tells a key from others.
fn id_of(record: &OwnedRecord) -> [u8; 16] {
    let hash = blake3::hash(&record.key);
    let (first, _) = hash.as_bytes().split_at(16);
    first.try_into().unwrap_or_default()
}

/// A record as a line of the file, with its key as the id; `None` for one that removes. What is no
/// object stays as it is, to be refused and counted when the file is read.
fn line(record: &OwnedRecord) -> Option<Vec<u8>> {
    if record.value.is_empty() {
        return None;
    }
    let id = String::from_utf8_lossy(&record.key);
    let fits = record.key.len() + record.value.len() <= ROW_BYTES_MAX;
    let object = if fits {
        serde_json::from_slice(&record.value).ok()
    } else {
        None
    };
    let object: Option<serde_json::Map<String, serde_json::Value>> = object;
    let mut line = match object {
        Some(mut object) => {
            object.insert("id".to_owned(), id.into());
            serde_json::to_vec(&object).unwrap_or_default()
        }
        None => {
            let start = record.value.get(..200).unwrap_or(&record.value);
            let text = String::from_utf8_lossy(start).replace(['\n', '\r'], " ");
            format!("no indicator: {text}").into_bytes()
        }
    };
    line.push(b'\n');
    Some(line)
}

/// Copies the lines at some places to a new file, which takes the place of the old one whole.
fn keep_newest(all: &Path, places: &Places, target: &Path) -> io::Result<()> {
    let mut places: Vec<(u64, u32)> = places.values().copied().collect();
    places.sort_unstable();
    let mut from = io::BufReader::with_capacity(1 << 18, File::open(all)?);
    let unfinished = target.with_extension("unfinished");
    let mut to = BufWriter::new(File::create(&unfinished)?);
    let mut at = 0;
    let mut room = Vec::new();
    for (place, len) in places {
        let skip = i64::try_from(place - at).unwrap_or(i64::MAX);
        from.seek_relative(skip)?;
        room.resize(len as usize, 0);
        from.read_exact(&mut room)?;
        to.write_all(&room)?;
        at = place + u64::from(len);
    }
    to.flush()?;
    to.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    fs::rename(&unfinished, target)
}
