//! Puts objects in an order in which they can be created, by what the server knows to depend on what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tokio_postgres::Client;

use super::objects::Found;
use super::{Oid, Result};
use crate::catalog::{Object, ObjectKind};

type Address = (Oid, Oid);

/// What in schema `$1` depends on what else in it, by address. Parts count as what they are part of: a row type as its
/// table or view, an array type as its element type, a rule or default as its relation, a sequence as the table whose
/// column owns it, a partition as the partitioned table. Indexes, keys and triggers are added later and do not count.
const DEPENDENCIES: &str = "\
    WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), \
    class(relation, type, routine) AS (SELECT 'pg_catalog.pg_class'::regclass::oid, \
        'pg_catalog.pg_type'::regclass::oid, 'pg_catalog.pg_proc'::regclass::oid), \
    type_place(oid, classid, objid) AS ( \
        SELECT t.oid, CASE WHEN whole.typrelid <> 0 THEN relation ELSE type END, \
            CASE WHEN whole.typrelid <> 0 THEN whole.typrelid ELSE whole.oid END \
        FROM class, pg_catalog.pg_type t JOIN home h ON h.oid = t.typnamespace \
        LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid \
        LEFT JOIN pg_catalog.pg_range r ON r.rngmultitypid = coalesce(e.oid, t.oid) \
        JOIN pg_catalog.pg_type whole ON whole.oid = coalesce(r.rngtypid, e.oid, t.oid)), \
    place(partclass, part, classid, objid) AS ( \
        SELECT relation, c.oid, relation, coalesce(o.refobjid, pg_catalog.pg_partition_root(c.oid), c.oid) \
        FROM class, pg_catalog.pg_class c JOIN home h ON h.oid = c.relnamespace \
        LEFT JOIN pg_catalog.pg_depend o ON c.relkind = 'S' AND o.classid = 'pg_catalog.pg_class'::regclass \
            AND o.objid = c.oid AND o.refclassid = o.classid AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i') \
        WHERE c.relkind NOT IN ('i', 'I') \
        UNION ALL SELECT type, p.oid, p.classid, p.objid FROM class, type_place p \
        UNION ALL SELECT routine, f.oid, routine, f.oid FROM class, pg_catalog.pg_proc f JOIN home h ON h.oid = f.pronamespace \
        UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid, relation, w.ev_class \
            FROM class, pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class \
            JOIN home h ON h.oid = c.relnamespace WHERE w.rulename = '_RETURN' \
        UNION ALL SELECT 'pg_catalog.pg_attrdef'::regclass, d.oid, relation, d.adrelid \
            FROM class, pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid \
            JOIN home h ON h.oid = c.relnamespace \
        UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, p.classid, p.objid \
            FROM pg_catalog.pg_constraint k JOIN type_place p ON p.oid = k.contypid) \
    SELECT DISTINCT a.classid, a.objid, b.classid, b.objid FROM pg_catalog.pg_depend d \
    JOIN place a ON a.partclass = d.classid AND a.part = d.objid \
    JOIN place b ON b.partclass = d.refclassid AND b.part = d.refobjid \
    WHERE (a.classid, a.objid) <> (b.classid, b.objid)";

/// The relations of schema `$1` whose rows an object may need before it can be created.
const RELATIONS: &str = "\
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, c.relname::text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

/// What decides between objects that may both come next.
type Rank = (ObjectKind, Option<String>, String);

/// Sorts `found`. An object that would precede tables and needs the rows of a table or view itself is told to belong to
/// that relation.
pub(super) async fn sort(client: &Client, schema: &str, found: Vec<Found>) -> Result<Vec<Object>> {
    let address = |row: &tokio_postgres::Row, at: usize| (row.get::<_, Oid>(at), row.get::<_, Oid>(at + 1));
    let rows = client.query(DEPENDENCIES, &[&schema]).await?;
    let edges: Vec<(Address, Address)> = rows.iter().map(|row| (address(row, 0), address(row, 2))).collect();
    let rows = client.query(RELATIONS, &[&schema]).await?;
    let relations: HashMap<Address, String> = rows.iter().map(|row| (address(row, 0), row.get(2))).collect();
    let (standing, attached): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.object.table.is_none());
    let mut objects: BTreeMap<Address, Object> =
        standing.into_iter().map(|found| (found.address, found.object)).collect();
    let mut attached: Vec<Object> = attached.into_iter().map(|found| found.object).collect();
    attached.sort_by_key(rank);
    for (address, relation) in needed_relations(&objects, &edges, &relations) {
        if let Some(object) = objects.get_mut(&address).filter(|object| object.kind.precedes_tables()) {
            object.table = Some(relation);
        }
    }
    Ok(ordered(objects, &edges).into_iter().chain(attached).collect())
}

fn rank(object: &Object) -> Rank {
    (object.kind, object.table.clone(), object.name.clone())
}

/// The objects that need a relation, directly or through others, with the first in name order of those they need.
fn needed_relations(
    objects: &BTreeMap<Address, Object>,
    edges: &[(Address, Address)],
    relations: &HashMap<Address, String>,
) -> HashMap<Address, String> {
    let mut needed: HashMap<Address, String> = HashMap::new();
    loop {
        let mut changed = false;
        for (from, to) in edges {
            // A table that needs a function does not make the function need a table.
            let Some(relation) = relations.get(to).or_else(|| needed.get(to)).filter(|_| objects.contains_key(from))
            else {
                continue;
            };
            // The server gives the edges in any order.
            if needed.get(from).is_none_or(|known| relation < known) {
                let relation = relation.clone();
                needed.insert(*from, relation);
                changed = true;
            }
        }
        if !changed {
            return needed;
        }
    }
}

/// Each object after those it depends on; extensions first. Where a circle leaves no first one, kind and name decide.
fn ordered(mut objects: BTreeMap<Address, Object>, edges: &[(Address, Address)]) -> Vec<Object> {
    let mut waits: HashMap<Address, HashSet<Address>> = HashMap::new();
    for (from, to) in edges.iter().filter(|(from, to)| objects.contains_key(from) && objects.contains_key(to)) {
        waits.entry(*from).or_default().insert(*to);
    }
    let mut left: BTreeSet<(Rank, Address)> =
        objects.iter().map(|(address, object)| (rank(object), *address)).collect();
    let mut sorted = Vec::with_capacity(left.len());
    while let Some(first) = left.first().cloned() {
        let is_ready = |(_, address): &&(Rank, Address)| waits.get(address).is_none_or(HashSet::is_empty);
        let next = left.iter().find(is_ready).cloned().unwrap_or(first);
        left.remove(&next);
        for waiting in waits.values_mut() {
            waiting.remove(&next.1);
        }
        sorted.extend(objects.remove(&next.1));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_object_needs_does_not_depend_on_the_order_of_edges() {
        let object = |name: &str| Object {
            kind: ObjectKind::Function,
            name: name.to_owned(),
            table: None,
            definition: None,
            next: None,
        };
        let objects = BTreeMap::from([((1, 1), object("f")), ((1, 2), object("g"))]);
        let relations = HashMap::from([((2, 1), "b".to_owned()), ((2, 2), "a".to_owned())]);
        let mut edges = vec![((1, 1), (2, 1)), ((1, 1), (2, 2)), ((1, 2), (1, 1))];
        let expected = HashMap::from([((1, 1), "a".to_owned()), ((1, 2), "a".to_owned())]);
        assert_eq!(needed_relations(&objects, &edges, &relations), expected);
        edges.reverse();
        assert_eq!(needed_relations(&objects, &edges, &relations), expected);
    }
}
