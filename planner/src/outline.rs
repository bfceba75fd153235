//! What can be told of a plan file where its variables are not known.

use crate::file;
use crate::yaml::{self, Value};

/// Characters of a plan's name at the most.
const NAME_CHARS_MAX: usize = 64;

/// What a plan file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The plan's name.
    pub name: String,
    /// URL or folder of its journal, as written, variables in it.
    pub state: String,
}

/// Reads name and state of a plan file. Everything else is looked at where the plan runs.
///
/// # Errors
/// Why it is no plan file, for people.
pub fn outline(text: &str) -> Result<Outline, String> {
    let root = yaml::parse(text).map_err(|problem| problem.to_string().trim_end().to_owned())?;
    let Value::Map(entries) = root.value else { return Err("it is not a map of keys and values".to_owned()) };
    let scalar = |key: &str| match entries.iter().find(|(found, _)| found.text == key).map(|(_, node)| &node.value) {
        Some(Value::Scalar { text, .. }) => Some(text.clone()),
        _ => None,
    };
    let has = |key: &str| entries.iter().any(|(found, _)| found.text == key);
    let missing = ["version", "name", "source", "target"].into_iter().find(|key| !has(key));
    if let Some(missing) = missing {
        return Err(format!("it has no key \"{missing}\""));
    }
    let name = scalar("name").unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(fits) {
        return Err(format!("its name has up to {NAME_CHARS_MAX} lower-case letters, digits, '-', '_' and '.'"));
    }
    Ok(Outline { name, state: scalar("state").unwrap_or_else(file::state) })
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
    fn refuses_what_is_no_plan() {
        for text in ["", "[1]", "a: b", "version: 1\nname: Shop\nsource: {}\ntarget: {}", "{", "\u{0}"] {
            assert!(outline(text).is_err(), "{text:?}");
        }
    }
}
