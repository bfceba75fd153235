//! A door to the reader of foreign expressions, for the fuzzer and for tests with damaged input. Whatever comes in, it
//! returns. Knows nothing of where expressions come from.

use sensei_storage::{Field, LogicalType, System, Traits};

use crate::translate::{Kind, Known, Names, condition, default, value, value_for};

const SYSTEMS: [System; 3] = [System::Sqlite, System::Postgresql, System::Mysql];

/// Reads `bytes` as an expression out of a catalog, and as what becomes of it elsewhere: from and to which system, then the
/// text.
pub fn read_expression(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let Ok(sql) = std::str::from_utf8(text) else { return };
    let choice = usize::from(*choice);
    let kinds = [Kind::Integer, Kind::Text, Kind::Decimal, Kind::Boolean, Kind::Date, Kind::Float, Kind::Timestamp];
    let known = |(name, kind): (char, Kind)| Known {
        name: name.to_string(),
        // Half of them go by another name.
        target: if choice % 2 == 0 { name.to_string() } else { format!("to \"{name}\"") },
        changed: None,
        kind,
        is_narrow: choice / 18 % 2 == 0,
    };
    let columns = ('a'..='g').zip(kinds).map(known).collect();
    let names = Names { source: SYSTEMS[choice / 2 % 3], target: SYSTEMS[choice / 6 % 3], columns };
    let to = Field {
        name: "a".to_owned(),
        logical: LogicalType::Int64,
        native: "bigint".to_owned(),
        nullable: true,
        traits: Traits::default(),
    };
    let _ = (condition(&names, sql), value(&names, sql), value_for(&names, sql, &to));
    let _ = default(&names, sql, &LogicalType::Int64, &to, true);
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
