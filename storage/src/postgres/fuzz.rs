//! COPY's bytes from anywhere, for the fuzzer: cut into tuples and decoded as if a server had sent them.

use super::binary::{Malformed, Tuples};
use super::decode::{Form, Unfit, decode};
use crate::column::ColumnBuilder;
use crate::types::LogicalType;

/// One column of every form there is.
fn columns() -> Vec<LogicalType> {
    use LogicalType::*;
    let array = |element: LogicalType| Array(Box::new(element));
    vec![
        Boolean,
        Int16,
        Int32,
        Int64,
        Float32,
        Float64,
        Numeric,
        LogicalType::TEXT,
        Bytes,
        Date,
        Time,
        Timestamp,
        TimestampTz,
        Interval,
        Uuid,
        Json,
        Jsonb,
        Bits { length: None },
        array(Int32),
        array(Numeric),
        array(LogicalType::TEXT),
    ]
}

/// Reads `bytes` as one COPY stream: the first byte chooses the columns, the second how the rest is cut into chunks.
pub(crate) fn read(bytes: &[u8]) {
    let [choice, chunk, stream @ ..] = bytes else { return };
    let all = columns();
    let first = usize::from(*choice) % all.len();
    let chosen: Vec<LogicalType> =
        all.iter().cycle().skip(first).take(1 + usize::from(*choice) / all.len()).cloned().collect();
    let forms: Vec<Form> = chosen.iter().map(Form::of).collect();
    let mut builders: Vec<ColumnBuilder> = chosen.iter().map(ColumnBuilder::new).collect();
    let mut scratch = Vec::new();
    let mut tuples = Tuples::new(chosen.len());
    for chunk in stream.chunks(1 + usize::from(*chunk)) {
        let outcome = tuples.feed(chunk, |fields, _| {
            for ((form, builder), field) in forms.iter().zip(&mut builders).zip(fields) {
                match decode(form, field, builder, &mut scratch) {
                    Err(Unfit::Malformed(why)) => return Err(Malformed(why)),
                    Ok(()) | Err(Unfit::Fault(_)) => {}
                }
            }
            Ok(())
        });
        if outcome.is_err() {
            return;
        }
    }
    let _ = tuples.finish();
    builders.iter_mut().for_each(|builder| drop(builder.finish()));
}
