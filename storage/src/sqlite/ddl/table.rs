//! What a `CREATE TABLE` text says.

use super::cursor::Cursor;
use super::token::{Kind, Token, tokens};
use crate::catalog::{Check, Timing};
use crate::text::Reason;

/// What the pragmas do not tell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sqlite) struct TableText {
    pub(in crate::sqlite) columns: Vec<ColumnText>,
    pub(in crate::sqlite) checks: Vec<Check>,
    /// Unique constraints that have a name.
    pub(in crate::sqlite) uniques: Vec<UniqueText>,
    /// References in the order they are written, which is the reverse of SQLite's numbers for them.
    pub(in crate::sqlite) references: Vec<ReferenceText>,
    /// Whether any constraint has an `ON CONFLICT` of its own.
    pub(in crate::sqlite) conflict_clauses: bool,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sqlite) struct ColumnText {
    pub(in crate::sqlite) name: String,
    /// Default as an expression that can stand in parentheses.
    pub(in crate::sqlite) default: Option<String>,
    /// Expression of a generated column.
    pub(in crate::sqlite) generation: Option<String>,
}

/// A unique constraint with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct UniqueText {
    pub(in crate::sqlite) name: String,
    pub(in crate::sqlite) columns: Vec<String>,
}

/// A foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sqlite) struct ReferenceText {
    pub(in crate::sqlite) name: Option<String>,
    pub(in crate::sqlite) columns: Vec<String>,
    pub(in crate::sqlite) parent: String,
    pub(in crate::sqlite) timing: Timing,
}

/// Keywords that end a column's type. None of them can be a part of it without quotes.
const AFTER_TYPE: [&str; 11] =
    ["CONSTRAINT", "DEFAULT", "NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "COLLATE", "AS", "DEFERRABLE"];

/// Keywords that begin a constraint of the table. None of them can be a column's name without quotes.
const TABLE_CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

/// Words that are values by themselves, not names.
const VALUE_WORDS: [&str; 6] = ["NULL", "TRUE", "FALSE", "CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"];

/// Reads a `CREATE TABLE` text as `sqlite_schema` holds it.
///
/// # Errors
/// Why it cannot be told what the text says.
pub(in crate::sqlite) fn read_table(sql: &str) -> Result<TableText, Reason> {
    let tokens = tokens(sql)?;
    let mut cursor = Cursor::new(sql, &tokens);
    if !cursor.take_words(&["CREATE", "TABLE"]) {
        return Err("it does not create a table");
    }
    cursor.name()?;
    let mut body = cursor.parenthesised()?;
    let mut reader = Reader::default();
    loop {
        reader.column(&mut body)?;
        if !body.take_kind(Kind::Comma) {
            break;
        }
        if TABLE_CONSTRAINTS.iter().any(|keyword| body.at_words(&[keyword])) {
            reader.table_constraints(&mut body)?;
            break;
        }
    }
    if !body.is_done() {
        return Err("something unknown follows a column");
    }
    options(&mut cursor)?;
    Ok(reader.table)
}

/// `WITHOUT ROWID` and `STRICT`, which the pragmas tell.
fn options(cursor: &mut Cursor<'_>) -> Result<(), Reason> {
    while !cursor.is_done() {
        let wanted = if cursor.take_word("WITHOUT") { "rowid" } else { "strict" };
        let known = cursor.name()?.eq_ignore_ascii_case(wanted);
        if !known || !cursor.take_kind(Kind::Comma) && !cursor.is_done() {
            return Err("something unknown follows its columns");
        }
    }
    Ok(())
}

/// Takes a column's type, which may be missing.
pub(super) fn skip_type(cursor: &mut Cursor<'_>) -> Result<(), Reason> {
    while let Some(token) = cursor.peek() {
        let ends = AFTER_TYPE.iter().any(|keyword| token.is(keyword)) || cursor.at_words(&["GENERATED", "ALWAYS"]);
        if ends || !matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Text) {
            break;
        }
        cursor.take();
    }
    if cursor.peek().is_some_and(|token| token.kind == Kind::Open) {
        for size in cursor.parenthesised()?.split_at_commas()? {
            signed_number(size)?;
        }
    }
    Ok(())
}

fn signed_number(mut cursor: Cursor<'_>) -> Result<(), Reason> {
    if cursor.peek().is_some_and(|token| matches!(token.text, "+" | "-")) {
        cursor.take();
    }
    match cursor.take_kind(Kind::Number) && cursor.is_done() {
        true => Ok(()),
        false => Err("the size of a type is no number"),
    }
}

/// Collects a table while it is read.
#[derive(Default)]
struct Reader {
    table: TableText,
    /// The name that `CONSTRAINT` has given to what comes next.
    name: Option<String>,
}

impl Reader {
    fn column(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        self.name = None;
        self.table.columns.push(ColumnText { name: cursor.name()?, ..ColumnText::default() });
        skip_type(cursor)?;
        while cursor.peek().is_some_and(|token| token.kind != Kind::Comma) {
            self.column_constraint(cursor)?;
        }
        Ok(())
    }

    fn last_column(&mut self) -> Result<&mut ColumnText, Reason> {
        self.table.columns.last_mut().ok_or("a constraint stands before any column")
    }

    fn column_constraint(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if cursor.take_word("CONSTRAINT") {
            self.name = Some(cursor.name()?);
            return Ok(());
        }
        let name = self.name.take();
        if cursor.take_word("DEFAULT") {
            self.last_column()?.default = default(cursor)?;
        } else if cursor.take_words(&["NOT", "NULL"]) || cursor.take_word("NULL") {
            self.conflict(cursor)?;
        } else if cursor.take_words(&["PRIMARY", "KEY"]) {
            let _ordered = cursor.take_word("ASC") || cursor.take_word("DESC");
            self.conflict(cursor)?;
            cursor.take_word("AUTOINCREMENT");
        } else if cursor.take_word("UNIQUE") {
            let columns = vec![self.last_column()?.name.clone()];
            self.unique(name, columns);
            self.conflict(cursor)?;
        } else if cursor.take_word("CHECK") {
            self.table.checks.push(Check { name, expression: cursor.expression()? });
            self.conflict(cursor)?;
        } else if cursor.at_words(&["REFERENCES"]) {
            let columns = vec![self.last_column()?.name.clone()];
            self.reference(name, columns, cursor)?;
        } else if cursor.take_word("COLLATE") {
            cursor.name()?;
        } else if cursor.take_words(&["GENERATED", "ALWAYS"]) || cursor.at_words(&["AS"]) {
            self.generation(cursor)?;
        } else {
            return self.deferral(cursor);
        }
        Ok(())
    }

    /// `AS (…) STORED`. SQLite takes `GENERATED ALWAYS` alone for a part of the type, and forgets it.
    fn generation(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if cursor.take_word("AS") {
            self.last_column()?.generation = Some(cursor.expression()?);
            let _kind = cursor.take_word("STORED") || cursor.take_word("VIRTUAL");
        }
        Ok(())
    }

    /// Constraints of the table, with or without commas between them.
    fn table_constraints(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        self.name = None;
        while !cursor.is_done() {
            if cursor.take_kind(Kind::Comma) {
                self.name = None;
            } else if cursor.take_word("CONSTRAINT") {
                self.name = Some(cursor.name()?);
            } else {
                self.table_constraint(cursor)?;
            }
        }
        Ok(())
    }

    fn table_constraint(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let name = self.name.take();
        if cursor.take_words(&["PRIMARY", "KEY"]) {
            cursor.parenthesised()?;
        } else if cursor.take_word("UNIQUE") {
            let columns = names(cursor)?;
            self.unique(name, columns);
        } else if cursor.take_word("CHECK") {
            self.table.checks.push(Check { name, expression: cursor.expression()? });
        } else if cursor.take_words(&["FOREIGN", "KEY"]) {
            let columns = names(cursor)?;
            self.reference(name, columns, cursor)?;
            let deferral = cursor.at_words(&["DEFERRABLE"]) || cursor.at_words(&["NOT", "DEFERRABLE"]);
            return if deferral { self.deferral(cursor) } else { Ok(()) };
        } else {
            return Err("a constraint begins with an unknown word");
        }
        self.conflict(cursor)
    }

    fn unique(&mut self, name: Option<String>, columns: Vec<String>) {
        self.table.uniques.extend(name.map(|name| UniqueText { name, columns }));
    }

    /// `ON CONFLICT …`, if it is next.
    fn conflict(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if cursor.take_words(&["ON", "CONFLICT"]) {
            let action = cursor.name()?;
            // What SQLite does anyway.
            self.table.conflict_clauses |= !action.eq_ignore_ascii_case("ABORT");
        }
        Ok(())
    }

    /// `REFERENCES parent (columns) ON … MATCH …`; columns and actions are left to the pragma.
    fn reference(&mut self, name: Option<String>, columns: Vec<String>, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        if !cursor.take_word("REFERENCES") {
            return Err("a foreign key does not say what it refers to");
        }
        let parent = cursor.name()?;
        if cursor.peek().is_some_and(|token| token.kind == Kind::Open) {
            cursor.parenthesised()?;
        }
        loop {
            if cursor.take_word("MATCH") {
                cursor.name()?;
            } else if cursor.take_word("ON") {
                reaction(cursor)?;
            } else {
                break;
            }
        }
        self.table.references.push(ReferenceText { name, columns, parent, timing: Timing::Immediate });
        Ok(())
    }

    /// `DEFERRABLE …`, which concerns the reference before it, or nothing if there is none.
    fn deferral(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Reason> {
        let never = cursor.take_word("NOT");
        if !cursor.take_word("DEFERRABLE") {
            return Err("a constraint begins with an unknown word");
        }
        let deferred = cursor.take_words(&["INITIALLY", "DEFERRED"]);
        let _immediate = !deferred && cursor.take_words(&["INITIALLY", "IMMEDIATE"]);
        if let Some(reference) = self.table.references.last_mut() {
            reference.timing = match (never, deferred) {
                (true, _) => Timing::Immediate,
                (false, true) => Timing::Deferred,
                (false, false) => Timing::Deferrable,
            };
        }
        Ok(())
    }
}

/// `DELETE SET NULL` and the like, after `ON`.
fn reaction(cursor: &mut Cursor<'_>) -> Result<(), Reason> {
    let on = cursor.take_word("DELETE") || cursor.take_word("UPDATE") || cursor.take_word("INSERT");
    let does = cursor.take_words(&["SET", "NULL"])
        || cursor.take_words(&["SET", "DEFAULT"])
        || cursor.take_words(&["NO", "ACTION"])
        || cursor.take_word("CASCADE")
        || cursor.take_word("RESTRICT");
    if on && does { Ok(()) } else { Err("a foreign key does something unknown") }
}

/// The first name of each part of a list in parentheses.
fn names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Reason> {
    cursor.parenthesised()?.split_at_commas()?.into_iter().map(|mut part| part.name()).collect()
}

/// The value after `DEFAULT`; `None` for NULL.
fn default(cursor: &mut Cursor<'_>) -> Result<Option<String>, Reason> {
    if cursor.peek().is_some_and(|token| token.kind == Kind::Open) {
        let inner = cursor.parenthesised()?;
        let text = inner.text();
        let mut alone = inner;
        return match alone.take() {
            None => Err("a default is empty"),
            Some(token) if alone.is_done() => Ok(lone_default(token)),
            Some(_) => Ok(Some(text)),
        };
    }
    let sign = cursor.peek().filter(|token| matches!(token.text, "+" | "-"));
    if sign.is_some() {
        cursor.take();
    }
    let value =
        cursor.take().filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Text | Kind::Number));
    let value = value.ok_or("a default has no value")?;
    match sign {
        Some(sign) => Ok(Some(format!("{}{}", sign.text, value.text))),
        None => Ok(lone_default(value)),
    }
}

/// A default of one word: SQLite takes a name for a string.
fn lone_default(token: &Token<'_>) -> Option<String> {
    let is_value = VALUE_WORDS.iter().any(|word| token.is(word));
    match token.kind {
        Kind::Word if token.is("NULL") => None,
        Kind::Word | Kind::Quoted if !is_value => token.name().map(|name| format!("'{}'", name.replace('\'', "''"))),
        _ => Some(token.text.to_owned()),
    }
}
