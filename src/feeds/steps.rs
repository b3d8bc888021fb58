//! Reading many feeds in order: from feed to feed, from file to file, from block to block. Whoever
//! takes the steps parses the blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::{Block, Blocks};
use super::error::FeedError;
use super::read::{self, Input};
use super::{ParseOptions, Parser, family, guess};
use crate::model::FeedFormat;

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
    /// The format of the feed, if it was guessed.
    pub(super) guessed: Option<FeedFormat>,
    /// What it stands for, if it is one of several.
    family: Option<String>,
}

impl FeedFile {
    /// How it is parsed.
    pub(super) fn options<'b>(&'b self, job: &Job<'b>) -> ParseOptions<'b> {
        let options = job.options.in_family(self.family.as_deref());
        ParseOptions {
            format: self.guessed.unwrap_or(options.format),
            ..options
        }
    }
}

/// The files of a feed that are still to be read.
#[derive(Debug)]
pub(super) struct Files {
    /// Which feed, by its place among the jobs.
    job: usize,
    rest: std::vec::IntoIter<PathBuf>,
    /// Whether the feed is a directory.
    of_several: bool,
    /// The format, said or guessed.
    format: FeedFormat,
    /// The format, if it was guessed.
    guessed: Option<FeedFormat>,
    /// The first file, if it was opened for that: what comes from a pipe comes once.
    first: Option<(PathBuf, Input)>,
}

impl Files {
    /// The files of `jobs[number]`, and their format.
    ///
    /// # Errors
    /// [`FeedError`] when they cannot be looked at or their format cannot be told.
    fn of(job: &Job<'_>, number: usize) -> Result<Self, FeedError> {
        let (files, of_several) = read::files(job.path)?;
        let mut files = Self {
            job: number,
            rest: files.into_iter(),
            of_several,
            format: job.options.format,
            guessed: None,
            first: None,
        };
        if files.format == FeedFormat::Auto {
            files.guess(job)?;
        }
        Ok(files)
    }

    /// The format of all of them.
    pub(super) fn format(&self) -> FeedFormat {
        self.format
    }

    /// Whether the feed is a directory.
    pub(super) fn of_several(&self) -> bool {
        self.of_several
    }

    /// The files that are still to be read, in their order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let first = self.first.iter().map(|(path, _)| path);
        first.chain(self.rest.as_slice()).map(PathBuf::as_path)
    }

    /// The next file, opened, after `bytes` bytes of earlier ones.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(super) fn next(
        &mut self,
        job: &Job<'_>,
        bytes: u64,
    ) -> Result<Option<(FeedFile, Input)>, FeedError> {
        let (path, input) = if let Some(first) = self.first.take() {
            first
        } else if let Some(path) = self.rest.next() {
            let input = Input::open(&path, bytes, job.options.bytes_max)?;
            (path, input)
        } else {
            return Ok(None);
        };
        let file = FeedFile {
            job: self.job,
            guessed: self.guessed,
            // A file of MISP is named after an event.
            family: (self.of_several && self.format != FeedFormat::Misp).then(|| family(&path)),
            path,
        };
        Ok(Some((file, input)))
    }

    /// Tells the format from the first file; a directory without files has none and needs none.
    fn guess(&mut self, job: &Job<'_>) -> Result<(), FeedError> {
        let Some(path) = self.rest.next() else {
            return Ok(());
        };
        let input = Input::open(&path, 0, job.options.bytes_max)?;
        self.format = guess::format_of(&input)?;
        self.guessed = Some(self.format);
        self.first = Some((path, input));
        Ok(())
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
    WholeFeed(Files),
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
    /// Its other files; none before it was looked at.
    files: Option<Files>,
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
        let files = match self.files.take() {
            Some(files) => files,
            None => Files::of(job, self.job)?,
        };
        if matches!(
            Parser::of(files.format),
            Some(Parser::File(_) | Parser::Files(..))
        ) {
            self.next_job();
            return Ok(Step::WholeFeed(files));
        }
        let files = self.files.insert(files);
        let of_several = files.of_several;
        if let Some((file, blocks)) = &mut self.open {
            if blocks.next(block)? {
                return Ok(Step::Block(Arc::clone(file)));
            }
            self.bytes = blocks.bytes();
            self.open = None;
            let bytes = self.bytes;
            return Ok(Step::EndFile { bytes, of_several });
        }
        let Some((file, input)) = files.next(job, self.bytes)? else {
            self.next_job();
            return Ok(Step::EndFeed(Ok(())));
        };
        let file = Arc::new(file);
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
