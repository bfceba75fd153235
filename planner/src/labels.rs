//! Enumerations: a type of its own in PostgreSQL, part of the column in MySQL, a check elsewhere. Also the types a
//! database defines for itself, which a column keeps only where the type goes along.

use std::collections::BTreeSet;

use sensei_storage::{Check, Column, Object, ObjectKind, System};

use crate::naming::NameBook;
use crate::table::{Context, TableDraft};
use crate::translate::{quoted_name, quoted_text, title};

/// Bytes of a label at most in PostgreSQL: that of a name (manual 8.7.4).
const LABEL_BYTES_MAX: usize = 63;
/// Characters of a label at most in MySQL (manual 13.3.5).
const LABEL_CHARS_MAX: usize = 255;

/// What carries enumerations from table to table.
pub(crate) struct Labels<'c, 'a> {
    pub(crate) context: &'c Context<'a>,
    /// Types of the source that the target gets, by name.
    pub(crate) own_types: &'c BTreeSet<String>,
    pub(crate) book: &'c mut NameBook,
    /// Types to create for what were no types in the source.
    pub(crate) created: Vec<Object>,
}

impl Labels<'_, '_> {
    /// Gives the target's column the labels that the source's has, if it has any, and its type where it may keep it.
    pub(crate) fn carry(&mut self, draft: &mut TableDraft<'_>, column: &Column, index: usize) {
        let (source, target) = (self.context.source.system, self.context.target.system);
        let field = &mut draft.plan.target.fields[index];
        if source == target {
            if self.keeps_type(&field.native) {
                field.traits.labels.clone_from(&column.traits.labels);
            } else {
                field.native = self.context.dialect.native_type(&field.logical);
                let what =
                    format!("type {} of column \"{}\" of table \"{}\"", column.native, column.name, draft.table.name);
                draft.notes.push(format!("{what}: the type is not carried, its values are"));
            }
            return;
        }
        if is_set(source, column) {
            let of = format!("members of column \"{}\" of table \"{}\"", column.name, draft.table.name);
            draft.notes.push(format!("{of}: {} has no sets, the column takes any text", title(target)));
        }
        let labels = &column.traits.labels;
        if labels.is_empty() || draft.plan.columns[index].from != field.logical {
            return;
        }
        let made = match target {
            System::Postgresql => self.as_type(draft, column, index),
            System::Mysql => as_part(draft, column, index),
            _ => false,
        };
        if !made {
            self.as_check(draft, column, index);
        }
    }

    /// Whether the type is one of the system's own, or goes along.
    fn keeps_type(&self, native: &str) -> bool {
        let bare = native.trim_end_matches("[]");
        let last = bare.rsplit_once('.').map_or(bare, |(_, last)| last);
        let name = last.trim_matches('"').replace("\"\"", "\"");
        let defined = self.context.source.objects.iter().any(|object| is_type(object.kind) && object.name == name);
        !defined || self.own_types.contains(&name)
    }

    fn as_type(&mut self, draft: &mut TableDraft<'_>, column: &Column, index: usize) -> bool {
        let labels = &column.traits.labels;
        let quoted: Option<Vec<String>> = labels
            .iter()
            .map(|label| quoted_text(System::Postgresql, label).ok().filter(|_| label.len() <= LABEL_BYTES_MAX))
            .collect();
        let Some(quoted) = quoted else { return false };
        let (table, field) = (&draft.plan.target.name, &draft.plan.target.fields[index]);
        let name = self.book.type_name(table, &format!("{table}_{}", field.name));
        let native = quoted_name(System::Postgresql, &name);
        let definition = format!("CREATE TYPE {native} AS ENUM ({})", quoted.join(", "));
        let (kind, definition) = (ObjectKind::Enum, Some(definition));
        self.created.push(Object { kind, name, table: None, definition, next: None });
        let field = &mut draft.plan.target.fields[index];
        field.native = native;
        field.traits.labels.clone_from(labels);
        true
    }

    fn as_check(&mut self, draft: &mut TableDraft<'_>, column: &Column, index: usize) {
        let target = self.context.target.system;
        let of = format!("labels of column \"{}\" of table \"{}\"", column.name, draft.table.name);
        let quoted: Result<Vec<String>, String> =
            column.traits.labels.iter().map(|label| quoted_text(target, label)).collect();
        match quoted {
            Ok(quoted) => {
                let (table, field) = (&draft.plan.target.name, &draft.plan.target.fields[index].name);
                let (name, _) = self.book.constraint(table, &format!("{table}_{field}_labels"));
                let expression = format!("({} IN ({}))", quoted_name(target, field), quoted.join(", "));
                draft.plan.target.checks.push(Check { name: Some(name), expression });
                draft.notes.push(format!("{of}: a check in {}, their order is not carried", title(target)));
            }
            Err(why) => draft.notes.push(format!("{of}: {why}")),
        }
    }
}

/// Whether a column holds any choice of MySQL's listed members at once.
fn is_set(source: System, column: &Column) -> bool {
    source == System::Mysql && column.native.to_ascii_lowercase().starts_with("set(")
}

/// Types of columns, among the kinds of objects.
pub(crate) fn is_type(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Enum | ObjectKind::Domain | ObjectKind::Type)
}

/// MySQL cuts blanks off the end of a label, and has a limit on its length.
fn as_part(draft: &mut TableDraft<'_>, column: &Column, index: usize) -> bool {
    let fits = |label: &String| !label.ends_with(' ') && label.chars().count() <= LABEL_CHARS_MAX;
    let labels = &column.traits.labels;
    let quoted: Option<Vec<String>> =
        labels.iter().map(|label| quoted_text(System::Mysql, label).ok().filter(|_| fits(label))).collect();
    let Some(quoted) = quoted else { return false };
    let field = &mut draft.plan.target.fields[index];
    field.native = format!("enum({})", quoted.join(","));
    field.traits.labels.clone_from(labels);
    true
}
