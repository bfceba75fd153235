"""The inputs: corpora that nobody on this project wrote, and three small ones made of what databases really have."""

import os
import re
import shutil
import sqlite3

INVENTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/tests/mysql/corpora")
CORPORA = os.environ["SENSEI_CORPORA"]

#: What an `erp` needs so that both tools can load it: a rule of Sensei's for each kind of value that PostgreSQL lacks.
ERP_RULES = """types:
  - { from: "mysql:time", to: interval }
  - { from: "mysql:date", zero_dates: nullify }
  - { from: "mysql:datetime", zero_dates: nullify }
  - { from: "mysql:varchar(10)", nul_characters: remove }
rejects: { max: 10 }
"""

#: Type, and values of it. A table for each, so that what goes wrong in one hides no other.
VALUES = [
    ("tinyint(1)", "0", "1", "2", "-1"),
    ("int unsigned", "4294967295"),
    ("bigint unsigned", "18446744073709551615"),
    ("decimal(65,30)", "99999999999999999999999999999999999.999999999999999999999999999999"),
    ("float", "123456.1", "1e-30", "16777217"),
    ("double", "0.1", "1.7976931348623157e308", "5e-324"),
    ("bit(1)", "b'0'", "b'1'"),
    ("bit(8)", "b'10000001'"),
    ("bit(12)", "b'101'"),
    ("year", "1901", "2155", "0"),
    ("date", "'2024-02-29'", "'0000-00-00'"),
    ("date", "'2020-00-00'", "'1999-02-31'"),
    ("datetime", "'9999-12-31 23:59:59'", "'0000-00-00 00:00:00'"),
    ("datetime(6)", "'2024-01-01 00:00:00.000001'"),
    ("timestamp(6) NULL", "'2024-07-01 12:00:00.5'"),
    ("time", "'23:59:59'"),
    ("time", "'838:59:59'", "'-12:00:01'"),
    ("time(6)", "'00:00:00.000001'"),
    ("enum('', 'a', 'it''s')", "''", "'it''s'"),
    ("set('a', 'b', 'c')", "'a,c'", "''"),
    ("varchar(20) CHARACTER SET latin1", "'Größe – 5 €'"),
    ("varchar(20) CHARACTER SET cp1251", "'Привет'"),
    ("varchar(20)", "'🚚'", "''", "NULL"),
    ("varchar(10)", "concat('a', char(0), 'b')"),
    ("char(5)", "'ab'"),
    ("text", "'tab\\tline\\nback\\\\slash'"),
    ("blob", "x'00ff5c'", "''"),
    ("binary(4)", "x'01'"),
    ("json", "'{\"a\": [1.0, null, \"ü\"]}'"),
    ("point", "ST_GeomFromText('POINT(13.4 52.5)')"),
    ("polygon", "ST_GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))')"),
]

OLD_RULES = "rejects: { max: 10 }\n"


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def without_database(script):
    """Without the statements by which a dump makes a database of its own."""
    own = re.compile(r"\s*(DROP|CREATE) (DATABASE|SCHEMA)|\s*USE ", re.IGNORECASE)
    return "\n".join(line for line in script.split("\n") if not own.match(line))


def chinook():
    script = without_database(read(f"{CORPORA}/chinook/Chinook_MySql.sql"))
    return "SET sql_mode = 'NO_BACKSLASH_ESCAPES';\n" + script


def sakila():
    # MariaDB knows no number of a reference system in a column's type.
    schema = read(f"{CORPORA}/sakila-mysql/sakila-schema.sql").replace("/*!80003 SRID 0 */", "")
    return without_database(schema + "\n" + read(f"{CORPORA}/sakila-mysql/sakila-data.sql"))


def employees():
    folder = f"{CORPORA}/employees/mysql"
    lines = []
    for line in read(f"{folder}/employee.sql").split("\n"):
        part = re.match(r"\s*source\s+(.*?)\s*;?\s*$", line, re.IGNORECASE)
        # The last part only tells how long it took.
        lines.append(line if not part else "" if "elapsed" in part[1] else read(f"{folder}/{part[1]}"))
    return without_database("\n".join(lines))


def erp():
    return read(f"{INVENTED}/erp.mysql.sql")


def erp_without_stoppers():
    """Without what stops either tool at once: a default on which pgloader 3.6.9 gives the whole schema up, a character set
    that it does not know (26, cp1250), and a table in an engine that Sensei does not read."""
    mended = "ALTER TABLE article ALTER seen DROP DEFAULT; ALTER TABLE `no key` ENGINE = InnoDB, MODIFY b varchar(10) CHARACTER SET latin2;"
    return f"{erp()}\n{mended}\n"


def sqlite_chinook(folder):
    return shutil.copy(f"{CORPORA}/chinook/Chinook_Sqlite.sqlite", f"{folder}/chinook.db")


def sqlite_old(folder):
    path = f"{folder}/old.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(read(f"{INVENTED}/old.sqlite.sql"))
    connection.close()
    return path


#: The table that both tools load the CSV file into.
TROUBLE_TABLE = (
    "CREATE TABLE trouble (id integer PRIMARY KEY, name text NOT NULL, amount numeric(10,2), day date, note text)"
)

#: Records: what is wrong with some of them stands in the last column.
TROUBLE = (
    b"id,name,amount,day,note\n"
    b"1,plain,1.50,2024-01-01,good\n"
    b'2,"comma, quote "" and\nline end",2.00,2024-01-02,good\n'
    b'3,"",3.00,2024-01-03,good: an empty text that is not NULL\n'
    b"4,  blanks  ,4.00,,good: blanks belong to the text\n"
    b"5,Zo\xc3\xab \xf0\x9f\x9a\x9a,5.00,2024-01-05,good\n"
    b"6,Zo\xeb,6.00,2024-01-06,a byte that is no UTF-8\n"
    b"7,digits,7.005,2024-01-07,a third digit after the point\n"
    b"8,day,8.00,2024-02-30,a day that does not exist\n"
    b"1,again,9.00,2024-01-09,a key that was there\n"
    b"10,short,10.00\n"
)

#: The same without the byte at which pgloader stops reading the file.
TROUBLE_IN_UTF8 = b"".join(line for line in TROUBLE.splitlines(keepends=True) if not line.startswith(b"6,"))


def each_type():
    """A table for each entry of [`VALUES`], named after its type."""
    script = ["SET NAMES utf8mb4; SET sql_mode = 'ALLOW_INVALID_DATES';"]
    names = set()
    for native, *values in VALUES:
        name = re.sub(r"\W+", "_", native.lower()).strip("_")
        while name in names:
            name += "_2"
        names.add(name)
        rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values, 1))
        script.append(f"CREATE TABLE `{name}` (id int PRIMARY KEY, v {native}); INSERT INTO `{name}` VALUES {rows};")
    return "\n".join(script)
