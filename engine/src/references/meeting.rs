//! What is said where several processes check references together: what members of a mesh must know, and what each found of
//! each relation. Rows stay where they were read; what leaves a member is counts and the names of the first orphans.

use std::collections::BTreeMap;

use sensei_operators::KeysSeen;
use sensei_planner::{Plan, RelationPlan};
use serde::{Deserialize, Serialize};

use super::{Checked, Examples, Read, facts};

/// What members must know. All of them get the same, and take every read whose turn is theirs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Meeting {
    /// The resolved plan.
    pub plan: Plan,
    /// Positions in the plan of the relations to check, in this order.
    pub relations: Vec<usize>,
    /// The conductor's snapshot of the target, where others can join it.
    pub snapshot: Option<String>,
    /// What to read of the tables that take part, by position in the plan.
    pub reads: BTreeMap<usize, Vec<Read>>,
    /// Rows of each table of the plan in the target.
    pub rows: Vec<u64>,
    /// Key of the hashes of keys, hex.
    pub hash_key: String,
    /// What members know and strangers do not, hex.
    pub secret: String,
}

impl Meeting {
    /// What to read of each table of the plan.
    pub fn all_reads(&self) -> Vec<Vec<Read>> {
        (0..self.plan.tables.len()).map(|table| self.reads.get(&table).cloned().unwrap_or_default()).collect()
    }
}

/// What one process found of one relation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    children: u64,
    unreferring: u64,
    parents: u64,
    unreadable: u64,
    orphans: u64,
    /// Names of the first orphans.
    examples: Vec<String>,
}

impl Found {
    pub(super) fn new(seen: KeysSeen, orphans: u64, examples: Vec<String>) -> Found {
        let KeysSeen { children, unreferring, parents, unreadable } = seen;
        Found { children, unreferring, parents, unreadable, orphans, examples }
    }

    /// Adds what another process found of the same relation.
    pub fn add(&mut self, other: Found) {
        self.children += other.children;
        self.unreferring += other.unreferring;
        self.parents += other.parents;
        self.unreadable += other.unreadable;
        self.orphans += other.orphans;
        let mut examples = Examples::default();
        std::mem::take(&mut self.examples).into_iter().chain(other.examples).for_each(|name| examples.add(name));
        self.examples = examples.in_order();
    }

    /// What follows from it.
    pub fn checked(self, plan: &Plan, relation: &RelationPlan) -> Checked {
        let Found { children, unreferring, parents, unreadable, orphans, examples } = self;
        let seen = KeysSeen { children, unreferring, parents, unreadable };
        Checked { facts: facts(plan, relation, seen, orphans), examples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ORPHANS_NAMED_MAX;

    fn found(orphans: std::ops::Range<u64>) -> Found {
        let seen = KeysSeen { children: 10, unreferring: 1, parents: 2, unreadable: 0 };
        let mut examples = Examples::default();
        let count = orphans.end - orphans.start;
        orphans.for_each(|id| examples.add(format!("id={id}")));
        Found::new(seen, count, examples.in_order())
    }

    #[test]
    fn what_members_found_adds_up_to_what_one_process_finds() {
        let mut together = found(90..105);
        together.add(found(5..12));
        together.add(found(0..0));
        assert_eq!((together.children, together.unreferring, together.parents), (30, 3, 6));
        let mut expected = Examples::default();
        (5..12).chain(90..105).for_each(|id| expected.add(format!("id={id}")));
        assert_eq!((together.orphans, together.examples), (22, expected.in_order()));
    }

    #[test]
    fn only_the_first_orphans_are_named() {
        let mut together = found(100..200);
        together.add(found(0..100));
        assert_eq!(together.examples.len(), ORPHANS_NAMED_MAX);
        assert_eq!(together.examples[0], "id=0");
    }
}
