//! One copy to be made: two ends, a plan, a folder to run it in; and its check by SQL on both ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parquet::file::reader::{FileReader, SerializedFileReader};
use sensei_tests::postgres::Server;
use sensei_tests::{Outcome, Random, Running, Sensei};
use serde_json::Value;

/// The command that is killed and repeated.
const RUN: [&str; 4] = ["run", "plan.yaml", "--output", "json"];

/// A run that takes longer hangs: some hundred times what it needs on an idle machine.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Rows of `orders`; `lines` has as many.
pub const ORDERS: usize = 16_000;

/// Splits that the plan's split size must make at the least, for kills to fall between.
const SPLITS_MIN: usize = 20;

/// A key of one column, a key of two with a reference, and no key at all but equal rows.
const TABLES: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, note text, payload BYTES);
    CREATE TABLE lines (order_id bigint NOT NULL REFERENCES orders, line bigint NOT NULL, what text,
        PRIMARY KEY (order_id, line));
    CREATE TABLE notes (a bigint, b text);
    INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000)
        SELECT 2 * i, i % 700, CASE WHEN i % 7 > 0 THEN 'näte ' || i || ' of ' || i * 31 END, BLOB FROM n;
    INSERT INTO lines SELECT id, k, 'what ' || id FROM orders, (SELECT 1 AS k UNION ALL SELECT 2) AS ks WHERE id % 4 = 0;
    INSERT INTO notes SELECT customer % 50, 'note ' || customer % 10 FROM orders WHERE id < 10000;";

/// What is in two of the target's tables before the first run, where a round asks for it.
const BEFORE: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, note text, payload BYTES);
    CREATE TABLE notes (a bigint, b text);
    INSERT INTO orders VALUES (-1, 0, 'before', NULL), (-2, 0, NULL, NULL);
    INSERT INTO notes VALUES (-1, 'before'), (-1, 'before');";

/// The rows of [`BEFORE`] as [`ROWS`] shows them.
const BEFORE_ROWS: [(&str, &str); 4] =
    [("orders", "-1|0|before|∅"), ("orders", "-2|0|∅|∅"), ("notes", "-1|before"), ("notes", "-1|before")];

/// Each table with one text per row, in words that both systems understand.
const ROWS: [(&str, &str); 3] = [
    ("orders", "id || '|' || customer || '|' || coalesce(note, '∅') || '|' || coalesce(HEX, '∅')"),
    ("lines", "order_id || '|' || line || '|' || coalesce(what, '∅')"),
    ("notes", "coalesce(CAST(a AS text), '∅') || '|' || coalesce(b, '∅')"),
];

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    PostgresToPostgres,
    SqliteToSqlite,
    SqliteToPostgres,
    PostgresToParquet,
}

impl Pair {
    fn reads_postgres(self) -> bool {
        matches!(self, Pair::PostgresToPostgres | Pair::PostgresToParquet)
    }

    fn writes_postgres(self) -> bool {
        matches!(self, Pair::PostgresToPostgres | Pair::SqliteToPostgres)
    }
}

/// The servers of a test: databases `original` on the source, and one per copy on the target.
pub struct Servers {
    pub source: Server,
    pub target: Server,
}

impl Servers {
    /// Starts both, with the source's rows.
    pub fn start() -> Servers {
        let servers = Servers { source: Server::start(), target: Server::start() };
        servers.source.create_database("original");
        let sql = TABLES.replace("BYTES", "bytea").replace("BLOB", "decode(md5(i::text), 'hex')");
        servers.source.psql("original", &format!("{sql} ANALYZE"));
        servers
    }
}

/// What becomes of rows that are in the target before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// There are none.
    #[default]
    Nothing,
    /// They go.
    Truncate,
    /// They stay.
    Append,
}

/// What a plan says beside its ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Nobody writes to the source meanwhile.
    pub quiesced: bool,
    /// The source is this copy's own, to be written to.
    pub own_source: bool,
    /// Rows in the target before; not for Parquet.
    pub before: Before,
    /// Bucket of the state; a local folder without.
    pub bucket: Option<&'static str>,
}

/// One copy to be made.
pub struct Ground {
    pub sensei: Sensei,
    pair: Pair,
    source: String,
    before: Before,
    /// Database of the target, and name of the copy.
    pub name: String,
}

impl Ground {
    /// A fresh target and an empty state.
    pub fn new(servers: &Servers, pair: Pair, name: &str, wishes: Wishes) -> Ground {
        let sensei = Sensei::new();
        let config = sensei.path("config").display().to_string();
        let mut ground = Ground {
            sensei: sensei.time_max(TIME_MAX).env("XDG_CONFIG_HOME", config),
            pair,
            source: "original".into(),
            before: wishes.before,
            name: name.into(),
        };
        let source = ground.make_source(servers, wishes.own_source);
        let target = ground.make_target(servers);
        let state = wishes.bucket.map_or("./sensei-state".to_owned(), |bucket| format!("s3://{bucket}/{name}"));
        let quiesced = wishes.quiesced;
        let on_existing = match wishes.before {
            Before::Nothing => "fail",
            Before::Truncate => "truncate",
            Before::Append => "append",
        };
        let plan = format!(
            "version: 1\nname: copy\nsource: {{ url: \"{source}\", quiesced: {quiesced} }}\n\
             target: {{ url: \"{target}\", on_existing: {on_existing} }}\nstate: \"{state}\"\nlimits: {{ workers: 2, split: 48KiB }}\n"
        );
        ground.sensei.write("plan.yaml", plan);
        ground
    }

    /// Sets variables for the runs to come.
    pub fn envs(mut self, variables: Vec<(String, String)>) -> Ground {
        self.sensei = self.sensei.envs(variables);
        self
    }

    fn make_source(&mut self, servers: &Servers, own: bool) -> String {
        if !self.pair.reads_postgres() {
            let sql = TABLES.replace("BYTES", "blob").replace("BLOB", "CAST('blob ' || i AS blob)");
            self.sensei.sqlite("source.db", &format!("BEGIN; {sql} COMMIT;"));
            return "sqlite:source.db".to_owned();
        }
        if own {
            self.source.clone_from(&self.name);
            let copy = format!("CREATE DATABASE \"{}\" TEMPLATE original", self.name);
            servers.source.psql("postgres", &copy);
        }
        servers.source.url(&self.source)
    }

    fn make_target(&self, servers: &Servers) -> String {
        if self.pair.writes_postgres() {
            servers.target.create_database(&self.name);
        }
        if self.before != Before::Nothing {
            match self.pair.writes_postgres() {
                true => drop(servers.target.psql(&self.name, &BEFORE.replace("BYTES", "bytea"))),
                false => drop(self.sensei.sqlite("target.db", &BEFORE.replace("BYTES", "blob"))),
            }
        }
        match self.pair {
            Pair::SqliteToSqlite => "sqlite:target.db".to_owned(),
            Pair::PostgresToParquet => "parquet:target".to_owned(),
            _ => servers.target.url(&self.name),
        }
    }

    /// Starts the run.
    pub fn spawn(&self) -> Running {
        self.sensei.spawn(&RUN)
    }

    /// How long one run takes that nobody kills; checks that it is cut finely.
    pub fn whole(&self, servers: &Servers) -> Duration {
        let outcome = self.spawn().wait();
        let elapsed = outcome.elapsed;
        self.check(servers, outcome);
        let status = self.sensei.run(&["status", "plan.yaml"]).expect(0).stdout;
        let splits = status.split(" of ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        assert!(splits.is_some_and(|splits: usize| splits >= SPLITS_MIN), "{status}");
        elapsed
    }

    /// Kills the run at up to `kills` moments within `whole`, with `between` after each, and goes on until it ends by
    /// itself. Returns how, and how often it was killed.
    pub fn run_killed(
        &self,
        random: &mut Random,
        whole: Duration,
        kills: usize,
        mut between: impl FnMut(&mut Random),
    ) -> (Outcome, usize) {
        for killed in 0..kills {
            let moment = random.moment(whole);
            let running = self.spawn();
            std::thread::sleep(moment);
            let outcome = running.kill9();
            if outcome.code.is_some() {
                return (outcome, killed);
            }
            eprintln!("{}: killed after {moment:?}", self.name);
            between(random);
        }
        (self.spawn().wait(), kills)
    }

    /// Insists that the run ended well, that source and target hold the same rows, that the certificate is good and
    /// that nothing else is left behind. Returns the report.
    #[track_caller]
    pub fn check(&self, servers: &Servers, outcome: Outcome) -> Value {
        let report = self.check_verdict(servers, outcome);
        self.check_remains(servers);
        report
    }

    /// As [`Ground::check`], while another run may still have its own things lying about.
    #[track_caller]
    pub fn check_verdict(&self, servers: &Servers, outcome: Outcome) -> Value {
        let report = outcome.expect(0).json();
        assert_eq!(report["verdict"], "equivalent", "{}: {report}", self.name);
        self.check_rows(servers);
        let certificate = report["certificate"].as_str().expect("a run ends with a certificate");
        if !certificate.starts_with("s3://") {
            let key = "config/sensei/signing-key.pub.pem";
            self.sensei.run(&["certificate", "verify", certificate, "--public-key", key]).expect(0);
        }
        report
    }

    #[track_caller]
    fn check_rows(&self, servers: &Servers) {
        let reread = (self.pair == Pair::PostgresToParquet).then(|| self.reread_parquet());
        for (table, row) in ROWS {
            let mut expected = match self.pair.reads_postgres() {
                true => postgres_rows(&servers.source, &self.source, table, row),
                false => sqlite_rows(&self.sensei, "source.db", table, row),
            };
            if self.before == Before::Append {
                expected.extend(BEFORE_ROWS.iter().filter(|(of, _)| *of == table).map(|(_, row)| (*row).to_owned()));
                expected.sort();
            }
            let actual = match &reread {
                Some(reread) => sqlite_rows(reread, "reread.db", table, row),
                None if self.pair.writes_postgres() => postgres_rows(&servers.target, &self.name, table, row),
                None => sqlite_rows(&self.sensei, "target.db", table, row),
            };
            let stray = expected.iter().zip(&actual).find(|(expected, actual)| expected != actual);
            assert!(
                expected == actual,
                "{}: {table} has {} rows of {}; first other row (expected, actual): {stray:?}",
                self.name,
                actual.len(),
                expected.len()
            );
            if reread.is_some() {
                assert_eq!(parquet_rows(&self.sensei.path("target").join(table)), expected.len(), "{table}");
            }
        }
    }

    /// The Parquet files as a reader of manifests sees them, as a SQLite database.
    fn reread_parquet(&self) -> Sensei {
        let reader = Sensei::new();
        let config = reader.path("config").display().to_string();
        let reader = reader.env("XDG_CONFIG_HOME", config);
        let source = self.sensei.path("target").display().to_string();
        let plan = format!(
            "version: 1\nname: reread\nsource: {{ url: \"parquet:{source}\" }}\ntarget: {{ url: \"sqlite:reread.db\" }}\n"
        );
        reader.write("plan.yaml", plan);
        reader.run(&RUN).expect(0);
        reader
    }

    /// Nothing but the tables: no progress records, no markers, no half-written files.
    #[track_caller]
    fn check_remains(&self, servers: &Servers) {
        let mut remains = match self.pair {
            Pair::SqliteToSqlite => {
                let sql =
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
                let tables = self.sensei.sqlite_rows("target.db", sql).concat();
                tables.iter().map(|name| name.trim_matches('\'').to_owned()).collect()
            }
            Pair::PostgresToParquet => {
                files(&self.sensei.path("target")).iter().filter_map(|file| stray(file)).collect()
            }
            _ => {
                let sql = "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' \
                    AND nspname NOT IN ('pg_catalog', 'information_schema') UNION ALL \
                    SELECT nspname FROM pg_namespace WHERE nspname = 'sensei'";
                servers.target.psql(&self.name, sql).lines().map(str::to_owned).collect::<Vec<_>>()
            }
        };
        remains.retain(|name| !ROWS.iter().any(|(table, _)| table == name));
        assert!(remains.is_empty(), "{}: left behind: {remains:?}", self.name);
    }

    /// Writes to the source: rows changed, lost and new, in the middle and at the end.
    pub fn change_source(&self, servers: &Servers, random: &mut Random) {
        let (first, hit, new) = (random.below(2 * ORDERS), random.below(97), 2 * random.below(ORDERS) + 1);
        let last = first + random.below(400);
        let sql = format!(
            "UPDATE orders SET note = coalesce(note, '') || ' changed {hit}' WHERE customer = {hit};
             UPDATE lines SET what = 'changed {new}' WHERE order_id % 1009 = {hit};
             DELETE FROM lines WHERE order_id BETWEEN {first} AND {last};
             DELETE FROM orders WHERE id BETWEEN {first} AND {last};
             INSERT INTO orders VALUES ({new}, 1, 'new', NULL) ON CONFLICT DO NOTHING;
             INSERT INTO lines VALUES ({new}, 7, 'new') ON CONFLICT DO NOTHING;
             INSERT INTO orders SELECT max(id) + 1, 3, 'last', NULL FROM orders;
             UPDATE notes SET b = b || '!' WHERE a = {hit};
             DELETE FROM notes WHERE a = {hit} + 1;
             INSERT INTO notes VALUES ({hit}, 'new'), ({hit}, 'new'), (NULL, NULL);"
        );
        match self.pair.reads_postgres() {
            true => drop(servers.source.psql(&self.source, &sql)),
            false => drop(self.sensei.sqlite("source.db", &sql)),
        }
    }
}

fn postgres_rows(server: &Server, database: &str, table: &str, row: &str) -> Vec<String> {
    let row = row.replace("HEX", "upper(encode(payload, 'hex'))");
    let mut rows: Vec<String> =
        server.psql(database, &format!("SELECT {row} FROM {table}")).lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

fn sqlite_rows(sensei: &Sensei, file: &str, table: &str, row: &str) -> Vec<String> {
    let row = row.replace("HEX", "CASE WHEN payload IS NOT NULL THEN hex(payload) END");
    let rows = sensei.sqlite_rows(file, &format!("SELECT {row} FROM {table}")).concat();
    let mut rows: Vec<String> = rows.iter().map(|row| row.trim_matches('\'').to_owned()).collect();
    rows.sort();
    rows
}

/// Rows of the files that a table's manifest names, by their footers. A run that was superseded while it put a file may
/// leave that file behind; what the manifest does not name is no part of the table.
fn parquet_rows(folder: &Path) -> usize {
    let manifest = std::fs::read(folder.join("_manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let rows = manifest["files"].as_array().unwrap().iter().map(|file| {
        let path = folder.parent().unwrap().join(file["path"].as_str().unwrap());
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
    });
    rows.sum()
}

/// The path of a file that is neither data nor manifest. A put that is killed leaves its temporary file, `part-….parquet#1`,
/// which the object store neither lists nor reads.
fn stray(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let whole = name.split('#').next()?;
    let data = name.starts_with("part-") && whole.ends_with(".parquet");
    (!data && name != "_manifest.json").then(|| file.display().to_string())
}

/// Every file below a folder that may be missing.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path().is_dir() {
            true => files(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}
