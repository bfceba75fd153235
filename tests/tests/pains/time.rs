//! Dates that are none, and times that shift: pains 5 and 6.

use sensei_tests::Sensei;
use sensei_tests::postgres::Server;

use crate::ground::{Postgres, counts, plan, rejects, run, sensei};

/// Days that no calendar has, written as SQLite lets anyone write them, among days that are real.
const DAYS: &str = "
    CREATE TABLE day (id INTEGER PRIMARY KEY, d DATE, at DATETIME);
    INSERT INTO day VALUES (1, '2024-02-29', '2024-02-29 23:59:59.999999'), (2, '0000-00-00', NULL), (3, NULL, NULL),
        (4, '2023-02-29', NULL), (5, '2024-00-10', NULL), (6, NULL, '0000-00-00 00:00:00'), (7, '', NULL), (8, 0, NULL),
        (9, '0001-01-01', '9999-12-31 00:00:00');";

/// Elsewhere 0000-00-00 becomes 1970-01-01, or NULL in one path and 1970 in the other. Here a day that no calendar has
/// is a rejected row by default and named by its key; what is real arrives, and nothing becomes the epoch.
#[test]
fn pain_05_zero_and_invalid_dates_are_never_guessed() {
    let server = Server::start();
    for target in [server.url("postgres"), "sqlite:copy.db".to_owned()] {
        let job = sensei("sqlite:days.db", &target, "");
        job.sqlite("days.db", DAYS);
        job.run(&["run", "plan.yaml"]).expect(4).says("error[S304]");
        job.write("plan.yaml", plan("sqlite:days.db", &target, "rejects: { max: 6 }"));
        let report = job.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
        assert_eq!(counts(&report, "day"), [9, 6, 3, 3]);
        let found = rejects(&job);
        let named: Vec<&str> = found.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(named, ["id=2 d", "id=4 d", "id=5 d", "id=6 at", "id=7 d", "id=8 d"], "{found:?}");
    }
    let days = "SELECT id, d, at FROM day ORDER BY id";
    assert_eq!(
        server.psql("postgres", days),
        "1|2024-02-29|2024-02-29 23:59:59.999999\n3|∅|∅\n9|0001-01-01|9999-12-31 00:00:00"
    );
}

/// Moments around both changes of the clock in New York, and the ends of what can be told.
const MOMENTS: &str = "
    CREATE TABLE moment (id int PRIMARY KEY, wall timestamp, instant timestamptz, day date, clock time, zoned timestamptz[]);
    INSERT INTO moment VALUES
        (1, '2024-03-10 02:30', '2024-03-10 07:30+00', '2024-03-10', '02:30', '{2024-03-10 06:59:59.999999+00}'),
        (2, '2024-11-03 01:30', '2024-11-03 05:30+00', '2024-11-03', '01:30', '{2024-11-03 06:30+00}'),
        (3, '1883-11-18 12:00', '1883-11-18 17:03:58+00', '1883-11-18', '24:00', '{}'),
        (4, 'infinity', '-infinity', '4713-01-01 BC', '23:59:59.999999', '{infinity,NULL}'),
        (5, '1970-01-01', '1970-01-01 00:00+00', '1970-01-01', '00:00', NULL)";

/// Microseconds, whatever the session's zone, and the wall clock's own text.
const TOLD: &str = "
    SELECT id, wall, extract(epoch FROM instant), day, clock, (SELECT array_agg(extract(epoch FROM z)) FROM unnest(zoned) z)
    FROM moment ORDER BY id";

/// Elsewhere times shift by the hours between two zones, or twice a year. Here source, target and the process each have
/// a zone of their own, and a wall clock stays a wall clock and an instant an instant, through SQLite and back.
#[test]
fn pain_06_times_do_not_shift_between_zones() {
    let job = Postgres::new(MOMENTS, "");
    job.server.create_database("back");
    job.server.psql(
        "postgres",
        "ALTER DATABASE source SET timezone = 'America/New_York'; ALTER DATABASE target SET timezone = 'Asia/Kolkata';
         ALTER DATABASE back SET timezone = 'Pacific/Auckland'; ALTER DATABASE source SET datestyle = 'SQL, DMY';",
    );
    let job = Postgres { sensei: job.sensei.env("TZ", "Europe/Lisbon"), server: job.server };
    run(&job.sensei);
    let told = |database| job.server.psql(database, &format!("SET datestyle = 'ISO'; {TOLD}"));
    let sent = told("source");
    assert_eq!(sent.lines().count(), 6, "{sent}");
    assert_eq!(sent, told("target"));
    assert_ne!(job.server.psql("source", "SHOW timezone"), job.server.psql("target", "SHOW timezone"));

    let away: Sensei = sensei(&job.server.url("source"), "sqlite:away.db", "").env("TZ", "Asia/Tokyo");
    run(&away);
    let away_file = away.path("away.db").display().to_string();
    run(&sensei(&format!("sqlite:{away_file}"), &job.server.url("back"), ""));
    assert_eq!(sent, told("back"));

    // A wall clock becomes an instant only where the plan says so, and then by UTC, not by anybody's zone.
    let zoned = "types: [{ from: \"postgresql:timestamp without time zone\", to: timestamptz }]";
    job.server.psql("back", "DROP TABLE moment");
    run(&sensei(&job.server.url("source"), &job.server.url("back"), zoned).env("TZ", "Asia/Tokyo"));
    let instant = "SELECT extract(epoch FROM wall) = extract(epoch FROM timestamptz '2024-03-10 02:30+00') FROM moment WHERE id = 1";
    assert_eq!(job.server.psql("back", instant), "t");
}
