//! Random column types of MySQL and MariaDB and random values of them, extremes often, written as SQL.

use sensei_tests::Random;

use crate::back::Returns;
use crate::shape::{Kind, Way};
use crate::value::{digits, integer, text, uuid};

/// Character sets, with characters that each of them has.
const CHARSETS: &[(&str, &str)] = &[
    // Windows-1252, in spite of its name.
    ("latin1", "aZ0 \t\n'\"\\éßÿ€œ™"),
    ("cp1251", "aZ0 '\\Жяё№"),
    ("latin2", "aZ0 'ąŁő"),
    ("utf8mb3", "aZ0 'é中ع\u{feff}"),
    ("utf8mb4", "aZ0 '🦀é中\u{10ffff}"),
    ("utf16", "aZ0 '🦀é中"),
    ("ascii", "aZ0 \n'\\~"),
];

/// Days that no calendar has, as the server keeps them.
const NO_DAYS: &[&str] = &["'0000-00-00'", "'2024-00-15'", "'2024-02-30'", "'2024-02-00'", "'0000-01-01'"];

/// A type of MariaDB.
#[derive(Clone, Debug)]
pub enum Mariadb {
    /// Name, bits, whether it is unsigned.
    Integer(&'static str, u32, bool),
    Decimal {
        precision: usize,
        scale: usize,
    },
    Float,
    Double,
    Bit(usize),
    /// Length, place in [`CHARSETS`].
    Char(usize, usize),
    VarChar(usize, usize),
    LongText(usize),
    Binary(usize),
    VarBinary(usize),
    LongBlob,
    Date,
    /// Digits of a second's fraction.
    DateTime(usize),
    Timestamp(usize),
    Time(usize),
    Year,
    Enum,
    Set,
    Json,
    Geometry,
    Uuid,
    Inet6,
}

impl Kind for Mariadb {
    const QUOTE: char = '`';
    const PREAMBLE: &'static str = "SET time_zone = '+00:00', \
        sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';\n";
    const OR_LEAVE: &'static str = " ON DUPLICATE KEY UPDATE `Column 0` = `Column 0`";
    const BYTEWISE: &'static str = "COLLATE utf8mb4_bin";

    fn random(_: Way, random: &mut Random) -> Mariadb {
        let integers = [("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)];
        let (name, bits) = *random.pick(&integers);
        let (precision, length) = (1 + random.below(65), 1 + random.below(40));
        let (charset, fraction) = (random.below(CHARSETS.len()), random.below(7));
        let kinds = [
            Mariadb::Integer(name, bits, false),
            Mariadb::Integer(name, bits, true),
            Mariadb::Integer("bigint", 64, true),
            Mariadb::Decimal { precision, scale: random.below(precision.min(30) + 1) },
            Mariadb::Float,
            Mariadb::Double,
            Mariadb::Bit(1 + random.below(64)),
            Mariadb::Char(length, charset),
            Mariadb::VarChar(length, charset),
            Mariadb::LongText(charset),
            Mariadb::Binary(length),
            Mariadb::VarBinary(length),
            Mariadb::LongBlob,
            Mariadb::Date,
            Mariadb::DateTime(fraction),
            Mariadb::Timestamp(fraction),
            Mariadb::Time(fraction),
            Mariadb::Year,
            Mariadb::Enum,
            Mariadb::Set,
            Mariadb::Json,
            Mariadb::Geometry,
            Mariadb::Uuid,
            Mariadb::Inet6,
        ];
        random.pick(&kinds).clone()
    }

    fn orders(&self) -> bool {
        use Mariadb::{Geometry, Json, LongBlob, LongText};
        !matches!(self, LongText(_) | LongBlob | Json | Geometry)
    }

    fn sql(&self) -> String {
        let of = |charset: usize| format!("CHARACTER SET {}", CHARSETS[charset].0);
        match self {
            Mariadb::Integer(name, _, unsigned) => format!("{name}{}", if *unsigned { " unsigned" } else { "" }),
            Mariadb::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Mariadb::Float => "float".to_owned(),
            Mariadb::Double => "double".to_owned(),
            Mariadb::Bit(bits) => format!("bit({bits})"),
            Mariadb::Char(length, charset) => format!("char({length}) {}", of(*charset)),
            Mariadb::VarChar(length, charset) => format!("varchar({length}) {}", of(*charset)),
            Mariadb::LongText(charset) => format!("longtext {}", of(*charset)),
            Mariadb::Binary(length) => format!("binary({length})"),
            Mariadb::VarBinary(length) => format!("varbinary({length})"),
            Mariadb::LongBlob => "longblob".to_owned(),
            Mariadb::Date => "date".to_owned(),
            Mariadb::DateTime(fraction) => format!("datetime({fraction})"),
            Mariadb::Timestamp(fraction) => format!("timestamp({fraction})"),
            Mariadb::Time(fraction) => format!("time({fraction})"),
            Mariadb::Year => "year".to_owned(),
            Mariadb::Enum => "enum('sad','so so','très ''content''','a,b)','') CHARACTER SET utf8mb4".to_owned(),
            Mariadb::Set => "set('x','y','z é') CHARACTER SET utf8mb4".to_owned(),
            Mariadb::Json => "json".to_owned(),
            Mariadb::Geometry => "geometry".to_owned(),
            Mariadb::Uuid => "uuid".to_owned(),
            Mariadb::Inet6 => "inet6".to_owned(),
        }
    }

    fn value_for(&self, way: Way, random: &mut Random) -> String {
        let direct = way == Way::Direct;
        match self {
            Mariadb::Integer(_, bits, false) => integer(random, *bits),
            Mariadb::Integer(_, bits, true) => unsigned(random, *bits),
            Mariadb::Decimal { precision, scale } => decimal(random, *precision, *scale),
            Mariadb::Float => finite(random, f64::from(f32::MAX), |bits| f64::from(f32::from_bits(bits as u32))),
            Mariadb::Double => finite(random, f64::MAX, f64::from_bits),
            Mariadb::Bit(bits) => format!("b'{:0bits$b}'", random.bits() >> (64 - bits)),
            Mariadb::Char(length, charset) | Mariadb::VarChar(length, charset) => characters(random, *length, *charset),
            Mariadb::LongText(charset) if CHARSETS[*charset].0 == "utf8mb4" => literal(&text(random, 60)),
            Mariadb::LongText(charset) => characters(random, 60, *charset),
            Mariadb::Binary(length) | Mariadb::VarBinary(length) => bytes(random, *length),
            Mariadb::LongBlob if random.once_in(100) => "REPEAT(X'00ff5c27', 50000)".to_owned(),
            Mariadb::LongBlob => bytes(random, 60),
            Mariadb::Date if direct && random.once_in(5) => random.pick(NO_DAYS).to_string(),
            Mariadb::Date => format!("DATE('0001-01-01') + INTERVAL {} DAY", random.below(3_652_059)),
            Mariadb::DateTime(_) if direct && random.once_in(5) => random.pick(NO_DAYS).to_string(),
            Mariadb::DateTime(_) => {
                let microseconds = random.bits() % 315_537_897_599_000_000;
                format!("TIMESTAMP('0001-01-01') + INTERVAL {microseconds} MICROSECOND")
            }
            Mariadb::Timestamp(_) if direct && random.once_in(8) => "0".to_owned(),
            Mariadb::Timestamp(_) => {
                format!("FROM_UNIXTIME({}.{})", 1 + random.below(2_147_483_640), digits(random, 6))
            }
            Mariadb::Time(_) => time(random),
            Mariadb::Year if direct && random.once_in(5) => "0".to_owned(),
            Mariadb::Year => (1901 + random.below(255)).to_string(),
            Mariadb::Enum => (1 + random.below(5)).to_string(),
            Mariadb::Set => random.below(8).to_string(),
            Mariadb::Json => json(random),
            Mariadb::Geometry => shape(direct, random),
            Mariadb::Uuid => format!("'{}'", uuid(random)),
            Mariadb::Inet6 => {
                format!(
                    "'{}'",
                    random.pick::<&str>(&["::", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4", "fe80::1"])
                )
            }
        }
    }

    fn told(&self, way: Way, column: &str) -> String {
        let bytes = match self {
            Mariadb::Float => format!("CAST({column} AS double)"),
            Mariadb::Bit(_) => format!("BIN({column})"),
            Mariadb::Json if way != Way::Direct => format!("JSON_NORMALIZE({column})"),
            Mariadb::Char(..) | Mariadb::VarChar(..) | Mariadb::LongText(_) => column.to_owned(),
            Mariadb::Binary(_) | Mariadb::VarBinary(_) | Mariadb::LongBlob | Mariadb::Geometry => column.to_owned(),
            _ => format!("CONVERT({column} USING utf8mb4)"),
        };
        let bytes = match self {
            Mariadb::Float => format!("CONVERT({bytes} USING utf8mb4)"),
            _ => bytes,
        };
        format!("IFNULL(HEX({bytes}), '-')")
    }

    fn row(cells: &[String]) -> String {
        format!("CONCAT_WS('|', {})", cells.join(", "))
    }
}

/// What comes back from PostgreSQL.
impl Returns for Mariadb {
    fn text_there(&self, column: &str) -> String {
        match self {
            Mariadb::Float => format!("{column}::float8"),
            Mariadb::Binary(_) | Mariadb::VarBinary(_) | Mariadb::LongBlob | Mariadb::Geometry => {
                format!("encode({column}, 'hex')")
            }
            Mariadb::Timestamp(_) => format!("{column} AT TIME ZONE 'UTC'"),
            _ => column.to_owned(),
        }
    }

    fn read_here(&self, text: &str) -> String {
        match self {
            Mariadb::Bit(_) => format!("b'{text}'"),
            Mariadb::Binary(_) | Mariadb::VarBinary(_) | Mariadb::LongBlob => format!("X'{text}'"),
            Mariadb::Geometry => format!("ST_GeomFromWKB(X'{text}')"),
            Mariadb::Year => text.to_owned(),
            _ => literal(text),
        }
    }
}

/// A text, whatever is in it.
pub fn literal(text: &str) -> String {
    format!("_utf8mb4 X'{}'", text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn characters(random: &mut Random, length_max: usize, charset: usize) -> String {
    let letters: Vec<char> = CHARSETS[charset].1.chars().collect();
    let length = random.below(length_max + 1);
    literal(&(0..length).map(|_| *random.pick(&letters)).collect::<String>())
}

fn bytes(random: &mut Random, length_max: usize) -> String {
    let length = random.below(length_max + 1);
    let byte = |random: &mut Random| format!("{:02x}", random.pick(&[0, 1, 0x20, 0x27, 0x5c, 0x7f, 0x80, 0xff, 0xc3]));
    format!("X'{}'", (0..length).map(|_| byte(random)).collect::<String>())
}

fn unsigned(random: &mut Random, bits: u32) -> String {
    let shift = 64 - bits + random.below(bits as usize) as u32;
    match random.below(6) {
        0 => (u64::MAX >> (64 - bits)).to_string(),
        1 => "0".to_owned(),
        _ => (random.bits() >> shift).to_string(),
    }
}

fn decimal(random: &mut Random, precision: usize, scale: usize) -> String {
    let whole = precision - scale;
    let sign = *random.pick(&["", "-"]);
    match random.below(6) {
        0 => format!("{sign}0{}.{}", "9".repeat(whole), "9".repeat(scale)),
        1 => "0".to_owned(),
        _ => {
            let (whole, fraction) = (random.below(whole + 1), random.below(scale + 1));
            format!("{sign}0{}.{}", digits(random, whole), digits(random, fraction))
        }
    }
}

fn finite(random: &mut Random, most: f64, of: fn(u64) -> f64) -> String {
    match of(random.bits()) {
        _ if random.once_in(8) => format!("{most:e}"),
        _ if random.once_in(8) => "0e0".to_owned(),
        value if value.is_finite() => format!("{value:e}"),
        _ => "1e-1".to_owned(),
    }
}

/// Up to the server's 838 hours.
fn time(random: &mut Random) -> String {
    let (sign, hours) = (*random.pick(&["", "-"]), random.below(838));
    let (minutes, seconds) = (random.below(60), random.below(60));
    format!("'{sign}{hours}:{minutes:02}:{seconds:02}.{}'", digits(random, 6))
}

fn json(random: &mut Random) -> String {
    let (number, fraction) = (1 + random.below(1000), 1 + random.below(9));
    let written = match random.below(5) {
        0 => format!("{number}"),
        1 => "null".to_owned(),
        2 => format!("[{number}, {number}.{fraction}, true, [], {{}}]"),
        3 => "\"é \\\"quoted\\\" \\\\ 🦀\"".to_owned(),
        _ => format!("{{ \"b\" : [1.{fraction}, null],\n\"a é\":\"x\", \"\" : {number} }}"),
    };
    literal(&written)
}

fn shape(direct: bool, random: &mut Random) -> String {
    let system = if direct { *random.pick(&[0, 4326]) } else { 0 };
    let (x, y) = (random.below(1000) as f64 / 7.0, -0.5);
    let written = match random.below(4) {
        0 => format!("POINT({x} {y})"),
        1 => format!("LINESTRING(0 0,{x} {y},1 1)"),
        2 => format!("POLYGON((0 0,{x} 0,1 {x},0 0))"),
        _ => format!("GEOMETRYCOLLECTION(POINT({x} 1),MULTIPOINT(1 1,{x} 2))"),
    };
    format!("ST_GeomFromText('{written}', {system})")
}
