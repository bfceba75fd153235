//! Beside other tools.

use sensei_tests::tpch::Table;

use super::{Case, Running, seconds};
use crate::ground::{Ground, Ours, end};
use crate::measure::{self, RUN_MAX};
use crate::peers::{self, Missing, Peer};
use crate::record::{Measure, Target};

/// TPC-H scale factor of the SQLite file: 4.2 million rows at a scale of 1.
const SQLITE_SCALE: f64 = 0.7;

/// Columns of lineitem: name, type in a plan, type in DuckDB.
const CSV_COLUMNS: [(&str, &str, &str); 16] = [
    ("l_orderkey", "int64", "BIGINT"),
    ("l_partkey", "int64", "BIGINT"),
    ("l_suppkey", "int64", "BIGINT"),
    ("l_linenumber", "int32", "INTEGER"),
    ("l_quantity", "decimal(15,2)", "DECIMAL(15,2)"),
    ("l_extendedprice", "decimal(15,2)", "DECIMAL(15,2)"),
    ("l_discount", "decimal(15,2)", "DECIMAL(15,2)"),
    ("l_tax", "decimal(15,2)", "DECIMAL(15,2)"),
    ("l_returnflag", "text", "VARCHAR"),
    ("l_linestatus", "text", "VARCHAR"),
    ("l_shipdate", "date", "DATE"),
    ("l_commitdate", "date", "DATE"),
    ("l_receiptdate", "date", "DATE"),
    ("l_shipinstruct", "text", "VARCHAR"),
    ("l_shipmode", "text", "VARCHAR"),
    ("l_comment", "text", "VARCHAR"),
];

pub fn sling(ground: &Ground) -> Result<Case<'_>, Missing> {
    let sling = peers::sling()?;
    let version = sling.version.clone();
    let (database, rows) = ground.tpch(&[Table::LineItem], ground.scale, false);
    let source = format!("{}?sslmode=disable", ground.source().tcp_url("postgres", &database));
    let target = ground.target().tcp_url("postgres", "copy");
    let ours = over_tcp(ground, end(&source), "", rows);
    let command = "sling run --src-conn SOURCE --src-stream public.lineitem --tgt-conn TARGET --tgt-object public.lineitem \
                   --mode full-refresh";
    let peer = Running::new("sling, unverified", command, move || {
        ground.fresh_target();
        let home = ground.fresh_folder("sling");
        let mut command = sling.command();
        command.env("HOME", &home).env("SLING_HOME_DIR", &home).args(["run", "--mode", "full-refresh"]);
        command.args(["--src-conn", &source, "--src-stream", "public.lineitem"]);
        command.args(["--tgt-conn", &format!("{target}?sslmode=disable"), "--tgt-object", "public.lineitem"]);
        let sample = measure::run(&mut command, RUN_MAX).sample(rows, &[0]);
        arrived(ground, "lineitem", rows);
        sample
    });
    Ok(Case::pair(ours, peer, 0.25).version("sling", &version))
}

pub fn mysql_pgloader(ground: &Ground) -> Result<Case<'_>, Missing> {
    let pgloader = peers::pgloader()?;
    let (port, rows) = ground.mariadb();
    let source = format!("mysql://bench@127.0.0.1:{port}/tpch");
    let ours = over_tcp(ground, end(&source), "", rows);
    let with = "include drop, create tables, create indexes, reset sequences, workers = 2, concurrency = 1, \
                prefetch rows = 10000";
    let rest = format!("WITH {with} ALTER SCHEMA 'tpch' RENAME TO 'public'");
    let case = beside_pgloader(ground, ours, pgloader, source, rest, &["lineitem", "orders"], rows);
    Ok(case.note("MariaDB: defaults (--innodb-use-native-aio=0 and --max-allowed-packet=64M apart)"))
}

pub fn sqlite_pgloader(ground: &Ground) -> Result<Case<'_>, Missing> {
    let pgloader = peers::pgloader()?;
    let (path, rows) = ground.sqlite(ground.scale * SQLITE_SCALE);
    let ours = over_tcp(ground, end(&format!("sqlite:{}", path.display())), "", rows);
    let with = "include drop, create tables, create indexes, reset sequences, workers = 2, concurrency = 1, \
                prefetch rows = 10000";
    let source = format!("sqlite://{}", path.display());
    Ok(beside_pgloader(ground, ours, pgloader, source, format!("WITH {with}"), &["lineitem"], rows))
}

fn beside_pgloader<'a>(
    ground: &'a Ground,
    ours: Running<'a>,
    pgloader: Peer,
    source: String,
    rest: String,
    tables: &'static [&'static str],
    rows: u64,
) -> Case<'a> {
    let version = pgloader.version.clone();
    let command = format!("pgloader job.load   # LOAD DATABASE FROM SOURCE INTO TARGET {rest}");
    let peer = Running::new("pgloader, unverified", &command, move || {
        ground.fresh_target();
        let folder = ground.fresh_folder("pgloader");
        let target = ground.target().tcp_url("postgres", "copy");
        let job = format!("LOAD DATABASE FROM {source} INTO {target}?sslmode=disable {rest};\n");
        std::fs::write(folder.join("job.load"), job).expect("the folder was just made");
        let mut command = pgloader.command();
        command.args(["--on-error-stop", "--root-dir"]).arg(&folder).arg(folder.join("job.load"));
        let measured = measure::run(&mut command, RUN_MAX);
        let sample = measured.sample(rows, &[0]);
        let count = |table: &&str| ground.target().psql("copy", &format!("SELECT count(*) FROM {table}"));
        let found: u64 = tables.iter().map(|table| count(table).parse::<u64>().expect("a count")).sum();
        assert_eq!(found, rows, "{}\n{}", measured.stdout, measured.stderr);
        sample
    });
    let memory = Target { measure: Measure::PeakKib, ..seconds(0.25) };
    Case::pair(ours, peer, 0.35).target(memory).version("pgloader", &version)
}

pub fn csv_parquet(ground: &Ground) -> Result<Case<'_>, Missing> {
    let duckdb = peers::duckdb()?;
    let version = duckdb.version.clone();
    let csv = ground.folder().join("lineitem.csv");
    let rows = ground.lineitem_csv(&csv, &CSV_COLUMNS.map(|(name, ..)| name).join("|"));
    let source = format!("{{ url: \"csv:{}\", csv: {{ delimiter: \"|\" }} }}", csv.display());
    let column = |(name, ours, _): &(&str, &str, &str)| format!("{name}: {{ type: \"{ours}\" }}");
    let columns = CSV_COLUMNS.iter().map(column).collect::<Vec<_>>().join(", ");
    let rules = format!("tables: {{ rules: [ {{ table: lineitem, columns: {{ {columns} }} }} ] }}\n");
    let ours = Running::new("sensei", "sensei run plan.yaml   # csv:lineitem.csv to parquet:out", move || {
        Ours::new(&source, &end("parquet:out"), &rules).run("run", "equivalent", rows)
    });
    let column = |(name, _, theirs): &(&str, &str, &str)| format!("'{name}': '{theirs}'");
    let columns = CSV_COLUMNS.iter().map(column).collect::<Vec<_>>().join(", ");
    let command =
        "duckdb: COPY (FROM read_csv('lineitem.csv', delim = '|', header = true, columns = …)) TO 'lineitem.parquet'";
    let peer = Running::new("DuckDB, unverified", command, move || {
        let out = ground.fresh_folder("duckdb").join("lineitem.parquet");
        let read = format!("read_csv('{}', delim = '|', header = true, columns = {{{columns}}})", csv.display());
        let copy = format!("COPY (FROM {read}) TO '{}' (FORMAT parquet)", out.display());
        let mut command = duckdb.command();
        command.args(["-c", "import duckdb, sys; duckdb.sql(sys.argv[1])", &copy]);
        measure::run(&mut command, RUN_MAX).sample(rows, &[0])
    });
    let case = Case::pair(ours, peer, 1.5).version("DuckDB", &version);
    Ok(case.note("both told the same column types, both with all cores; Python's start is in DuckDB's time"))
}

fn over_tcp<'a>(ground: &'a Ground, source: String, more: &'static str, rows: u64) -> Running<'a> {
    Running::new("sensei", "sensei run plan.yaml   # verify: full", move || {
        ground.fresh_target();
        let target = format!("{}?sslmode=disable", ground.target().tcp_url("postgres", "copy"));
        Ours::new(&source, &end(&target), more).run("run", "equivalent", rows)
    })
}

/// A tool that says it is done and is not has no speed.
fn arrived(ground: &Ground, table: &str, rows: u64) {
    let found = ground.target().psql("copy", &format!("SELECT count(*) FROM {table}"));
    assert_eq!(found, rows.to_string(), "rows of {table} in the target");
}
