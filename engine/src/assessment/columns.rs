//! What becomes of each column: which type it had, which it gets, and what the way costs.

use sensei_planner::{ColumnPlan, Input, TablePlan};
use sensei_storage::{Field, LogicalType};

use crate::assessment::model::{ColumnAssessment, Decision};

/// Every column of a planned table.
pub fn of(table: &TablePlan) -> Vec<ColumnAssessment> {
    table.columns.iter().zip(&table.target.fields).map(|(column, field)| one(table, column, field)).collect()
}

/// The source column that alone decides an integer target column which holds less than it.
pub fn narrowed<'a>(table: &'a TablePlan, column: &ColumnPlan, field: &Field) -> Option<(&'a str, i64, i64)> {
    let from = table.source_column(column).filter(|_| column.mask.is_none())?;
    let ((least, greatest), (lowest, highest)) = (span(&field.logical)?, span(&column.from)?);
    (least > lowest || greatest < highest).then_some((from, least, greatest))
}

fn one(table: &TablePlan, column: &ColumnPlan, field: &Field) -> ColumnAssessment {
    let read = match &column.input {
        Input::Column { index } => table.read.get(*index),
        Input::Expression { .. } => None,
    };
    let (decision, rule) = decide(column, field);
    ColumnAssessment {
        target: field.name.clone(),
        target_type: field.native.clone(),
        source: read.map(|read| read.name.clone()),
        source_type: read.map(|read| read.native.clone()).filter(|native| !native.is_empty()),
        from: column.from.to_string(),
        to: field.logical.to_string(),
        decision,
        rule,
        rows_touched: None,
        bounds: None,
    }
}

fn decide(column: &ColumnPlan, field: &Field) -> (Decision, Option<String>) {
    if let Some(lost) = &column.lossy {
        return (Decision::Lossy, Some(lost.clone()));
    }
    if column.mask.is_some() {
        return (Decision::ExactWithRule, Some("masked by a keyed hash: the value itself stays behind".to_owned()));
    }
    let converted = (!always_fits(&column.from, &field.logical))
        .then(|| format!("{} to {}: a value that does not fit rejects its row", column.from, field.logical));
    match (&column.input, converted) {
        (Input::Expression { .. }, None) => (Decision::ExactWithRule, Some("computed by an expression".to_owned())),
        (Input::Expression { .. }, Some(rule)) => {
            (Decision::ExactWithRule, Some(format!("computed by an expression, then {rule}")))
        }
        (Input::Column { .. }, Some(rule)) => (Decision::ExactWithRule, Some(rule)),
        (Input::Column { .. }, None) => (Decision::Exact, None),
    }
}

/// Whether no value of `from` can fail to be one of `to`. Says no where it is not sure.
fn always_fits(from: &LogicalType, to: &LogicalType) -> bool {
    use LogicalType::{Decimal, Float32, Float64, Int16, Int32, Json, Jsonb, Numeric, Text};
    if let (Some((lowest, highest)), Some((least, greatest))) = (span(from), span(to)) {
        return least <= lowest && highest <= greatest;
    }
    match (from, to) {
        (from, to) if from == to => true,
        (_, Text { max_chars: None }) | (Jsonb, Json) | (Decimal { .. }, Numeric) => true,
        (Text { max_chars: Some(have) }, Text { max_chars: Some(room) }) => have <= room,
        (Int16, Float32 | Float64) | (Int32 | Float32, Float64) => true,
        _ => false,
    }
}

/// Least and greatest value of an integer type.
fn span(logical: &LogicalType) -> Option<(i64, i64)> {
    match logical {
        LogicalType::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
        LogicalType::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
        LogicalType::Int64 => Some((i64::MIN, i64::MAX)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fail_is_exact() {
        use LogicalType::{Float64, Int16, Int32, Int64, Numeric, Uuid};
        let text = |chars| LogicalType::Text { max_chars: chars };
        for (from, to) in
            [(Int16, Int64), (Int32, Int32), (text(Some(5)), text(Some(6))), (Uuid, text(None)), (Int32, Float64)]
        {
            assert!(always_fits(&from, &to), "{from} to {to}");
        }
        for (from, to) in [(Int64, Int32), (text(None), text(Some(6))), (text(None), Uuid), (Numeric, Int64)] {
            assert!(!always_fits(&from, &to), "{from} to {to}");
        }
    }
}
