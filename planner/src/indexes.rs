//! Indexes and unique constraints in terms of the target, or why they are left behind.

use sensei_storage::{Index, IndexPart, IndexTerm, LogicalType, System};

use crate::cast::keeps_apart;
use crate::known;
use crate::naming::NameBook;
use crate::table::{Context, TableDraft};
use crate::translate::{self, Names, mentions, quoted_name, title};

/// Method that every system has and means the same by.
const BTREE: &str = "btree";
/// Characters of a text that PostgreSQL surely indexes: its limit is 2,704 bytes of an entry (manual 11.9, `nbtree`).
const POSTGRES_CHARS_MAX: u32 = 600;

/// Sets the indexes of `draft`, and notes those that are not carried.
pub(crate) fn carry(context: &Context<'_>, draft: &mut TableDraft<'_>, names: &Names, book: &mut NameBook) {
    for index in &draft.table.indexes {
        let mut notes = Vec::new();
        let of = format!("{} of table \"{}\"", said(index), draft.table.name);
        match (Carrying { context, draft, names }.index(index, &mut notes)) {
            Ok(mut carried) => {
                let (name, renamed) = book.index(&draft.plan.target.name, &wanted(context, draft, &carried));
                if carried.constraint {
                    // In the target a constraint goes by the name of its index.
                    let _ = book.constraint(&draft.plan.target.name, &name);
                }
                carried.name = name;
                notes.extend(renamed);
                draft.plan.target.indexes.push(carried);
            }
            Err(why) => notes.push(why),
        }
        draft.notes.extend(notes.into_iter().map(|note| format!("{of}: {note}")));
    }
}

fn said(index: &Index) -> String {
    match (index.constraint, index.unique) {
        (true, true) => format!("unique constraint \"{}\"", index.name),
        (true, false) => format!("constraint \"{}\"", index.name),
        (false, _) => format!("index \"{}\"", index.name),
    }
}

/// The name an index should have. SQLite names the indexes of its constraints itself, in words kept for it.
fn wanted(context: &Context<'_>, draft: &TableDraft<'_>, index: &Index) -> String {
    if context.source.system == context.target.system || !index.name.to_ascii_lowercase().starts_with("sqlite_") {
        return index.name.clone();
    }
    let columns = index.parts.iter().filter_map(|part| match &part.of {
        IndexTerm::Column(name) => Some(name.as_str()),
        IndexTerm::Expression(_) => None,
    });
    let words: Vec<&str> = [draft.plan.target.name.as_str()].into_iter().chain(columns).chain(["key"]).collect();
    words.join("_")
}

struct Carrying<'c, 'a> {
    context: &'c Context<'a>,
    draft: &'c TableDraft<'a>,
    names: &'c Names,
}

impl Carrying<'_, '_> {
    fn same_system(&self) -> bool {
        self.context.source.system == self.context.target.system
    }

    fn index(&self, index: &Index, notes: &mut Vec<String>) -> Result<Index, String> {
        let same_system = self.same_system();
        if !same_system {
            self.foreign(index)?;
        }
        let mut parts = Vec::new();
        for part in &index.parts {
            parts.push(self.part(index, part, notes)?);
        }
        let predicate = index.predicate.as_deref().map(|sql| self.predicate(sql)).transpose()?;
        Ok(Index {
            name: index.name.clone(),
            unique: index.unique,
            constraint: index.constraint,
            method: if same_system { index.method.clone() } else { BTREE.to_owned() },
            parts,
            include: self.included(index, notes)?,
            predicate,
            nulls_not_distinct: index.nulls_not_distinct,
            verbatim: self.verbatim(index)?,
        })
    }

    /// What another system cannot have at all.
    fn foreign(&self, index: &Index) -> Result<(), String> {
        let (source, target) = (title(self.context.source.system), title(self.context.target.system));
        if index.method != BTREE {
            return Err(format!("it is a {} index, {source}'s own kind", index.method));
        }
        if index.constraint && !index.unique {
            return Err(format!("an exclusion constraint, {source}'s own kind"));
        }
        if index.unique && index.nulls_not_distinct {
            return Err(format!("it takes NULLs for equal, which {target} does not"));
        }
        Ok(())
    }

    fn verbatim(&self, index: &Index) -> Result<Option<String>, String> {
        let Some(text) = &index.verbatim else { return Ok(None) };
        if !self.same_system() {
            return Ok(None);
        }
        let renamed = |known: &&translate::Known| known.changed.is_some() || known.target != known.name;
        match self.names.columns.iter().filter(renamed).find(|known| mentions(text, &known.name)) {
            Some(known) => Err(format!("its own text names column \"{}\", which changes", known.name)),
            None => Ok(Some(text.clone())),
        }
    }

    fn predicate(&self, sql: &str) -> Result<String, String> {
        match self.context.abilities.partial_indexes {
            true => translate::condition(self.names, sql).map_err(|why| format!("in its condition, {why}")),
            false => Err(format!("{} has no indexes with a condition", title(self.context.target.system))),
        }
    }

    fn included(&self, index: &Index, notes: &mut Vec<String>) -> Result<Vec<String>, String> {
        if !index.include.is_empty() && !self.context.abilities.included_columns {
            let target = title(self.context.target.system);
            notes.push(format!("{target} stores no further columns in an index; it is carried without them"));
            return Ok(Vec::new());
        }
        index.include.iter().map(|name| self.field(name).map(|(field, _)| field.name.clone())).collect()
    }

    fn field(&self, name: &str) -> Result<(&sensei_storage::Field, &crate::plan::ColumnPlan), String> {
        let found = known::carrier(&self.draft.plan, name);
        found.ok_or_else(|| format!("column \"{name}\" is dropped or computed"))
    }

    fn part(&self, index: &Index, part: &IndexPart, notes: &mut Vec<String>) -> Result<IndexPart, String> {
        let mut carried = match &part.of {
            IndexTerm::Column(name) => self.column(index, part, name, notes)?,
            IndexTerm::Expression(sql) => self.expression(sql)?,
        };
        carried.descending = part.descending;
        if self.same_system() {
            carried.nulls_first = part.nulls_first;
            carried.operator_class.clone_from(&part.operator_class);
            carried.collation.clone_from(&part.collation);
            return Ok(carried);
        }
        let coarse = part
            .collation
            .as_deref()
            .is_some_and(|name| self.context.source.system == System::Sqlite && !name.eq_ignore_ascii_case("BINARY"));
        if coarse && index.unique {
            return Err("its collation takes different texts for equal".to_owned());
        }
        for (has, what) in [
            (part.nulls_first.is_some() && !self.context.abilities.nulls_order, "its place for NULLs"),
            (part.operator_class.is_some(), "its operator class"),
            (part.collation.is_some(), "its collation"),
        ] {
            if has {
                notes.push(format!("carried without {what}"));
            }
        }
        Ok(carried)
    }

    fn column(
        &self,
        index: &Index,
        part: &IndexPart,
        name: &str,
        notes: &mut Vec<String>,
    ) -> Result<IndexPart, String> {
        let (field, planned) = self.field(name)?;
        if index.unique && planned.mask.is_none() && !keeps_apart(&planned.from, &field.logical) {
            return Err(format!("column \"{name}\" is converted with a loss"));
        }
        if planned.mask.is_some() && index.method != BTREE {
            return Err(format!("column \"{name}\" is masked"));
        }
        let mut carried = IndexPart { of: IndexTerm::Column(field.name.clone()), ..IndexPart::default() };
        if self.same_system() {
            carried.prefix = part.prefix;
            return Ok(carried);
        }
        unindexable(self.context.target.system, &field.logical, name)?;
        if self.context.target.system == System::Mysql {
            carried.prefix = self.prefix(index, part, field, name, notes)?;
        } else if let Some(chars) = part.prefix {
            let whole =
                matches!(field.logical, LogicalType::Text { max_chars: Some(max) } if max <= POSTGRES_CHARS_MAX);
            if index.unique || !whole {
                let column = quoted_name(self.context.target.system, &field.name);
                carried.of = IndexTerm::Expression(format!("substr({column}, 1, {chars})"));
                notes.push(format!("only the first {chars} of column \"{name}\" count, by substr()"));
            }
        }
        Ok(carried)
    }

    /// MySQL indexes so much of a text, and nothing of one without a length unless it is told how much.
    fn prefix(
        &self,
        index: &Index,
        part: &IndexPart,
        field: &sensei_storage::Field,
        name: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<u32>, String> {
        let Some(max) = self.context.abilities.indexed_chars_max else { return Ok(part.prefix) };
        let fits = match field.logical {
            LogicalType::Text { .. } if !field.traits.labels.is_empty() => true,
            LogicalType::Text { max_chars } => max_chars.is_some_and(|chars| chars <= max),
            LogicalType::Bytes | LogicalType::Numeric => false,
            _ => true,
        };
        if fits {
            return Ok(part.prefix);
        }
        if index.unique {
            return Err(format!(
                "MySQL indexes no more than {max} characters, which column \"{name}\" may exceed (say with `type` how long it is)"
            ));
        }
        notes.push(format!("only the first {max} of column \"{name}\" are indexed"));
        Ok(Some(max))
    }

    fn expression(&self, sql: &str) -> Result<IndexPart, String> {
        let target = title(self.context.target.system);
        if !self.context.abilities.expression_indexes {
            return Err(format!("{target} has no indexes on expressions"));
        }
        if self.context.abilities.indexed_chars_max.is_some() && !self.same_system() {
            let long = |known: &&translate::Known| {
                let field = known::carrier(&self.draft.plan, &known.name).map(|(field, _)| &field.logical);
                matches!(field, Some(LogicalType::Text { max_chars: None })) && mentions(sql, &known.name)
            };
            if let Some(known) = self.names.columns.iter().find(long) {
                return Err(format!(
                    "{target} indexes no expression of column \"{}\", whose length is open",
                    known.name
                ));
            }
        }
        let translated = translate::value(self.names, sql)?;
        Ok(IndexPart { of: IndexTerm::Expression(translated), ..IndexPart::default() })
    }
}

/// Whether some key of the target's table makes `columns` unique: what a foreign key can refer to.
pub(crate) fn makes_unique(draft: &TableDraft<'_>, columns: &[String]) -> bool {
    let wanted = sorted(columns.iter().map(String::as_str));
    let plain = |index: &&Index| index.unique && index.predicate.is_none();
    let over = |index: &Index| -> Option<Vec<String>> {
        let names = index.parts.iter().map(|part| match &part.of {
            IndexTerm::Column(name) if part.prefix.is_none() => Some(name.as_str()),
            _ => None,
        });
        names.collect::<Option<Vec<&str>>>().map(|names| sorted(names.into_iter()))
    };
    let found = draft.existing.map_or(draft.plan.target.indexes.as_slice(), |existing| existing.indexes.as_slice());
    sorted(draft.plan.target.primary_key.iter().map(String::as_str)) == wanted
        || found.iter().filter(plain).any(|index| over(index).as_ref() == Some(&wanted))
}

fn sorted<'s>(names: impl Iterator<Item = &'s str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names
}

/// Why a system has no index on a column of this type; nothing if it has. Text that is too long is another matter.
pub(crate) fn unindexable(target: System, logical: &LogicalType, name: &str) -> Result<(), String> {
    let none = match logical {
        LogicalType::Json | LogicalType::Jsonb => target != System::Sqlite,
        LogicalType::Geometry | LogicalType::Opaque { .. } => true,
        LogicalType::Array(_) => target == System::Mysql,
        _ => false,
    };
    match none {
        true => Err(format!("{} has no such index on column \"{name}\", which is {logical}", title(target))),
        false => Ok(()),
    }
}
