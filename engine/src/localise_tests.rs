//! Tests of what bounds a search: rounds, fetches, memory, and what is only counted.

use arrow_array::{ArrayRef, Int64Array};

use super::*;

fn row(value: i64) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![value]));
    RecordBatch::try_from_iter([("n", column)]).expect("one column")
}

fn hash(bucket: u16, row: u64) -> RowHash {
    [u64::from(bucket), row]
}

/// Buckets of table 0 with so many rows that the expected side alone has.
fn surplus(buckets: &[u64]) -> Surplus {
    let bucket = |(bucket, rows): (usize, &u64)| {
        let rows = (0..*rows).map(|row| (hash(bucket as u16, row), 1)).collect();
        ((0, bucket as u16), rows)
    };
    buckets.iter().enumerate().map(bucket).collect()
}

#[test]
fn rounds_stay_within_their_bound_and_lose_no_bucket() {
    let buckets: Buckets = (0..BUCKETS_PER_TABLE).map(|bucket| (3, bucket)).collect();
    let rows = BTreeMap::from([(3, 10 * ROUND_ROWS_MAX)]);
    let rounds = rounds(&buckets, &rows);
    assert!(rounds.len() >= 10 && rounds.len() <= 12, "{}", rounds.len());
    assert_eq!(rounds.into_iter().flatten().collect::<Buckets>(), buckets);
}

#[test]
fn a_bucket_is_never_torn_between_fetches() {
    let many = FETCH_ROWS_MAX * 2 / 3;
    let fetches = fetches(surplus(&[many, many, 1]));
    let buckets = |fetch: &Surplus| fetch.keys().map(|(_, bucket)| *bucket).collect::<Vec<_>>();
    assert_eq!(fetches.iter().map(buckets).collect::<Vec<_>>(), [vec![0], vec![1, 2]]);
}

#[test]
fn a_fetch_beyond_its_memory_keeps_the_first_buckets_and_leaves_the_others() {
    let one = row(0).get_array_memory_size() as u64;
    let wanted = surplus(&[2, 2, 2]);
    let mut gathered = Gathered::new(&wanted, false, 3 * one);
    for (bucket, index) in [(2, 0), (0, 0), (1, 0), (2, 1), (0, 1), (1, 1)] {
        gathered.add(0, Side::Expected, hash(bucket, index), row(1));
    }
    let kept: Vec<_> = gathered.buckets.iter().map(|((_, bucket), held)| (*bucket, held.rows.len())).collect();
    assert_eq!(kept, [(0, 2)]);
    assert_eq!(gathered.postponed, BTreeSet::from([(0, 1), (0, 2)]));
}

#[test]
fn equal_rows_are_fetched_once_unless_their_addresses_are_needed() {
    let copies = |count: i64, locate: bool| {
        let wanted = Surplus::from([((0, 0), vec![(hash(0, 0), count)])]);
        let mut gathered = Gathered::new(&wanted, locate, u64::MAX);
        let side = if count > 0 { Side::Expected } else { Side::Actual };
        (0..10).for_each(|_| gathered.add(0, side, hash(0, 0), row(1)));
        let rows = &gathered.buckets[&(0, 0)].rows;
        rows.iter().map(|fetched| fetched.copies).collect::<Vec<_>>()
    };
    assert_eq!(copies(5_000_000, true), [5_000_000]);
    assert_eq!(copies(-5_000_000, false), [5_000_000]);
    assert_eq!(copies(-3, true), [1, 1, 1]);
}

#[test]
fn beyond_the_examples_rows_are_counted_by_side() {
    let overview = Overview { differing: (0..4).map(|bucket| ((0, bucket), -7)).collect(), ..Overview::default() };
    let mut search = Search::new(&overview, Depth::Examples);
    let (admitted, fresh) = search.admit(Buckets::from([(0, 0), (0, 1)]));
    assert_eq!((admitted.len(), fresh), (2, BTreeSet::from([0])));
    let mut found = surplus(&[ROWS_NAMED_MAX, 3]);
    found.entry((0, 1)).or_default().push((hash(9, 9), -4));
    let chosen = search.choose(found);
    assert_eq!(chosen.into_keys().collect::<Vec<_>>(), [(0, 0)]);
    let (admitted, _) = search.admit(Buckets::from([(0, 2), (0, 3)]));
    assert!(admitted.is_empty());
    assert_eq!(search.counted, BTreeMap::from([(0, Counted { expected: 3, actual: 4 + 14, buckets_unseen: 2 })]));
}

#[test]
fn a_large_table_on_one_side_only_is_not_read_again_for_examples() {
    let tally = sensei_operators::Tally {
        table: 0,
        side: Side::Expected,
        rows: ROWS_NAMED_MAX + 1,
        filtered: 0,
        lossy: BTreeMap::new(),
        digest: sensei_storage::Digest::ZERO,
    };
    let overview = Overview {
        tallies: BTreeMap::from([((0, Side::Expected), tally)]),
        differing: BTreeMap::from([((0, 5), 1)]),
        ..Overview::default()
    };
    let look = |depth| {
        let mut kinds = Vec::new();
        let buckets = Search::new(&overview, depth).buckets(&mut |located| {
            if let Located::OneSided { kind, rows, .. } = located {
                kinds.push((kind, rows));
            }
        });
        (buckets.len(), kinds)
    };
    assert_eq!(look(Depth::Examples), (0, vec![(Kind::Missing, ROWS_NAMED_MAX + 1)]));
    assert_eq!(look(Depth::All), (1, vec![]));
    assert_eq!(look(Depth::Repair), (1, vec![]));
}
