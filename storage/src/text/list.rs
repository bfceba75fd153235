//! Arrays as JSON arrays of their elements' texts. Knows nothing of what the elements mean.

use arrow_array::Array;
use serde_json::value::RawValue;

use super::{Reason, Value};
use crate::column::{ARRAY_BYTES_MAX, ARRAY_TOO_LONG};
use crate::types::LogicalType;

pub(super) fn render(element: &LogicalType, values: &dyn Array, out: &mut String) {
    let bare = matches!(element, LogicalType::Boolean | LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64);
    out.push('[');
    for row in 0..values.len() {
        if row > 0 {
            out.push(',');
        }
        if values.is_null(row) {
            out.push_str("null");
        } else if bare {
            super::render(element, values, row, out);
        } else {
            let mut text = String::new();
            super::render(element, values, row, &mut text);
            out.push_str(&serde_json::Value::String(text).to_string());
        }
    }
    out.push(']');
}

/// The elements; a string is the element's text, a bare number or boolean stands for itself except in text.
pub(super) fn read(element: &LogicalType, text: &str) -> Result<Vec<Option<Value>>, Reason> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| "not a JSON array")?;
    let mut bytes = 0;
    let read = elements.into_iter().map(|raw| {
        let read = read_element(element, raw.get())?;
        if let Some(Value::Text(text)) = &read {
            bytes += text.len();
        }
        if bytes > ARRAY_BYTES_MAX { Err(ARRAY_TOO_LONG) } else { Ok(read) }
    });
    read.collect()
}

fn read_element(element: &LogicalType, raw: &str) -> Result<Option<Value>, Reason> {
    let text_type = matches!(element, LogicalType::Text { .. } | LogicalType::Json | LogicalType::Jsonb);
    match raw.as_bytes()[0] {
        b'n' => Ok(None),
        b'"' => {
            let text: String = serde_json::from_str(raw).map_err(|_| "an element that is not valid text")?;
            super::read(element, &text).map(Some)
        }
        b'[' | b'{' => Err("an element that is an array or object"),
        _ if text_type => Err("an element that is not a string"),
        _ => super::read(element, raw).map(Some),
    }
}
