//! Defaults: mostly one literal, which must be a value of the target's column, or the time, or a new UUID.

use sensei_storage::{Field, LogicalType, System};
use sqlparser::ast::{Expr, UnaryOperator, Value};

use super::{Names, function, literal, parse, rename, walk};

/// A default in the target's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Its expression; `None` where the default is NULL, which needs none.
    pub(crate) sql: Option<String>,
    /// In what it differs, if it does.
    pub(crate) note: Option<String>,
}

/// The default `sql` of a column that is read as `from`, for the column `to` of the target, whose values are not changed.
///
/// # Errors
/// Which construct or value it is that the target does not have.
pub(crate) fn default(
    names: &Names,
    sql: &str,
    from: &LogicalType,
    to: &Field,
    is_kept: bool,
) -> Result<Carried, String> {
    if names.is_same_system() && is_kept {
        return rename::rename(names, sql).map(exactly);
    }
    let tree = parse::parse(names.source, sql)?;
    let target = names.target;
    match constant(&tree) {
        Some(Constant::Null) => Ok(Carried { sql: None, note: None }),
        Some(Constant::Bits(digits)) => {
            bits(target, &digits, from, to).map(|sql| exactly(as_expression(target, to, sql)))
        }
        Some(constant) => value(target, &constant, to).map(|sql| exactly(as_expression(target, to, sql))),
        None => match moment(&tree).and_then(|moment| now(names, moment, to)).or_else(|| uuid(names, &tree, to)) {
            Some(carried) => Ok(carried),
            None => computed(names, &tree, to),
        },
    }
}

fn exactly(sql: String) -> Carried {
    Carried { sql: Some(sql), note: None }
}

/// MySQL takes a literal for a default of any type but its large ones, for which it takes expressions (manual 13.6).
fn as_expression(target: System, to: &Field, sql: String) -> String {
    let native = to.native.to_ascii_lowercase();
    let large = ["text", "blob", "json", "geometry"].iter().any(|word| native.contains(word));
    if target == System::Mysql && large { format!("({sql})") } else { sql }
}

/// An expression without columns that is no literal.
fn computed(names: &Names, tree: &Expr, to: &Field) -> Result<Carried, String> {
    let alone = Names { columns: Vec::new(), ..names.clone() };
    let node = walk::Walk { names: &alone }.value(tree)?;
    match node.kind.fits(to) {
        true => Ok(exactly(format!("({})", node.sql))),
        false => Err("it gives a value of another type than its column has".to_owned()),
    }
}

/// A value that was written down.
enum Constant {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    Bytes(String),
    /// Binary digits.
    Bits(String),
}

/// The literal that `tree` is, inside any casts: what it is cast to is the column's type.
fn constant(tree: &Expr) -> Option<Constant> {
    match tree {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => constant(inner),
        Expr::Prefixed { value, .. } => constant(value),
        Expr::TypedString(typed) => literal_of(&typed.value.value),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match constant(expr)? {
            Constant::Number(digits) => Some(Constant::Number(format!("-{digits}"))),
            _ => None,
        },
        Expr::Value(value) => literal_of(&value.value),
        _ => None,
    }
}

fn literal_of(value: &Value) -> Option<Constant> {
    Some(match value {
        Value::Null => Constant::Null,
        Value::Boolean(value) => Constant::Boolean(*value),
        Value::Number(digits, false) => Constant::Number(digits.clone()),
        Value::SingleQuotedString(text) => Constant::Text(text.clone()),
        // `b'0'`.
        Value::SingleQuotedByteStringLiteral(bits) if bits.bytes().all(|bit| matches!(bit, b'0' | b'1')) => {
            Constant::Bits(bits.clone())
        }
        Value::HexStringLiteral(digits) => Constant::Bytes(digits.clone()),
        _ => return None,
    })
}

/// Binary digits as a value of the target's column: of its width, or the number that they write.
fn bits(target: System, digits: &str, from: &LogicalType, to: &Field) -> Result<String, String> {
    let number = u64::from_str_radix(digits, 2).map(|number| number.to_string());
    // The values of a column of a fixed width have all their digits, and so must its default.
    let whole = match (from, &to.logical) {
        (LogicalType::Bits { length: Some(length) }, _) | (_, LogicalType::Bits { length: Some(length) }) => {
            format!("{digits:0>width$}", width = *length as usize)
        }
        _ => digits.to_owned(),
    };
    match (&to.logical, target) {
        (LogicalType::Bits { .. }, System::Postgresql) => Ok(format!("B'{whole}'")),
        (LogicalType::Bits { .. }, System::Mysql) => Ok(format!("b'{whole}'")),
        (LogicalType::Text { .. }, _) if matches!(from, LogicalType::Bits { .. }) => literal::text(target, &whole),
        _ => value(target, &Constant::Number(number.map_err(|_| wrong(to))?), to),
    }
}

fn wrong(to: &Field) -> String {
    format!("its value is none that type {} has in every system", to.logical)
}

/// The constant as a value of the target's column.
fn value(target: System, constant: &Constant, to: &Field) -> Result<String, String> {
    use LogicalType::{
        Boolean, Bytes, Date, Decimal, Float32, Float64, Int16, Int32, Int64, Json, Jsonb, Numeric, Text, Time,
        Timestamp, Uuid,
    };
    let wrong = || wrong(to);
    let digits = match constant {
        Constant::Number(text) | Constant::Text(text) => text.as_str(),
        Constant::Boolean(true) => "1",
        Constant::Boolean(false) => "0",
        Constant::Null | Constant::Bytes(_) | Constant::Bits(_) => "",
    };
    let text = match constant {
        Constant::Text(text) => Some(text.as_str()),
        Constant::Number(digits) if literal::is_integer(digits) => Some(digits.as_str()),
        _ => None,
    };
    let quoted = |good: bool| text.filter(|_| good).ok_or_else(wrong).and_then(|text| literal::text(target, text));
    let is = |test: fn(&str) -> bool| text.is_some_and(test);
    match &to.logical {
        Boolean => {
            literal::as_boolean(digits).map(|value| literal::boolean(target, value).to_owned()).ok_or_else(wrong)
        }
        Int16 | Int32 | Int64 if literal::is_integer(digits) => Ok(digits.to_owned()),
        Decimal { .. } | Numeric | Float32 | Float64 if literal::decimal_digits(digits).is_some() => {
            let as_text = target == System::Sqlite && to.native.to_ascii_uppercase().contains("_TEXT");
            if as_text { literal::text(target, digits) } else { Ok(digits.to_owned()) }
        }
        Text { max_chars } => {
            let fits = |text: &str| max_chars.is_none_or(|max| text.chars().count() <= max as usize);
            let known = |text: &str| to.traits.labels.is_empty() || to.traits.labels.iter().any(|label| label == text);
            quoted(text.is_some_and(|text| fits(text) && known(text)))
        }
        Date => quoted(is(literal::is_date)),
        Time => quoted(is(literal::is_time)),
        Timestamp => quoted(is(literal::is_timestamp)),
        Json | Jsonb => quoted(text.is_some_and(|text| serde_json::from_str::<serde_json::Value>(text).is_ok())),
        Uuid if target != System::Mysql => quoted(text.is_some_and(is_uuid)),
        Bytes => match (constant, target) {
            (Constant::Bytes(hex), System::Postgresql) => Ok(format!("'\\x{hex}'")),
            (Constant::Bytes(hex), _) => Ok(format!("X'{hex}'")),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// What a default may ask the clock for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Date and time of day.
    Now,
    Today,
}

/// The call of the clock that `tree` is.
fn moment(tree: &Expr) -> Option<Moment> {
    match tree {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => moment(inner),
        Expr::Function(call) => {
            let (name, arguments) = function::plain(System::Postgresql, call).ok()?;
            match (name.as_str(), arguments.as_slice()) {
                ("current_timestamp" | "now" | "localtimestamp" | "localtime", [] | [Expr::Value(_)])
                    if name != "localtime" =>
                {
                    Some(Moment::Now)
                }
                ("transaction_timestamp" | "statement_timestamp" | "clock_timestamp", []) => Some(Moment::Now),
                ("current_date" | "curdate", []) => Some(Moment::Today),
                ("datetime", [only]) if is_now(only) => Some(Moment::Now),
                ("date", [only]) if is_now(only) => Some(Moment::Today),
                _ => None,
            }
        }
        _ => None,
    }
}

/// SQLite's `'now'`.
fn is_now(argument: &Expr) -> bool {
    matches!(constant(argument), Some(Constant::Text(text)) if text.eq_ignore_ascii_case("now"))
}

/// The clock in the target's words. SQLite's is in UTC and whole seconds; the others' follows the session's time zone where
/// a column has none.
fn now(names: &Names, moment: Moment, to: &Field) -> Option<Carried> {
    let from_utc = names.source == System::Sqlite;
    let digits = fraction_digits(&to.native);
    let utc = "the time in UTC, to the second".to_owned();
    let session = "the time in the zone of the target's session".to_owned();
    let (sql, note) = match (names.target, moment, &to.logical) {
        (System::Postgresql, Moment::Now, LogicalType::TimestampTz) => ("CURRENT_TIMESTAMP".to_owned(), None),
        (System::Mysql, Moment::Now, LogicalType::TimestampTz) => (format!("CURRENT_TIMESTAMP{digits}"), None),
        (System::Sqlite, Moment::Now, LogicalType::TimestampTz) => {
            ("(strftime('%Y-%m-%d %H:%M:%S', 'now') || '+00')".to_owned(), Some("the time to the second".to_owned()))
        }
        (System::Postgresql, Moment::Now, LogicalType::Timestamp) if from_utc => {
            ("(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')".to_owned(), None)
        }
        (System::Mysql, Moment::Now, LogicalType::Timestamp) if from_utc => (format!("(UTC_TIMESTAMP{digits})"), None),
        (System::Postgresql, Moment::Now, LogicalType::Timestamp) => ("LOCALTIMESTAMP".to_owned(), Some(session)),
        (System::Mysql, Moment::Now, LogicalType::Timestamp) => (format!("CURRENT_TIMESTAMP{digits}"), Some(session)),
        (System::Sqlite, Moment::Now, LogicalType::Timestamp) => ("CURRENT_TIMESTAMP".to_owned(), Some(utc)),
        (System::Postgresql, Moment::Now, LogicalType::Text { .. }) if from_utc => {
            ("to_char((CURRENT_TIMESTAMP AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MI:SS')".to_owned(), None)
        }
        (System::Mysql, Moment::Now, LogicalType::Text { .. }) if from_utc => {
            ("(date_format(utc_timestamp(), '%Y-%m-%d %H:%i:%s'))".to_owned(), None)
        }
        (System::Postgresql, Moment::Today, LogicalType::Date) if from_utc => {
            ("((CURRENT_TIMESTAMP AT TIME ZONE 'UTC')::date)".to_owned(), None)
        }
        (System::Mysql, Moment::Today, LogicalType::Date) if from_utc => ("(utc_date())".to_owned(), None),
        (System::Postgresql, Moment::Today, LogicalType::Date) => ("CURRENT_DATE".to_owned(), Some(session)),
        (System::Mysql, Moment::Today, LogicalType::Date) => ("(curdate())".to_owned(), Some(session)),
        (System::Sqlite, Moment::Today, LogicalType::Date) => ("CURRENT_DATE".to_owned(), Some(utc)),
        _ => return None,
    };
    Some(Carried { sql: Some(sql), note })
}

/// `(6)` of `datetime(6)`: MySQL wants the clock with as many digits as the column has.
fn fraction_digits(native: &str) -> String {
    let digits = native.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(digits, _)| digits);
    digits.filter(|digits| digits.parse::<u8>().is_ok()).map(|digits| format!("({digits})")).unwrap_or_default()
}

/// A new UUID in the target's words.
fn uuid(names: &Names, tree: &Expr, to: &Field) -> Option<Carried> {
    let Expr::Function(call) = walk::strip(tree) else { return None };
    let (name, arguments) = function::plain(names.source, call).ok()?;
    let known = match names.source {
        System::Postgresql => matches!(name.as_str(), "gen_random_uuid" | "uuid_generate_v4"),
        System::Mysql => name == "uuid",
        _ => false,
    };
    if !known || !arguments.is_empty() {
        return None;
    }
    let native = to.native.to_ascii_lowercase();
    let first = "UUIDs of version 1, which tell time and machine";
    let (sql, note) = match (names.target, &to.logical) {
        (System::Postgresql, LogicalType::Uuid) => ("gen_random_uuid()", None),
        (System::Postgresql, LogicalType::Text { .. }) => ("(gen_random_uuid()::text)", None),
        (System::Mysql, _) if native.starts_with("binary") => ("(uuid_to_bin(uuid()))", Some(first)),
        (System::Mysql, _) if native.starts_with("char") || native.starts_with("varchar") || native == "uuid" => {
            ("(uuid())", Some(first))
        }
        _ => return None,
    };
    Some(Carried { sql: Some(sql.to_owned()), note: note.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions() {
        assert_eq!(fraction_digits("datetime(6)"), "(6)");
        assert_eq!(fraction_digits("timestamp"), "");
    }
}
