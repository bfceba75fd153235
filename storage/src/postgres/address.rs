//! Where a server is and how to log in: reads `postgresql://` URLs. Connects to nothing.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::error::{Error, Result};
use crate::server_url::{ServerUrl, is_local, variable};

/// Gives up on one address after this long; a guess that suits a wide-area link.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How much of the server's identity is checked, as libpq's `sslmode` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// No TLS.
    Disable,
    /// TLS if the server offers it, nothing verified.
    Prefer,
    /// TLS, nothing verified (the chain is, once `sslrootcert` is given).
    Require,
    /// TLS, certificate chain verified.
    VerifyCa,
    /// TLS, certificate chain and host name verified.
    VerifyFull,
}

/// A parsed URL.
#[derive(Clone)]
pub(crate) struct Address {
    /// Host, port, user, password and database.
    pub config: Config,
    /// TLS policy.
    pub security: Security,
    /// Trusted roots as a PEM file; the system's own without it.
    pub root_certificates: Option<PathBuf>,
    /// The endpoint for people, without the password.
    pub label: String,
}

impl Address {
    /// Reads `postgresql://[user[:password]@][host][:port][/database][?option=value&…]`.
    ///
    /// # Errors
    /// `Invalid` for anything it does not understand; the message never repeats the URL, which may hold a password.
    /// # Source
    /// PostgreSQL manual 34.1.1, connection URIs.
    pub(crate) fn parse(url: &str) -> Result<Address> {
        let mut parts = ServerUrl::split(url, &["postgresql", "postgres"]).map_err(invalid)?;
        let mut option = |name: &str| parts.options.remove(name);
        let host = option("host").or(parts.host).unwrap_or_else(|| "localhost".to_owned());
        let port = option("port").or(parts.port).map_or(Ok(5432), |port| number("port", &port))?;
        let user = option("user").or(parts.user).or_else(|| variable("PGUSER"));
        let password = option("password").or(parts.password).or_else(|| variable("PGPASSWORD"));
        let database = option("dbname").or(parts.database);
        let local = host.starts_with('/');
        let security = security(option("sslmode").as_deref(), &host)?;
        let root_certificates = option("sslrootcert").map(PathBuf::from);
        let timeout = option("connect_timeout").map(|text| number("connect_timeout", &text)).transpose()?;
        if let Some(name) = parts.options.keys().next() {
            return Err(invalid(format!("option \"{name}\" is not supported")));
        }
        let label = label(user.as_deref(), &host, port, database.as_deref());
        let mut config = Config::new();
        config
            .host(host)
            .port(port)
            .application_name("sensei")
            .connect_timeout(timeout.map_or(CONNECT_TIMEOUT, Duration::from_secs));
        user.map(|user| config.user(user));
        password.map(|password| config.password(password));
        database.map(|database| config.dbname(database));
        // TLS is never spoken over a unix socket, whatever is asked for, as with libpq.
        let security = if local { Security::Disable } else { security };
        config.ssl_mode(match security {
            Security::Disable => SslMode::Disable,
            Security::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        let security = match security {
            Security::Require if root_certificates.is_some() => Security::VerifyCa,
            other => other,
        };
        Ok(Address { config, security, root_certificates, label })
    }
}

fn security(mode: Option<&str>, host: &str) -> Result<Security> {
    match mode {
        None if is_local(host) => Ok(Security::Prefer),
        None | Some("require") => Ok(Security::Require),
        Some("disable") => Ok(Security::Disable),
        Some("prefer" | "allow") => Ok(Security::Prefer),
        Some("verify-ca") => Ok(Security::VerifyCa),
        Some("verify-full") => Ok(Security::VerifyFull),
        Some(_) => Err(invalid("sslmode is one of disable, prefer, require, verify-ca, verify-full".to_owned())),
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| invalid(format!("{name} is not a number in range")))
}

fn label(user: Option<&str>, host: &str, port: u16, database: Option<&str>) -> String {
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let database = database.map(|database| format!("/{database}")).unwrap_or_default();
    format!("postgresql://{user}{host}:{port}{database}")
}

fn invalid(why: String) -> Error {
    Error::Invalid { what: "the PostgreSQL URL".to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url).expect("a good URL")
    }

    #[test]
    fn reads_every_part_and_hides_the_password() {
        let address = parse("postgresql://me:s%40cret@db.example:6543/shop?sslmode=verify-full&sslrootcert=/ca.pem");
        assert_eq!(address.config.get_password(), Some(b"s@cret".as_slice()));
        assert_eq!(address.security, Security::VerifyFull);
        assert_eq!(address.root_certificates, Some(PathBuf::from("/ca.pem")));
        assert_eq!(address.label, "postgresql://me@db.example:6543/shop");
    }

    #[test]
    fn reads_unix_sockets_in_both_spellings() {
        for url in
            ["postgresql://me@/shop?host=/run/pg", "postgresql://me@%2Frun%2Fpg/shop", "postgres:///shop?host=/run/pg"]
        {
            let address = parse(url);
            assert!(
                matches!(&address.config.get_hosts()[0], tokio_postgres::config::Host::Unix(path) if path.ends_with("pg"))
            );
            assert_eq!(address.security, Security::Disable);
        }
    }

    #[test]
    fn the_default_is_encrypted_away_from_home() {
        assert_eq!(parse("postgresql://db.example/x").security, Security::Require);
        assert_eq!(parse("postgresql://127.0.0.1/x").security, Security::Prefer);
        assert_eq!(parse("postgresql://[::1]:77/x").security, Security::Prefer);
        assert_eq!(parse("postgresql://h/x?sslmode=require&sslrootcert=r").security, Security::VerifyCa);
    }

    #[test]
    fn refusals_never_repeat_the_url() {
        for url in [
            "mysql://u:hunter2@h/d",
            "postgresql://u:hunter2@h:port/d",
            "postgresql://u:hunter2%@h/d",
            "postgresql://u:hunter2@h/d?ssl=hunter2",
        ] {
            let error = Address::parse(url).err().expect("refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
