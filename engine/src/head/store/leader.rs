//! Who leads, of all heads that share a store. Time is the database's own, so that the heads' clocks need not agree.

use sensei_storage::database::{Statement, Value};
use sensei_storage::{Error, Result};

use super::Store;

/// What became of an attempt to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// It leads, under this number, which no other leader ever had or will have.
    Mine {
        /// The number.
        term: u64,
    },
    /// Another one leads.
    Theirs {
        /// Where clients find it.
        address: String,
    },
}

const READ: &str = "SELECT term, address FROM leader WHERE id = 1";
/// A time in the future is of a clock that was set back since: it says nothing.
const TAKE: &str = "UPDATE leader SET term = term + 1, holder = $1, address = $2, renewed_at = {now_ms}
    WHERE id = 1 AND term = $3 AND abs({now_ms} - renewed_at) >= $4";
const RENEW: &str = "UPDATE leader SET renewed_at = {now_ms} WHERE id = 1 AND term = $1";
/// The term moves on, so that nothing is stored under it any more.
const RESIGN: &str = "UPDATE leader SET term = term + 1, holder = '', address = '', renewed_at = 0
    WHERE id = 1 AND term = $1";

/// Renews the leadership of `term`, and ends the transaction with `Fenced` if another one leads.
pub(super) fn fence(term: u64) -> Statement {
    of_leader(RENEW, term)
}

fn of_leader(sql: &'static str, term: u64) -> Statement {
    let fenced = move || Error::Fenced { job: "(leading the cluster)".to_owned(), mine: term };
    Statement::new(sql).row([Value::Int(term.cast_signed())]).expect_rows(1, fenced)
}

impl Store {
    /// Leads as `holder`, reached at `address`, if nobody does or whoever did has not renewed that for `patience_ms`
    /// milliseconds by the database's clock. What was read before is out of date: [`Store::load`] again.
    ///
    /// # Errors
    /// `Unavailable` if the database is away. After an unanswered attempt nobody may lead for `patience_ms`.
    pub async fn lead(&self, holder: &str, address: &str, patience_ms: u64) -> Result<Leadership> {
        let (term, _) = self.leader().await?;
        let patience = i64::try_from(patience_ms).unwrap_or(i64::MAX);
        let row = [holder.into(), address.into(), Value::Int(term.cast_signed()), Value::Int(patience)];
        let taken = self.database.write(vec![Statement::new(TAKE).row(row)]).await?;
        if taken == [1] {
            *self.chain.lock().await = None;
            return Ok(Leadership::Mine { term: term + 1 });
        }
        let (_, address) = self.leader().await?;
        Ok(Leadership::Theirs { address })
    }

    /// Says that the leader of `term` is still there. [`Store::commit`] says so too.
    ///
    /// # Errors
    /// `Fenced` if another one leads: stop at once. `Unavailable` if the database is away.
    pub async fn renew(&self, term: u64) -> Result<()> {
        self.write(term, []).await
    }

    /// Gives the leadership up, so that another one need not wait.
    ///
    /// # Errors
    /// `Fenced` if another one leads already. `Unavailable` if the database is away.
    pub async fn resign(&self, term: u64) -> Result<()> {
        self.database.write(vec![of_leader(RESIGN, term)]).await.map(drop)
    }

    /// The term and the address of the last one that led; the address is empty if it resigned.
    async fn leader(&self) -> Result<(u64, String)> {
        let rows = self.database.read(READ, Vec::new()).await?;
        let missing = || Error::Corrupt { what: self.describe().to_owned(), why: "nobody can lead in it".to_owned() };
        let row = rows.first().ok_or_else(missing)?;
        Ok((row.number::<i64>(0)?.cast_unsigned(), row.text(1)?.to_owned()))
    }
}
