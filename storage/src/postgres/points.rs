//! Points at which a range can be cut while it is read: heap blocks, or integers where those are its key. Evenly spaced, not
//! balanced: whoever reads between them finds out what is there.

use super::connection::Session;
use super::pieces::{integer_bounds, measure};
use super::relation::{NativeColumn, Relation};
use crate::error::Result;
use crate::split::Range;
use crate::types::LogicalType;

/// Points that cut `range` into `count` parts, or fewer where it is too short; none where it goes by anything else, and where
/// every partition has blocks of its own.
pub(super) async fn points(session: &Session, relation: &Relation, range: &Range, count: u32) -> Result<Vec<i64>> {
    let extent = match range {
        Range::Whole if !relation.partitioned => Some((0, blocks(session, relation).await?)),
        Range::Blocks { start, end: Some(end) } => Some((signed(*start), signed(*end))),
        Range::Blocks { start, end: None } => Some((signed(*start), blocks(session, relation).await?)),
        Range::Keys { columns, lower, upper } => match columns.as_slice() {
            [column] if is_integer(relation.column(column)?) => {
                let bound = |key: &Option<Vec<String>>| key.as_ref()?.first()?.parse().ok();
                match (bound(lower), bound(upper)) {
                    (Some(lower), Some(upper)) => Some((lower, upper)),
                    (lower, upper) => integer_bounds(session, relation, column)
                        .await?
                        .map(|(least, greatest)| (lower.unwrap_or(least), upper.unwrap_or(greatest))),
                }
            }
            _ => None,
        },
        _ => None,
    };
    Ok(extent.map(|(first, end)| evenly(range, first, end, count)).unwrap_or_default())
}

async fn blocks(session: &Session, relation: &Relation) -> Result<i64> {
    Ok(signed(measure(session, relation).await?.blocks))
}

fn signed(blocks: u64) -> i64 {
    i64::try_from(blocks).unwrap_or(i64::MAX)
}

fn is_integer(column: &NativeColumn) -> bool {
    let logical = column.meaning.as_ref().map(|meaning| &meaning.logical);
    matches!(logical, Some(LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64))
}

/// Points from `first` to `end`, without either, each of which cuts what the one before it left of `range`.
fn evenly(range: &Range, first: i64, end: i64, count: u32) -> Vec<i64> {
    let width = i128::from(end) - i128::from(first);
    let at = |part| i64::try_from(i128::from(first) + width * i128::from(part) / i128::from(count.max(1))).ok();
    let (mut rest, mut points) = (range.clone(), Vec::new());
    for at in (1..count).filter_map(at).filter(|at| first < *at && *at < end) {
        if let Some((_, left)) = rest.cut_at(at) {
            points.push(at);
            rest = left;
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lower: Option<i64>, upper: Option<i64>) -> Range {
        let key = |bound: Option<i64>| bound.map(|bound| vec![bound.to_string()]);
        Range::Keys { columns: vec!["id".to_owned()], lower: key(lower), upper: key(upper) }
    }

    #[test]
    fn points_lie_within_and_ascend() {
        assert_eq!(evenly(&Range::Whole, 0, 100, 4), [25, 50, 75]);
        assert_eq!(evenly(&Range::Blocks { start: 7, end: Some(10) }, 7, 10, 8), [8, 9]);
        assert_eq!(evenly(&keys(Some(-4), Some(4)), -4, 4, 2), [0]);
        assert_eq!(evenly(&keys(None, None), i64::MIN, i64::MAX, 2), [-1]);
        assert_eq!(evenly(&keys(Some(5), None), 5, 5, 4), [0; 0]);
        assert_eq!(evenly(&Range::Blocks { start: 3, end: None }, 3, 3, 4), [0; 0]);
        assert_eq!(evenly(&Range::Whole, 0, 100, 0), [0; 0]);
    }
}
