//! What of a database file's state matters to a job: how it locks, and whether it is whole.

use std::fs;

use rusqlite::{Connection, ErrorCode};

use super::connect::{File, journal_mode};
use super::error::classify;
use crate::error::Result;
use crate::setting::{Role, Setting};

/// The largest file whose structure is checked unasked, about half a minute from a slow disk. A guess.
const QUICK_CHECK_BYTES_MAX: u64 = 1 << 30;

/// Findings of the check that are counted; one is enough to stop.
const FINDINGS_MAX: u32 = 100;

/// Reads the settings of `file`; none while it is not there. Blocks.
pub(super) fn read(file: &File, role: Role) -> Result<Vec<Setting>> {
    let sql = |error| classify(file.name(), error);
    if !file.path().exists() {
        return Ok(Vec::new());
    }
    let connection = file.connect_or_empty()?;
    let pragma = |name: &str| -> rusqlite::Result<String> {
        connection.query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), (), |row| row.get(0))
    };
    let mut settings = vec![
        journal(&journal_mode(&connection).map_err(sql)?, role),
        Setting::new("page_size", format!("{} bytes", pragma("page_size").map_err(sql)?)),
        Setting::new("encoding", pragma("encoding").map_err(sql)?),
    ];
    let bytes = fs::metadata(file.path()).map_or(0, |about| about.len());
    settings.push(match bytes <= QUICK_CHECK_BYTES_MAX {
        true => quick_check(&connection).map_err(sql)?,
        false => Setting::new("quick_check", "not run: the file is larger than 1 GiB"),
    });
    Ok(settings)
}

fn journal(mode: &str, role: Role) -> Setting {
    let setting = Setting::new("journal_mode", mode);
    match (role, mode) {
        (Role::Source, "wal") => setting,
        (Role::Source, _) => setting.advise(
            true,
            "Other programs cannot write to the file while a job reads it: they wait, or fail with \"database is \
             locked\". Stop them meanwhile, or switch the file to journal_mode=wal.",
        ),
        // A job switches its target to WAL and back.
        (Role::Target, _) => setting,
    }
}

/// The findings themselves are not shown, since SQLite does not promise what is in them. Grave damage ends the check.
fn quick_check(connection: &Connection) -> rusqlite::Result<Setting> {
    let mut check = connection.prepare(&format!("PRAGMA quick_check({FINDINGS_MAX})"))?;
    let findings: rusqlite::Result<Vec<String>> = check.query_map((), |row| row.get(0))?.collect();
    let value = match findings {
        Ok(findings) if findings == ["ok"] => return Ok(Setting::new("quick_check", "ok")),
        Ok(findings) => format!("{} findings", findings.len()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => "cut short by damage".to_owned(),
        Err(error) => return Err(error),
    };
    let advice = "The file is damaged. See what PRAGMA quick_check says, and recover it before it is copied.";
    Ok(Setting::new("quick_check", value).advise(true, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sql: &str, role: Role) -> Vec<Setting> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        read(&File::new(&path).unwrap(), role).unwrap()
    }

    fn advised(settings: &[Setting]) -> Vec<&str> {
        settings.iter().filter(|setting| setting.advice.is_some()).map(|setting| setting.name.as_str()).collect()
    }

    #[test]
    fn a_rollback_journal_matters_to_the_source_alone() {
        let sql = "CREATE TABLE t(a); INSERT INTO t VALUES (1)";
        assert_eq!(advised(&settings(sql, Role::Source)), ["journal_mode"]);
        assert!(advised(&settings(sql, Role::Target)).is_empty());
        let wal = settings(&format!("PRAGMA journal_mode=wal; {sql}"), Role::Source);
        assert!(advised(&wal).is_empty(), "{wal:?}");
    }

    #[test]
    fn a_damaged_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let sql = "PRAGMA page_size = 4096; CREATE TABLE t(a); INSERT INTO t VALUES (1)";
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[4096..].fill(0);
        fs::write(&path, bytes).unwrap();
        let found = read(&File::new(&path).unwrap(), Role::Source).unwrap();
        assert!(advised(&found).contains(&"quick_check"), "{found:?}");
    }

    #[test]
    fn no_file_has_no_settings() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&File::new(&folder.path().join("none.db")).unwrap(), Role::Target).unwrap(), []);
    }
}
