//! Inserts rows by prepared statements of many rows each. Knows nothing of transactions.

use mysql_async::Value;
use mysql_async::prelude::Queryable;
use mysql_async::{Params, Row};

use super::answer::Answer;
use super::connection::Session;
use super::encode::Encoder;
use super::failure::would_change;
use super::relation::Relation;
use super::rowmark::MARK;
use super::sql::identifiers;
use arrow_array::RecordBatch;

use crate::catalog::{Field, TargetTable};
use crate::error::{Error, Result};

/// Parameters of one statement at most: the protocol counts them with 16 bits.
const PARAMETERS_MAX: usize = u16::MAX as usize;
/// Rows of one statement at most. More gain nothing: by then its cost is that of its rows. A guess.
const ROWS_MAX: usize = 512;
/// Bytes of one statement, about, as long as one row does not have more; kept far below what servers take as a packet.
const BYTES_MAX: usize = 1 << 20;
/// Of a packet, the part that rows may take: the rest is for the statement itself.
const PACKET_SHARE: usize = 2;

/// "Data truncated for column": a note where digits after the point were rounded.
const ROUNDED: &str = "1265";

/// Rows on their way into one table.
///
/// Statements come in powers of two of rows, so that a session has a dozen of them prepared and not one for each number.
pub(super) struct Insert {
    encoder: Encoder,
    label: String,
    /// `INSERT INTO … VALUES `.
    head: String,
    /// `(?, …)`.
    tuple: String,
    /// Parameters of one row.
    width: usize,
    /// Columns that the server computes.
    computed: Vec<String>,
    rows_max: usize,
    bytes_max: usize,
    packet_bytes_max: usize,
    /// The next row's mark; `None` where rows are not marked.
    mark: Option<u64>,
    pending: Vec<Value>,
    pending_bytes: usize,
    /// Rows the server has taken.
    pub sent: u64,
}

impl Insert {
    /// Into `relation`, which stands as planned, with marks from `mark` on.
    pub(super) fn new(
        session: &Session,
        relation: &Relation,
        planned: &TargetTable,
        mark: Option<u64>,
    ) -> Result<Insert> {
        let encoder = Encoder::new(relation, planned)?;
        let names: Vec<&str> = mark.map(|_| MARK).into_iter().chain(encoder.names()).collect();
        let head = format!("INSERT INTO {} ({}) VALUES ", relation.clause(), identifiers(names.iter().copied()));
        let width = encoder.width() + usize::from(mark.is_some());
        let tuple = format!("({})", vec!["?"; width].join(", "));
        let fitting = (PARAMETERS_MAX / width.max(1)).clamp(1, ROWS_MAX);
        let packet_bytes_max = session.server.packet_bytes_max;
        let is_computed = |field: &&Field| field.traits.generation.is_some();
        let computed = planned.fields.iter().filter(is_computed).map(|field| field.name.clone()).collect();
        Ok(Insert {
            encoder,
            label: relation.label(),
            head,
            tuple,
            width,
            computed,
            rows_max: power_below(fitting),
            bytes_max: BYTES_MAX.min(packet_bytes_max / PACKET_SHARE),
            packet_bytes_max,
            mark,
            pending: Vec::new(),
            pending_bytes: 0,
            sent: 0,
        })
    }

    /// Takes rows in, and sends what fills a statement.
    pub(super) async fn push(&mut self, session: &mut Session, rows: &RecordBatch) -> Result<()> {
        self.encoder.check(rows)?;
        for row in 0..rows.num_rows() {
            self.add(rows, row)?;
            if self.pending_rows() >= self.rows_max || self.pending_bytes >= self.bytes_max {
                self.send(session).await?;
            }
        }
        Ok(())
    }

    /// Sends what is left.
    pub(super) async fn finish(&mut self, session: &mut Session) -> Result<()> {
        while self.pending_rows() > 0 {
            self.send(session).await?;
        }
        Ok(())
    }

    fn pending_rows(&self) -> usize {
        self.pending.len().checked_div(self.width).unwrap_or(0)
    }

    fn add(&mut self, rows: &RecordBatch, row: usize) -> Result<()> {
        if let Some(mark) = &mut self.mark {
            self.pending.push(Value::UInt(*mark));
            *mark += 1;
        }
        let bytes = self.encoder.push(rows, row, &mut self.pending)?;
        if bytes > self.packet_bytes_max / PACKET_SHARE {
            let why = format!(
                "a row has {bytes} bytes, and the server's max_allowed_packet of {} leaves room for half of that",
                self.packet_bytes_max
            );
            return Err(Error::RefusedRow { what: self.label.clone(), column: None, why });
        }
        self.pending_bytes += bytes;
        Ok(())
    }

    /// Sends the largest power of two of the rows that wait.
    async fn send(&mut self, session: &mut Session) -> Result<()> {
        let count = power_below(self.pending_rows()).min(self.rows_max);
        let rest = self.pending.split_off(count * self.width);
        let values = std::mem::replace(&mut self.pending, rest);
        self.pending_bytes = self.pending.iter().map(super::decode::size).sum();
        let sql = format!("{}{}", self.head, vec![self.tuple.as_str(); count].join(", "));
        let done = session.conn().exec_drop(sql, Params::Positional(values)).await;
        done.map_err(|error| session.failure_of_rows(&self.label, error))?;
        self.check(session, count as u64).await?;
        self.sent += count as u64;
        Ok(())
    }

    /// Whether the server took every row, as it was.
    async fn check(&self, session: &mut Session, count: u64) -> Result<()> {
        let (affected, warnings) = (session.conn().affected_rows(), session.conn().get_warnings());
        if warnings > 0 {
            self.look_at_warnings(session, warnings).await?;
        }
        if affected != count {
            let why = format!("it took {affected} of {count} rows");
            return Err(Error::RefusedRow { what: self.label.clone(), column: None, why });
        }
        Ok(())
    }

    /// Refuses rows that were changed. Notes on columns that the server computes are no change of a row: it rounds there what
    /// it computed, as the source did.
    async fn look_at_warnings(&self, session: &mut Session, count: u16) -> Result<()> {
        let told: Vec<Row> =
            session.conn().query("SHOW WARNINGS").await.map_err(|error| session.failure(&self.label, error))?;
        let is_computed = |row: &&Row| {
            let (level, code, text) = (row.words(0), row.words(1), row.words(2));
            let names_it = |name: &String| text.contains(&format!("'{name}'"));
            level == "Note" && code == ROUNDED && self.computed.iter().any(names_it)
        };
        let change = told.iter().find(|row| !is_computed(row));
        match change {
            None if told.len() == usize::from(count) => Ok(()),
            change => {
                let words = |index| change.map(|row| row.words(index)).unwrap_or_default();
                Err(would_change(&self.label, &words(1), &words(2)))
            }
        }
    }
}

/// The largest power of two that is not above `number`, which is not 0.
fn power_below(number: usize) -> usize {
    1 << (usize::BITS - 1 - number.max(1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_in_powers_of_two() {
        for (number, power) in [(1, 1), (2, 2), (3, 2), (511, 256), (512, 512), (1000, 512)] {
            assert_eq!(power_below(number), power);
        }
    }
}
