//! One column of the plan: where its value comes from, what type it has on the way, and what it becomes.

use sensei_storage::{Column, Field, LogicalType, System, Table, Traits, postgres};

use crate::cast::{Cast, cast};
use crate::file::ColumnFile;
use crate::plan::{Cleaning, MaskPlan};
use crate::problem::{Code, Problem, did_you_mean};
use crate::settle::{Declared, Settled, declare, unknown_type};
use crate::table::Scope;

/// Characters of a keyed hash: 32 bytes in hexadecimal.
const HASH_CHARS: u32 = 64;

/// A column on its way to becoming a [`crate::ColumnPlan`] and a target [`Field`].
#[derive(Debug)]
pub(crate) struct ColumnDraft {
    /// The expression, or `None` for a source column as it is.
    pub(crate) sql: Option<String>,
    /// Positions among the readable columns of what it uses; the one column itself if there is no expression.
    pub(crate) uses: Vec<usize>,
    pub(crate) from: LogicalType,
    pub(crate) mask: Option<MaskPlan>,
    pub(crate) cleaning: Option<Cleaning>,
    /// By which values are carried into another type without loss.
    pub(crate) rule: Option<String>,
    pub(crate) lossy: Option<String>,
    pub(crate) field: Field,
}

/// Where a column goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// Into a table that Sensei creates.
    New,
    /// Into a column that is there.
    Existing(&'a Column),
    /// Into a table that is there and lacks the column.
    Missing(&'a Table),
}

/// Where a value comes from, with its type.
struct Origin {
    sql: Option<String>,
    uses: Vec<usize>,
    logical: LogicalType,
    nullable: bool,
}

impl Scope<'_, '_> {
    /// Resolves one column: a source column (`settled`) or a new one. `None` if it is left out or has a problem.
    pub(crate) fn column(
        &self,
        name: &str,
        settled: Option<&Settled<'_>>,
        rule: &ColumnFile,
        problems: &mut Vec<Problem>,
        notes: &mut Vec<String>,
    ) -> Option<ColumnDraft> {
        let of = format!("column \"{name}\" of table \"{}\"", self.table.name);
        if rule.drop {
            if rule.expr.is_some() || rule.into.is_some() || rule.declared.is_some() || rule.mask.is_some() {
                let what = format!("{of} is dropped and has other rules");
                problems.push(Problem::new(Code::Column, what).hint("Keep `drop`, or keep the others."));
            }
            return None;
        }
        let target_name = rule.into.as_deref().unwrap_or(name);
        let target = self.target_column(target_name);
        if let Target::Existing(existing) = target
            && existing.is_generated()
            && !settled.is_some_and(|settled| settled.column.is_generated())
        {
            notes.push(format!("{of}: the target computes column \"{target_name}\" itself"));
            return None;
        }
        match self.whole(target_name, &of, settled, rule, target, notes) {
            Ok(draft) => Some(draft),
            Err(problem) => {
                problems.extend(problem);
                None
            }
        }
    }

    /// `Err(None)` stands for a problem that is reported already.
    fn whole(
        &self,
        target_name: &str,
        of: &str,
        settled: Option<&Settled<'_>>,
        rule: &ColumnFile,
        target: Target<'_>,
        notes: &mut Vec<String>,
    ) -> Result<ColumnDraft, Option<Problem>> {
        let declared = self.declared(of, settled, rule)?;
        let origin = self.origin(of, settled, rule)?;
        let mask = mask(of, rule, declared.as_ref())?;
        let cleaning = settled.and_then(|settled| settled.cleaning).filter(|_| rule.expr.is_none() && mask.is_none());
        let from = match (mask, settled) {
            (Some(_), _) => LogicalType::TEXT,
            // Dates that may be zero travel as text and are dates again once they are cleaned.
            (None, Some(settled)) if cleaning == Some(Cleaning::ZeroDatesToNull) => {
                settled.column.logical.clone().unwrap_or_else(|| origin.logical.clone())
            }
            _ => origin.logical.clone(),
        };
        let mut held_by = None;
        let (field, lossy) = match target {
            Target::New => {
                let (to, lossy) = match &declared {
                    Some(declared) if mask.is_none() => {
                        let to = declared.logical.clone();
                        let lossy = permitted(of, &from, &to, Some(declared))?;
                        (to, lossy)
                    }
                    _ => {
                        let held = self.holding(&from);
                        held_by = held.as_ref().map(|(_, rule)| (*rule).to_owned());
                        (held.map_or_else(|| from.clone(), |(to, _)| to), None)
                    }
                };
                let native = self.native(of, &to, settled, &origin, declared.as_ref(), mask, notes);
                (
                    Field {
                        name: target_name.to_owned(),
                        logical: to,
                        native,
                        nullable: origin.nullable,
                        traits: Traits::default(),
                    },
                    lossy,
                )
            }
            Target::Existing(column) => {
                let logical = as_written(column, &from).ok_or_else(|| unsupported_target(of, column))?;
                // A column like the one that Sensei would have created, or did create.
                let unruled = declared.is_none() && mask.is_none() && !self.pads(column);
                let held = self.holding(&from).filter(|(to, _)| unruled && *to == logical);
                held_by = held.map(|(_, rule)| rule.to_owned());
                let lossy = match &held_by {
                    Some(_) => None,
                    None => self.fits(of, column, &from, settled, &origin, declared.as_ref(), mask)?,
                };
                let (name, native) = (column.name.clone(), column.native.clone());
                // Computed on both sides: never written, and compared like any other.
                let generation = column.traits.generation.clone();
                let traits = Traits { generation, ..Traits::default() };
                (Field { name, logical, native, nullable: column.nullable, traits }, lossy)
            }
            Target::Missing(table) => return Err(Some(missing(of, target_name, table))),
        };
        let lossy = cleaning.map(|cleaning| cleaning.rule().to_owned()).or(lossy);
        let (sql, uses, from) = (origin.sql, origin.uses, origin.logical);
        Ok(ColumnDraft { sql, uses, from, mask, cleaning, rule: held_by, lossy, field })
    }

    /// As what the target keeps values of a type that it does not have, by which rule. A system holds what it gave itself.
    fn holding(&self, from: &LogicalType) -> Option<(LogicalType, &'static str)> {
        let same = self.context.source.system == self.context.target.system;
        if same { None } else { self.context.dialect.holding(from) }
    }

    fn declared(
        &self,
        of: &str,
        settled: Option<&Settled<'_>>,
        rule: &ColumnFile,
    ) -> Result<Option<Declared>, Option<Problem>> {
        match (settled, &rule.declared) {
            // Settling has reported a type that it does not know.
            (Some(settled), Some(_)) if settled.declared.is_none() => Err(None),
            // What `types:` says of a column's own type is not meant for what an expression makes of it.
            (Some(settled), None) if rule.expr.is_some() && settled.declared.is_some() => Ok(None),
            (Some(settled), _) => Ok(settled.declared.clone()),
            (None, Some(text)) => match declare(text, self.context.dialect) {
                Some(declared) => Ok(Some(declared)),
                None => Err(Some(unknown_type(of, text))),
            },
            (None, None) => Ok(None),
        }
    }

    fn origin(&self, of: &str, settled: Option<&Settled<'_>>, rule: &ColumnFile) -> Result<Origin, Option<Problem>> {
        if let Some(sql) = &rule.expr {
            let typed = self.context.typer.type_of(sql, &self.readable);
            let (logical, uses) = typed
                .map_err(|why| Problem::new(Code::Expression, format!("`expr` of {of} does not compile")).why(why))?;
            return Ok(Origin { sql: Some(sql.clone()), uses, logical, nullable: true });
        }
        let Some(Settled { column, field, .. }) = settled else { return Err(None) };
        let Some(field) = field else { return Err(Some(self.unsupported(of, column))) };
        let index = self.readable.iter().position(|readable| readable.name == field.name);
        let uses = index.into_iter().collect();
        Ok(Origin { sql: None, uses, logical: field.logical.clone(), nullable: field.nullable })
    }

    fn unsupported(&self, of: &str, column: &Column) -> Problem {
        let system = self.context.source.system;
        let name = &column.name;
        let drop = format!("Leave it out: `{name:?}: {{ drop: true }}`.");
        if self.context.source.system == System::Sqlite && column.native.trim().is_empty() {
            return Problem::new(Code::Type, format!("{of} has no declared type"))
                .why("SQLite lets it hold values of any type, and Sensei does not guess.")
                .hint(format!("Declare one, as in `{name:?}: {{ type: text }}`. {drop}"));
        }
        let problem = Problem::new(Code::Type, format!("{of} has type \"{}\", which is not supported", column.native))
            .why(format!("Sensei does not read this {system} type yet, and does not turn it into text unasked."));
        match self.context.source.system {
            System::Sqlite | System::Csv => {
                problem.hint(format!("Say what it is: `{name:?}: {{ type: text }}`. {drop}"))
            }
            System::Postgresql | System::Parquet | System::Mysql => {
                problem.hint(format!("{drop} Or give another value in its place with `expr`."))
            }
        }
    }

    /// Whether the value fits an existing column, and what that loses.
    #[allow(clippy::too_many_arguments, reason = "every one is a fact of the same column")]
    fn fits(
        &self,
        of: &str,
        column: &Column,
        from: &LogicalType,
        settled: Option<&Settled<'_>>,
        origin: &Origin,
        declared: Option<&Declared>,
        mask: Option<MaskPlan>,
    ) -> Result<Option<String>, Option<Problem>> {
        let to = as_written(column, from).ok_or_else(|| unsupported_target(of, column))?;
        if mask.is_some() {
            return match to {
                LogicalType::Text { max_chars: None } => Ok(None),
                LogicalType::Text { max_chars: Some(chars) }
                    if chars >= HASH_CHARS && (chars == HASH_CHARS || !self.pads(column)) =>
                {
                    Ok(None)
                }
                _ => Err(Some(mask_needs_text(of, &column.native))),
            };
        }
        if let Some(declared) = declared.filter(|declared| declared.by_column && declared.logical != to) {
            let what = format!("{of} is declared {}, and the target's column is {to}", declared.logical);
            return Err(Some(Problem::new(Code::Target, what).hint("Leave out `type`, or change the target.")));
        }
        let same_text = settled.is_some_and(|settled| settled.column.native == column.native);
        if self.pads(column) && origin.sql.is_none() && !same_text {
            return Err(Some(
                Problem::new(Code::Target, format!("{of} goes into a column of type {}", column.native))
                    .why("That type pads values with blanks, so that what is read back differs from what was read.")
                    .hint("Make the target's column text or varchar, or pad with `expr` on purpose."),
            ));
        }
        permitted(of, from, &to, declared)
    }

    fn pads(&self, target: &Column) -> bool {
        self.context.target.system == System::Postgresql && postgres::is_blank_padded(&target.native)
    }

    /// The type text of a column that Sensei creates.
    #[allow(clippy::too_many_arguments, reason = "every one is a fact of the same column")]
    fn native(
        &self,
        of: &str,
        to: &LogicalType,
        settled: Option<&Settled<'_>>,
        origin: &Origin,
        declared: Option<&Declared>,
        mask: Option<MaskPlan>,
        notes: &mut Vec<String>,
    ) -> String {
        let dialect = self.context.dialect;
        let native = || dialect.native_type(to);
        if mask.is_some() {
            return native();
        }
        if let Some(text) = declared.and_then(|declared| declared.native.clone()) {
            return text;
        }
        let Some(column) = settled.map(|settled| settled.column).filter(|_| origin.sql.is_none()) else {
            return native();
        };
        let same_system = self.context.source.system == self.context.target.system;
        let own = [&column.logical, &column.verbatim].into_iter().flatten().any(|own| own == to);
        let kept = same_system && declared.is_none() && own;
        let text = if kept { column.native.clone() } else { native() };
        self.note_type(of, column, &text, notes);
        text
    }

    /// Says what is lost of a type that is more than the values it holds: padding, or the rules of a type that the
    /// source's database has defined for itself.
    fn note_type(&self, of: &str, column: &Column, target: &str, notes: &mut Vec<String>) {
        let native = &column.native;
        // Labels are carried as labels, or said to be left.
        let labelled = !column.traits.labels.is_empty();
        if self.context.source.system != System::Postgresql || native == target || labelled {
            return;
        }
        if postgres::is_blank_padded(native) {
            notes.push(format!("blank padding of {of}: \"{native}\" becomes {target}, its values keep their blanks"));
        } else if postgres::logical_type(native) != column.logical {
            notes.push(format!("type \"{native}\" of {of}: its values are carried as {target}"));
        }
    }
}

/// The logical type by which values of type `from` go into a column that is there: its own text where that is how they
/// come.
fn as_written(column: &Column, from: &LogicalType) -> Option<LogicalType> {
    column.verbatim.iter().find(|verbatim| *verbatim == from).or(column.logical.as_ref()).cloned()
}

/// Whether `from` may become `to`, and what that loses or assumes.
fn permitted(
    of: &str,
    from: &LogicalType,
    to: &LogicalType,
    declared: Option<&Declared>,
) -> Result<Option<String>, Option<Problem>> {
    let what = || format!("{of} is {from} and would become {to}");
    match cast(from, to) {
        Cast::Allowed => Ok(None),
        Cast::Lossy(rule) => Ok(Some(rule.to_owned())),
        Cast::Ambiguous(rule) if declared.is_some_and(|declared| declared.logical == *to) => Ok(Some(rule.to_owned())),
        Cast::Ambiguous(rule) => Err(Some(
            Problem::new(Code::Cast, what())
                .why(format!("That is right only if {rule}, which Sensei does not guess."))
                .hint(format!("Say so with `type: {to}` in the column's rule, or under `types`.")),
        )),
        Cast::Refused => Err(Some(
            Problem::new(Code::Cast, what())
                .why("Sensei has no conversion between these types.")
                .hint("Convert it with `expr`, or give the target's column another type."),
        )),
    }
}

fn mask(of: &str, rule: &ColumnFile, declared: Option<&Declared>) -> Result<Option<MaskPlan>, Option<Problem>> {
    let Some(mask) = &rule.mask else { return Ok(None) };
    if mask.keyed_hash.key.expose().is_empty() {
        let problem = Problem::new(Code::Mask, format!("mask of {of} has an empty key"));
        return Err(Some(problem.hint("Set the variable that the key comes from.")));
    }
    match declared.filter(|declared| declared.by_column) {
        Some(declared) if declared.logical != LogicalType::TEXT => {
            Err(Some(mask_needs_text(of, &declared.logical.to_string())))
        }
        _ => Ok(Some(MaskPlan::KeyedHash)),
    }
}

fn mask_needs_text(of: &str, native: &str) -> Problem {
    Problem::new(Code::Mask, format!("{of} is masked, and its target has type {native}"))
        .why(format!("A keyed hash is text of {HASH_CHARS} hexadecimal digits."))
        .hint("Make the target's column text.")
}

fn missing(of: &str, name: &str, table: &Table) -> Problem {
    let names = || table.columns.iter().map(|column| column.name.as_str());
    let near = did_you_mean(name, names());
    Problem::new(Code::Target, format!("{of} has no column \"{name}\" to go to"))
        .why(format!("Table \"{}\" exists in the target and has no such column.", table.name))
        .hint(format!("{near} Name it with `into`, or leave it out with `drop`.").trim_start().to_owned())
}

fn unsupported_target(of: &str, column: &Column) -> Problem {
    let what = format!("{of} goes into a column of type \"{}\", which is not supported", column.native);
    Problem::new(Code::Type, what).hint("Leave the column out with `drop`, or change the target.")
}
