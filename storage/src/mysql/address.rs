//! Where a server is and how to log in: reads `mysql://` and `mariadb://` URLs. Connects to nothing.

use std::path::PathBuf;
use std::time::Duration;

use mysql_async::OptsBuilder;

use crate::error::{Error, Result};
use crate::server_url::{ServerUrl, is_local, variable};

/// Gives up on connecting and logging in after this long; a guess that suits a wide-area link.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The system notices a peer that vanished without a word by probes that begin after this long.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Bytes of a packet that is taken in at most: the protocol's own limit, so that only the server's counts.
const PACKET_BYTES_MAX: usize = 1 << 30;
/// Statements a session keeps prepared; a scan needs one, a writer one per power of two.
const STATEMENTS_MAX: usize = 32;
/// The port of MySQL and of MariaDB.
const PORT_DEFAULT: u16 = 3306;

/// How much of the server's identity is checked, as MySQL's `--ssl-mode` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// No TLS.
    Disabled,
    /// TLS if the server offers it, nothing verified.
    Preferred,
    /// TLS, nothing verified (the chain is, once `ssl-ca` is given).
    Required,
    /// TLS, certificate chain verified.
    VerifyCa,
    /// TLS, certificate chain and host name verified.
    VerifyIdentity,
}

/// A parsed URL.
#[derive(Clone)]
pub(super) struct Address {
    /// Where, as whom and with what, without TLS.
    pub options: OptsBuilder,
    /// TLS policy.
    pub security: Security,
    /// Trusted roots as a PEM file; the system's own without it.
    pub root_certificates: Option<PathBuf>,
    /// The database, which is what a schema is elsewhere.
    pub database: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The endpoint for people, without the password.
    pub label: String,
}

impl Address {
    /// Reads `mysql://[user[:password]@][host][:port]/database[?option=value&…]`.
    ///
    /// # Errors
    /// `Invalid` for anything it does not understand; the message never repeats the URL, which may hold a password.
    /// # Source
    /// MySQL manual 6.2.5, connecting with URI-like strings.
    pub(super) fn parse(url: &str) -> Result<Address> {
        let mut parts = ServerUrl::split(url, &["mysql", "mariadb"]).map_err(invalid)?;
        let mut option = |name: &str| parts.options.remove(name);
        let socket = option("socket").or_else(|| parts.host.clone().filter(|host| host.starts_with('/')));
        let host = parts.host.filter(|host| !host.starts_with('/')).unwrap_or_else(|| "localhost".to_owned());
        let port = parts.port.map_or(Ok(PORT_DEFAULT), |port| number("the port", &port))?;
        let user = parts.user.or_else(|| variable("USER")).ok_or_else(|| invalid("it names no user".to_owned()))?;
        let password = parts.password.or_else(|| variable("MYSQL_PWD"));
        let database = parts.database.ok_or_else(|| invalid("it names no database".to_owned()))?;
        let root_certificates = option("ssl-ca").map(PathBuf::from);
        let security = security(option("ssl-mode").as_deref(), socket.is_some(), &host, root_certificates.is_some())?;
        let timeout = option("connect-timeout").map(|text| number("connect-timeout", &text)).transpose()?;
        if let Some(name) = parts.options.keys().next() {
            return Err(invalid(format!("option \"{name}\" is not supported")));
        }
        let place = socket.clone().unwrap_or_else(|| format!("{host}:{port}"));
        let label = format!("mysql://{user}@{place}/{database}");
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            .socket(socket)
            .user(Some(user))
            .pass(password)
            .db_name(Some(&database))
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .stmt_cache_size(STATEMENTS_MAX)
            .max_allowed_packet(Some(PACKET_BYTES_MAX))
            // The session sets its own; this only keeps the client from asking for it.
            .wait_timeout(Some(0));
        let connect_timeout = timeout.map_or(CONNECT_TIMEOUT, Duration::from_secs);
        Ok(Address { options, security, root_certificates, database, connect_timeout, label })
    }
}

fn security(mode: Option<&str>, socket: bool, host: &str, has_roots: bool) -> Result<Security> {
    let asked = match mode.map(str::to_ascii_uppercase).as_deref() {
        None if is_local(host) => Security::Preferred,
        None | Some("REQUIRED") => Security::Required,
        Some("DISABLED") => Security::Disabled,
        Some("PREFERRED") => Security::Preferred,
        Some("VERIFY_CA") => Security::VerifyCa,
        Some("VERIFY_IDENTITY") => Security::VerifyIdentity,
        Some(_) => {
            let modes = "DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY";
            return Err(invalid(format!("ssl-mode is one of {modes}")));
        }
    };
    Ok(match asked {
        // A socket does not leave this machine.
        _ if socket => Security::Disabled,
        // Whoever names an authority wants it to count.
        Security::Preferred if has_roots && mode.is_none() => Security::VerifyCa,
        Security::Required if has_roots => Security::VerifyCa,
        other => other,
    })
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| invalid(format!("{name} is not a number in range")))
}

fn invalid(why: String) -> Error {
    Error::Invalid { what: "the MySQL URL".to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql_async::Opts;

    fn parse(url: &str) -> Address {
        Address::parse(url).expect("a good URL")
    }

    #[test]
    fn reads_every_part_and_hides_the_password() {
        let address = parse("mysql://me:s%40cret@db.example:3307/shop?ssl-mode=verify_identity&ssl-ca=/ca.pem");
        let options = Opts::from(address.options.clone());
        assert_eq!((options.pass(), options.user()), (Some("s@cret"), Some("me")));
        assert_eq!((options.ip_or_hostname(), options.tcp_port()), ("db.example", 3307));
        assert_eq!(address.security, Security::VerifyIdentity);
        assert_eq!(address.root_certificates, Some(PathBuf::from("/ca.pem")));
        assert_eq!(address.label, "mysql://me@db.example:3307/shop");
        assert_eq!(address.database, "shop");
    }

    #[test]
    fn reads_unix_sockets_in_both_spellings() {
        for url in ["mysql://me@/shop?socket=/run/s.sock", "mariadb://me@%2Frun%2Fs.sock/shop"] {
            let address = parse(url);
            assert_eq!(Opts::from(address.options).socket(), Some("/run/s.sock"));
            assert_eq!(address.security, Security::Disabled);
            assert_eq!(address.label, "mysql://me@/run/s.sock/shop");
        }
    }

    #[test]
    fn the_default_is_encrypted_away_from_home() {
        assert_eq!(parse("mysql://u@db.example/x").security, Security::Required);
        assert_eq!(parse("mysql://u@127.0.0.1/x").security, Security::Preferred);
        assert_eq!(parse("mysql://u@[::1]:77/x").security, Security::Preferred);
        assert_eq!(parse("mysql://u@h/x?ssl-mode=REQUIRED&ssl-ca=r").security, Security::VerifyCa);
        assert_eq!(parse("mysql://u@localhost/x?ssl-ca=r").security, Security::VerifyCa);
        assert_eq!(parse("mysql://u@h/x?ssl-mode=DISABLED").security, Security::Disabled);
    }

    #[test]
    fn refusals_never_repeat_the_url() {
        for url in [
            "postgresql://u:hunter2@h/d",
            "mysql://u:hunter2@h:port/d",
            "mysql://u:hunter2@h",
            "mysql://u:hunter2%@h/d",
            "mysql://u:hunter2@h/d?ssl=hunter2",
            "mysql://u:hunter2@h/d?ssl-mode=hunter2",
        ] {
            let error = Address::parse(url).err().expect("refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
