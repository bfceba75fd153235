//! Runs and servers killed with SIGKILL at random moments: the job goes on and every row arrives once.

use std::time::Duration;

use sensei_tests::{Outcome, Random, Sensei, mysql, postgres};

use crate::{RUN, equivalent, folder, same};

/// Errors go to people.
const TOLD: [&str; 2] = ["run", "plan.yaml"];

/// Copies whose run is killed.
const ROUNDS: usize = 6;

/// A run is killed at most so often before it may end.
const KILLS_MAX: usize = 3;

/// Copies that lose a server.
const LOSSES: usize = 5;

/// What a server has written reaches the system at each commit: enough for a process that is killed, if not for a machine.
const DURABLE: &[&str] = &["--innodb-flush-log-at-trx-commit=2"];

/// A key of one column, a key of two with a reference, and no key at all but equal rows.
const TABLES: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY AUTO_INCREMENT, customer int NOT NULL, note text, payload varbinary(40), KEY (customer));
    INSERT INTO orders SELECT 2 * seq, seq % 700, IF(seq % 7, CONCAT('näte ', seq), NULL), UNHEX(MD5(seq)) FROM seq_1_to_16000;
    CREATE TABLE `lines` (order_id bigint NOT NULL, line int NOT NULL, what varchar(40), PRIMARY KEY (order_id, line),
        FOREIGN KEY (order_id) REFERENCES orders (id));
    INSERT INTO `lines` SELECT id, k, CONCAT('what ', id) FROM orders JOIN (SELECT 1 AS k UNION ALL SELECT 2) AS ks WHERE id % 4 = 0;
    CREATE TABLE notes (a bigint, b text);
    INSERT INTO notes SELECT customer % 50, CONCAT('note ', customer % 10) FROM orders WHERE id < 10000;";

const ROWS: u64 = 16_000 + 16_000 + 4_999;

const LIMITS: &str = "limits: { workers: 2, split: 48KiB }";

/// Two servers, with the rows in database `original` of the first.
fn servers() -> (mysql::Server, mysql::Server) {
    let (source, target) = (mysql::Server::start_with(DURABLE), mysql::Server::start_with(DURABLE));
    source.create_database("original");
    source.load("original", TABLES);
    (source, target)
}

/// A copy to be made into a database of its own.
fn copy((source, target): (&mysql::Server, &mysql::Server), name: &str) -> Sensei {
    target.create_database(name);
    folder(&source.url("original"), &target.url(name), LIMITS)
}

/// Insists that the copy is whole and that nothing of Sensei's own is left behind.
#[track_caller]
fn check((source, target): (&mysql::Server, &mysql::Server), name: &str, outcome: Outcome) {
    assert_eq!(equivalent(outcome), ROWS);
    same(source, target, ["original", name]);
    let columns =
        "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE COLUMN_NAME LIKE 'sensei%' AND TABLE_SCHEMA <> 'sensei'";
    assert_eq!(target.sql("", columns), "0", "{name}: columns of Sensei's own are left");
    let orphans = "SELECT COUNT(*) FROM `lines` LEFT JOIN orders ON id = order_id WHERE id IS NULL";
    assert_eq!(target.sql(name, orphans), "0");
    let keys = "SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()";
    assert_eq!(target.sql(name, keys), "1");
    assert_eq!(target.sql(name, "INSERT INTO orders (customer) VALUES (1) RETURNING id"), "32001", "{name}");
}

/// Runs the copy once without harm; how long that takes.
fn whole(servers: (&mysql::Server, &mysql::Server)) -> Duration {
    let outcome = copy(servers, "whole").run(&RUN);
    let elapsed = outcome.elapsed;
    check(servers, "whole", outcome);
    elapsed
}

#[test]
fn a_killed_run_goes_on() {
    let mut random = Random::announced("mysql killed");
    let (source, target) = servers();
    let both = (&source, &target);
    let whole = whole(both);
    let mut killed_runs = 0;
    for round in 0..ROUNDS {
        let name = format!("round_{round}");
        let sensei = copy(both, &name);
        let kills = 1 + random.below(KILLS_MAX);
        for _ in 0..kills {
            let moment = random.moment(whole);
            let running = sensei.spawn(&RUN);
            std::thread::sleep(moment);
            let killed = running.kill9().code.is_none();
            eprintln!("{name}: {} after {moment:?}", if killed { "killed" } else { "done" });
            killed_runs += usize::from(killed);
            if !killed {
                break;
            }
        }
        check(both, &name, sensei.run(&RUN));
    }
    assert!(killed_runs >= ROUNDS / 2, "too few runs lasted until they were killed");
}

#[test]
fn a_server_that_dies_is_waited_for_or_named() {
    let mut random = Random::announced("mysql lost");
    let (mut source, mut target) = servers();
    let whole = whole((&source, &target));
    let mut survived = 0;
    for round in 0..LOSSES {
        let name = format!("round_{round}");
        let sensei = copy((&source, &target), &name);
        let running = sensei.spawn(&RUN);
        let moment = random.moment(whole.mul_f64(0.6)) + whole.mul_f64(0.2);
        std::thread::sleep(moment);
        let lost = if round % 3 == 2 { &mut source } else { &mut target };
        eprintln!("{name}: server {} is killed after {moment:?}", lost.pid());
        lost.kill9();
        let running = match round % 2 {
            0 => Some(running),
            _ => {
                running.kill9();
                None
            }
        };
        lost.restart();
        if let Some(running) = running {
            // It may have been done, or lived through it; else it says that a server is away.
            let outcome = running.wait();
            assert!(matches!(outcome.code, Some(0 | 5)), "{:?} {}", outcome.code, outcome.stderr);
            survived += usize::from(outcome.code == Some(0));
        }
        check((&source, &target), &name, sensei.run(&RUN));
    }
    assert!(survived < LOSSES.div_ceil(2), "no run noticed that its server was killed");
}

#[test]
fn rows_come_from_one_moment_however_many_connections_read_them() {
    let (server, to) = (mysql::Server::shared(), postgres::Server::shared());
    server.create_database("bank");
    server.load(
        "bank",
        "CREATE TABLE a (id int PRIMARY KEY, amount int NOT NULL, filling char(200));
         INSERT INTO a SELECT seq, 100, REPEAT('a', 200) FROM seq_1_to_4000;
         CREATE TABLE b LIKE a; INSERT INTO b SELECT * FROM a;",
    );
    to.create_database("bank");
    let transfer =
        "START TRANSACTION; SET @x = 1 + FLOOR(RAND() * 4000), @y = 1 + FLOOR(RAND() * 4000), @n = FLOOR(RAND() * 90);
         UPDATE a SET amount = amount - @n WHERE id = @x; UPDATE b SET amount = amount + @n WHERE id = @y; COMMIT;\n";
    let sensei =
        folder(&server.url("bank"), &to.url("bank"), "limits: { workers: 3, split: 16KiB, source_connections: 4 }");
    let mut running = sensei.spawn(&RUN);
    let mut transfers = 0;
    while running.is_running() {
        server.load("bank", &transfer.repeat(100));
        transfers += 100;
    }
    assert!(transfers >= 200, "nobody wrote meanwhile");
    assert_eq!(equivalent(running.wait()), 8000);
    assert_eq!(to.psql("bank", "SELECT (SELECT sum(amount) FROM a) + (SELECT sum(amount) FROM b)"), "800000");
    assert_eq!(server.sql("bank", "SELECT (SELECT SUM(amount) FROM a) + (SELECT SUM(amount) FROM b)"), "800000");
    assert!(to.psql("bank", "SELECT sum(amount) FROM a") != server.sql("bank", "SELECT SUM(amount) FROM a"));
}

#[test]
fn a_missing_privilege_is_named_before_anything_is_written() {
    let (server, to) = (mysql::Server::shared(), mysql::Server::shared());
    for name in ["held", "held_copy"] {
        server.create_database(name);
    }
    server.load(
        "held",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);
         CREATE USER reader@localhost; GRANT SELECT, SHOW VIEW, TRIGGER ON held.* TO reader@localhost;
         CREATE USER writer@localhost; GRANT SELECT, INSERT ON held_copy.* TO writer@localhost;",
    );
    let plan = |user: &str, more: &str| folder(&server.url_of("reader", "held"), &to.url_of(user, "held_copy"), more);
    let several = plan("root", "limits: { source_connections: 3 }").run(&TOLD);
    assert_ne!(several.code, Some(0));
    several.says("LOCK TABLES").says("source_connections: 1");
    let unable = plan("writer", "limits: { source_connections: 1 }").run(&TOLD);
    assert_ne!(unable.code, Some(0));
    unable.says("`sensei check` names the privileges");
    let checked = plan("writer", "limits: { source_connections: 1 }").run(&["check", "plan.yaml"]);
    assert!(
        checked.stdout.contains("CREATE, SELECT, INSERT, UPDATE, DELETE on database \"sensei\""),
        "{}",
        checked.stdout
    );
    assert!(checked.stdout.contains("CREATE, ALTER, INDEX, REFERENCES, DROP, DELETE on"), "{}", checked.stdout);
    assert_eq!(server.sql("held_copy", "SHOW TABLES"), "");
    assert_eq!(equivalent(plan("root", "limits: { source_connections: 1 }").run(&RUN)), 2);
}

#[test]
fn tables_outside_every_snapshot_are_refused_by_name() {
    let server = mysql::Server::shared();
    for name in ["engines", "engines_copy"] {
        server.create_database(name);
    }
    server.load(
        "engines",
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE `old one` (id int PRIMARY KEY) ENGINE = MyISAM;",
    );
    let outcome = folder(&server.url("engines"), &server.url("engines_copy"), "").run(&TOLD);
    assert_ne!(outcome.code, Some(0));
    outcome.says("old one").says("MyISAM");
    let without = folder(&server.url("engines"), &server.url("engines_copy"), "tables: { exclude: [\"old*\"] }");
    assert_eq!(equivalent(without.run(&RUN)), 0);
}
