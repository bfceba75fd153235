//! Rows of both servers as text that either can write, so that SQL on both sides is the oracle.

use sensei_tests::{mysql, postgres};

/// Tables of schema `public` in name order, without partitions of others.
pub(super) fn postgresql_tables(server: &postgres::Server, database: &str) -> Vec<String> {
    let sql = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition \
               AND relnamespace = 'public'::regnamespace ORDER BY relname COLLATE \"C\"";
    server.psql(database, sql).lines().map(str::to_owned).collect()
}

/// How PostgreSQL writes the columns whose values MySQL writes alike, with their names: whole numbers, decimals, texts,
/// labels, truth, bytes, dates and times. The others have tests of their own.
fn postgresql_columns(server: &postgres::Server, database: &str, table: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT attname, CASE WHEN typtype = 'e' THEN 'label' ELSE format_type(atttypid, NULL) END FROM pg_attribute \
         JOIN pg_type t ON t.oid = atttypid WHERE attrelid = '\"{table}\"'::regclass AND attnum > 0 \
         AND NOT attisdropped AND (typname <> 'numeric' OR atttypmod >= 0) ORDER BY attnum"
    );
    let found = server.psql(database, &sql);
    let columns = found.lines().filter_map(|line| {
        let (name, kind) = line.rsplit_once('|')?;
        let quoted = format!("\"{name}\"");
        let written = match kind {
            "boolean" => format!("encode(convert_to({quoted}::integer::text, 'UTF8'), 'hex')"),
            "bytea" => format!("upper(encode({quoted}, 'hex'))"),
            "timestamp with time zone" => format!("to_char({quoted} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"),
            "timestamp without time zone" => format!("to_char({quoted}, 'YYYY-MM-DD HH24:MI:SS.US')"),
            // Not a cast to text, which would cut the blanks that character(n) has.
            "smallint" | "integer" | "bigint" | "numeric" | "text" | "character varying" | "character" | "date"
            | "label" => format!("upper(encode(convert_to(format('%s', {quoted}), 'UTF8'), 'hex'))"),
            _ => return None,
        };
        Some((name.to_owned(), format!("CASE WHEN {quoted} IS NULL THEN '-' ELSE {written} END")))
    });
    columns.collect()
}

fn postgresql_rows(server: &postgres::Server, database: &str, table: &str, written: &[String]) -> Vec<String> {
    let sql = format!("SELECT concat_ws('|', {}) FROM \"{table}\"", written.join(", "));
    sorted(&server.psql(database, &sql))
}

/// The same columns as MySQL writes them, in UTC.
fn mysql_rows(server: &mysql::Server, database: &str, table: &str, columns: &[String]) -> Vec<String> {
    let sql = format!(
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}' AND TABLE_NAME = '{table}'"
    );
    let kinds = server.sql("", &sql);
    let kind = |name: &String| {
        let of = kinds.lines().filter_map(|line| line.split_once('\t')).find(|(column, _)| column == name);
        of.unwrap_or_else(|| panic!("no column {name} of {table}")).1
    };
    let written = columns.iter().map(|name| {
        let quoted = format!("`{name}`");
        let written = match kind(name) {
            "datetime" | "timestamp" => format!("DATE_FORMAT({quoted}, '%Y-%m-%d %H:%i:%s.%f')"),
            "blob" | "mediumblob" | "longblob" | "varbinary" | "binary" => format!("HEX({quoted})"),
            // The number of the reference system stands before the shape.
            "geometry" | "point" => format!("SUBSTR(HEX({quoted}), 9)"),
            _ => format!("HEX(CAST({quoted} AS CHAR CHARACTER SET utf8mb4))"),
        };
        format!("COALESCE({written}, '-')")
    });
    let written = written.collect::<Vec<_>>().join(", ");
    sorted(&server.sql(database, &format!("SET time_zone = '+00:00'; SELECT CONCAT_WS('|', {written}) FROM `{table}`")))
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn compare(table: &str, one: &[String], other: &[String]) {
    // Not assert_eq: the message would hold the whole table.
    let difference = one.iter().zip(other).find(|(one, other)| one != other);
    assert!(one == other, "{table}, {} and {} rows: {difference:?}", one.len(), other.len());
}

/// Insists that every table of the MySQL database has the same rows in PostgreSQL; returns how many there are.
pub(super) fn same_in_both(my: (&mysql::Server, &str), pg: (&postgres::Server, &str), tables: &[String]) -> usize {
    let mut count = 0;
    for table in tables {
        let columns = postgresql_columns(pg.0, pg.1, table);
        assert!(!columns.is_empty(), "{table}");
        let (names, written): (Vec<String>, Vec<String>) = columns.into_iter().unzip();
        let rows = postgresql_rows(pg.0, pg.1, table, &written);
        compare(table, &mysql_rows(my.0, my.1, table, &names), &rows);
        count += rows.len();
    }
    count
}

/// Insists that two tables of MySQL databases have the same rows, whatever their columns' types.
pub(super) fn same_in_mysql(server: &mysql::Server, one: (&str, &str), other: (&str, &str)) {
    let columns = |(database, table): (&str, &str)| {
        let sql = format!(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}' \
             AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION"
        );
        server.sql("", &sql).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = |place: (&str, &str)| mysql_rows(server, place.0, place.1, &columns(place));
    compare(one.1, &rows(one), &rows(other));
}

/// Insists that two tables of PostgreSQL databases have the same rows as PostgreSQL itself writes them.
pub(super) fn same_in_postgresql(server: &postgres::Server, one: (&str, &str), other: (&str, &str)) {
    let rows =
        |(database, table): (&str, &str)| sorted(&server.psql(database, &format!("SELECT x::text FROM \"{table}\" x")));
    compare(one.1, &rows(one), &rows(other));
}
