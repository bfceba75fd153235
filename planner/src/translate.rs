//! SQL expressions of one system in the words of another: defaults, checks, generated columns, indexed expressions.
//!
//! Across systems only what is known to mean the same on both sides is translated: the same truth value and the same
//! NULLs for every row that arrives. Everything else is refused by the name of the construct, and the caller lists it as
//! not carried. Three limits of that promise: a result beyond 64 bits is an error in one system and a float in another;
//! what one system refuses as an error the other may compute; texts of one letter case depend on the server's locale.
//!
//! Between systems of one kind the text stays, with columns renamed. Knows nothing of tables, connections or DDL.

mod compare;
mod compute;
mod constant;
mod default;
mod function;
mod kind;
mod literal;
mod parse;
mod rename;
mod walk;

use sensei_storage::{Field, System};
use sqlparser::ast::Ident;

use crate::dialect::same_name;

pub(crate) use default::default;
pub(crate) use kind::{Kind, coarse_in, coarser_than};
pub(crate) use literal::{name as quoted_name, text as quoted_text};
pub(crate) use parse::title;
pub(crate) use rename::mentions;

/// The columns an expression may name, and the two systems.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) source: System,
    pub(crate) target: System,
    pub(crate) columns: Vec<Known>,
}

/// One column of the source as an expression may name it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// In the source.
    pub(crate) name: String,
    /// In the target; empty if it does not go there.
    pub(crate) target: String,
    /// Why its values are not the source's values there, if they are not.
    pub(crate) changed: Option<String>,
    /// What its values are.
    pub(crate) kind: Kind,
    /// Whether whole numbers are narrower than 64 bits in the target.
    pub(crate) is_narrow: bool,
}

impl Known {
    /// Whether it goes by its own name, with its own values.
    fn is_kept(&self) -> bool {
        self.changed.is_none() && self.target == self.name
    }
}

impl Names {
    /// Whether both systems are of one kind.
    pub(crate) fn is_same_system(&self) -> bool {
        self.source == self.target
    }

    fn find(&self, ident: &Ident) -> Result<&Known, String> {
        // PostgreSQL folds what is not quoted, and prints quotes where folding would matter.
        let ignores_case = self.source != System::Postgresql;
        let found = self.columns.iter().find(|known| same_name(&known.name, &ident.value, ignores_case));
        found.ok_or_else(|| "it has a name that is no column of the table".to_owned())
    }
}

/// A condition: a check, or what restricts a partial index.
///
/// # Errors
/// Which construct does not mean the same in the target.
pub(crate) fn condition(names: &Names, sql: &str) -> Result<String, String> {
    if names.is_same_system() {
        return rename::rename(names, sql);
    }
    let tree = parse::parse(names.source, sql)?;
    walk::Walk { names }.condition(&tree)
}

/// A value: what an index sorts by.
///
/// # Errors
/// As [`condition`].
pub(crate) fn value(names: &Names, sql: &str) -> Result<String, String> {
    if names.is_same_system() {
        return rename::rename(names, sql);
    }
    let tree = parse::parse(names.source, sql)?;
    Ok(walk::Walk { names }.value(&tree)?.sql)
}

/// A value that becomes the column `to`: what a generated column is computed by.
///
/// # Errors
/// As [`condition`], also if the value is of another kind than the column.
pub(crate) fn value_for(names: &Names, sql: &str, to: &Field) -> Result<String, String> {
    if names.is_same_system() {
        return rename::rename(names, sql);
    }
    let tree = parse::parse(names.source, sql)?;
    let node = walk::Walk { names }.value(&tree)?;
    match node.kind.fits(to) {
        true => Ok(node.sql),
        false => Err("it gives a value of another type than its column has".to_owned()),
    }
}
