//! Every type: what is read, what is refused, and that render and parse are inverse.

use arrow_array::ArrayRef;
use proptest::prelude::*;

use super::*;

/// Parses `text` and renders it again, or gives the reason against it.
fn canonical(logical: &LogicalType, text: &str) -> Result<String, Reason> {
    let mut builder = ColumnBuilder::new(logical);
    let parsed = parse(logical, text, &mut builder);
    assert_eq!(builder.len(), usize::from(parsed.is_ok()), "pushed if and only if parsed: {text}");
    let array = builder.finish();
    assert_eq!(array.data_type(), &logical.carrier());
    parsed?;
    Ok(rendered(logical, &array, 0))
}

fn rendered(logical: &LogicalType, array: &ArrayRef, row: usize) -> String {
    let mut out = String::new();
    render(logical, array.as_ref(), row, &mut out);
    out
}

fn reads(logical: LogicalType, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(canonical(&logical, text).as_deref(), Ok(*expected), "{logical} {text:?}");
        assert_eq!(canonical(&logical, expected).as_deref(), Ok(*expected), "canonical {logical} {expected:?}");
    }
}

fn refuses(logical: LogicalType, cases: &[&str]) {
    for text in cases {
        let reason = canonical(&logical, text).expect_err(&format!("{logical} {text:?}"));
        assert!(text.len() < 3 || !reason.contains(text), "the reason holds the value: {reason}");
    }
}

fn array_of(element: LogicalType) -> LogicalType {
    LogicalType::Array(Box::new(element))
}

#[test]
fn booleans() {
    reads(
        LogicalType::Boolean,
        &[("T", "true"), ("yes", "true"), (" 1 ", "true"), ("FALSE", "false"), ("no", "false")],
    );
    refuses(LogicalType::Boolean, &["", "2", "on", "y", "tru"]);
}

#[test]
fn integers() {
    reads(LogicalType::Int16, &[("+32767", "32767"), ("-32768", "-32768"), ("007", "7")]);
    reads(LogicalType::Int64, &[("-9223372036854775808", "-9223372036854775808")]);
    refuses(LogicalType::Int16, &["32768", "", "1.0", "1e3", "0x1", "1 2"]);
    refuses(LogicalType::Int32, &["2147483648"]);
    refuses(LogicalType::Int64, &["9223372036854775808"]);
}

#[test]
fn floats() {
    let cases = [
        ("0.1", "0.1"),
        ("-0", "-0"),
        ("1e300", "1e300"),
        ("nan", "NaN"),
        ("-inf", "-Infinity"),
        ("1e-7", "1e-7"),
        ("9007199254740993.0", "9007199254740992"),
    ];
    reads(LogicalType::Float64, &cases);
    reads(LogicalType::Float32, &[("0.1", "0.1"), ("16777217", "16777216"), ("3.4028235e38", "3.4028235e38")]);
    refuses(LogicalType::Float64, &["", "1e999", "-1e999", "1e-999", "1,5", "1_0", "0x1p3"]);
    refuses(LogicalType::Float32, &["1e39", "1e-60"]);
}

#[test]
fn decimals() {
    let decimal = LogicalType::Decimal { precision: 6, scale: 2 };
    reads(
        decimal.clone(),
        &[("12.5", "12.50"), ("-.5", "-0.50"), ("1e3", "1000.00"), ("1.500", "1.50"), ("nan", "NaN")],
    );
    refuses(decimal.clone(), &["12.505", "10000", "Infinity", "", "12,5"]);
    assert_eq!(canonical(&decimal, "1.005"), Err("more digits after the point than the scale allows"));
    reads(LogicalType::Numeric, &[("1.50", "1.50"), ("1E+2", "100"), ("-inf", "-Infinity"), ("000", "0")]);
    refuses(LogicalType::Numeric, &["1e131072", "1e-16384", "one"]);
}

#[test]
fn text_counts_characters() {
    reads(LogicalType::Text { max_chars: Some(3) }, &[("", ""), ("äöü", "äöü"), (" a ", " a ")]);
    refuses(LogicalType::Text { max_chars: Some(3) }, &["abcd", "äöüß"]);
    reads(LogicalType::TEXT, &[("a\0b\n\"", "a\0b\n\"")]);
}

#[test]
fn bytes_and_uuids() {
    reads(LogicalType::Bytes, &[("\\x", "\\x"), ("\\x00FF", "\\x00ff")]);
    refuses(LogicalType::Bytes, &["", "00ff", "\\x0", "\\xzz"]);
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    let cases =
        [("00112233-4455-6677-8899-AABBCCDDEEFF", uuid), ("{00112233445566778899aabbccddeeff}", uuid), (uuid, uuid)];
    reads(LogicalType::Uuid, &cases);
    refuses(LogicalType::Uuid, &["", "0011223344556677-8899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefg"]);
}

#[test]
fn dates() {
    let cases = [
        ("1970-01-01", "1970-01-01"),
        ("2024-02-29 00:00:00", "2024-02-29"),
        ("0044-03-15 bc", "0044-03-15 BC"),
        ("12345-01-01", "12345-01-01"),
        ("0001-12-31 BC", "0001-12-31 BC"),
        ("5881580-07-10", "5881580-07-10"),
        ("Infinity", "infinity"),
        ("-infinity", "-infinity"),
    ];
    reads(LogicalType::Date, &cases);
    let bad = [
        "",
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "0000-01-01",
        "24-01-01",
        "2024-1-1",
        "2024-01-01 12:00:00",
        "2024-01-01x",
        "20240101",
        "-2024-01-01",
        "5881580-07-11",
        "9999999-01-01",
        "01/02/2024",
        "2024-01-01 00:00:00Z",
        "2024‐01‐01",
    ];
    refuses(LogicalType::Date, &bad);
}

#[test]
fn times() {
    let cases = [
        ("00:00", "00:00:00"),
        ("24:00:00", "24:00:00"),
        ("23:59:59.9999990000", "23:59:59.999999"),
        ("01:02:03.5", "01:02:03.5"),
    ];
    reads(LogicalType::Time, &cases);
    let bad = [
        "",
        "24:00:00.000001",
        "23:60:00",
        "23:59:60",
        "1:00",
        "12:00:00.",
        "12:00:00.1234567",
        "12:00:00Z",
        "12:00:00 BC",
    ];
    refuses(LogicalType::Time, &bad);
    assert_eq!(canonical(&LogicalType::Time, "12:00:00.1234567"), Err(temporal::TOO_FINE));
}

#[test]
fn timestamps() {
    let cases = [
        ("2024-02-29T12:00", "2024-02-29 12:00:00"),
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"),
        ("2024-12-31 24:00:00", "2025-01-01 00:00:00"),
        ("0044-03-15 06:00:00 BC", "0044-03-15 06:00:00 BC"),
        ("294247-01-10 04:00:54.775806", "294247-01-10 04:00:54.775806"),
        ("infinity", "infinity"),
    ];
    reads(LogicalType::Timestamp, &cases);
    let bad = [
        "",
        "2024-02-29 12",
        "294247-01-10 04:00:54.775807",
        "294248-01-01",
        "2024-02-29 12:00:00+00",
        "2024-02-29 12:00:00 x",
    ];
    refuses(LogicalType::Timestamp, &bad);
}

#[test]
fn instants() {
    let cases = [
        ("2024-02-29T12:00:00Z", "2024-02-29 12:00:00+00"),
        ("2024-02-29 12:00:00+02", "2024-02-29 10:00:00+00"),
        ("2024-02-29 00:30:00 -0530", "2024-02-29 06:00:00+00"),
        ("2024-03-01 00:30:00.25+01:00", "2024-02-29 23:30:00.25+00"),
        ("1890-01-01 00:00:00+00:53:28", "1889-12-31 23:06:32+00"),
        ("2024-02-29 12:00:00 UTC", "2024-02-29 12:00:00+00"),
        ("0044-03-15 06:00:00+00 BC", "0044-03-15 06:00:00+00 BC"),
        ("-infinity", "-infinity"),
    ];
    reads(LogicalType::TimestampTz, &cases);
    refuses(
        LogicalType::TimestampTz,
        &["2024-02-29", "2024-02-29 12:00:00+16", "2024-02-29 12:00:00+01:60", "2024-02-29 12:00:00 CET"],
    );
    assert_eq!(canonical(&LogicalType::TimestampTz, "2024-02-29 12:00:00"), Err("needs a zone"));
}

#[test]
fn intervals() {
    let cases = [
        ("P1Y2M3DT4H5M6.5S", "P1Y2M3DT4H5M6.5S"),
        ("PT0S", "PT0S"),
        ("P0D", "PT0S"),
        ("P14M", "P1Y2M"),
        ("P-1M", "P-1M"),
        ("P2W", "P14D"),
        ("P1DT-0.000001S", "P1DT-0.000001S"),
        ("PT90M", "PT1H30M"),
        ("P-1Y1D", "P-1Y1D"),
    ];
    reads(LogicalType::Interval, &cases);
    let bad = [
        "",
        "P",
        "PT",
        "1 day",
        "P1D1Y",
        "P1.5D",
        "P1H",
        "P1YT",
        "PT1.0000001S",
        "P3000000000D",
        "P1D2D",
        "PTS",
        "P999999999999999999999D",
    ];
    refuses(LogicalType::Interval, &bad);
}

#[test]
fn json_is_checked_and_kept() {
    reads(
        LogicalType::Json,
        &[(" {\"b\": 1, \"a\":[null, 1.50]} ", " {\"b\": 1, \"a\":[null, 1.50]} "), ("\"x\"", "\"x\"")],
    );
    refuses(LogicalType::Json, &["", "{", "{a:1}", "[1,]", "nul", "1 2"]);
    refuses(LogicalType::Jsonb, &["NaN"]);
}

#[test]
fn arrays() {
    reads(array_of(LogicalType::Int32), &[("[ 1, null, -3 ]", "[1,null,-3]"), ("[]", "[]"), ("[\"7\"]", "[7]")]);
    reads(array_of(LogicalType::TEXT), &[("[\"a\\\"\\u0000b\", \"null\", null]", "[\"a\\\"\\u0000b\",\"null\",null]")]);
    reads(array_of(LogicalType::Float64), &[("[1.5, \"NaN\"]", "[\"1.5\",\"NaN\"]")]);
    reads(array_of(LogicalType::Boolean), &[("[true,false,null]", "[true,false,null]")]);
    reads(array_of(LogicalType::Date), &[("[\"2024-02-29\"]", "[\"2024-02-29\"]")]);
    refuses(array_of(LogicalType::Int32), &["", "{}", "[1", "[1.5]", "[2147483648]", "[[1]]", "[1,\"x\"]"]);
    refuses(array_of(LogicalType::TEXT), &["[1]", "[true]"]);
    refuses(array_of(array_of(LogicalType::Int32)), &["[[1]]"]);
}

#[test]
fn keys_name_columns_and_nulls() {
    let number: ArrayRef = std::sync::Arc::new(arrow_array::Int32Array::from(vec![Some(1), None]));
    let name: ArrayRef = std::sync::Arc::new(arrow_array::StringArray::from(vec!["x", "y"]));
    let columns: [(&str, &LogicalType, &dyn Array); 2] =
        [("a", &LogicalType::Int32, number.as_ref()), ("b", &LogicalType::TEXT, name.as_ref())];
    assert_eq!(render_key(&columns, 0), "a=1, b=x");
    assert_eq!(render_key(&columns, 1), "a=NULL, b=y");
}

/// Renders a value built without `parse` and checks that parsing yields the very same array.
fn round_trips(logical: &LogicalType, value: Value) {
    let mut builder = ColumnBuilder::new(logical);
    value.push(&mut builder);
    let original = builder.finish();
    let text = rendered(logical, &original, 0);
    parse(logical, &text, &mut builder).unwrap_or_else(|reason| panic!("{logical} {text:?}: {reason}"));
    assert_eq!(&builder.finish(), &original, "{logical} {text:?}");
}

proptest! {
    #[test]
    fn numbers_round_trip(small in any::<i16>(), medium in any::<i32>(), large in any::<i64>(), flag in any::<bool>()) {
        round_trips(&LogicalType::Int16, Value::Int16(small));
        round_trips(&LogicalType::Int32, Value::Int32(medium));
        round_trips(&LogicalType::Int64, Value::Int64(large));
        round_trips(&LogicalType::Boolean, Value::Boolean(flag));
    }

    #[test]
    fn floats_round_trip_to_the_bit(single in proptest::num::f32::ANY, double in proptest::num::f64::ANY) {
        for (logical, bits, array) in [
            (LogicalType::Float32, u64::from(single.to_bits()), Value::Float32(single)),
            (LogicalType::Float64, double.to_bits(), Value::Float64(double)),
        ] {
            let mut builder = ColumnBuilder::new(&logical);
            array.push(&mut builder);
            let text = rendered(&logical, &builder.finish(), 0);
            prop_assert!(parse(&logical, &text, &mut builder).is_ok(), "{}", text);
            let back = builder.finish();
            if text == "NaN" {
                continue;
            }
            let back = match logical {
                LogicalType::Float32 => u64::from(back.as_primitive::<Float32Type>().value(0).to_bits()),
                _ => back.as_primitive::<Float64Type>().value(0).to_bits(),
            };
            prop_assert_eq!(back, bits);
        }
    }

    #[test]
    fn times_round_trip(days in any::<i32>(), us in 0..=86_400_000_000i64, stamp in any::<i64>()) {
        round_trips(&LogicalType::Date, Value::Date(days));
        round_trips(&LogicalType::Time, Value::Time(us));
        round_trips(&LogicalType::Timestamp, Value::Timestamp(stamp));
        round_trips(&LogicalType::TimestampTz, Value::Timestamp(stamp));
    }

    #[test]
    fn intervals_round_trip(months in any::<i32>(), days in any::<i32>(), us in any::<i64>()) {
        let value = IntervalMonthDayNano { months, days, nanoseconds: us / 1000 * 1000 };
        round_trips(&LogicalType::Interval, Value::Interval(value));
    }

    #[test]
    fn texts_and_bytes_round_trip(text in any::<String>(), bytes in any::<Vec<u8>>(), uuid in any::<[u8; 16]>()) {
        round_trips(&LogicalType::TEXT, Value::Text(text.clone()));
        round_trips(&LogicalType::Bytes, Value::Bytes(bytes));
        round_trips(&LogicalType::Uuid, Value::Uuid(uuid));
        let list = vec![Some(Value::Text(text.clone())), None, Some(Value::Text(text))];
        round_trips(&array_of(LogicalType::TEXT), Value::List(list));
    }

    #[test]
    fn decimals_round_trip(text in "(0|-?[1-9][0-9]{0,9})\\.[0-9]{3}") {
        round_trips(&LogicalType::Decimal { precision: 13, scale: 3 }, Value::Text(text.clone()));
        round_trips(&LogicalType::Numeric, Value::Text(text));
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,24}") {
        let types = [
            LogicalType::Boolean, LogicalType::Float64, LogicalType::Numeric, LogicalType::Date, LogicalType::Time,
            LogicalType::TimestampTz, LogicalType::Interval, LogicalType::Uuid, LogicalType::Json, array_of(LogicalType::Int16),
        ];
        for logical in types {
            let _ = canonical(&logical, &text);
        }
    }

    #[test]
    fn near_dates_never_panic(text in "[-+0-9:.TZ BC]{0,30}|P[-0-9YMWDTHS.]{0,20}") {
        for logical in [LogicalType::Date, LogicalType::Time, LogicalType::TimestampTz, LogicalType::Interval, LogicalType::Numeric] {
            let _ = canonical(&logical, &text);
        }
    }
}
