//! Queries for what is attached to tables and views: triggers, row security, rules. What is attached to a partition is
//! told of the partitioned table.

/// Triggers, with whether and when they fire. Partitions repeat those of their table.
pub(super) const TRIGGERS: &str = "\
    SELECT 'pg_catalog.pg_trigger'::regclass::oid, t.oid, t.tgname::text, r.relname::text, \
        pg_catalog.pg_get_triggerdef(t.oid, true) || \
        CASE t.tgenabled WHEN 'O' THEN '' \
            ELSE pg_catalog.format('; ALTER TABLE %I %s TRIGGER %I', c.relname, CASE t.tgenabled \
                WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname) END || \
        coalesce(pg_catalog.format('; COMMENT ON TRIGGER %I ON %I IS ', t.tgname, c.relname) || \
            pg_catalog.quote_literal(pg_catalog.obj_description(t.oid, 'pg_trigger')), '') \
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid) \
    WHERE n.nspname = $1 AND NOT t.tgisinternal AND t.tgparentid = 0 AND c.relkind IN ('r', 'p', 'v') \
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e')";

/// Policies.
pub(super) const POLICIES: &str = "\
    SELECT 'pg_catalog.pg_policy'::regclass::oid, p.oid, p.polname::text, r.relname::text, \
        pg_catalog.format('CREATE POLICY %I ON %I AS %s FOR %s TO %s%s%s', p.polname, c.relname, \
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, \
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' \
                ELSE 'ALL' END, \
            (SELECT pg_catalog.string_agg(coalesce(pg_catalog.quote_ident(a.rolname), 'PUBLIC'), ', ' \
                ORDER BY a.rolname COLLATE \"C\") \
             FROM pg_catalog.unnest(p.polroles) role(oid) LEFT JOIN pg_catalog.pg_roles a ON a.oid = role.oid), \
            ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', \
            ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') \
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid) \
    WHERE n.nspname = $1";

/// Whether policies count at all. Comes after them, so that no moment denies everything.
pub(super) const ROW_SECURITY: &str = "\
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, \
        pg_catalog.format('row level security of %I', c.relname), r.relname::text, \
        pg_catalog.concat_ws('; ', \
            CASE WHEN c.relrowsecurity THEN pg_catalog.format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', c.relname) END, \
            CASE WHEN c.relforcerowsecurity THEN pg_catalog.format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', c.relname) END) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid) \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND (c.relrowsecurity OR c.relforcerowsecurity)";

/// Rules beside those that make views what they are.
pub(super) const RULES: &str = "\
    SELECT 'pg_catalog.pg_rewrite'::regclass::oid, w.oid, w.rulename::text, r.relname::text, \
        pg_catalog.rtrim(pg_catalog.pg_get_ruledef(w.oid, true), ';') || \
        CASE w.ev_enabled WHEN 'O' THEN '' \
            ELSE pg_catalog.format('; ALTER TABLE %I %s RULE %I', c.relname, CASE w.ev_enabled \
                WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, w.rulename) END \
    FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid) \
    WHERE n.nspname = $1 AND w.rulename <> '_RETURN' AND c.relkind IN ('r', 'p', 'v')";
