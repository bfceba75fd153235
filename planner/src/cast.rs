//! Which logical type may become which, and what that costs. The engine casts; this only decides whether it may.

use sensei_storage::LogicalType::{self, *};

/// What a cast from one logical type to another is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// Every value arrives; those that do not fit are rejected row by row.
    Allowed,
    /// Every value arrives, but with something lost that is declared here.
    Lossy(&'static str),
    /// The user must say that it is meant; then the text says what is assumed.
    Ambiguous(&'static str),
    /// There is no such cast.
    Refused,
}

/// Decides the cast from `from` to `to`.
pub(crate) fn cast(from: &LogicalType, to: &LogicalType) -> Cast {
    match (from, to) {
        _ if from == to => Cast::Allowed,
        (_, Opaque { .. }) => Cast::Ambiguous("the text is one that the target's type takes and writes again as it is"),
        (Bytes, Geometry) => Cast::Ambiguous("the bytes are EWKB"),
        (Geometry, Bytes) | (Bits { .. }, Bits { length: None }) => Cast::Allowed,
        (Int16 | Int32 | Int64 | Bits { .. }, Boolean) => {
            Cast::Ambiguous("0 is false and 1 is true, and nothing else occurs")
        }
        (Boolean, Int16 | Int32 | Int64) => Cast::Allowed,
        (Array(_), Json | Jsonb) => Cast::Allowed,
        (Array(from), Array(to)) if is_text_of(from, to) => Cast::Allowed,
        (_, Text { .. }) | (Text { .. }, _) => Cast::Allowed,
        (Int16 | Int32 | Int64, Int16 | Int32 | Int64) => Cast::Allowed,
        (Int16 | Int32 | Int64 | Decimal { .. } | Numeric, Decimal { .. } | Numeric) => Cast::Allowed,
        (Int16, Float32 | Float64) | (Int32, Float64) | (Float32, Float64) => Cast::Allowed,
        (Int32, Float32) => Cast::Lossy("integers beyond 2^24 are rounded to float32"),
        (Int64, Float32) => Cast::Lossy("integers beyond 2^24 are rounded to float32"),
        (Int64, Float64) => Cast::Lossy("integers beyond 2^53 are rounded to float64"),
        (Float64, Float32) => Cast::Lossy("values are rounded to single precision"),
        (Jsonb, Json) => Cast::Allowed,
        (Json, Jsonb) => Cast::Lossy("white space, key order and repeated keys are not kept"),
        (Timestamp, TimestampTz) => Cast::Ambiguous("times without a zone are taken as UTC"),
        (TimestampTz, Timestamp) => Cast::Ambiguous("instants are written as UTC, without a zone"),
        _ => Cast::Refused,
    }
}

/// Whether elements are in memory already as the texts that `to` wants, or are texts that may be too long for it.
fn is_text_of(from: &LogicalType, to: &LogicalType) -> bool {
    matches!((from, to), (Text { .. }, Text { .. }) | (Bits { .. } | Opaque { .. }, Text { max_chars: None }))
}

/// Whether different values stay different, so that a key stays a key.
pub(crate) fn keeps_apart(from: &LogicalType, to: &LogicalType) -> bool {
    !matches!(cast(from, to), Cast::Lossy(_) | Cast::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_is_checked_row_by_row_and_rounding_is_declared() {
        assert_eq!(cast(&Int64, &Int16), Cast::Allowed);
        assert_eq!(cast(&Numeric, &Decimal { precision: 10, scale: 2 }), Cast::Allowed);
        assert!(matches!(cast(&Int64, &Float64), Cast::Lossy(_)));
        assert_eq!(cast(&Int32, &Float64), Cast::Allowed);
        assert!(matches!(cast(&Json, &Jsonb), Cast::Lossy(_)));
    }

    /// SQLite reads back every text, and what it holds as text, as one without a limit.
    #[test]
    fn arrays_of_what_is_held_as_text_become_arrays_of_text() {
        let texts = |max_chars| Array(Box::new(Text { max_chars }));
        assert_eq!(cast(&texts(Some(11)), &texts(None)), Cast::Allowed);
        assert_eq!(cast(&texts(None), &texts(Some(11))), Cast::Allowed);
        assert_eq!(cast(&Array(Box::new(Bits { length: Some(62) })), &texts(None)), Cast::Allowed);
    }

    #[test]
    fn zones_are_never_guessed() {
        assert!(matches!(cast(&Timestamp, &TimestampTz), Cast::Ambiguous(_)));
        assert!(matches!(cast(&TimestampTz, &Timestamp), Cast::Ambiguous(_)));
        assert_eq!(cast(&Timestamp, &Date), Cast::Refused);
        assert_eq!(cast(&Float64, &Numeric), Cast::Refused);
        assert_eq!(cast(&Array(Box::new(Int32)), &Array(Box::new(Int64))), Cast::Refused);
    }
}
