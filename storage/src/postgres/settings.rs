//! What of a server's configuration matters to a job. Read from the catalog, never changed.

use std::collections::HashMap;

use super::connection::Session;
use crate::error::Result;
use crate::setting::{Role, Setting};

const OBJECT: &str = "the server's settings";

/// What a session of this account would start with, whatever this session has set since, by name with its unit.
const SETTINGS: &str = "SELECT name, coalesce(reset_val, setting, ''), coalesce(unit, '') FROM pg_catalog.pg_settings";

/// Facts of the database and the account.
const FACTS: &str = "\
    SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datcollate::text, \
           d.datconnlimit::int8, (SELECT r.rolconnlimit::int8 FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), \
           (SELECT sum(numbackends)::int8 FROM pg_catalog.pg_stat_database) \
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()";

/// Bytes from which building indexes gains from more memory.
const LARGE_BYTES: u64 = 1 << 30;

/// `maintenance_work_mem` from which more gains little: the manual's own advice for restoring dumps is "larger than
/// default", and sorts gain little beyond this. A guess.
const MAINTENANCE_BYTES: u64 = 256 << 20;

/// The server as one account sees it.
struct Server {
    settings: HashMap<String, (String, String)>,
    standby: bool,
    encoding: String,
    collation: String,
    /// Connections that the database and the account allow, where they set a limit.
    limits: Vec<u64>,
    in_use: u64,
    connections_max: u64,
    bytes: u64,
}

/// Reads the settings that matter in `role`, for a job of about `bytes` bytes and at most `connections_max` connections.
pub(super) async fn read(session: &Session, role: Role, bytes: u64, connections_max: usize) -> Result<Vec<Setting>> {
    let rows = session.query(SETTINGS, &[]).await.map_err(|error| session.failure(OBJECT, error))?;
    let settings = rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let facts = session.query_one(FACTS, &[]).await.map_err(|error| session.failure(OBJECT, error))?;
    let limits = [facts.get::<_, i64>(3), facts.get::<_, Option<i64>>(4).unwrap_or(-1)];
    let server = Server {
        settings,
        standby: facts.get(0),
        encoding: facts.get(1),
        collation: facts.get(2),
        limits: limits.into_iter().filter_map(|limit| u64::try_from(limit).ok()).collect(),
        in_use: facts.get::<_, Option<i64>>(5).unwrap_or(0).unsigned_abs(),
        connections_max: connections_max as u64,
        bytes,
    };
    Ok(match role {
        Role::Source => server.as_source(),
        Role::Target => server.as_target(),
    })
}

impl Server {
    fn as_source(&self) -> Vec<Setting> {
        let mut settings = vec![self.connections("source_connections")];
        settings.extend(["statement_timeout", "idle_in_transaction_session_timeout"].map(|name| self.timeout(name)));
        settings.extend(self.text("transaction_timeout").map(|value| {
            self.setting("transaction_timeout").advise(
                value != "0",
                "It ends the transaction that holds the snapshot, and with it the run. \
                 Switch it off for the account: ALTER ROLE … SET transaction_timeout = 0.",
            )
        }));
        settings.extend(self.text("old_snapshot_threshold").map(|value| {
            self.setting("old_snapshot_threshold").advise(
                value != "-1",
                "Rows that the snapshot still needs may be removed after that time; the run then fails with \
                 \"snapshot too old\" and must be taken up again.",
            )
        }));
        if self.standby {
            settings.push(self.standby_delay());
        }
        settings.push(self.setting("wal_level"));
        settings.push(Setting::new("server_encoding", &self.encoding).advise(
            self.encoding == "SQL_ASCII",
            "The server does not check what is stored as text; rows that are not valid UTF-8 stop the copy.",
        ));
        settings.push(Setting::new("lc_collate", &self.collation));
        settings
    }

    fn as_target(&self) -> Vec<Setting> {
        let max_wal = self.bytes_of("max_wal_size");
        let memory = self.bytes_of("maintenance_work_mem");
        let standbys = self.text("synchronous_standby_names").unwrap_or_default();
        let mut settings = vec![
            self.connections("target_connections"),
            self.setting("max_wal_size").advise(
                max_wal.is_some_and(|max| self.bytes > max),
                "More is loaded than fits between two checkpoints, so they come early and often. \
                 A larger value for the time of the load makes it faster.",
            ),
            self.setting("maintenance_work_mem").advise(
                self.bytes > LARGE_BYTES && memory.is_some_and(|bytes| bytes < MAINTENANCE_BYTES),
                "Keys are built after the load; 256MB or more makes that faster.",
            ),
            self.setting("wal_level"),
            self.setting("synchronous_commit"),
        ];
        if !standbys.is_empty() {
            settings.push(Setting::new("synchronous_standby_names", "set").advise(
                true,
                "Every commit waits for a standby. That is slower, and a standby that is away stops the run.",
            ));
        }
        settings.push(self.setting("fsync").advise(
            self.text("fsync") == Some("off"),
            "A commit may be lost with the power. Sensei counts on commits being durable: switch it on.",
        ));
        settings.push(Setting::new("server_encoding", &self.encoding).advise(
            self.encoding != "UTF8",
            "Text that this encoding cannot hold stops the copy. Create the database with ENCODING 'UTF8'.",
        ));
        settings.push(Setting::new("lc_collate", &self.collation));
        settings
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|(value, _)| value.as_str())
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn setting(&self, name: &str) -> Setting {
        let (value, unit) = self.settings.get(name).map_or(("", ""), |(value, unit)| (value, unit));
        Setting::new(name, with_unit(value, unit))
    }

    fn bytes_of(&self, name: &str) -> Option<u64> {
        let (value, unit) = self.settings.get(name)?;
        Some(value.parse::<u64>().ok()?.saturating_mul(unit_bytes(unit)?))
    }

    /// Sensei's own sessions switch these off.
    fn timeout(&self, name: &str) -> Setting {
        let mut setting = self.setting(name);
        if self.text(name) != Some("0") {
            setting.value.push_str(", switched off in Sensei's own sessions");
        }
        setting
    }

    /// Connections that are left for the job; those reserved for superusers are nobody's.
    fn connections(&self, limit: &str) -> Setting {
        let max = self.number("max_connections");
        let reserved = self.number("superuser_reserved_connections") + self.number("reserved_connections");
        let free = max.saturating_sub(self.in_use).saturating_sub(reserved);
        let free = self.limits.iter().copied().fold(free, u64::min);
        let advice = format!(
            "The plan may open {} connections, and about {free} are left for the account. \
             Lower limits.{limit}, or close others.",
            self.connections_max
        );
        let value = format!("{max}, {} in use, {reserved} reserved", self.in_use);
        Setting::new("max_connections", value).advise(free < self.connections_max, advice)
    }

    /// A standby cancels queries that hold back its replay.
    fn standby_delay(&self) -> Setting {
        let mut setting = self.setting("max_standby_streaming_delay");
        setting.value.push_str(", the server is a standby");
        setting.advise(
            self.text("max_standby_streaming_delay") != Some("-1"),
            "The standby cancels a snapshot that holds back its replay for longer, and with it the run. \
             Set it to -1 for the time of the run, or read from the primary.",
        )
    }
}

fn unit_bytes(unit: &str) -> Option<u64> {
    match unit {
        "B" => Some(1),
        "kB" => Some(1 << 10),
        "8kB" => Some(8 << 10),
        "MB" => Some(1 << 20),
        _ => None,
    }
}

/// A value in the largest unit that leaves no fraction, as the server itself prints it.
fn with_unit(value: &str, unit: &str) -> String {
    const SIZES: [(&str, u64); 4] = [("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)];
    const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];
    let scale = unit_bytes(unit).map(|factor| (factor, SIZES)).or_else(|| {
        let (_, factor) = TIMES.iter().find(|(name, _)| *name == unit)?;
        Some((*factor, TIMES))
    });
    let (Some((factor, units)), Ok(number)) = (scale, value.parse::<u64>()) else { return value.to_owned() };
    let total = number.saturating_mul(factor);
    let largest = units.into_iter().find(|(_, size)| total > 0 && total.is_multiple_of(*size));
    largest.map_or_else(|| "0".to_owned(), |(name, size)| format!("{}{name}", total / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_the_server_prints_them() {
        for (value, unit, text) in [
            ("1024", "MB", "1GB"),
            ("65536", "kB", "64MB"),
            ("16384", "8kB", "128MB"),
            ("90000", "ms", "90s"),
            ("30000", "ms", "30s"),
            ("300", "s", "5min"),
            ("0", "ms", "0"),
            ("-1", "ms", "-1"),
            ("replica", "", "replica"),
        ] {
            assert_eq!(with_unit(value, unit), text, "{value} {unit}");
        }
    }
}
