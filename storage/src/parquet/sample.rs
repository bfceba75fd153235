//! Which row groups stand for a table. Knows sizes only.

use crate::split::{Piece, Range, SAMPLE_PLACES_MAX};

/// Row groups evenly spaced among `groups`, the last one among them; the whole table if that holds no more than `rows`.
pub(super) fn spread(groups: &[Piece], rows: u64) -> Vec<Range> {
    let places = (groups.len() as u64).min(SAMPLE_PLACES_MAX);
    if places <= 1 || groups.iter().map(|group| group.rows_estimate).sum::<u64>() <= rows {
        return vec![Range::Whole];
    }
    let place = |place: u64| (place * (groups.len() as u64 - 1) / (places - 1)) as usize;
    (0..places).map(|index| groups[place(index)].range.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_takes_row_groups_from_first_to_last() {
        let group = |index: u64| Piece {
            range: Range::RowGroups { file: "f".to_owned(), start: index, end: index + 1 },
            rows_estimate: 1000,
            bytes_estimate: 1000,
        };
        let groups: Vec<_> = (0..100).map(group).collect();
        let sample = spread(&groups, 5000);
        assert_eq!(sample.len() as u64, SAMPLE_PLACES_MAX);
        assert_eq!((&sample[0], &sample[7]), (&groups[0].range, &groups[99].range));
        assert_eq!(spread(&groups, 100_000), [Range::Whole]);
        assert_eq!(spread(&[], 10), [Range::Whole]);
    }
}
