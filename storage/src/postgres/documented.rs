//! PostgreSQL's rows in the table of types.

use super::names::logical_type;
use crate::catalog::System;
use crate::documented::DocumentedType;
use crate::types::LogicalType;

/// Built-in types, types of well-known extensions, and kinds of types that people define.
pub fn documented_types() -> Vec<DocumentedType> {
    let of = |native| DocumentedType::new(native, logical_type(native));
    let own = |native: &'static str| {
        let logical = LogicalType::Opaque { system: System::Postgresql, native: native.to_owned() };
        DocumentedType::new(native, Some(logical))
    };
    let text = |native| DocumentedType::new(native, Some(LogicalType::TEXT));
    vec![
        of("boolean"),
        of("smallint"),
        of("integer"),
        of("bigint"),
        of("real"),
        of("double precision"),
        of("numeric(10,2)"),
        of("numeric"),
        of("money").note("read and written under `lc_monetary = C`"),
        of("text"),
        of("character varying(40)"),
        of("character(5)").note("padding blanks are part of the value"),
        of("name"),
        of("citext"),
        of("bytea"),
        of("date"),
        of("time without time zone"),
        of("time with time zone"),
        of("timestamp without time zone"),
        of("timestamp with time zone"),
        of("interval"),
        of("uuid"),
        of("json"),
        of("jsonb"),
        of("xml"),
        of("bit(8)"),
        of("bit varying"),
        of("inet"),
        of("cidr"),
        of("macaddr"),
        of("int4range"),
        of("tstzmultirange"),
        of("tsvector"),
        of("tsquery"),
        of("hstore"),
        of("ltree"),
        of("point"),
        of("polygon"),
        of("oid"),
        of("pg_lsn"),
        of("geometry").note("PostGIS"),
        of("integer[]")
            .note("between PostgreSQL servers of any rank and any bounds; elsewhere of one dimension from 1"),
        of("inet[]"),
        text("mood").note("an enumeration; between PostgreSQL servers the type is carried"),
        own("address").note("a composite type"),
        DocumentedType::new("posint", Some(LogicalType::Int32)).note("a domain over integer"),
    ]
}

/// Which values of `logical` PostgreSQL cannot hold, so that their rows are rejected; `None` if it holds all.
pub fn refuses(logical: &LogicalType) -> Option<&'static str> {
    match logical {
        LogicalType::Text { .. } | LogicalType::Json | LogicalType::Jsonb => Some("text with U+0000"),
        LogicalType::Array(element) => refuses(element),
        _ => None,
    }
}
