//! Killed runs whose source has other rows when they go on: what was copied of the old rows is found and copied again.

use sensei_tests::Random;

use crate::ground::{Ground, Pair, Servers, Wishes};

/// Makes copies whose source is written to after each kill.
fn change_rounds(pair: Pair, rounds: u64) {
    let mut random = Random::announced(&format!("{pair:?}"));
    let servers = Servers::start();
    let whole = Ground::new(&servers, pair, "whole", Wishes::default()).whole(&servers);
    let mut recopied = 0;
    for round in 0..rounds {
        let wishes = Wishes { own_source: true, ..Wishes::default() };
        let ground = Ground::new(&servers, pair, &format!("round-{round}"), wishes);
        let kills = 1 + random.below(3);
        // The last change follows a kill, so a run that ends by itself has seen it.
        let (outcome, _) =
            ground.run_killed(&mut random, whole, kills, |random| ground.change_source(&servers, random));
        // A certificate speaks of the rows there were when it was made.
        let report = outcome.json();
        if report["certified_earlier"] == true {
            continue;
        }
        let report = ground.check(&servers, outcome);
        recopied += report["recopied_splits"].as_u64().unwrap();
    }
    assert!(recopied > 0, "no run was killed with finished splits that changed");
}

#[test]
fn changes_in_postgres_are_copied_again() {
    change_rounds(Pair::PostgresToPostgres, 10);
}

#[test]
fn changes_in_sqlite_are_copied_again() {
    change_rounds(Pair::SqliteToSqlite, 5);
}
