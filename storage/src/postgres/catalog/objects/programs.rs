//! Queries for functions, aggregates, procedures and views.

/// Functions of every language. A range type brings its own.
pub(super) const FUNCTIONS: &str = "\
    SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, \
        p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', NULL::text, \
        'CREATE FUNCTION ' || pg_catalog.substr(pg_catalog.pg_get_functiondef(p.oid), \
            1 + pg_catalog.length(pg_catalog.format('CREATE OR REPLACE FUNCTION %I.', n.nspname))) || \
        coalesce(pg_catalog.format('; COMMENT ON FUNCTION %I(%s) IS ', p.proname, \
            pg_catalog.pg_get_function_identity_arguments(p.oid)) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(p.oid, 'pg_proc')), '') \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE n.nspname = $1 AND p.prokind IN ('f', 'w') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))";

/// Aggregates, each after the functions it is made of.
pub(super) const AGGREGATES: &str = "\
    SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, \
        p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', NULL::text, \
        pg_catalog.format('CREATE AGGREGATE %I(%s) (SFUNC = %s, STYPE = %s%s)', p.proname, \
            CASE WHEN p.pronargs = 0 THEN '*' ELSE pg_catalog.pg_get_function_arguments(p.oid) END, \
            a.aggtransfn, pg_catalog.format_type(a.aggtranstype, NULL), pg_catalog.concat( \
            ', SSPACE = ' || nullif(a.aggtransspace, 0), \
            ', FINALFUNC = ' || nullif(a.aggfinalfn, 0::regproc), \
            CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' END, \
            CASE WHEN a.aggfinalfn <> 0 THEN ', FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify \
                WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END, \
            ', COMBINEFUNC = ' || nullif(a.aggcombinefn, 0::regproc), \
            ', SERIALFUNC = ' || nullif(a.aggserialfn, 0::regproc), \
            ', DESERIALFUNC = ' || nullif(a.aggdeserialfn, 0::regproc), \
            ', INITCOND = ' || pg_catalog.quote_literal(a.agginitval), \
            ', MSFUNC = ' || nullif(a.aggmtransfn, 0::regproc), \
            ', MINVFUNC = ' || nullif(a.aggminvtransfn, 0::regproc), \
            CASE WHEN a.aggmtranstype <> 0 THEN ', MSTYPE = ' || pg_catalog.format_type(a.aggmtranstype, NULL) END, \
            ', MSSPACE = ' || nullif(a.aggmtransspace, 0), \
            ', MFINALFUNC = ' || nullif(a.aggmfinalfn, 0::regproc), \
            CASE WHEN a.aggmfinalextra THEN ', MFINALFUNC_EXTRA' END, \
            CASE WHEN a.aggmfinalfn <> 0 THEN ', MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify \
                WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END, \
            ', MINITCOND = ' || pg_catalog.quote_literal(a.aggminitval), \
            CASE WHEN o.oid IS NOT NULL THEN pg_catalog.format(', SORTOP = OPERATOR(%I.%s)', q.nspname, o.oprname) END, \
            CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' END, \
            CASE WHEN a.aggkind = 'h' THEN ', HYPOTHETICAL' END)) || \
        coalesce(pg_catalog.format('; COMMENT ON AGGREGATE %I(%s) IS ', p.proname, \
            CASE WHEN p.pronargs = 0 THEN '*' ELSE pg_catalog.pg_get_function_identity_arguments(p.oid) END) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(p.oid, 'pg_proc')), '') \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid LEFT JOIN pg_catalog.pg_operator o ON o.oid = a.aggsortop \
    LEFT JOIN pg_catalog.pg_namespace q ON q.oid = o.oprnamespace \
    WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')";

/// Procedures.
pub(super) const PROCEDURES: &str = "\
    SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, \
        p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', NULL::text, \
        'CREATE PROCEDURE ' || pg_catalog.substr(pg_catalog.pg_get_functiondef(p.oid), \
            1 + pg_catalog.length(pg_catalog.format('CREATE OR REPLACE PROCEDURE %I.', n.nspname))) || \
        coalesce(pg_catalog.format('; COMMENT ON PROCEDURE %I(%s) IS ', p.proname, \
            pg_catalog.pg_get_function_identity_arguments(p.oid)) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(p.oid, 'pg_proc')), '') \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE n.nspname = $1 AND p.prokind = 'p' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')";

/// Views.
pub(super) const VIEWS: &str = "\
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, c.relname::text, NULL::text, \
        pg_catalog.format('CREATE VIEW %I%s AS%s', c.relname, \
            ' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', \
            E'\\n' || pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')) || \
        coalesce(pg_catalog.format('; COMMENT ON VIEW %I IS ', c.relname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(c.oid, 'pg_class')), '') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relkind = 'v' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// Materialised views, with their indexes.
pub(super) const MATERIALIZED_VIEWS: &str = "\
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, c.relname::text, NULL::text, \
        pg_catalog.format('CREATE MATERIALIZED VIEW %I%s AS%s%s', c.relname, \
            ' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', \
            E'\\n' || pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';'), \
            CASE WHEN c.relispopulated THEN '' ELSE E'\\n WITH NO DATA' END) || \
        coalesce((SELECT pg_catalog.string_agg('; ' || pg_catalog.pg_get_indexdef(x.indexrelid, 0, true), '' \
                ORDER BY i.relname COLLATE \"C\") FROM pg_catalog.pg_index x \
            JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid AND x.indisvalid), '') || \
        coalesce(pg_catalog.format('; COMMENT ON MATERIALIZED VIEW %I IS ', c.relname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(c.oid, 'pg_class')), '') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relkind = 'm' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";
