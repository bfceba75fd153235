//! Runs killed with SIGKILL at random moments of their whole length, up to three times each: 54 of them.

use sensei_tests::Random;

use crate::ground::{Before, Ground, Pair, Servers, Wishes};

/// A run is killed at most so often before it may end.
const KILLS_MAX: usize = 3;

/// Makes copies until `wanted` of them have been killed at least once; every second one from a quiesced source, every
/// second one into tables that have rows.
fn kill_rounds(pair: Pair, wanted: usize) {
    let mut random = Random::announced(&format!("{pair:?}"));
    let servers = Servers::start();
    let whole = Ground::new(&servers, pair, "whole", Wishes::default()).whole(&servers);
    eprintln!("an undisturbed run takes {whole:?}");
    let (mut killed_runs, mut resumed_runs) = (0, 0);
    for round in 0..3 * wanted {
        if killed_runs == wanted {
            break;
        }
        let before = match round % 6 {
            _ if pair == Pair::PostgresToParquet => Before::Nothing,
            2 | 3 => Before::Truncate,
            5 => Before::Append,
            _ => Before::Nothing,
        };
        let wishes = Wishes { quiesced: round % 2 == 1, before, ..Wishes::default() };
        let ground = Ground::new(&servers, pair, &format!("round-{round}"), wishes);
        let kills = 1 + random.below(KILLS_MAX);
        let (outcome, killed) = ground.run_killed(&mut random, whole, kills, |_| ());
        let report = ground.check(&servers, outcome);
        assert_eq!(report["recopied_splits"], 0, "the source did not change: {report}");
        killed_runs += usize::from(killed > 0);
        resumed_runs += usize::from(report["resumes"].as_u64() > Some(0));
    }
    assert_eq!(killed_runs, wanted, "too few runs lasted until they were killed");
    assert!(resumed_runs > 0, "no run was killed after its journal had begun");
}

#[test]
fn postgres_to_postgres_goes_on_after_each_kill() {
    kill_rounds(Pair::PostgresToPostgres, 28);
}

#[test]
fn sqlite_to_sqlite_goes_on_after_each_kill() {
    kill_rounds(Pair::SqliteToSqlite, 10);
}

#[test]
fn sqlite_to_postgres_goes_on_after_each_kill() {
    kill_rounds(Pair::SqliteToPostgres, 8);
}

#[test]
fn postgres_to_parquet_goes_on_after_each_kill() {
    kill_rounds(Pair::PostgresToParquet, 8);
}
