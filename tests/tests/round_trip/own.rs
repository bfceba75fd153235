//! Random types that only PostgreSQL has, and types that the database itself defines; values of them, written as SQL.

use sensei_tests::Random;

use crate::value::{digits, integer, text};

/// Makes the types that a database defines for itself, and brings in those of extensions.
pub const TYPES: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'so so', 'très ''content''', '');
    CREATE TYPE address AS (street text, \"house number\" integer, tags text[], since timestamptz);
    CREATE DOMAIN posint AS integer CHECK (VALUE > 0);
    CREATE DOMAIN word AS varchar(20) NOT NULL DEFAULT 'none' CHECK (VALUE <> 'never');
    CREATE TYPE span AS RANGE (subtype = double precision);
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;";

/// A type of PostgreSQL's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    Bit(usize),
    VarBit,
    Money,
    Oid,
    Name,
    Char,
    CiText,
    PosInt,
    Word,
    TimeTz,
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
    PgLsn,
    Int4Range,
    NumRange,
    DateRange,
    TstzRange,
    Span,
    Int8MultiRange,
    Xml,
    TsVector,
    TsQuery,
    JsonPath,
    HStore,
    LTree,
    Point,
    Box,
    Path,
    Circle,
    Address,
}

impl Own {
    pub fn random(random: &mut Random) -> Own {
        let bits = 1 + random.below(70);
        let all = [
            Own::Bit(bits),
            Own::VarBit,
            Own::Money,
            Own::Oid,
            Own::Name,
            Own::Char,
            Own::CiText,
            Own::PosInt,
            Own::Word,
            Own::TimeTz,
            Own::Inet,
            Own::Cidr,
            Own::MacAddr,
            Own::MacAddr8,
            Own::PgLsn,
            Own::Int4Range,
            Own::NumRange,
            Own::DateRange,
            Own::TstzRange,
            Own::Span,
            Own::Int8MultiRange,
            Own::Xml,
            Own::TsVector,
            Own::TsQuery,
            Own::JsonPath,
            Own::HStore,
            Own::LTree,
            Own::Point,
            Own::Box,
            Own::Path,
            Own::Circle,
            Own::Address,
        ];
        *random.pick(&all)
    }

    /// Whether it can be part of a key. Citext cannot here: keys that differ by case alone would be left out.
    pub fn orders(self) -> bool {
        use Own::{Box, Char, CiText, Circle, JsonPath, Path, Point, TsQuery, TsVector, Xml};
        !matches!(self, Box | Char | Circle | CiText | JsonPath | Path | Point | TsQuery | TsVector | Xml)
    }

    /// Whether NULL is no value of it.
    pub fn is_filled(self) -> bool {
        self == Own::Word
    }

    pub fn sql(self) -> String {
        let name = match self {
            Own::Bit(bits) => return format!("bit({bits})"),
            Own::VarBit => "bit varying",
            Own::Money => "money",
            Own::Oid => "oid",
            Own::Name => "name",
            Own::Char => "\"char\"",
            Own::CiText => "citext",
            Own::PosInt => "posint",
            Own::Word => "word",
            Own::TimeTz => "timetz",
            Own::Inet => "inet",
            Own::Cidr => "cidr",
            Own::MacAddr => "macaddr",
            Own::MacAddr8 => "macaddr8",
            Own::PgLsn => "pg_lsn",
            Own::Int4Range => "int4range",
            Own::NumRange => "numrange",
            Own::DateRange => "daterange",
            Own::TstzRange => "tstzrange",
            Own::Span => "span",
            Own::Int8MultiRange => "int8multirange",
            Own::Xml => "xml",
            Own::TsVector => "tsvector",
            Own::TsQuery => "tsquery",
            Own::JsonPath => "jsonpath",
            Own::HStore => "hstore",
            Own::LTree => "ltree",
            Own::Point => "point",
            Own::Box => "box",
            Own::Path => "path",
            Own::Circle => "circle",
            Own::Address => "address",
        };
        name.to_owned()
    }

    /// An SQL expression of this type.
    pub fn value(self, random: &mut Random) -> String {
        let text = match self {
            Own::Bit(bits) => binary(random, bits),
            Own::VarBit => {
                let bits = random.below(100);
                binary(random, bits)
            }
            Own::Money => return format!("({}::numeric / 100)::money", integer(random, 64)),
            Own::Oid => random.pick(&["0", "1", "2147483648", "4294967295"]).to_string(),
            Own::Name | Own::CiText => text(random, 15),
            Own::Char => random.pick(&["a", "", "~", " "]).to_string(),
            Own::PosInt => (1 + random.below(i32::MAX as usize)).to_string(),
            Own::Word => text(random, 20),
            Own::TimeTz => {
                random.pick(&["00:00:00+15:59", "24:00:00-15:59", "12:34:56.789012+05:30:15", "1:2-8"]).to_string()
            }
            Own::Inet => {
                let v6 = ["::", "::1/127", "fe80::1/64", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"];
                let v4 = format!("{}.{}.0.255/{}", random.below(256), random.below(256), random.below(33));
                if random.once_in(2) { v4 } else { random.pick(&v6).to_string() }
            }
            Own::Cidr => random
                .pick(&["10.0.0.0/8", "0.0.0.0/0", "192.168.1.0/24", "::/0", "2001:db8::/32", "1.2.3.4/32"])
                .to_string(),
            Own::MacAddr => hexadecimal(random, 12),
            Own::MacAddr8 => hexadecimal(random, 16),
            Own::PgLsn => format!("{:X}/{:X}", random.bits() as u32, random.bits() as u32),
            Own::Int4Range | Own::NumRange | Own::DateRange | Own::TstzRange | Own::Span => range(self, random),
            Own::Int8MultiRange => {
                random.pick(&["{}", "{(,5),[7,9)}", "{[1,2],[5,6],[9223372036854775806,)}", "{(,)}"]).to_string()
            }
            Own::Xml => random
                .pick(&[
                    "<a/>",
                    "<?xml version=\"1.0\"?><a b='é'>\n <!-- c --><![CDATA[<]]></a>",
                    "text &amp; <b/>",
                    "",
                ])
                .to_string(),
            Own::TsVector => {
                random.pick(&["", "a:1A b:2,3B 'c d':16383", "'it''s' 'back\\\\slash' é", "x y z"]).to_string()
            }
            Own::TsQuery => random.pick(&["", "a & !b | 'c d':*AB", "(a | b) <2> c", "!!é"]).to_string(),
            Own::JsonPath => {
                random.pick(&["$", "$.a[*] ? (@ > 1)", "strict $.\"ä b\".size()", "lax $[0 to last]"]).to_string()
            }
            Own::HStore => {
                random.pick(&["", "a=>1", "\"a b\"=>NULL, \"\"=>\"\", é=>\"\\\"x\\\\\"", "k=>\"NULL\""]).to_string()
            }
            Own::LTree => random.pick(&["", "Top", "Top.Science.Astronomy_2", "a.b.c.d.e.f"]).to_string(),
            Own::Point => {
                random.pick(&["(0,0)", "(-0,1e-300)", "(0.1,NaN)", "(Infinity,3.141592653589793)"]).to_string()
            }
            Own::Box => random.pick(&["(1,2),(3,4)", "(-1e300,0),(0.1,0.2)", "(0,0),(0,0)"]).to_string(),
            Own::Path => random.pick(&["((0,0),(1,1),(2,0))", "[(0,0),(1,0.1)]", "[(1e-5,2)]"]).to_string(),
            Own::Circle => random.pick(&["<(0,0),1>", "<(0.1,-0.2),0>", "<(1e100,2),Infinity>"]).to_string(),
            Own::Address => return address(random),
        };
        format!("'{}'::{}", text.replace('\'', "''"), self.sql())
    }
}

fn binary(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| *random.pick(&['0', '1'])).collect()
}

fn hexadecimal(random: &mut Random, count: usize) -> String {
    format!("{:016x}", random.bits())[..count].to_owned()
}

fn range(kind: Own, random: &mut Random) -> String {
    let mut bound = |upper: bool| {
        let number = random.below(1000) + if upper { 1000 } else { 0 };
        match kind {
            _ if random.once_in(5) => String::new(),
            Own::Int4Range => number.to_string(),
            Own::NumRange => format!("{number}.{}", digits(random, 25)),
            Own::DateRange => format!("\"J{}\"", 2_400_000 + number),
            Own::TstzRange => format!("\"{:04}-01-01 00:00:00.00000{}+00\"", 1 + number, number % 10),
            _ => format!("{number}.1e{}", if upper { 200 } else { 100 }),
        }
    };
    let (lower, upper) = (bound(false), bound(true));
    if random.once_in(8) {
        return "empty".to_owned();
    }
    format!("{}{lower},{upper}{}", random.pick(&["[", "("]), random.pick(&["]", ")"]))
}

/// Short enough for a key.
fn address(random: &mut Random) -> String {
    let short = |random: &mut Random| {
        let short: String = text(random, 12).chars().take(12).collect();
        format!("'{}'", short.replace('\'', "''"))
    };
    let street = if random.once_in(4) { "NULL".to_owned() } else { short(random) };
    let tags = if random.once_in(3) { "NULL".to_owned() } else { format!("ARRAY[{}, NULL, '']", short(random)) };
    let since = *random.pick(&["NULL", "'infinity'", "'epoch'"]);
    format!("ROW({street}, {}, {tags}, {since})::address", integer(random, 32))
}
