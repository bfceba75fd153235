//! Tests of telling rows apart by halves.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use proptest::prelude::*;

use super::*;

/// A table with a unique column that takes no negative number.
#[derive(Default)]
struct Table {
    taken: BTreeSet<i64>,
    attempts: usize,
}

#[async_trait]
impl Trial for Table {
    async fn attempt(&mut self, rows: &RecordBatch) -> Result<()> {
        self.attempts += 1;
        let mut after = self.taken.clone();
        let values = rows.column(0).as_primitive::<Int64Type>().values().iter();
        if values.into_iter().all(|value| *value >= 0 && after.insert(*value)) {
            self.taken = after;
            return Ok(());
        }
        Err(Error::RefusedRow { what: "t".to_owned(), column: None, why: "no".to_owned() })
    }
}

fn batch(values: Vec<i64>) -> RecordBatch {
    RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(values)) as ArrayRef)]).unwrap()
}

fn found(values: Vec<i64>, refused_max: usize) -> (Vec<usize>, Table) {
    let mut table = Table::default();
    let refused = futures::executor::block_on(refused_rows(&mut table, &batch(values), refused_max)).unwrap();
    (refused.into_iter().map(|refused| refused.row).collect(), table)
}

proptest! {
    #[test]
    fn the_same_rows_are_refused_as_one_by_one(values in proptest::collection::vec(-2_i64..30, 0..60)) {
        let mut taken = BTreeSet::new();
        let refuses = |value: &i64| *value < 0 || !taken.insert(*value);
        let mut refuses = refuses;
        let expected: Vec<usize> = (0..values.len()).filter(|row| refuses(&values[*row])).collect();
        let (rows, table) = found(values.clone(), usize::MAX);
        prop_assert_eq!(&rows, &expected);
        prop_assert_eq!(table.taken.len(), values.len() - rows.len());
        let (first, _) = found(values, 3);
        prop_assert_eq!(&first[..], &expected[..expected.len().min(3)]);
    }
}

#[test]
fn what_is_not_refused_costs_one_attempt_and_one_row_a_logarithm() {
    assert_eq!(found((0..8192).collect(), 10).1.attempts, 1);
    let mut values: Vec<i64> = (0..8192).collect();
    values[77] = -1;
    let (rows, table) = found(values, 10);
    assert_eq!((rows, table.attempts), (vec![77], 1 + 2 * 13));
}
