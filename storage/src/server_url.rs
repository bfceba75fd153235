//! Takes the URL of a database server apart: `scheme://[user[:password]@][host][:port][/database][?option=value&…]`.
//! Knows no system's options and connects to nothing.

use std::collections::BTreeMap;

/// The parts of a URL, decoded.
#[derive(Default)]
pub(crate) struct ServerUrl {
    /// Who logs in.
    pub user: Option<String>,
    /// With what.
    pub password: Option<String>,
    /// Name, address or folder.
    pub host: Option<String>,
    /// Port as written.
    pub port: Option<String>,
    /// What follows the host.
    pub database: Option<String>,
    /// What follows the question mark.
    pub options: BTreeMap<String, String>,
}

impl ServerUrl {
    /// Takes `url` apart, which must begin with one of `schemes`, such as `postgresql`.
    ///
    /// # Errors
    /// Why it cannot be, without repeating the URL, which may hold a password.
    /// # Source
    /// RFC 3986; PostgreSQL manual 34.1.1, connection URIs.
    pub(crate) fn split(url: &str, schemes: &[&str]) -> Result<ServerUrl, String> {
        let rest = schemes
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme)?.strip_prefix("://"))
            .ok_or_else(|| format!("it does not begin with {}://", schemes[0]))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if database.contains('@') {
            // It may be the end of a password, so nothing of it may be taken for a host or a database.
            return Err("an @ comes after the first /; a password with / ? # % or @ in it must be percent-encoded, or stand in \
                 a variable, which may hold it as it is"
                .to_owned());
        }
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (place, ""),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let mut options = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or("an option has no value")?;
            options.insert(decode(name)?, decode(value)?);
        }
        Ok(ServerUrl {
            user: present(user)?,
            password: password.map(decode).transpose()?,
            host: present(host)?,
            port: present(port)?,
            database: present(database)?,
            options,
        })
    }
}

/// Whether connections to `host` stay on this machine: a folder or file for a socket, or loopback.
pub(crate) fn is_local(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// An environment variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn present(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() { Ok(None) } else { decode(text).map(Some) }
}

fn decode(text: &str) -> Result<String, String> {
    let malformed = || "a percent-encoded part is malformed".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (pair, tail) = rest.split_at_checked(2).ok_or_else(malformed)?;
        bytes.extend(hex::decode(pair).map_err(|_| malformed())?);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}
