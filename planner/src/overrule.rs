//! Whose word counts for an SQLite column: what its table declares, or what the plan says. SQLite enforces neither, so a
//! plan may know better than a declaration what values are there.

use sensei_storage::LogicalType;

use crate::cast::{Cast, cast};

/// What a column that was `found` to be of one type is read as, where the plan has `wanted` another.
///
/// As long as there is a conversion, values are read as they are declared and then converted. Where there is none, the
/// plan says what is stored in truth: Unix seconds in a `DATETIME`, whole numbers in a `REAL`. Text is special. Numbers
/// can always become text, but a declared date or JSON that is to be text may be none.
pub(crate) fn read_as(found: Option<&LogicalType>, wanted: Option<&LogicalType>) -> Option<LogicalType> {
    let (Some(found), Some(wanted)) = (found, wanted) else { return found.or(wanted).cloned() };
    let overruled =
        cast(found, wanted) == Cast::Refused || matches!(wanted, LogicalType::Text { .. }) && is_text(found);
    Some(if overruled { wanted.clone() } else { found.clone() })
}

/// Whether SQLite has nothing but text to store such values in, numbers that are JSON apart.
fn is_text(logical: &LogicalType) -> bool {
    matches!(
        logical,
        LogicalType::Date
            | LogicalType::Time
            | LogicalType::Timestamp
            | LogicalType::TimestampTz
            | LogicalType::Interval
            | LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Array(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogicalType::{Boolean, Date, Float32, Float64, Int64, Json, Timestamp, TimestampTz, Uuid};

    #[test]
    fn the_plan_decides_where_no_conversion_leads() {
        let text = || LogicalType::TEXT;
        for (found, wanted, read) in [
            (Timestamp, Int64, Int64),
            (Timestamp, Date, Date),
            (Float64, Int64, Int64),
            (Timestamp, text(), text()),
            (Json, text(), text()),
            // Read as declared, then converted: a value of the wanted type would not be found there.
            (Int64, text(), Int64),
            (Int64, Boolean, Int64),
            (Uuid, text(), Uuid),
            (Float64, Float32, Float64),
            (Int64, Float64, Int64),
            (Timestamp, TimestampTz, Timestamp),
            (text(), Int64, text()),
        ] {
            assert_eq!(read_as(Some(&found), Some(&wanted)), Some(read), "{found} as {wanted}");
        }
        assert_eq!(read_as(None, Some(&Int64)), Some(Int64));
        assert_eq!(read_as(Some(&Int64), None), Some(Int64));
        assert_eq!(read_as(None, None), None);
    }
}
