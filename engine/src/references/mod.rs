//! Checks references as they stand in the target: which rows of one table refer to rows of another that are not there.
//! What follows from orphans is said by plans, certificates and reports. In reading order: a [`side`] of a relation, the
//! [`search`] of one round, the check within a [`job`], and what is said where several processes check together, in a
//! [`meeting`].

mod job;
mod meeting;
mod search;
mod side;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use sensei_operators::{KeysSeen, Reference, Round, Rounds};
use sensei_planner::{OnOrphans, Plan, RelationPlan};
use sensei_storage::evidence::RelationFacts;
use sensei_storage::{Commit, Range, Snapshot, Target, Verdict};
use serde::{Deserialize, Serialize};

use crate::failure::Result;
use crate::limits::{JOIN_SHARE, KEY_BYTES, ORPHANS_NAMED_MAX, ROUNDS_UNREMARKED_MAX};
use crate::progress::Progress;
use search::Search;
use side::Side;

pub(crate) use job::within_job;
pub(crate) use meeting::{Found, Meeting};

/// What it takes to check the relations of a plan.
pub(crate) struct References<'a> {
    pub plan: &'a Plan,
    pub target: Arc<dyn Snapshot>,
    pub commits: Arc<dyn Target>,
    /// What to read to see each table of the plan whole, in the target.
    pub reads: Vec<Vec<Read>>,
    /// Rows of each table of the plan in the target.
    pub rows: Vec<u64>,
    /// Key of the hashes of keys; random, so that nobody can choose rows whose keys collide.
    pub hash_key: [u8; 32],
    /// Who searches.
    pub place: Place,
    /// Show no progress.
    pub quiet: bool,
}

/// Where a check runs.
pub(crate) enum Place {
    /// In this process alone.
    Alone,
    /// In this process and others, each of which reads its part.
    Member {
        /// The way into the dataflow of all.
        rounds: Rounds,
        /// This process's number.
        index: usize,
        /// How many there are.
        members: usize,
    },
}

impl Place {
    fn index(&self) -> usize {
        match self {
            Place::Alone => 0,
            Place::Member { index, .. } => *index,
        }
    }

    fn members(&self) -> usize {
        match self {
            Place::Alone => 1,
            Place::Member { members, .. } => *members,
        }
    }
}

/// Something to read of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Read {
    /// Rows in a range.
    Range(Range),
    /// What one commit wrote, where a table is not to be seen before it is finished.
    Commit(Commit),
}

/// One relation, checked.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// What was counted, and the verdict.
    pub facts: RelationFacts,
    /// The first orphans, each by its key, or by its address where the table has none.
    pub examples: Vec<String>,
}

/// Takes orphans by name, as they are found.
pub(crate) type TakeOrphan<'a> = dyn FnMut(&str) + Send + 'a;

impl References<'_> {
    /// Checks one relation.
    ///
    /// # Errors
    /// If the target cannot be read; `Interrupted` if a person asked to stop.
    pub async fn check(&self, relation: &RelationPlan, take: &mut TakeOrphan<'_>) -> Result<Checked> {
        Ok(self.find(relation, take).await?.checked(self.plan, relation))
    }

    /// What this process finds of one relation.
    ///
    /// # Errors
    /// As of [`References::check`].
    pub async fn find(&self, relation: &RelationPlan, take: &mut TakeOrphan<'_>) -> Result<Found> {
        let (child, parent) = (Side::child(self.plan, relation), Side::parent(self.plan, relation));
        let reference = Reference { child: child.key(), parent: parent.key(), match_full: relation.match_full };
        let rounds = self.rounds(relation);
        let title = format!("checking references {} → {}", child.table.target.name, parent.table.target.name);
        tracing::info!(rounds, "{title}");
        let expected = (self.rows[relation.child] + self.rows[relation.parent]) * rounds;
        let mut progress = Progress::new(&title, &[(child.table.target.name.clone(), expected)], self.quiet);
        let (mut orphans, mut examples) = (0, Examples::default());
        let mut found = |rows: &RecordBatch| {
            for row in 0..rows.num_rows() {
                let name = child.name(rows, row);
                take(&name);
                examples.add(name);
            }
            orphans += rows.num_rows() as u64;
        };
        let mut seen = KeysSeen::default();
        for index in 0..rounds {
            let round = Round { index, count: rounds };
            let search = Search { references: self, relation, reference: &reference, child: &child, parent: &parent };
            seen = search.round(round, &mut progress, &mut found).await?;
        }
        Ok(Found::new(seen, orphans, examples.in_order()))
    }

    /// Rounds in which the parents' keys fit into their share of the memory of all members, each a scan of both tables.
    fn rounds(&self, relation: &RelationPlan) -> u64 {
        let keys_max = (self.plan.limits.memory_bytes / JOIN_SHARE / KEY_BYTES).max(1) * self.place.members() as u64;
        let rounds = self.rows[relation.parent].div_ceil(keys_max).max(1);
        if rounds > ROUNDS_UNREMARKED_MAX {
            let title = self.plan.relation_title(relation);
            tracing::warn!("checking {title} reads both tables {rounds} times; a larger limits.memory makes it fewer");
        }
        rounds
    }
}

/// Says, for people, which relations only the target's own foreign keys check.
pub(crate) fn left_to_the_target(plan: &Plan) -> Vec<String> {
    let say = |relation: &RelationPlan| {
        let collation = relation.collation.as_ref()?;
        let title = plan.relation_title(relation);
        Some(format!(
            "Whether {title} holds was left to the target's foreign key: it compares texts by a collation ({collation})."
        ))
    };
    plan.relations.iter().filter_map(say).collect()
}

/// The first names of many that come in any order: the shorter before the longer, so that numbers ascend.
#[derive(Default)]
struct Examples(BTreeSet<(usize, String)>);

impl Examples {
    fn add(&mut self, name: String) {
        self.0.insert((name.len(), name));
        if self.0.len() > ORPHANS_NAMED_MAX {
            self.0.pop_last();
        }
    }

    fn in_order(self) -> Vec<String> {
        self.0.into_iter().map(|(_, name)| name).collect()
    }
}

fn facts(plan: &Plan, relation: &RelationPlan, seen: KeysSeen, orphans: u64) -> RelationFacts {
    let name = |table: usize| plan.tables[table].target.name.clone();
    let mut facts = RelationFacts {
        table: name(relation.child),
        columns: relation.columns.clone(),
        parent: name(relation.parent),
        parent_columns: relation.parent_columns.clone(),
        declared: relation.foreign_key.is_some(),
        rows: seen.children,
        rows_unreferring: seen.unreferring,
        parent_rows: seen.parents,
        rows_unreadable: seen.unreadable,
        orphans,
        accepted: relation.orphans == OnOrphans::Report,
        verdict: Verdict::Inconclusive,
    };
    facts.verdict = facts.concluded();
    facts
}
