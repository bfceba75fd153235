//! The forms the store's tables went through. A step that was released is never edited; a new one is added.

use sensei_storage::database::Migration;

/// All steps, from the first.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "begin", sql: include_str!("migrations/0001_begin.sql") },
    Migration { name: "halves", sql: include_str!("migrations/0002_halves.sql") },
    Migration { name: "tallies", sql: include_str!("migrations/0003_tallies.sql") },
];
