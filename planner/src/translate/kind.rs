//! What an expression's value is, as far as two systems must agree on how it compares.

use sensei_storage::{Column, Field, LogicalType, System, postgres};

/// The kinds of value that mean the same in two systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The literal NULL, which is of every kind.
    Null,
    Boolean,
    Integer,
    Decimal,
    Float,
    /// Text that is equal where its bytes are equal, on both sides.
    Text,
    /// An enumeration, with its labels.
    Label(Vec<String>),
    Date,
    Timestamp,
    TimestampTz,
    /// What is not compared across systems, and why.
    Other(String),
}

impl Kind {
    /// The kind that column `from` of `source` has, and keeps as `to` in `target`.
    pub(crate) fn of(source: System, from: &Column, read: &Field, target: System, to: &Field) -> Kind {
        let other = |why: &str| Kind::Other(format!("column \"{}\" {why}", from.name));
        let kept = (family(&read.logical), family(&to.logical));
        let (Some(before), Some(after)) = kept else {
            return other(&format!("is {}, which is not compared across systems", read.logical));
        };
        if before != after {
            return other(&format!("is converted from {} to {}", read.logical, to.logical));
        }
        match before {
            Kind::Text if !from.traits.labels.is_empty() => Kind::Label(from.traits.labels.clone()),
            Kind::Text => match exact_source(source, from).and(exact_target(target, to)) {
                Ok(()) => Kind::Text,
                Err(why) => other(why),
            },
            Kind::Decimal | Kind::Date | Kind::Timestamp | Kind::TimestampTz
                if stored_as_text(source, &from.native, &before) || stored_as_text(target, &to.native, &before) =>
            {
                other("is stored as text in SQLite, which compares it so")
            }
            kind => kind,
        }
    }

    /// Whether a value of this kind goes into a column of `to` as it is.
    pub(crate) fn fits(&self, to: &Field) -> bool {
        match self {
            Kind::Null => true,
            Kind::Integer => matches!(family(&to.logical), Some(Kind::Integer | Kind::Decimal)),
            Kind::Text => matches!(to.logical, LogicalType::Text { .. }),
            kind => family(&to.logical).as_ref() == Some(kind),
        }
    }
}

fn family(logical: &LogicalType) -> Option<Kind> {
    Some(match logical {
        LogicalType::Boolean => Kind::Boolean,
        LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64 => Kind::Integer,
        LogicalType::Decimal { .. } | LogicalType::Numeric => Kind::Decimal,
        LogicalType::Float64 => Kind::Float,
        LogicalType::Text { .. } => Kind::Text,
        LogicalType::Date => Kind::Date,
        LogicalType::Timestamp => Kind::Timestamp,
        LogicalType::TimestampTz => Kind::TimestampTz,
        _ => return None,
    })
}

/// SQLite has no dates, and keeps decimals that a double cannot hold as text.
fn stored_as_text(system: System, native: &str, kind: &Kind) -> bool {
    system == System::Sqlite && (*kind != Kind::Decimal || native.to_ascii_uppercase().contains("_TEXT"))
}

fn exact_source(system: System, column: &Column) -> Result<(), &'static str> {
    let collation = column.traits.collation.as_deref().unwrap_or_default();
    match system {
        System::Mysql if is_exact_in_mysql(collation) => Ok(()),
        System::Mysql => Err("is compared by a collation, which no other system has"),
        System::Sqlite if collation.is_empty() || collation.eq_ignore_ascii_case("BINARY") => Ok(()),
        System::Sqlite => Err("has a collation that takes different texts for equal"),
        System::Postgresql if !is_plain_postgres_text(&column.native) => Err("has a type with equality of its own"),
        System::Postgresql if matches!(collation, "" | "default" | "C" | "POSIX" | "ucs_basic") => Ok(()),
        System::Postgresql => Err("has a collation of its own"),
        System::Csv | System::Parquet => Ok(()),
    }
}

fn exact_target(system: System, field: &Field) -> Result<(), &'static str> {
    let collation = field.traits.collation.as_deref().unwrap_or_default();
    match system {
        System::Mysql if !is_exact_in_mysql(collation) => Err("is compared by a collation in the target"),
        System::Postgresql if postgres::is_blank_padded(&field.native) => Err("ignores trailing blanks in the target"),
        _ => Ok(()),
    }
}

/// Collations that compare code points and do not ignore trailing blanks. MySQL manual 10.10.1, MariaDB "Supported
/// Character Sets and Collations".
fn is_exact_in_mysql(collation: &str) -> bool {
    collation.ends_with("_0900_bin") || collation.ends_with("_nopad_bin")
}

/// Types whose equality is that of bytes: not `character(n)`, not `citext`.
fn is_plain_postgres_text(native: &str) -> bool {
    matches!(postgres::logical_type(native), Some(LogicalType::Text { .. })) && !postgres::is_blank_padded(native)
}

/// Why texts of a column that the source takes for equal differ in the target, if they do.
pub(crate) fn coarser_than(source: System, column: &Column, target: System) -> Option<String> {
    if source == target || target == System::Parquet || !matches!(column.logical, Some(LogicalType::Text { .. })) {
        return None;
    }
    let collation = column.traits.collation.as_deref()?;
    let lower = collation.to_ascii_lowercase();
    let coarse = match source {
        System::Mysql => !lower.ends_with("_bin") && lower != "binary",
        System::Sqlite => matches!(lower.as_str(), "nocase" | "rtrim"),
        _ => false,
    };
    coarse.then(|| format!("texts that are equal under \"{collation}\" are told apart in the target"))
}

/// How texts of a target's column are compared, if different texts may be equal there. `existing`: the column of a table
/// that was found. PostgreSQL's own collations tell all texts apart; what others do only their makers know.
pub(crate) fn coarse_in(target: System, field: &Field, existing: Option<&Column>) -> Option<String> {
    if !matches!(field.logical, LogicalType::Text { .. }) {
        return None;
    }
    let native = existing.map_or(&field.native, |column| &column.native);
    let collation = existing.map_or(&field.traits.collation, |column| &column.traits.collation).as_deref();
    let own = collation.unwrap_or_default();
    match target {
        System::Sqlite if own.is_empty() || own.eq_ignore_ascii_case("BINARY") => None,
        System::Sqlite => Some(own.to_owned()),
        System::Mysql if is_exact_in_mysql(own) => None,
        System::Mysql => Some(collation.unwrap_or("that of the database").to_owned()),
        System::Postgresql if native.to_ascii_lowercase().contains("citext") => Some("citext".to_owned()),
        System::Postgresql if postgres::is_blank_padded(native) => Some("that of character(n)".to_owned()),
        System::Postgresql if own.contains('.') && !own.starts_with("pg_catalog.") => Some(own.to_owned()),
        System::Postgresql | System::Parquet | System::Csv => None,
    }
}
