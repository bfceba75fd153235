//! Tests of the whole crate, one file per feature, all through [`check`] and [`check_file`].

mod explain;
mod files;
mod propose;
mod relations;
mod resolution;
mod schema;
mod schema_elsewhere;
mod stages;
mod structure;
mod translate;
mod types;

use std::fmt::Write;

use expect_test::Expect;
use sensei_storage::{Catalog, Column, Field, ForeignKey, Generation, LogicalType, System, Table, Traits};

use crate::{
    Abilities, Dialect, ExpressionTyper, IdentifierMax, Input, NameScope, Plan, PlanFile, Problem, StageGraph,
    logical_type, resolve,
};

/// The secret behind every variable whose name begins with `SECRET`; no output may show it.
const SECRET: &str = "hunter2";

fn lookup(name: &str) -> Option<String> {
    match name {
        "EMPTY" => Some(String::new()),
        "THREE" => Some("3".to_owned()),
        "YAML" => Some("{ a: b }\nc: d".to_owned()),
        _ => name.starts_with("SECRET").then(|| format!("{SECRET}{name}")),
    }
}

/// Parses, resolves and compares what comes out: the tables of the plan, or its problems.
fn check(yaml: &str, source: &Catalog, target: &Catalog, expected: Expect) {
    let shown = match planned(yaml, source, target) {
        Ok(plan) => {
            let round: Plan = serde_json::from_str(&plan.canonical_json()).unwrap();
            assert_eq!(round, plan);
            assert!(!plan.canonical_json().contains(SECRET));
            show(&plan)
        }
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    };
    assert!(!shown.contains(SECRET), "a secret is shown");
    expected.assert_eq(&shown);
}

/// Reads a plan file and compares its problems.
fn check_file(yaml: &str, expected: Expect) {
    let shown = match PlanFile::parse(yaml, &lookup) {
        Ok(file) => format!("{file:#?}\n"),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    };
    assert!(!shown.contains(SECRET), "a secret is shown");
    expected.assert_eq(&shown);
}

fn planned(yaml: &str, source: &Catalog, target: &Catalog) -> Result<Plan, Vec<Problem>> {
    let file = PlanFile::parse(yaml, &lookup)?;
    resolve(&file, source, target, &Tongue(target.system), &Toy)
}

/// A plan file with the given `tables` and whatever follows, indented as they stand.
fn plan(rest: &str) -> String {
    format!("version: 1\nname: t\nsource: {{ url: 'from:' }}\ntarget: {{ url: 'to:' }}\n{rest}")
}

fn show(plan: &Plan) -> String {
    let mut out = String::new();
    for table in &plan.tables {
        let kind = if table.target.create { "" } else { " (exists)" };
        let _ = writeln!(out, "{} -> {}{kind}", table.source, table.target.name);
        let read: Vec<String> = table.read.iter().map(|field| format!("{} {}", field.name, field.logical)).collect();
        let _ = writeln!(out, "  read {}", read.join(", "));
        for (column, field) in table.columns.iter().zip(&table.target.fields) {
            let input = match &column.input {
                Input::Column { index } => table.read[*index].name.clone(),
                Input::Expression { sql } => format!("`{sql}`"),
            };
            let mask = if column.mask.is_some() { " masked" } else { "" };
            let null = if field.nullable { "" } else { " not null" };
            let (from, to) = (&column.from, &field.logical);
            let _ = writeln!(out, "  {input} {from}{mask} -> {} {to} \"{}\"{null}", field.name, field.native);
        }
        if !table.target.primary_key.is_empty() {
            let _ = writeln!(out, "  primary key {}", table.target.primary_key.join(", "));
        }
        for key in &table.target.foreign_keys {
            let (columns, parents) = (key.columns.join(", "), key.parent_columns.join(", "));
            let _ = writeln!(out, "  foreign key {columns} -> {} ({parents})", key.parent);
        }
    }
    plan.lossy.iter().for_each(|lossy| {
        let _ = writeln!(out, "lossy {}.{}: {}", lossy.table, lossy.column, lossy.rule);
    });
    plan.not_carried.iter().for_each(|object| {
        let _ = writeln!(out, "not carried {object}");
    });
    out
}

fn catalog(system: System, tables: Vec<Table>) -> Catalog {
    Catalog { system, version: "1".to_owned(), schema: None, tables, objects: Vec::new(), not_carried: Vec::new() }
}

fn nothing(system: System) -> Catalog {
    catalog(system, Vec::new())
}

/// A table from lines such as `id integer = int32 not null key`: name, native type, `=` logical type or `?`.
fn table(name: &str, columns: &[&str]) -> Table {
    let mut table = Table { name: name.to_owned(), ..Table::default() };
    for line in columns {
        let (head, tail) = line.split_once(" = ").unwrap();
        let (column, native) = head.split_once(' ').unwrap_or((head, ""));
        let mut words = tail.split(' ');
        let logical = logical_type(words.next().unwrap());
        let (nullable, generated) = (!tail.contains("not null"), tail.contains("generated"));
        let (column, native) = (column.to_owned(), native.to_owned());
        if tail.ends_with("key") {
            table.primary_key.push(column.clone());
        }
        let generation = generated.then(|| Generation { expression: "1".to_owned(), stored: true });
        let traits = Traits { generation, ..Traits::default() };
        table.columns.push(Column { name: column, native, logical, nullable, traits, ..Column::default() });
    }
    table
}

fn references(mut child: Table, columns: &[&str], parent: &str, parent_columns: &[&str]) -> Table {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    child.foreign_keys.push(ForeignKey {
        name: None,
        columns: owned(columns),
        parent: parent.to_owned(),
        parent_columns: owned(parent_columns),
        on_delete: "NO ACTION".to_owned(),
        on_update: "NO ACTION".to_owned(),
        ..ForeignKey::default()
    });
    child
}

fn shop() -> Catalog {
    let mut customer = table(
        "Customer",
        &[
            "Id INTEGER = int64 not null key",
            "Name VARCHAR(40) = text(40) not null",
            "Email TEXT = text",
            "Fax TEXT = text",
            "Since DATETIME = timestamp",
        ],
    );
    customer.rows_estimate = Some(59);
    customer.bytes_estimate = Some(12_345);
    let invoice = table(
        "Invoice",
        &[
            "Id INTEGER = int64 not null key",
            "CustomerId INTEGER = int64 not null",
            "Total DECIMAL(10,2) = decimal(10,2)",
        ],
    );
    let mut invoice = references(invoice, &["CustomerId"], "Customer", &["Id"]);
    invoice.rows_estimate = Some(6_001_215);
    invoice.bytes_estimate = Some(1_300_000_000);
    let log = table("tmp_log", &["Line TEXT = text"]);
    let mut shop = catalog(System::Sqlite, vec![customer, invoice, log]);
    shop.not_carried = vec!["view \"Sales\"".to_owned()];
    shop
}

/// A stand-in for the connectors' own functions.
struct Tongue(System);

impl Dialect for Tongue {
    fn native_type(&self, logical: &LogicalType) -> String {
        match (self.0, logical) {
            (System::Postgresql, LogicalType::Int64) => "bigint".to_owned(),
            (System::Postgresql, LogicalType::Int32) => "integer".to_owned(),
            (System::Postgresql, LogicalType::Text { max_chars: Some(chars) }) => format!("character varying({chars})"),
            (System::Postgresql, LogicalType::Decimal { precision, scale }) => format!("numeric({precision},{scale})"),
            _ => logical.to_string(),
        }
    }

    fn holding(&self, logical: &LogicalType) -> Option<(LogicalType, &'static str)> {
        match self.0 {
            System::Postgresql => sensei_storage::postgres::holding(logical),
            System::Sqlite => sensei_storage::sqlite::holding(logical),
            _ => None,
        }
    }

    fn logical_type(&self, native: &str) -> Option<LogicalType> {
        match self.0 {
            System::Postgresql => sensei_storage::postgres::logical_type(native),
            _ => logical_type(native),
        }
    }

    fn abilities(&self, _version: &str) -> Abilities {
        abilities(self.0)
    }

    fn ignores_case(&self) -> bool {
        self.0 == System::Sqlite
    }
}

/// What the schemas of a system can hold, as far as the tests look.
pub(crate) fn abilities(system: System) -> Abilities {
    let (sqlite, mysql) = (system == System::Sqlite, system == System::Mysql);
    Abilities {
        rows_only: matches!(system, System::Csv | System::Parquet),
        identifier_max: match system {
            System::Postgresql => Some(IdentifierMax::Bytes(63)),
            System::Mysql => Some(IdentifierMax::Chars(64)),
            _ => None,
        },
        index_names: if mysql { NameScope::Table } else { NameScope::Schema },
        constraint_names: if mysql { NameScope::Schema } else { NameScope::Table },
        folds_names: sqlite || mysql,
        deferrable: !mysql,
        match_full: !sqlite && !mysql,
        set_default: !mysql,
        references_need_one_type: mysql,
        partial_indexes: !mysql,
        expression_indexes: true,
        included_columns: !sqlite && !mysql,
        nulls_order: !sqlite && !mysql,
        indexed_chars_max: mysql.then_some(768),
        virtual_columns: sqlite || mysql,
        chained_generation: sqlite || mysql,
        comments: !sqlite,
        exact_collation: mysql.then_some("utf8mb4_0900_bin"),
    }
}

/// A stand-in for the expression engine: `f(Column)` is text, a comparison is boolean, `Column` is itself.
struct Toy;

impl ExpressionTyper for Toy {
    fn type_of(&self, sql: &str, fields: &[Field]) -> Result<(LogicalType, Vec<usize>), String> {
        let words = sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let mut used = Vec::new();
        for word in words.filter(|word| word.starts_with(char::is_uppercase)) {
            let index = fields.iter().position(|field| field.name == word);
            used.push(index.ok_or_else(|| format!("There is no column \"{word}\"."))?);
        }
        let logical = match used.as_slice() {
            _ if sql.contains(['<', '=', '>']) => LogicalType::Boolean,
            [index] if !sql.contains('(') => fields[*index].logical.clone(),
            _ => LogicalType::TEXT,
        };
        Ok((logical, used))
    }
}

fn stages(plan: &Plan, source: &Catalog) -> StageGraph {
    StageGraph::new(plan, source)
}
