//! The stages of a plan and what must come before what. Pure data: the engine runs them.

use std::collections::BTreeSet;

use sensei_storage::{Catalog, Object, VerifyMode};
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, RelationPlan};

/// Bytes of a row, where only the count is known. A guess; it orders work and nothing else.
const ROW_BYTES_GUESS: u64 = 100;

/// What one stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Stage {
    /// Creates what tables may need: types, domains, sequences, functions.
    ObjectsBefore,
    /// Creates missing tables, and empties those that are to be.
    Prepare,
    /// Copies the rows of one table, split by split.
    Snapshot {
        /// Position in [`Plan::tables`].
        table: usize,
    },
    /// Adds the primary key of one table, then its other indexes.
    Index {
        /// Position in [`Plan::tables`].
        table: usize,
    },
    /// Looks for rows of one table that refer to nothing.
    References {
        /// Position in [`Plan::relations`].
        relation: usize,
    },
    /// Adds all checks, then all foreign keys.
    Constraints,
    /// Sets what the target's own numbering gives next.
    Sequences,
    /// Creates what needs tables and their rows: views, triggers.
    ObjectsAfter,
    /// Counts every table once more and compares the target's catalog with the plan: settles the verdict.
    Verify,
    /// Signs the certificate.
    Certify,
}

impl Stage {
    /// The relation that a stage checks.
    pub fn relation(&self) -> Option<usize> {
        match self {
            Stage::References { relation } => Some(*relation),
            _ => None,
        }
    }
}

/// One stage with its place in the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageNode {
    /// What it does.
    pub stage: Stage,
    /// Positions of the stages that must be finished before it begins, ascending.
    pub after: Vec<usize>,
    /// Rows it moves, estimated; `None` if it moves none or nobody knows.
    pub rows_estimate: Option<u64>,
    /// Bytes it moves, estimated likewise.
    pub bytes_estimate: Option<u64>,
}

/// All stages of a plan. A stage stands after every stage it waits for, so the order of positions is a topological one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageGraph {
    /// The stages.
    pub nodes: Vec<StageNode>,
}

impl StageGraph {
    /// The stages of `plan`, sized by the estimates of the source's catalog. Without objects or numbering there is no
    /// stage for them.
    pub fn new(plan: &Plan, source: &Catalog) -> StageGraph {
        let mut graph = StageGraph { nodes: Vec::new() };
        let precedes = |object: &Object| object.precedes_tables();
        let before = plan.objects.iter().any(precedes).then(|| graph.push(Stage::ObjectsBefore, vec![]));
        let prepare = graph.push(Stage::Prepare, before.into_iter().collect());
        let mut loaded = Vec::new();
        for (table, planned) in plan.tables.iter().enumerate() {
            let snapshot = graph.push(Stage::Snapshot { table }, vec![prepare]);
            if let Some(found) = source.tables.iter().find(|found| found.name == planned.source) {
                graph.nodes[snapshot].rows_estimate = found.rows_estimate;
                graph.nodes[snapshot].bytes_estimate = found.bytes_estimate;
            }
            loaded.push(graph.push(Stage::Index { table }, vec![snapshot]));
        }
        let mut before_constraints = loaded.clone();
        if plan.verify != VerifyMode::Off {
            let references = plan.relations.iter().enumerate().filter(|(_, relation)| relation.collation.is_none());
            before_constraints.extend(references.map(|(index, relation)| graph.references(index, relation, &loaded)));
        }
        let mut last = graph.push(Stage::Constraints, before_constraints);
        let rest = [
            (!plan.numbering.is_empty(), Stage::Sequences),
            (!plan.objects.iter().all(precedes), Stage::ObjectsAfter),
            (plan.verify != VerifyMode::Off, Stage::Verify),
            (true, Stage::Certify),
        ];
        for (_, stage) in rest.into_iter().filter(|(wanted, _)| *wanted) {
            last = graph.push(stage, vec![last]);
        }
        graph
    }

    /// The check of one relation, after both its tables are loaded.
    fn references(&mut self, relation: usize, plan: &RelationPlan, loaded: &[usize]) -> usize {
        let after: BTreeSet<usize> = [loaded[plan.child], loaded[plan.parent]].into();
        self.push(Stage::References { relation }, after.into_iter().collect())
    }

    fn push(&mut self, stage: Stage, after: Vec<usize>) -> usize {
        self.nodes.push(StageNode { stage, after, rows_estimate: None, bytes_estimate: None });
        self.nodes.len() - 1
    }
}

impl StageNode {
    /// How much work this is, in bytes or what stands for them; at least 1.
    pub fn weight(&self) -> u64 {
        let guess = || self.rows_estimate.map(|rows| rows.saturating_mul(ROW_BYTES_GUESS));
        self.bytes_estimate.or_else(guess).unwrap_or(0).max(1)
    }
}

/// Hands out stages whose predecessors are finished, the one with the longest way to the end first.
///
/// ```
/// use sensei_planner::{ReadyQueue, Stage, StageGraph, StageNode};
/// let node = |stage, after| StageNode { stage, after, rows_estimate: None, bytes_estimate: None };
/// let graph = StageGraph { nodes: vec![node(Stage::Prepare, vec![]), node(Stage::Certify, vec![0])] };
/// let mut queue = ReadyQueue::new(&graph);
/// assert_eq!(queue.next(), Some(0));
/// assert_eq!(queue.next(), None);
/// queue.finish(0);
/// assert_eq!(queue.next(), Some(1));
/// ```
#[derive(Clone, Debug)]
pub struct ReadyQueue {
    /// Weight of the longest way from each stage to the end, the stage included.
    remaining: Vec<u64>,
    /// How many predecessors of each stage are not finished.
    waiting: Vec<usize>,
    followers: Vec<Vec<usize>>,
    ready: BTreeSet<(std::cmp::Reverse<u64>, usize)>,
    running: BTreeSet<usize>,
    unfinished: usize,
}

impl ReadyQueue {
    /// A queue over all stages of `graph`.
    ///
    /// # Panics
    /// If a stage waits for itself or a later one, which [`StageGraph::new`] never makes.
    pub fn new(graph: &StageGraph) -> ReadyQueue {
        let count = graph.nodes.len();
        let mut followers = vec![Vec::new(); count];
        for (index, node) in graph.nodes.iter().enumerate() {
            for before in &node.after {
                assert!(*before < index, "stage {index} waits for a later one");
                followers[*before].push(index);
            }
        }
        let mut remaining = vec![0; count];
        for index in (0..count).rev() {
            let rest = followers[index].iter().map(|next| remaining[*next]).max().unwrap_or(0);
            remaining[index] = graph.nodes[index].weight().saturating_add(rest);
        }
        let waiting: Vec<usize> = graph.nodes.iter().map(|node| node.after.len()).collect();
        let mut queue = ReadyQueue {
            remaining,
            waiting,
            followers,
            ready: BTreeSet::new(),
            running: BTreeSet::new(),
            unfinished: count,
        };
        for index in 0..count {
            queue.offer(index);
        }
        queue
    }

    /// Takes the next stage to begin; `None` if none is ready now.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: finish() makes more come")]
    pub fn next(&mut self) -> Option<usize> {
        let (_, index) = self.ready.pop_first()?;
        self.running.insert(index);
        Some(index)
    }

    /// Reports that a stage taken by [`ReadyQueue::next`] is finished.
    ///
    /// # Panics
    /// If the stage was not running.
    pub fn finish(&mut self, index: usize) {
        assert!(self.running.remove(&index), "stage {index} was not running");
        self.unfinished -= 1;
        for next in std::mem::take(&mut self.followers[index]) {
            self.waiting[next] -= 1;
            self.offer(next);
        }
    }

    /// Whether every stage is finished.
    pub fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    fn offer(&mut self, index: usize) {
        if self.waiting[index] == 0 {
            self.ready.insert((std::cmp::Reverse(self.remaining[index]), index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(stage: Stage, after: Vec<usize>, bytes: u64) -> StageNode {
        StageNode { stage, after, rows_estimate: None, bytes_estimate: Some(bytes) }
    }

    #[test]
    fn longest_remaining_goes_first_and_nothing_before_its_turn() {
        let graph = StageGraph {
            nodes: vec![
                node(Stage::Prepare, vec![], 0),
                node(Stage::Snapshot { table: 0 }, vec![0], 10),
                node(Stage::Snapshot { table: 1 }, vec![0], 500),
                node(Stage::Snapshot { table: 2 }, vec![0], 10),
                node(Stage::Constraints, vec![1, 2, 3], 0),
            ],
        };
        let mut queue = ReadyQueue::new(&graph);
        assert_eq!((queue.next(), queue.next()), (Some(0), None));
        queue.finish(0);
        assert_eq!((queue.next(), queue.next(), queue.next(), queue.next()), (Some(2), Some(1), Some(3), None));
        queue.finish(1);
        queue.finish(3);
        assert_eq!(queue.next(), None, "the largest table is still being copied");
        queue.finish(2);
        assert_eq!(queue.next(), Some(4));
        assert!(!queue.is_finished());
        queue.finish(4);
        assert!(queue.is_finished());
    }
}
