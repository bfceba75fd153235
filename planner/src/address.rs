//! Finds the secrets inside a URL, to leave them out or to name a variable instead. It does not connect and does not
//! judge whether the URL is right: text that is not a URL must be safe too, so in doubt more is hidden.

use std::ops::Range;

/// The URL with every secret replaced by `***`, or the text as it is if there is none.
pub(crate) fn without_secrets(url: &str) -> String {
    replaced(url, |_, _| "***".to_owned(), str::to_owned)
}

/// The URL with every secret replaced by `secret(kind, text)` and the rest passed through `rest`. The kind is `PASSWORD`, or
/// the parameter's name in capitals.
pub(crate) fn replaced(url: &str, secret: impl Fn(&str, &str) -> String, rest: impl Fn(&str) -> String) -> String {
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
        out.push_str(&secret(&kind, &url[range.clone()]));
        done = range.end;
    }
    out.push_str(&rest(&url[done..]));
    out
}

/// Where the password of `scheme://user:password@host` stands: from the first colon to the last `@` anywhere, because a
/// password may hold every delimiter unescaped. A port that is not a number is taken for one too.
fn password(url: &str) -> Option<Range<usize>> {
    let start = match url.find("://") {
        Some(scheme) => scheme + 3,
        None if url.starts_with("postgres") => url.find(':')? + 1,
        None => return None,
    };
    let rest = &url[start..];
    let colon = rest.find(':')?;
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let end = match rest.rfind('@') {
        Some(at) => at,
        None if rest.starts_with('[') || colon > authority_end => return None,
        None if rest[colon + 1..authority_end].chars().all(|c| c.is_ascii_digit()) => return None,
        None => authority_end,
    };
    (colon + 1 < end).then(|| start + colon + 1..start + end)
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
            ("postgresql://host:5432/db?application_name=me", "postgresql://host:5432/db?application_name=me"),
            ("postgresql://me:1/hunter2@db/shop", "postgresql://me:***@db/shop"),
            ("postgresql://me:1?hunter2@db/shop", "postgresql://me:***@db/shop"),
            ("postgresql://me:hunter2@a,b/shop", "postgresql://me:***@a,b/shop"),
            ("parquet:s3://AKIA:hunter2@bucket/x", "parquet:s3://AKIA:***@bucket/x"),
            ("postgresql://:/?00!aA!@", "postgresql://:***@"),
            ("postgresql://me:hunter2/db", "postgresql://me:***/db"),
            ("postgresql:me:hunter2@host/db", "postgresql:me:***@host/db"),
            ("sqlite:///data/a:b.db", "sqlite:///data/a:b.db"),
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
