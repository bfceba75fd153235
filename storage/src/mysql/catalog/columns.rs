//! What a column has beyond its type, out of what the server says of it.

use crate::catalog::{Check, Column, Generation, Identity, IdentityKind, Traits};
use crate::mysql::flavor::Flavor;
use crate::mysql::names::NativeType;
use crate::mysql::relation::{NativeColumn, json_check};
use crate::mysql::sql::literal;
use crate::mysql::types;
use crate::types::LogicalType;

/// A column of the catalog. `next` and `increment` are those of the table's column that numbers itself.
pub(super) fn column(column: &NativeColumn, flavor: Flavor, next: Option<i128>, increment: i64) -> Column {
    let NativeColumn { name, native, parsed, logical, nullable, details } = column;
    let extra = details.extra.to_ascii_lowercase();
    let generation = column.is_generated().then(|| Generation {
        expression: unescaped(&details.generation, flavor),
        stored: extra.contains("stored generated") || extra.contains("persistent"),
    });
    let identity =
        extra.contains("auto_increment").then_some(Identity { kind: IdentityKind::ByDefault, next, increment });
    let traits = Traits {
        default: if generation.is_some() { None } else { default(column, flavor) },
        generation,
        identity,
        labels: parsed.as_ref().map(NativeType::labels).unwrap_or_default(),
        charset: details.charset.clone(),
        collation: details.collation.clone(),
        comment: Some(details.comment.clone()).filter(|comment| !comment.is_empty()),
        attributes: attributes(&extra),
    };
    let verbatim = parsed.as_ref().and_then(|parsed| types::verbatim(parsed, native));
    Column {
        name: name.clone(),
        native: native.clone(),
        logical: logical.clone(),
        verbatim,
        readings: parsed.as_ref().map(types::readings).unwrap_or_default(),
        nullable: *nullable,
        traits,
    }
}

/// What else the server's DDL says of a column.
fn attributes(extra: &str) -> Option<String> {
    let mut attributes = Vec::new();
    if let Some((_, function)) = extra.split_once("on update ") {
        attributes.push(format!("ON UPDATE {}", function.split_whitespace().next().unwrap_or_default()));
    }
    if extra.split([' ', ',']).any(|word| word == "invisible") {
        attributes.push("INVISIBLE".to_owned());
    }
    (!attributes.is_empty()).then(|| attributes.join(" "))
}

/// The default as an SQL expression. MariaDB writes one; MySQL writes a constant as the bare value, and tells expressions
/// apart in EXTRA (except `CURRENT_TIMESTAMP` before version 8).
fn default(column: &NativeColumn, flavor: Flavor) -> Option<String> {
    let text = column.details.default.as_deref()?;
    if flavor == Flavor::Mariadb {
        return (text != "NULL").then(|| text.to_owned());
    }
    let is_clock = text.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP");
    let is_time = matches!(column.logical, Some(LogicalType::Timestamp | LogicalType::TimestampTz));
    if column.details.extra.contains("DEFAULT_GENERATED") || (is_clock && is_time) {
        return Some(unescaped(text, flavor));
    }
    let is_bare = matches!(
        column.logical,
        Some(
            LogicalType::Int16
                | LogicalType::Int32
                | LogicalType::Int64
                | LogicalType::Float32
                | LogicalType::Float64
                | LogicalType::Decimal { .. }
                | LogicalType::Bits { .. }
        )
    );
    Some(if is_bare { text.to_owned() } else { literal(text) })
}

/// MySQL's catalog writes the quotes inside expressions with a backslash.
pub(super) fn unescaped(expression: &str, flavor: Flavor) -> String {
    match flavor {
        Flavor::Mysql => expression.replace("\\'", "'"),
        Flavor::Mariadb => expression.to_owned(),
    }
}

/// The check that makes text JSON in MariaDB comes with the type.
pub(super) fn leave_out_type_checks(columns: &[NativeColumn], checks: &mut Vec<Check>) {
    let is_json = |name: &str| columns.iter().any(|column| column.name == name && column.native == "json");
    checks.retain(|check| {
        let of_type = check.name.as_deref().filter(|name| is_json(name));
        of_type.is_none_or(|name| check.expression != json_check(name))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::relation::Details;

    fn of(native: &str, default: Option<&str>, extra: &str) -> NativeColumn {
        let details = Details {
            default: default.map(str::to_owned),
            extra: extra.to_owned(),
            ..NativeColumn::of("c", native).details
        };
        NativeColumn { details, ..NativeColumn::of("c", native) }
    }

    #[test]
    fn both_servers_defaults_become_sql() {
        for (native, text, extra, expected) in [
            ("varchar(9)", "it's", "", "'it''s'"),
            ("varchar(9)", "uuid()", "DEFAULT_GENERATED", "uuid()"),
            ("varchar(9)", "concat(_utf8mb4\\'a\\',\\'b\\')", "DEFAULT_GENERATED", "concat(_utf8mb4'a','b')"),
            ("varchar(9)", "CURRENT_TIMESTAMP", "", "'CURRENT_TIMESTAMP'"),
            (
                "datetime(6)",
                "CURRENT_TIMESTAMP(6)",
                "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(6)",
                "CURRENT_TIMESTAMP(6)",
            ),
            ("timestamp", "CURRENT_TIMESTAMP", "", "CURRENT_TIMESTAMP"),
            ("timestamp", "2020-01-01 00:00:00", "", "'2020-01-01 00:00:00'"),
            ("int", "-1", "", "-1"),
            ("bit(2)", "b'10'", "", "b'10'"),
            ("json", "json_array()", "DEFAULT_GENERATED", "json_array()"),
            ("enum('0','1')", "1", "", "'1'"),
        ] {
            assert_eq!(default(&of(native, Some(text), extra), Flavor::Mysql).as_deref(), Some(expected), "{native}");
        }
        for (text, expected) in [("'it\\'s'", Some("'it\\'s'")), ("uuid()", Some("uuid()")), ("NULL", None)] {
            assert_eq!(default(&of("varchar(9)", Some(text), ""), Flavor::Mariadb).as_deref(), expected);
        }
        assert_eq!(default(&of("int", None, ""), Flavor::Mysql), None);
    }

    #[test]
    fn invisible_and_self_numbering_columns_of_mysql_8_are_told() {
        let mut hidden = of("bigint unsigned", None, "auto_increment INVISIBLE");
        hidden.nullable = false;
        let told = column(&hidden, Flavor::Mysql, Some(7), 1);
        assert_eq!(told.traits.attributes.as_deref(), Some("INVISIBLE"));
        assert_eq!(told.traits.identity.and_then(|identity| identity.next), Some(7));
        let moved = of("timestamp", Some("CURRENT_TIMESTAMP"), "DEFAULT_GENERATED on update CURRENT_TIMESTAMP");
        let told = column(&moved, Flavor::Mysql, None, 1).traits.attributes;
        assert_eq!(told.as_deref().map(str::to_ascii_uppercase).as_deref(), Some("ON UPDATE CURRENT_TIMESTAMP"));
        let mut computed = of("int", None, "STORED GENERATED");
        computed.details.generation = "(`a` + length(_utf8mb4\\'x\\'))".to_owned();
        let generation = column(&computed, Flavor::Mysql, None, 1).traits.generation.expect("computed");
        assert_eq!((generation.expression.as_str(), generation.stored), ("(`a` + length(_utf8mb4'x'))", true));
    }
}
