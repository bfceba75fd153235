//! PostgreSQL's own type names and those of its best-known extensions, as its DDL and `format_type` write them. Types a
//! database defines for itself are not known here: another database may not have them.

use super::types::MONEY;
use crate::catalog::System;
use crate::types::LogicalType;

/// Bytes of an identifier at most: `NAMEDATALEN` - 1 of every ordinary build.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Types whose values only PostgreSQL computes with, by the names it prints, and those of the extensions that come with
/// the server.
const OWN: [&str; 57] = [
    "\"char\"",
    "aclitem",
    "box",
    "cid",
    "cidr",
    "circle",
    "cube",
    "datemultirange",
    "daterange",
    "hstore",
    "inet",
    "int2vector",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "jsonpath",
    "line",
    "lquery",
    "lseg",
    "ltree",
    "ltxtquery",
    "macaddr",
    "macaddr8",
    "nummultirange",
    "numrange",
    "oidvector",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "seg",
    "tid",
    "timetz",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "xid",
    "xid8",
    "xml",
];

/// What a type text means; `None` if it is not one of PostgreSQL's own supported types.
///
/// ```
/// use sensei_storage::{LogicalType, postgres};
/// assert_eq!(postgres::logical_type("character varying(40)"), Some(LogicalType::Text { max_chars: Some(40) }));
/// assert_eq!(postgres::logical_type("inet").unwrap().to_string(), "postgresql:inet");
/// assert_eq!(postgres::logical_type("mood"), None);
/// ```
pub fn logical_type(native: &str) -> Option<LogicalType> {
    let native = native.trim().to_lowercase();
    if let Some(element) = native.strip_suffix("[]") {
        return match logical_type(element)? {
            _ if element.ends_with(']') => None,
            LogicalType::Opaque { .. } | LogicalType::Geometry => Some(opaque(&native)),
            element => Some(LogicalType::Array(Box::new(element))),
        };
    }
    if is_shape(&native) {
        return Some(LogicalType::Geometry);
    }
    let (name, modifiers) = split_modifiers(&native)?;
    match (name.as_str(), modifiers.as_slice()) {
        ("numeric" | "decimal", []) => Some(LogicalType::Numeric),
        ("numeric" | "decimal", [precision]) => decimal(*precision, 0),
        ("numeric" | "decimal", [precision, scale]) => decimal(*precision, *scale),
        ("character varying" | "varchar" | "bpchar", []) => Some(LogicalType::TEXT),
        ("character" | "char", []) => Some(LogicalType::Text { max_chars: Some(1) }),
        ("character varying" | "varchar" | "character" | "char" | "bpchar", [chars]) => {
            Some(LogicalType::Text { max_chars: Some(u32::try_from(*chars).ok()?) })
        }
        ("bit", []) => Some(LogicalType::Bits { length: Some(1) }),
        ("bit", [length]) => Some(LogicalType::Bits { length: Some(u32::try_from(*length).ok()?) }),
        ("bit varying" | "varbit", [] | [_]) => Some(LogicalType::Bits { length: None }),
        ("time with time zone", [] | [0..=6]) | ("timetz", [0..=6]) => Some(opaque(&native)),
        (name, []) if OWN.contains(&name) => Some(opaque(&native)),
        (name, []) => plain(name),
        (name, [digits]) if (0..=6).contains(digits) => plain(name).filter(has_fraction_digits),
        _ => None,
    }
}

fn opaque(native: &str) -> LogicalType {
    LogicalType::Opaque { system: System::Postgresql, native: native.to_owned() }
}

/// Whether it is one of PostGIS's two types, whose modifiers are words.
fn is_shape(native: &str) -> bool {
    let name = native.split_once('(').filter(|(_, rest)| rest.ends_with(')')).map_or(native, |(name, _)| name);
    matches!(name.trim_end(), "geometry" | "geography")
}

/// Whether the type fills values up with blanks (PostgreSQL manual 8.3).
pub fn is_blank_padded(native: &str) -> bool {
    let name = split_modifiers(&native.trim().to_lowercase()).map(|(name, _)| name);
    matches!(name.as_deref(), Some("character" | "char" | "bpchar"))
}

fn decimal(precision: i64, scale: i64) -> Option<LogicalType> {
    Some(LogicalType::Decimal { precision: u32::try_from(precision).ok()?, scale: i32::try_from(scale).ok()? })
}

/// `timestamp(3) with time zone` is the name `timestamp with time zone` with the modifier 3.
fn split_modifiers(native: &str) -> Option<(String, Vec<i64>)> {
    let Some((before, rest)) = native.split_once('(') else { return Some((native.to_owned(), Vec::new())) };
    let (inside, after) = rest.split_once(')')?;
    let modifiers = inside.split(',').map(|digits| digits.trim().parse().ok()).collect::<Option<Vec<i64>>>()?;
    Some((format!("{before}{after}").trim().to_owned(), modifiers))
}

fn has_fraction_digits(logical: &LogicalType) -> bool {
    use LogicalType::{Interval, Time, Timestamp, TimestampTz};
    matches!(logical, Time | Timestamp | TimestampTz | Interval)
}

fn plain(name: &str) -> Option<LogicalType> {
    Some(match name {
        "boolean" | "bool" => LogicalType::Boolean,
        "smallint" | "int2" => LogicalType::Int16,
        "integer" | "int" | "int4" => LogicalType::Int32,
        "bigint" | "int8" => LogicalType::Int64,
        "real" | "float4" => LogicalType::Float32,
        "double precision" | "float8" => LogicalType::Float64,
        "text" | "name" | "citext" => LogicalType::TEXT,
        "oid" => LogicalType::Int64,
        "money" => MONEY,
        "bytea" => LogicalType::Bytes,
        "date" => LogicalType::Date,
        "time" | "time without time zone" => LogicalType::Time,
        "timestamp" | "timestamp without time zone" => LogicalType::Timestamp,
        "timestamptz" | "timestamp with time zone" => LogicalType::TimestampTz,
        "interval" => LogicalType::Interval,
        "uuid" => LogicalType::Uuid,
        "json" => LogicalType::Json,
        "jsonb" => LogicalType::Jsonb,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::native_type;

    #[test]
    fn every_name_that_sensei_writes_is_read_as_what_was_meant() {
        use LogicalType::*;
        let decimal = Decimal { precision: 10, scale: -2 };
        let scalars =
            [Boolean, Int16, Int32, Int64, Float32, Float64, decimal, Numeric, LogicalType::TEXT, Bytes, Date]
                .into_iter()
                .chain([Text { max_chars: Some(7) }, Time, Timestamp, TimestampTz, Interval, Uuid, Json, Jsonb]);
        for logical in scalars {
            assert_eq!(logical_type(&native_type(&logical)), Some(logical.clone()));
            let array = Array(Box::new(logical));
            assert_eq!(logical_type(&native_type(&array)), Some(array));
        }
    }

    #[test]
    fn what_only_postgresql_computes_with_keeps_its_name() {
        for native in ["inet", "\"char\"", "int4range", "time(3) with time zone", "tsvector", "point[]", "timetz"] {
            assert_eq!(logical_type(native), Some(opaque(native)));
            assert_eq!(native_type(&opaque(native)), native);
        }
        assert_eq!(logical_type("bit(8)"), Some(LogicalType::Bits { length: Some(8) }));
        assert_eq!(logical_type("bit varying(8)"), Some(LogicalType::Bits { length: None }));
        assert_eq!(logical_type("geometry(Point,4326)"), Some(LogicalType::Geometry));
        assert_eq!(logical_type("money"), Some(LogicalType::Decimal { precision: 19, scale: 2 }));
    }

    #[test]
    fn modifiers_may_stand_inside_a_name() {
        assert_eq!(logical_type("timestamp(3) with time zone"), Some(LogicalType::TimestampTz));
        assert_eq!(logical_type("integer(3)"), None);
        for native in ["public.integer", "\"date\"", "mood", "geometryx", "inet(3)", "integer[][]", "inet[][]", ""] {
            assert_eq!(logical_type(native), None, "{native}");
        }
        assert!(is_blank_padded("CHARACTER(5)") && !is_blank_padded("character varying(5)"));
    }
}
