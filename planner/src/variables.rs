//! `${VAR}` in the scalars of a plan file. It works on the parsed tree, so a value can never become YAML.

use crate::problem::{Code, Problem};
use crate::yaml::{Node, Position, Value};

/// Replaces `${VAR}` by what `lookup` says and `$$` by `$` in every scalar value under `node`; keys stay as they are.
/// Reports each variable that cannot be replaced.
pub(crate) fn substitute(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Problem>) {
    let at = node.at;
    match &mut node.value {
        Value::Scalar { text, plain } if text.contains('$') => match replaced(text, lookup, at) {
            Ok(new) => {
                *plain &= new == *text;
                *text = new;
            }
            Err(problem) => problems.push(problem),
        },
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| substitute(item, lookup, problems)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| substitute(value, lookup, problems)),
    }
}

/// Keys whose text becomes part of the resolved plan, which is stored and hashed.
const STORED: [&str; 2] = ["expr", "where"];

/// Refuses variables in SQL: what they stand for would be stored in the clear.
pub(crate) fn refuse_in_sql(node: &Node, problems: &mut Vec<Problem>) {
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter().for_each(|item| refuse_in_sql(item, problems)),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| match &value.value {
            Value::Scalar { text, .. } if STORED.contains(&key.text.as_str()) && text.contains("${") => problems.push(
                Problem::new(Code::Variable, format!("`{}` cannot use a variable", key.text))
                    .why(format!(
                        "{}: SQL is stored in the journal as it is, and its variables with it.",
                        value.at.sentence()
                    ))
                    .hint("Write the value itself, or use a mask if it is a secret."),
            ),
            _ => refuse_in_sql(value, problems),
        }),
    }
}

/// Puts variables in place in a text that stands alone, such as a URL on a command line.
///
/// # Errors
/// If a variable is not set or not written properly.
pub fn substitute_text(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Problem> {
    replaced(text, lookup, Position { line: 1, column: 1 })
}

fn replaced(text: &str, lookup: &dyn Fn(&str) -> Option<String>, at: Position) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (name, tail) = after.split_once('}').filter(|(name, _)| is_name(name)).ok_or_else(|| malformed(at))?;
            out.push_str(&lookup(name).ok_or_else(|| missing(name, at))?);
            rest = tail;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn malformed(at: Position) -> Problem {
    Problem::new(Code::Variable, "`${` does not begin a variable")
        .why(format!("{}: a variable is written `${{NAME}}`, with letters, digits and underscores.", at.sentence()))
        .hint("Write `$$` for a dollar sign.")
}

fn missing(name: &str, at: Position) -> Problem {
    Problem::new(Code::Variable, format!("variable {name} is not set"))
        .why(format!("{} uses it.", at.sentence()))
        .hint(format!("Set it in the environment: `export {name}=…`. Write `$$` for a dollar sign."))
}
