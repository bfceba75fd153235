//! A split cut in two before it is committed, so that somebody else can copy what its holder has not begun.
//!
//! **Invariant:** a cut is one point. What lies before it and what lies from it on are a range and its complement within
//! what is cut, so that no two parts share a row and none is between them.

use serde::{Deserialize, Serialize};

use crate::split::{Range, Split, SplitId};

/// Where a split was cut, and what was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The split, which keeps what lies before `at`.
    pub split: SplitId,
    /// The heap block or the key that the rest begins with, as [`Range::cut_at`] takes it.
    pub at: i64,
    /// The split that the rest becomes.
    pub rest: SplitId,
    /// Rows of the rest, estimated.
    pub rows_estimate: u64,
    /// Encoded bytes of the rest, estimated.
    pub bytes_estimate: u64,
}

impl Cut {
    /// What the split keeps and what becomes of the rest; `None` if `whole` is another split, or cannot be cut there.
    pub fn of(&self, whole: &Split) -> Option<(Split, Split)> {
        let (kept, rest) = whole.range.cut_at(self.at).filter(|_| whole.id == self.split && self.rest != self.split)?;
        let Cut { rows_estimate, bytes_estimate, .. } = *self;
        let kept = Split {
            range: kept,
            rows_estimate: whole.rows_estimate.saturating_sub(rows_estimate),
            bytes_estimate: whole.bytes_estimate.saturating_sub(bytes_estimate),
            ..whole.clone()
        };
        Some((kept, Split { id: self.rest, range: rest, rows_estimate, bytes_estimate, ..*whole }))
    }
}

impl Range {
    /// What lies before `at` and what lies from it on; `None` unless both can hold rows, and for ranges that go by more
    /// than one integer. A whole table is cut by heap blocks.
    pub fn cut_at(&self, at: i64) -> Option<(Range, Range)> {
        match self {
            Range::Whole => Range::Blocks { start: 0, end: None }.cut_at(at),
            Range::Blocks { start, end } => {
                let at = u64::try_from(at).ok().filter(|at| start < at && end.is_none_or(|end| *at < end))?;
                Some((Range::Blocks { start: *start, end: Some(at) }, Range::Blocks { start: at, end: *end }))
            }
            Range::Keys { columns, lower, upper } if columns.len() == 1 => {
                let after = lower.as_ref().is_none_or(|lower| integer(lower).is_some_and(|lower| lower < at));
                let before = upper.as_ref().is_none_or(|upper| integer(upper).is_some_and(|upper| at < upper));
                let keys = |lower: &Option<Vec<String>>, upper: &Option<Vec<String>>| Range::Keys {
                    columns: columns.clone(),
                    lower: lower.clone(),
                    upper: upper.clone(),
                };
                let point = Some(vec![at.to_string()]);
                (after && before).then(|| (keys(lower, &point), keys(&point, upper)))
            }
            Range::Keys { .. } | Range::RowIds { .. } | Range::RowGroups { .. } | Range::Bytes { .. } => None,
        }
    }
}

/// The integer that a key of one column is.
fn integer(key: &[String]) -> Option<i64> {
    match key {
        [value] => value.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(lower: Option<i64>, upper: Option<i64>) -> Range {
        let key = |bound: Option<i64>| bound.map(|bound| vec![bound.to_string()]);
        Range::Keys { columns: vec!["id".to_owned()], lower: key(lower), upper: key(upper) }
    }

    /// Whether a row lies in a range, as the source's condition has it.
    fn holds(range: &Range, row: i64) -> bool {
        match range {
            Range::Whole => true,
            Range::Blocks { start, end } => row >= *start as i64 && end.is_none_or(|end| row < end as i64),
            Range::Keys { lower, upper, .. } => {
                let bound = |key: &Option<Vec<String>>| key.as_ref().map(|key| key[0].parse::<i64>().unwrap());
                bound(lower).is_none_or(|lower| row >= lower) && bound(upper).is_none_or(|upper| row < upper)
            }
            other => panic!("{other:?}"),
        }
    }

    fn bound() -> impl Strategy<Value = Option<i64>> {
        proptest::option::of(0..40_i64)
    }

    fn range() -> impl Strategy<Value = Range> {
        let blocks = (0..40_u64, proptest::option::of(0..40_u64)).prop_map(|(start, end)| Range::Blocks { start, end });
        prop_oneof![Just(Range::Whole), blocks, (bound(), bound()).prop_map(|(lower, upper)| keys(lower, upper))]
    }

    proptest! {
        /// Cut again and again, anywhere: every row of the whole is in one part, and no other row in any.
        #[test]
        fn parts_tile_what_was_cut(whole in range(), points in proptest::collection::vec((0..9_usize, -5..45_i64), 0..8)) {
            let mut parts = vec![whole.clone()];
            for (part, at) in points {
                let part = part % parts.len();
                if let Some((kept, rest)) = parts[part].cut_at(at) {
                    parts[part] = kept;
                    parts.push(rest);
                }
            }
            for row in 0..45 {
                let among = parts.iter().filter(|part| holds(part, row)).count();
                prop_assert_eq!(among, usize::from(holds(&whole, row)), "row {} of {:?}", row, parts);
            }
        }

        #[test]
        fn a_point_outside_cuts_nothing(whole in range(), at in -5..45_i64) {
            let inside = |row| holds(&whole, row);
            // The first row of a range that has one is no place to cut it: nothing would be left before.
            let cuts = inside(at) && inside(at - 1) && at > 0 || matches!(whole, Range::Keys { lower: None, .. }) && inside(at);
            prop_assert_eq!(whole.cut_at(at).is_some(), cuts);
        }
    }

    #[test]
    fn what_goes_by_more_than_one_integer_is_not_cut() {
        let text = |lower: &str| Range::Keys {
            columns: vec!["a".to_owned()],
            lower: Some(vec![lower.to_owned()]),
            upper: None,
        };
        let two = Range::Keys { columns: vec!["a".to_owned(), "b".to_owned()], lower: None, upper: None };
        let file = Range::RowGroups { file: "f".to_owned(), start: 0, end: 9 };
        for range in [text("a"), text("1.5"), two, file, Range::RowIds { start: None, end: None }] {
            assert_eq!(range.cut_at(5), None, "{range:?}");
        }
        assert!(text("4").cut_at(5).is_some());
    }

    #[test]
    fn a_split_keeps_its_number_and_shares_its_estimates() {
        let range = Range::Blocks { start: 0, end: None };
        let whole = Split { id: SplitId(3), table: 1, range, rows_estimate: 10, bytes_estimate: 100 };
        let cut = Cut { split: SplitId(3), at: 7, rest: SplitId(9), rows_estimate: 4, bytes_estimate: 40 };
        let (kept, rest) = cut.of(&whole).unwrap();
        assert_eq!((kept.id, kept.rows_estimate, kept.bytes_estimate), (SplitId(3), 6, 60));
        assert_eq!((rest.id, rest.table, rest.rows_estimate, rest.bytes_estimate), (SplitId(9), 1, 4, 40));
        assert_eq!((kept.range, rest.range), whole.range.cut_at(7).unwrap());
        assert_eq!(Cut { split: SplitId(4), ..cut.clone() }.of(&whole), None);
        assert_eq!(Cut { rest: SplitId(3), ..cut }.of(&whole), None);
    }
}
