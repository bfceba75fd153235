//! Random column types of PostgreSQL that many systems have and random values of them, extremes often, written as SQL.

use sensei_tests::Random;

use crate::own::{self, Own};
use crate::shape::{Kind, Way};

/// Microseconds that timestamps lie from 2000-01-01: a little less than an Arrow timestamp holds from 1970.
const MICROSECONDS_MAX: i64 = 9_220_000_000_000_000_000 - 946_684_800_000_000;

/// Long values come once in so many.
const LONG_ONCE_IN: usize = 400;

/// A column's type.
#[derive(Clone, Debug)]
pub enum Postgres {
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
    Array(Box<Postgres>),
    /// Of several dimensions, from anywhere.
    Grid(Box<Postgres>),
}

impl Kind for Postgres {
    const QUOTE: char = '"';
    const PREAMBLE: &'static str = own::TYPES;
    const OR_LEAVE: &'static str = " ON CONFLICT DO NOTHING";
    const BYTEWISE: &'static str = "COLLATE \"C\"";

    fn random(way: Way, random: &mut Random) -> Postgres {
        match random.below(10) {
            0 | 1 => Postgres::Array(Box::new(Postgres::scalar(way, random))),
            2 if way == Way::Direct => Postgres::Grid(Box::new(Postgres::scalar(way, random))),
            _ => Postgres::scalar(way, random),
        }
    }

    fn orders(&self) -> bool {
        match self {
            Postgres::Json | Postgres::Jsonb | Postgres::Text | Postgres::Bytes => false,
            Postgres::Own(own) => own.orders(),
            Postgres::Array(element) | Postgres::Grid(element) => element.orders(),
            _ => true,
        }
    }

    fn is_filled(&self) -> bool {
        matches!(self, Postgres::Own(own) if own.is_filled())
    }

    fn sql(&self) -> String {
        match self {
            Postgres::Boolean => "boolean".to_owned(),
            Postgres::SmallInt => "smallint".to_owned(),
            Postgres::Integer => "integer".to_owned(),
            Postgres::BigInt => "bigint".to_owned(),
            Postgres::Numeric => "numeric".to_owned(),
            Postgres::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
            Postgres::Real => "real".to_owned(),
            Postgres::Double => "double precision".to_owned(),
            Postgres::Text => "text".to_owned(),
            Postgres::VarChar(length) => format!("varchar({length})"),
            Postgres::Char(length) => format!("char({length})"),
            Postgres::Bytes => "bytea".to_owned(),
            Postgres::Date => "date".to_owned(),
            Postgres::Time => "time".to_owned(),
            Postgres::Timestamp => "timestamp".to_owned(),
            Postgres::TimestampTz => "timestamptz".to_owned(),
            Postgres::Interval => "interval".to_owned(),
            Postgres::Uuid => "uuid".to_owned(),
            Postgres::Json => "json".to_owned(),
            Postgres::Jsonb => "jsonb".to_owned(),
            Postgres::Enum => "mood".to_owned(),
            Postgres::Own(own) => own.sql(),
            Postgres::Array(element) | Postgres::Grid(element) => format!("{}[]", element.sql()),
        }
    }

    fn value_for(&self, way: Way, random: &mut Random) -> String {
        let value = self.value(random);
        match self {
            _ if way == Way::ToMysql => self.held_by_mysql(value),
            Postgres::Array(element) if !element.may_be_nan(way) => format!("array_replace({value}, 'NaN', 0)"),
            // A key that SQLite numbers by itself must have a number left.
            Postgres::BigInt if way == Way::ThroughSqlite => format!("least({value}, 9223372036854775806)"),
            _ if !self.may_be_nan(way) => format!("coalesce(nullif({value}, 'NaN'), 0)"),
            _ => value,
        }
    }

    fn told(&self, way: Way, column: &str) -> String {
        match (way, self) {
            (Way::Direct, _) => column.to_owned(),
            // MariaDB's decimals have one scale, and it has one zero.
            (Way::ToMysql, Postgres::Real | Postgres::Double) => format!("{column} + 0"),
            (Way::ToMysql, Postgres::Numeric) => format!("trim_scale({column})"),
            (Way::ToMysql, _) => column.to_owned(),
            (_, Postgres::Char(length)) => format!("rpad({column}::text, {length})"),
            // SQLite has one zero.
            (Way::ThroughSqlite, Postgres::Real | Postgres::Double) => format!("{column} + 0"),
            (_, Postgres::Own(Own::Money)) => format!("{column}::numeric"),
            (_, Postgres::Array(element)) if matches!(**element, Postgres::Own(Own::Money)) => {
                format!("{column}::numeric[]")
            }
            _ => column.to_owned(),
        }
    }

    fn row(cells: &[String]) -> String {
        format!("row({})::text", cells.join(", "))
    }
}

impl Postgres {
    fn scalar(way: Way, random: &mut Random) -> Postgres {
        if random.once_in(3) {
            return Postgres::Own(Own::random(random));
        }
        let precision_max = match way {
            Way::ToMysql => 65,
            _ if random.once_in(5) => 1000,
            _ => 40,
        };
        let precision = 1 + random.below(precision_max);
        let length = 1 + random.below(40);
        let scale = random.below(precision.min(if way == Way::ToMysql { 30 } else { 1000 }) + 1);
        let kinds = [
            Postgres::Boolean,
            Postgres::SmallInt,
            Postgres::Integer,
            Postgres::BigInt,
            Postgres::Numeric,
            Postgres::Decimal { precision, scale },
            Postgres::Real,
            Postgres::Double,
            Postgres::Text,
            Postgres::VarChar(length),
            Postgres::Char(length),
            Postgres::Bytes,
            Postgres::Date,
            Postgres::Time,
            Postgres::Timestamp,
            Postgres::TimestampTz,
            Postgres::Interval,
            Postgres::Uuid,
            Postgres::Json,
            Postgres::Jsonb,
            Postgres::Enum,
        ];
        random.pick(&kinds).clone()
    }

    /// False for numbers whose NaN is held nowhere on the way; true also for what has none.
    fn may_be_nan(&self, way: Way) -> bool {
        match self {
            Postgres::Real | Postgres::Double => way != Way::ThroughSqlite,
            Postgres::Decimal { .. } => way == Way::Direct,
            _ => true,
        }
    }

    /// The nearest value that MariaDB has.
    fn held_by_mysql(&self, value: String) -> String {
        let between = |least: &str, most: &str| format!("greatest(least({value}, {most}), {least})");
        match self {
            Postgres::Real => between("'-3.4e38'::real", "'3.4e38'::real"),
            Postgres::Double => between("'-1.7e308'::float8", "'1.7e308'::float8"),
            Postgres::Numeric => format!("round({}, 30)", between("-1e34", "1e34")),
            Postgres::Decimal { .. } => format!("coalesce(nullif({value}, 'NaN'), 0)"),
            Postgres::Date => between("date '0001-01-01'", "date '9999-12-31'"),
            Postgres::Timestamp => between("timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'"),
            Postgres::TimestampTz => {
                between("timestamptz '0001-01-01 00:00+00'", "timestamptz '9999-12-31 23:59:59.999999+00'")
            }
            _ => value,
        }
    }

    /// An SQL expression of this type.
    pub fn value(&self, random: &mut Random) -> String {
        let text = match self {
            Postgres::Boolean => random.pick(&["t", "f"]).to_string(),
            Postgres::SmallInt => integer(random, 16),
            Postgres::Integer => integer(random, 32),
            Postgres::BigInt => integer(random, 64),
            Postgres::Numeric => numeric(random),
            Postgres::Decimal { precision, scale } => decimal(random, *precision, *scale),
            Postgres::Real => real(random),
            Postgres::Double => double(random),
            Postgres::Text => text(random, 30),
            Postgres::VarChar(length) | Postgres::Char(length) => text(random, *length).chars().take(*length).collect(),
            Postgres::Bytes => bytes(random),
            Postgres::Date => date(random),
            Postgres::Time => return format!("(time '00:00' + interval '{} us')", random.below(86_400_000_000)),
            Postgres::Timestamp => return timestamp(random, "timestamp"),
            Postgres::TimestampTz => return timestamp(random, "timestamptz"),
            Postgres::Interval => interval(random),
            Postgres::Uuid => uuid(random),
            Postgres::Json | Postgres::Jsonb => json(random, 3),
            Postgres::Enum => random.pick(&["sad", "so so", "très 'content'", ""]).to_string(),
            Postgres::Own(own) => return own.value(random),
            Postgres::Array(element) => return array(random, element),
            Postgres::Grid(element) => return grid(random, element),
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

/// With a version and a variant, as MariaDB wants them.
pub fn uuid(random: &mut Random) -> String {
    let (one, other) = (random.bits(), random.bits());
    let (first, second, fourth) = (one >> 32, one >> 16 & 0xffff, 0x8000 | other >> 50);
    format!("{first:08x}-{second:04x}-4{:03x}-{fourth:04x}-{:012x}", one & 0xfff, other & 0xffff_ffff_ffff)
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

fn item(random: &mut Random, element: &Postgres) -> String {
    if !element.is_filled() && random.once_in(5) { "NULL".to_owned() } else { element.value(random) }
}

fn array(random: &mut Random, element: &Postgres) -> String {
    let count = random.below(5);
    let items: Vec<String> = (0..count).map(|_| item(random, element)).collect();
    format!("ARRAY[{}]::{}[]", items.join(", "), element.sql())
}

/// Two or three dimensions, sometimes with bounds that do not begin at 1.
fn grid(random: &mut Random, element: &Postgres) -> String {
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
