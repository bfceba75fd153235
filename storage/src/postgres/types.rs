//! PostgreSQL's types and the logical types they carry, by `pg_type` oid. Opens no connection of its own.

use std::collections::HashMap;

use tokio_postgres::Client;

use crate::catalog::System;
use crate::types::{FOREIGN_TYPE_RULE, GEOMETRY_RULE, LogicalType};

/// The longest `varchar(n)` PostgreSQL declares; longer limits become `text`.
const VARCHAR_CHARS_MAX: u32 = 10_485_760;
/// The most digits `numeric(p,s)` declares.
const NUMERIC_PRECISION_MAX: u32 = 1000;
/// Bytes PostgreSQL adds to a declared length in a type modifier.
const TYPMOD_OFFSET: i32 = 4;
/// Domains over domains are followed this far.
const DOMAIN_DEPTH_MAX: usize = 32;

/// Types of the server's own whose input function refuses every text (manual 8.21 and the notes of their makers).
const UNWRITABLE: [&str; 8] = [
    "pg_node_tree",
    "pg_ndistinct",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "gtsvector",
    "pg_ddl_command",
];
/// Digits of `money`: 64 bits of hundredths, as the pinned `lc_monetary` has it.
pub(super) const MONEY: LogicalType = LogicalType::Decimal { precision: 19, scale: 2 };

/// Every type some columns need, their bases and elements included.
const TYPES: &str = "\
    WITH RECURSIVE used(oid) AS ( \
        SELECT unnest($1::oid[]) \
        UNION SELECT part FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid, \
            LATERAL (VALUES (t.typbasetype), (t.typelem)) parts(part) WHERE part <> 0) \
    SELECT t.oid, t.typtype::text, t.typbasetype, t.typtypmod, \
           CASE WHEN e.typarray = t.oid THEN t.typelem ELSE 0::oid END, t.typname::text, n.nspname::text, x.extname::text \
    FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem \
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e' \
    LEFT JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid";

/// What a column's native type means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Logical type.
    pub logical: LogicalType,
    /// What carries every value to another PostgreSQL, where `logical` cannot.
    pub verbatim: Option<LogicalType>,
    /// For arrays, the oid that binary input wants to see on the elements; else 0.
    pub element: u32,
    /// How values are got and given.
    pub access: Access,
}

/// How values of a native type become those of its logical type, and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The native binary form is that of the logical type.
    Direct,
    /// Read by a cast to the logical type's own native type, written as text.
    Cast,
    /// Read and written as the text that the type's output function writes.
    Output,
    /// Shapes: read by functions of PostGIS in this schema, written in binary form.
    Shape {
        /// Where PostGIS is.
        schema: String,
    },
}

/// Types that are not built in, by oid.
pub(super) struct Types(HashMap<u32, Type>);

struct Type {
    kind: String,
    base: u32,
    base_modifier: i32,
    element: u32,
    name: String,
    schema: String,
    extension: Option<String>,
}

impl Types {
    /// Looks up those of these types, each with its modifier, whose oid does not say it all: most tables have none, and
    /// the question takes the server longer the more tables it has.
    pub(super) async fn load(
        client: &Client,
        types: impl Iterator<Item = (u32, i32)>,
    ) -> Result<Types, tokio_postgres::Error> {
        let unknown = types.filter(|(oid, modifier)| scalar(*oid, *modifier).is_none());
        let oids: Vec<u32> = unknown.map(|(oid, _)| oid).collect();
        if oids.is_empty() {
            return Ok(Types(HashMap::new()));
        }
        let rows = client.query(TYPES, &[&oids]).await?;
        let entry = |row: &tokio_postgres::Row| {
            let found = Type {
                kind: row.get(1),
                base: row.get(2),
                base_modifier: row.get(3),
                element: row.get(4),
                name: row.get(5),
                schema: row.get(6),
                extension: row.get(7),
            };
            (row.get(0), found)
        };
        Ok(Types(rows.iter().map(entry).collect()))
    }

    /// What a column of this type and modifier means, which the server writes as `native`; `None` if its values cannot
    /// be written again.
    pub(super) fn meaning(&self, oid: u32, modifier: i32, native: &str) -> Option<Meaning> {
        let (oid, modifier) = self.undressed(oid, modifier)?;
        if let Some(logical) = scalar(oid, modifier) {
            return Some(Meaning::new(logical, Access::Direct));
        }
        let found = self.0.get(&oid)?;
        match oid {
            OID => return Some(Meaning::new(LogicalType::Int64, Access::Cast)),
            MONEY_OID => return Some(Meaning::new(MONEY, Access::Cast)),
            _ => {}
        }
        match (found.kind.as_str(), found.extension.as_deref(), found.name.as_str()) {
            ("e", ..) | (_, Some("citext"), "citext") => Some(Meaning::new(LogicalType::TEXT, Access::Direct)),
            (_, Some("postgis"), "geometry" | "geography") => {
                Some(Meaning::new(LogicalType::Geometry, Access::Shape { schema: found.schema.clone() }))
            }
            _ if found.element != 0 => self.array(found.element, modifier, native),
            ("p", ..) => None,
            (_, _, name) if found.schema == "pg_catalog" && UNWRITABLE.contains(&name) => None,
            _ => Some(opaque(native)),
        }
    }

    /// An array of known elements, which has one dimension in the logical type and any number in its own text.
    fn array(&self, element: u32, modifier: i32, native: &str) -> Option<Meaning> {
        let own = opaque(native);
        Some(match self.meaning(element, modifier, native)? {
            Meaning { logical, element: 0, access: access @ (Access::Direct | Access::Cast), .. } => {
                Meaning { logical: LogicalType::Array(Box::new(logical)), verbatim: Some(own.logical), element, access }
            }
            _ => own,
        })
    }

    /// The type beneath any domains.
    fn undressed(&self, mut oid: u32, mut modifier: i32) -> Option<(u32, i32)> {
        for _ in 0..DOMAIN_DEPTH_MAX {
            match self.0.get(&oid) {
                Some(domain) if domain.kind == "d" => (oid, modifier) = (domain.base, domain.base_modifier),
                _ => return Some((oid, modifier)),
            }
        }
        None
    }
}

impl Meaning {
    fn new(logical: LogicalType, access: Access) -> Meaning {
        Meaning { logical, verbatim: None, element: 0, access }
    }

    /// Whether the type's own binary form is that of its logical type and the same on every server.
    pub(super) fn is_direct(&self) -> bool {
        self.access == Access::Direct && self.element == 0
    }
}

fn opaque(native: &str) -> Meaning {
    let logical = LogicalType::Opaque { system: System::Postgresql, native: native.to_owned() };
    Meaning::new(logical, Access::Output)
}

const OID: u32 = 26;
const MONEY_OID: u32 = 790;

fn scalar(oid: u32, modifier: i32) -> Option<LogicalType> {
    Some(match oid {
        16 => LogicalType::Boolean,
        17 => LogicalType::Bytes,
        19 | 25 => LogicalType::TEXT,
        20 => LogicalType::Int64,
        21 => LogicalType::Int16,
        23 => LogicalType::Int32,
        114 => LogicalType::Json,
        700 => LogicalType::Float32,
        701 => LogicalType::Float64,
        1042 | 1043 => LogicalType::Text { max_chars: u32::try_from(modifier - TYPMOD_OFFSET).ok() },
        1082 => LogicalType::Date,
        1083 => LogicalType::Time,
        1114 => LogicalType::Timestamp,
        1184 => LogicalType::TimestampTz,
        1186 => LogicalType::Interval,
        1560 => LogicalType::Bits { length: u32::try_from(modifier).ok() },
        1562 => LogicalType::Bits { length: None },
        1700 => decimal(modifier),
        2950 => LogicalType::Uuid,
        3802 => LogicalType::Jsonb,
        _ => return None,
    })
}

/// Reads the modifier of `numeric`: precision above, scale in the low 11 bits as two's complement.
fn decimal(modifier: i32) -> LogicalType {
    if modifier < TYPMOD_OFFSET {
        return LogicalType::Numeric;
    }
    let packed = modifier - TYPMOD_OFFSET;
    let precision = u32::from((packed >> 16) as u16);
    let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
    LogicalType::Decimal { precision, scale }
}

/// The type text PostgreSQL's DDL has for `logical`, the narrowest that holds every value.
///
/// ```
/// use sensei_storage::{LogicalType, postgres};
/// let prices = LogicalType::Array(Box::new(LogicalType::Decimal { precision: 10, scale: 2 }));
/// assert_eq!(postgres::native_type(&prices), "numeric(10,2)[]");
/// ```
pub fn native_type(logical: &LogicalType) -> String {
    let name = match logical {
        LogicalType::Boolean => "boolean",
        LogicalType::Int16 => "smallint",
        LogicalType::Int32 => "integer",
        LogicalType::Int64 => "bigint",
        LogicalType::Float32 => "real",
        LogicalType::Float64 => "double precision",
        LogicalType::Decimal { precision, scale } if (1..=NUMERIC_PRECISION_MAX).contains(precision) => {
            return format!("numeric({precision},{scale})");
        }
        LogicalType::Decimal { .. } | LogicalType::Numeric => "numeric",
        LogicalType::Text { max_chars: Some(chars) } if (1..=VARCHAR_CHARS_MAX).contains(chars) => {
            return format!("character varying({chars})");
        }
        LogicalType::Text { .. } => "text",
        LogicalType::Bits { length: Some(length) } => return format!("bit({length})"),
        LogicalType::Bits { length: None } => "bit varying",
        LogicalType::Opaque { system: System::Postgresql, native } => native,
        LogicalType::Opaque { .. } => "text",
        LogicalType::Bytes | LogicalType::Geometry => "bytea",
        LogicalType::Date => "date",
        LogicalType::Time => "time without time zone",
        LogicalType::Timestamp => "timestamp without time zone",
        LogicalType::TimestampTz => "timestamp with time zone",
        LogicalType::Interval => "interval",
        LogicalType::Uuid => "uuid",
        LogicalType::Json => "json",
        LogicalType::Jsonb => "jsonb",
        LogicalType::Array(element) => return format!("{}[]", native_type(element)),
    };
    name.to_owned()
}

/// What a new column is to be where PostgreSQL cannot hold `logical` as it is, with the rule by which values are carried;
/// `None` if it can.
///
/// ```
/// use sensei_storage::{LogicalType, postgres};
/// assert_eq!(postgres::holding(&LogicalType::Geometry).unwrap().0, LogicalType::Bytes);
/// assert_eq!(postgres::holding(&LogicalType::Uuid), None);
/// ```
pub fn holding(logical: &LogicalType) -> Option<(LogicalType, &'static str)> {
    match logical {
        LogicalType::Opaque { system, .. } if *system != System::Postgresql => {
            Some((LogicalType::TEXT, FOREIGN_TYPE_RULE))
        }
        LogicalType::Geometry => Some((LogicalType::Bytes, GEOMETRY_RULE)),
        _ => None,
    }
}

/// Whether both types have the same form, so that no cast is needed between them. What the server itself checks as it
/// reads a type's own text needs no check here.
pub(super) fn same_form(one: &LogicalType, other: &LogicalType) -> bool {
    use LogicalType::{Array, Bits, Decimal, Numeric, Opaque, Text};
    match (one, other) {
        (Text { .. }, Text { .. }) | (Decimal { .. } | Numeric, Decimal { .. } | Numeric) => true,
        (Bits { .. }, Bits { .. }) | (Opaque { .. }, Opaque { .. }) => true,
        (Array(one), Array(other)) => same_form(one, other),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numeric_modifiers_with_negative_scales() {
        assert_eq!(decimal(-1), LogicalType::Numeric);
        assert_eq!(decimal(((10 << 16) | 2) + 4), LogicalType::Decimal { precision: 10, scale: 2 });
        assert_eq!(decimal(((3 << 16) | (0x7ff & -2)) + 4), LogicalType::Decimal { precision: 3, scale: -2 });
    }

    #[test]
    fn declares_nothing_the_server_would_refuse() {
        assert_eq!(native_type(&LogicalType::Text { max_chars: Some(20_000_000) }), "text");
        assert_eq!(native_type(&LogicalType::Decimal { precision: 2000, scale: 3 }), "numeric");
    }
}
