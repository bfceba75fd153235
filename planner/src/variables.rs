//! `${VAR}` in the scalars of a plan file. It works on the parsed tree, so a value can never become YAML.

use std::cell::RefCell;

use crate::address;
use crate::problem::{Code, Problem};
use crate::yaml::{Node, Position, Value};

/// Replaces `${VAR}` by what `lookup` says and `$$` by `$` in every scalar value under `node`; keys stay as they are.
/// Reports each variable that cannot be replaced.
pub(crate) fn substitute(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, problems: &mut Vec<Problem>) {
    let at = node.at;
    match &mut node.value {
        Value::Scalar { text, plain } if text.contains('$') => match replaced_in(text, lookup, at) {
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
    replaced_in(text, lookup, Position { line: 1, column: 1 })
}

/// A variable in the place of a URL's password holds the password as it is, whatever characters it has: pasted in as it is,
/// one with a `/` or an `@` would end up in the name of the host, and so in messages and in questions to name servers.
fn replaced_in(text: &str, lookup: &dyn Fn(&str) -> Option<String>, at: Position) -> Result<String, Problem> {
    if !text.contains("://") {
        return replaced(text, lookup, at);
    }
    let failed = RefCell::new(None);
    let done = |replaced: Result<String, Problem>| {
        replaced.unwrap_or_else(|problem| {
            failed.borrow_mut().get_or_insert(problem);
            String::new()
        })
    };
    let encoded = |name: &str| lookup(name).map(|value| percent_encoded(&value));
    let secret = |_: &str, secret: &str| done(replaced(secret, &encoded, at));
    let url = address::replaced(text, secret, |rest| done(replaced(rest, lookup, at)));
    failed.into_inner().map_or(Ok(url), Err)
}

/// Source: RFC 3986, 2.1 and 2.3.
fn percent_encoded(value: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encoded).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_hold_any_character() {
        let lookup = |name: &str| match name {
            "P" => Some("S/E@C:?#%é".to_owned()),
            "ALL" => Some("postgresql://me:a%40b@host/db".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("postgresql://me:${P}@host/db", "postgresql://me:S%2FE%40C%3A%3F%23%25%C3%A9@host/db"),
            ("mysql://host/db?password=${P}", "mysql://host/db?password=S%2FE%40C%3A%3F%23%25%C3%A9"),
            ("${ALL}", "postgresql://me:a%40b@host/db"),
            ("a ${P} b", "a S/E@C:?#%é b"),
        ] {
            assert_eq!(substitute_text(text, &lookup).unwrap(), expected);
        }
        assert!(substitute_text("postgresql://me:${NONE}@host/db", &lookup).is_err());
    }
}
