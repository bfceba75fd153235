//! Random column types that many systems have and random values of them, extremes often, written as PostgreSQL's SQL.

use sensei_tests::Random;

use crate::own::Own;
use crate::shape::Way;

/// Microseconds that timestamps lie from 2000-01-01: a little less than an Arrow timestamp holds from 1970.
const MICROSECONDS_MAX: i64 = 9_220_000_000_000_000_000 - 946_684_800_000_000;

/// Long values come once in so many.
const LONG_ONCE_IN: usize = 400;

/// A column's type.
#[derive(Clone, Debug)]
pub enum Kind {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Numeric,
    Decimal {
        precision: usize,
        scale: usize,
    },
    Real,
    Double,
    Text,
    VarChar(usize),
    Char(usize),
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Enum,
    Own(Own),
    /// Of one dimension from 1.
    Array(Box<Kind>),
    /// Of several dimensions, from anywhere.
    Grid(Box<Kind>),
}

impl Kind {
    pub fn random(way: Way, random: &mut Random) -> Kind {
        match random.below(10) {
            0 | 1 => Kind::Array(Box::new(Kind::scalar(random))),
            2 if way == Way::Direct => Kind::Grid(Box::new(Kind::scalar(random))),
            _ => Kind::scalar(random),
        }
    }

    fn scalar(random: &mut Random) -> Kind {
        if random.once_in(3) {
            return Kind::Own(Own::random(random));
        }
        let precision_max = if random.once_in(5) { 1000 } else { 40 };
        let precision = 1 + random.below(precision_max);
        let length = 1 + random.below(40);
        let scale = random.below(precision + 1);
        let kinds = [
            Kind::Boolean,
            Kind::SmallInt,
            Kind::Integer,
            Kind::BigInt,
            Kind::Numeric,
            Kind::Decimal { precision, scale },
            Kind::Real,
            Kind::Double,
            Kind::Text,
            Kind::VarChar(length),
            Kind::Char(length),
            Kind::Bytes,
            Kind::Date,
            Kind::Time,
            Kind::Timestamp,
            Kind::TimestampTz,
            Kind::Interval,
            Kind::Uuid,
            Kind::Json,
            Kind::Jsonb,
            Kind::Enum,
        ];
        random.pick(&kinds).clone()
    }

    /// Whether it can be part of a key, whose values an index must hold.
    pub fn orders(&self) -> bool {
        match self {
            Kind::Json | Kind::Jsonb | Kind::Text | Kind::Bytes => false,
            Kind::Own(own) => own.orders(),
            Kind::Array(element) | Kind::Grid(element) => element.orders(),
            _ => true,
        }
    }

    /// Whether NULL is no value of it.
    pub fn is_filled(&self) -> bool {
        matches!(self, Kind::Own(own) if own.is_filled())
    }

    pub fn sql(&self) -> String {
        match self {
            Kind::Boolean => "boolean".to_owned(),
            Kind::SmallInt => "smallint".to_owned(),
            Kind::Integer => "integer".to_owned(),
            Kind::BigInt => "bigint".to_owned(),
            Kind::Numeric => "numeric".to_owned(),
            Kind::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
            Kind::Real => "real".to_owned(),
            Kind::Double => "double precision".to_owned(),
            Kind::Text => "text".to_owned(),
            Kind::VarChar(length) => format!("varchar({length})"),
            Kind::Char(length) => format!("char({length})"),
            Kind::Bytes => "bytea".to_owned(),
            Kind::Date => "date".to_owned(),
            Kind::Time => "time".to_owned(),
            Kind::Timestamp => "timestamp".to_owned(),
            Kind::TimestampTz => "timestamptz".to_owned(),
            Kind::Interval => "interval".to_owned(),
            Kind::Uuid => "uuid".to_owned(),
            Kind::Json => "json".to_owned(),
            Kind::Jsonb => "jsonb".to_owned(),
            Kind::Enum => "mood".to_owned(),
            Kind::Own(own) => own.sql(),
            Kind::Array(element) | Kind::Grid(element) => format!("{}[]", element.sql()),
        }
    }

    /// An SQL expression of this type that a table on its way may hold.
    pub fn value_for(&self, way: Way, random: &mut Random) -> String {
        let value = self.value(random);
        match self {
            Kind::Array(element) if !element.may_be_nan(way) => format!("array_replace({value}, 'NaN', 0)"),
            // A key that SQLite numbers by itself must have a number left.
            Kind::BigInt if way == Way::ThroughSqlite => format!("least({value}, 9223372036854775806)"),
            _ if !self.may_be_nan(way) => format!("coalesce(nullif({value}, 'NaN'), 0)"),
            _ => value,
        }
    }

    /// False for numbers whose NaN is held nowhere on the way; true also for what has none.
    fn may_be_nan(&self, way: Way) -> bool {
        match self {
            Kind::Real | Kind::Double => way != Way::ThroughSqlite,
            Kind::Decimal { .. } => way == Way::Direct,
            _ => true,
        }
    }

    /// An SQL expression that tells everything of a value of `column`, whatever type it has there now.
    pub fn told(&self, way: Way, column: &str) -> String {
        match (way, self) {
            (Way::Direct, _) => column.to_owned(),
            (_, Kind::Char(length)) => format!("rpad({column}::text, {length})"),
            // SQLite has one zero.
            (Way::ThroughSqlite, Kind::Real | Kind::Double) => format!("{column} + 0"),
            (_, Kind::Own(Own::Money)) => format!("{column}::numeric"),
            (_, Kind::Array(element)) if matches!(**element, Kind::Own(Own::Money)) => format!("{column}::numeric[]"),
            _ => column.to_owned(),
        }
    }

    /// An SQL expression of this type.
    pub fn value(&self, random: &mut Random) -> String {
        let text = match self {
            Kind::Boolean => random.pick(&["t", "f"]).to_string(),
            Kind::SmallInt => integer(random, 16),
            Kind::Integer => integer(random, 32),
            Kind::BigInt => integer(random, 64),
            Kind::Numeric => numeric(random),
            Kind::Decimal { precision, scale } => decimal(random, *precision, *scale),
            Kind::Real => real(random),
            Kind::Double => double(random),
            Kind::Text => text(random, 30),
            Kind::VarChar(length) | Kind::Char(length) => text(random, *length).chars().take(*length).collect(),
            Kind::Bytes => bytes(random),
            Kind::Date => date(random),
            Kind::Time => return format!("(time '00:00' + interval '{} us')", random.below(86_400_000_000)),
            Kind::Timestamp => return timestamp(random, "timestamp"),
            Kind::TimestampTz => return timestamp(random, "timestamptz"),
            Kind::Interval => interval(random),
            Kind::Uuid => format!("{:016x}{:016x}", random.bits(), random.bits()),
            Kind::Json | Kind::Jsonb => json(random, 3),
            Kind::Enum => random.pick(&["sad", "so so", "très 'content'", ""]).to_string(),
            Kind::Own(own) => return own.value(random),
            Kind::Array(element) => return array(random, element),
            Kind::Grid(element) => return grid(random, element),
        };
        format!("'{}'::{}", text.replace('\'', "''"), self.sql())
    }
}

pub fn integer(random: &mut Random, width: u32) -> String {
    let shift = 64 - width + random.below(width as usize) as u32;
    let (min, max) = (i64::MIN >> (64 - width), i64::MAX >> (64 - width));
    match random.below(8) {
        0 => min.to_string(),
        1 => max.to_string(),
        2 => "0".to_owned(),
        _ => ((random.bits() as i64) >> shift).to_string(),
    }
}

pub fn digits(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| char::from(b'0' + random.below(10) as u8)).collect()
}

fn numeric(random: &mut Random) -> String {
    let (whole, fraction) = (random.below(30), random.below(30));
    match random.below(12) {
        0 => "NaN".to_owned(),
        1 => "Infinity".to_owned(),
        2 => "-Infinity".to_owned(),
        3 => format!("0.{}", "0".repeat(random.below(20))),
        4 => format!("{}e{}", digits(random, 5), random.below(2000)),
        5 => format!("-{}e-{}", digits(random, 5), random.below(2000)),
        6 => format!("{}0000.{}0000", 1 + random.below(9), digits(random, fraction)),
        _ => format!("{}0{}.{}", random.pick(&["", "-"]), digits(random, whole), digits(random, fraction)),
    }
}

fn decimal(random: &mut Random, precision: usize, scale: usize) -> String {
    let whole = precision - scale;
    match random.below(8) {
        0 => "NaN".to_owned(),
        1 => format!("-0{}.{}", "9".repeat(whole), "9".repeat(scale)),
        2 => "0".to_owned(),
        _ => {
            let (whole, fraction) = (random.below(whole + 1), random.below(scale + 1));
            format!("{}0{}.{}", random.pick(&["", "-"]), digits(random, whole), digits(random, fraction))
        }
    }
}

fn real(random: &mut Random) -> String {
    let value = f32::from_bits(random.bits() as u32);
    match random.below(8) {
        0 => random.pick(&["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38"]).to_string(),
        _ if value.is_finite() => format!("{value:e}"),
        _ => "0.1".to_owned(),
    }
}

fn double(random: &mut Random) -> String {
    let value = f64::from_bits(random.bits());
    match random.below(8) {
        0 => random.pick(&["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308"]).to_string(),
        _ if value.is_finite() => format!("{value:e}"),
        _ => "0.1".to_owned(),
    }
}

/// Letters of many alphabets, blanks and controls; no NUL, which PostgreSQL refuses.
pub fn text(random: &mut Random, length_max: usize) -> String {
    const LETTERS: &[char] = &[
        'a',
        'Z',
        '0',
        ' ',
        '\t',
        '\n',
        '\r',
        '\'',
        '"',
        '\\',
        ',',
        '{',
        '}',
        '(',
        ')',
        '|',
        '\u{1}',
        '\u{7f}',
        '\u{a0}',
        'é',
        'ß',
        'İ',
        '\u{301}',
        'Ж',
        '中',
        'ع',
        '\u{200b}',
        '\u{feff}',
        '\u{fffd}',
        '\u{ffff}',
        '😀',
        '\u{10ffff}',
    ];
    let length = if random.once_in(LONG_ONCE_IN) { 100_000 } else { random.below(length_max + 1) };
    (0..length).map(|_| *random.pick(LETTERS)).collect()
}

fn bytes(random: &mut Random) -> String {
    let length = if random.once_in(LONG_ONCE_IN) { 100_000 } else { random.below(40) };
    let bytes = (0..length).map(|_| format!("{:02x}", random.pick(&[0, 1, 0x5c, 0x7f, 0x80, 0xff, 0xc3, 0x0a])));
    format!("\\x{}", bytes.collect::<String>())
}

fn date(random: &mut Random) -> String {
    let days = random.below(4_000_000);
    match random.below(8) {
        0 => random.pick(&["infinity", "-infinity", "4714-11-24 BC", "5874897-12-31", "0001-01-01"]).to_string(),
        1 => format!("0{:03}-02-28 BC", 1 + random.below(999)),
        _ => format!("J{days}"),
    }
}

fn timestamp(random: &mut Random, kind: &str) -> String {
    if random.once_in(6) {
        let named = ["infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "294246-12-31 23:59:59.999999+00", "epoch"];
        return format!("{kind} '{}'", random.pick(&named));
    }
    let offset = (random.bits() as i64) >> random.below(63);
    let offset = offset.clamp(-200_000_000_000_000_000, MICROSECONDS_MAX);
    format!("({kind} '2000-01-01 00:00:00+00' + interval '{offset} us')")
}

fn interval(random: &mut Random) -> String {
    let mut part = |width: u32| integer(random, width);
    // An Arrow interval counts nanoseconds in 64 bits.
    let (months, days, microseconds) = (part(32), part(32), part(54));
    match months.len() % 3 {
        0 => format!("{days} days"),
        1 => format!("{months} months {microseconds} us"),
        _ => format!("{months} months {days} days {microseconds} us"),
    }
}

/// JSON as people and programs write it: any white space, any order, numbers of any size, keys more than once.
fn json(random: &mut Random, depth: usize) -> String {
    let inner = if depth == 0 { 6 } else { 8 };
    let space = *random.pick(&["", " ", "\n\t"]);
    let value = match random.below(inner) {
        0 => "null".to_owned(),
        1 => random.pick(&["true", "false"]).to_string(),
        2 => format!("{}{}", 1 + random.below(9), digits(random, 30)),
        3 => format!("-0.{}e{}", digits(random, 20), random.below(300)),
        4 => random.pick(&["0", "-0", "1.0", "1e2", "1E-7", "0.10"]).to_string(),
        5 => random.pick(&["\"\"", "\"é\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\\"\\\\/\\b\\n\"", "\"'\""]).to_string(),
        6 => {
            let items: Vec<String> = (0..random.below(4)).map(|_| json(random, depth - 1)).collect();
            format!("[{space}{}]", items.join(","))
        }
        _ => {
            let mut item = |_| format!("\"{}\":{}", random.pick(&["a", "b", "", "é"]), json(random, depth - 1));
            format!("{{{space}{}}}", (0..2).map(&mut item).collect::<Vec<_>>().join(" , "))
        }
    };
    format!("{space}{value}{space}")
}

fn item(random: &mut Random, element: &Kind) -> String {
    if !element.is_filled() && random.once_in(5) { "NULL".to_owned() } else { element.value(random) }
}

fn array(random: &mut Random, element: &Kind) -> String {
    let count = random.below(5);
    let items: Vec<String> = (0..count).map(|_| item(random, element)).collect();
    format!("ARRAY[{}]::{}[]", items.join(", "), element.sql())
}

/// Two or three dimensions, sometimes with bounds that do not begin at 1.
fn grid(random: &mut Random, element: &Kind) -> String {
    let (width, height) = (1 + random.below(3), 1 + random.below(3));
    let line = |random: &mut Random| {
        let items: Vec<String> = (0..width).map(|_| item(random, element)).collect();
        format!("[{}]", items.join(", "))
    };
    let lines: Vec<String> = (0..height).map(|_| line(random)).collect();
    let lines = lines.join(", ");
    let sql = element.sql();
    match random.below(3) {
        0 => format!("ARRAY[{lines}]::{sql}[]"),
        1 => format!("ARRAY[[{lines}], [{lines}]]::{sql}[]"),
        _ => format!("array_fill({}, ARRAY[{width}, {height}], ARRAY[0, -{width}])", element.value(random)),
    }
}
