//! Tables unlike lineitem, each beside a raw copy of the same rows.

use super::copy::{ours, raw_copy};
use super::{Case, Running};
use crate::ground::Ground;
use crate::measure::{self, Stopwatch};
use crate::peers::{self, Missing};
use crate::record::Sample;

/// None may take more than this many times the raw copy.
const RATIO_MAX: f64 = 3.0;

const TABLES: usize = 5_000;

/// How many rows a scenario has at this scale.
fn rows(ground: &Ground, at_one: u64) -> u64 {
    ((at_one as f64 * ground.scale) as u64).max(10)
}

fn beside_raw_copy<'a>(ground: &'a Ground, name: &str, create: &str, fill: &str) -> Result<Case<'a>, Missing> {
    let rows = ground.made_by(name, &format!("{create}; {fill}"), "t");
    let ours = ours(ground, name.to_owned(), "", rows);
    Ok(Case::pair(ours, raw_copy(ground, name.to_owned(), "t", create.to_owned(), "", rows)?, RATIO_MAX))
}

pub fn wide(ground: &Ground) -> Result<Case<'_>, Missing> {
    let columns = |of: fn(usize) -> String| (0..500).map(of).collect::<Vec<_>>().join(", ");
    let kinds =
        columns(|index| format!("c{index} {}", ["integer", "text", "numeric(12,2)", "date", "bigint"][index % 5]));
    let values = columns(|index| match index % 5 {
        0 => format!("i + {index}"),
        1 => format!("'text ' || (i * {index} % 9973)"),
        2 => format!("(i * {index} % 1000000) / 100.0"),
        3 => format!("date '2000-01-01' + (i + {index}) % 9000"),
        _ => format!("i::bigint * {index}"),
    });
    let fill = format!("INSERT INTO t SELECT {values} FROM generate_series(1, {}) i", rows(ground, 60_000));
    beside_raw_copy(ground, "wide", &format!("CREATE TABLE t ({kinds})"), &fill)
}

pub fn narrow(ground: &Ground) -> Result<Case<'_>, Missing> {
    let fill =
        format!("INSERT INTO t SELECT i, i * 7 % 1000003 FROM generate_series(1, {}) i", rows(ground, 10_000_000));
    beside_raw_copy(ground, "narrow", "CREATE TABLE t (a integer NOT NULL, b integer NOT NULL)", &fill)
}

pub fn skewed(ground: &Ground) -> Result<Case<'_>, Missing> {
    let rows = rows(ground, 600_000);
    // The first hundredth of the rows holds values a hundred times as long as the others', kept as they are.
    let value = format!(
        "CASE WHEN i <= {} THEN (SELECT string_agg(md5((i * n)::text), '') FROM generate_series(1, 640) n) \
         ELSE repeat(md5(i::text), 6) END",
        rows / 100
    );
    let fill = format!("INSERT INTO t SELECT i, {value} FROM generate_series(1, {rows}) i");
    let create = "CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL); ALTER TABLE t ALTER v SET STORAGE EXTERNAL";
    beside_raw_copy(ground, "skewed", create, &fill)
}

pub fn text_keyed(ground: &Ground) -> Result<Case<'_>, Missing> {
    let fill = format!(
        "INSERT INTO t SELECT md5(i::text), i, 'value ' || i FROM generate_series(1, {}) i",
        rows(ground, 3_000_000)
    );
    let create = "CREATE TABLE t (k text PRIMARY KEY, n bigint, v text)";
    let case = beside_raw_copy(ground, "text_keyed", create, &fill)?;
    Ok(case.note("the raw copy has the key from the start"))
}

pub fn keyless(ground: &Ground) -> Result<Case<'_>, Missing> {
    let fill = format!(
        "INSERT INTO t SELECT i % 1000, 'value ' || i % 1000, now()::date FROM generate_series(1, {}) i",
        rows(ground, 5_000_000)
    );
    beside_raw_copy(ground, "keyless", "CREATE TABLE t (a integer, b text, c date)", &fill)
}

pub fn large_values(ground: &Ground) -> Result<Case<'_>, Missing> {
    // 10 MB that do not compress much, each row's its own.
    let value = "(SELECT string_agg(decode(md5((i * n)::text) || md5((i + n)::text), 'hex'), '') \
                 FROM generate_series(1, 312500) n)";
    let fill = format!("INSERT INTO t SELECT i, {value} FROM generate_series(1, {}) i", rows(ground, 60));
    beside_raw_copy(ground, "large_values", "CREATE TABLE t (id bigint PRIMARY KEY, v bytea)", &fill)
}

pub fn many_tables(ground: &Ground) -> Result<Case<'_>, Missing> {
    let (pg_dump, psql) = (peers::postgres("pg_dump")?, peers::postgres("psql")?);
    let tables = ((TABLES as f64 * ground.scale.min(1.0)) as usize).max(10);
    let rows = ground.many_tables("many_tables", tables);
    let ours = ours(ground, "many_tables".to_owned(), "", rows);
    let peer = Running::new("pg_dump piped into psql, unverified", "pg_dump SOURCE | psql TARGET", move || {
        ground.fresh_target();
        let (mut dump, mut load) = (pg_dump.command(), psql.command());
        dump.arg(ground.source().url("many_tables"));
        load.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", &ground.target().url("copy")]);
        let watch = Stopwatch::start();
        measure::pair(&mut dump, &mut load, true);
        Sample { seconds: watch.seconds(), rows, ..Sample::default() }
    });
    Ok(Case::pair(ours, peer, RATIO_MAX))
}
