//! What is run beside what, and what it is held to. In reading order: [`copy`] from PostgreSQL to PostgreSQL, [`peer`] beside
//! other tools, [`compare`] for `sensei verify`, [`alone`] for what Sensei is measured by itself, [`shapes`] of tables that
//! are unlike lineitem, [`cluster`] for head and workers, [`elastic`] for workers that come and go.

mod alone;
mod cluster;
mod compare;
mod copy;
mod elastic;
mod peer;
mod shapes;

use crate::ground::Ground;
use crate::peers::Missing;
use crate::record::{Bound, Measure, Sample, Target};

/// A scenario by its name.
pub struct Scenario {
    /// On the command line.
    pub name: &'static str,
    /// Its place in the list of targets.
    pub number: &'static str,
    /// For people.
    pub title: &'static str,
    /// Makes its data and says how to run it.
    pub case: fn(&Ground) -> Result<Case<'_>, Missing>,
}

/// A scenario, ready to run.
pub struct Case<'a> {
    /// What runs side by side, in the order of each round.
    pub entrants: Vec<Running<'a>>,
    /// What they are held to.
    pub targets: Vec<Target>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// Versions of those that take part, by name.
    pub versions: Vec<(&'static str, String)>,
}

/// One of those that are compared.
pub struct Running<'a> {
    pub name: String,
    pub command: String,
    pub run: Box<dyn FnMut() -> Sample + 'a>,
}

impl<'a> Case<'a> {
    /// Two that run in turn, the first held to a part of the other's time.
    fn pair(ours: Running<'a>, peer: Running<'a>, at_most: f64) -> Case<'a> {
        Case { entrants: vec![ours, peer], targets: vec![seconds(at_most)], notes: Vec::new(), versions: Vec::new() }
    }

    fn note(mut self, note: &str) -> Case<'a> {
        self.notes.push(note.to_owned());
        self
    }

    fn version(mut self, name: &'static str, version: &str) -> Case<'a> {
        self.versions.push((name, version.to_owned()));
        self
    }

    fn target(mut self, target: Target) -> Case<'a> {
        self.targets.push(target);
        self
    }
}

impl<'a> Running<'a> {
    fn new(name: &str, command: &str, run: impl FnMut() -> Sample + 'a) -> Running<'a> {
        Running { name: name.to_owned(), command: command.to_owned(), run: Box::new(run) }
    }
}

/// The first entrant's time over the second's.
fn seconds(at_most: f64) -> Target {
    Target { measure: Measure::Seconds, of: 0, against: Some(1), bound: Bound::AtMost(at_most) }
}

/// Every scenario, in the order of the targets.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "pg-verified",
        number: "1",
        title: "PostgreSQL to PostgreSQL, lineitem, every row verified, beside psql's COPY",
        case: copy::verified,
    },
    Scenario {
        name: "pg-verified-keyed",
        number: "1, with key",
        title: "The same with its primary key, which psql adds after the COPY",
        case: copy::verified_keyed,
    },
    Scenario {
        name: "pg-unverified",
        number: "2",
        title: "PostgreSQL to PostgreSQL, lineitem, `verify: off`, beside psql's COPY",
        case: copy::unverified,
    },
    Scenario {
        name: "dump-restore",
        number: "3",
        title: "lineitem and orders with their keys, verified, beside pg_dump and pg_restore",
        case: copy::dump_restore,
    },
    Scenario { name: "sling", number: "4", title: "lineitem, verified, beside sling", case: peer::sling },
    Scenario {
        name: "mysql-pgloader",
        number: "5, MariaDB",
        title: "MariaDB to PostgreSQL, lineitem and orders, verified, beside pgloader",
        case: peer::mysql_pgloader,
    },
    Scenario {
        name: "sqlite-pgloader",
        number: "5, SQLite",
        title: "SQLite to PostgreSQL, lineitem, verified, beside pgloader",
        case: peer::sqlite_pgloader,
    },
    Scenario {
        name: "verify-md5",
        number: "6b",
        title: "`sensei verify` of two equal tables, beside sums of md5 on both servers at once",
        case: compare::md5,
    },
    Scenario {
        name: "verify-reladiff",
        number: "6a",
        title: "`sensei verify` of two tables that differ in some rows, beside reladiff",
        case: compare::reladiff,
    },
    Scenario { name: "digest", number: "7", title: "The digest kernel on one core", case: alone::digest },
    Scenario {
        name: "growth",
        number: "8 and 9",
        title: "Memory and time per row as the table grows, lineitem from PostgreSQL to PostgreSQL",
        case: alone::growth,
    },
    Scenario {
        name: "resumed",
        number: "10",
        title: "Killed at half and resumed, beside an uninterrupted run",
        case: alone::resumed,
    },
    Scenario {
        name: "csv-parquet",
        number: "11",
        title: "CSV to Parquet, lineitem, verified, beside DuckDB's COPY",
        case: peer::csv_parquet,
    },
    Scenario { name: "wide", number: "12, wide", title: "500 columns, beside a raw copy", case: shapes::wide },
    Scenario { name: "narrow", number: "12, narrow", title: "2 integers, beside a raw copy", case: shapes::narrow },
    Scenario {
        name: "skewed",
        number: "12, skewed",
        title: "One part of the table a hundred times as large as the others, beside a raw copy",
        case: shapes::skewed,
    },
    Scenario {
        name: "text-keyed",
        number: "12, text-keyed",
        title: "Text keys, beside a raw copy",
        case: shapes::text_keyed,
    },
    Scenario {
        name: "keyless",
        number: "12, keyless",
        title: "No key and equal rows, beside a raw copy",
        case: shapes::keyless,
    },
    Scenario {
        name: "many-tables",
        number: "12, many tables",
        title: "5,000 tables of 100 rows, beside pg_dump piped into psql",
        case: shapes::many_tables,
    },
    Scenario {
        name: "large-values",
        number: "12, large values",
        title: "Values of 10 MB, beside a raw copy",
        case: shapes::large_values,
    },
    Scenario {
        name: "cluster-workers",
        number: "cluster",
        title: "lineitem, verified, by two workers of a cluster, beside `sensei run` with as many threads",
        case: cluster::workers,
    },
    Scenario {
        name: "cluster-elastic",
        number: "cluster",
        title: "lineitem, verified, by one worker of a cluster, by one more from a third on, and by two of which one leaves at a third",
        case: elastic::elastic,
    },
    Scenario {
        name: "head-grants",
        number: "cluster",
        title: "The head's enumerator: grants of single splits, each stored, out of a million",
        case: cluster::grants,
    },
    Scenario {
        name: "head-requests",
        number: "cluster",
        title: "REST requests to a head while a job runs",
        case: cluster::requests,
    },
];
