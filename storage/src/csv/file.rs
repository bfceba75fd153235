//! One CSV file: opening it, its columns, its records from any boundary, and the stamp that shows a change.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::options::{Format, splits_as_bytes};
use super::record::{Record, RecordReader, Stop};
use super::transcode::Transcoder;
use crate::error::{Error, Result};

/// Byte order marks of encodings a UTF-8 reader would only see as damage.
const FOREIGN_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file that holds one table.
#[derive(Clone, Debug)]
pub(super) struct CsvFile {
    /// Table name: the file's name without its extension.
    pub table: String,
    /// File name relative to the endpoint.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Size and time when it was listed.
    pub stamp: Stamp,
}

/// What changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub bytes: u64,
    pub modified_ns: u128,
}

/// Records of one file, in whatever encoding.
pub(super) type Records = RecordReader<Box<dyn Read + Send>>;

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Stamp { bytes: metadata.len(), modified_ns: modified.map_or(0, |since| since.as_nanos()) }
    }
}

impl CsvFile {
    /// The file for messages.
    pub fn describe(&self) -> String {
        format!("file \"{}\"", self.path.display())
    }

    /// Reads the column names and leaves the reader at the first row.
    ///
    /// # Errors
    /// `Invalid` for a file without a header line, with an empty or repeated name, or in another encoding.
    pub fn open(&self, format: &Format) -> Result<(Vec<String>, Records)> {
        let mut records = self.reader(format)?;
        let mut first = Record::default();
        let found = self.next(&mut records, &mut first)?;
        if !format.header {
            if !found {
                return Err(self.invalid("it is empty, so its columns are unknown"));
            }
            // The first record is a row: it was read for its width only.
            return Ok(((1..=first.len()).map(|number| format!("c{number}")).collect(), self.reader(format)?));
        }
        if !found || first.is_blank() {
            return Err(self.invalid("it has no header line"));
        }
        Ok((self.names(&first, format)?, records))
    }

    /// Records of the bytes from `start` to `end`, both record boundaries.
    pub fn records(&self, format: &Format, start: u64, end: u64, first_line: u64) -> Result<Records> {
        let io = |error| Error::io(self.describe(), error);
        let mut file = File::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let input = Box::new(file.take(end.saturating_sub(start)));
        Ok(RecordReader::new(input, format.syntax, start, first_line))
    }

    /// Reads one record, naming the file if that fails.
    pub fn next(&self, records: &mut Records, record: &mut Record) -> Result<bool> {
        records.next(record).map_err(|stop| self.stopped(stop))
    }

    /// `Changed` if the file is not the one that was listed.
    pub fn check(&self) -> Result<()> {
        let metadata = std::fs::metadata(&self.path).map_err(|error| Error::io(self.describe(), error))?;
        match Stamp::of(&metadata) == self.stamp {
            true => Ok(()),
            false => Err(Error::Changed { what: self.describe() }),
        }
    }

    /// A reader at the first record.
    fn reader(&self, format: &Format) -> Result<Records> {
        let file = File::open(&self.path).map_err(|error| Error::io(self.describe(), error))?;
        let input: Box<dyn Read + Send> = match splits_as_bytes(format.encoding) {
            true => Box::new(file),
            false => Box::new(Transcoder::new(file, format.encoding)),
        };
        let mut records = RecordReader::new(input, format.syntax, 0, 1);
        if format.encoding == encoding_rs::UTF_8 {
            records.skip(UTF8_MARK).map_err(|stop| self.stopped(stop))?;
        }
        Ok(records)
    }

    fn names(&self, header: &Record, format: &Format) -> Result<Vec<String>> {
        let mut seen = HashSet::new();
        (0..header.len())
            .map(|index| {
                let (bytes, _) = header.cell(index);
                let name = decode(bytes, format).ok_or_else(|| self.not_encoded(bytes, format))?.into_owned();
                if name.is_empty() {
                    return Err(self.invalid(&format!("column {} has no name", index + 1)));
                }
                if !seen.insert(name.clone()) {
                    return Err(self.invalid(&format!("two columns are named \"{name}\"")));
                }
                Ok(name)
            })
            .collect()
    }

    fn not_encoded(&self, bytes: &[u8], format: &Format) -> Error {
        if FOREIGN_MARKS.iter().any(|mark| bytes.starts_with(mark)) {
            return self.invalid("it begins with a UTF-16 byte order mark; set the option \"encoding\" to utf-16");
        }
        self.invalid(&format!("its header is not {}", format.encoding.name()))
    }

    fn invalid(&self, why: &str) -> Error {
        Error::Invalid { what: self.describe(), why: why.to_owned() }
    }

    fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::Io(error) => Error::io(self.describe(), error),
            Stop::Damaged { line, why } => {
                Error::Corrupt { what: self.describe(), why: format!("in the record at line {line}, {why}") }
            }
        }
    }
}

/// The text of `bytes`, or `None` if they are none in the file's encoding.
pub(super) fn decode<'a>(bytes: &'a [u8], format: &Format) -> Option<std::borrow::Cow<'a, str>> {
    if format.encoding.is_single_byte() {
        return format.encoding.decode_without_bom_handling_and_without_replacement(bytes);
    }
    std::str::from_utf8(bytes).ok().map(Into::into)
}

/// The CSV files at `root`: itself, or every `*.csv` directly in it, by table name; and the other entries' names.
///
/// # Errors
/// `Missing` if nothing is there, `Invalid` if two files make the same table.
pub(super) fn list(root: &Path) -> Result<(Vec<CsvFile>, Vec<String>)> {
    let io = |error| Error::io(format!("\"{}\"", root.display()), error);
    let metadata = std::fs::metadata(root).map_err(io)?;
    if metadata.is_file() {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok((vec![CsvFile::at(root.to_owned(), name, &metadata)], Vec::new()));
    }
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(root).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let metadata = std::fs::metadata(&path).map_err(io)?;
        let csv = metadata.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if csv => files.push(CsvFile::at(path.clone(), name.to_owned(), &metadata)),
            _ => others.push(format!("file {:?}", path.file_name().unwrap_or_default())),
        }
    }
    files.sort_by(|a, b| a.table.cmp(&b.table));
    others.sort();
    match files.windows(2).find(|pair| pair[0].table == pair[1].table) {
        Some(pair) => Err(Error::Invalid {
            what: format!("folder \"{}\"", root.display()),
            why: format!("\"{}\" and \"{}\" name the same table", pair[0].name, pair[1].name),
        }),
        None => Ok((files, others)),
    }
}

impl CsvFile {
    fn at(path: PathBuf, name: String, metadata: &Metadata) -> CsvFile {
        let table = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        CsvFile { table, name, path, stamp: Stamp::of(metadata) }
    }
}
