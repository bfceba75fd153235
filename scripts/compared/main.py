"""Both tools on the same inputs, measured by SQL; writes a document in Markdown to standard output."""

import contextlib
import io
import os
import sqlite3
import subprocess
import sys

import inputs
import schema
import values
from servers import Servers
from tools import pgloader, sensei

#: One line for each input and tool.
SUMMARY = [["input", "tool", "exit code", "tables", "rows", "objects and properties lost, of them told", "columns with other values, of them told"]]

#: Kinds of facts that are told with their table's name.
OF_TABLES = {"primary key", "unique key", "index", "index with a condition", "foreign key", "partitions", "fulltext index", "spatial index"}

#: Names of one kind that are listed in a cell.
NAMED_MAX = 4


class Side:
    """What one tool made of one input."""

    def __init__(self, ended, facts, found, lost):
        self.ended, self.facts, self.found, self.lost = ended, facts, found, lost


def look(servers, ended, database, space, source_facts, reader):
    """The state of a target after a run."""
    facts = schema.of_postgresql(servers.postgresql, database, space)
    tables = sorted({name for kind, name, _ in source_facts if kind == "table"})
    keys = {name: detail.split(",") for kind, name, detail in source_facts if kind == "primary key"}
    target = values.Postgresql(servers.postgresql, database, space)
    found = values.differences(reader, target, reader.names(tables), keys)
    return Side(ended, facts, found, schema.lost(source_facts, facts))


def names_of(item, kind):
    """The words by which a tool would name what was lost: of a column its table's and its own, of a key its table's."""
    if kind in OF_TABLES:
        return [item.split(" (")[0].rsplit(" ", 1)[0] if kind != "foreign key" else item.split(" (")[0]]
    if kind == "next number":
        item = item.rsplit(" ", 1)[0]
    return item.split(".", 1)


def cell(items, kind, ended):
    """Lost things of one kind, and how many of them the tool named."""
    if not items:
        return "all arrived"
    told = sum(ended.tells(*names_of(item, kind)) for item in items)
    shown = ", ".join(f"`{item}`".replace("|", "\\|") for item in items[:NAMED_MAX])
    more = f" and {len(items) - NAMED_MAX} more" if len(items) > NAMED_MAX else ""
    return f"{len(items)} lost, {told} of them told: {shown}{more}"


def table(rows):
    print("| " + " | ".join(rows[0]) + " |\n|" + " --- |" * len(rows[0]))
    for row in rows[1:]:
        print("| " + " | ".join(row) + " |")
    print()


def section(title, note, source_facts, sides):
    """One input's part of the document. `sides`: Sensei's and pgloader's."""
    print(f"## {title}\n\n{note}\n")
    rows = [["", "Sensei", "pgloader"]]
    rows.append(["exit code", *(str(side.ended.code) for side in sides)])
    rows.append(["seconds", *(f"{side.ended.seconds:.1f}" for side in sides)])
    rows.append(["what it says", *(side.ended.headline.replace("|", "\\|").replace("\n", " ")[:260] for side in sides)])
    wanted = sum(kind == "table" for kind, _, _ in source_facts)
    rows.append([f"tables, of {wanted}", *(str(wanted - len(side.lost.get("table", []))) for side in sides)])
    expected = max(sum(ours for ours, *_ in side.found.values()) for side in sides)
    arrived = [sum(actual for _, actual, *_ in side.found.values()) for side in sides]
    rows.append([f"rows, of {expected}", *map(str, arrived)])
    # Where no table arrived, all that belongs to tables is missing too.
    there = [len(side.lost.get("table", [])) < wanted for side in sides]
    kinds = sorted({kind for side in sides for kind in side.lost} - {"table", "column"}) if any(there) else []
    count = lambda kind: sum(one == kind for one, _, _ in source_facts)
    for kind in kinds:
        rows.append([f"{kind}, of {count(kind)}", *(cell(side.lost.get(kind, []), kind, side.ended) if some else "-" for side, some in zip(sides, there))])
    whole = sorted({kind for kind, _, _ in source_facts} - set(kinds) - {"table", "column"})
    if whole and all(there):
        rows.append(["arrived whole on both sides", *[", ".join(f"{kind} ({count(kind)})" for kind in whole)] * 2])
    invented = [sorted(name for kind, name, _ in side.facts - source_facts if kind == "default") for side in sides]
    if any(invented):
        rows.append(["defaults that the source has not", *(", ".join(map("`{}`".format, items)) or "none" for items in invented)])
    table(rows)
    if any(there):
        differing(sides)
    for tool, side, some in zip(("Sensei", "pgloader"), sides, there):
        lost = [(item, kind) for kind, items in side.lost.items() if kind not in ("table", "column") for item in items]
        told_of = sum(side.ended.tells(*names_of(item, kind)) for item, kind in lost)
        columns = [(name, column) for name, found in side.found.items() for column in found[2]]
        SUMMARY.append([
            title, tool, side.ended.code, f"{wanted - len(side.lost.get('table', []))} of {wanted}", f"{sum(actual for _, actual, *_ in side.found.values())}",
            f"{len(lost)}, {told_of}" if some else "-", f"{len(columns)}, {sum(side.ended.tells(*pair) for pair in columns)}" if some else "-",
        ])  # fmt: skip


def differing(sides):
    columns = sorted({(name, column) for side in sides for name, found in side.found.items() for column in found[2]})
    unpaired = [(name, [side.found[name][3] if name in side.found else None for side in sides]) for name in sides[0].found | sides[1].found]
    unpaired = [(name, counts) for name, counts in unpaired if any(counts)]
    if not columns and not unpaired:
        print("No value differs on either side.\n")
        return
    rows = [["value", "in the source", "Sensei", "pgloader"]]
    for name, column in columns:
        found = [side.found.get(name, (0, 0, {}, 0))[2].get(column) for side in sides]
        source = next(one for one in found if one)
        rows.append([f"`{name}.{column}`", values.shown(source[1]), *(
            f"{one[0]} differ, such as {values.shown(one[1])} → {values.shown(one[2])}, {told(side.ended, name, column)}" if one else same_in(side, name)
            for one, side in zip(found, sides))])
    for name, counts in unpaired:
        rows.append([f"rows of `{name}` without their like", "", *("no table" if count is None else str(count) + (f", {told(side.ended, name)}" if count else "") for count, side in zip(counts, sides))])
    table(rows)


def same_in(side, name):
    if name not in side.found:
        return "no table"
    expected, actual, *_ = side.found[name]
    return "same" if actual == expected else "same in the rows that arrived" if actual else "no row arrived"


def told(ended, *names):
    return "told" if ended.tells(*names) else "untold"


class MysqlReader(values.Mysql):
    def names(self, tables):
        sql = f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{self.database}' AND TABLE_TYPE = 'BASE TABLE'"
        return sorted(name for (name,) in self.server.rows(self.database, sql))


class SqliteReader(values.Sqlite):
    def names(self, tables):
        found = [name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return sorted(name for name in found if name.lower() in tables)


def folder(servers, name):
    path = f"{servers.folder}/{name}"
    os.mkdir(path)
    return path


def of_mysql(servers, title, note, database, script, rules="", casts=()):
    print(f"{title} …", file=sys.stderr)
    servers.mariadb.load(database, script)
    facts = schema.of_mysql(servers.mariadb, database)
    reader = MysqlReader(servers.mariadb, database)
    postgresql = servers.postgresql
    for tool in ("sensei", "pgloader"):
        postgresql.create(f"{database}_{tool}")
    ours, _ = sensei(folder(servers, f"{database}-sensei"), servers.mariadb.url(database), postgresql.url(f"{database}_sensei"), rules)
    theirs, _ = pgloader(folder(servers, f"{database}-pgloader"), *casts, servers.mariadb.pgloader_url(database), postgresql.pgloader_url(f"{database}_pgloader"))
    section(title, note, facts, [
        look(servers, ours, f"{database}_sensei", "public", facts, reader),
        look(servers, theirs, f"{database}_pgloader", database, facts, reader),
    ])


def of_sqlite(servers, title, note, name, make, rules=""):
    print(f"{title} …", file=sys.stderr)
    path = make(folder(servers, name))
    for tool in ("sensei", "pgloader"):
        servers.postgresql.create(f"{name}_{tool}")
    ours, _ = sensei(folder(servers, f"{name}-sensei"), f"sqlite:{path}", servers.postgresql.url(f"{name}_sensei"), rules)
    theirs, _ = pgloader(folder(servers, f"{name}-pgloader"), f"sqlite://{path}", servers.postgresql.pgloader_url(f"{name}_pgloader"))
    connection = sqlite3.connect(path)
    facts, reader = schema.of_sqlite(connection), SqliteReader(connection)
    section(title, note, facts, [look(servers, ended, f"{name}_{tool}", "public", facts, reader) for tool, ended in (("sensei", ours), ("pgloader", theirs))])


def of_csv(servers, title, note, name, content):
    print(f"{title} …", file=sys.stderr)
    results = []
    for tool in ("sensei", "pgloader"):
        database, place = f"{name}_{tool}", folder(servers, f"{name}-{tool}")
        path = f"{place}/trouble.csv"
        with open(path, "wb") as file:
            file.write(content)
        servers.postgresql.create(database)
        servers.postgresql.rows(database, inputs.TROUBLE_TABLE)
        if tool == "sensei":
            ended, troubles = sensei(place, f"csv:{path}", servers.postgresql.url(database), "rejects: { max: 10 }\n")
        else:
            command = f"{place}/trouble.load"
            with open(command, "w", encoding="utf-8") as file:
                file.write(
                    f"LOAD CSV FROM '{path}' HAVING FIELDS (id, name, amount, day, note) INTO {servers.postgresql.pgloader_url(database)} TARGET TABLE trouble "
                    "TARGET COLUMNS (id, name, amount, day, note) WITH skip header = 1, fields optionally enclosed by '\"', "
                    "fields escaped by double-quote, fields terminated by ',';\n"
                )
            ended, troubles = pgloader(place, command)
        rows = servers.postgresql.rows(database, "SELECT id, to_json(name), amount, coalesce(day::text, 'NULL'), coalesce(to_json(note)::text, 'NULL') FROM trouble ORDER BY id")
        results.append((ended, troubles, rows))
    print(f"## {title}\n\n{note}\n")
    table([
        ["", "Sensei", "pgloader"],
        ["exit code", *(str(ended.code) for ended, *_ in results)],
        ["what it says", *(ended.headline.replace("\n", " ")[:260] for ended, *_ in results)],
        ["rows in the table", *(str(len(rows)) for *_, rows in results)],
        *[[f"record {id}", *(next((", ".join(row[1:]) for row in rows if row[0] == id), "not there") for *_, rows in results)] for id in "1 2 3 4 5 6 7 8 10".split() if f"\n{id},".encode() in content],
        ["its words on what it left out", *("; ".join(line.replace("|", "\\|").replace("\n", " ")[:230] for line in troubles if "WARNING" not in line) or "none" for _, troubles, _ in results)],
    ])


def version(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().split("\n")[0]


HEAD = """# Sensei and pgloader on the same inputs

Written by `scripts/compare-pgloader.sh`, which starts its own servers and loads, migrates and compares everything anew. What each
tool made of an input is read from PostgreSQL's catalog and, value by value, from its tables; nothing here is taken from a
tool's own account but the rows "what it says" and the word *told*.

Versions: {versions}.

- Both tools run with their defaults, unless a section says otherwise. MariaDB's clock is in +03:00, PostgreSQL's in UTC.
- *Told*: one error, warning, rejected row or line of the report has the thing's name and its table's (for keys and indexes, its table's). pgloader's
  table of counts is no telling of what was left out. *Lost*: not in the target in a form that does the same.
- Rows are paired by primary key and compared column by column; those of a table without a key are compared whole.
- The MySQL side is MariaDB. What either tool makes of MySQL 8, whose catalog spells defaults in other ways, was not measured here.
- Names are compared without regard to case: pgloader lowers all of them unless told `quote identifiers`, Sensei keeps them.
- pgloader reads each table by itself, without a snapshot, and compares nothing afterwards; Sensei reads all rows back and compares them, which is part of its
  seconds. pgloader makes a schema named after the MySQL database, Sensei writes to `public`.

What pgloader does and Sensei does not: it makes triggers for `ON UPDATE CURRENT_TIMESTAMP`, loads well-formed rows around broken ones without being
asked (Sensei stops unless the plan allows rejects), and has casts for MySQL's `set` (an array of an enumeration) and `point` (a native point). What both leave
out: views, routines and triggers of another system. Where they differ otherwise is below.
"""


def run(servers):
    of_mysql(servers, "MySQL: Chinook", "A shop for music: plain types and foreign keys.", "chinook", inputs.chinook())
    of_mysql(servers, "MySQL: Sakila", "A rental shop: enumerations, sets, years, geometry, blobs, views, triggers, routines.", "sakila", inputs.sakila())
    of_mysql(servers, "MySQL: employees", "Composite keys with dates, views.", "employees", inputs.employees())
    of_mysql(servers, "MySQL: an ERP system, as it is", "`tests/tests/mysql/corpora/erp.mysql.sql`: latin1, zero dates, times beyond a day, generated columns, checks. Neither tool was told anything about it.", "erp", inputs.erp())
    of_mysql(servers, "MySQL: the same ERP system, helped", "Without the default on which pgloader gives up the schema, the character set cp1250 at which it ends (`26 fell through ECASE expression`) and the MyISAM table that Sensei refuses; and with rules for Sensei: times are intervals, dates that do not exist become NULL, NUL characters are taken out, ten rejects are allowed. pgloader gets the cast of times to intervals.", "erp_helped", inputs.erp_without_stoppers(), inputs.ERP_RULES, ["--cast", "type time to interval"])
    of_mysql(servers, "MySQL: each type for itself", "A table for each type, with values that make trouble (`VALUES` in `scripts/compared/inputs.py`). Sensei has the rules of the section before, pgloader its defaults.", "types", inputs.each_type(), inputs.ERP_RULES)
    of_sqlite(servers, "SQLite: Chinook", "The same shop, from its authors' SQLite file.", "chinook_sqlite", inputs.sqlite_chinook)
    of_sqlite(servers, "SQLite: an old application", "`tests/tests/mysql/corpora/old.sqlite.sql`: declared types that values do not keep to, quoted names. Sensei is allowed ten rejects.", "old", inputs.sqlite_old, inputs.OLD_RULES)
    of_csv(servers, "CSV with trouble", "Ten records into a table that is there, half of them broken. Sensei is allowed ten rejects.", "csv", inputs.TROUBLE)
    of_csv(servers, "CSV with trouble, all of it UTF-8", "The same without record 6.", "csv_utf8", inputs.TROUBLE_IN_UTF8)


def main():
    with Servers() as servers:
        ((postgresql,),) = servers.postgresql.rows("postgres", "SHOW server_version")
        ((mariadb,),) = servers.mariadb.rows("", "SELECT version()")
        package = version(["dpkg-query", "-W", "-f", "${Version}", "pgloader"])
        own = version(["pgloader", "--version"])
        head = HEAD.format(versions=f"{version([os.environ['SENSEI'], '--version'])}; pgloader, Debian package {package} (which calls itself: {own}); MariaDB {mariadb}; PostgreSQL {postgresql}")
        with contextlib.redirect_stdout(io.StringIO()) as sections:
            run(servers)
    print(head)
    print("## In short\n")
    table(SUMMARY)
    print(sections.getvalue().strip())


main()
