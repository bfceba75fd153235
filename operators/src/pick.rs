//! Picks the rows of a table whose key is among given ones, by the text under which a rejected row is named.

use std::collections::HashSet;

use arrow_array::{Array, BooleanArray};
use arrow_select::filter::filter_record_batch;
use sensei_storage::{Batch, Field, text};

/// The keys of one table.
#[derive(Clone, Debug)]
pub struct KeyPicker {
    columns: Vec<(usize, Field)>,
    keys: HashSet<String>,
}

impl KeyPicker {
    /// Picks by the columns at the indexes `key` of rows with the fields `read`; `keys` as in a fault.
    pub fn new(read: &[Field], key: &[usize], keys: HashSet<String>) -> KeyPicker {
        KeyPicker { columns: key.iter().map(|&index| (index, read[index].clone())).collect(), keys }
    }

    /// The rows of a batch that are wanted, those that cannot be decoded included.
    pub fn pick(&self, mut batch: Batch) -> Batch {
        let wanted: BooleanArray = self.names(&batch).into_iter().map(|name| Some(self.keys.contains(&name))).collect();
        let rows = filter_record_batch(&batch.rows, &wanted).expect("one flag per row");
        batch.faults.retain(|fault| fault.key.as_ref().is_some_and(|key| self.keys.contains(key)));
        Batch { rows, faults: batch.faults }
    }

    /// The keys of the rows of a batch, those that cannot be decoded at the end.
    pub fn keys(&self, batch: &Batch) -> Vec<String> {
        let mut keys = self.names(batch);
        keys.extend(batch.faults.iter().filter_map(|fault| fault.key.clone()));
        keys
    }

    fn names(&self, batch: &Batch) -> Vec<String> {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|(index, field)| {
                let array: &dyn Array = batch.rows.column(*index).as_ref();
                (field.name.as_str(), &field.logical, array)
            })
            .collect();
        (0..batch.rows.num_rows()).map(|row| text::render_key(&columns, row)).collect()
    }
}
