//! Where a plan's source or target is: a URL that may hold secrets, with the settings that go with it.
//! Opens nothing.

use std::fmt;

use crate::catalog::System;
use crate::csv::CsvOptions;
use crate::error::{Error, Result};
use crate::object::describe_url;

/// Text that may hold a password. Never printed: it has no `Display`, and its `Debug` hides the content.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> SecretText {
        SecretText(text.into())
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// One side of a job.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Which system and where: `sqlite:shop.db`, `postgresql://user@host/db`, `csv:folder`, `parquet:s3://bucket/x`.
    pub url: SecretText,
    /// Schema, where the system has them.
    pub schema: Option<String>,
    /// How CSV files are written; ignored by other systems.
    pub csv: CsvOptions,
    /// Connections at once at the most.
    pub connections_max: usize,
}

impl Endpoint {
    /// The kind of system the URL names.
    ///
    /// # Errors
    /// `Invalid`, listing the known ones.
    pub fn system(&self) -> Result<System> {
        let scheme = self.url.expose().split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => Ok(System::Sqlite),
            "postgresql" | "postgres" => Ok(System::Postgresql),
            "mysql" | "mariadb" => Ok(System::Mysql),
            "csv" => Ok(System::Csv),
            "parquet" => Ok(System::Parquet),
            _ => Err(Error::Invalid {
                what: format!("URL \"{}\"", self.describe()),
                why: "it must begin with sqlite:, postgresql:, mysql:, csv: or parquet:".to_owned(),
            }),
        }
    }

    /// What follows the scheme of a file-based system: a path, or for Parquet a URL too. `sqlite://x` means `x`.
    pub fn location(&self) -> &str {
        let rest = self.url.expose().split_once(':').map_or("", |(_, rest)| rest);
        rest.strip_prefix("//").unwrap_or(rest)
    }

    /// The URL for people: without password and query.
    pub fn describe(&self) -> String {
        describe_url(self.url.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint { url: SecretText::new(url), schema: None, csv: CsvOptions::default(), connections_max: 1 }
    }

    #[test]
    fn schemes_name_systems() {
        let system = |url| endpoint(url).system().ok();
        assert_eq!(system("sqlite:a.db"), Some(System::Sqlite));
        assert_eq!(system("postgres://localhost/x"), Some(System::Postgresql));
        assert_eq!(system("PostgreSQL://localhost/x"), Some(System::Postgresql));
        assert_eq!(system("mysql://localhost/x"), Some(System::Mysql));
        assert_eq!(system("mariadb://localhost/x"), Some(System::Mysql));
        assert_eq!(system("csv:folder"), Some(System::Csv));
        assert_eq!(system("parquet:s3://bucket/x"), Some(System::Parquet));
        assert_eq!(system("shop.db"), None);
        let message = endpoint("oracle://u:hunter2@h/x").system().unwrap_err().to_string();
        assert!(message.contains("postgresql:") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn locations_follow_the_scheme() {
        for (url, location) in [
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("csv:/a", "/a"),
            ("parquet:s3://bucket/x", "s3://bucket/x"),
        ] {
            assert_eq!(endpoint(url).location(), location);
        }
    }

    #[test]
    fn no_description_holds_a_secret() {
        for (url, shown) in [
            ("postgresql://me:hunter2@db:5433/shop?sslmode=require", "postgresql://me@db:5433/shop"),
            ("postgresql:///shop?host=/run/pg&password=hunter2", "postgresql:///shop"),
            ("mysql://me:hunter2@db:3307/shop?ssl-mode=REQUIRED", "mysql://me@db:3307/shop"),
            ("mariadb://me:hun#ter2@db/shop", "mariadb://…"),
            ("postgresql://me:hun/ter2@db/shop", "postgresql://…"),
            ("postgresql://me:hun?ter2@db/shop", "postgresql://…"),
            ("postgresql://me:1/hunter2@db/shop", "postgresql://…"),
            ("postgresql://me:hunter2@a,b/shop", "postgresql://me@a,b/shop"),
            ("parquet:s3://AKIA:hunter2@bucket/x", "parquet:s3://AKIA@bucket/x"),
            ("sqlite:data/shop.db", "sqlite:data/shop.db"),
        ] {
            assert_eq!(endpoint(url).describe(), shown);
        }
        assert!(!format!("{:?}", endpoint("postgresql://me:hunter2@db/x")).contains("hunter2"));
    }
}
