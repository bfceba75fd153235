//! Names of what hangs on tables: indexes, constraints, types. Those of tables and columns are the user's to choose, and
//! a wrong one is a problem; these are made to fit, always in the same way, and it is said.

use std::collections::{BTreeMap, BTreeSet};

use sensei_storage::evidence::sha256_hex;

use crate::abilities::{Abilities, NameScope};

/// Hexadecimal digits of a name's hash that stand for the part that was cut off.
const HASH_DIGITS: usize = 8;

/// What shares a set of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Index,
    Constraint,
    Type,
}

/// The names given so far.
pub(crate) struct NameBook {
    abilities: Abilities,
    taken: BTreeMap<(Family, String), BTreeSet<String>>,
}

impl NameBook {
    /// No name given yet.
    pub(crate) fn new(abilities: Abilities) -> NameBook {
        NameBook { abilities, taken: BTreeMap::new() }
    }

    /// Gives a name that is not for an index or a type, where those share names with tables.
    pub(crate) fn reserve(&mut self, name: &str) {
        let folded = self.folded(name);
        if self.abilities.index_names == NameScope::Schema {
            self.taken.entry((Family::Index, String::new())).or_default().insert(folded.clone());
        }
        self.taken.entry((Family::Type, String::new())).or_default().insert(folded);
    }

    /// A name for an index of `table`, and what it was changed for.
    pub(crate) fn index(&mut self, table: &str, wanted: &str) -> (String, Option<String>) {
        self.give(Family::Index, self.abilities.index_names, table, wanted)
    }

    /// A name for a constraint of `table`, likewise.
    pub(crate) fn constraint(&mut self, table: &str, wanted: &str) -> (String, Option<String>) {
        self.give(Family::Constraint, self.abilities.constraint_names, table, wanted)
    }

    /// A name for a type that the columns of `table` have.
    pub(crate) fn type_name(&mut self, table: &str, wanted: &str) -> String {
        self.give(Family::Type, NameScope::Schema, table, wanted).0
    }

    fn give(&mut self, family: Family, scope: NameScope, table: &str, wanted: &str) -> (String, Option<String>) {
        let key = if scope == NameScope::Table { table.to_owned() } else { String::new() };
        let short = self.fitted(wanted);
        let longer = (family != Family::Type).then(|| format!("{table}_{wanted}"));
        let numbered = (2..).map(|number: u32| format!("{}_{number}", longer.as_deref().unwrap_or(wanted)));
        let candidates = [Some(wanted.to_owned()), longer.clone()].into_iter().flatten().chain(numbered);
        for candidate in candidates {
            let name = self.fitted(&candidate);
            let folded = self.folded(&name);
            if self.taken.entry((family, key.clone())).or_default().insert(folded) {
                let why = match name == wanted {
                    true => None,
                    false if name == short => Some("is longer than the target's names may be"),
                    false => Some("is taken in the target"),
                };
                return (name.clone(), why.map(|why| format!("the name {why}; it becomes \"{name}\"")));
            }
        }
        unreachable!("numbers do not end")
    }

    /// The name if it is short enough, else its beginning and a hash of all of it.
    fn fitted(&self, name: &str) -> String {
        match self.abilities.identifier_max {
            Some(max) if !max.allows(name) => {
                let hash = &sha256_hex(name.as_bytes())[..HASH_DIGITS];
                format!("{}_{hash}", max.cut(name, HASH_DIGITS + 1))
            }
            _ => name.to_owned(),
        }
    }

    fn folded(&self, name: &str) -> String {
        if self.abilities.folds_names { name.to_lowercase() } else { name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abilities::IdentifierMax;
    use crate::tests::abilities;
    use sensei_storage::System;

    #[test]
    fn names_are_made_to_fit_and_to_differ() {
        let mut book = NameBook::new(abilities(System::Postgresql));
        book.reserve("orders");
        assert_eq!(book.index("orders", "i"), ("i".to_owned(), None));
        assert_eq!(book.index("lines", "i").0, "lines_i");
        assert_eq!(book.index("lines", "i").0, "lines_i_2");
        assert_eq!(book.index("lines", "orders").0, "lines_orders");
        assert_eq!(book.constraint("lines", "c").0, book.constraint("orders", "c").0);
        let long = "ä".repeat(40);
        let (short, why) = book.index("t", &long);
        assert!(IdentifierMax::Bytes(63).allows(&short) && short.starts_with("ää"), "{short}");
        assert!(why.is_some_and(|why| why.contains("longer")));
        assert_eq!(book.type_name("t", "orders"), "orders_2");
    }
}
