//! Where the target's own numbering goes on: where the source stands now, and after every row that arrived.

use sensei_planner::{NumberSource, Numbering, Plan};
use sensei_storage::{Catalog, Error, LogicalType, NextNumber, ObjectKind};

use crate::context::Ends;
use crate::failure::{Doing, Result};

/// What a column or sequence of the source would give next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Series {
    next: Option<i128>,
    increment: i64,
}

/// The next numbers of `plan`. The source may have given more numbers since its rows were read, and rows may have come
/// with numbers that were never drawn: the later of both counts. A column without rows and without a known next number
/// is left as it is. Where the last number is taken the next is the one beyond it, which no target gives.
///
/// # Errors
/// `Missing` if the source has lost a column or sequence.
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
        let (table, of) = (numbering.table.clone(), numbering.of.clone());
        numbers.extend(series.after(taken).map(|next| NextNumber { table, of, next }));
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

/// Says, for people, which of `numbers` are beyond what their column holds, so that the target refuses to draw another.
pub(crate) fn exhausted(plan: &Plan, numbers: &[NextNumber]) -> Vec<String> {
    let is_exhausted = |number: &&Numbering| {
        let next = numbers.iter().find(|next| next.table == number.table && next.of == number.of);
        next.is_some_and(|next| !holds(plan, number, next.next))
    };
    let say = |numbering| format!("There is no number left in {}: its last one is taken.", title(numbering));
    plan.numbering.iter().filter(is_exhausted).map(say).collect()
}

/// Whether the column can hold `next`; of a sequence alone, whether 64 bits can.
fn holds(plan: &Plan, numbering: &Numbering, next: i128) -> bool {
    let table = plan.tables.iter().find(|planned| numbering.table.as_ref() == Some(&planned.target.name));
    let field = table.and_then(|planned| planned.target.fields.iter().find(|field| field.name == numbering.of));
    match field.map(|field| &field.logical) {
        Some(LogicalType::Int16) => i16::try_from(next).is_ok(),
        Some(LogicalType::Int32) => i32::try_from(next).is_ok(),
        _ => i64::try_from(next).is_ok(),
    }
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
    /// `None` if nothing is known and nothing taken.
    fn after(self, taken: Option<(i64, i64)>) -> Option<i128> {
        // In 128 bits no difference of two numbers overflows, and there is a number beyond the last.
        let step = i128::from(if self.increment == 0 { 1 } else { self.increment });
        let Some((least, greatest)) = taken else { return self.next };
        let last = i128::from(if step < 0 { least } else { greatest });
        let next = self.next.unwrap_or(last + step);
        let is_passed = if step < 0 { last > next } else { last < next };
        let steps = if is_passed { 0 } else { (last - next) / step + 1 };
        Some(next + steps * step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(next: Option<i128>, increment: i64, taken: Option<(i64, i64)>) -> Option<i128> {
        Series { next, increment }.after(taken)
    }

    #[test]
    fn the_later_of_source_and_rows_counts() {
        assert_eq!(after(Some(8), 1, Some((1, 5))), Some(8), "the source moved on");
        assert_eq!(after(Some(8), 1, Some((1, 20))), Some(21), "rows came with numbers of their own");
        assert_eq!(after(Some(8), 1, Some((1, 8))), Some(9));
        assert_eq!(after(None, 1, Some((1, 5))), Some(6));
        assert_eq!(after(Some(8), 1, None), Some(8));
        assert_eq!(after(None, 1, None), None);
    }

    #[test]
    fn the_series_keeps_its_step() {
        assert_eq!(after(Some(31), 10, Some((1, 25))), Some(31));
        assert_eq!(after(Some(31), 10, Some((1, 31))), Some(41));
        assert_eq!(after(Some(31), 10, Some((1, 39))), Some(41));
        assert_eq!(after(Some(-4), -2, Some((-8, -1))), Some(-10));
        assert_eq!(after(Some(-4), -2, Some((-3, -1))), Some(-4));
        assert_eq!(after(Some(-4), -2, Some((-5, -1))), Some(-6));
    }

    #[test]
    fn after_the_last_number_comes_one_that_no_column_holds() {
        let beyond = i128::from(i64::MAX) + 1;
        assert_eq!(after(Some(5), 1, Some((1, i64::MAX))), Some(beyond));
        assert_eq!(after(Some(beyond), 1, Some((1, i64::MAX))), Some(beyond));
        assert_eq!(after(Some(beyond), 1, None), Some(beyond), "the row is gone");
        assert_eq!(after(None, -1, Some((i64::MIN, 0))), Some(i128::from(i64::MIN) - 1));
        assert_eq!(after(Some(i64::MIN.into()), 1, Some((i64::MIN, i64::MAX - 1))), Some(i64::MAX.into()));
    }
}
