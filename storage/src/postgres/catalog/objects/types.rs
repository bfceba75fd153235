//! Queries for extensions and types.

/// Extensions that live in the schema or that something in it depends on. The language every database has is left out.
pub(super) const EXTENSIONS: &str = "\
    WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), \
    mine(classid, objid) AS ( \
        SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid FROM pg_catalog.pg_class c JOIN home h ON h.oid = c.relnamespace \
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid FROM pg_catalog.pg_type t JOIN home h ON h.oid = t.typnamespace \
        UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, p.oid FROM pg_catalog.pg_proc p JOIN home h ON h.oid = p.pronamespace \
        UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k \
            JOIN home h ON h.oid = k.connamespace \
        UNION ALL SELECT 'pg_catalog.pg_attrdef'::regclass, d.oid FROM pg_catalog.pg_attrdef d \
            JOIN pg_catalog.pg_class c ON c.oid = d.adrelid JOIN home h ON h.oid = c.relnamespace \
        UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid FROM pg_catalog.pg_rewrite r \
            JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN home h ON h.oid = c.relnamespace), \
    used AS (SELECT DISTINCT member.refobjid FROM mine \
        JOIN pg_catalog.pg_depend use ON use.classid = mine.classid AND use.objid = mine.objid \
        JOIN pg_catalog.pg_depend member ON member.classid = use.refclassid AND member.objid = use.refobjid \
        WHERE member.refclassid = 'pg_catalog.pg_extension'::regclass AND member.deptype = 'e') \
    SELECT 'pg_catalog.pg_extension'::regclass::oid, x.oid, x.extname::text, NULL::text, \
        pg_catalog.format('CREATE EXTENSION %I', x.extname) || \
            CASE WHEN n.nspname = $1 OR v.schema IS NOT NULL THEN '' \
                 ELSE pg_catalog.format(' SCHEMA %I', n.nspname) END \
    FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace \
    LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = x.extname AND v.version = x.extversion \
    WHERE x.extname <> 'plpgsql' AND (n.nspname = $1 OR x.oid IN (SELECT refobjid FROM used))";

/// Enumerations. Their labels are written as every session reads them, in which a backslash is one.
pub(super) const ENUMS: &str = "\
    SELECT 'pg_catalog.pg_type'::regclass::oid, t.oid, t.typname::text, NULL::text, \
        pg_catalog.format('CREATE TYPE %I AS ENUM (%s)', t.typname, ( \
            SELECT pg_catalog.string_agg('''' || pg_catalog.replace(e.enumlabel, '''', '''''') || '''', ', ' \
                ORDER BY e.enumsortorder) \
            FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)) || \
        coalesce(pg_catalog.format('; COMMENT ON TYPE %I IS ', t.typname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(t.oid, 'pg_type')), '') \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    WHERE n.nspname = $1 AND t.typtype = 'e' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')";

/// Domains, with their checks.
pub(super) const DOMAINS: &str = "\
    SELECT 'pg_catalog.pg_type'::regclass::oid, t.oid, t.typname::text, NULL::text, \
        pg_catalog.format('CREATE DOMAIN %I AS %s', t.typname, pg_catalog.format_type(t.typbasetype, t.typtypmod)) || \
        CASE WHEN t.typcollation <> b.typcollation THEN ' COLLATE ' || t.typcollation::pg_catalog.regcollation ELSE '' END || \
        coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(t.typdefaultbin, 0), '') || \
        CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END || \
        coalesce((SELECT pg_catalog.string_agg(pg_catalog.format(' CONSTRAINT %I %s', k.conname, \
                pg_catalog.pg_get_constraintdef(k.oid)), '' ORDER BY k.conname COLLATE \"C\") \
            FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '') || \
        coalesce(pg_catalog.format('; COMMENT ON DOMAIN %I IS ', t.typname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(t.oid, 'pg_type')), '') \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype \
    WHERE n.nspname = $1 AND t.typtype = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')";

/// Composite types that are no table's rows.
pub(super) const COMPOSITES: &str = "\
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, c.relname::text, NULL::text, \
        pg_catalog.format('CREATE TYPE %I AS (%s)', c.relname, ( \
            SELECT pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, \
                    pg_catalog.format_type(a.atttypid, a.atttypmod)) || \
                CASE WHEN a.attcollation <> b.typcollation THEN ' COLLATE ' || a.attcollation::pg_catalog.regcollation \
                     ELSE '' END, ', ' ORDER BY a.attnum) \
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type b ON b.oid = a.atttypid \
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) || \
        coalesce(pg_catalog.format('; COMMENT ON TYPE %I IS ', c.relname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(c.reltype, 'pg_type')), '') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relkind = 'c' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = c.reltype AND d.deptype = 'e')";

/// Range types. One with a canonical function needs a function in C that takes a type which is not there yet.
pub(super) const RANGES: &str = "\
    SELECT 'pg_catalog.pg_type'::regclass::oid, t.oid, t.typname::text, NULL::text, \
        CASE WHEN r.rngcanonical = 0 THEN pg_catalog.format( \
            'CREATE TYPE %I AS RANGE (SUBTYPE = %s, SUBTYPE_OPCLASS = %s, MULTIRANGE_TYPE_NAME = %I%s%s)', t.typname, \
            pg_catalog.format_type(r.rngsubtype, NULL), \
            CASE WHEN pg_catalog.pg_opclass_is_visible(o.oid) THEN pg_catalog.quote_ident(o.opcname) \
                 ELSE pg_catalog.quote_ident(q.nspname) || '.' || pg_catalog.quote_ident(o.opcname) END, m.typname, \
            CASE WHEN r.rngcollation <> 0 THEN ', COLLATION = ' || r.rngcollation::pg_catalog.regcollation ELSE '' END, \
            CASE WHEN r.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF = ' || r.rngsubdiff ELSE '' END) || \
        coalesce(pg_catalog.format('; COMMENT ON TYPE %I IS ', t.typname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(t.oid, 'pg_type')), '') END \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid JOIN pg_catalog.pg_type m ON m.oid = r.rngmultitypid \
    JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc JOIN pg_catalog.pg_namespace q ON q.oid = o.opcnamespace \
    WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')";
