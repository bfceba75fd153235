//! Expressions between systems of one kind: the same text, with other names for columns where the plan has them.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, visit_expressions_mut};

use super::{Names, literal, parse};

/// `sql` with every column by its name in the target. The text is taken as it is where it names no column that changes.
pub(super) fn rename(names: &Names, sql: &str) -> Result<String, String> {
    if names.columns.iter().all(|known| known.is_kept() || !mentions(sql, &known.name)) {
        return Ok(sql.to_owned());
    }
    let mut tree = parse::parse(names.source, sql)?;
    let outcome = visit_expressions_mut(&mut tree, |expression| match one(names, expression) {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => ControlFlow::Break(why),
    });
    if let ControlFlow::Break(why) = outcome {
        return Err(why);
    }
    let renamed = tree.to_string();
    // What does not read back as what was meant was not written as its system writes it.
    match parse::parse(names.source, &renamed) {
        Ok(again) if again == tree => Ok(renamed),
        _ => Err("its expression cannot be written with other names".to_owned()),
    }
}

fn one(names: &Names, expression: &mut Expr) -> Result<(), String> {
    match expression {
        Expr::Identifier(ident) => {
            let known = names.find(ident)?;
            if let Some(why) = &known.changed {
                return Err(why.clone());
            }
            let quote = literal::name(names.target, "").chars().next();
            *ident = Ident { value: known.target.clone(), quote_style: quote, span: ident.span };
            Ok(())
        }
        Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => {
            Err("it names a column by more than its name".to_owned())
        }
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => Err("it has a query inside".to_owned()),
        _ => Ok(()),
    }
}

/// Whether `sql` has `name` as a word, in whatever case and place: a word in a text counts too, so that no name is missed.
pub(crate) fn mentions(sql: &str, name: &str) -> bool {
    let (sql, name) = (sql.to_lowercase(), name.to_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut from = 0;
    while let Some(found) = sql[from..].find(&name) {
        let (start, end) = (from + found, from + found + name.len());
        let before = sql[..start].chars().next_back();
        let after = sql[end..].chars().next();
        if name.is_empty() || !before.is_some_and(is_word) && !after.is_some_and(is_word) {
            return !name.is_empty();
        }
        from = start + sql[start..].chars().next().map_or(1, char::len_utf8);
    }
    false
}
