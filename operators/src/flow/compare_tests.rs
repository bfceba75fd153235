//! The three passes against a naive comparison of multisets.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use proptest::prelude::*;
use sensei_storage::{Field, LogicalType, System};

use super::*;
use crate::encode::tests::row;
use crate::flow::port::inlet;
use crate::project::{ColumnSpec, Input};

const KEYED: u32 = 0;
const KEYLESS: u32 = 1;

/// A table and its two columns; equal rows are duplicates.
type Row = (u32, i32, u8);
type Multiset = BTreeMap<Row, i64>;

#[derive(Clone, Debug)]
enum Corruption {
    Lost(usize),
    Doubled(usize),
    Altered(usize, u8),
    Added(Row),
}

fn rows() -> impl Strategy<Value = Row> {
    (KEYED..=KEYLESS, 0..40, 0..3u8)
}

fn corruptions() -> impl Strategy<Value = Corruption> {
    prop_oneof![
        any::<usize>().prop_map(Corruption::Lost),
        any::<usize>().prop_map(Corruption::Doubled),
        (any::<usize>(), 0..4u8).prop_map(|(index, value)| Corruption::Altered(index, value)),
        rows().prop_map(Corruption::Added),
    ]
}

fn corrupt(rows: &mut Vec<Row>, corruption: Corruption) {
    let count = rows.len();
    match corruption {
        Corruption::Added(row) => rows.push(row),
        _ if count == 0 => {}
        Corruption::Lost(index) => drop(rows.swap_remove(index % count)),
        Corruption::Doubled(index) => rows.push(rows[index % count]),
        Corruption::Altered(index, value) => rows[index % count].2 = value,
    }
}

/// Runs one pass over both sides, their rows cut into batches and dealt to the workers.
fn run(pass: Pass, sides: [&[Row]; 2], workers: usize, batch_rows: usize) -> Vec<Finding> {
    let (senders, inlets): (Vec<_>, Vec<_>) = (0..workers).map(|_| inlet()).unzip();
    let mut next = (0..workers).cycle();
    for (side, rows) in [Side::Expected, Side::Actual].into_iter().zip(sides) {
        for table in [KEYED, KEYLESS] {
            let rows: Vec<Row> = rows.iter().filter(|row| row.0 == table).copied().collect();
            for chunk in rows.chunks(batch_rows) {
                let feed = SideFeed { side, table, batch: batch(chunk), permit: Arc::new(()) };
                senders[next.next().expect("endless")].send(feed);
            }
        }
    }
    drop(senders);
    let (findings, mut found) = tokio::sync::mpsc::unbounded_channel();
    let fields: Vec<Field> = [("k", LogicalType::Int32), ("v", LogicalType::TEXT)].map(field).into();
    let hasher = |identity| RowHasher::new([7; 32], vec![LogicalType::Int32, LogicalType::TEXT], identity);
    let comparer = Comparer {
        times: Arc::new(Times::new(|| 0)),
        projections: Arc::new(vec![projection(&fields), projection(&fields)]),
        hashers: Arc::new(vec![hasher(vec![0]), hasher(Vec::new())]),
        pass,
        inlets,
        findings,
    };
    comparer.run().expect("the workers end well");
    std::iter::from_fn(|| found.try_recv().ok()).collect()
}

fn field((name, logical): (&str, LogicalType)) -> Field {
    Field {
        name: name.to_owned(),
        native: logical.to_string(),
        logical,
        nullable: true,
        traits: sensei_storage::Traits::default(),
    }
}

fn projection(fields: &[Field]) -> Projection {
    let column = |(index, field): (usize, &Field)| ColumnSpec {
        input: Input::Column(index),
        from: field.logical.clone(),
        mask: None,
        cleaning: None,
        lossy: false,
        to: field.clone(),
    };
    let columns = fields.iter().enumerate().map(column).collect();
    Projection::compile(fields.to_vec(), vec![0], None, columns, System::Sqlite).expect("compiles")
}

fn batch(rows: &[Row]) -> Batch {
    let one = |(_, key, value): &Row| {
        let (key, value) = (key.to_string(), value.to_string());
        row(&[(LogicalType::Int32, Some(key.as_str())), (LogicalType::TEXT, Some(value.as_str()))])
    };
    let parts: Vec<RecordBatch> = rows.iter().map(one).collect();
    let rows = arrow_select::concat::concat_batches(&parts[0].schema(), &parts).expect("one schema");
    Batch { rows, faults: Vec::new() }
}

fn reference(expected: &[Row], actual: &[Row]) -> Multiset {
    let mut surplus = Multiset::new();
    expected.iter().for_each(|row| *surplus.entry(*row).or_default() += 1);
    actual.iter().for_each(|row| *surplus.entry(*row).or_default() -= 1);
    surplus.retain(|_, count| *count != 0);
    surplus
}

fn three_passes(sides: [&[Row]; 2], workers: usize, batch_rows: usize) -> Multiset {
    let mut differing = Buckets::new();
    let mut tallied = 0;
    for finding in run(Pass::Buckets, sides, workers, batch_rows) {
        match finding {
            Finding::Bucket { bucket, .. } => drop(differing.insert(bucket)),
            Finding::Tally(tally) => tallied += tally.rows as usize,
            other => panic!("{other:?} in the first pass"),
        }
    }
    assert_eq!(tallied, sides[0].len() + sides[1].len());
    let mut wanted = BTreeMap::new();
    for finding in run(Pass::Rows(Arc::new(differing)), sides, workers, batch_rows) {
        if let Finding::Row { bucket, hash, surplus } = finding {
            wanted.insert((bucket.0, hash), surplus);
        }
    }
    fetched(&wanted, run(Pass::Fetch(Arc::new(wanted.clone())), sides, workers, batch_rows), workers)
}

/// The fetched rows as a multiset, no more copies of each than were wanted.
fn fetched(wanted: &BTreeMap<(u32, RowHash), i64>, found: Vec<Finding>, workers: usize) -> Multiset {
    let mut copies: BTreeMap<(u32, RowHash), (u64, Row)> = BTreeMap::new();
    for finding in found {
        let Finding::Fetched { table, side, hash, row } = finding else { continue };
        let surplus = wanted[&(table, hash)];
        assert_eq!(side == Side::Expected, surplus > 0);
        let decoded = (
            table,
            row.column(0).as_primitive::<Int32Type>().value(0),
            row.column(1).as_string::<i32>().value(0).parse().expect("a number"),
        );
        let (sent, _) = copies.entry((table, hash)).and_modify(|(sent, _)| *sent += 1).or_insert((1, decoded));
        assert!(*sent <= surplus.unsigned_abs() * workers as u64, "more copies than wanted");
    }
    let kept = |((table, hash), (sent, row)): ((u32, RowHash), (u64, Row))| {
        let surplus = wanted[&(table, hash)];
        (row, surplus.signum() * sent.min(surplus.unsigned_abs()) as i64)
    };
    copies.into_iter().map(kept).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn three_passes_find_what_a_naive_comparison_finds(
        expected in prop::collection::vec(rows(), 0..80),
        corruptions in prop::collection::vec(corruptions(), 0..12),
        workers in prop::sample::select(vec![1usize, 3]),
        batch_rows in 1..20usize,
    ) {
        let mut actual = expected.clone();
        corruptions.into_iter().for_each(|corruption| corrupt(&mut actual, corruption));
        let found = three_passes([&expected, &actual], workers, batch_rows);
        prop_assert_eq!(found, reference(&expected, &actual));
    }
}

#[test]
fn of_many_equal_rows_only_the_surplus_is_fetched() {
    let expected = vec![(KEYLESS, 1, 1); 500];
    let found = run(Pass::Buckets, [&expected, &expected[1..]], 1, 100);
    assert_eq!(found.iter().filter(|finding| matches!(finding, Finding::Bucket { .. })).count(), 1);
    assert_eq!(three_passes([&expected, &expected[1..]], 1, 100), Multiset::from([((KEYLESS, 1, 1), 1)]));
}
