//! A server is killed under a run, every second time with the run: what the target had not made durable is written
//! again, and what was read of the source is read under a new snapshot.

use std::time::Duration;

use sensei_tests::Random;

use crate::ground::{Ground, Pair, Servers, Wishes};

/// Copies that lose a server.
const ROUNDS: u64 = 8;

#[test]
fn a_server_that_dies_is_waited_for_or_named() {
    let mut random = Random::announced("lost");
    let mut servers = Servers::start();
    let pair = Pair::PostgresToPostgres;
    let whole = Ground::new(&servers, pair, "whole", Wishes::default()).whole(&servers);
    let mut survived = 0;
    for round in 0..ROUNDS {
        let wishes = Wishes { quiesced: round % 4 < 2, ..Wishes::default() };
        let ground = Ground::new(&servers, pair, &format!("round-{round}"), wishes);
        let running = ground.spawn();
        let moment = random.moment(whole.mul_f64(0.5)) + whole.mul_f64(0.3);
        std::thread::sleep(moment);
        let lost = if round % 4 == 2 { &mut servers.source } else { &mut servers.target };
        eprintln!("round {round}: server {} is killed after {moment:?}", lost.pid());
        lost.kill9();
        let killed = (round % 2 == 1).then(|| std::thread::sleep(Duration::from_millis(20)));
        let running = match killed {
            Some(()) => {
                running.kill9();
                None
            }
            None => Some(running),
        };
        lost.restart();
        if let Some(running) = running {
            // It may have been done, or lived through it; else it says that a server is away.
            let outcome = running.wait();
            assert!(matches!(outcome.code, Some(0 | 5)), "{outcome:?}");
            survived += u64::from(outcome.code == Some(0));
        }
        ground.check(&servers, ground.spawn().wait());
    }
    assert!(survived < ROUNDS / 2, "no run noticed that its server was killed");
}
