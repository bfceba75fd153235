//! Turns records of one file into batches, on a thread that may block.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::file::{CsvFile, Records, decode};
use super::options::Format;
use super::record::Record;
use crate::batch::{Batch, Fault};
use crate::catalog::Field;
use crate::error::{Error, Result};
use crate::rows::RowsBuilder;
use crate::source::{BatchSize, Scan};
use crate::split::Range;
use crate::text;

/// What one cell costs in a batch beside its bytes: an offset and a validity bit, rounded up.
const CELL_BYTES: usize = 5;

/// One scan under way.
pub(super) struct Reading {
    pub file: CsvFile,
    pub format: Arc<Format>,
    pub scan: Scan,
}

impl Reading {
    /// Sends every batch of the scan, then checks that the file did not change meanwhile. Ends early, without error,
    /// when nobody listens any more.
    pub fn run(&self, batches: &Sender<Result<Batch>>) -> Result<()> {
        self.file.check()?;
        let (names, whole) = self.file.open(&self.format)?;
        let cells = self.scan.fields.iter().map(|field| self.index(field, &names)).collect::<Result<Vec<_>>>()?;
        let mut records = match &self.scan.range {
            Range::Whole => whole,
            Range::Bytes { start, end, first_line, .. } => {
                self.file.records(&self.format, *start, *end, *first_line)?
            }
            other => return Err(Error::internal("CSV scan", format!("range {other:?} is not one of a CSV file"))),
        };
        let finished = self.send_rows(&mut records, &cells, names.len(), batches)?;
        if finished { self.file.check() } else { Ok(()) }
    }

    fn send_rows(
        &self,
        records: &mut Records,
        cells: &[usize],
        width: usize,
        batches: &Sender<Result<Batch>>,
    ) -> Result<bool> {
        let mut rows = RowsBuilder::new(&self.scan.fields, self.scan.locator);
        let mut record = Record::default();
        let (size, mut bytes) = (BatchSize::of(&self.scan), 0);
        while self.file.next(records, &mut record)? {
            // A blank line holds no cells, except where one empty cell is a whole row.
            if record.is_blank() && width > 1 {
                continue;
            }
            match self.row(&record, cells, width, &mut rows, &mut bytes) {
                Ok(()) => rows.end_row(),
                Err((column, reason)) => {
                    let key = Some(format!("line {}", record.line));
                    rows.fail_row(Fault { key, column, reason });
                }
            }
            if size.is_reached(rows.row_count(), bytes) {
                bytes = 0;
                if batches.blocking_send(Ok(rows.finish()?)).is_err() {
                    return Ok(false);
                }
            }
        }
        let last = if rows.row_count() > 0 { batches.blocking_send(Ok(rows.finish()?)) } else { Ok(()) };
        Ok(last.is_ok())
    }

    /// Pushes one row and adds its size to `bytes`, also of what was pushed before a cell that does not fit.
    ///
    /// # Errors
    /// The column that does not fit, and why.
    fn row(
        &self,
        record: &Record,
        cells: &[usize],
        width: usize,
        rows: &mut RowsBuilder,
        bytes: &mut usize,
    ) -> Result<(), (String, String)> {
        *bytes += CELL_BYTES * (cells.len() + 1);
        if let Some(flaw) = record.flaw {
            return Err((String::new(), flaw.to_owned()));
        }
        if record.len() != width {
            let counted = if self.format.header { "the header names" } else { "the first line has" };
            return Err((String::new(), format!("has {} cells, {counted} {width}", record.len())));
        }
        for (position, &cell) in cells.iter().enumerate() {
            let (raw, quoted) = record.cell(cell);
            *bytes += raw.len();
            let column = &mut rows.columns[position];
            if !quoted && raw == self.format.null {
                column.append_null();
                continue;
            }
            let field = &self.scan.fields[position];
            let fault = |reason: String| (field.name.clone(), reason);
            let text =
                decode(raw, &self.format).ok_or_else(|| fault(format!("invalid {}", self.format.encoding.name())))?;
            let before = column.text_bytes();
            text::parse(&field.logical, &text, column).map_err(|reason| fault(reason.to_owned()))?;
            *bytes += (column.text_bytes() - before).saturating_sub(raw.len());
        }
        if self.scan.locator
            && let Some(column) = rows.columns.last_mut()
        {
            let line = format!("line {}", record.line);
            *bytes += line.len();
            text::parse(&crate::LogicalType::TEXT, &line, column).expect("any text fits a text column");
        }
        Ok(())
    }

    fn index(&self, field: &Field, names: &[String]) -> Result<usize> {
        names
            .iter()
            .position(|name| *name == field.name)
            .ok_or_else(|| Error::Missing { what: format!("column \"{}\" of {}", field.name, self.file.describe()) })
    }
}
