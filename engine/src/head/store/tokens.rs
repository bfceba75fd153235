//! Which tokens clients may show. Only their hashes are kept.

use sensei_storage::database::{Row, Statement};
use sensei_storage::{Error, Result};

use super::Store;
use crate::head::record::Millis;

const INSERT: &str = "INSERT INTO tokens (name, role, sha256, created_at, revoked_at)
    VALUES ($1, $2, $3, {now_ms}, NULL)
    ON CONFLICT (name) DO UPDATE SET role = excluded.role, sha256 = excluded.sha256, created_at = excluded.created_at,
    revoked_at = NULL WHERE tokens.revoked_at IS NOT NULL";
const ALL: &str = "SELECT name, role, sha256, created_at, revoked_at FROM tokens ORDER BY name";
const REVOKE: &str = "UPDATE tokens SET revoked_at = {now_ms} WHERE name = $1 AND revoked_at IS NULL";

/// A token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub role: String,
    /// SHA-256 of the token, hex.
    pub sha256: String,
    /// When it was made, by the database's clock.
    pub created_at: Millis,
    /// When it was revoked, by the same.
    pub revoked_at: Option<Millis>,
}

impl Store {
    /// Adds a token. The name of one that was revoked may be used again.
    ///
    /// # Errors
    /// `Exists` if there is one of that name that is not revoked. `Fenced` and `Unavailable` as [`Store::commit`].
    pub async fn add_token(&self, term: u64, name: &str, role: &str, sha256: &str) -> Result<()> {
        let what = format!("token \"{name}\"");
        let exists =
            move || Error::Exists { what: what.clone(), why: "revoke it first, or take another name".to_owned() };
        let insert = Statement::new(INSERT).row([name.into(), role.into(), sha256.into()]).expect_rows(1, exists);
        self.write(term, [insert]).await
    }

    /// All tokens, by name, those revoked too.
    ///
    /// # Errors
    /// `Unavailable` if the database is away.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let rows = self.database.read(ALL, Vec::new()).await?;
        rows.iter().map(token).collect()
    }

    /// Revokes a token for good.
    ///
    /// # Errors
    /// `Missing` if there is none of that name, or it is revoked. `Fenced` and `Unavailable` as [`Store::commit`].
    pub async fn revoke_token(&self, term: u64, name: &str) -> Result<()> {
        let what = format!("token \"{name}\"");
        let missing = move || Error::Missing { what: what.clone() };
        self.write(term, [Statement::new(REVOKE).row([name.into()]).expect_rows(1, missing)]).await
    }
}

fn token(row: &Row) -> Result<TokenRecord> {
    Ok(TokenRecord {
        name: row.text(0)?.to_owned(),
        role: row.text(1)?.to_owned(),
        sha256: row.text(2)?.to_owned(),
        created_at: row.number(3)?,
        revoked_at: row.optional_number(4)?,
    })
}
