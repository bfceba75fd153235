//! Cuts a table into pieces by its key. The server compares keys, in their own type and collation, so any key will do.
//!
//! A key that is a whole number is cut by halving its range, guided by what the server expects to find in each half: the
//! estimate looks at two ends of the index and reads no rows. Any other key is walked along its index.

use std::collections::BinaryHeap;

use mysql_async::prelude::Queryable;
use mysql_async::{Params, Row};

use super::answer::Answer;
use super::connection::Session;
use super::flavor::Flavor;
use super::keys::Key;
use super::relation::Relation;
use super::scan::{by_index, cell_text};
use super::sql::{condition, identifiers, literal};
use crate::catalog::Field;
use crate::error::{Error, Result};
use crate::split::{Piece, Range, SAMPLE_PLACES_MAX, Sizing};
use crate::types::LogicalType;

/// Parts that are estimated for each piece at the least, which keeps pieces within about a half of each other.
const PARTS_PER_PIECE: u64 = 2;
/// Estimates asked for at the most: those of the parts and of what they were halved from, and some for gaps. The server
/// tends to expect up to twice the rows of a wide range.
const ESTIMATES_PER_PIECE_MAX: u64 = 4 * PARTS_PER_PIECE;
const ESTIMATES_FOR_GAPS_MAX: u64 = 256;

struct Size {
    rows: u64,
    bytes: u64,
}

/// Part of a range of whole numbers, without its upper end. Parts compare by their rows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    rows: u64,
    start: i128,
    end: i128,
}

/// Pieces of `relation`, at least one, covering every row exactly once.
pub(super) async fn cut(session: &mut Session, relation: &Relation, sizing: Sizing) -> Result<Vec<Piece>> {
    relation.must_hold_still()?;
    let size = measure(session, relation).await?;
    let count = sizing.split_count(size.bytes);
    let key = if count > 1 { Key::of(session, relation).await? } else { None };
    let ranges = match key.filter(|key| key.ordered > 0) {
        None => vec![Range::Whole],
        Some(key) => match halved(session, relation, &key, &size, count).await? {
            Some(bounds) => ranges(&key.columns[..1], bounds),
            None => {
                let bounds = walked(session, relation, &key, &size, count, sizing.splits_max).await?;
                ranges(&key.columns[..key.ordered], bounds)
            }
        },
    };
    let share = |total: u64| total / ranges.len() as u64;
    let (rows_estimate, bytes_estimate) = (share(size.rows), share(size.bytes));
    Ok(ranges.into_iter().map(|range| Piece { range, rows_estimate, bytes_estimate }).collect())
}

/// Rows exactly, by a walk over the clustered index, which holds the rows: without the hint the server takes its smallest
/// index. MySQL manual, "Index Hints".
pub(super) async fn count(session: &mut Session, relation: &Relation) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {} USE INDEX ()", relation.clause());
    let row = session.first(&relation.label(), &sql).await?;
    let rows = row.and_then(|row| row.number(0));
    rows.ok_or_else(|| Error::internal(relation.label(), "the server did not tell how many rows it has"))
}

async fn measure(session: &mut Session, relation: &Relation) -> Result<Size> {
    let sql = format!(
        "SELECT TABLE_NAME, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(&relation.database),
        literal(&relation.name)
    );
    let rows = session.select(&relation.label(), &sql).await?;
    let row = rows.iter().find(|row| row.words(0) == relation.name);
    let number = |index| row.and_then(|row| row.number(index)).unwrap_or(0);
    Ok(Size { rows: number(1), bytes: number(2) })
}

/// Ranges between the bounds, open at both ends.
fn ranges(columns: &[String], bounds: Vec<Vec<String>>) -> Vec<Range> {
    let mut bounds: Vec<_> = bounds.into_iter().map(Some).collect();
    bounds.push(None);
    let mut lower = None;
    let range = |upper: Option<Vec<String>>| {
        let lower = std::mem::replace(&mut lower, upper.clone());
        match (lower, upper) {
            (None, None) => Range::Whole,
            (lower, upper) => Range::Keys { columns: columns.to_vec(), lower, upper },
        }
    };
    bounds.into_iter().map(range).collect()
}

/// Bounds in the leading column, if that is a whole number and tells enough rows apart.
async fn halved(
    session: &mut Session,
    relation: &Relation,
    key: &Key,
    size: &Size,
    count: u32,
) -> Result<Option<Vec<Vec<String>>>> {
    let leading = &key.columns[0];
    if !is_whole_number(relation.column(leading)?.logical.as_ref()) {
        return Ok(None);
    }
    let Some((least, most)) = bounds(session, relation, leading).await? else { return Ok(None) };
    let mut estimates = Estimates { session, relation, key, left: u64::from(count) * ESTIMATES_PER_PIECE_MAX };
    estimates.left += ESTIMATES_FOR_GAPS_MAX;
    let whole = estimates.part(least, most + 1).await?;
    let parts = parts(&mut estimates, whole, size.rows / u64::from(count) / PARTS_PER_PIECE).await?;
    let wanted = parts.iter().map(|part| part.rows).sum::<u64>() / u64::from(count);
    let crowded = parts.iter().any(|part| part.end - part.start == 1 && part.rows > 2 * wanted.max(1));
    Ok((!crowded || key.columns.len() == 1).then(|| merged(&parts, wanted)))
}

/// Least and greatest value of a column of whole numbers; `None` if there is no value.
pub(super) async fn bounds(session: &mut Session, relation: &Relation, column: &str) -> Result<Option<(i128, i128)>> {
    let name = identifiers([column]);
    let sql = format!("SELECT MIN({name}), MAX({name}) FROM {}", relation.clause());
    let ends = session.first(&relation.label(), &sql).await?;
    let end = |index| ends.as_ref().and_then(|row| row.text(index)?.parse::<i128>().ok());
    Ok(end(0).zip(end(1)))
}

/// Ranges that start all over the table, the last one with its last rows. Each has more rows than are wanted of it where
/// the numbers of the key are dense, and whoever reads stops early. Other keys can only be read from the start.
pub(super) async fn sample(session: &mut Session, relation: &Relation, rows: u64) -> Result<Vec<Range>> {
    let size = measure(session, relation).await?;
    let key = Key::of(session, relation).await?.filter(|key| key.ordered > 0);
    let (Some(key), true) = (key, size.rows > rows) else { return Ok(vec![Range::Whole]) };
    let leading = &key.columns[0];
    if !is_whole_number(relation.column(leading)?.logical.as_ref()) {
        return Ok(vec![Range::Whole]);
    }
    let Some((least, most)) = bounds(session, relation, leading).await? else { return Ok(vec![Range::Whole]) };
    Ok(ranges(&key.columns[..1], places(least, most - least + 1, rows, size.rows)))
}

/// Bounds at evenly spaced places, the last of them so far from the end that its share of `rows` of `total` follows.
fn places(least: i128, span: i128, rows: u64, total: u64) -> Vec<Vec<String>> {
    let tail = (span * i128::from(rows.div_ceil(SAMPLE_PLACES_MAX)) / i128::from(total.max(1))).clamp(1, span);
    let start = |place: u64| least + (span - tail) * i128::from(place) / i128::from(SAMPLE_PLACES_MAX - 1);
    let mut bounds: Vec<_> = (1..SAMPLE_PLACES_MAX).map(|place| vec![start(place).to_string()]).collect();
    bounds.dedup();
    bounds
}

fn is_whole_number(logical: Option<&LogicalType>) -> bool {
    use LogicalType::{Decimal, Int16, Int32, Int64};
    matches!(logical, Some(Int16 | Int32 | Int64 | Decimal { scale: 0, .. }))
}

/// What the server expects in ranges of a key, asked for a limited number of times.
struct Estimates<'a> {
    session: &'a mut Session,
    relation: &'a Relation,
    key: &'a Key,
    left: u64,
}

impl Estimates<'_> {
    async fn part(&mut self, start: i128, end: i128) -> Result<Part> {
        self.left = self.left.saturating_sub(1);
        let bound = |number: i128| Some(vec![number.to_string()]);
        let columns = self.key.columns[..1].to_vec();
        let range = Range::Keys { columns, lower: bound(start), upper: bound(end) };
        let condition = condition(self.relation, &range)?.unwrap_or_else(|| "TRUE".to_owned());
        let explain = match self.session.server.flavor {
            Flavor::Mysql => "EXPLAIN FORMAT=TRADITIONAL",
            Flavor::Mariadb => "EXPLAIN",
        };
        let (from, hint) = (self.relation.clause(), by_index(&self.key.name));
        let sql = format!("{explain} SELECT 1 FROM {from}{hint} WHERE {condition}");
        let lines = self.session.select(&self.relation.label(), &sql).await?;
        let rows = lines.iter().filter_map(expected_rows).sum();
        Ok(Part { rows, start, end })
    }
}

/// The column called `rows` of a line of EXPLAIN; NULL where the server knows that there are none.
fn expected_rows(line: &Row) -> Option<u64> {
    line.number(line.columns_ref().iter().position(|column| column.name_str() == "rows")?)
}

/// Halves the largest part until none holds more than `rows_max` rows, or the estimates are used up. Parts in order.
async fn parts(estimates: &mut Estimates<'_>, whole: Part, rows_max: u64) -> Result<Vec<Part>> {
    let mut done = Vec::new();
    let mut open = BinaryHeap::from([whole]);
    while let Some(part) = open.pop() {
        if part.rows <= rows_max || part.end - part.start <= 1 || estimates.left < 2 {
            done.push(part);
        } else {
            let middle = part.start + (part.end - part.start) / 2;
            open.push(estimates.part(part.start, middle).await?);
            open.push(estimates.part(middle, part.end).await?);
        }
    }
    done.sort_by_key(|part| part.start);
    Ok(done)
}

/// Bounds between runs of parts that hold about as many rows as wanted.
fn merged(parts: &[Part], rows_wanted: u64) -> Vec<Vec<String>> {
    let mut bounds = Vec::new();
    let mut rows = 0;
    for part in parts {
        if rows > 0 && rows + part.rows / 2 > rows_wanted {
            bounds.push(vec![part.start.to_string()]);
            rows = 0;
        }
        rows += part.rows;
    }
    bounds
}

/// Bounds every so many rows along the index.
async fn walked(
    session: &mut Session,
    relation: &Relation,
    key: &Key,
    size: &Size,
    count: u32,
    splits_max: u32,
) -> Result<Vec<Vec<String>>> {
    let columns = &key.columns[..key.ordered];
    let fields: Vec<Field> = columns.iter().map(|name| relation.key_field(name)).collect::<Result<_>>()?;
    let step = (size.rows / u64::from(count)).max(1);
    let mut bounds: Vec<Vec<String>> = Vec::new();
    let mut skipped = step;
    for _ in 1..splits_max {
        let range = Range::Keys { columns: columns.to_vec(), lower: bounds.last().cloned(), upper: None };
        let condition = condition(relation, &range)?.map(|condition| format!(" WHERE {condition}"));
        let names = identifiers(columns.iter().map(String::as_str));
        let sql = format!(
            "SELECT {names} FROM {}{}{} ORDER BY {names} LIMIT 1 OFFSET {skipped}",
            relation.clause(),
            by_index(&key.name),
            condition.unwrap_or_default()
        );
        let row: Option<Row> = session
            .conn()
            .exec_first(sql, Params::Empty)
            .await
            .map_err(|error| session.failure(&relation.label(), error))?;
        let Some(row) = row else { break };
        let bound = fields.iter().enumerate().map(|(index, field)| cell_text(&row, index, field));
        match bound.collect::<Option<Vec<_>>>().filter(|bound| bounds.last() != Some(bound)) {
            Some(bound) => {
                bounds.push(bound);
                skipped = step;
            }
            // More rows than that share one key, or the key here is a zero date: look further on.
            None => skipped += step,
        }
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_merged_to_the_wanted_size_and_empty_ones_do_not_count() {
        let part = |start, rows| Part { rows, start, end: start + 10 };
        let parts = [part(0, 30), part(10, 30), part(20, 0), part(30, 30), part(40, 90), part(50, 10)];
        assert_eq!(merged(&parts, 60), [["30"], ["40"], ["50"]]);
        assert_eq!(merged(&parts, 1000), Vec::<Vec<String>>::new());
        assert_eq!(merged(&[], 10), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_sample_reaches_from_the_first_number_to_the_last() {
        let bounds = places(1, 1000, 80, 1000);
        assert_eq!(
            (bounds.len(), bounds.first(), bounds.last()),
            (7, Some(&vec!["142".into()]), Some(&vec!["991".into()]))
        );
        assert_eq!(places(5, 1, 10, 0), [["5"]]);
    }

    #[test]
    fn ranges_cover_everything() {
        let bound = |text: &str| vec![text.to_owned()];
        let cut = ranges(&["a".to_owned()], vec![bound("3"), bound("7")]);
        let keys = |lower: Option<&str>, upper: Option<&str>| Range::Keys {
            columns: bound("a"),
            lower: lower.map(bound),
            upper: upper.map(bound),
        };
        assert_eq!(cut, [keys(None, Some("3")), keys(Some("3"), Some("7")), keys(Some("7"), None)]);
        assert_eq!(ranges(&["a".to_owned()], Vec::new()), [Range::Whole]);
    }
}
