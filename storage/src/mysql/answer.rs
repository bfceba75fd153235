//! Cells of small answers, such as the catalog's: text protocol, so that every cell is text or NULL. Rows of tables are
//! read elsewhere.

use mysql_async::{Row, Value};

/// Reads cells by position.
pub(super) trait Answer {
    /// The cell as text; `None` for NULL, and for bytes that are no text.
    fn text(&self, index: usize) -> Option<String>;

    /// The cell as a whole number from 0 up; `None` for anything else.
    fn number(&self, index: usize) -> Option<u64> {
        self.text(index)?.parse().ok()
    }

    /// Text that is there in every row; empty if it is not.
    fn words(&self, index: usize) -> String {
        self.text(index).unwrap_or_default()
    }

    /// Whether the cell is a number other than 0.
    fn flag(&self, index: usize) -> bool {
        self.number(index).is_some_and(|number| number != 0)
    }
}

impl Answer for Row {
    fn text(&self, index: usize) -> Option<String> {
        match self.as_ref(index)? {
            Value::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
            Value::Int(number) => Some(number.to_string()),
            Value::UInt(number) => Some(number.to_string()),
            _ => None,
        }
    }
}
