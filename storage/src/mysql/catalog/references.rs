//! Foreign keys and check constraints.

use std::collections::{BTreeMap, HashMap};

use super::OBJECT;
use super::columns::unescaped;
use crate::catalog::{Check, ForeignKey};
use crate::error::Result;
use crate::mysql::answer::Answer;
use crate::mysql::connection::Session;
use crate::mysql::flavor::Flavor;
use crate::mysql::sql::literal;

/// Foreign keys by table, those into other databases left out: what they refer to is not part of this one.
pub(in crate::mysql) async fn foreign_keys(
    session: &mut Session,
    database: &str,
) -> Result<HashMap<String, Vec<ForeignKey>>> {
    let schema = literal(database);
    // Two queries: MariaDB takes a hundred times as long to join what its catalog makes up.
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA = {schema}"
    );
    let rules = session.select(OBJECT, &sql).await?;
    let rules: HashMap<_, _> =
        rules.iter().map(|row| ((row.words(0), row.words(1)), (row.words(2), row.words(3)))).collect();
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE TABLE_SCHEMA = {schema} AND REFERENCED_TABLE_SCHEMA = {schema} ORDER BY ORDINAL_POSITION"
    );
    let mut keys: BTreeMap<(String, String), ForeignKey> = BTreeMap::new();
    for row in session.select(OBJECT, &sql).await? {
        let place = (row.words(0), row.words(1));
        let (on_delete, on_update) = rules.get(&place).cloned().unwrap_or_default();
        let key = keys.entry(place).or_insert_with(|| ForeignKey {
            name: row.text(1),
            parent: row.words(3),
            on_delete,
            on_update,
            ..ForeignKey::default()
        });
        key.columns.push(row.words(2));
        key.parent_columns.push(row.words(4));
    }
    let mut tables: HashMap<String, Vec<ForeignKey>> = HashMap::new();
    for ((table, _), key) in keys {
        tables.entry(table).or_default().push(key);
    }
    Ok(tables)
}

/// Check constraints by table, and those that are declared and not enforced, which are not carried.
pub(in crate::mysql) async fn checks(
    session: &mut Session,
    database: &str,
) -> Result<(HashMap<String, Vec<Check>>, Vec<String>)> {
    let (mut tables, mut not_carried): (HashMap<String, Vec<Check>>, _) = (HashMap::new(), Vec::new());
    if !session.server.has_checks() {
        return Ok((tables, not_carried));
    }
    let schema = literal(database);
    let sql = match session.server.flavor {
        Flavor::Mariadb => format!(
            "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES' FROM information_schema.CHECK_CONSTRAINTS \
             WHERE CONSTRAINT_SCHEMA = {schema} ORDER BY CONSTRAINT_NAME"
        ),
        Flavor::Mysql => format!(
            "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.ENFORCED \
             FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t \
                 ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME \
             WHERE c.CONSTRAINT_SCHEMA = {schema} AND t.CONSTRAINT_TYPE = 'CHECK' ORDER BY c.CONSTRAINT_NAME"
        ),
    };
    for row in session.select(OBJECT, &sql).await? {
        if row.words(3) == "NO" {
            not_carried.push(format!("check constraint \"{}\" (not enforced)", row.words(1)));
            continue;
        }
        let expression = unescaped(&row.words(2), session.server.flavor);
        tables.entry(row.words(0)).or_default().push(Check { name: row.text(1), expression });
    }
    Ok((tables, not_carried))
}
