//! Sets what sequences give next. Knows nothing of how columns came to have them.

use super::Postgres;
use super::connection::{Session, Tag};
use super::sql::qualified;
use crate::error::{Error, Result};
use crate::target::NextNumber;

/// A sequence, as the server writes its name, with its step and bounds.
struct Sequence {
    name: String,
    increment: i64,
    min: i64,
    max: i64,
}

impl Postgres {
    /// See [`crate::Target::set_next`].
    pub(super) async fn set_numbers(&self, numbers: &[NextNumber]) -> Result<()> {
        let session = self.session().await?;
        for number in numbers {
            let sequence = self.sequence(&session, number).await?;
            let (value, is_called) = sequence.state_before(number)?;
            const SET: &str = "SELECT pg_catalog.setval($1::text::pg_catalog.regclass, $2, $3)";
            let set = session.query_one(SET, &[&sequence.name, &value, &is_called]).await;
            set.map_err(|error| session.failure(&label(number), error))?;
        }
        session.park(Tag::FREE);
        Ok(())
    }

    async fn sequence(&self, session: &Session, number: &NextNumber) -> Result<Sequence> {
        const OF_COLUMN: &str = "SELECT pg_catalog.pg_get_serial_sequence($1, $2)";
        const FACTS: &str = "SELECT seqincrement, seqmin, seqmax FROM pg_catalog.pg_sequence \
            WHERE seqrelid = pg_catalog.to_regclass($1)";
        let failure = |error| session.failure(&label(number), error);
        let name = match &number.table {
            None => Some(qualified(&self.schema, &number.of)),
            Some(table) => {
                let table = qualified(&self.schema, table);
                session.query_one(OF_COLUMN, &[&table, &number.of]).await.map_err(failure)?.get(0)
            }
        };
        let missing = || Error::Missing { what: label(number) };
        let name = name.ok_or_else(missing)?;
        let row = session.query_opt(FACTS, &[&name]).await.map_err(failure)?.ok_or_else(missing)?;
        Ok(Sequence { name, increment: row.get(0), min: row.get(1), max: row.get(2) })
    }
}

impl Sequence {
    /// The value and whether it was given, so that the next draw gives `number`, or none where that is beyond the last.
    fn state_before(&self, number: &NextNumber) -> Result<(i64, bool)> {
        let next = number.next;
        match self.increment > 0 {
            _ if (self.min..=self.max).contains(&next) => Ok((next, false)),
            true if next > self.max => Ok((self.max, true)),
            false if next < self.min => Ok((self.min, true)),
            _ => Err(Error::Invalid {
                what: label(number),
                why: format!("its next number is {next}, and its sequence counts from {} to {}", self.min, self.max),
            }),
        }
    }
}

fn label(number: &NextNumber) -> String {
    match &number.table {
        Some(table) => format!("the sequence of column \"{}\" of table \"{table}\"", number.of),
        None => format!("sequence \"{}\"", number.of),
    }
}
