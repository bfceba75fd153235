//! Cuts CSV bytes into records and cells. A hot codec, written here because the one thing Sensei must know about a
//! cell, whether it was quoted, is what the common parsers do not tell: `a,,b` holds a NULL and `a,"",b` a text.
//!
//! A strict superset of RFC 4180: records end with LF, CRLF or CR, mixed as they come; a quoted cell may hold
//! delimiters, line ends and doubled quotes; a quote inside an unquoted cell is an ordinary character. Text after a
//! closing quote makes the record faulty. Bytes are not decoded here: any encoding in which the syntax characters are
//! single bytes that occur in no other role will do. Knows nothing of columns or types.

use std::io::{ErrorKind, Read};

/// Bytes of one record at the most, so that an open quote cannot swallow a file into memory.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Cells of one record at the most, which bounds the memory beside its bytes.
pub const CELLS_MAX: usize = 100_000;
/// Bytes asked of the file at once. 64 KiB was no slower than 1 MiB and stays in the L2 cache.
const READ_BYTES: usize = 64 << 10;

/// The characters that carry structure, both ASCII.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells.
    pub quote: u8,
}

/// One record: its cells' bytes without quoting, end to end.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    cells: Vec<Cell>,
    /// Line the record begins on, from 1.
    pub line: u64,
    /// Offset of its first byte.
    pub start: u64,
    /// What is wrong with it, if anything.
    pub flaw: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    end: usize,
    quoted: bool,
}

/// Why a file cannot be read on.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file system says so.
    Io(std::io::Error),
    /// The file is damaged from this line on.
    Damaged {
        /// Line of the record's first byte.
        line: u64,
        /// What is wrong.
        why: &'static str,
    },
}

/// Reads records one after the other, within one read buffer and the record's own memory.
pub(super) struct RecordReader<R> {
    input: R,
    syntax: Syntax,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    offset: u64,
    line: u64,
}

/// What followed a cell.
enum After {
    Cell,
    Record,
}

impl Record {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// The bytes of cell `index` and whether it was quoted.
    pub fn cell(&self, index: usize) -> (&[u8], bool) {
        let start = if index == 0 { 0 } else { self.cells[index - 1].end };
        let Cell { end, quoted } = self.cells[index];
        (&self.bytes[start..end], quoted)
    }

    /// Whether this is an empty line.
    pub fn is_blank(&self) -> bool {
        matches!(self.cells[..], [Cell { end: 0, quoted: false }])
    }

    fn begin(&mut self, line: u64, start: u64) {
        self.bytes.clear();
        self.cells.clear();
        (self.line, self.start, self.flaw) = (line, start, None);
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.bytes.len() + bytes.len() > RECORD_BYTES_MAX {
            return Err(Stop::Damaged { line: self.line, why: "the record is longer than 64 MiB" });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn close(&mut self, quoted: bool) -> Result<(), Stop> {
        if self.cells.len() == CELLS_MAX {
            return Err(Stop::Damaged { line: self.line, why: "the record has more than 100000 cells" });
        }
        self.cells.push(Cell { end: self.bytes.len(), quoted });
        Ok(())
    }
}

impl<R: Read> RecordReader<R> {
    /// Reads `input`, whose first byte stands at `offset` of the file, on line `line`.
    pub fn new(input: R, syntax: Syntax, offset: u64, line: u64) -> RecordReader<R> {
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        RecordReader { input, syntax, buffer, at: 0, filled: 0, offset, line }
    }

    /// Offset of the next record's first byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Line the next record begins on.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next record; `false` at the end.
    pub fn next(&mut self, record: &mut Record) -> Result<bool, Stop> {
        record.begin(self.line, self.offset);
        if self.peek()?.is_none() {
            return Ok(false);
        }
        loop {
            let after = match self.peek()? {
                Some(byte) if byte == self.syntax.quote => self.quoted_cell(record)?,
                _ => self.plain_cell(record, false)?,
            };
            if let After::Record = after {
                return Ok(true);
            }
        }
    }

    /// Skips `prefix` if the input begins with it.
    pub fn skip(&mut self, prefix: &[u8]) -> Result<(), Stop> {
        // Only asked at the start, where one fill holds more than any byte order mark (or the whole input).
        while self.filled < prefix.len() && self.fill_more()? {}
        if self.buffer[self.at..self.filled].starts_with(prefix) {
            self.consume(prefix.len());
        }
        Ok(())
    }

    fn plain_cell(&mut self, record: &mut Record, quoted: bool) -> Result<After, Stop> {
        while self.peek()?.is_some() {
            let window = &self.buffer[self.at..self.filled];
            let found = memchr::memchr3(self.syntax.delimiter, b'\n', b'\r', window);
            let length = found.unwrap_or(window.len());
            record.push(&window[..length])?;
            self.consume(length);
            if found.is_some() {
                return self.end_cell(record, quoted);
            }
        }
        self.end_cell(record, quoted)
    }

    fn quoted_cell(&mut self, record: &mut Record) -> Result<After, Stop> {
        let quote = self.syntax.quote;
        self.consume(1);
        loop {
            if self.peek()?.is_none() {
                return Err(Stop::Damaged { line: record.line, why: "a quoted cell is never closed" });
            }
            let window = &self.buffer[self.at..self.filled];
            let found = memchr::memchr(quote, window);
            let length = found.unwrap_or(window.len());
            record.push(&window[..length])?;
            self.line += memchr::memchr_iter(b'\n', &window[..length]).count() as u64;
            self.consume(length);
            if found.is_none() {
                continue;
            }
            self.consume(1);
            match self.peek()? {
                Some(byte) if byte == quote => {
                    record.push(&[quote])?;
                    self.consume(1);
                }
                None | Some(b'\n' | b'\r') => return self.end_cell(record, true),
                Some(byte) if byte == self.syntax.delimiter => return self.end_cell(record, true),
                Some(_) => {
                    record.flaw = Some("text follows a closing quote");
                    return self.plain_cell(record, true);
                }
            }
        }
    }

    /// Closes the cell at the delimiter, line end or end of input that comes next.
    fn end_cell(&mut self, record: &mut Record, quoted: bool) -> Result<After, Stop> {
        record.close(quoted)?;
        let Some(byte) = self.peek()? else { return Ok(After::Record) };
        self.consume(1);
        if byte == self.syntax.delimiter {
            return Ok(After::Cell);
        }
        if byte == b'\r' && self.peek()? == Some(b'\n') {
            self.consume(1);
        }
        self.line += 1;
        Ok(After::Record)
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
        self.offset += length as u64;
    }

    /// The next byte, reading on if the buffer is used up; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        if self.at == self.filled {
            (self.at, self.filled) = (0, 0);
            self.fill_more()?;
        }
        Ok(self.buffer[self.at..self.filled].first().copied())
    }

    fn fill_more(&mut self) -> Result<bool, Stop> {
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Io(error)),
            }
        }
    }
}
