"""Rows of both sides in one form, by SQL on each server, and where they differ."""

import json
import struct
from collections import Counter
from decimal import Decimal, InvalidOperation

TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "inet6", "inet4", "uuid"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
SHAPES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"}


def unhexed(text):
    return bytes.fromhex(text).decode("utf-8", errors="replace")


def moment(text):
    """Without the zeros of a fraction, and without the zone, which is UTC on both sides."""
    text = text.removesuffix("+00").replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return value.normalize() if value.is_finite() else str(value)


def single(text):
    return struct.pack("f", float(text)) if abs(float(text)) < 3.5e38 else text


def document(text):
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def truth(text):
    return {"true": Decimal(1), "false": Decimal(0)}.get(text, text)


class Mysql:
    """Reads a table of MySQL."""

    def __init__(self, server, database):
        self.server, self.database = server, database

    def columns(self, table):
        sql = (
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE "
            f"TABLE_SCHEMA = '{self.database}' AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION"
        )
        return self.server.rows(self.database, sql)

    def rows(self, table, columns):
        def shown(name, kind):
            name = f"`{name}`"
            if kind in TEXTS:
                return f"hex(convert({name} USING utf8mb4))"
            if kind in BYTES or kind in SHAPES:
                return f"hex({name})"
            if kind == "float":
                return f"CAST({name} AS DOUBLE)"
            if kind == "bit":
                return f"CAST({name} + 0 AS CHAR)"
            return f"CAST({name} AS CHAR)"

        return self.server.rows(self.database, f"SELECT {', '.join(shown(*column) for column in columns)} FROM `{table}`")

    @staticmethod
    def meaning(kind, text):
        if text == "NULL":
            return None
        if kind in TEXTS:
            text = unhexed(text)
            # MySQL pads the one and forgets the order of the other.
            return text if kind != "json" else document(text)
        if kind in BYTES:
            return text.lower()
        if kind in SHAPES:
            return text[8:].lower()
        if kind == "float":
            return single(text)
        if kind == "double":
            return float(text)
        if kind in ("date", "datetime", "timestamp"):
            return moment(text)
        if kind == "time":
            return moment(text)
        return number(text)


class Sqlite:
    """Reads a table of SQLite."""

    def __init__(self, connection):
        self.connection = connection

    def columns(self, table):
        return [(row[1], row[2].lower()) for row in self.connection.execute(f'PRAGMA table_xinfo("{table}")')]

    def rows(self, table, columns):
        names = ", ".join('"' + name.replace('"', '""') + '"' for name, _ in columns)
        return self.connection.execute(f'SELECT {names} FROM "{table}"').fetchall()

    @staticmethod
    def meaning(kind, value):
        if isinstance(value, bytes):
            return value.hex()
        if kind == "boolean" and value in ("f", "t"):
            return Decimal(value == "t")
        if isinstance(value, int):
            return number(str(value))
        if isinstance(value, float):
            return number(repr(value))
        if value is not None and ("date" in kind or "time" in kind):
            return moment(value)
        return value


class Postgresql:
    """Reads a table of PostgreSQL, whatever case its names have."""

    def __init__(self, server, database, schema):
        self.server, self.database, self.schema = server, database, schema
        names = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = "
        found = server.rows(database, f"{names}(SELECT oid FROM pg_namespace WHERE nspname = '{schema}')")
        self.tables = {name.lower(): name for (name,) in found}

    def place(self, table):
        quote = lambda name: '"' + name.replace('"', '""') + '"'
        return f"{quote(self.schema)}.{quote(self.tables[table.lower()])}"

    def columns(self, table):
        sql = (
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
            f"AND attrelid = '{self.place(table)}'::regclass ORDER BY attnum"
        )
        return self.server.rows(self.database, sql)

    def rows(self, table, columns):
        def shown(name, kind):
            name = '"' + name.replace('"', '""') + '"'
            if kind == "bytea":
                return f"encode({name}, 'hex')"
            if kind == "point":
                return f"encode('\\x0101000000'::bytea || point_send({name}), 'hex')"
            if kind.startswith("bit"):
                return f"{name}::bit(64)::bigint::text || ' ' || length({name})"
            if kind.endswith("[]"):
                return f"encode(convert_to(array_to_string({name}, ','), 'UTF8'), 'hex')"
            if kind in PLAIN:
                return f"{name}::text"
            return f"encode(convert_to({name}::text, 'UTF8'), 'hex')"

        return self.server.rows(self.database, f"SELECT {', '.join(shown(*column) for column in columns)} FROM {self.place(table)}")

    @staticmethod
    def meaning(kind, text, wanted):
        if text == "NULL":
            return None
        if kind == "bytea":
            return text
        if kind == "point":
            # The wire's doubles have their bytes in the other order than well-known binary as MySQL keeps it.
            x, y = text[10:26], text[26:42]
            return text[:10] + "".join(bytes.fromhex(part)[::-1].hex() for part in (x, y))
        if kind.startswith("bit"):
            # Shown as 64 bits, filled up on the right.
            bits, length = text.split(" ")
            return number(str((int(bits) % 2**64) >> (64 - int(length))))
        if kind == "boolean":
            return truth(text)
        if kind in ("real", "double precision") and wanted in ("float", "double"):
            return single(text) if wanted == "float" else float(text)
        if kind in ("timestamp with time zone", "timestamp without time zone", "date", "interval", "time without time zone"):
            return moment(text)
        if kind in PLAIN:
            return number(text)
        text = unhexed(text)
        return document(text) if wanted == "json" else text


PLAIN = {
    "smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "date", "interval",
    "timestamp with time zone", "timestamp without time zone", "time without time zone",
}  # fmt: skip


def shown(value):
    """A value in a document: short, and nothing that breaks a table."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        value = struct.unpack("f", value)[0]
    text = str(value).replace("|", "\\|").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    return f"`{text[:40]}`" if text else "empty"


def differences(source, target, tables, keys):
    """Per table the rows on each side and, per column, how many values differ with one pair of them. Rows are paired by
    their primary key; where there is none, only the multisets are compared."""
    found = {}
    for table in tables:
        if table.lower() not in target.tables:
            continue
        ours = source.columns(table)
        theirs = {name.lower(): (name, kind) for name, kind in target.columns(table)}
        both = [(column, theirs[column[0].lower()]) for column in ours if column[0].lower() in theirs]
        expected = [
            tuple(source.meaning(kind, cell) for cell, ((_, kind), _) in zip(row, both))
            for row in source.rows(table, [column for column, _ in both])
        ]
        actual = [
            tuple(target.meaning(kind, cell, ours[1]) for cell, (ours, (_, kind)) in zip(row, both))
            for row in target.rows(table, [column for _, column in both])
        ]
        found[table] = (len(expected), len(actual), *paired(expected, actual, [name for (name, _), _ in both], keys.get(table.lower(), [])))
    return found


def same(one, other):
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return one == other or (isinstance(one, Decimal) and isinstance(other, str) and number(other) == one)


def paired(expected, actual, names, key):
    """Columns that differ, as name → [count, expected, actual]; and how many rows have no partner."""
    lowered = [name.lower() for name in names]
    places = [lowered.index(part) for part in key] if key and all(part in lowered for part in key) else []
    of = lambda row: tuple(str(row[place]) for place in places)
    left, right = Counter(map(of, expected)), Counter(map(of, actual))
    if not places or max(left.values(), default=0) > 1 or max(right.values(), default=0) > 1:
        missing = Counter(map(str, expected)) - Counter(map(str, actual))
        return {}, sum(missing.values())
    rows = {of(row): row for row in actual}
    columns, missing = {}, 0
    for row in expected:
        other = rows.get(of(row))
        if other is None:
            missing += 1
            continue
        for name, one, two in zip(names, row, other):
            if not same(one, two):
                columns.setdefault(name, [0, one, two])[0] += 1
    return columns, missing
