//! What Sensei writes to a column it created comes back unchanged, for every type.

use super::*;

fn all_types() -> Vec<(LogicalType, Vec<&'static str>)> {
    let decimal = |precision, scale| LogicalType::Decimal { precision, scale };
    let array = |element| LogicalType::Array(Box::new(element));
    vec![
        (LogicalType::Boolean, vec!["true", "false"]),
        (LogicalType::Int16, vec!["-32768", "32767"]),
        (LogicalType::Int32, vec!["-2147483648", "2147483647"]),
        (LogicalType::Int64, vec!["-9223372036854775808", "9223372036854775807"]),
        (LogicalType::Float32, vec!["0.1", "3.4028235e38", "1e-45", "-Infinity", "5"]),
        (LogicalType::Float64, vec!["0.1", "1.7976931348623157e308", "5e-324", "Infinity", "9007199254740993"]),
        (decimal(15, 2), vec!["0.10", "-9999999999999.99", "12.00", "NaN"]),
        (decimal(15, 15), vec!["0.123456789012345", "0.000000000000001"]),
        (decimal(5, -2), vec!["1234500", "0"]),
        (decimal(15, 30), vec!["0.000000000000000123456789012345"]),
        (decimal(15, 400), vec!["0"]),
        (decimal(38, 10), vec!["1234567890123456789012345678.0123456789", "0.1000000000", "NaN"]),
        (LogicalType::Numeric, vec!["1.50", "1.5", "0.00", "123456789012345678901234567890", "Infinity", "NaN"]),
        (LogicalType::TEXT, vec!["", "007", "1e3", "NULL", "äöü 🦀", "a\0b"]),
        (LogicalType::Text { max_chars: Some(4) }, vec!["0.10", "🦀🦀🦀🦀"]),
        (LogicalType::Bytes, vec!["\\x", "\\x00ff"]),
        (LogicalType::Geometry, vec!["\\x0101000000000000000000f03f0000000000000040"]),
        (LogicalType::Bits { length: Some(3) }, vec!["101", "000"]),
        (LogicalType::Bits { length: None }, vec!["", "0101"]),
        (LogicalType::Opaque { system: crate::System::Postgresql, native: "inet".to_owned() }, vec!["10.0.0.1", "7"]),
        (LogicalType::Date, vec!["2024-02-29", "0044-03-15 BC", "12345-01-01", "infinity"]),
        (LogicalType::Time, vec!["00:00:00", "24:00:00", "23:59:59.999999"]),
        (LogicalType::Timestamp, vec!["2024-02-29 12:00:00.000001", "-infinity"]),
        (LogicalType::TimestampTz, vec!["1969-12-31 23:59:59.999999+00", "infinity"]),
        (LogicalType::Interval, vec!["P1Y2M3DT-4H5M6.5S", "PT0S"]),
        (LogicalType::Uuid, vec!["00112233-4455-6677-8899-aabbccddeeff"]),
        (LogicalType::Json, vec!["{\"b\": 1.50, \"a\":[]}", "1.50", "\"x\"", "null"]),
        (LogicalType::Jsonb, vec!["{}", "1e2"]),
        (array(LogicalType::Int32), vec!["[1,null,-3]", "[]"]),
        (array(LogicalType::TEXT), vec!["[\"a\\\"b\",null]"]),
        (array(decimal(10, 2)), vec!["[\"1.50\"]"]),
        (array(decimal(38, 2)), vec!["[\"1.50\"]"]),
        (array(LogicalType::Numeric), vec!["[\"1.5\"]"]),
        (array(LogicalType::TimestampTz), vec!["[\"1970-01-01 00:00:00+00\"]"]),
        (array(LogicalType::Boolean), vec!["[true,null]"]),
    ]
}

/// What the catalog can tell about a type: SQLite does not enforce a text's length, so it is not read back, and it has
/// no types for shapes, bits and what other systems have for themselves.
fn as_declared(logical: &LogicalType) -> LogicalType {
    match logical {
        LogicalType::Text { .. } | LogicalType::Bits { .. } | LogicalType::Opaque { .. } => LogicalType::TEXT,
        LogicalType::Geometry => LogicalType::Bytes,
        other => other.clone(),
    }
}

#[tokio::test]
async fn every_type_keeps_its_name_and_its_values() {
    for (logical, values) in all_types() {
        let fixture = Fixture::new("");
        let fields = vec![field("v", logical.clone())];
        let table = TargetTable {
            name: "t".to_owned(),
            fields: fields.clone(),
            primary_key: Vec::new(),
            foreign_keys: Vec::new(),
            create: true,
            ..TargetTable::default()
        };
        let mut wanted: Vec<Vec<Option<&str>>> = values.iter().map(|value| vec![Some(*value)]).collect();
        wanted.push(vec![None]);
        let wanted: Vec<&[Option<&str>]> = wanted.iter().map(Vec::as_slice).collect();
        let written = rows(&fields, &wanted);
        writing::load(&fixture.open(Access::Write), &table, std::slice::from_ref(&written)).await;

        let found = fixture.table("t").await;
        assert_eq!(found.columns[0].logical, Some(as_declared(&logical)), "{}", found.columns[0].native);
        let snapshot = fixture.open(Access::Read).snapshot(1).await.unwrap();
        let scan = Scan { fields: fields.clone(), ..scan(&found, Range::Whole) };
        let batches = collect(snapshot.scan(scan).await.unwrap()).await;
        assert!(batches[0].faults.is_empty(), "{logical}: {:?}", batches[0].faults);
        assert_eq!(batches[0].rows, written, "{logical}");
    }
}

#[tokio::test]
async fn found_columns_refuse_what_their_affinity_would_change() {
    let cases = [
        (LogicalType::TEXT, "STRING", "007"),
        (LogicalType::Json, "JSON", "1.50"),
        (LogicalType::Int64, "REAL", "9007199254740993"),
        (LogicalType::Decimal { precision: 20, scale: 2 }, "DECIMAL(20,2)", "123456789012345678.91"),
        (LogicalType::Float64, "REAL", "NaN"),
    ];
    for (logical, native, value) in cases {
        let fixture = Fixture::new(&format!("CREATE TABLE t(v {native})"));
        let fields = vec![Field { native: native.to_owned(), ..field("v", logical) }];
        let written = rows(&fields, &[&[Some(value)]]);
        let error = writing::try_load(&fixture, &fields, &written).await.unwrap_err();
        assert!(matches!(error, Error::RefusedRow { .. }), "{native}: {error}");
        assert!(!error.to_string().contains(value) || value == "NaN", "{error}");
        assert_eq!(fixture.query::<i64>("SELECT count(*) FROM t"), 0);
    }
}

#[tokio::test]
async fn text_columns_take_numbers_in_canonical_form() {
    let fixture = Fixture::new("CREATE TABLE t(f TEXT, n TEXT, b TEXT)");
    let columns = [("f", LogicalType::Float64), ("n", LogicalType::Int64), ("b", LogicalType::Boolean)];
    let fields: Vec<_> =
        columns.map(|(name, logical)| Field { native: "TEXT".to_owned(), ..field(name, logical) }).into();
    let written = rows(&fields, &[&[Some("0.30000000000000004"), Some("12"), Some("true")]]);
    writing::try_load(&fixture, &fields, &written).await.unwrap();
    assert_eq!(fixture.query::<String>("SELECT f || ' ' || n || ' ' || b FROM t"), "0.30000000000000004 12 true");
}
