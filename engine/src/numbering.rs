//! Where the target's own numbering goes on: where the source stands now, and after every row that arrived.

use sensei_planner::{NumberSource, Numbering, Plan};
use sensei_storage::{Catalog, Error, NextNumber, ObjectKind};

use crate::context::Ends;
use crate::failure::{Doing, Result};

/// What a column or sequence of the source would give next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Series {
    next: Option<i64>,
    increment: i64,
}

/// The next numbers of `plan`. The source may have given more numbers since its rows were read, and rows may have come
/// with numbers that were never drawn: the later of both counts. A column without rows and without a known next number
/// is left as it is.
///
/// # Errors
/// `Missing` if the source has lost a column or sequence; `Unsupported` if there is no number left.
pub(crate) async fn settle(ends: &Ends, plan: &Plan) -> Result<Vec<NextNumber>> {
    if plan.numbering.is_empty() {
        return Ok(Vec::new());
    }
    let doing = "reading what the source would number next";
    let source = ends.source.catalog().await.doing(doing)?;
    let mut numbers = Vec::new();
    for numbering in &plan.numbering {
        let series = series(&source, &numbering.source).doing(doing)?;
        let taken = match &numbering.table {
            Some(table) => ends.target.extent(table, &numbering.of).await.doing(title(numbering))?,
            None => None,
        };
        let exhausted = || Error::Unsupported { what: title(numbering), why: "its last number is taken".to_owned() };
        let next = series.after(taken).ok_or_else(exhausted).doing(doing)?;
        let (table, of) = (numbering.table.clone(), numbering.of.clone());
        numbers.extend(next.map(|next| NextNumber { table, of, next }));
    }
    Ok(numbers)
}

/// Sets them in the target.
///
/// # Errors
/// If the target does not take them.
pub(crate) async fn set(ends: &Ends, numbers: &[NextNumber]) -> Result<()> {
    ends.target.set_next(numbers).await.doing("setting what the target numbers next")
}

fn title(numbering: &Numbering) -> String {
    match &numbering.table {
        Some(table) => format!("the numbering of column \"{}\" of table \"{table}\"", numbering.of),
        None => format!("sequence \"{}\"", numbering.of),
    }
}

fn series(source: &Catalog, of: &NumberSource) -> sensei_storage::Result<Series> {
    match of {
        NumberSource::Column { table, column } => {
            let columns = source.tables.iter().filter(|found| found.name == *table).flat_map(|found| &found.columns);
            let mut identities = columns.filter(|found| found.name == *column).map(|found| &found.traits.identity);
            let missing =
                || Error::Missing { what: format!("the numbering of column \"{column}\" of table \"{table}\"") };
            let identity = identities.next().and_then(Option::as_ref).ok_or_else(missing)?;
            Ok(Series { next: identity.next, increment: identity.increment })
        }
        NumberSource::Sequence { name } => {
            let mut sequences = source.objects.iter().filter(|found| found.kind == ObjectKind::Sequence);
            let missing = || Error::Missing { what: format!("sequence \"{name}\"") };
            let sequence = sequences.find(|found| found.name == *name).ok_or_else(missing)?;
            Ok(Series { next: sequence.next, increment: 1 })
        }
    }
}

impl Series {
    /// The first number of the series that is neither given nor in `taken`, the smallest and largest number of the rows.
    /// `Some(None)` if nothing is known and nothing taken, `None` if there is no such number.
    fn after(self, taken: Option<(i64, i64)>) -> Option<Option<i64>> {
        let step = if self.increment == 0 { 1 } else { self.increment };
        let Some((least, greatest)) = taken else { return Some(self.next) };
        let last = if step < 0 { least } else { greatest };
        let next = match self.next {
            None => last.checked_add(step)?,
            // In 128 bits no difference of two numbers overflows.
            Some(next) => {
                let behind = (i128::from(last) - i128::from(next)) / i128::from(step);
                let is_passed = if step < 0 { last > next } else { last < next };
                let steps = if is_passed { 0 } else { behind + 1 };
                i64::try_from(i128::from(next) + steps * i128::from(step)).ok()?
            }
        };
        Some(Some(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(next: Option<i64>, increment: i64, taken: Option<(i64, i64)>) -> Option<Option<i64>> {
        Series { next, increment }.after(taken)
    }

    #[test]
    fn the_later_of_source_and_rows_counts() {
        assert_eq!(after(Some(8), 1, Some((1, 5))), Some(Some(8)), "the source moved on");
        assert_eq!(after(Some(8), 1, Some((1, 20))), Some(Some(21)), "rows came with numbers of their own");
        assert_eq!(after(Some(8), 1, Some((1, 8))), Some(Some(9)));
        assert_eq!(after(None, 1, Some((1, 5))), Some(Some(6)));
        assert_eq!(after(Some(8), 1, None), Some(Some(8)));
        assert_eq!(after(None, 1, None), Some(None));
    }

    #[test]
    fn the_series_keeps_its_step() {
        assert_eq!(after(Some(31), 10, Some((1, 25))), Some(Some(31)));
        assert_eq!(after(Some(31), 10, Some((1, 31))), Some(Some(41)));
        assert_eq!(after(Some(31), 10, Some((1, 39))), Some(Some(41)));
        assert_eq!(after(Some(-4), -2, Some((-8, -1))), Some(Some(-10)));
        assert_eq!(after(Some(-4), -2, Some((-3, -1))), Some(Some(-4)));
        assert_eq!(after(Some(-4), -2, Some((-5, -1))), Some(Some(-6)));
    }

    #[test]
    fn the_last_number_has_none_after_it() {
        assert_eq!(after(Some(5), 1, Some((1, i64::MAX))), None);
        assert_eq!(after(None, -1, Some((i64::MIN, 0))), None);
        assert_eq!(after(Some(i64::MIN), 1, Some((i64::MIN, i64::MAX - 1))), Some(Some(i64::MAX)));
    }
}
