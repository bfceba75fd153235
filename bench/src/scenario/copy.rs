//! From PostgreSQL to PostgreSQL.

use std::process::Command;

use sensei_tests::tpch::Table;

use super::{Case, Running};
use crate::ground::{Ground, Ours, end};
use crate::measure::{self, RUN_MAX, Stopwatch};
use crate::peers::{self, Missing, Peer};
use crate::record::Sample;

pub fn verified(ground: &Ground) -> Result<Case<'_>, Missing> {
    lineitem(ground, false, "", 1.5)
}

pub fn verified_keyed(ground: &Ground) -> Result<Case<'_>, Missing> {
    lineitem(ground, true, "", 1.5)
}

pub fn unverified(ground: &Ground) -> Result<Case<'_>, Missing> {
    lineitem(ground, false, "verify: off\n", 0.95)
}

fn lineitem<'a>(ground: &'a Ground, keyed: bool, more: &'static str, at_most: f64) -> Result<Case<'a>, Missing> {
    let (database, rows) = ground.tpch(&[Table::LineItem], ground.scale, keyed);
    let create = Table::LineItem.create().to_owned();
    let add_key = if keyed { Table::LineItem.add_key() } else { "" };
    let peer = raw_copy(ground, database.clone(), "lineitem", create, add_key, rows)?;
    Ok(Case::pair(ours(ground, database, more, rows), peer, at_most))
}

/// `sensei run` from a database of the source to the target.
pub fn ours<'a>(ground: &'a Ground, database: String, more: &'static str, rows: u64) -> Running<'a> {
    let command = format!("sensei run plan.yaml   # {}", if more.is_empty() { "verify: full" } else { more.trim() });
    Running::new("sensei", &command, move || {
        ground.fresh_target();
        let ours = Ours::new(&end(&ground.source().url(&database)), &end(&ground.target().url("copy")), more);
        // What nobody read back, nobody vouches for.
        let verdict = if more.contains("verify: off") { "inconclusive" } else { "equivalent" };
        ours.run("run", verdict, rows)
    })
}

/// Binary COPY of one table from server to server, and `after` in the end.
pub fn raw_copy<'a>(
    ground: &'a Ground,
    database: String,
    table: &'static str,
    create: String,
    after: &'static str,
    rows: u64,
) -> Result<Running<'a>, Missing> {
    let psql = peers::postgres("psql")?;
    let mut command = format!(
        "psql SOURCE -c 'COPY {table} TO STDOUT (FORMAT binary)' | psql TARGET -c 'COPY {table} FROM STDIN (FORMAT binary)'"
    );
    if !after.is_empty() {
        command += &format!(" && psql TARGET -c '{after}'");
    }
    Ok(Running::new("psql COPY, unverified", &command, move || {
        ground.fresh_target();
        ground.target().psql("copy", &create);
        let mut read =
            client(&psql, &ground.source().url(&database), &format!("COPY {table} TO STDOUT (FORMAT binary)"));
        let mut write =
            client(&psql, &ground.target().url("copy"), &format!("COPY {table} FROM STDIN (FORMAT binary)"));
        let watch = Stopwatch::start();
        measure::pair(&mut read, &mut write, true);
        if !after.is_empty() {
            ground.target().psql("copy", after);
        }
        Sample { seconds: watch.seconds(), rows, ..Sample::default() }
    }))
}

/// `psql` with one statement.
pub fn client(psql: &Peer, url: &str, sql: &str) -> Command {
    let mut command = psql.command();
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql]);
    command
}

pub fn dump_restore(ground: &Ground) -> Result<Case<'_>, Missing> {
    let (pg_dump, pg_restore) = (peers::postgres("pg_dump")?, peers::postgres("pg_restore")?);
    let (database, rows) = ground.tpch(&[Table::LineItem, Table::Orders], ground.scale, true);
    let source = database.clone();
    let command = "pg_dump -Fd -j2 -Z0 -f dump SOURCE && pg_restore -j2 -d TARGET dump";
    let peer = Running::new("pg_dump and pg_restore, unverified", command, move || {
        ground.fresh_target();
        let dump = ground.fresh_folder("dump").join("dump");
        let mut dumping = pg_dump.command();
        dumping.args(["-Fd", "-j2", "-Z0", "-f"]).arg(&dump).arg(ground.source().url(&source));
        let dumped = measure::run(&mut dumping, RUN_MAX).sample(rows, &[0]);
        let mut restoring = pg_restore.command();
        restoring.args(["-j2", "-d", &ground.target().url("copy")]).arg(&dump);
        let restored = measure::run(&mut restoring, RUN_MAX).sample(rows, &[0]);
        Sample { seconds: dumped.seconds + restored.seconds, ..restored }
    });
    Ok(Case::pair(ours(ground, database, "", rows), peer, 0.7))
}
