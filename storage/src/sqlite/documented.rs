//! SQLite's rows in the table of types.

use super::types::logical_type;
use crate::documented::DocumentedType;
use crate::types::LogicalType;

/// Declared types in the wild and as Sensei writes them.
pub fn documented_types() -> Vec<DocumentedType> {
    let of = |native| DocumentedType::new(native, logical_type(native));
    vec![
        of("BOOLEAN").note("and BIT"),
        of("INTEGER")
            .note("and whatever else has INT in its name, LONG, YEAR, SERIAL, COUNTER: widths are not enforced"),
        of("INT16"),
        of("INT32"),
        of("FLOAT32"),
        of("REAL").note("and FLOAT, DOUBLE; SQLite keeps -0 as 0, which compares as equal"),
        of("DECIMAL(10,2)").note("and NUMERIC(p,s), NUMBER(p,s), DEC(p,s), FIXED(p,s)"),
        of("NUMERIC").note("and MONEY, SMALLMONEY, CURRENCY"),
        of("VARCHAR(40)").note("and whatever else has CHAR, CLOB or TEXT in its name, XML; lengths are not enforced"),
        of("TEXT"),
        of("BLOB").note("and BINARY, VARBINARY, BYTEA, IMAGE"),
        of("DATE"),
        of("TIME"),
        of("DATETIME").note("and TIMESTAMP, DATETIME2, SMALLDATETIME"),
        of("TIMESTAMPTZ"),
        of("INTERVAL"),
        of("UUID").note("from text or 16 bytes"),
        of("JSON"),
        of("JSONB_TEXT"),
        of("INT32 ARRAY"),
        of("").note("a column without a type, or of any other name: declare it in the plan"),
    ]
}

/// Which values of `logical` SQLite cannot hold, so that their rows are rejected; `None` if it holds all.
pub fn refuses(logical: &LogicalType) -> Option<&'static str> {
    match logical {
        LogicalType::Float32 | LogicalType::Float64 => Some("NaN"),
        LogicalType::Decimal { .. } => Some("NaN, where it is stored as a number"),
        _ => None,
    }
}
