//! Members in threads of one process, over socket pairs, against the search of one process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use sensei_storage::{Batch, LogicalType};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::flow::references::{KeyColumns, KeysSeen};

/// Rows of one member: the keys of parents, and of children.
type Part = (Vec<i64>, Vec<Option<i64>>);

fn batch(keys: impl IntoIterator<Item = Option<i64>>) -> Batch {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter(keys));
    let rows = RecordBatch::try_from_iter_with_nullable([("key", keys, true)]).expect("one column");
    Batch { rows, faults: Vec::new() }
}

fn reference() -> Reference {
    let side = || KeyColumns { columns: vec![0], types: vec![LogicalType::Int64] };
    Reference { child: side(), parent: side(), match_full: false }
}

fn feed(dealer: KeyDealer, (parents, children): &Part) {
    for chunk in parents.chunks(7) {
        dealer.parents(batch(chunk.iter().copied().map(Some)), Arc::new(()));
    }
    dealer.end_parents();
    for chunk in children.chunks(5) {
        dealer.children(batch(chunk.iter().copied()), Arc::new(()));
    }
}

fn collect(mut found: UnboundedReceiver<OrphanFinding>) -> (Vec<i64>, KeysSeen) {
    let (mut orphans, mut seen) = (Vec::new(), KeysSeen::default());
    while let Some(finding) = found.blocking_recv() {
        match finding {
            OrphanFinding::Orphans { rows, .. } => orphans.extend(rows.column(0).as_primitive::<Int64Type>().values()),
            OrphanFinding::Seen(one) => seen += one,
        }
    }
    (orphans, seen)
}

/// What one member finds in all rounds, and saw in the last.
fn member(seat: Seat, threads: usize, rounds: u64, part: &Part) -> (Vec<i64>, KeysSeen) {
    let (mesh, way) = Mesh::new(threads);
    let running = thread::Builder::new().spawn(move || mesh.run(seat)).expect("a thread");
    let (mut orphans, mut seen) = (Vec::new(), KeysSeen::default());
    for index in 0..rounds {
        let (sender, found) = unbounded_channel();
        feed(way.begin(reference(), [7; 32], Round { index, count: rounds }, sender), part);
        let (of_round, seen_now) = collect(found);
        orphans.extend(of_round);
        seen = seen_now;
    }
    drop(way);
    running.join().expect("no panic").expect("the members end well");
    (orphans, seen)
}

fn seats(members: usize) -> Vec<Seat> {
    let mut seats: Vec<Seat> =
        (0..members).map(|index| Seat { index, sockets: (0..members).map(|_| None).collect() }).collect();
    for one in 0..members {
        for other in 0..one {
            let (here, there) = UnixStream::pair().expect("a pair of sockets");
            seats[one].sockets[other] = Some(here);
            seats[other].sockets[one] = Some(there);
        }
    }
    seats
}

/// What all members find and see together.
fn meet(parts: &[Part], threads: usize, rounds: u64) -> (Vec<i64>, KeysSeen) {
    let found: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = seats(parts.len())
            .into_iter()
            .zip(parts)
            .map(|(seat, part)| scope.spawn(move || member(seat, threads, rounds, part)))
            .collect();
        running.into_iter().map(|member| member.join().expect("no panic")).collect()
    });
    let (mut orphans, mut seen) = (Vec::new(), KeysSeen::default());
    for (of_member, seen_by_member) in found {
        orphans.extend(of_member);
        seen += seen_by_member;
    }
    orphans.sort_unstable();
    (orphans, seen)
}

fn alone(parts: &[Part], rounds: u64) -> (Vec<i64>, KeysSeen) {
    let whole = (
        parts.iter().flat_map(|part| part.0.clone()).collect::<Vec<_>>(),
        parts.iter().flat_map(|part| part.1.clone()).collect::<Vec<_>>(),
    );
    let (mut orphans, mut seen) = (Vec::new(), KeysSeen::default());
    for index in 0..rounds {
        let (sender, found) = unbounded_channel();
        let (search, dealer) = OrphanSearch::new(reference(), [7; 32], Round { index, count: rounds }, 2, sender);
        feed(dealer, &whole);
        search.run().expect("the workers end well");
        let (of_round, seen_now) = collect(found);
        orphans.extend(of_round);
        seen = seen_now;
    }
    orphans.sort_unstable();
    (orphans, seen)
}

/// Parents are the even numbers; children refer to all, and some to nothing. The last of several members has no rows.
fn parts(members: i64) -> Vec<Part> {
    let holders = (members - 1).max(1);
    let of = |index: i64| {
        let parents = (0..400).filter(|key| key % holders == index).map(|key| key * 2).collect();
        let child = |key: i64| (key % 13 != 0).then_some(key);
        let children = (0..900).filter(|key| (key / 3) % holders == index).map(child).collect();
        (parents, children)
    };
    (0..members).map(of).collect()
}

#[track_caller]
fn check(members: i64, threads: usize, rounds: u64) {
    let parts = parts(members);
    let (expected, actual) = (alone(&parts, rounds), meet(&parts, threads, rounds));
    assert_eq!(actual, expected);
    let distinct: BTreeSet<_> = actual.0.iter().collect();
    assert_eq!(distinct.len(), actual.0.len(), "a row is given out twice");
    assert!(actual.0.contains(&801) && !actual.0.contains(&2), "{actual:?}");
    assert_eq!((actual.1.parents, actual.1.children, actual.1.unreferring), (400, 900, 70));
}

#[test]
fn two_members_find_what_one_process_finds() {
    check(2, 1, 1);
    check(2, 2, 3);
}

#[test]
fn three_members_find_what_one_process_finds() {
    check(3, 1, 4);
    check(3, 2, 2);
}
