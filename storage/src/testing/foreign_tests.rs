//! Good input, damaged in a few places, through every door: nothing panics.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What was written over what, as a fuzzer would.
fn damaged(good: &[u8], damage: &[(Index, u8)], length: Index) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (index, byte) in damage {
        let index = index.index(bytes.len());
        bytes[index] = *byte;
    }
    bytes.truncate(length.index(good.len() + 1));
    bytes
}

fn damage() -> impl Strategy<Value = Vec<(Index, u8)>> {
    proptest::collection::vec((any::<Index>(), any::<u8>()), 0..6)
}

/// The choice of `Input::logical` for numeric, and for an array of it.
const NUMERIC: u8 = 7;
const NUMERIC_ARRAY: u8 = 139;

/// Two columns, numeric and array of numeric, in one chunk: the header, one row, the trailer.
fn copy() -> Vec<u8> {
    let number = [0, 2, 0, 1, 0, 0, 0, 2, 0, 1, 9, 0];
    let mut stream = vec![1, NUMERIC, NUMERIC_ARRAY, 255];
    stream.extend(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x02");
    stream.extend([0, 0, 0, 12]);
    stream.extend(number);
    stream.extend([0, 0, 0, 36, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 164, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 12]);
    stream.extend(number);
    stream.extend([255, 255]);
    stream
}

/// Columns of dates, times, shapes and texts, and a row of them.
fn cells() -> Vec<u8> {
    let mut row = vec![3, 13, 15, 20, 9];
    row.extend([5, 0xe8, 0x07, 2, 29, 23, 59, 59, 1, 0, 0, 0]);
    row.extend([6, 34, 0, 0, 0, 1, 22, 59, 59, 1, 0, 0, 0]);
    row.extend([7, 25, 0xe6, 0x10, 0, 0, 1, 1, 0, 0, 0]);
    row.extend([7; 16]);
    row.extend([7, 3, b'a', 0xc3, 0xa9]);
    row
}

const TABLE: &str = r#"CREATE TABLE "a""b" (id INTEGER PRIMARY KEY /* c */ AUTOINCREMENT, n DECIMAL(10,2) DEFAULT (1 + (2)),
    t TEXT COLLATE NOCASE CHECK (t <> ')'), FOREIGN KEY (n) REFERENCES p (x) ON DELETE CASCADE DEFERRABLE) -- end"#;

const RECORD: &str = r#"{"writer":"00","record":{"log":"log","number":0,"parent":null,"body":[
    {"event":"generation_opened","generation":1,"snapshot":"s","at":"2025-01-01T00:00:00Z"},
    {"event":"stage_done","stage":"copy"},{"event":"split_reopened","split":0,"why":"w"}]}}"#;

/// A text of each type, after the choice that `Input::logical` makes of it.
const VALUES: &[&str] = &[
    "\u{5}-12.5e-300",
    "\u{6}\u{a}\u{2}00012.50",
    "\u{7}1e131071",
    "\u{a}\\x00ff",
    "\u{b}0044-03-15 BC",
    "\u{c}23:59:59.999999",
    "\u{d}294246-12-31 23:59:59.999999",
    "\u{e}2024-02-29T12:00:00+15:59:59",
    "\u{f}P1Y2M3DT-4H5M6.5S",
    "\u{10}{00112233-4455-6677-8899-aabbccddeeff}",
    "\u{12}{\"a\":[1,\"\\u0041\"]}",
];

proptest! {
    #[test]
    fn no_copy_is_too_damaged(damage in damage(), length in any::<Index>()) {
        read_copy(&damaged(&copy(), &damage, length));
    }

    #[test]
    fn no_row_of_mysql_or_sqlite_is_too_damaged(damage in damage(), length in any::<Index>()) {
        let bytes = damaged(&cells(), &damage, length);
        read_mysql_rows(&bytes);
        read_sqlite_rows(&bytes);
        read_shape(&bytes[bytes.len().min(32)..]);
    }

    #[test]
    fn no_definition_is_too_damaged(damage in damage(), length in any::<Index>()) {
        read_definition(&String::from_utf8_lossy(&damaged(TABLE.as_bytes(), &damage, length)));
    }

    #[test]
    fn no_record_is_too_damaged(damage in damage(), length in any::<Index>()) {
        read_journal(&damaged(RECORD.as_bytes(), &damage, length));
    }

    #[test]
    fn no_value_is_too_damaged(value in proptest::sample::select(VALUES), damage in damage(), length in any::<Index>()) {
        read_value(&damaged(value.as_bytes(), &damage, length));
    }
}

#[test]
fn what_is_damaged_above_is_good_before() {
    let mut column = ColumnBuilder::new(&crate::LogicalType::Numeric);
    text::parse(&crate::LogicalType::Numeric, "1e131071", &mut column).unwrap();
    assert_eq!(column.text_bytes(), 131_072);
    for value in VALUES {
        let mut input = Input::new(value.as_bytes());
        let logical = input.logical();
        let written = std::str::from_utf8(input.rest()).unwrap();
        text::parse(&logical, written, &mut ColumnBuilder::new(&logical)).unwrap();
    }
}
