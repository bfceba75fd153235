//! Names of logical types as users write them, the reverse of how [`LogicalType`] prints.

use sensei_storage::{LogicalType, System};

/// Digits of a declared decimal at most (PostgreSQL manual 8.1.2).
const PRECISION_MAX: u32 = 1000;
/// Scale at most, either way (PostgreSQL manual 8.1.2).
const SCALE_MAX: i32 = 1000;

/// Reads the name of a logical type, such as `decimal(10,2)` or `int32[]`; `None` if it is not one.
///
/// ```
/// use sensei_planner::logical_type;
/// assert_eq!(logical_type("Decimal(10, 2)").unwrap().to_string(), "decimal(10,2)");
/// assert_eq!(logical_type("varchar(40)"), None);
/// ```
pub fn logical_type(name: &str) -> Option<LogicalType> {
    let name = name.trim().to_ascii_lowercase();
    match name.strip_suffix("[]") {
        Some(element) => scalar(element.trim_end()).map(|element| LogicalType::Array(Box::new(element))),
        None => scalar(&name),
    }
}

/// The names that [`logical_type`] knows, for messages.
pub(crate) const NAMES: &str = "boolean, int16, int32, int64, float32, float64, decimal(p,s), numeric, text, text(n), \
                                bytes, date, time, timestamp, timestamptz, interval, uuid, json, jsonb, bits, bits(n), \
                                geometry, a system's own as in postgresql:inet, and any of these with [] for an array";

fn scalar(name: &str) -> Option<LogicalType> {
    if let Some((base, parameters)) = name.strip_suffix(')').and_then(|name| name.split_once('(')) {
        return parameterised(base.trim_end(), parameters);
    }
    if let Some((system, native)) = name.split_once(':') {
        return opaque(system, native.trim());
    }
    Some(match name {
        "boolean" => LogicalType::Boolean,
        "int16" => LogicalType::Int16,
        "int32" => LogicalType::Int32,
        "int64" => LogicalType::Int64,
        "float32" => LogicalType::Float32,
        "float64" => LogicalType::Float64,
        "numeric" => LogicalType::Numeric,
        "text" => LogicalType::TEXT,
        "bytes" => LogicalType::Bytes,
        "date" => LogicalType::Date,
        "time" => LogicalType::Time,
        "timestamp" => LogicalType::Timestamp,
        "timestamptz" => LogicalType::TimestampTz,
        "interval" => LogicalType::Interval,
        "uuid" => LogicalType::Uuid,
        "json" => LogicalType::Json,
        "jsonb" => LogicalType::Jsonb,
        "bits" => LogicalType::Bits { length: None },
        "geometry" => LogicalType::Geometry,
        _ => return None,
    })
}

/// A type of one system's own. Whether the system has it only the system knows.
fn opaque(system: &str, native: &str) -> Option<LogicalType> {
    let known = [System::Postgresql, System::Mysql].into_iter().find(|known| known.to_string() == system)?;
    (!native.is_empty()).then(|| LogicalType::Opaque { system: known, native: native.to_owned() })
}

fn parameterised(base: &str, parameters: &str) -> Option<LogicalType> {
    match base {
        "text" => {
            let max_chars = parameters.trim().parse().ok().filter(|chars| *chars > 0)?;
            Some(LogicalType::Text { max_chars: Some(max_chars) })
        }
        "bits" => {
            let length = parameters.trim().parse().ok().filter(|bits| *bits > 0)?;
            Some(LogicalType::Bits { length: Some(length) })
        }
        "decimal" => {
            let (precision, scale) = parameters.split_once(',').unwrap_or((parameters, "0"));
            let precision = precision.trim().parse().ok().filter(|digits| (1..=PRECISION_MAX).contains(digits))?;
            let scale = scale.trim().parse().ok().filter(|digits| (-SCALE_MAX..=SCALE_MAX).contains(digits))?;
            Some(LogicalType::Decimal { precision, scale })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_storage_prints() {
        for name in [
            "boolean",
            "int16",
            "int32",
            "int64",
            "float32",
            "float64",
            "decimal(10,2)",
            "decimal(5,-2)",
            "numeric",
            "text",
            "text(40)",
            "bytes",
            "date",
            "time",
            "timestamp",
            "timestamptz",
            "interval",
            "uuid",
            "json",
            "jsonb",
            "int32[]",
            "bits",
            "bits(8)",
            "geometry",
            "postgresql:inet",
            "decimal(10,2)[]",
            "text(40)[]",
        ] {
            assert_eq!(logical_type(name).map(|logical| logical.to_string()).as_deref(), Some(name));
        }
        for name in ["", "int", "decimal(0)", "decimal(1001,2)", "text(0)", "text(x)", "int32[][]", "date(3)"] {
            assert_eq!(logical_type(name), None, "{name}");
        }
    }
}
