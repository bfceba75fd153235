//! Everything that ever became of a cluster's splits, as the head's own store took it: triggers write it down in the same
//! transactions, so that nothing between two looks is missed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::postgres::Server;

const SQLITE: &str = "
    CREATE TABLE ledger (seq INTEGER PRIMARY KEY AUTOINCREMENT, job, split, standing, lease, worker, lost);
    CREATE TRIGGER ledger_insert AFTER INSERT ON splits BEGIN INSERT INTO ledger (job, split, standing, lease, worker, lost)
        VALUES (NEW.job, NEW.split, NEW.standing, NEW.lease, NEW.worker, NEW.lost); END;
    CREATE TRIGGER ledger_update AFTER UPDATE ON splits BEGIN INSERT INTO ledger (job, split, standing, lease, worker, lost)
        VALUES (NEW.job, NEW.split, NEW.standing, NEW.lease, NEW.worker, NEW.lost); END;
    CREATE TRIGGER ledger_delete AFTER DELETE ON splits BEGIN INSERT INTO ledger (job, split, standing)
        VALUES (OLD.job, OLD.split, 'gone'); END;";

const POSTGRES: &str = "
    CREATE TABLE ledger (seq bigserial PRIMARY KEY, job text, split bigint, standing text, lease bigint, worker text,
        lost bigint);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN
            INSERT INTO ledger (job, split, standing) VALUES (OLD.job, OLD.split, 'gone');
        ELSE
            INSERT INTO ledger (job, split, standing, lease, worker, lost)
            VALUES (NEW.job, NEW.split, NEW.standing, NEW.lease, NEW.worker, NEW.lost);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON splits FOR EACH ROW EXECUTE FUNCTION note();";

const READ: &str = "SELECT job || ' ' || split || ' ' || standing || ' ' || coalesce(lease, 0) || ' ' ||
    coalesce(nullif(worker, ''), '-') || ' ' || coalesce(lost, 0) FROM ledger ORDER BY seq";

/// How long a store may be busy.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// What the ledger tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Leases that were given.
    pub granted: usize,
    /// Leases that were taken back.
    pub lost: usize,
    /// Splits that were reported.
    pub reported: usize,
}

/// Where a head keeps what it knows.
pub(super) trait Book {
    /// What writes down what becomes of splits, in its language.
    fn triggers(&self) -> &'static str;
    fn run(&self, sql: &str);
    fn lines(&self, sql: &str) -> Vec<String>;
}

impl Book for PathBuf {
    fn triggers(&self) -> &'static str {
        SQLITE
    }

    fn run(&self, sql: &str) {
        open(self).execute_batch(sql).unwrap_or_else(|error| panic!("{error} in {sql}"));
    }

    fn lines(&self, sql: &str) -> Vec<String> {
        let database = open(self);
        let mut query = database.prepare(sql).unwrap_or_else(|error| panic!("{error} in {sql}"));
        let read = query.query_map([], |row| row.get(0)).and_then(Iterator::collect);
        read.unwrap_or_else(|error| panic!("{error} in {sql}"))
    }
}

fn open(path: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(path).expect("the store is there");
    database.busy_timeout(BUSY_MAX).expect("a time can be set");
    database
}

impl Book for (&Server, String) {
    fn triggers(&self) -> &'static str {
        POSTGRES
    }

    fn run(&self, sql: &str) {
        self.0.psql(&self.1, sql);
    }

    fn lines(&self, sql: &str) -> Vec<String> {
        self.0.psql(&self.1, sql).lines().map(str::to_owned).collect()
    }
}

/// Begins to write down what becomes of splits.
pub(super) fn begin(book: &dyn Book) {
    book.run(book.triggers());
}

/// Whether a worker was ever given a split.
pub(super) fn has_given(book: &dyn Book, worker: &str) -> bool {
    let sql = format!("SELECT worker FROM ledger WHERE standing = 'leased' AND worker = '{worker}' LIMIT 1");
    !book.lines(&sql).is_empty()
}

/// Reads what was written down and insists that no split was ever anybody's who did not have it alone.
#[track_caller]
pub(super) fn check(book: &dyn Book) -> Ledger {
    let (mut ledger, mut broken) = (Ledger::default(), Vec::new());
    let mut last: HashMap<String, Entry> = HashMap::new();
    let mut given = HashSet::new();
    for line in book.lines(READ) {
        let (split, entry) = Entry::of(&line);
        let before = last.insert(split.clone(), entry.clone());
        let before = before.unwrap_or_default();
        let taken_back = usize::from(before.standing == "leased" && entry.lost > before.lost);
        ledger.lost += taken_back;
        match entry.standing.as_str() {
            // It was cut, and is still its holder's.
            "leased" if before == entry => {}
            "leased" => {
                ledger.granted += 1;
                if !given.insert(entry.lease) {
                    broken.push(format!("lease {} of split {split} was given before", entry.lease));
                }
                if before.standing == "reported" || (before.standing == "leased" && taken_back == 0) {
                    broken.push(format!("split {split} was {before:?} and became {entry:?}"));
                }
            }
            "reported" => {
                ledger.reported += 1;
                if before.standing != "leased" || before.worker != entry.worker {
                    broken.push(format!("split {split} was {before:?} and was reported by {}", entry.worker));
                }
            }
            "pending" if before.standing == "leased" && taken_back == 0 => {
                broken.push(format!("split {split} was {before:?} and waits as if nobody had lost it"));
            }
            _ => {}
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    ledger
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    standing: String,
    lease: u64,
    worker: String,
    lost: u64,
}

impl Entry {
    /// The job with the split, and what became of it.
    fn of(line: &str) -> (String, Entry) {
        let words: Vec<&str> = line.split(' ').collect();
        let [job, split, standing, lease, worker, lost] = words[..] else { panic!("{line:?} is no entry") };
        let number = |word: &str| word.parse().unwrap_or_else(|error| panic!("{error} in {line:?}"));
        let (standing, worker) = (standing.to_owned(), worker.to_owned());
        (format!("{job} {split}"), Entry { standing, lease: number(lease), worker, lost: number(lost) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the ledger says of statements on a table like the head's.
    fn told(statements: &[&str]) -> Ledger {
        let folder = tempfile::tempdir().unwrap();
        let book = folder.path().join("head.db");
        book.run("CREATE TABLE splits (job, split, standing, lease, worker, lost)");
        begin(&book);
        book.run("INSERT INTO splits VALUES ('j', 1, 'pending', NULL, NULL, 0)");
        statements.iter().for_each(|set| book.run(&format!("UPDATE splits SET {set}")));
        check(&book)
    }

    const GIVEN: &str = "standing = 'leased', lease = 7, worker = 'a'";
    const GIVEN_AGAIN: &str = "standing = 'leased', lease = 8, worker = 'b'";

    #[test]
    fn a_lease_that_was_taken_back_may_be_anothers() {
        let done = "standing = 'reported', lease = NULL, lost = NULL";
        let ledger = told(&[GIVEN, "standing = 'pending', lease = NULL, worker = NULL, lost = 1", GIVEN_AGAIN, done]);
        assert_eq!(ledger, Ledger { granted: 2, lost: 1, reported: 1 });
    }

    #[test]
    fn a_split_that_is_cut_stays_its_holders() {
        assert_eq!(told(&[GIVEN, GIVEN]), Ledger { granted: 1, lost: 0, reported: 0 });
    }

    #[test]
    #[should_panic(expected = "and became")]
    fn a_lease_is_not_given_twice() {
        told(&[GIVEN, GIVEN_AGAIN]);
    }

    #[test]
    #[should_panic(expected = "was reported by b")]
    fn only_the_holder_reports() {
        told(&[GIVEN, "standing = 'reported', lease = NULL, worker = 'b', lost = NULL"]);
    }
}
