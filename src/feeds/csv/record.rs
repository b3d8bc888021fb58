//! One row of a `csv` file, cut into cells, in buffers that serve the whole file.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::spaces::without_spaces;
use crate::feeds::reason::{self, Reason};

/// Most cells of a row.
const CELLS_MAX: usize = 256;

/// What is kept of a line that is too long, to be shown.
const SHOWN_BYTES: usize = 512;

/// A row, fed line by line.
pub(in crate::feeds) struct Record {
    /// Finds cells; remembers an open quote from line to line.
    reader: Reader,
    /// The row as written, up to its most bytes.
    raw: Vec<u8>,
    /// How many bytes a row may have.
    bytes_max: usize,
    /// The cells, without quotes, one after the other.
    text: Vec<u8>,
    /// How much of `text` is used.
    text_len: usize,
    /// Where each cell ends in `text`.
    ends: [usize; CELLS_MAX],
    /// How many cells there are.
    n_cells: usize,
    /// What separates cells.
    delimiter: u8,
    /// Whether the next line starts inside quotes.
    open: bool,
}

/// What a record is after another line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// Whole.
    Complete,
    /// Inside quotes: the next line belongs to it.
    Open,
    /// Longer than a row may be.
    TooLong,
    /// Of more cells than a row may have.
    TooManyColumns,
}

impl Record {
    /// An empty record of cells separated by `delimiter` and at most `bytes_max` bytes.
    pub(super) fn new(delimiter: u8, bytes_max: usize) -> Self {
        Self {
            reader: ReaderBuilder::new()
                .delimiter(delimiter)
                .terminator(Terminator::Any(b'\n'))
                .build(),
            raw: Vec::new(),
            bytes_max,
            text: vec![0; bytes_max + 1],
            text_len: 0,
            ends: [0; CELLS_MAX],
            n_cells: 0,
            delimiter,
            open: false,
        }
    }

    /// Makes it empty.
    pub(super) fn clear(&mut self) {
        self.reader.reset();
        self.raw.clear();
        self.text_len = 0;
        self.n_cells = 0;
        self.open = false;
    }

    /// Adds a line, without its line feed.
    pub(super) fn feed(&mut self, line: &[u8]) -> Fed {
        if self.raw.len() + line.len() > self.bytes_max {
            if self.raw.is_empty() {
                let start = line.get(..SHOWN_BYTES).unwrap_or(line);
                self.raw.extend_from_slice(start);
            }
            return Fed::TooLong;
        }
        self.raw.extend_from_slice(line);
        self.raw.push(b'\n');
        // An empty input would mean the end of the file, so the line feed always goes along.
        let input = self
            .raw
            .get(self.raw.len() - line.len() - 1..)
            .unwrap_or_default();
        let input = without_spaces(input, self.delimiter, self.open);
        let text = self.text.get_mut(self.text_len..).unwrap_or_default();
        let ends = self.ends.get_mut(self.n_cells..).unwrap_or_default();
        let (result, _, n_text, n_ends) = self.reader.read_record(&input, text, ends);
        self.text_len += n_text;
        self.n_cells += n_ends;
        self.open = matches!(result, ReadRecordResult::InputEmpty);
        match result {
            ReadRecordResult::InputEmpty => Fed::Open,
            ReadRecordResult::OutputFull => Fed::TooLong,
            ReadRecordResult::OutputEndsFull => Fed::TooManyColumns,
            ReadRecordResult::Record | ReadRecordResult::End => Fed::Complete,
        }
    }

    /// The row as written (the start, if it is too long), without its last line feed.
    pub(super) fn raw(&self) -> &[u8] {
        self.raw.strip_suffix(b"\n").unwrap_or(&self.raw)
    }

    /// Where the column `name` is, whatever the case of its name.
    pub(in crate::feeds) fn position(&self, name: &str) -> Option<usize> {
        let mut cells = self.cells();
        cells.position(|cell| cell.eq_ignore_ascii_case(name))
    }

    /// The trimmed text of the cell at `column`; none when the row is shorter, or the cell is
    /// blank or one of the words that stand for nothing.
    ///
    /// # Errors
    /// [`reason::NOT_UTF8`] when it is not text.
    pub(in crate::feeds) fn cell(&self, column: usize) -> Result<Option<&str>, Reason> {
        let Some(bytes) = self.cell_bytes(column) else {
            return Ok(None);
        };
        let text = trim(std::str::from_utf8(bytes).map_err(|_| reason::NOT_UTF8)?);
        let blank = ["", "-", "null", "NULL", "None", "none"].contains(&text);
        Ok((!blank).then_some(text))
    }

    /// All cells, trimmed; what is not text is left out.
    pub(in crate::feeds) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.n_cells).map(|column| {
            let bytes = self.cell_bytes(column).unwrap_or_default();
            trim(std::str::from_utf8(bytes).unwrap_or_default())
        })
    }

    /// The bytes of the cell at `column`.
    fn cell_bytes(&self, column: usize) -> Option<&[u8]> {
        let ends = self.ends.get(..self.n_cells)?;
        let end = *ends.get(column)?;
        let start = match column.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }
}

/// A cell without white space, and without the quotes that stay when a space stands before them.
fn trim(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('"')
        .and_then(|cell| cell.strip_suffix('"'))
        .map_or(cell, str::trim)
}
