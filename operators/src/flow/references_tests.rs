//! The search against a naive join, and what it holds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int32Array, Int64Array, StringArray};
use proptest::prelude::*;

use super::*;

/// A child row: its number, and its key of two columns.
type Child = (i64, Option<i32>, Option<u8>);
type Parent = (Option<i64>, Option<u8>);

fn child_batch(rows: &[Child]) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let first: ArrayRef = Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.1)));
    let second: ArrayRef = Arc::new(StringArray::from_iter(rows.iter().map(|row| row.2.map(|text| text.to_string()))));
    RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("a", first, true), ("b", second, true)])
        .expect("equal lengths")
}

/// The same key in another order of columns, of another type, and decimals written with more zeros.
fn parent_batch(rows: &[Parent]) -> RecordBatch {
    let text = |value: u8| format!("{value}.00");
    let second: ArrayRef = Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1.map(text))));
    let first: ArrayRef = Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0)));
    RecordBatch::try_from_iter_with_nullable([("b", second, true), ("a", first, true)]).expect("equal lengths")
}

fn reference(match_full: bool) -> Reference {
    let child = KeyColumns { columns: vec![1, 2], types: vec![LogicalType::Int32, LogicalType::Numeric] };
    let decimal = LogicalType::Decimal { precision: 5, scale: 2 };
    let parent = KeyColumns { columns: vec![1, 0], types: vec![LogicalType::Int64, decimal] };
    Reference { child, parent, match_full }
}

struct Run {
    workers: usize,
    rounds: u64,
    batch_rows: usize,
    match_full: bool,
}

impl Run {
    /// Orphans by number, each found once, and what was seen.
    fn search(&self, children: &[Child], parents: &[Parent]) -> (BTreeSet<i64>, KeysSeen) {
        let mut orphans = BTreeSet::new();
        let mut seen = KeysSeen::default();
        for index in 0..self.rounds {
            let of_round = self.round(index, children, parents);
            seen = KeysSeen::default();
            for finding in of_round {
                match finding {
                    OrphanFinding::Orphans { rows, .. } => {
                        for number in rows.column(0).as_primitive::<Int64Type>().values() {
                            assert!(orphans.insert(*number), "row {number} is given out twice");
                        }
                    }
                    OrphanFinding::Seen(one) => seen += one,
                }
            }
        }
        (orphans, seen)
    }

    fn round(&self, index: u64, children: &[Child], parents: &[Parent]) -> Vec<OrphanFinding> {
        let (findings, mut found) = tokio::sync::mpsc::unbounded_channel();
        let round = Round { index, count: self.rounds };
        let (search, dealer) = OrphanSearch::new(reference(self.match_full), [7; 32], round, self.workers, findings);
        let rows = |rows| Batch { rows, faults: Vec::new() };
        for chunk in parents.chunks(self.batch_rows) {
            dealer.parents(rows(parent_batch(chunk)), Arc::new(()));
        }
        dealer.end_parents();
        for chunk in children.chunks(self.batch_rows) {
            dealer.children(rows(child_batch(chunk)), Arc::new(()));
        }
        drop(dealer);
        search.run().expect("the workers end well");
        std::iter::from_fn(|| found.try_recv().ok()).collect()
    }
}

fn naive(children: &[Child], parents: &[Parent], match_full: bool) -> (BTreeSet<i64>, u64) {
    let is_orphan = |child: &Child| match (child.1, child.2) {
        (Some(a), Some(b)) => !parents.contains(&(Some(i64::from(a)), Some(b))),
        (None, None) => false,
        _ => match_full,
    };
    let unreferring = |child: &&Child| match (child.1, child.2) {
        (Some(_), Some(_)) => false,
        (None, None) => true,
        _ => !match_full,
    };
    let orphans = children.iter().filter(|child| is_orphan(child)).map(|child| child.0).collect();
    (orphans, children.iter().filter(unreferring).count() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn finds_what_a_naive_join_finds(
        keys in prop::collection::vec((prop::option::weighted(0.9, 0..12i32), prop::option::weighted(0.9, 0..4u8)), 0..120),
        parents in prop::collection::vec(
            (prop::option::weighted(0.95, 0..12i64), prop::option::weighted(0.95, 0..4u8)), 0..60),
        workers in prop::sample::select(vec![1usize, 3]),
        rounds in 1..4u64,
        batch_rows in 1..20usize,
        match_full: bool,
    ) {
        let children: Vec<Child> = (0..).zip(&keys).map(|(number, key)| (number, key.0, key.1)).collect();
        let run = Run { workers, rounds, batch_rows, match_full };
        let (orphans, seen) = run.search(&children, &parents);
        let (expected, unreferring) = naive(&children, &parents, match_full);
        prop_assert_eq!(orphans, expected);
        let (children, parents) = (children.len() as u64, parents.len() as u64);
        prop_assert_eq!(seen, KeysSeen { children, unreferring, parents, unreadable: 0 });
    }
}

#[test]
fn rounds_share_the_keys_evenly() {
    let parents: Vec<Parent> = (0..4000).map(|key| (Some(key), Some(0))).collect();
    let children: Vec<Child> = (0..4000).map(|key| (key, Some(key as i32), Some(1))).collect();
    let run = Run { workers: 2, rounds: 4, batch_rows: 500, match_full: false };
    let mut by_round = HashMap::new();
    for index in 0..run.rounds {
        for finding in run.round(index, &children, &parents) {
            if let OrphanFinding::Orphans { rows, .. } = finding {
                *by_round.entry(index).or_insert(0) += rows.num_rows();
            }
        }
    }
    assert_eq!(by_round.values().sum::<usize>(), 4000);
    assert!(by_round.values().all(|rows| (850..1150).contains(rows)), "{by_round:?}");
}

/// A batch is let go when its time is over, not at the end: with one worker idle, too.
#[test]
fn batches_are_released_while_others_still_come() {
    let (findings, _found) = tokio::sync::mpsc::unbounded_channel();
    let (search, dealer) = OrphanSearch::new(reference(false), [7; 32], Round { index: 0, count: 1 }, 3, findings);
    std::thread::scope(|threads| {
        let graph = threads.spawn(move || search.run());
        let parents: Vec<Parent> = (0..100).map(|key| (Some(key), Some(0))).collect();
        dealer.parents(Batch { rows: parent_batch(&parents), faults: Vec::new() }, Arc::new(()));
        dealer.end_parents();
        let first: Permit = Arc::new(());
        let children: Vec<Child> = (0..100).map(|key| (key, Some(key as i32), Some(0))).collect();
        dealer.children(Batch { rows: child_batch(&children), faults: Vec::new() }, first.clone());
        let mut waits = 0;
        while Arc::strong_count(&first) > 1 {
            waits += 1;
            assert!(waits < 1000, "the only batch is still held");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        drop(dealer);
        graph.join().expect("no panic").expect("the workers end well");
    });
}
