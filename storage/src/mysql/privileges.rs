//! What the account may do, out of what the server grants it. Looks at grants on everything and on databases; those on
//! single tables do not suffice for a job, which creates tables of its own.

use super::answer::Answer;
use super::bookkeeping::DATABASE;
use super::connection::Session;
use super::flavor::Flavor;
use crate::error::Result;

/// For messages.
const OBJECT: &str = "the account's privileges";
/// What a job needs on its own database: records, fences and their end.
const ON_RECORDS: [&str; 5] = ["CREATE", "SELECT", "INSERT", "UPDATE", "DELETE"];
/// What it needs on the target's: tables, their indexes and keys, the marks of rows, and emptying.
const ON_TARGET: [&str; 8] = ["CREATE", "ALTER", "INDEX", "REFERENCES", "DROP", "SELECT", "INSERT", "DELETE"];

/// One `GRANT` of the server's answer.
#[derive(Debug)]
struct Grant {
    /// Upper-case privileges.
    privileges: Vec<String>,
    /// `*`, or a pattern of databases as `LIKE` has it.
    databases: String,
}

/// What is missing, as sentences.
pub(super) async fn missing(session: &mut Session, database: &str) -> Result<Vec<String>> {
    let grants = grants(session).await?;
    let mut missing = Vec::new();
    for (of, needed, purpose) in
        [(DATABASE, &ON_RECORDS[..], ", where progress is recorded"), (database, &ON_TARGET[..], "")]
    {
        let lacking: Vec<&str> = needed.iter().copied().filter(|needed| !allows(&grants, of, needed)).collect();
        if !lacking.is_empty() {
            missing.push(format!("{} on database \"{of}\"{purpose}", lacking.join(", ")));
        }
    }
    Ok(missing)
}

async fn grants(session: &mut Session) -> Result<Vec<Grant>> {
    let mut sql = "SHOW GRANTS".to_owned();
    if session.server.flavor == Flavor::Mysql && session.server.is_mysql(8, 0, 0) {
        // Without their names MySQL lists roles and not what they allow.
        let roles = session.first(OBJECT, "SELECT CURRENT_ROLE()").await?;
        if let Some(roles) = roles.map(|row| row.words(0)).filter(|roles| !roles.is_empty() && roles != "NONE") {
            sql = format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}");
        }
    }
    let rows = session.select(OBJECT, &sql).await?;
    Ok(rows.iter().filter_map(|row| grant(&row.words(0))).collect())
}

/// Reads `` GRANT SELECT, INSERT ON `shop`.* TO … ``; `None` for grants of roles, and on single tables.
fn grant(text: &str) -> Option<Grant> {
    let (privileges, rest) = text.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (object, _) = rest.split_once(" TO ")?;
    let database = object.strip_suffix(".*")?;
    let databases = database.trim_matches('`').replace("``", "`");
    let privileges = privileges.split(',').map(|privilege| privilege.trim().to_ascii_uppercase()).collect();
    Some(Grant { privileges, databases })
}

fn allows(grants: &[Grant], database: &str, privilege: &str) -> bool {
    grants.iter().any(|grant| {
        let named = grant.privileges.iter().any(|own| own == privilege || own == "ALL PRIVILEGES" || own == "ALL");
        named && (grant.databases == "*" || like(&grant.databases, database))
    })
}

/// Whether `pattern` matches `text`: `%` stands for any characters, `_` for one, and a backslash takes that from the next.
fn like(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = rest.as_str();
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(rest, &text[at..]))
        }
        Some(wanted) => {
            let literal = if wanted == '\\' { rest.next() } else { None };
            let mut characters = text.chars();
            let found = characters.next();
            let fits =
                found.is_some() && (literal.map_or(wanted == '_', |_| false) || found == literal.or(Some(wanted)));
            fits && like(rest.as_str(), characters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_the_server_prints_them() {
        let allowed =
            |text: &str, privilege: &str| allows(&grant(text).into_iter().collect::<Vec<_>>(), "my_shop", privilege);
        assert!(allowed("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", "DROP"));
        assert!(allowed("GRANT SELECT, LOCK TABLES ON `my\\_shop`.* TO `u`@`%`", "SELECT"));
        assert!(allowed("GRANT SELECT ON `my%`.* TO `u`@`%`", "SELECT") && allowed("GRANT DROP ON `%`.* TO u", "DROP"));
        assert!(!allowed("GRANT SELECT ON `my\\_shop`.* TO `u`@`%`", "INSERT"));
        assert!(!allowed("GRANT SELECT ON `other`.* TO `u`@`%`", "SELECT"));
        assert!(!allowed("GRANT SELECT ON `my_shop`.`t` TO `u`@`%`", "SELECT"));
        assert!(!allowed("GRANT `role` TO `u`@`%`", "SELECT"));
    }
}
