//! PostgreSQL's own type names (manual, table 8.1), to tell them from types that one database has defined for itself.

use sensei_storage::LogicalType;

/// Reads the text of a built-in type as `format_type` prints it or as users write it; `None` for types that are not
/// built in or not supported.
///
/// ```
/// use sensei_planner::postgresql_type;
/// assert_eq!(postgresql_type("character varying(40)").unwrap().to_string(), "text(40)");
/// assert_eq!(postgresql_type("mood"), None);
/// ```
pub fn postgresql_type(native: &str) -> Option<LogicalType> {
    let native = native.trim().to_ascii_lowercase();
    if let Some(element) = native.strip_suffix("[]") {
        return scalar(element).map(|element| LogicalType::Array(Box::new(element)));
    }
    scalar(&native)
}

/// Whether the type fills values up with blanks (manual 8.3).
pub(crate) fn is_blank_padded(native: &str) -> bool {
    let native = native.trim().to_ascii_lowercase();
    matches!(parts(&native).0.as_str(), "character" | "char" | "bpchar")
}

fn scalar(native: &str) -> Option<LogicalType> {
    let (name, parameters) = parts(native);
    let first = parameters.first().copied();
    Some(match (name.as_str(), parameters.as_slice()) {
        ("boolean" | "bool", []) => LogicalType::Boolean,
        ("smallint" | "int2", []) => LogicalType::Int16,
        ("integer" | "int" | "int4", []) => LogicalType::Int32,
        ("bigint" | "int8", []) => LogicalType::Int64,
        ("real" | "float4", []) => LogicalType::Float32,
        ("double precision" | "float8", []) => LogicalType::Float64,
        ("numeric" | "decimal", []) => LogicalType::Numeric,
        ("numeric" | "decimal", [precision]) => {
            LogicalType::Decimal { precision: (*precision).try_into().ok()?, scale: 0 }
        }
        ("numeric" | "decimal", [precision, scale]) => {
            LogicalType::Decimal { precision: (*precision).try_into().ok()?, scale: *scale }
        }
        ("text", []) => LogicalType::TEXT,
        ("character varying" | "varchar" | "bpchar", []) => LogicalType::TEXT,
        ("character" | "char", []) => LogicalType::Text { max_chars: Some(1) },
        ("character varying" | "varchar" | "character" | "char" | "bpchar", [_]) => {
            LogicalType::Text { max_chars: Some(first?.try_into().ok()?) }
        }
        ("bytea", []) => LogicalType::Bytes,
        ("date", []) => LogicalType::Date,
        ("time" | "time without time zone", _) => LogicalType::Time,
        ("timestamp" | "timestamp without time zone", _) => LogicalType::Timestamp,
        ("timestamptz" | "timestamp with time zone", _) => LogicalType::TimestampTz,
        ("interval", _) => LogicalType::Interval,
        ("uuid", []) => LogicalType::Uuid,
        ("json", []) => LogicalType::Json,
        ("jsonb", []) => LogicalType::Jsonb,
        _ => return None,
    })
}

/// The name without its parameters, which may stand in its midst, and the parameters.
fn parts(native: &str) -> (String, Vec<i32>) {
    let Some((head, rest)) = native.split_once('(') else { return (native.trim().to_owned(), Vec::new()) };
    let (inner, tail) = rest.split_once(')').unwrap_or((rest, ""));
    let parameters = inner.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    (format!("{} {}", head.trim(), tail.trim()).trim().to_owned(), parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_names_are_told_from_others() {
        for (native, logical) in [
            ("numeric(10,2)", "decimal(10,2)"),
            ("timestamp(3) without time zone", "timestamp"),
            ("character(5)", "text(5)"),
            ("CHARACTER VARYING", "text"),
            ("integer[]", "int32[]"),
            ("numeric(3,-2)[]", "decimal(3,-2)[]"),
        ] {
            assert_eq!(postgresql_type(native).map(|logical| logical.to_string()).as_deref(), Some(logical));
        }
        for native in ["mood", "public.integer", "\"date\"", "tsvector", "integer[][]", ""] {
            assert_eq!(postgresql_type(native), None, "{native}");
        }
        assert!(is_blank_padded("character(5)") && !is_blank_padded("character varying(5)"));
    }
}
