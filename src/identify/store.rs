//! The embedded store: one redb file whose every transaction is whole or not there. What the
//! tables hold is said here; who writes them lives beside.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use redb::{
    Builder, CommitError, Database, DatabaseError, ReadTransaction, ReadableDatabase,
    ReadableTable, StorageError, TableDefinition, TableError, TransactionError, WriteTransaction,
};

/// Facts about the store itself: [`FORMAT`], [`ORIGIN`] and others.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// Partition of the hits topic → the next offset to read, and the newest record time in
/// nanoseconds.
pub(super) const PARTITIONS: TableDefinition<'_, i32, (i64, i64)> =
    TableDefinition::new("partitions");

/// Hit id → the latest bucket of record time in which a copy of it was seen.
pub(super) const SEEN: TableDefinition<'_, &[u8; 16], i64> = TableDefinition::new("seen");

/// (partition, bucket of record time, ordinal of the step) → the hit ids seen then, so that
/// they can be forgotten.
pub(super) const SEEN_IN: TableDefinition<'_, (i32, i64, u64), &[u8]> =
    TableDefinition::new("seen-in");

/// (leases needed up to, hit id) → a hit that waits.
pub(super) const WAITING: TableDefinition<'_, (i64, &[u8; 16]), &[u8]> =
    TableDefinition::new("waiting");

/// The same for hits that waited too long.
pub(super) const PROVISIONAL: TableDefinition<'_, (i64, &[u8; 16]), &[u8]> =
    TableDefinition::new("provisional");

/// (waits since, ordinal of the step) → keys of [`WAITING`], 24 bytes each, some of which may
/// be gone.
pub(super) const WAITING_SINCE: TableDefinition<'_, (i64, u64), &[u8]> =
    TableDefinition::new("waiting-since");

/// Episode id → episode with its sending.
pub(super) const EPISODES: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("episodes");

/// (to be sent at, episode id): the queue of what is to be sent.
pub(super) const QUEUE: TableDefinition<'_, (i64, &[u8; 16]), ()> = TableDefinition::new("queue");

/// In [`META`]: counts the steps.
const STEPS: &str = "steps";

/// In [`META`]: the version of the tables.
const FORMAT: &str = "format";

/// In [`META`]: the cluster and topic that the hits come from.
const ORIGIN: &str = "origin";

/// The version that this program writes and reads.
const FORMAT_KNOWN: &str = "1";

/// Memory for pages: the store itself may be larger.
const CACHE_BYTES: usize = 256 << 20;

/// Why the identify stage cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// Another process has the store open. That one is active; this one may stand by and try
    /// again.
    #[error("store {} is in use by another process", path.display())]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The store could not be opened or made.
    #[error("cannot open store {}", path.display())]
    Open {
        /// The store's file.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
    /// The store holds the hits of another cluster or topic.
    #[error("store {} holds hits of `{found}`, not of `{expected}`", path.display())]
    OtherOrigin {
        /// The store's file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it was opened for.
        expected: String,
    },
    /// The store was written by another version of Gannet. Reading the hits topic again into a
    /// new store gives the same episodes.
    #[error("store {} has format `{found}`, not `{FORMAT_KNOWN}`", path.display())]
    OtherFormat {
        /// The store's file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// A row of the store is damaged.
    #[error("a row of table `{table}` in the store cannot be read")]
    Damaged {
        /// The table.
        table: &'static str,
    },
    /// The store failed. Nothing of the step is kept.
    #[error("the store failed")]
    Store(#[source] Box<redb::Error>),
}

impl From<StorageError> for IdentifyError {
    fn from(error: StorageError) -> Self {
        Self::Store(Box::new(error.into()))
    }
}

impl From<TableError> for IdentifyError {
    fn from(error: TableError) -> Self {
        Self::Store(Box::new(error.into()))
    }
}

impl From<TransactionError> for IdentifyError {
    fn from(error: TransactionError) -> Self {
        Self::Store(Box::new(error.into()))
    }
}

impl From<CommitError> for IdentifyError {
    fn from(error: CommitError) -> Self {
        Self::Store(Box::new(error.into()))
    }
}

/// The ordinal of the step that `txn` is.
pub(super) fn next_step(txn: &WriteTransaction) -> Result<u64, IdentifyError> {
    let mut meta = txn.open_table(META)?;
    let last = match meta.get(STEPS)? {
        None => 0,
        Some(bytes) => u64::from_le_bytes(
            bytes
                .value()
                .try_into()
                .map_err(|_| IdentifyError::Damaged { table: "meta" })?,
        ),
    };
    meta.insert(STEPS, (last + 1).to_le_bytes().as_slice())?;
    Ok(last + 1)
}

/// The open store. As long as it lives no other process can open it.
pub(super) struct Store {
    database: Database,
}

impl Store {
    /// Opens the store at `path`, made if it is not there, for the hits of `origin`.
    pub(super) fn open(path: &Path, origin: &str) -> Result<Self, IdentifyError> {
        let failed = |error: redb::Error| IdentifyError::Open {
            path: path.to_owned(),
            source: Box::new(error),
        };
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| failed(error.into()))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // It says who is a victim of what: nobody's business but ours.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| failed(error.into()))?;
        let database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_file(file)
            .map_err(|error| {
                if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
                    let path = path.to_owned();
                    IdentifyError::InUse { path }
                } else {
                    failed(error.into())
                }
            })?;
        let store = Self { database };
        store.prepare(path, origin)?;
        Ok(store)
    }

    /// Makes the tables of a new store, and checks those of an old one.
    fn prepare(&self, path: &Path, origin: &str) -> Result<(), IdentifyError> {
        let txn = self.write()?;
        {
            let mut meta = txn.open_table(META)?;
            let mut recorded = |key, expected: &str| -> Result<Option<String>, IdentifyError> {
                let found = meta
                    .get(key)?
                    .map(|found| String::from_utf8_lossy(found.value()).into_owned());
                if found.is_none() {
                    meta.insert(key, expected.as_bytes())?;
                }
                Ok(found.filter(|found| found != expected))
            };
            if let Some(found) = recorded(FORMAT, FORMAT_KNOWN)? {
                return Err(IdentifyError::OtherFormat {
                    path: path.to_owned(),
                    found,
                });
            }
            if let Some(found) = recorded(ORIGIN, origin)? {
                return Err(IdentifyError::OtherOrigin {
                    path: path.to_owned(),
                    found,
                    expected: origin.to_owned(),
                });
            }
            txn.open_table(PARTITIONS)?;
            txn.open_table(SEEN)?;
            txn.open_table(SEEN_IN)?;
            txn.open_table(WAITING)?;
            txn.open_table(PROVISIONAL)?;
            txn.open_table(WAITING_SINCE)?;
            txn.open_table(EPISODES)?;
            txn.open_table(QUEUE)?;
        }
        txn.commit()?;
        Ok(())
    }

    /// Begins the one transaction of a step. Dropped without a commit it leaves nothing.
    pub(super) fn write(&self) -> Result<WriteTransaction, IdentifyError> {
        Ok(self.database.begin_write()?)
    }

    /// The store as of the last commit.
    pub(super) fn read(&self) -> Result<ReadTransaction, IdentifyError> {
        Ok(self.database.begin_read()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_opened_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("episodes.redb");
        let first = Store::open(&path, "cluster/hits").unwrap();
        let second = Store::open(&path, "cluster/hits").err().unwrap();
        assert!(matches!(second, IdentifyError::InUse { .. }), "{second}");
        assert!(second.to_string().ends_with("is in use by another process"));
        drop(first);
        assert!(Store::open(&path, "cluster/hits").is_ok());
    }

    #[test]
    fn a_store_of_another_topic_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("episodes.redb");
        drop(Store::open(&path, "cluster/hits").unwrap());
        let error = Store::open(&path, "cluster/other").err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("holds hits of `cluster/hits`, not of `cluster/other`"),
            "{error}"
        );
        assert!(Store::open(&path, "cluster/hits").is_ok());
    }

    #[test]
    fn a_store_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("episodes.redb");
        let store = Store::open(&path, "cluster/hits").unwrap();
        let txn = store.write().unwrap();
        txn.open_table(META)
            .unwrap()
            .insert(FORMAT, b"999".as_slice())
            .unwrap();
        txn.commit().unwrap();
        drop(store);
        let error = Store::open(&path, "cluster/hits").err().unwrap();
        assert!(matches!(error, IdentifyError::OtherFormat { found, .. } if found == "999"));
    }

    #[test]
    fn what_is_no_store_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "not a store".repeat(1000)).unwrap();
        let error = Store::open(&path, "cluster/hits").err().unwrap();
        assert!(matches!(error, IdentifyError::Open { .. }), "{error}");
        assert_eq!(
            std::fs::read(&path).unwrap(),
            "not a store".repeat(1000).as_bytes()
        );
        let nowhere = path.join("episodes.redb");
        let error = Store::open(&nowhere, "cluster/hits").err().unwrap();
        assert!(matches!(error, IdentifyError::Open { .. }), "{error}");
    }
}
