//! What stands beside tables: sequences, routines, views, triggers, events, each with the statement that creates it again.

use mysql_async::Row;

use super::OBJECT;
use crate::catalog::{Object, ObjectKind};
use crate::error::Result;
use crate::mysql::answer::Answer;
use crate::mysql::connection::Session;
use crate::mysql::flavor::Flavor;
use crate::mysql::sql::{identifier, literal, qualified};

/// Objects in an order in which they can be created again, and what cannot be.
pub(in crate::mysql) async fn read(session: &mut Session, database: &str) -> Result<(Vec<Object>, Vec<String>)> {
    let mut objects = Vec::new();
    if session.server.flavor == Flavor::Mariadb {
        objects.extend(sequences(session, database).await?);
    }
    for (kind, word) in [(ObjectKind::Function, "FUNCTION"), (ObjectKind::Procedure, "PROCEDURE")] {
        let sql = format!(
            "SELECT ROUTINE_NAME, NULL FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA = {} AND ROUTINE_TYPE = '{word}' ORDER BY ROUTINE_NAME",
            literal(database)
        );
        objects.extend(listed(session, kind, word, &sql).await?);
    }
    objects.extend(views(session, database).await?);
    let sql = format!(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} \
         ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
        literal(database)
    );
    objects.extend(listed(session, ObjectKind::Trigger, "TRIGGER", &sql).await?);
    let sql = format!(
        "SELECT EVENT_NAME, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {} ORDER BY EVENT_NAME",
        literal(database)
    );
    objects.extend(listed(session, ObjectKind::Event, "EVENT", &sql).await?);
    let unknown = objects.iter().filter(|object| object.definition.is_none());
    let not_carried = unknown.map(|object| format!("{} \"{}\" (its definition is hidden)", object.kind, object.name));
    Ok((objects.clone(), not_carried.collect()))
}

/// The objects that `sql` names, each with its own statement.
async fn listed(session: &mut Session, kind: ObjectKind, word: &str, sql: &str) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for row in session.select(OBJECT, sql).await? {
        let name = row.words(0);
        let shown = session.first(OBJECT, &format!("SHOW CREATE {word} {}", identifier(&name))).await?;
        let definition = shown.and_then(|shown| definition(&shown, word));
        objects.push(Object { kind, name, table: row.text(1), definition, next: None });
    }
    Ok(objects)
}

/// The statement out of `SHOW CREATE …`: without the account it belongs to there, and with the SQL mode it was written in.
fn definition(shown: &Row, word: &str) -> Option<String> {
    let column = |wanted: &str| {
        let found = shown.columns_ref().iter().position(|column| column.name_str().eq_ignore_ascii_case(wanted));
        found.and_then(|index| shown.text(index))
    };
    // MariaDB shows a sequence under the heading of a table.
    let headings = [format!("Create {word}"), "SQL Original Statement".to_owned(), "Create Table".to_owned()];
    let statement = headings.iter().find_map(|heading| column(heading))?;
    let statement = without_definer(&statement);
    Some(match column("sql_mode") {
        Some(mode) => format!("{MODE_OPENS}{mode}{MODE_ENDS}{statement}"),
        None => statement,
    })
}

/// What stands around the SQL mode in front of a statement: a comment, so that the whole is still one.
const MODE_OPENS: &str = "/* sql_mode=";
const MODE_ENDS: &str = " */ ";

/// Takes a definition apart into the SQL mode it was written in, if that is told, and the statement.
pub(in crate::mysql) fn mode_and_statement(definition: &str) -> (Option<&str>, &str) {
    match definition.strip_prefix(MODE_OPENS).and_then(|rest| rest.split_once(MODE_ENDS)) {
        Some((mode, statement)) => (Some(mode), statement),
        None => (None, definition),
    }
}

/// Without `DEFINER=…`, so that whoever creates it answers for it.
fn without_definer(statement: &str) -> String {
    let Some((before, rest)) = statement.split_once(" DEFINER=") else { return statement.to_owned() };
    // The clause stands before the first name; deeper in, the words are somebody's text.
    if before.contains(['`', '\'', '(']) {
        return statement.to_owned();
    }
    let after = account_end(rest);
    format!("{before}{}", &rest[after..])
}

/// Length of an account such as `` `user`@`host` `` at the beginning of a text.
fn account_end(text: &str) -> usize {
    let mut quoted = false;
    text.find(|c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    })
    .unwrap_or(text.len())
}

/// Views, those that others are made of first.
async fn views(session: &mut Session, database: &str) -> Result<Vec<Object>> {
    let sql = format!(
        "SELECT TABLE_NAME, NULL FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {} ORDER BY TABLE_NAME",
        literal(database)
    );
    let mut waiting = listed(session, ObjectKind::View, "VIEW", &sql).await?;
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let uses = |view: &Object, other: &Object| {
            let definition = view.definition.as_deref().unwrap_or_default();
            // Behind the view's own name, which its definition begins with.
            let body = definition.split_once(" AS ").map_or("", |(_, body)| body);
            view.name != other.name && body.contains(&identifier(&other.name))
        };
        let free = waiting.iter().position(|view| waiting.iter().all(|other| !uses(view, other)));
        // Views cannot be made of each other; where names only look so, the order does not matter.
        ordered.push(waiting.remove(free.unwrap_or(0)));
    }
    Ok(ordered)
}

/// MariaDB's sequences with what the next draw gives at the least: what is cached was not drawn by everybody.
async fn sequences(session: &mut Session, database: &str) -> Result<Vec<Object>> {
    let sql = format!(
        "SELECT TABLE_NAME, NULL FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE = 'SEQUENCE' \
         ORDER BY TABLE_NAME",
        literal(database)
    );
    let mut objects = listed(session, ObjectKind::Sequence, "SEQUENCE", &sql).await?;
    for object in &mut objects {
        object.definition = object.definition.take().map(|text| without_engine(&text));
        let sql = format!("SELECT next_not_cached_value FROM {}", qualified(database, &object.name));
        let row = session.first(OBJECT, &sql).await?;
        object.next = row.and_then(|row| row.text(0)?.parse().ok());
    }
    Ok(objects)
}

/// Without the engine that keeps a sequence.
fn without_engine(statement: &str) -> String {
    statement.rsplit_once(" ENGINE=").map_or(statement, |(before, _)| before).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clause_names_an_account() {
        for (statement, expected) in [
            ("CREATE DEFINER=`a b`@`%` TRIGGER `t` BEFORE", "CREATE TRIGGER `t` BEFORE"),
            (
                "CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`h` SQL SECURITY DEFINER VIEW `v` AS select 1",
                "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1",
            ),
            ("CREATE TRIGGER `x DEFINER=y z` BEFORE", "CREATE TRIGGER `x DEFINER=y z` BEFORE"),
            ("CREATE TABLE `t`", "CREATE TABLE `t`"),
        ] {
            assert_eq!(without_definer(statement), expected);
        }
    }
}
