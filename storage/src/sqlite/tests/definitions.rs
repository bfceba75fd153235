//! Generated definitions: what is read from a text is what SQLite's pragmas say, and a table built from it behaves the
//! same.

use proptest::prelude::*;
use rusqlite::Connection;

use super::schemas::target_of;
use super::*;
use crate::catalog::Timing;

/// What stands between two words.
fn gap() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just(" "),
        1 => Just("\n\t"),
        1 => Just(" /* ), ' \" ( */ "),
        1 => Just(" -- ), ' \" (\n"),
    ]
}

/// A column's name, made unique by its number, as it may be written.
fn column_name(number: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("c{number}")),
        Just(format!("\"c \"\"{number}, (\"")),
        Just(format!("[c' ({number}]")),
        Just(format!("`c``{number})`")),
        Just(format!("'c''{number}'")),
        Just(format!("é🦀{number}")),
        Just(["key", "desc", "\"select\"", "\"CHECK\"", "generated", "always"][number % 6].to_owned()),
    ]
}

fn column_type() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("INTEGER"),
        Just("VARCHAR ( 10 )"),
        Just("DECIMAL(10 , -2)"),
        Just("unsigned  big int"),
        Just("double precision"),
        Just("BLOB"),
        Just("DATETIME"),
    ]
}

fn default() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("DEFAULT 'it''s )'"),
        Just("DEFAULT - 1.5e-3"),
        Just("DEFAULT +7"),
        Just("DEFAULT x'00FF'"),
        Just("DEFAULT pending"),
        Just("DEFAULT \"quo\"\"ted\""),
        Just("DEFAULT ( 1 + ( 2 ) * 3 )"),
        Just("DEFAULT (\"alone\")"),
        Just("DEFAULT true"),
        Just("DEFAULT NULL"),
        Just("DEFAULT ('a' || ',' || \"b\")"),
    ]
}

/// Constraints of a column that mean the same in any order.
fn constraint() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("NOT NULL ON CONFLICT IGNORE"),
        Just("NULL"),
        Just("UNIQUE"),
        Just("CONSTRAINT \"a name\" UNIQUE"),
        Just("COLLATE nocase"),
        Just("CHECK (1 <> 2)"),
        Just("CONSTRAINT 'said ( so' CHECK ( length ( 'x)' ) > 0 OR ( 1 ) )"),
        Just("REFERENCES p ON DELETE SET NULL MATCH FULL"),
        Just("CONSTRAINT fk REFERENCES \"p\" (x) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED"),
        Just("REFERENCES p(x) NOT DEFERRABLE INITIALLY DEFERRED"),
        Just("DEFERRABLE"),
    ]
}

fn column(number: usize) -> impl Strategy<Value = Vec<String>> {
    let value = prop_oneof![
        3 => Just(Vec::new()),
        3 => default().prop_map(|text| vec![text]),
        1 => Just(vec!["GENERATED ALWAYS AS ( 1 + length ( ')' ) ) STORED"]),
        1 => Just(vec!["AS ('(')"]),
    ];
    let constraints = prop::collection::vec(constraint(), 0..4);
    (column_name(number), column_type(), value, constraints).prop_map(|(name, native, value, constraints)| {
        let mut words = vec![name, native.to_owned()];
        words.extend(value.into_iter().chain(constraints).map(str::to_owned));
        words
    })
}

fn table_constraint() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("CHECK ( 'a,b' <> '(' )"),
        Just("CONSTRAINT [named ck] CHECK (1) ON CONFLICT FAIL"),
        Just("CONSTRAINT dangling"),
        Just("CONSTRAINT \"u q\" UNIQUE (c0 COLLATE RTRIM DESC)"),
        Just("FOREIGN KEY (c0) REFERENCES p (x) DEFERRABLE INITIALLY IMMEDIATE"),
        Just("CONSTRAINT fk2 FOREIGN KEY ( c0 ) REFERENCES p"),
    ]
}

/// A whole statement. `c0` is there under its plain name, so that constraints of the table can use it.
fn statement() -> impl Strategy<Value = String> {
    let columns = (column(1), column(2), column(3)).prop_map(|(a, b, c)| vec![a, b, c]);
    let constraints = prop::collection::vec((table_constraint(), prop::bool::ANY), 0..4);
    (columns, constraints, prop::collection::vec(gap(), 64)).prop_map(|(columns, constraints, gaps)| {
        let mut words = vec!["CREATE TABLE".to_owned(), "\"t (\"".to_owned(), "(".to_owned(), "c0 TEXT".to_owned()];
        for column in columns {
            words.push(",".to_owned());
            words.extend(column);
        }
        for (index, (constraint, comma)) in constraints.into_iter().enumerate() {
            if index == 0 || comma {
                words.push(",".to_owned());
            }
            words.push(constraint.to_owned());
        }
        words.push(")".to_owned());
        words.iter().zip(gaps.iter().cycle()).map(|(word, gap)| format!("{word}{gap}")).collect()
    })
}

/// The declarations of the one table, `None` where SQLite itself does not take the statement.
fn declared(connection: &Connection, statement: &str) -> Option<schema::Declared> {
    connection.execute_batch("CREATE TABLE p(x PRIMARY KEY)").unwrap();
    connection.execute_batch(statement).ok()?;
    Some(schema::declared(connection, "t (").unwrap())
}

/// What SQLite puts into a row nobody gives values for.
fn defaults(connection: &Connection, columns: &[crate::Column]) -> Option<String> {
    let quote = |column: &crate::Column| format!("quote({})", connect::quoted(&column.name));
    let row = columns.iter().map(quote).collect::<Vec<_>>().join(" || ', ' || ");
    connection.execute_batch("INSERT INTO \"t (\" DEFAULT VALUES").ok()?;
    connection.query_row(&format!("SELECT {row} FROM \"t (\""), (), |row| row.get(0)).ok()
}

/// How often a keyword begins a constraint in the words that were put together; comments hold none of them.
fn count(statement: &str, keyword: &str) -> usize {
    statement.matches(keyword).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn generated_definitions_are_read_as_sqlite_reads_them(statement in statement()) {
        let source = Connection::open_in_memory().unwrap();
        let Some(found) = declared(&source, &statement) else { return Ok(()) };
        let lost: Vec<_> = found.lost.iter().filter(|lost| !lost.starts_with("conflict clauses")).collect();
        prop_assert!(lost.is_empty(), "{lost:?}");
        prop_assert_eq!(found.table.checks.len(), count(&statement, "CHECK ("));
        prop_assert_eq!(found.table.foreign_keys.len(), count(&statement, "REFERENCES"));
        let deferrals = found.table.foreign_keys.iter().filter(|key| key.timing == Timing::Deferred).count();
        prop_assert!(deferrals <= count(&statement, "INITIALLY DEFERRED"));

        let mut table = found.table.clone();
        // Only the catalog as a whole knows what the parent's key is.
        for key in table.foreign_keys.iter_mut().filter(|key| key.parent_columns.is_empty()) {
            key.parent_columns.push("x".to_owned());
        }
        let target = Connection::open_in_memory().unwrap();
        let made = create::statement(&target_of(&table)).unwrap();
        let Some(again) = declared(&target, &made) else { return Err(TestCaseError::fail(made)) };
        prop_assert_eq!(&again.table, &table);
        prop_assert_eq!(again.lost, Vec::<String>::new());
        prop_assert_eq!(defaults(&target, &table.columns), defaults(&source, &table.columns));
    }
}
