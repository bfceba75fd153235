//! What is wrong with a plan, said so that a person can mend it. Knows nothing of where problems are found.

use std::fmt;

use serde::{Serialize, Serializer};

/// One thing that keeps a plan from being run. Names objects, never a secret or a cell's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code; has a page.
    pub code: Code,
    /// What failed: lowercase, no full stop.
    pub what: String,
    /// Why: full sentences. Empty if `what` says it all.
    pub why: String,
    /// What to do: full sentences. Empty if there is nothing to suggest.
    pub hint: String,
}

/// The kinds of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The plan file is not YAML that Sensei reads.
    Syntax,
    /// The plan file has a key that is not known, or has it twice.
    Key,
    /// A value in the plan file is missing or not allowed there.
    Value,
    /// A `${VAR}` is not set or not written properly.
    Variable,
    /// Source and target as a whole cannot be used like this.
    Place,
    /// A table is named that is not there, or none is left.
    Table,
    /// A column is named that is not there, or none is left.
    Column,
    /// A column's type is not supported, or a type's name is not known.
    Type,
    /// One type cannot become the other, or only by a decision.
    Cast,
    /// An SQL expression does not compile.
    Expression,
    /// A name in the target is empty, too long or taken.
    Name,
    /// An existing target table does not fit.
    Target,
    /// A mask cannot be applied.
    Mask,
    /// A relation cannot be checked as written.
    Relation,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Code; 14] = [
        Code::Syntax,
        Code::Key,
        Code::Value,
        Code::Variable,
        Code::Place,
        Code::Table,
        Code::Column,
        Code::Type,
        Code::Cast,
        Code::Expression,
        Code::Name,
        Code::Target,
        Code::Mask,
        Code::Relation,
    ];

    /// The code as users see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Syntax => "P101",
            Code::Key => "P102",
            Code::Value => "P103",
            Code::Variable => "P104",
            Code::Place => "P201",
            Code::Table => "P202",
            Code::Column => "P203",
            Code::Type => "P204",
            Code::Cast => "P205",
            Code::Expression => "P206",
            Code::Name => "P207",
            Code::Target => "P208",
            Code::Mask => "P209",
            Code::Relation => "P210",
        }
    }
}

impl Problem {
    /// A problem without detail or hint.
    pub fn new(code: Code, what: impl Into<String>) -> Problem {
        Problem { code, what: what.into(), why: String::new(), hint: String::new() }
    }

    /// The same problem with its reason.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Problem {
        self.why = why.into();
        self
    }

    /// The same problem with a suggestion.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = hint.into();
        self
    }
}

/// Prints as PostgreSQL prints errors: the message, then detail and hint on lines of their own.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.what)?;
        if !self.why.is_empty() {
            write!(f, "\nDETAIL:  {}", self.why)?;
        }
        if !self.hint.is_empty() {
            write!(f, "\nHINT:  {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The known name nearest to `name`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint that names the nearest known name, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("Did you mean \"{near}\"?")).unwrap_or_default()
}

/// Names quoted and joined by commas, at most a dozen of them.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const LISTED_MAX: usize = 12;
    let names: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_ascend() {
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.is_sorted());
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), Code::ALL.len());
    }

    #[test]
    fn nearest_ignores_case_and_refuses_what_is_far() {
        assert_eq!(nearest("custmer", ["Album", "Customer"]), Some("Customer"));
        assert_eq!(nearest("zebra", ["Album", "Customer"]), None);
        assert_eq!(nearest("inot", ["into", "drop"]), Some("into"));
    }

    #[test]
    fn display_is_like_postgresql() {
        let problem = Problem::new(Code::Table, "table \"x\" does not exist").hint("Did you mean \"y\"?");
        assert_eq!(problem.to_string(), "P202: table \"x\" does not exist\nHINT:  Did you mean \"y\"?");
    }
}
