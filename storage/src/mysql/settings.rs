//! What of a server's configuration matters to a job. Read from its variables, never changed.

use std::collections::HashMap;

use super::answer::Answer;
use super::connection::Session;
use super::flavor::{Server, TableNames};
use crate::error::Result;
use crate::setting::{Role, Setting};

/// For messages.
const OBJECT: &str = "the server's settings";
/// Packets from which rows of ordinary tables fit. A guess: rows of text and small pictures stay below.
const PACKET_BYTES_MIN: usize = 16 << 20;
/// The buffer pool below which a load of more than it reads back from disk what it wrote. The server's own default.
const POOL_BYTES_MIN: u64 = 128 << 20;

/// The server as one account sees it.
struct Facts<'a> {
    variables: HashMap<String, String>,
    server: &'a Server,
    in_use: u64,
    connections_max: u64,
    bytes: u64,
}

/// Reads the settings that matter in `role`, for a job of about `bytes` bytes and at most `connections_max` connections.
pub(super) async fn read(
    session: &mut Session,
    role: Role,
    bytes: u64,
    connections_max: usize,
) -> Result<Vec<Setting>> {
    let rows = session.select(OBJECT, "SHOW GLOBAL VARIABLES").await?;
    let variables = rows.iter().map(|row| (row.words(0), row.words(1))).collect();
    let threads = session.first(OBJECT, "SHOW GLOBAL STATUS LIKE 'Threads_connected'").await?;
    let in_use = threads.and_then(|row| row.number(1)).unwrap_or(0);
    let facts = Facts { variables, server: &session.server, in_use, connections_max: connections_max as u64, bytes };
    Ok(match role {
        Role::Source => facts.as_source(),
        Role::Target => facts.as_target(),
    })
}

impl Facts<'_> {
    fn as_source(&self) -> Vec<Setting> {
        let mut settings = vec![self.connections("source_connections")];
        settings.extend(["log_bin", "gtid_mode", "innodb_undo_log_truncate"].iter().filter_map(|name| self.get(name)));
        settings
    }

    fn as_target(&self) -> Vec<Setting> {
        let mut settings = vec![self.connections("target_connections")];
        settings.extend(self.get("max_allowed_packet").map(|setting| {
            setting.advise(
                self.server.packet_bytes_max < PACKET_BYTES_MIN,
                "A row of more than half of it is refused. Raise it on the server for the time of the load.",
            )
        }));
        settings.extend(self.get("innodb_flush_log_at_trx_commit").map(|setting| {
            let harmful = setting.value != "1";
            setting.advise(
                harmful,
                "A commit may be lost with the power. Sensei finds that out when the job is taken up again, not after it: \
                 set it to 1.",
            )
        }));
        settings.extend(self.get("innodb_buffer_pool_size").map(|setting| {
            let small = setting.value.parse::<u64>().is_ok_and(|size| size <= POOL_BYTES_MIN && size < self.bytes);
            setting.advise(small, "More is loaded than it holds, so rows are read back and indexes built from disk.")
        }));
        settings.extend(self.get("sql_require_primary_key").map(|setting| {
            let harmful = setting.value == "ON";
            setting.advise(harmful, "Tables without a primary key cannot be created. Switch it off, or leave them out.")
        }));
        if self.server.table_names != TableNames::Told {
            settings.extend(self.get("lower_case_table_names").map(|setting| {
                setting.advise(
                    true,
                    "Names of tables that differ only in case are one here. Name one of them with `into`.",
                )
            }));
        }
        settings.extend(self.get("log_bin"));
        settings
    }

    fn get(&self, name: &str) -> Option<Setting> {
        self.variables.get(name).map(|value| Setting::new(name, value))
    }

    fn connections(&self, limit: &str) -> Setting {
        let max: u64 = self.variables.get("max_connections").and_then(|max| max.parse().ok()).unwrap_or(0);
        let free = max.saturating_sub(self.in_use);
        let advice = format!(
            "The plan may open {} connections, and about {free} are left. Lower limits.{limit}, or close others.",
            self.connections_max
        );
        Setting::new("max_connections", format!("{max}, {} in use", self.in_use))
            .advise(free < self.connections_max, advice)
    }
}
