//! Lowers a resolved plan onto the operators: what to scan, how to transform, how to hash, table by table.

use std::collections::BTreeMap;
use std::sync::Arc;

use sensei_operators::{Cleaning, ColumnSpec, Expression, Input, Mask, Projection, RowHasher};
use sensei_planner::{ColumnPlan, ExpressionTyper, Plan, Secret, TablePlan};
use sensei_storage::{Field, Form, LogicalType, Packing, Range, Scan, System, TargetTable, VerifyMode};

use crate::failure::{Failure, Result};
use crate::limits::BATCH_BYTES;

/// One table, ready to be moved.
#[derive(Clone, Debug)]
pub struct LoweredTable {
    /// Name in the source.
    pub source: String,
    /// Source key columns that are read, in key order; they name a row in rejects.
    pub source_key: Vec<String>,
    /// Columns read from the source.
    pub read: Vec<Field>,
    /// The table in the target.
    pub target: Arc<TargetTable>,
    /// Source rows to target rows.
    pub projection: Projection,
    /// Target rows to hashes.
    pub hasher: RowHasher,
    /// Whether the target is to hold the source's rows as they are: the same columns of the same types in the same order,
    /// nothing done to them and nothing left out.
    pub as_is: bool,
    locate_source: bool,
}

impl LoweredTable {
    /// The scan of one range of the source.
    pub fn source_scan(&self, range: Range) -> Scan {
        Scan {
            table: self.source.clone(),
            fields: self.read.clone(),
            key: self.source_key.clone(),
            range,
            locator: self.locate_source,
            form: Form::Columns,
            batch_bytes: BATCH_BYTES,
        }
    }

    /// The form in which rows are wanted that are hashed and nothing else.
    pub fn hashable(&self, identity: bool) -> Form {
        if self.hasher.counts_only() {
            return Form::Columns;
        }
        let identity = if identity { self.hasher.identity().to_vec() } else { Vec::new() };
        Form::Packed(Packing { canonical: true, identity, tuple: false })
    }

    /// The form in which rows of the source are wanted for a writer that takes tuples.
    pub fn passable(&self) -> Form {
        Form::Packed(Packing { canonical: !self.hasher.counts_only(), identity: Vec::new(), tuple: true })
    }

    /// The scan of the target table; with `locator`, rows carry their physical address.
    pub fn target_scan(&self, locator: bool) -> Scan {
        self.target_range(Range::Whole, locator)
    }

    /// The scan of one range of the target.
    pub fn target_range(&self, range: Range, locator: bool) -> Scan {
        Scan {
            table: self.target.name.clone(),
            fields: self.target.fields.clone(),
            key: self.target.primary_key.clone(),
            range,
            locator,
            form: Form::Columns,
            batch_bytes: BATCH_BYTES,
        }
    }
}

/// Mask keys by source table and target column.
pub type MaskKeys = BTreeMap<(String, String), Secret>;

/// Lowers every table of `plan`, hashing rows under `key`.
///
/// # Errors
/// If an expression that planned does not compile any more, or a mask has no key: both are bugs.
pub fn lower(plan: &Plan, masks: &MaskKeys, key: [u8; 32]) -> Result<Vec<LoweredTable>> {
    plan.tables.iter().map(|table| lower_table(plan, table, masks, key)).collect()
}

fn lower_table(plan: &Plan, table: &TablePlan, masks: &MaskKeys, key: [u8; 32]) -> Result<LoweredTable> {
    let position = |name: &String| table.read.iter().position(|field| field.name == *name);
    let key_positions: Vec<usize> = table.source_key.iter().filter_map(position).collect();
    let nameable = key_positions.len() == table.source_key.len() && !masks_a_key(table, &key_positions)?;
    let key_positions = if nameable { key_positions } else { Vec::new() };
    let columns = table
        .columns
        .iter()
        .zip(&table.target.fields)
        .map(|(column, field)| lower_column(table, column, field, masks))
        .collect::<Result<Vec<_>>>()?;
    let projection = Projection::compile(
        table.read.clone(),
        key_positions.clone(),
        table.filter.as_deref(),
        columns,
        plan.target.system,
    )
    .map_err(|error| Failure::internal(format!("compiling table \"{}\"", table.source), error))?;
    let source_key = key_positions.iter().map(|&index| table.read[index].name.clone()).collect();
    Ok(LoweredTable {
        source: table.source.clone(),
        source_key,
        read: table.read.clone(),
        target: Arc::new(table.target.clone()),
        projection,
        hasher: hasher(plan, table, key),
        as_is: plan.source.system == plan.target.system && is_as_it_is(table),
        locate_source: table.source_key.is_empty()
            && plan.source.system != System::Parquet
            && has_addresses(plan.source.system),
    })
}

/// Whether every row of the source is one of the target without a look at it.
fn is_as_it_is(table: &TablePlan) -> bool {
    let fields = || table.columns.iter().zip(&table.target.fields).zip(&table.read).enumerate();
    let is_plain = |(index, ((column, to), from)): (usize, ((&ColumnPlan, &Field), &Field))| {
        let takes = matches!(column.input, sensei_planner::Input::Column { index: of } if of == index);
        let untouched = column.mask.is_none() && column.cleaning.is_none() && column.lossy.is_none();
        // Of jsonb every value is looked at: one that has no canonical form is rejected.
        let is_checked = to.logical == LogicalType::Jsonb;
        takes && untouched && !is_checked && from.logical == to.logical && (to.nullable || !from.nullable)
    };
    let same_width = table.read.len() == table.columns.len() && table.columns.len() == table.target.fields.len();
    table.filter.is_none() && same_width && fields().all(is_plain)
}

/// Whether rows without a key have an address that people may be shown: MySQL knows a row by its values alone, which may
/// be masked.
pub fn has_addresses(system: System) -> bool {
    system != System::Mysql
}

/// A key that is masked, alone or within an expression, must not appear in rejects in the clear.
fn masks_a_key(table: &TablePlan, key: &[usize]) -> Result<bool> {
    for column in table.columns.iter().filter(|column| column.mask.is_some()) {
        let of_key = match &column.input {
            sensei_planner::Input::Column { index } => key.contains(index),
            sensei_planner::Input::Expression { sql } => {
                let expression = Expression::compile(sql, &table.read)
                    .map_err(|error| Failure::internal(format!("compiling table \"{}\"", table.source), error))?;
                expression.used().iter().any(|used| key.contains(used))
            }
        };
        if of_key {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hasher(plan: &Plan, table: &TablePlan, key: [u8; 32]) -> RowHasher {
    let types = table.target.fields.iter().map(|field| field.logical.clone()).collect();
    let position = |name: &String| table.target.fields.iter().position(|field| field.name == *name);
    let identity: Vec<usize> = table.identity.iter().filter_map(position).collect();
    let hasher = RowHasher::new(key, types, identity);
    if plan.verify == VerifyMode::Full { hasher } else { hasher.counting() }
}

fn lower_column(table: &TablePlan, column: &ColumnPlan, field: &Field, masks: &MaskKeys) -> Result<ColumnSpec> {
    let mask = column.mask.map(|_| mask_of(table, field, masks)).transpose()?;
    let from = if mask.is_some() { LogicalType::TEXT } else { column.from.clone() };
    let input = match &column.input {
        sensei_planner::Input::Column { index } => Input::Column(*index),
        sensei_planner::Input::Expression { sql } => Input::Expression(sql.clone()),
    };
    let cleaning = column.cleaning.map(|cleaning| match cleaning {
        sensei_planner::Cleaning::ZeroDatesToNull => {
            Cleaning::ZeroDatesToNull { instants: field.logical == LogicalType::TimestampTz }
        }
        sensei_planner::Cleaning::RemoveNul => Cleaning::RemoveNul,
    });
    Ok(ColumnSpec { input, from, mask, cleaning, lossy: column.lossy.is_some(), to: field.clone() })
}

fn mask_of(table: &TablePlan, field: &Field, masks: &MaskKeys) -> Result<Mask> {
    let key = masks.get(&(table.source.clone(), field.name.clone()));
    let missing = || Failure::internal(format!("masking column \"{}\"", field.name), "the plan file has no key for it");
    Ok(Mask::keyed_hash(key.ok_or_else(missing)?.expose()))
}

/// Types expressions for the planner, which does not know the engine that evaluates them.
#[derive(Debug)]
pub struct Typer;

impl ExpressionTyper for Typer {
    fn type_of(&self, sql: &str, fields: &[Field]) -> std::result::Result<(LogicalType, Vec<usize>), String> {
        let expression = Expression::compile(sql, fields).map_err(|error| error.to_string())?;
        Ok((expression.result().clone(), expression.used().to_vec()))
    }
}
