//! Which logical type a source column is read as, and which one the user declared for it.

use sensei_storage::{Column, Field, LogicalType, System, Table, Traits};

use crate::dialect::Dialect;
use crate::file::{NulCharacters, RuleFile, TypeFile, ZeroDates};
use crate::logical::{self, logical_type};
use crate::overrule;
use crate::plan::Cleaning;
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
    /// What is done to values that the target could not hold otherwise.
    pub(crate) cleaning: Option<Cleaning>,
    /// As it is read; `None` if its type is not supported.
    pub(crate) field: Option<Field>,
}

/// The `types:` list, for one source system.
#[derive(Debug)]
pub(crate) struct TypeMap(Vec<TypeEntry>);

#[derive(Debug)]
struct TypeEntry {
    from: String,
    to: Option<LogicalType>,
    cleaning: Option<Cleaning>,
}

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
            let to = entry.to.as_deref().map(|text| (text, logical_type(text)));
            if let Some((text, None)) = &to {
                problems.push(unknown_type(&format!("`types[{index}].to`"), text));
                continue;
            }
            let (to, cleaning) =
                (to.and_then(|(_, logical)| logical), cleaning(entry.zero_dates, entry.nul_characters));
            if to.is_none() && entry.zero_dates.is_none() && entry.nul_characters.is_none() {
                let what = format!("`types[{index}]` says nothing about \"{}\"", entry.from);
                problems.push(Problem::new(Code::Value, what).hint("Give `to`, `zero_dates` or `nul_characters`."));
            }
            if name == system.to_string() {
                map.push(TypeEntry { from: normal(native), to, cleaning });
            }
        }
        TypeMap(map)
    }

    /// What is said of `native`: an entry with the same parameters wins over one without.
    fn get<T>(&self, native: &str, said: impl Fn(&TypeEntry) -> Option<T>) -> Option<T> {
        let exact = normal(native);
        let bare = exact.split('(').next().unwrap_or_default().trim_end();
        let find = |wanted: &str| self.0.iter().filter(|entry| entry.from == wanted).find_map(&said);
        find(&exact).or_else(|| find(bare))
    }
}

/// What the plan file says is done to a column's values. Dates are not text, so the two never meet.
fn cleaning(zero_dates: Option<ZeroDates>, nul_characters: Option<NulCharacters>) -> Option<Cleaning> {
    match (zero_dates, nul_characters) {
        (Some(ZeroDates::Nullify), _) => Some(Cleaning::ZeroDatesToNull),
        (_, Some(NulCharacters::Remove)) => Some(Cleaning::RemoveNul),
        _ => None,
    }
}

/// What a table's columns are settled by.
pub(crate) struct Settling<'a, 'c> {
    pub(crate) source: System,
    pub(crate) target: System,
    pub(crate) types: &'c TypeMap,
    pub(crate) dialect: &'c dyn Dialect,
    pub(crate) rule: Option<&'a RuleFile>,
}

impl Settling<'_, '_> {
    /// Settles every column of `table`.
    pub(crate) fn settle<'t>(&self, table: &'t Table, problems: &mut Vec<Problem>) -> Vec<Settled<'t>> {
        table.columns.iter().map(|column| self.column(table, column, problems)).collect()
    }

    fn column<'t>(&self, table: &Table, column: &'t Column, problems: &mut Vec<Problem>) -> Settled<'t> {
        let rule = self.rule.and_then(|rule| rule.columns.get(&column.name));
        let of = || format!("column \"{}\" of table \"{}\"", column.name, table.name);
        let declared = match rule.and_then(|rule| rule.declared.as_deref()) {
            Some(text) => declare(text, self.dialect).or_else(|| {
                problems.push(unknown_type(&of(), text));
                None
            }),
            None => {
                let logical = self.types.get(&column.native, |entry| entry.to.clone());
                logical.map(|logical| Declared { logical, native: None, by_column: false })
            }
        };
        let own = rule.filter(|rule| rule.zero_dates.is_some() || rule.nul_characters.is_some());
        let cleaning = match own {
            Some(rule) => cleaning(rule.zero_dates, rule.nul_characters),
            None => self.types.get(&column.native, |entry| entry.cleaning),
        };
        if let Some(problem) = cleaning.and_then(|cleaning| unfit(cleaning, column, &of())) {
            problems.push(problem);
        }
        let field = self.read_as(column, declared.as_ref(), cleaning).map(|logical| Field {
            name: column.name.clone(),
            logical,
            native: column.native.clone(),
            nullable: column.nullable,
            traits: Traits::default(),
        });
        Settled { column, declared, cleaning, field }
    }

    /// CSV values are text until a type is declared; SQLite columns may have no type at all, or one that is not true.
    /// Elsewhere the system decides, and the plan chooses among what it offers.
    fn read_as(&self, column: &Column, declared: Option<&Declared>, cleaning: Option<Cleaning>) -> Option<LogicalType> {
        let wanted = declared.map(|declared| &declared.logical);
        if cleaning == Some(Cleaning::ZeroDatesToNull) {
            return column.verbatim.clone();
        }
        if let Some(wanted) = wanted.filter(|wanted| column.readings.contains(wanted)) {
            return Some(wanted.clone());
        }
        match self.source {
            System::Csv => wanted.cloned().or_else(|| column.logical.clone()),
            System::Sqlite => {
                overrule::read_as(column.logical.as_ref(), self.meant_for_reading(column, wanted).as_ref())
            }
            System::Postgresql | System::Parquet | System::Mysql => match &column.verbatim {
                Some(verbatim) if wanted.is_none() && self.is_plain(column) => Some(verbatim.clone()),
                _ => column.logical.clone(),
            },
        }
    }

    /// What the plan says of the values that are read. A `type` beside an `expr` speaks of its result, so that an entry
    /// of `types:` for the column's own type comes first then.
    fn meant_for_reading(&self, column: &Column, wanted: Option<&LogicalType>) -> Option<LogicalType> {
        let computed =
            self.rule.and_then(|rule| rule.columns.get(&column.name)).is_some_and(|rule| rule.expr.is_some());
        if !computed {
            return wanted.cloned();
        }
        let listed = self.types.get(&column.native, |entry| entry.to.clone());
        listed.or_else(|| wanted.filter(|_| column.logical.is_none()).cloned())
    }

    /// Whether nothing looks into the column between two systems of one kind, so that its own text can be carried.
    fn is_plain(&self, column: &Column) -> bool {
        let Some(rule) = self.rule else { return self.source == self.target };
        let computes = rule.filter.is_some() || rule.columns.values().any(|rule| rule.expr.is_some());
        let masked = rule.columns.get(&column.name).is_some_and(|rule| rule.mask.is_some());
        self.source == self.target && !computes && !masked
    }
}

/// Why a column's values cannot be cleaned this way.
fn unfit(cleaning: Cleaning, column: &Column, of: &str) -> Option<Problem> {
    let fits = match cleaning {
        Cleaning::ZeroDatesToNull => {
            let is_date = |logical: &LogicalType| {
                matches!(logical, LogicalType::Date | LogicalType::Timestamp | LogicalType::TimestampTz)
            };
            column.verbatim.is_some() && column.logical.as_ref().is_some_and(is_date)
        }
        Cleaning::RemoveNul => matches!(column.logical, Some(LogicalType::Text { .. } | LogicalType::Json)),
    };
    if fits {
        return None;
    }
    let what = format!(
        "{of} is {}, and its {}",
        column.native,
        match cleaning {
            Cleaning::ZeroDatesToNull => "`zero_dates` are to become NULL",
            Cleaning::RemoveNul => "`nul_characters` are to be removed",
        }
    );
    let why = match cleaning {
        Cleaning::ZeroDatesToNull => "Only dates of MySQL and MariaDB can be zero.",
        Cleaning::RemoveNul => "Only text can hold them.",
    };
    Some(Problem::new(Code::Value, what).why(why).hint("Leave it out."))
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

fn normal(native: &str) -> String {
    let words: Vec<&str> = native.split_whitespace().collect();
    words.join(" ").to_lowercase().replace(" (", "(").replace(", ", ",")
}
