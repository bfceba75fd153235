//! What the planner translates means the same: random expressions are evaluated by SQLite and by PostgreSQL over the same
//! rows, as they were written and as they were translated.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use sensei_planner::{Abilities, Dialect, ExpressionTyper, IdentifierMax, NameScope, Plan, PlanFile, resolve};
use sensei_storage::{Catalog, Check, Column, Field, LogicalType, System, Table, postgres, sqlite};
use sensei_tests::Random;
use sensei_tests::postgres::Server;

/// Expressions tried in each direction, and rows they are evaluated on.
const EXPRESSIONS: usize = 300;
const ROWS: usize = 40;
/// Levels of nesting.
const DEPTH: usize = 3;

const COLUMNS: [(&str, &str, &str); 8] = [
    ("id", "INTEGER", "bigint"),
    ("a", "INT32", "integer"),
    ("b", "INTEGER", "bigint"),
    ("s", "TEXT", "text"),
    ("u", "TEXT", "text"),
    ("d", "DECIMAL(10,2)", "numeric(10,2)"),
    ("f", "REAL", "double precision"),
    ("ok", "BOOLEAN", "boolean"),
];

/// What the target can hold, where the test looks: checks.
struct Tongue(System);

impl Dialect for Tongue {
    fn native_type(&self, logical: &LogicalType) -> String {
        if self.0 == System::Sqlite { sqlite::native_type(logical) } else { postgres::native_type(logical) }
    }

    fn holding(&self, _: &LogicalType) -> Option<(LogicalType, &'static str)> {
        None
    }

    fn logical_type(&self, native: &str) -> Option<LogicalType> {
        if self.0 == System::Sqlite { sqlite::logical_type(native) } else { postgres::logical_type(native) }
    }

    fn abilities(&self, _: &str) -> Abilities {
        Abilities {
            rows_only: false,
            identifier_max: Some(IdentifierMax::Bytes(63)),
            index_names: NameScope::Schema,
            constraint_names: NameScope::Table,
            folds_names: true,
            deferrable: true,
            match_full: true,
            set_default: true,
            references_need_one_type: false,
            partial_indexes: true,
            expression_indexes: true,
            included_columns: true,
            nulls_order: true,
            indexed_chars_max: None,
            virtual_columns: true,
            chained_generation: true,
            comments: true,
            exact_collation: None,
        }
    }

    fn ignores_case(&self) -> bool {
        self.0 == System::Sqlite
    }
}

/// The plans here have no expressions of their own.
struct NoTypes;

impl ExpressionTyper for NoTypes {
    fn type_of(&self, _: &str, _: &[Field]) -> Result<(LogicalType, Vec<usize>), String> {
        Err("not asked for".to_owned())
    }
}

fn catalog(system: System, tables: Vec<Table>) -> Catalog {
    Catalog { system, version: String::new(), schema: None, tables, objects: vec![], not_carried: vec![] }
}

/// The plan that moves one table.
fn planned(source: System, target: System, table: Table) -> Plan {
    let text = "version: 1\nname: t\nsource: { url: 'from:' }\ntarget: { url: 'to:' }\n";
    let file = PlanFile::parse(text, &|_| None).unwrap();
    resolve(&file, &catalog(source, vec![table]), &catalog(target, vec![]), &Tongue(target), &NoTypes).unwrap()
}

/// The expressions in the target's words, each with its number.
fn translated(source: System, target: System, expressions: &[String]) -> Vec<(usize, String)> {
    let column = |(name, lite, server): &(&str, &str, &str)| {
        let native = if source == System::Sqlite { *lite } else { *server };
        let logical = Tongue(source).logical_type(native);
        Column { name: (*name).to_owned(), native: native.to_owned(), logical, nullable: true, ..Column::default() }
    };
    let check = |(number, sql): (usize, &String)| Check { name: Some(number.to_string()), expression: sql.clone() };
    let table = Table {
        name: "t".to_owned(),
        columns: COLUMNS.iter().map(column).collect(),
        checks: expressions.iter().enumerate().map(check).collect(),
        ..Table::default()
    };
    let plan = planned(source, target, table);
    let checks = plan.tables[0].target.checks.iter();
    checks.map(|check| (check.name.as_ref().unwrap().parse().unwrap(), check.expression.clone())).collect()
}

/// Writes random expressions in the SQL of one system.
struct Author<'r> {
    random: &'r mut Random,
    loose: bool,
}

impl Author<'_> {
    fn pick(&mut self, choices: &[&str]) -> String {
        (*self.random.pick(choices)).to_owned()
    }

    fn condition(&mut self, depth: usize) -> String {
        let choice = self.random.below(if depth == 0 { 6 } else { 14 });
        let less = depth.saturating_sub(1);
        match choice {
            0 | 1 => format!("{} {} {}", self.number(depth), self.order(), self.number(less)),
            2 => format!("{} {} {}", self.text(less), self.pick(&["=", "<>"]), self.text(less)),
            3 if self.loose => self.pick(&["ok = 1", "ok", "ok IN (0, 1)", "a", "b % 2", "ok IS TRUE"]),
            3 => self.pick(&["ok", "ok = true", "ok IN (true, false)", "ok IS NOT FALSE"]),
            4 => format!(
                "{} {} {}",
                self.pick(&["d", "abs(d)"]),
                self.order(),
                self.pick(&["0", "0.1", "2.5", "-1.25", "d"])
            ),
            5 => format!(
                "{} {} {}",
                self.pick(&["f", "f * 2", "f + f", "- f"]),
                self.order(),
                self.pick(&["0", "0.1", "f"])
            ),
            6 | 7 => format!("({}) {} ({})", self.condition(less), self.pick(&["AND", "OR"]), self.condition(less)),
            8 => format!("NOT ({})", self.condition(less)),
            9 => format!("{} IS {}NULL", self.pick(&["a", "b", "s", "d", "f", "ok"]), self.pick(&["", "NOT "])),
            10 => {
                format!("{} {}IN ({}, {})", self.number(less), self.pick(&["", "NOT "]), self.number(0), self.number(0))
            }
            11 => format!("{} {}IN ('a', {})", self.text(less), self.pick(&["", "NOT "]), self.text(0)),
            12 => format!("{} BETWEEN {} AND {}", self.number(less), self.number(0), self.number(0)),
            _ => format!("{} IS {}DISTINCT FROM {}", self.number(less), self.pick(&["", "NOT "]), self.number(0)),
        }
    }

    fn order(&mut self) -> String {
        self.pick(&["=", "<>", "<", "<=", ">", ">="])
    }

    /// Small, so that nothing leaves 32 bits.
    fn number(&mut self, depth: usize) -> String {
        let less = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 4 } else { 10 }) {
            0 | 1 => self.pick(&["a", "b", "id"]),
            2 | 3 => self.pick(&["0", "1", "-7", "12"]),
            4 => format!("({} {} {})", self.number(0), self.pick(&["+", "-", "*"]), self.number(0)),
            5 => format!("({} {} {})", self.number(less), self.pick(&["/", "%"]), self.pick(&["1", "2", "7"])),
            6 => format!("coalesce({}, {})", self.number(less), self.number(0)),
            7 => format!("nullif({}, {})", self.number(less), self.number(0)),
            8 => format!("length({})", self.text(less)),
            _ => format!("CASE WHEN {} THEN {} ELSE {} END", self.condition(0), self.number(less), self.number(0)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let less = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 4 } else { 7 }) {
            0 | 1 => self.pick(&["s", "u"]),
            2 | 3 => self.pick(&["'a'", "'A'", "''", "'it''s'", "'é '"]),
            4 => format!("({} || {})", self.text(less), self.text(0)),
            5 => format!("{}({})", self.pick(&["trim", "ltrim", "rtrim"]), self.text(less)),
            _ => format!("coalesce({}, {})", self.text(less), self.text(0)),
        }
    }
}

/// Rows as one `INSERT` that both systems read, but for truth values.
fn rows(random: &mut Random) -> String {
    let mut values = Vec::new();
    for id in 0..ROWS {
        let mut of = |choices: &[&str]| (*random.pick(choices)).to_owned();
        let row = [
            id.to_string(),
            of(&["NULL", "0", "1", "-7", "12", "5"]),
            of(&["NULL", "0", "1", "-1", "7", "1000"]),
            of(&["NULL", "''", "'a'", "'A'", "'a '", "' a'", "'é'", "'it''s'"]),
            of(&["NULL", "''", "'a'", "'b'", "'é '"]),
            of(&["NULL", "0", "0.1", "2.5", "-1.25", "99999999.99"]),
            of(&["NULL", "0", "0.1", "-0.5", "1e10"]),
            of(&["NULL", "TRUE", "FALSE"]),
        ];
        values.push(format!("({})", row.join(", ")));
    }
    format!("INSERT INTO t VALUES {}", values.join(", "))
}

/// One letter for each row: true, false or unknown.
fn verdicts(expression: &str) -> String {
    format!("CASE WHEN ({expression}) IS NULL THEN 'n' WHEN ({expression}) THEN 't' ELSE 'f' END")
}

struct Ground {
    server: &'static Server,
    database: String,
    lite: rusqlite::Connection,
}

impl Ground {
    fn new(random: &mut Random, database: &str) -> Ground {
        let server = Server::shared();
        server.create_database(database);
        let lite = rusqlite::Connection::open_in_memory().unwrap();
        let insert = rows(random);
        let columns = |text: fn(&(&str, &str, &str)) -> String| COLUMNS.iter().map(text).collect::<Vec<_>>().join(", ");
        lite.execute_batch(&format!("CREATE TABLE t ({}); {insert}", columns(|c| format!("{} {}", c.0, c.1)))).unwrap();
        server.psql(database, &format!("CREATE TABLE t ({}); {insert}", columns(|c| format!("{} {}", c.0, c.2))));
        Ground { server, database: database.to_owned(), lite }
    }

    fn in_sqlite(&self, expression: &str) -> String {
        let sql = format!("SELECT group_concat({}, '') FROM (SELECT * FROM t ORDER BY id)", verdicts(expression));
        self.lite.query_row(&sql, (), |row| row.get(0)).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn in_postgres(&self, expressions: &[&str]) -> Vec<String> {
        let one = |(number, sql): (usize, &&str)| {
            format!("SELECT {number} AS n, string_agg({}, '' ORDER BY id) FROM t", verdicts(sql))
        };
        let all: Vec<String> = expressions.iter().enumerate().map(one).collect();
        let shown = self.server.psql(&self.database, &format!("{} ORDER BY n", all.join(" UNION ALL ")));
        shown.lines().map(|line| line.split_once('|').unwrap().1.to_owned()).collect()
    }

    /// The expressions as PostgreSQL prints them.
    fn printed(&self, expressions: &[String]) -> Vec<String> {
        let add = |sql: &String| format!("ALTER TABLE t ADD CHECK ({sql}) NOT VALID");
        let all: Vec<String> = expressions.iter().map(add).collect();
        self.server.psql(&self.database, &all.join("; "));
        let shown = self.server.psql(
            &self.database,
            "SELECT replace(pg_get_expr(conbin, conrelid), chr(10), ' ') FROM pg_constraint WHERE contype = 'c' AND conrelid = 't'::regclass ORDER BY oid",
        );
        shown.lines().map(str::to_owned).collect()
    }
}

fn authored(random: &mut Random, loose: bool) -> Vec<String> {
    let mut author = Author { random, loose };
    (0..EXPRESSIONS).map(|_| author.condition(DEPTH)).collect()
}

#[test]
fn from_sqlite_to_postgresql() {
    let mut random = Random::announced("from_sqlite_to_postgresql");
    let ground = Ground::new(&mut random, "to_postgres");
    let written = authored(&mut random, true);
    let carried = translated(System::Sqlite, System::Postgresql, &written);
    assert!(carried.len() * 10 > written.len() * 7, "only {} of {} are translated", carried.len(), written.len());
    let expressions: Vec<&str> = carried.iter().map(|(_, sql)| sql.as_str()).collect();
    for ((number, sql), there) in carried.iter().zip(ground.in_postgres(&expressions)) {
        assert_eq!(ground.in_sqlite(&written[*number]), there, "{}\n{sql}", written[*number]);
    }
}

#[test]
fn from_postgresql_to_sqlite() {
    let mut random = Random::announced("from_postgresql_to_sqlite");
    let ground = Ground::new(&mut random, "to_sqlite");
    let written = ground.printed(&authored(&mut random, false));
    let carried = translated(System::Postgresql, System::Sqlite, &written);
    assert!(carried.len() * 10 > written.len() * 7, "only {} of {} are translated", carried.len(), written.len());
    let expressions: Vec<&str> = carried.iter().map(|(number, _)| written[*number].as_str()).collect();
    for ((number, sql), here) in carried.iter().zip(ground.in_postgres(&expressions)) {
        assert_eq!(here, ground.in_sqlite(sql), "{}\n{sql}", written[*number]);
    }
}

/// A statement that creates a table with the defaults that the plan has, for columns of `(type, default)`.
fn with_defaults(source: System, target: System, columns: &[(&str, &str)]) -> String {
    let column = |(number, (native, default)): (usize, &(&str, &str))| {
        let logical = Tongue(source).logical_type(native);
        let mut column =
            Column { name: format!("c{number}"), native: (*native).to_owned(), logical, ..Column::default() };
        column.traits.default = Some((*default).to_owned());
        column
    };
    let columns = columns.iter().enumerate().map(column).collect();
    let plan = planned(source, target, Table { name: "d".to_owned(), columns, ..Table::default() });
    let one = |field: &Field| {
        let default = field.traits.default.as_ref().unwrap_or_else(|| panic!("{}: {:?}", field.name, plan.not_carried));
        format!("{} {} DEFAULT {default}", field.name, field.native)
    };
    let columns: Vec<String> = plan.tables[0].target.fields.iter().map(one).collect();
    format!("CREATE TABLE d ({}); INSERT INTO d DEFAULT VALUES", columns.join(", "))
}

#[test]
fn defaults_of_sqlite_are_values_in_postgresql() {
    let server = Server::shared();
    server.create_database("defaults");
    let create = with_defaults(
        System::Sqlite,
        System::Postgresql,
        &[
            ("INTEGER", "'7'"),
            ("TEXT", "CURRENT_TIMESTAMP"),
            ("DATETIME", "CURRENT_TIMESTAMP"),
            ("DATE", "(date('now'))"),
            ("BOOLEAN", "1"),
            ("DECIMAL(10,2)", "'1.5'"),
            ("BLOB", "X'00ff'"),
            ("TEXT", "'it''s \\'"),
            ("REAL", "-0.5"),
            ("JSON", "'{}'"),
            ("TIMESTAMPTZ", "CURRENT_TIMESTAMP"),
            ("INTEGER", "(1 + 2 * 3)"),
        ],
    );
    server.psql("defaults", &create);
    let shown = server.psql(
        "defaults",
        "SELECT c0, c1 ~ '^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d$', now() AT TIME ZONE 'UTC' - c2 < '1 minute', c3 IS NOT NULL, c4, c5, c6, \
         c7, c8, c9, c10 IS NOT NULL, c11 FROM d",
    );
    assert_eq!(shown, "7|t|t|t|t|1.50|\\x00ff|it's \\|-0.5|{}|t|7");
}

#[test]
fn defaults_of_postgresql_are_values_in_sqlite() {
    let create = with_defaults(
        System::Postgresql,
        System::Sqlite,
        &[
            ("integer", "'-7'::integer"),
            ("timestamp with time zone", "now()"),
            ("timestamp without time zone", "CURRENT_TIMESTAMP"),
            ("date", "CURRENT_DATE"),
            ("boolean", "true"),
            ("numeric(10,2)", "1.50"),
            ("text", "'it''s'::text"),
            ("character varying(10)", "''::character varying"),
            ("double precision", "'-0.5'::numeric"),
            ("jsonb", "'{}'::jsonb"),
            ("date", "'2020-02-29'::date"),
            ("uuid", "'00112233-4455-6677-8899-aabbccddeeff'::uuid"),
        ],
    );
    let lite = rusqlite::Connection::open_in_memory().unwrap();
    lite.execute_batch(&create).unwrap();
    let time = "____-__-__ __:__:__";
    let sql = format!(
        "SELECT c0 = -7 AND c1 LIKE '{time}+00' AND c2 LIKE '{time}' AND c3 LIKE '____-__-__' AND c4 = 1 AND c5 = 1.5 AND \
         c6 = 'it''s' AND c7 = '' AND c8 = -0.5 AND c9 = '{{}}' AND c10 = '2020-02-29' AND c11 LIKE '00112233-%' FROM d"
    );
    let good: Option<bool> = lite.query_row(&sql, (), |row| row.get(0)).unwrap();
    assert_eq!(good, Some(true), "{create}");
}
