//! One table's part in a relation: which columns are read of it, and how its rows are named.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use sensei_operators::KeyColumns;
use sensei_planner::{Plan, RelationPlan, TablePlan};
use sensei_storage::{Field, LOCATOR, Range, Scan, text};

use crate::limits::KEY_BATCH_BYTES;
use crate::lower::has_addresses;

/// One table's part in a relation: what is read of it, the key's columns first.
pub(super) struct Side<'a> {
    pub table: &'a TablePlan,
    fields: Vec<Field>,
    key_columns: usize,
    /// Positions in `fields` of the columns that name a row.
    identity: Vec<usize>,
    locator: bool,
}

impl<'a> Side<'a> {
    /// The rows that refer, with what names them.
    pub fn child(plan: &'a Plan, relation: &RelationPlan) -> Side<'a> {
        let mut side = Side::of(&plan.tables[relation.child], &relation.columns);
        for name in &side.table.identity {
            let known = side.fields.iter().position(|field| field.name == *name);
            side.identity.push(known.unwrap_or_else(|| {
                side.fields.extend(field(side.table, name));
                side.fields.len() - 1
            }));
        }
        side.locator = side.identity.is_empty() && has_addresses(plan.target.system);
        side
    }

    /// The rows referred to.
    pub fn parent(plan: &'a Plan, relation: &RelationPlan) -> Side<'a> {
        Side::of(&plan.tables[relation.parent], &relation.parent_columns)
    }

    fn of(table: &'a TablePlan, columns: &[String]) -> Side<'a> {
        let fields: Vec<Field> = columns.iter().filter_map(|name| field(table, name)).collect();
        Side { table, key_columns: fields.len(), fields, identity: Vec::new(), locator: false }
    }

    /// The key in what is read.
    pub fn key(&self) -> KeyColumns {
        let types = self.fields[..self.key_columns].iter().map(|field| field.logical.clone());
        KeyColumns { columns: (0..self.key_columns).collect(), types: types.collect() }
    }

    /// The scan of one range.
    pub fn scan(&self, range: Range) -> Scan {
        Scan {
            table: self.table.target.name.clone(),
            fields: self.fields.clone(),
            key: Vec::new(),
            range,
            locator: self.locator,
            form: sensei_storage::Form::Columns,
            batch_bytes: KEY_BATCH_BYTES,
        }
    }

    /// Names a row: by its key, or where the table has none by its address, if the system has such.
    pub fn name(&self, rows: &RecordBatch, row: usize) -> String {
        if self.identity.is_empty() {
            let address = rows.column_by_name(LOCATOR).map(|column| column.as_string::<i32>());
            let address = address.filter(|address| address.is_valid(row)).map(|address| address.value(row));
            return address.unwrap_or("(no key)").to_owned();
        }
        let column = |&index: &usize| {
            let field = &self.fields[index];
            (field.name.as_str(), &field.logical, rows.column(index).as_ref() as &dyn Array)
        };
        let columns: Vec<_> = self.identity.iter().map(column).collect();
        text::render_key(&columns, row)
    }
}

fn field(table: &TablePlan, name: &str) -> Option<Field> {
    table.target.fields.iter().find(|field| field.name == name).cloned()
}
