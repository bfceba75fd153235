//! Cells and shapes from anywhere, decoded as if a server had sent them.

use mysql_async::Value;

use super::decode::{Form, Unfit, decode};
use super::geometry;
use crate::batch::Fault;
use crate::rows::RowsBuilder;
use crate::testing::{Input, foreign};

/// Reads the rest of `input` as rows, after the columns.
pub(crate) fn read(mut input: Input<'_>) {
    let fields = input.fields();
    let mut rows = RowsBuilder::new(&fields, false);
    while !input.is_empty() {
        let cells: Vec<Value> = fields.iter().map(|_| cell(&mut input)).collect();
        let mut columns = fields.iter().zip(&cells).zip(&mut rows.columns);
        let unfit = columns.find_map(|((field, cell), column)| {
            decode(Form::of(&field.logical), cell, column).err().map(|unfit| (field.name.clone(), unfit))
        });
        match unfit {
            None => rows.end_row(),
            Some((column, Unfit::Fault(why))) => rows.fail_row(Fault { key: None, column, reason: why.to_owned() }),
            Some((_, Unfit::Malformed(_))) => return,
        }
    }
    let batch = rows.finish().expect("columns of one length");
    foreign::tell(&fields, &batch.rows);
}

/// A cell of any kind the protocol has, with any content.
fn cell(input: &mut Input<'_>) -> Value {
    match input.byte() % 8 {
        0 => Value::NULL,
        1 => Value::Int(i64::from_le_bytes(input.array())),
        2 => Value::UInt(u64::from_le_bytes(input.array())),
        3 => Value::Float(f32::from_le_bytes(input.array())),
        4 => Value::Double(f64::from_le_bytes(input.array())),
        5 => {
            let (year, [month, day, hour, minute, second]) = (u16::from_le_bytes(input.array()), input.array());
            Value::Date(year, month, day, hour, minute, second, u32::from_le_bytes(input.array()))
        }
        6 => {
            let (days, [sign, hours, minute, second]) = (u32::from_le_bytes(input.array()), input.array());
            Value::Time(sign % 2 == 1, days, hours, minute, second, u32::from_le_bytes(input.array()))
        }
        _ => Value::Bytes(input.bytes().to_vec()),
    }
}

/// Reads `bytes` as a shape, in either form.
pub(crate) fn read_shape(bytes: &[u8]) {
    let mut ewkb = Vec::new();
    if geometry::to_ewkb(bytes, &mut ewkb).is_ok() {
        assert_eq!(geometry::from_ewkb(&ewkb).as_deref(), Ok(bytes), "a shape comes back as it went");
    }
    let _ = geometry::from_ewkb(bytes);
}
