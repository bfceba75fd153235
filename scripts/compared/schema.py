"""What a database has besides rows, as a set of facts that can be compared across systems: a kind, a name, a detail. Names
in lower case, since one of the tools lowers them; that is counted once, apart."""

import re

#: Actions that refuse alike.
REFUSING = {"RESTRICT", "NO ACTION"}


def action(text):
    return "NO ACTION" if text in REFUSING else text


def fact(kind, name, detail=""):
    return (kind, name.lower(), detail.lower() if isinstance(detail, str) else detail)


def of_mysql(server, database):
    """The facts of a MySQL or MariaDB database."""
    schema = f"'{database}'"
    facts = set()

    def ask(sql):
        return server.rows(database, sql)

    for (name,) in ask(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'BASE TABLE'"):
        facts.add(fact("table", name))
    columns = ask(
        "SELECT c.TABLE_NAME, COLUMN_NAME, IS_NULLABLE, COLUMN_DEFAULT IS NOT NULL AND COLUMN_DEFAULT <> 'NULL', EXTRA, "
        "DATA_TYPE, HEX(COLUMN_TYPE), HEX(COLUMN_COMMENT) FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING "
        f"(TABLE_SCHEMA, TABLE_NAME) WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'BASE TABLE'"
    )
    for table, column, nullable, default, extra, kind, native, comment in columns:
        name = f"{table}.{column}"
        facts.add(fact("column", name))
        if nullable == "NO":
            facts.add(fact("NOT NULL", name))
        if default == "1":
            facts.add(fact("default", name))
        if "on update" in extra.lower():
            facts.add(fact("ON UPDATE current_timestamp", name))
        if "GENERATED" in extra.upper():
            facts.add(fact("generated column", name))
        if kind in ("enum", "set"):
            facts.add(fact(f"{kind}'s list of values", name))
        if comment:
            facts.add(fact("comment", name, comment))
        if "auto_increment" in extra:
            ((following,),) = ask(f"SELECT COALESCE(MAX(`{column}`), 0) + 1 FROM `{table}`")
            declared = ask(f"SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = '{table}'")
            facts.add(fact("next number", name, max(int(following), int(declared[0][0]))))
    for table, comment in ask(
        f"SELECT TABLE_NAME, HEX(TABLE_COMMENT) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'BASE TABLE' AND TABLE_COMMENT <> ''"
    ):
        facts.add(fact("comment", table, comment))
    indexes = {}
    for table, index, unique, kind, column, prefix in ask(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, COLUMN_NAME, COALESCE(SUB_PART, '') FROM information_schema.STATISTICS "
        f"WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    ):
        kind = "primary key" if index == "PRIMARY" else "unique key" if unique == "0" else "index" if kind == "BTREE" else f"{kind.lower()} index"
        part = column + (f"({prefix})" if prefix and kind == "index" else "")
        indexes.setdefault((kind, table, index), []).append(part)
    for (kind, table, _), parts in indexes.items():
        facts.add(fact(kind, table, ",".join(parts)))
    for name, table, parent, columns, to, deleted, updated in ask(
        "SELECT k.CONSTRAINT_NAME, k.TABLE_NAME, k.REFERENCED_TABLE_NAME, GROUP_CONCAT(k.COLUMN_NAME ORDER BY k.ORDINAL_POSITION), "
        "GROUP_CONCAT(k.REFERENCED_COLUMN_NAME ORDER BY k.ORDINAL_POSITION), r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k "
        "JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.TABLE_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME "
        f"WHERE k.TABLE_SCHEMA = {schema} AND k.REFERENCED_TABLE_NAME IS NOT NULL GROUP BY k.TABLE_NAME, k.CONSTRAINT_NAME"
    ):
        facts.add(fact("foreign key", table, f"({columns}) to {parent} ({to}) {action(deleted)} {action(updated)}"))
    # MariaDB's check that a column is JSON belongs to the type.
    for table, name in ask(
        f"SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {schema} AND CHECK_CLAUSE NOT LIKE 'json_valid%'"
    ):
        facts.add(fact("check", f"{table}.{name}"))
    for kind, sql in [
        ("view", f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {schema}"),
        ("trigger", f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema}"),
        ("routine", f"SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {schema}"),
        ("event", f"SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {schema}"),
        ("sequence", f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'SEQUENCE'"),
        ("partitions", f"SELECT DISTINCT TABLE_NAME FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = {schema} AND PARTITION_NAME IS NOT NULL"),
    ]:
        facts.update(fact(kind, name) for (name,) in ask(sql))
    return facts


def of_sqlite(connection):
    """The facts of a SQLite file."""
    facts = set()
    master = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'").fetchall()
    shadows = {name for kind, name, _, sql in master if kind == "table" and "VIRTUAL" in sql.upper()}
    for kind, name, table, sql in master:
        if kind in ("view", "trigger"):
            facts.add(fact(kind, name))
        if kind != "table" or any(name == shadow or name.startswith(f"{shadow}_") for shadow in shadows):
            continue
        facts.add(fact("table", name))
        quoted = '"' + name.replace('"', '""') + '"'
        columns = connection.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
        for _, column, native, required, default, place, hidden in columns:
            facts.add(fact("column", f"{name}.{column}"))
            if required:
                facts.add(fact("NOT NULL", f"{name}.{column}"))
            if default is not None:
                facts.add(fact("default", f"{name}.{column}"))
            if hidden in (2, 3):
                facts.add(fact("generated column", f"{name}.{column}"))
        key = [column[1] for column in sorted(columns, key=lambda column: column[5]) if column[5]]
        if key:
            facts.add(fact("primary key", name, ",".join(key)))
        if len(key) == 1 and any(column[1] == key[0] and column[2].upper() == "INTEGER" for column in columns):
            (following,) = connection.execute(f'SELECT coalesce(max("{key[0]}"), 0) + 1 FROM {quoted}').fetchone()
            facts.add(fact("next number", f"{name}.{key[0]}", int(following)))
        for _, index, unique, origin, partial in connection.execute(f"PRAGMA index_list({quoted})"):
            parts = [part[2] or "(expression)" for part in connection.execute(f'PRAGMA index_info("{index}")')]
            if origin != "pk":
                kind = ("unique key" if unique else "index") + (" with a condition" if partial else "")
                facts.add(fact(kind, name, ",".join(parts)))
        keys = {}
        for number, _, parent, column, to, updated, deleted, _ in connection.execute(f"PRAGMA foreign_key_list({quoted})"):
            keys.setdefault((number, parent, deleted, updated), []).append((column, to or ""))
        for (_, parent, deleted, updated), pairs in keys.items():
            columns, to = (",".join(pair[side] for pair in pairs) for side in (0, 1))
            facts.add(fact("foreign key", name, f"({columns}) to {parent} ({to}) {action(deleted)} {action(updated)}"))
        for number in range(len(re.findall(r"\bCHECK\s*\(", sql, re.IGNORECASE))):
            facts.add(fact("check", f"{name}.{number + 1}"))
    return facts


def of_postgresql(server, database, schema):
    """The facts of one schema of a PostgreSQL database."""
    facts = set()
    space = f"(SELECT oid FROM pg_namespace WHERE nspname = '{schema}')"

    def ask(sql):
        return server.rows(database, sql)

    tables = f"FROM pg_class c WHERE c.relnamespace = {space} AND c.relkind IN ('r', 'p')"
    facts.update(fact("table", name) for (name,) in ask(f"SELECT relname {tables}"))
    for table, comment in ask(f"SELECT relname, upper(encode(convert_to(obj_description(c.oid), 'UTF8'), 'hex')) {tables} AND obj_description(c.oid) IS NOT NULL"):
        facts.add(fact("comment", table, comment))
    for table, column, required, default, generated, labels, comment, sequence in ask(
        "SELECT relname, attname, attnotnull, atthasdef AND attgenerated = '' AND pg_get_expr(adbin, adrelid) NOT LIKE 'nextval%' AND pg_get_expr(adbin, adrelid) NOT LIKE 'NULL%', "
        "attgenerated <> '', EXISTS (SELECT FROM pg_type t WHERE t.oid IN (a.atttypid, (SELECT typelem FROM pg_type e WHERE e.oid = a.atttypid)) AND typtype = 'e'), "
        "COALESCE(upper(encode(convert_to(col_description(c.oid, attnum), 'UTF8'), 'hex')), ''), "
        "COALESCE(pg_get_serial_sequence(quote_ident(nspname) || '.' || quote_ident(relname), attname), '') "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped "
        f"LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = attnum WHERE c.relnamespace = {space} AND c.relkind IN ('r', 'p')"
    ):
        name = f"{table}.{column}"
        facts.add(fact("column", name))
        if required == "t":
            facts.add(fact("NOT NULL", name))
        if default == "t":
            facts.add(fact("default", name))
        if generated == "t":
            facts.add(fact("generated column", name))
        if labels == "t":
            facts.update({fact("enum's list of values", name), fact("set's list of values", name)})
        if comment:
            facts.add(fact("comment", name, comment))
        if sequence:
            ((number,),) = ask(f"SELECT last_value + is_called::int * (SELECT seqincrement FROM pg_sequence WHERE seqrelid = '{sequence}'::regclass) FROM {sequence}")
            facts.add(fact("next number", name, int(number)))
    prefix = re.compile(r'^"?substr(?:ing)?"?\("?(\w+)"?(?:::text)?, 1, (\d+)\)$')
    for table, primary, unique, partial, parts in ask(
        "SELECT c.relname, indisprimary, indisunique, indpred IS NOT NULL, array_to_string(ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, false) FROM generate_series(1, indnkeyatts) k), E'\\x01') "
        f"FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = {space}"
    ):
        shown = []
        for part in parts.split("\x01"):
            found = prefix.match(part)
            shown.append(f"{found[1]}({found[2]})" if found else part.strip('"').replace('""', '"') if "(" not in part else "(expression)")
        kind = "primary key" if primary == "t" else "unique key" if unique == "t" else "index"
        facts.add(fact(kind + (" with a condition" if partial == "t" else ""), table, ",".join(shown)))
    actions = "CASE {} WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END"
    names = "(SELECT string_agg(attname, ',' ORDER BY k.o) FROM unnest({0}) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attnum = k.n AND a.attrelid = {1})"
    for table, columns, parent, to, deleted, updated in ask(
        f"SELECT conrelid::regclass, {names.format('conkey', 'conrelid')}, p.relname, {names.format('confkey', 'confrelid')}, "
        f"{actions.format('confdeltype')}, {actions.format('confupdtype')} FROM pg_constraint JOIN pg_class p ON p.oid = confrelid WHERE contype = 'f' AND connamespace = {space}"
    ):
        table = table.removeprefix(f"{schema}.").strip('"')
        facts.add(fact("foreign key", table, f"({columns}) to {parent} ({to}) {deleted} {updated}"))
    checks = {}
    for table, name in ask(f"SELECT r.relname, conname FROM pg_constraint JOIN pg_class r ON r.oid = conrelid WHERE contype = 'c' AND connamespace = {space} ORDER BY 1, 2"):
        facts.add(fact("check", f"{table}.{name}"))
        checks[table] = checks.get(table, 0) + 1
        facts.add(fact("check", f"{table}.{checks[table]}"))
    for table, name in ask(f"SELECT c.relname, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal AND c.relnamespace = {space}"):
        facts.add(fact("trigger", name))
        if name.startswith("on_update_current_timestamp"):
            facts.add(fact("updating trigger", table))
    facts.update(fact("view", name) for (name,) in ask(f"SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = {space}"))
    facts.update(fact("routine", name) for (name,) in ask(f"SELECT proname FROM pg_proc WHERE pronamespace = {space}"))
    facts.update(fact("partitions", name) for (name,) in ask(f"SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = {space}"))
    facts.update(fact("sequence", name) for (name,) in ask(f"SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = {space}"))
    return facts


def lost(source, target):
    """What `source` has and `target` has not, by kind."""
    updating = {name for kind, name, _ in target if kind == "updating trigger"}
    by_kind = {}
    for kind, name, detail in sorted(source, key=str):
        if kind == "ON UPDATE current_timestamp":
            there = name.split(".")[0] in updating
        elif kind == "foreign key" and " () " in detail:
            there = any(one == kind and other == name and text.startswith(detail.split(" () ")[0]) for one, other, text in target)
        else:
            there = (kind, name, detail) in target
        if not there:
            by_kind.setdefault(kind, []).append(f"{name} {detail}".strip() if kind != "comment" else name)
    return by_kind
