//! The servers and the data of one measurement, each made when it is first asked for.
//!
//! **Invariant:** servers run with their own defaults, not with the harness's, but for what [`SETTINGS`] names.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sensei_tests::postgres::{Options, Server};
use sensei_tests::tpch::{Table, write_copy};
use sensei_tests::{Sensei, mysql};
use serde_json::Value;
use tempfile::TempDir;

use crate::measure::{self, RUN_MAX};
use crate::record::Sample;

/// PostgreSQL's defaults, which the harness turns off for tests, and beyond them only what `sensei check` advises.
const SETTINGS: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("shared_buffers", "128MB"),
    ("max_wal_size", "4GB"),
    ("maintenance_work_mem", "256MB"),
];

/// MariaDB's defaults, likewise; the later option wins. The port is added.
const MARIADB_OPTIONS: [&str; 6] = [
    "--innodb-log-file-size=96M",
    "--innodb-buffer-pool-size=128M",
    "--innodb-doublewrite=1",
    "--innodb-flush-log-at-trx-commit=1",
    "--skip-networking=0",
    "--bind-address=127.0.0.1",
];

/// Everything that scenarios run on.
pub struct Ground {
    /// The factor of all sizes.
    pub scale: f64,
    /// Whether scale factor 10 is measured too.
    pub large: bool,
    source: OnceCell<Server>,
    target: OnceCell<Server>,
    mariadb: OnceCell<(mysql::Server, u16)>,
    folder: TempDir,
    /// Rows of the databases made so far.
    made: RefCell<BTreeMap<String, u64>>,
}

impl Ground {
    /// Nothing is started yet.
    pub fn new(scale: f64, large: bool) -> Ground {
        let folder =
            tempfile::Builder::new().prefix("sensei-bench-").tempdir().expect("the temporary folder is writable");
        let (source, target, mariadb) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ground { scale, large, source, target, mariadb, folder, made: RefCell::default() }
    }

    /// The settings that are not defaults, for the record.
    pub fn settings() -> Vec<String> {
        let advised =
            "PostgreSQL: defaults, and max_wal_size = 4GB, maintenance_work_mem = 256MB, which `sensei check` advises";
        vec![advised.to_owned(), "both servers on the same machine and disk as everything else".to_owned()]
    }

    /// Rows are read here.
    pub fn source(&self) -> &Server {
        self.source.get_or_init(start)
    }

    /// Rows go here.
    pub fn target(&self) -> &Server {
        self.target.get_or_init(start)
    }

    /// A folder for files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new folder, in place of an earlier one of that name.
    pub fn fresh_folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("the temporary folder is writable");
        path
    }

    /// An empty database `copy` on the target, in place of an earlier one.
    pub fn fresh_target(&self) {
        empty(self.target());
    }

    /// A database of the source server with these tables, with or without their keys; its name and its rows.
    pub fn tpch(&self, tables: &[Table], scale: f64, keyed: bool) -> (String, u64) {
        let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
        let name = format!("{}_{scale}{}", names.join("_"), if keyed { "_keyed" } else { "" });
        let rows =
            self.once(&name, || tables.iter().map(|table| load(self.source(), &name, *table, scale, keyed)).sum());
        (name, rows)
    }

    /// The same, made on the target server.
    pub fn tpch_on_target(&self, table: Table, scale: f64) -> u64 {
        self.once("target", || load(self.target(), "tpch", table, scale, true))
    }

    /// A database of the source server made by statements; its rows.
    pub fn made_by(&self, name: &str, statements: &str, table: &str) -> u64 {
        self.once(name, || {
            self.source().create_database(name);
            self.source().psql(name, statements);
            self.source().psql(name, "VACUUM ANALYZE");
            count(self.source(), name, table)
        })
    }

    /// A database of the source server with so many tables of 100 rows, each with a key; its rows.
    pub fn many_tables(&self, name: &str, tables: usize) -> u64 {
        self.once(name, || {
            self.source().create_database(name);
            // One transaction per table: all at once would need more locks than the server has.
            self.source().load_text(name, |input| {
                (0..tables).try_for_each(|table| {
                    writeln!(input, "BEGIN; CREATE TABLE t{table} (id integer PRIMARY KEY, v text);")?;
                    writeln!(
                        input,
                        "INSERT INTO t{table} SELECT i, md5(i::text) FROM generate_series(1, 100) i; COMMIT;"
                    )
                })
            });
            self.source().psql(name, "ANALYZE");
            100 * tables as u64
        })
    }

    /// Writes lineitem as a CSV file with bars and a header; its rows.
    pub fn lineitem_csv(&self, path: &Path, header: &str) -> u64 {
        let mut file = BufWriter::new(File::create(path).expect("the temporary folder is writable"));
        let written = writeln!(file, "{header}").and_then(|()| write_copy(Table::LineItem, self.scale, &mut file));
        written.and_then(|rows| file.flush().map(|()| rows)).expect("the disk has room")
    }

    fn text_file(&self, table: Table, scale: f64) -> (PathBuf, u64) {
        let path = self.folder.path().join(format!("{}_{scale}.tbl", table.name()));
        let rows = self.once(&path.display().to_string(), || {
            let mut file = BufWriter::new(File::create(&path).expect("the temporary folder is writable"));
            let written = write_copy(table, scale, &mut file).and_then(|rows| file.flush().map(|()| rows));
            written.expect("the disk has room")
        });
        (path, rows)
    }

    /// MariaDB with lineitem and orders in database `tpch`, reached over TCP by the account `bench`; its port and the rows.
    pub fn mariadb(&self) -> (u16, u64) {
        let (server, port) = self.mariadb.get_or_init(start_mariadb);
        let rows = self.once("mariadb", || {
            fs::set_permissions(self.folder(), Permissions::from_mode(0o755)).expect("our own folder");
            server.create_database("tpch");
            server.sql("", "CREATE USER bench@'127.0.0.1'; GRANT ALL ON *.* TO bench@'127.0.0.1'");
            let tables = [Table::Orders, Table::LineItem].map(|table| {
                let (path, rows) = self.text_file(table, self.scale);
                server.sql("tpch", table.create());
                let load = format!("LOAD DATA LOCAL INFILE '{}' INTO TABLE {}", path.display(), table.name());
                server.sql("tpch", &format!("{load} FIELDS TERMINATED BY '|'"));
                server.sql("tpch", table.add_key());
                rows
            });
            tables.iter().sum()
        });
        (*port, rows)
    }

    /// Lineitem in a SQLite file.
    pub fn sqlite(&self, scale: f64) -> (PathBuf, u64) {
        let path = self.folder.path().join(format!("lineitem_{scale}.db"));
        let rows = self.once(&path.display().to_string(), || {
            let (text, _) = self.text_file(Table::LineItem, scale);
            fill_sqlite(&path, &text).expect("SQLite writes its file")
        });
        (path, rows)
    }

    fn once(&self, name: &str, make: impl FnOnce() -> u64) -> u64 {
        if let Some(rows) = self.made.borrow().get(name) {
            return *rows;
        }
        let rows = make();
        self.made.borrow_mut().insert(name.to_owned(), rows);
        rows
    }
}

/// `sensei` with a plan, in a folder of its own.
pub struct Ours {
    pub sensei: Sensei,
}

impl Ours {
    /// Writes the plan.
    pub fn new(source: &str, target: &str, more: &str) -> Ours {
        let sensei = Sensei::new();
        let plan = format!("version: 1\nname: bench\nsource: {source}\ntarget: {target}\n{more}");
        sensei.write("plan.yaml", plan);
        Ours { sensei }
    }

    /// A command on the plan.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(self.sensei.program());
        command.args([verb, "plan.yaml", "--output", "json"]).current_dir(self.sensei.folder());
        command.env("XDG_CONFIG_HOME", self.sensei.path(".config"));
        command
    }

    /// Runs it; `verdict` is what must come out, over `rows` rows.
    ///
    /// # Panics
    /// If something else does: a wrong result has no speed.
    pub fn run(&self, verb: &str, verdict: &str, rows: u64) -> Sample {
        let measured = measure::run(&mut self.command(verb), RUN_MAX);
        let mut sample = measured.sample(rows, &[0, 3, 7]);
        let report: Value = serde_json::from_str(&measured.stdout).expect("the report is JSON");
        let tables = report["tables"].as_array().map(Vec::as_slice).unwrap_or_default();
        let read: u64 = tables.iter().filter_map(|table| table["rows_read"].as_u64()).sum();
        assert_eq!((report["verdict"].as_str(), read), (Some(verdict), rows), "{report}\n{}", measured.stderr);
        sample.spent = Some(report["spent"].clone()).filter(|spent| !spent.is_null());
        sample
    }
}

/// `{ url: "…" }` as a plan has it.
pub fn end(url: &str) -> String {
    format!("{{ url: \"{url}\" }}")
}

fn start() -> Server {
    start_at(None)
}

/// A server of a scenario's own, that listens on this address too.
pub fn start_at(address: Option<Ipv4Addr>) -> Server {
    let settings = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Server::start_with(Options { tcp: true, settings, address, ..Options::default() })
}

/// An empty database `copy`, in place of an earlier one.
pub fn empty(target: &Server) {
    target.psql("postgres", "DROP DATABASE IF EXISTS copy");
    target.create_database("copy");
    target.psql("postgres", "CHECKPOINT");
}

fn start_mariadb() -> (mysql::Server, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    drop(listener);
    let port_option = format!("--port={port}");
    let options: Vec<&str> = MARIADB_OPTIONS.into_iter().chain([port_option.as_str()]).collect();
    (mysql::Server::start_with(&options), port)
}

fn count(server: &Server, database: &str, table: &str) -> u64 {
    server.psql(database, &format!("SELECT count(*) FROM {table}")).parse().expect("a count")
}

/// Loads a table into a database that is made if it is not there.
fn load(server: &Server, database: &str, table: Table, scale: f64, keyed: bool) -> u64 {
    if server.psql("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{database}'")).is_empty() {
        server.create_database(database);
    }
    server.psql(database, table.create());
    let mut rows = 0;
    server.load_text(database, |input| {
        writeln!(input, "COPY {} FROM STDIN (DELIMITER '|');", table.name())?;
        rows = write_copy(table, scale, &mut &mut *input)?;
        writeln!(input, "\\.")
    });
    if keyed {
        server.psql(database, table.add_key());
    }
    server.psql(database, &format!("VACUUM ANALYZE {}", table.name()));
    rows
}

fn fill_sqlite(path: &Path, text: &Path) -> io::Result<u64> {
    let database = rusqlite::Connection::open(path).map_err(io::Error::other)?;
    let columns = "l_orderkey INTEGER NOT NULL, l_partkey INTEGER NOT NULL, l_suppkey INTEGER NOT NULL, \
         l_linenumber INTEGER NOT NULL, l_quantity REAL NOT NULL, l_extendedprice REAL NOT NULL, l_discount REAL NOT NULL, \
         l_tax REAL NOT NULL, l_returnflag TEXT NOT NULL, l_linestatus TEXT NOT NULL, l_shipdate TEXT NOT NULL, \
         l_commitdate TEXT NOT NULL, l_receiptdate TEXT NOT NULL, l_shipinstruct TEXT NOT NULL, l_shipmode TEXT NOT NULL, \
         l_comment TEXT NOT NULL";
    let begin =
        format!("PRAGMA journal_mode = off; PRAGMA synchronous = off; CREATE TABLE lineitem ({columns}); BEGIN");
    database.execute_batch(&begin).map_err(io::Error::other)?;
    let marks = vec!["?"; 16].join(", ");
    let insert = format!("INSERT INTO lineitem VALUES ({marks})");
    let mut insert = database.prepare(&insert).map_err(io::Error::other)?;
    let mut rows = 0;
    for line in io::BufRead::lines(io::BufReader::new(File::open(text)?)) {
        insert.execute(rusqlite::params_from_iter(line?.split('|'))).map_err(io::Error::other)?;
        rows += 1;
    }
    drop(insert);
    database.execute_batch("COMMIT").map_err(io::Error::other)?;
    Ok(rows)
}
