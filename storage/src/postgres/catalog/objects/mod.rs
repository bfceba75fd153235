//! What stands beside the tables, each with the statement that creates it, in an order in which they can be created.
//!
//! Definitions name things relative to the schema: the server writes them so, but for the one place in a function's
//! definition where it always writes the schema, which is taken out. What is inside a function's body stays as it is.

mod attached;
mod programs;
mod types;

use tokio_postgres::{Client, Row};

use super::super::sql::{identifier, literal};
use super::order;
use super::sequences::Sequence;
use super::{Oid, Result};
use crate::catalog::{Object, ObjectKind};

/// An object and its address in the server's catalog: the catalog table's oid and its own.
pub(super) struct Found {
    pub address: (Oid, Oid),
    pub object: Object,
}

/// Queries that tell, of each object of schema `$1` that is not part of an extension: catalog table, oid, name, table
/// it belongs to, definition.
const QUERIES: [(ObjectKind, &str); 14] = [
    (ObjectKind::Extension, types::EXTENSIONS),
    (ObjectKind::Enum, types::ENUMS),
    (ObjectKind::Domain, types::DOMAINS),
    (ObjectKind::Type, types::COMPOSITES),
    (ObjectKind::Type, types::RANGES),
    (ObjectKind::Function, programs::FUNCTIONS),
    (ObjectKind::Function, programs::AGGREGATES),
    (ObjectKind::Procedure, programs::PROCEDURES),
    (ObjectKind::View, programs::VIEWS),
    (ObjectKind::MaterializedView, programs::MATERIALIZED_VIEWS),
    (ObjectKind::Trigger, attached::TRIGGERS),
    (ObjectKind::Policy, attached::POLICIES),
    (ObjectKind::Policy, attached::ROW_SECURITY),
    (ObjectKind::Rule, attached::RULES),
];

/// Reads the objects of `schema`.
pub(super) async fn read(client: &Client, schema: &str, sequences: &[Sequence]) -> Result<Vec<Object>> {
    let mut found = Vec::new();
    for (kind, sql) in QUERIES {
        found.extend(client.query(sql, &[&schema]).await?.iter().map(|row| entry(kind, row)));
    }
    let class = client.query_one("SELECT 'pg_catalog.pg_class'::regclass::oid", &[]).await?.get(0);
    found.extend(
        sequences.iter().filter(|sequence| sequence.owner.is_none()).map(|sequence| standalone(class, sequence)),
    );
    order::sort(client, schema, found).await
}

fn entry(kind: ObjectKind, row: &Row) -> Found {
    let definition: Option<String> = row.get(4);
    let definition = definition.map(|text| text.trim_end().trim_end_matches(';').to_owned());
    Found {
        address: (row.get(0), row.get(1)),
        object: Object { kind, name: row.get(2), table: row.get(3), definition, next: None },
    }
}

/// A sequence that no column owns.
fn standalone(class: Oid, sequence: &Sequence) -> Found {
    let name = identifier(&sequence.name);
    let Sequence { data_type, increment, min, max, start, cache, .. } = sequence;
    let cycle = if sequence.cycles { "CYCLE" } else { "NO CYCLE" };
    let comment = sequence.comment.as_ref().map(|text| format!("; COMMENT ON SEQUENCE {name} IS {}", literal(text)));
    let definition = format!(
        "CREATE SEQUENCE {name} AS {data_type} INCREMENT BY {increment} MINVALUE {min} MAXVALUE {max} \
         START WITH {start} CACHE {cache} {cycle}{}",
        comment.unwrap_or_default()
    );
    Found {
        address: (class, sequence.oid),
        object: Object {
            kind: ObjectKind::Sequence,
            name: sequence.name.clone(),
            table: None,
            definition: Some(definition),
            next: sequence.next,
        },
    }
}
