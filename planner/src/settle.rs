//! Which logical type a source column is read as, and which one the user declared for it.

use sensei_storage::{Column, Field, LogicalType, System, Table, Traits};

use crate::dialect::Dialect;
use crate::file::{RuleFile, TypeFile};
use crate::logical::{self, logical_type};
use crate::problem::{Code, Problem, did_you_mean};

/// A type that the user declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) logical: LogicalType,
    /// The target's own type text, if that is what was written.
    pub(crate) native: Option<String>,
    /// Whether the column's own rule declares it, rather than `types:`.
    pub(crate) by_column: bool,
}

/// One source column with its types settled.
#[derive(Debug)]
pub(crate) struct Settled<'a> {
    pub(crate) column: &'a Column,
    pub(crate) declared: Option<Declared>,
    /// As it is read; `None` if its type is not supported.
    pub(crate) field: Option<Field>,
}

/// The `types:` list, for one source system.
#[derive(Debug)]
pub(crate) struct TypeMap(Vec<(String, LogicalType)>);

/// The systems that a `types:` entry may name. Entries for other systems than the source's are kept for reuse of the
/// same list in many plans.
const SYSTEMS: [&str; 5] = ["sqlite", "postgresql", "csv", "parquet", "mysql"];

impl TypeMap {
    /// Reads the list, keeping what concerns `system`.
    pub(crate) fn new(types: &[TypeFile], system: System, problems: &mut Vec<Problem>) -> TypeMap {
        let mut map = Vec::new();
        for (index, entry) in types.iter().enumerate() {
            let Some((name, native)) = entry.from.split_once(':') else {
                let what = format!("value of `types[{index}].from` is not valid");
                problems
                    .push(Problem::new(Code::Value, what).why("It must be `system:type`, as in `sqlite:datetime`."));
                continue;
            };
            let name = name.trim().to_ascii_lowercase();
            if !SYSTEMS.contains(&name.as_str()) {
                let what = format!("`types[{index}].from` names the unknown system \"{name}\"");
                problems.push(Problem::new(Code::Value, what).hint(did_you_mean(&name, SYSTEMS)));
                continue;
            }
            match logical_type(&entry.to) {
                Some(logical) if name == system.to_string() => map.push((normal(native), logical)),
                Some(_) => {}
                None => problems.push(unknown_type(&format!("`types[{index}].to`"), &entry.to)),
            }
        }
        TypeMap(map)
    }

    /// What `native` becomes: an entry with the same parameters wins over one without.
    fn get(&self, native: &str) -> Option<&LogicalType> {
        let exact = normal(native);
        let bare = exact.split('(').next().unwrap_or_default().trim_end();
        let find = |wanted: &str| self.0.iter().find(|(from, _)| from == wanted).map(|(_, to)| to);
        find(&exact).or_else(|| find(bare))
    }
}

/// Settles every column of `table`.
pub(crate) fn settle<'a>(
    table: &'a Table,
    rule: Option<&RuleFile>,
    system: System,
    types: &TypeMap,
    dialect: &dyn Dialect,
    problems: &mut Vec<Problem>,
) -> Vec<Settled<'a>> {
    let one = |column: &'a Column| {
        let own = rule.and_then(|rule| rule.columns.get(&column.name)).and_then(|rule| rule.declared.as_deref());
        let declared = match own {
            Some(text) => declare(text, dialect).or_else(|| {
                problems.push(unknown_type(&format!("column \"{}\" of table \"{}\"", column.name, table.name), text));
                None
            }),
            None => {
                let logical = types.get(&column.native).cloned();
                logical.map(|logical| Declared { logical, native: None, by_column: false })
            }
        };
        let field = read_as(column, declared.as_ref(), system).map(|logical| Field {
            name: column.name.clone(),
            logical,
            native: column.native.clone(),
            nullable: column.nullable,
            traits: Traits::default(),
        });
        Settled { column, declared, field }
    };
    table.columns.iter().map(one).collect()
}

/// Reads a declared type: a logical type's name, or one of the target's own types.
pub(crate) fn declare(text: &str, dialect: &dyn Dialect) -> Option<Declared> {
    if let Some(logical) = logical_type(text) {
        return Some(Declared { logical, native: None, by_column: true });
    }
    let logical = dialect.logical_type(text)?;
    Some(Declared { logical, native: Some(text.trim().to_owned()), by_column: true })
}

/// The problem of a type name that nobody knows.
pub(crate) fn unknown_type(of: &str, text: &str) -> Problem {
    Problem::new(Code::Type, format!("type \"{text}\", declared for {of}, is not known"))
        .why(format!("The logical types are {}.", logical::NAMES))
}

/// CSV values are text until a type is declared; SQLite columns may have no type at all. Elsewhere the system decides.
fn read_as(column: &Column, declared: Option<&Declared>, system: System) -> Option<LogicalType> {
    let declared = || declared.map(|declared| declared.logical.clone());
    match system {
        System::Csv => declared().or_else(|| column.logical.clone()),
        System::Sqlite => column.logical.clone().or_else(declared),
        System::Postgresql | System::Parquet | System::Mysql => column.logical.clone(),
    }
}

fn normal(native: &str) -> String {
    let words: Vec<&str> = native.split_whitespace().collect();
    words.join(" ").to_lowercase().replace(" (", "(").replace(", ", ",")
}
