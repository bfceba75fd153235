//! Sets what sequences give next. Knows nothing of how columns came to have them.

use super::Postgres;
use super::connection::{Session, Tag};
use super::sql::qualified;
use crate::error::{Error, Result};
use crate::target::NextNumber;

/// A sequence, as the server writes its name, with its step and bounds.
struct Sequence {
    name: String,
    start: i64,
    increment: i64,
    min: i64,
    max: i64,
    cycles: bool,
}

impl Postgres {
    /// See [`crate::Target::set_next`].
    pub(super) async fn set_numbers(&self, numbers: &[NextNumber]) -> Result<()> {
        let session = self.session().await?;
        for number in numbers {
            let sequence = self.sequence(&session, number).await?;
            let (value, is_called) = sequence.state_before(number)?;
            const STATE: &str = "SELECT last_value, is_called FROM ";
            let state = session.query_one(&format!("{STATE}{}", sequence.name), &[]).await;
            let state = state.map_err(|error| session.failure(&label(number), error))?;
            if sequence.is_beyond(state.get(0), state.get(1), number.next) {
                continue;
            }
            const SET: &str = "SELECT pg_catalog.setval($1::text::pg_catalog.regclass, $2, $3)";
            let set = session.query_one(SET, &[&sequence.name, &value, &is_called]).await;
            set.map_err(|error| session.failure(&label(number), error))?;
        }
        session.park(Tag::FREE);
        Ok(())
    }

    async fn sequence(&self, session: &Session, number: &NextNumber) -> Result<Sequence> {
        const OF_COLUMN: &str = "SELECT pg_catalog.pg_get_serial_sequence($1, $2)";
        const FACTS: &str = "SELECT seqstart, seqincrement, seqmin, seqmax, seqcycle FROM pg_catalog.pg_sequence \
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
        let (start, increment) = (row.get(0), row.get(1));
        Ok(Sequence { name, start, increment, min: row.get(2), max: row.get(3), cycles: row.get(4) })
    }
}

impl Sequence {
    /// Whether it has come further than to `next` by itself. One that nothing was drawn from has not come anywhere, and
    /// one that cycles comes everywhere.
    fn is_beyond(&self, last: i64, is_called: bool, next: i128) -> bool {
        let stands = i128::from(last) + if is_called { i128::from(self.increment) } else { 0 };
        let is_fresh = !is_called && last == self.start;
        let is_later = if self.increment > 0 { stands > next } else { stands < next };
        is_later && !is_fresh && !self.cycles
    }

    /// The value and whether it was given, so that the next draw gives `number`, or none where that is beyond the last.
    fn state_before(&self, number: &NextNumber) -> Result<(i64, bool)> {
        let next = number.next;
        match i64::try_from(next).ok().filter(|next| (self.min..=self.max).contains(next)) {
            Some(next) => Ok((next, false)),
            None if self.increment > 0 && next > self.max.into() => Ok((self.max, true)),
            None if self.increment < 0 && next < self.min.into() => Ok((self.min, true)),
            None => Err(Error::Invalid {
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
