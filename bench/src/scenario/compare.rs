//! `sensei verify`: both sides as they stand.

use std::process::Command;

use sensei_tests::tpch::Table;

use super::copy::client;
use super::{Case, Running};
use crate::ground::{Ground, Ours, end};
use crate::measure::{self, RUN_MAX};
use crate::peers::{self, Missing};
use crate::record::Sample;

/// One row in so many differs where tables must differ.
const EVERY_NTH_DIFFERS: u64 = 6_000;

/// A sum that does not depend on the order of rows, made of the first 60 bits of each row's md5.
const SUM: &str = "SELECT count(*), sum(('x0' || substr(md5(t::text), 1, 15))::bit(64)::bigint) FROM lineitem t";

fn ours<'a>(ground: &'a Ground, database: &str, verdict: &'static str, rows: u64) -> Running<'a> {
    let source = end(&ground.source().url(database));
    Running::new("sensei verify", "sensei verify plan.yaml", move || {
        Ours::new(&source, &end(&ground.target().url("tpch")), "").run("verify", verdict, rows)
    })
}

pub fn md5(ground: &Ground) -> Result<Case<'_>, Missing> {
    let psql = peers::postgres("psql")?;
    let (database, rows) = ground.tpch(&[Table::LineItem], ground.scale, true);
    ground.tpch_on_target(Table::LineItem, ground.scale);
    restore(ground);
    let ours = ours(ground, &database, "equivalent", rows);
    let command = format!("psql SOURCE -c \"{SUM}\" & psql TARGET -c \"{SUM}\"; wait");
    let peer = Running::new("sum of md5 on both servers at once", &command, move || {
        let mut one = client(&psql, &ground.source().url(&database), SUM);
        let mut other = client(&psql, &ground.target().url("tpch"), SUM);
        let seconds = measure::pair(&mut one, &mut other, false);
        Sample { seconds, rows, ..Sample::default() }
    });
    Ok(Case::pair(ours, peer, 0.6))
}

pub fn reladiff(ground: &Ground) -> Result<Case<'_>, Missing> {
    let reladiff = peers::reladiff()?;
    let version = reladiff.version.clone();
    let (database, rows) = ground.tpch(&[Table::LineItem], ground.scale, true);
    ground.tpch_on_target(Table::LineItem, ground.scale);
    restore(ground);
    let change = format!("UPDATE lineitem SET l_tax = l_tax + 1 WHERE l_orderkey % {EVERY_NTH_DIFFERS} = 1");
    ground.target().psql("tpch", &change);
    ground.target().psql("tpch", "VACUUM ANALYZE lineitem");
    let differing = ground.target().psql("tpch", "SELECT count(*) FROM lineitem WHERE l_tax >= 1");
    let ours = ours(ground, &database, "different", rows);
    let command = "reladiff SOURCE lineitem TARGET lineitem -k l_orderkey -k l_linenumber -c % --stats -j 4";
    let urls = [ground.source().tcp_url("postgres", &database), ground.target().tcp_url("postgres", "tpch")];
    let note = format!("{differing} rows differ, spread over the whole table");
    let peer = Running::new("reladiff", command, move || {
        let mut command: Command = reladiff.command();
        command.args([&urls[0], "lineitem", &urls[1], "lineitem"]);
        command.args(["-k", "l_orderkey", "-k", "l_linenumber", "-c", "%", "--stats", "-j", "4"]);
        let measured = measure::run(&mut command, RUN_MAX);
        // A comparison that finds something else has no speed.
        let counted = format!("{differing} rows updated");
        assert!(measured.stdout.contains(&counted), "{measured:?}");
        measured.sample(rows, &[0])
    });
    Ok(Case::pair(ours, peer, 1.0).version("reladiff", &version).note(&note))
}

/// Makes the target's table equal to the source's again.
fn restore(ground: &Ground) {
    ground.target().psql("tpch", "UPDATE lineitem SET l_tax = l_tax - 1 WHERE l_tax >= 1");
    ground.target().psql("tpch", "VACUUM ANALYZE lineitem");
}
