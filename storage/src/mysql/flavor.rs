//! Which server answers, and what its version can do. The one place where MySQL and MariaDB are told apart by number.

use std::fmt;

use crate::error::{Error, Result};

/// The oldest servers that are read. Both are out of support; anything older differs in what its catalog can tell.
const MYSQL_MIN: Version = Version(5, 7, 0);
const MARIADB_MIN: Version = Version(10, 3, 0);

/// The two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavor {
    /// MySQL, Percona Server, and services that speak as MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// Major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

/// What `lower_case_table_names` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableNames {
    /// 0: they are kept, and differ by case.
    Told,
    /// 1: they are kept in lower case.
    Lowered,
    /// 2: they are kept, and do not differ by case.
    Folded,
}

/// A server as it described itself when it was connected to.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Its family.
    pub flavor: Flavor,
    version: Version,
    /// What `VERSION()` says.
    pub text: String,
    /// Bytes of one row or statement at most.
    pub packet_bytes_max: usize,
    /// What becomes of the case of table names.
    pub table_names: TableNames,
}

impl Server {
    /// Reads what `VERSION()`, `@@max_allowed_packet` and `@@lower_case_table_names` said.
    pub(super) fn new(text: &str, packet_bytes_max: usize, lower_case_table_names: u64) -> Server {
        let flavor = match text.to_ascii_lowercase().contains("mariadb") {
            true => Flavor::Mariadb,
            false => Flavor::Mysql,
        };
        let table_names = match lower_case_table_names {
            0 => TableNames::Told,
            1 => TableNames::Lowered,
            _ => TableNames::Folded,
        };
        Server { flavor, version: Version::parse(text), text: text.to_owned(), packet_bytes_max, table_names }
    }

    /// The server that a catalog's `version` tells of, such as `MySQL 8.0.36`; packets and names are left open.
    pub(super) fn of_catalog(version: &str) -> Server {
        let text = version.split_once(' ').map_or(version, |(_, text)| text);
        let flavor = if version.contains("MariaDB") { Flavor::Mariadb } else { Flavor::Mysql };
        Server { flavor, ..Server::new(text, 0, 0) }
    }

    /// # Errors
    /// `Unsupported` for a server that is too old.
    pub(super) fn supported(self, at: &str) -> Result<Server> {
        let (name, least) = match self.flavor {
            Flavor::Mysql => ("MySQL", MYSQL_MIN),
            Flavor::Mariadb => ("MariaDB", MARIADB_MIN),
        };
        match self.version >= least {
            true => Ok(self),
            false => Err(Error::Unsupported {
                what: format!("{name} {} at {at}", self.text),
                why: format!("version {}.{} or later is needed", least.0, least.1),
            }),
        }
    }

    /// Whether it is MySQL and of this version or later.
    pub(super) fn is_mysql(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.flavor == Flavor::Mysql && self.version >= Version(major, minor, patch)
    }

    /// Whether it is MariaDB and of this version or later.
    pub(super) fn is_mariadb(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.flavor == Flavor::Mariadb && self.version >= Version(major, minor, patch)
    }

    /// Whether columns can be invisible, which a target needs.
    pub(super) fn hides_columns(&self) -> bool {
        self.is_mysql(8, 0, 23) || self.is_mariadb(10, 3, 0)
    }

    /// Whether check constraints are kept and can be looked up.
    pub(super) fn has_checks(&self) -> bool {
        self.is_mysql(8, 0, 16) || self.is_mariadb(10, 3, 0)
    }
}

impl Version {
    /// The first three numbers of a text such as `8.0.36-28` or `10.11.6-MariaDB-log`; what is missing counts as 0.
    fn parse(text: &str) -> Version {
        let numbers = text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
        let mut numbers = numbers.chain(std::iter::repeat(0));
        let mut next = || numbers.next().unwrap_or(0);
        Version(next(), next(), next())
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flavor::Mysql => "MySQL",
            Flavor::Mariadb => "MariaDB",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart_by_what_they_say_of_themselves() {
        let server = |text| Server::new(text, 1 << 24, 0);
        assert_eq!(server("10.11.6-MariaDB-0+deb12u1-log").version, Version(10, 11, 6));
        assert!(server("11.4-MariaDB").is_mariadb(11, 4, 0) && !server("11.4-MariaDB").is_mysql(5, 7, 0));
        assert!(server("8.0.36-28").is_mysql(8, 0, 36) && !server("8.0.36").is_mysql(8, 0, 37));
        assert!(server("8.4.0").hides_columns() && !server("8.0.22").hides_columns());
        assert!(server("10.3.39-MariaDB").supported("x").is_ok());
        assert!(Server::of_catalog("MariaDB 11.4.2").is_mariadb(11, 4, 2));
        assert!(Server::of_catalog("MySQL 8.0.36-28").is_mysql(8, 0, 36));
        let error = server("5.6.51-log").supported("mysql://h/d").expect_err("too old").to_string();
        assert!(error.contains("5.6.51") && error.contains("5.7"), "{error}");
    }
}
