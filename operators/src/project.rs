//! The transformation of one table's rows: filter, expressions, masks, casts, checks. Source fields in, target
//! columns out; rows that cannot go on come out as faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use sensei_storage::{Batch, Fault, Field, LOCATOR, LogicalType, System, arrow_schema, packed, text};

use crate::cast::Cast;
use crate::check::check;
use crate::clean::Cleaning;
use crate::expression::{Expression, ExpressionError};
use crate::fault::RowFaults;
use crate::hash::RowHasher;
use crate::mask::Mask;
use crate::refusal::{Refusal, Refusals};
use crate::reject::{Rejected, RowImage};

/// Where a target column's value comes from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A source column, by its index among the fields read.
    Column(usize),
    /// An SQL expression over the source row.
    Expression(String),
}

/// One target column.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// Value before the cast.
    pub input: Input,
    /// Its type, after a mask if there is one.
    pub from: LogicalType,
    /// Mask to apply, if any.
    pub mask: Option<Mask>,
    /// What is taken out of the values before the cast, if anything. Counted as a declared loss.
    pub cleaning: Option<Cleaning>,
    /// Whether the plan declares the cast lossy, so that changed rows are counted.
    pub lossy: bool,
    /// The column in the target.
    pub to: Field,
}

/// The compiled transformation of one table.
#[derive(Clone, Debug)]
pub struct Projection {
    read: Vec<Field>,
    key: Vec<usize>,
    filter: Option<Expression>,
    columns: Vec<Column>,
    schema: SchemaRef,
    system: System,
}

#[derive(Clone, Debug)]
struct Column {
    source: Source,
    mask: Option<(Mask, LogicalType)>,
    cleaning: Option<Cleaning>,
    cast: Cast,
    lossy: bool,
    to: Field,
}

#[derive(Clone, Debug)]
enum Source {
    Column(usize),
    Expression(Expression),
}

/// Rows that came through a projection, and what became of the others.
#[derive(Debug)]
pub struct Projected {
    /// Target columns in order.
    pub rows: RecordBatch,
    /// Rows that cannot go on, those the reader could not decode included.
    pub rejected: Vec<Rejected>,
    /// Rows the `where` condition left out.
    pub filtered: u64,
    /// Rows changed by each declared lossy cast, by target column.
    pub lossy: BTreeMap<String, u64>,
}

impl Projection {
    /// Compiles the transformation of rows with the fields `read` into `columns` of a target of kind `system`.
    /// `key`: indexes among `read` of the columns that name a row in a fault.
    ///
    /// # Errors
    /// If an expression does not compile or the filter is not boolean.
    pub fn compile(
        read: Vec<Field>,
        key: Vec<usize>,
        filter: Option<&str>,
        columns: Vec<ColumnSpec>,
        system: System,
    ) -> Result<Projection, ExpressionError> {
        let filter = filter.map(|sql| compile_filter(sql, &read)).transpose()?;
        let fields: Vec<Field> = columns.iter().map(|column| column.to.clone()).collect();
        let columns = columns.into_iter().map(|spec| Column::compile(spec, &read)).collect::<Result<_, _>>()?;
        Ok(Projection { read, key, filter, columns, schema: arrow_schema(&fields, false), system })
    }

    /// Transforms one batch.
    pub fn apply(&self, batch: Batch) -> Projected {
        self.transform(batch, None)
    }

    /// Transforms one batch; rows among `refusals`, by the hashes of `hasher`, are rejected too.
    pub fn apply_without(&self, batch: Batch, hasher: &RowHasher, refusals: &mut Refusals) -> Projected {
        self.transform(batch, (refusals.count() > 0).then_some((hasher, refusals)))
    }

    /// Packed rows are what the target is to hold already: whoever asks for them knows that nothing is done to them here,
    /// and that none is refused.
    fn transform(&self, batch: Batch, refused: Option<(&RowHasher, &mut Refusals)>) -> Projected {
        if packed::is_packed(&batch.rows) {
            let rejected = batch.faults.into_iter().map(Rejected::undecoded).collect();
            return Projected { rows: batch.rows, rejected, filtered: 0, lossy: BTreeMap::new() };
        }
        let mut faults = RowFaults::default();
        let (kept, filtered) = self.keep(&batch.rows, &mut faults);
        let mut lossy = BTreeMap::new();
        let arrays: Vec<ArrayRef> =
            self.columns.iter().map(|column| column.apply(&kept, self.system, &mut faults, &mut lossy)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(kept.num_rows()));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .expect("projected columns are in their carriers");
        let met = refused.map_or_else(BTreeMap::new, |(hasher, refusals)| meet(&rows, hasher, refusals, &mut faults));
        let mut rejected: Vec<Rejected> = batch.faults.into_iter().map(Rejected::undecoded).collect();
        rejected.extend(self.rejected(&kept, &rows, &faults, met));
        let rows = if faults.is_empty() { rows } else { without(&rows, &faults) };
        Projected { rows, rejected, filtered, lossy }
    }

    fn rejected(
        &self,
        source: &RecordBatch,
        target: &RecordBatch,
        faults: &RowFaults,
        mut refused: BTreeMap<usize, ([u8; 32], Arc<Refusal>)>,
    ) -> Vec<Rejected> {
        let fields: Vec<&Field> = self.columns.iter().map(|column| &column.to).collect();
        let reject = |(row, column, reason): (usize, &str, &str)| Rejected {
            fault: Fault { key: self.name_row(source, row), column: column.to_owned(), reason: reason.to_owned() },
            row: Some(RowImage::of(&fields, target.columns(), row, faults.lost(row))),
            refused: refused.remove(&row),
        };
        faults.iter().map(reject).collect()
    }

    /// A row whose condition cannot be evaluated stays in, as a fault; one whose condition is NULL is left out, as in
    /// SQL.
    fn keep(&self, rows: &RecordBatch, faults: &mut RowFaults) -> (RecordBatch, u64) {
        let Some(filter) = &self.filter else { return (rows.clone(), 0) };
        let mut failed = Vec::new();
        let condition = filter.evaluate(rows, &mut failed);
        let condition = condition.as_boolean();
        let mut keep: Vec<bool> = condition.iter().map(|value| value == Some(true)).collect();
        for (row, _) in &failed {
            keep[*row] = true;
        }
        for (row, reason) in failed {
            let position = keep[..row].iter().filter(|kept| **kept).count();
            faults.add(position, "where", reason);
        }
        let filtered = keep.iter().filter(|kept| !**kept).count() as u64;
        let kept = filter_record_batch(rows, &BooleanArray::from(keep)).expect("one condition per row");
        (kept, filtered)
    }

    fn name_row(&self, rows: &RecordBatch, row: usize) -> Option<String> {
        if self.key.is_empty() {
            let locator = rows.column_by_name(LOCATOR)?.as_string::<i32>();
            return locator.is_valid(row).then(|| locator.value(row).to_owned());
        }
        let column = |&index: &usize| {
            let field = &self.read[index];
            (field.name.as_str(), &field.logical, rows.column(index).as_ref() as &dyn Array)
        };
        Some(text::render_key(&self.key.iter().map(column).collect::<Vec<_>>(), row))
    }
}

/// Makes faults of the rows that were refused.
fn meet(
    rows: &RecordBatch,
    hasher: &RowHasher,
    refusals: &mut Refusals,
    faults: &mut RowFaults,
) -> BTreeMap<usize, ([u8; 32], Arc<Refusal>)> {
    let mut met = BTreeMap::new();
    hasher.for_each(rows, |row, hash| {
        if faults.contains(row) {
            return;
        }
        if let Some(refusal) = refusals.meet(&hash) {
            faults.add(row, refusal.column.as_deref().unwrap_or_default(), refusal.reason.as_str());
            met.insert(row, (hash, refusal));
        }
    });
    met
}

fn compile_filter(sql: &str, read: &[Field]) -> Result<Expression, ExpressionError> {
    let filter = Expression::compile(sql, read)?;
    match filter.result() {
        LogicalType::Boolean => Ok(filter),
        other => Err(ExpressionError::Invalid(format!("a condition must be boolean, this one is {other}"))),
    }
}

fn without(rows: &RecordBatch, faults: &RowFaults) -> RecordBatch {
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(!faults.contains(row))).collect();
    filter_record_batch(rows, &keep).expect("one flag per row")
}

impl Column {
    fn compile(spec: ColumnSpec, read: &[Field]) -> Result<Column, ExpressionError> {
        let (source, given) = match spec.input {
            Input::Column(index) => (Source::Column(index), read[index].logical.clone()),
            Input::Expression(sql) => {
                let expression = Expression::compile(&sql, read)?;
                let given = expression.result().clone();
                (Source::Expression(expression), given)
            }
        };
        let cast = Cast::new(&spec.from, &spec.to.logical);
        let mask = spec.mask.map(|mask| (mask, given));
        Ok(Column { source, mask, cleaning: spec.cleaning, cast, lossy: spec.lossy, to: spec.to })
    }

    fn apply(
        &self,
        rows: &RecordBatch,
        system: System,
        faults: &mut RowFaults,
        lossy: &mut BTreeMap<String, u64>,
    ) -> ArrayRef {
        let value = match &self.source {
            Source::Column(index) => rows.column(*index).clone(),
            Source::Expression(expression) => {
                let mut failed = Vec::new();
                let value = expression.evaluate(rows, &mut failed);
                for (row, reason) in failed {
                    faults.lose(row, &self.to.name, reason);
                }
                value
            }
        };
        let value = match &self.mask {
            Some((mask, logical)) => mask.apply(&value, logical),
            None => value,
        };
        let value = match self.cleaning {
            Some(cleaning) => {
                let (value, changed) = cleaning.apply(&value);
                *lossy.entry(self.to.name.clone()).or_default() += changed;
                value
            }
            None => value,
        };
        let cast = self.cast.apply(&value, &self.to.name, faults);
        if self.lossy && self.cleaning.is_none() {
            *lossy.entry(self.to.name.clone()).or_default() += self.cast.changed_rows(&value, &cast);
        }
        check(&cast, &self.to, system, faults);
        cast
    }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
