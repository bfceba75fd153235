//! What columns have beyond their types: defaults, generation, numbering, labels, collations, comments.

use std::collections::HashMap;

use tokio_postgres::{Client, Row};

use super::sequences::Sequence;
use super::{Oid, Result};
use crate::catalog::{Generation, Identity, IdentityKind, Traits};

/// By table and column name.
pub(super) type Columns = HashMap<(Oid, String), Traits>;

/// The columns of schema `$1` that may have something. A domain's labels are those of the type beneath.
const TRAITS: &str = "\
    SELECT a.attrelid, a.attname::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text, \
        a.attidentity::text, \
        (WITH RECURSIVE base(oid) AS (SELECT a.atttypid \
             UNION ALL SELECT t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.oid WHERE t.typtype = 'd') \
         SELECT coalesce(array_agg(e.enumlabel::text ORDER BY e.enumsortorder), '{}') \
         FROM base JOIN pg_catalog.pg_enum e ON e.enumtypid = base.oid), \
        CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::pg_catalog.regcollation::text END, \
        pg_catalog.col_description(a.attrelid, a.attnum) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition";

/// Reads the traits of every column of `schema`.
pub(super) async fn read(client: &Client, schema: &str, sequences: &[Sequence]) -> Result<Columns> {
    let owned: HashMap<_, _> =
        sequences.iter().filter_map(|sequence| Some((sequence.owner.clone()?, sequence))).collect();
    let rows = client.query(TRAITS, &[&schema]).await?;
    let entry = |row: &Row| {
        let key = (row.get(0), row.get(1));
        let traits = traits(row, owned.get(&key).copied());
        (key, traits)
    };
    Ok(rows.iter().map(entry).collect())
}

fn traits(row: &Row, owned: Option<&Sequence>) -> Traits {
    let expression: Option<String> = row.get(2);
    let generated: String = row.get(3);
    let identity = identity(row.get(4), expression.as_deref(), owned);
    let generation = expression
        .clone()
        .filter(|_| !generated.is_empty())
        .map(|expression| Generation { expression, stored: generated == "s" });
    let is_default = generation.is_none() && identity.is_none();
    Traits {
        default: expression.filter(|expression| is_default && !is_null(expression)),
        generation,
        identity,
        labels: row.get(5),
        charset: None,
        collation: row.get(6),
        comment: row.get(7),
        attributes: None,
    }
}

fn identity(declared: &str, default: Option<&str>, owned: Option<&Sequence>) -> Option<Identity> {
    let kind = match (declared, owned) {
        ("a", _) => IdentityKind::Always,
        ("d", _) => IdentityKind::ByDefault,
        (_, Some(sequence)) if default.is_some_and(|default| sequence.is_drawn_by(default)) => {
            IdentityKind::Serial { sequence: sequence.name.clone() }
        }
        _ => return None,
    };
    let (next, increment) = owned.map_or((None, 1), |sequence| (sequence.next, sequence.increment));
    Some(Identity { kind, next, increment })
}

/// Whether a default says no more than none would.
fn is_null(expression: &str) -> bool {
    expression == "NULL" || expression.starts_with("NULL::")
}
