//! Reading many feeds in order: from feed to feed, from file to file, from block to block. Whoever
//! takes the steps parses the blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::{Block, Blocks};
use super::error::FeedError;
use super::read::{self, Input};
use super::{ParseOptions, Parser, family};

/// A feed to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    /// A file, or a directory.
    pub(super) path: &'a Path,
    /// How it is parsed.
    pub(super) options: ParseOptions<'a>,
}

/// A file of a feed.
#[derive(Debug)]
pub(super) struct FeedFile {
    /// Which feed, by its place among the jobs.
    pub(super) job: usize,
    /// The file.
    pub(super) path: PathBuf,
    /// What it stands for, if it is one of several.
    family: Option<String>,
}

impl FeedFile {
    /// How it is parsed.
    pub(super) fn options<'b>(&'b self, job: &Job<'b>) -> ParseOptions<'b> {
        job.options.in_family(self.family.as_deref())
    }
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// A file of the feed at hand.
    BeginFile(Arc<FeedFile>),
    /// A block of that file, in the caller's memory.
    Block(Arc<FeedFile>),
    /// Its end.
    EndFile {
        /// Bytes read of the feed so far.
        bytes: u64,
        /// Whether the feed is a directory.
        of_several: bool,
    },
    /// In place of all other steps of a feed: its files cannot be cut into blocks. The next
    /// step is of the next feed.
    WholeFeed,
    /// The end of a feed: read to its end, or unusable. The next step is of the next feed.
    EndFeed(Result<(), FeedError>),
}

/// Where the reading is.
pub(super) struct Steps<'j> {
    jobs: &'j [Job<'j>],
    /// Bytes that a block should have.
    block_bytes: usize,
    /// The feed at hand.
    job: usize,
    /// Its other files, and whether it is a directory; none before it was looked at.
    files: Option<(std::vec::IntoIter<PathBuf>, bool)>,
    /// The file at hand.
    open: Option<(Arc<FeedFile>, Blocks)>,
    /// Bytes of its earlier files.
    bytes: u64,
}

impl<'j> Steps<'j> {
    /// Reads `jobs` in blocks of about `block_bytes` bytes.
    pub(super) fn new(jobs: &'j [Job<'j>], block_bytes: usize) -> Self {
        Self {
            jobs,
            block_bytes,
            job: 0,
            files: None,
            open: None,
            bytes: 0,
        }
    }

    /// The next step; `None` after the last feed. A feed that fails does not keep the next one
    /// from being read.
    pub(super) fn next(&mut self, block: &mut Block) -> Option<Step> {
        let job = self.jobs.get(self.job)?;
        let step = self.advance(job, block);
        Some(step.unwrap_or_else(|error| {
            self.next_job();
            Step::EndFeed(Err(error))
        }))
    }

    /// The next step of the feed at hand.
    fn advance(&mut self, job: &Job<'_>, block: &mut Block) -> Result<Step, FeedError> {
        if matches!(Parser::of(job.options.format), Parser::File(_)) {
            self.next_job();
            return Ok(Step::WholeFeed);
        }
        let (files, of_several) = match &mut self.files {
            Some(files) => files,
            None => {
                let (files, of_several) = read::files(job.path)?;
                self.files.insert((files.into_iter(), of_several))
            }
        };
        let of_several = *of_several;
        if let Some((file, blocks)) = &mut self.open {
            if blocks.next(block)? {
                return Ok(Step::Block(Arc::clone(file)));
            }
            self.bytes = blocks.bytes();
            self.open = None;
            let bytes = self.bytes;
            return Ok(Step::EndFile { bytes, of_several });
        }
        let Some(path) = files.next() else {
            self.next_job();
            return Ok(Step::EndFeed(Ok(())));
        };
        let input = Input::open(&path, self.bytes, job.options.bytes_max)?;
        let file = Arc::new(FeedFile {
            job: self.job,
            family: of_several.then(|| family(&path)),
            path,
        });
        let blocks = Blocks::new(input, self.block_bytes);
        self.open = Some((Arc::clone(&file), blocks));
        Ok(Step::BeginFile(file))
    }

    /// Goes on to the next feed.
    fn next_job(&mut self) {
        self.job += 1;
        self.files = None;
        self.open = None;
        self.bytes = 0;
    }
}
