//! Names a faulty row by its key.

use super::binary::Fields;
use super::decode::{Form, decode};
use crate::catalog::Field;
use crate::column::ColumnBuilder;
use crate::text;

/// Position in the tuple and type of each key column.
pub(super) struct KeyText(pub Vec<(usize, Field)>);

impl KeyText {
    /// The key of a row as `column=value, …`; `None` without a key or if a value of it is NULL or does not decode.
    pub(super) fn of(&self, fields: &Fields<'_>) -> Option<String> {
        let parts = self.0.iter().map(|(index, field)| {
            let mut column = ColumnBuilder::new(&field.logical);
            let bytes = fields.clone().nth(*index)??;
            decode(&Form::of(&field.logical), Some(bytes), &mut column, &mut Vec::new()).ok()?;
            let mut part = format!("{}=", field.name);
            text::render(&field.logical, column.finish().as_ref(), 0, &mut part);
            Some(part)
        });
        let parts = parts.collect::<Option<Vec<_>>>()?;
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
