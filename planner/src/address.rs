//! Finds the secrets inside a URL, to leave them out or to name a variable instead. It does not connect and does not
//! judge whether the URL is right: text that is not a URL must be safe too, so in doubt more is hidden.

use std::ops::Range;

/// The URL with every secret replaced by `***`, or the text as it is if there is none.
pub(crate) fn without_secrets(url: &str) -> String {
    replaced(url, |_| "***".to_owned(), str::to_owned)
}

/// The URL with every secret replaced by `secret(kind)` and the rest passed through `rest`. The kind is `PASSWORD`, or
/// the parameter's name in capitals.
pub(crate) fn replaced(url: &str, secret: impl Fn(&str) -> String, rest: impl Fn(&str) -> String) -> String {
    let mut found = parameters(url);
    found.extend(password(url).map(|range| (range, "PASSWORD".to_owned())));
    found.sort_by_key(|(range, _)| range.start);
    let mut out = String::new();
    let mut done = 0;
    for (range, kind) in found {
        if range.start < done {
            continue;
        }
        out.push_str(&rest(&url[done..range.start]));
        out.push_str(&secret(&kind));
        done = range.end;
    }
    out.push_str(&rest(&url[done..]));
    out
}

/// Where the password of `scheme://user:password@host` stands.
fn password(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let rest = &url[start..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let userinfo = match authority.rfind('@') {
        Some(end) => &rest[..end],
        None if is_host(authority, rest) => return None,
        // A password with `/`, `?` or `#` in it, not escaped: the last `@` ends it.
        None => &rest[..rest.rfind('@')?],
    };
    let colon = userinfo.find(':')?;
    (colon + 1 < userinfo.len()).then(|| start + colon + 1..start + userinfo.len())
}

/// Whether `authority`, which has no `@`, is a host with or without a port, and not the front half of a login whose
/// password holds a delimiter. An `@` among the parameters of a URL with a path is innocent.
fn is_host(authority: &str, rest: &str) -> bool {
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_port = port.chars().all(|c| c.is_ascii_digit() || c == ']');
    is_port && !path.contains('@') && (path.contains('/') || !rest.contains('@'))
}

/// Where the values of secret parameters stand, with their names in capitals.
fn parameters(url: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut start = 0;
    for part in url.split(['?', '&', ' ']) {
        if let Some((name, value)) = part.split_once('=') {
            let name = name.to_ascii_lowercase();
            let secret = ["password", "passwd", "pwd", "secret", "token", "access_key"];
            if !value.is_empty() && secret.iter().any(|word| name.contains(word)) {
                let from = start + part.len() - value.len();
                let kind = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
                found.push((from..start + part.len(), kind.to_ascii_uppercase()));
            }
        }
        start += part.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_left() {
        for (url, shown) in [
            ("sqlite:data/shop.db", "sqlite:data/shop.db"),
            ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
            ("postgresql://me:hunter2@host/db", "postgresql://me:***@host/db"),
            ("postgresql://me:hun@ter2@host/db", "postgresql://me:***@host/db"),
            ("postgresql://me:hun/ter2@host/db", "postgresql://me:***@host/db"),
            ("postgresql://me:a/b?c#d@host/db", "postgresql://me:***@host/db"),
            ("postgresql://host:5432/db?application_name=me@x", "postgresql://host:5432/db?application_name=me@x"),
            ("postgresql://me:1/hunter2@db/shop", "postgresql://me:***@db/shop"),
            ("postgresql://me:1?hunter2@db/shop", "postgresql://me:***@db/shop"),
            ("postgresql://me:hunter2@a,b/shop", "postgresql://me:***@a,b/shop"),
            ("parquet:s3://AKIA:hunter2@bucket/x", "parquet:s3://AKIA:***@bucket/x"),
            ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
            (
                "postgresql://host/db?password=hunter2&sslmode=require",
                "postgresql://host/db?password=***&sslmode=require",
            ),
            ("s3://bucket/x?aws_secret_access_key=abc", "s3://bucket/x?aws_secret_access_key=***"),
            ("host=h password=hunter2", "host=h password=***"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
