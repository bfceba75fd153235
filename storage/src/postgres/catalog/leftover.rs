//! What a schema has that is never carried over, named so that a person can see to it.

use tokio_postgres::Client;

use super::Result;
use super::sequences::Sequence;

/// Kind and name of everything in schema `$1`, or about it, that the rest of the catalog does not tell, without what
/// belongs to an extension. Owners and privileges are told where they are not those a new object would have.
const LEFTOVER: &str = "\
    WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), \
    extension(classid, objid) AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'), \
    relation AS (SELECT c.*, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' \
            WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table' END AS kind \
        FROM pg_catalog.pg_class c JOIN home h ON h.oid = c.relnamespace \
        WHERE ('pg_catalog.pg_class'::regclass, c.oid) NOT IN (SELECT * FROM extension)), \
    object(kind, name) AS ( \
        SELECT 'foreign table', relname::text FROM relation WHERE relkind = 'f' \
        UNION ALL SELECT 'inheritance of table', c.relname::text FROM relation c JOIN pg_catalog.pg_inherits i \
            ON i.inhrelid = c.oid WHERE c.relkind = 'r' AND NOT c.relispartition \
        UNION ALL SELECT 'unlogged ' || kind, relname::text FROM relation \
            WHERE relpersistence = 'u' AND relkind IN ('r', 'p') AND NOT relispartition \
        UNION ALL SELECT 'storage parameters of ' || kind, relname::text FROM relation \
            WHERE relkind IN ('r', 'p') AND reloptions IS NOT NULL \
        UNION ALL SELECT DISTINCT 'storage settings of columns of ' || c.kind, c.relname::text FROM relation c \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
            JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
              AND (a.attstorage <> t.typstorage OR a.attcompression <> '' OR a.attstattarget >= 0 OR a.attoptions IS NOT NULL) \
        UNION ALL SELECT 'comment on index', c.relname::text FROM relation c JOIN pg_catalog.pg_description d \
            ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid WHERE c.relkind IN ('i', 'I') \
        UNION ALL SELECT DISTINCT 'comment on columns of ' || c.kind, c.relname::text FROM relation c \
            JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid \
            WHERE c.relkind IN ('v', 'm', 'c') AND d.objsubid > 0 \
        UNION ALL SELECT 'comment on constraint', k.conname::text FROM pg_catalog.pg_constraint k \
            JOIN home h ON h.oid = k.connamespace JOIN pg_catalog.pg_description d \
            ON d.classoid = 'pg_catalog.pg_constraint'::regclass AND d.objoid = k.oid \
        UNION ALL SELECT 'replica identity of ' || kind, relname::text FROM relation \
            WHERE relkind IN ('r', 'p') AND relreplident NOT IN ('d', 'n') \
        UNION ALL SELECT 'privileges on ' || kind, relname::text FROM relation \
            WHERE relacl IS NOT NULL AND relkind NOT IN ('c', 'i', 'I') \
        UNION ALL SELECT 'privileges on columns of ' || c.kind, c.relname::text FROM relation c WHERE EXISTS ( \
            SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) \
        UNION ALL SELECT DISTINCT 'ownership by role', r.rolname::text FROM relation c \
            JOIN pg_catalog.pg_roles r ON r.oid = c.relowner WHERE r.rolname <> current_user \
        UNION ALL SELECT 'deferrable primary key', k.conname::text FROM relation c \
            JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid WHERE k.contype = 'p' AND k.condeferrable \
        UNION ALL SELECT 'columns included in primary key', i.relname::text FROM relation c \
            JOIN pg_catalog.pg_index x ON x.indrelid = c.oid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
            WHERE x.indisprimary AND x.indnatts > x.indnkeyatts AND NOT c.relispartition \
        UNION ALL SELECT 'invalid index', i.relname::text FROM relation c \
            JOIN pg_catalog.pg_index x ON x.indrelid = c.oid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
            WHERE NOT x.indisvalid AND c.relkind IN ('r', 'p', 'm') \
        UNION ALL SELECT 'index of a partition only', i.relname::text FROM relation c \
            JOIN pg_catalog.pg_index x ON x.indrelid = c.oid JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
            WHERE c.relispartition AND NOT i.relispartition AND x.indisvalid \
        UNION ALL SELECT CASE k.contype WHEN 'f' THEN 'foreign key' ELSE 'check constraint' END || ' of a partition only', \
            k.conname::text FROM relation c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid \
            WHERE c.relispartition AND k.contype IN ('c', 'f') AND k.conislocal AND k.coninhcount = 0 AND k.conparentid = 0 \
        UNION ALL SELECT CASE k.contype WHEN 'f' THEN 'foreign key' ELSE 'check constraint' END || ' that is not validated', \
            k.conname::text FROM relation c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid \
            WHERE k.contype IN ('c', 'f') AND NOT k.convalidated AND k.conislocal AND NOT c.relispartition \
        UNION ALL SELECT 'foreign key to another schema', k.conname::text FROM relation c \
            JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid JOIN pg_catalog.pg_class p ON p.oid = k.confrelid \
            WHERE k.contype = 'f' AND p.relnamespace <> c.relnamespace AND k.conparentid = 0 AND NOT c.relispartition \
        UNION ALL SELECT 'foreign key that sets some columns only', k.conname::text FROM relation c \
            JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid \
            WHERE pg_catalog.to_jsonb(k)->>'confdelsetcols' IS NOT NULL AND k.conparentid = 0 AND NOT c.relispartition \
        UNION ALL SELECT CASE WHEN t.typtype = 'r' THEN 'range type with a canonical function' ELSE 'base type' END, \
            t.typname::text FROM pg_catalog.pg_type t JOIN home h ON h.oid = t.typnamespace \
            LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid \
            WHERE (r.rngcanonical <> 0 OR (t.typtype = 'b' AND e.oid IS NULL)) \
              AND ('pg_catalog.pg_type'::regclass, t.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'privileges on function', f.proname::text FROM pg_catalog.pg_proc f \
            JOIN home h ON h.oid = f.pronamespace WHERE f.proacl IS NOT NULL \
              AND ('pg_catalog.pg_proc'::regclass, f.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'statistics', s.stxname::text FROM pg_catalog.pg_statistic_ext s JOIN home h ON h.oid = s.stxnamespace \
        UNION ALL SELECT 'collation', l.collname::text FROM pg_catalog.pg_collation l JOIN home h ON h.oid = l.collnamespace \
            WHERE ('pg_catalog.pg_collation'::regclass, l.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'conversion', v.conname::text FROM pg_catalog.pg_conversion v JOIN home h ON h.oid = v.connamespace \
        UNION ALL SELECT 'operator', o.oprname::text FROM pg_catalog.pg_operator o JOIN home h ON h.oid = o.oprnamespace \
            WHERE ('pg_catalog.pg_operator'::regclass, o.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'operator class', o.opcname::text FROM pg_catalog.pg_opclass o JOIN home h ON h.oid = o.opcnamespace \
            WHERE ('pg_catalog.pg_opclass'::regclass, o.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'operator family', o.opfname::text FROM pg_catalog.pg_opfamily o JOIN home h ON h.oid = o.opfnamespace \
            WHERE ('pg_catalog.pg_opfamily'::regclass, o.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'text search configuration', s.cfgname::text FROM pg_catalog.pg_ts_config s \
            JOIN home h ON h.oid = s.cfgnamespace \
            WHERE ('pg_catalog.pg_ts_config'::regclass, s.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'text search dictionary', s.dictname::text FROM pg_catalog.pg_ts_dict s \
            JOIN home h ON h.oid = s.dictnamespace \
            WHERE ('pg_catalog.pg_ts_dict'::regclass, s.oid) NOT IN (SELECT * FROM extension) \
        UNION ALL SELECT 'cast', pg_catalog.format_type(k.castsource, NULL) || ' as ' || pg_catalog.format_type(k.casttarget, NULL) \
            FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_type s ON s.oid = k.castsource \
            JOIN pg_catalog.pg_type t ON t.oid = k.casttarget, home h WHERE h.oid IN (s.typnamespace, t.typnamespace) \
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_cast'::regclass \
                  AND d.objid = k.oid AND d.deptype IN ('e', 'i')) \
        UNION ALL SELECT 'publication', p.pubname::text FROM pg_catalog.pg_publication p \
            WHERE p.puballtables OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN relation c ON c.oid = r.prrelid \
                WHERE r.prpubid = p.oid) \
        UNION ALL SELECT 'event trigger', v.evtname::text FROM pg_catalog.pg_event_trigger v \
            WHERE ('pg_catalog.pg_event_trigger'::regclass, v.oid) NOT IN (SELECT * FROM extension)) \
    SELECT kind, name FROM object ORDER BY kind COLLATE \"C\", name COLLATE \"C\"";

/// Large objects belong to no schema. The account sees how many there are, not what is in them.
const LARGE_OBJECTS: &str = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata";

/// Reads what is left over of `schema`.
pub(super) async fn read(client: &Client, schema: &str, sequences: &[Sequence]) -> Result<Vec<String>> {
    let rows = client.query(LEFTOVER, &[&schema]).await?;
    let mut left: Vec<String> =
        rows.iter().map(|row| format!("{} \"{}\"", row.get::<_, &str>(0), row.get::<_, &str>(1))).collect();
    let large_objects: i64 = client.query_one(LARGE_OBJECTS, &[]).await?.get(0);
    if large_objects > 0 {
        left.push(format!("large objects: {large_objects}"));
    }
    // A sequence that stands alone is told with all that it is.
    let special = sequences.iter().filter(|sequence| sequence.owner.is_some() && !sequence.is_ordinary());
    left.extend(special.map(|sequence| format!("bounds, cache or cycle of sequence \"{}\"", sequence.name)));
    Ok(left)
}
