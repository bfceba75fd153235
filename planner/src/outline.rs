//! What can be told of a plan file where its variables are not known.

use crate::file::{self, PlanFile};
use crate::problem::{Code, Problem};
use crate::resolve::CONNECTIONS_DEFAULT;
use crate::yaml::{self, Key, Node, Value};

/// Characters of a plan's name at the most.
const NAME_CHARS_MAX: usize = 64;

/// What a plan file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The plan's name.
    pub name: String,
    /// URL or folder of its journal, as written, variables in it.
    pub state: String,
    /// Where rows come from.
    pub source: EndOutline,
    /// Where they go.
    pub target: EndOutline,
}

/// One end of a plan, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndOutline {
    /// Its URL without user, password and options, variables in it.
    pub label: String,
    /// Connections the plan allows there.
    pub connections: u32,
}

/// Reads what a plan file says of itself, and finds keys that no plan has. Everything else is looked at where it runs.
///
/// # Errors
/// Why it is no plan file, for people.
pub fn outline(text: &str) -> Result<Outline, String> {
    let root = yaml::parse(text).map_err(|problem| problem.to_string().trim_end().to_owned())?;
    let Value::Map(entries) = root.value else { return Err("it is not a map of keys and values".to_owned()) };
    let missing = ["version", "name", "source", "target"].into_iter().find(|key| value(&entries, key).is_none());
    if let Some(missing) = missing {
        return Err(format!("it has no key \"{missing}\""));
    }
    let name = scalar(&entries, "name").unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(fits) {
        return Err(format!("its name has up to {NAME_CHARS_MAX} lower-case letters, digits, '-', '_' and '.'"));
    }
    refuse_unknown_keys(text)?;
    let state = scalar(&entries, "state").unwrap_or_else(file::state);
    Ok(Outline { name, state, source: place(&entries, "source"), target: place(&entries, "target") })
}

/// Whatever the variables are, no plan has such keys.
fn refuse_unknown_keys(text: &str) -> Result<(), String> {
    let Err(problems) = PlanFile::parse(text, &|_| Some("x".to_owned())) else { return Ok(()) };
    let is_certain = |problem: &&Problem| matches!(problem.code, Code::Syntax | Code::Key);
    let certain: Vec<String> = problems.iter().filter(is_certain).map(ToString::to_string).collect();
    if certain.is_empty() { Ok(()) } else { Err(certain.join("\n").trim_end().to_owned()) }
}

fn value<'a>(entries: &'a [(Key, Node)], key: &str) -> Option<&'a Value> {
    entries.iter().find(|(found, _)| found.text == key).map(|(_, node)| &node.value)
}

fn scalar(entries: &[(Key, Node)], key: &str) -> Option<String> {
    match value(entries, key) {
        Some(Value::Scalar { text, .. }) => Some(text.clone()),
        _ => None,
    }
}

fn place(entries: &[(Key, Node)], end: &str) -> EndOutline {
    let inner = |key: &str, of: &str| match value(entries, key) {
        Some(Value::Map(inner)) => scalar(inner, of),
        _ => None,
    };
    let connections = inner("limits", &format!("{end}_connections")).and_then(|number| number.parse().ok());
    let url = inner(end, "url").or_else(|| scalar(entries, end)).unwrap_or_default();
    EndOutline { label: label(&url), connections: connections.unwrap_or(CONNECTIONS_DEFAULT) }
}

/// A URL without what only its users know. Where an `@` comes after a `?` nobody can tell where a password ends.
fn label(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, options) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    if options.contains('@') {
        return format!("{scheme}://(unclear)");
    }
    format!("{scheme}://{}", place.rsplit_once('@').map_or(place, |(_, place)| place))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str =
        "version: 1\nname: shop\nsource: { url: \"postgresql://${USER}@a/b\" }\ntarget: { url: \"sqlite:x\" }\n";

    #[test]
    fn reads_name_and_state_without_variables() {
        let outline = outline(&format!("{PLAN}state: s3://bucket/${{WHERE}}\n")).expect("a plan");
        assert_eq!((outline.name.as_str(), outline.state.as_str()), ("shop", "s3://bucket/${WHERE}"));
        assert_eq!(super::outline(PLAN).expect("a plan").state, "./sensei-state");
    }

    #[test]
    fn ends_are_told_apart_without_what_only_their_users_know() {
        let limits = "limits: { source_connections: 9 }\n";
        let outline = outline(&format!("{PLAN}{limits}")).expect("a plan");
        assert_eq!(outline.source, EndOutline { label: "postgresql://a/b".to_owned(), connections: 9 });
        assert_eq!(outline.target, EndOutline { label: "sqlite:x".to_owned(), connections: CONNECTIONS_DEFAULT });
        for (url, told) in [
            ("${env:SHOP}", "${env:SHOP}"),
            ("mysql://me:p@ss/word@host:1/db", "mysql://host:1/db"),
            ("mysql://me:p@ss/w?rd@host:1/db", "mysql://(unclear)"),
            ("postgresql://host/db?password=s@cret", "postgresql://(unclear)"),
            ("postgresql://host/db?password=secret", "postgresql://host/db"),
            ("", ""),
        ] {
            assert_eq!(label(url), told);
        }
    }

    #[test]
    fn keys_that_no_plan_has_are_found_before_it_runs() {
        let told = outline(&format!("{PLAN}vefiry: full\n")).expect_err("it is misspelt");
        assert!(told.contains("P102") && told.contains("vefiry"), "{told}");
        for fine in ["verify: ${HOW}\n", "limits: { split: \"${SIZE}\" }\n", "state: ${file:/x}\n"] {
            assert!(outline(&format!("{PLAN}{fine}")).is_ok(), "{fine}");
        }
    }

    #[test]
    fn refuses_what_is_no_plan() {
        for text in ["", "[1]", "a: b", "version: 1\nname: Shop\nsource: {}\ntarget: {}", "{", "\u{0}"] {
            assert!(outline(text).is_err(), "{text:?}");
        }
    }
}
