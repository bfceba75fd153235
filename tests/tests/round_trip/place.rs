//! One end of a move: a database of its own in one server, or a file.

use sensei_tests::{Sensei, mysql, postgres};

/// Where tables are made or arrive.
#[derive(Debug)]
pub enum Place<'s> {
    Postgres(&'s postgres::Server, String),
    Mysql(&'s mysql::Server, String),
    /// The file `source.db` of a folder.
    Sqlite(Sensei),
}

impl<'s> Place<'s> {
    /// An empty database of PostgreSQL.
    pub fn postgres(server: &'s postgres::Server, database: &str) -> Place<'s> {
        server.create_database(database);
        Place::Postgres(server, database.to_owned())
    }

    /// An empty database of MariaDB.
    pub fn mysql(server: &'s mysql::Server, database: &str) -> Place<'s> {
        server.create_database(database);
        Place::Mysql(server, database.to_owned())
    }

    /// An empty database beside this one, in the same server.
    pub fn beside(&self) -> Place<'s> {
        match self {
            Place::Postgres(server, database) => Place::postgres(server, &format!("{database}_back")),
            Place::Mysql(server, database) => Place::mysql(server, &format!("{database}_back")),
            Place::Sqlite(_) => Place::Sqlite(Sensei::new()),
        }
    }

    /// The same file once more.
    pub fn copy_of(file: &Place<'_>) -> Place<'s> {
        let Place::Sqlite(folder) = file else { panic!("a server is not copied") };
        let copy = Sensei::new();
        std::fs::copy(folder.path("source.db"), copy.path("source.db")).unwrap();
        Place::Sqlite(copy)
    }

    pub fn url(&self) -> String {
        match self {
            Place::Postgres(server, database) => server.url(database),
            Place::Mysql(server, database) => server.url(database),
            Place::Sqlite(folder) => format!("sqlite:{}", folder.path("source.db").display()),
        }
    }

    /// Runs a script.
    pub fn load(&self, script: &str) {
        match self {
            Place::Postgres(server, database) => server.load_text(database, |input| input.write_all(script.as_bytes())),
            Place::Mysql(server, database) => server.load(database, script),
            Place::Sqlite(folder) => drop(folder.sqlite("source.db", script)),
        }
    }

    /// What a query finds, as its own client tells it.
    pub fn tell(&self, sql: &str) -> String {
        match self {
            Place::Postgres(server, database) => server.psql(database, sql),
            Place::Mysql(server, database) => server.sql(database, sql),
            Place::Sqlite(folder) => {
                let rows = folder.sqlite_rows("source.db", sql);
                rows.iter().map(|row| row.join("|") + "\n").collect()
            }
        }
    }

    /// `name` as this system quotes it.
    pub fn quoted(&self, name: &str) -> String {
        match self {
            Place::Mysql(..) => format!("`{name}`"),
            Place::Postgres(..) | Place::Sqlite(_) => format!("\"{name}\""),
        }
    }

    /// An SQL expression for the bytes of a text: `x` and hexadecimal digits, or `-` for NULL.
    pub fn bytes_of(&self, text: &str) -> String {
        match self {
            Place::Postgres(..) => format!("coalesce('x' || encode(convert_to(({text})::text, 'UTF8'), 'hex'), '-')"),
            Place::Mysql(..) => format!("IFNULL(CONCAT('x', HEX(CONVERT({text} USING utf8mb4))), '-')"),
            Place::Sqlite(_) => format!("ifnull('x' || hex({text}), '-')"),
        }
    }

    /// Takes one row out of a table.
    pub fn lose_one(&self, table: &str) {
        let table = self.quoted(table);
        let lose = match self {
            Place::Postgres(..) => format!("DELETE FROM {table} WHERE ctid = (SELECT max(ctid) FROM {table})"),
            Place::Mysql(..) => format!("DELETE FROM {table} LIMIT 1"),
            Place::Sqlite(_) => format!("DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})"),
        };
        self.load(&lose);
    }

    /// The types of all columns.
    pub fn types(&self) -> String {
        self.tell(match self {
            Place::Postgres(..) => {
                "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull \
                 FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
                 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY relname, attnum"
            }
            Place::Mysql(..) => {
                "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLLATION_NAME, COLUMN_DEFAULT \
                 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION"
            }
            Place::Sqlite(_) => "SELECT name, sql FROM sqlite_schema ORDER BY name",
        })
    }
}
