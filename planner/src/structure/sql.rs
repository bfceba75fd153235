//! The same expression as one server prints it before and another after it was read once more.

/// Words that go on a type's name of several words, such as `timestamp without time zone`.
const TYPE_WORDS: [&str; 6] = ["varying", "precision", "without", "with", "time", "zone"];

/// What is left of an expression without white space, parentheses, casts and the case of words: PostgreSQL adds casts and
/// parentheses of its own when it reads its own text again (`= ANY (ARRAY[…])` over `varchar` is one such), so texts that
/// differ in these alone may be one expression.
pub(super) fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match next {
            '\'' | '"' | '`' => {
                let end = quoted_end(rest, next);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            ':' if rest.starts_with("::") => rest = after_type(&rest[2..]),
            _ => {
                if !next.is_whitespace() && !matches!(next, '(' | ')') {
                    out.extend(next.to_lowercase());
                }
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out
}

/// Bytes of the quoted text at the start, to the end of all where it is never closed. A doubled quote begins anew, which
/// gives the same whole.
fn quoted_end(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |at| at + 2)
}

/// What follows a type's name.
fn after_type(text: &str) -> &str {
    let mut rest = match text.strip_prefix('"') {
        Some(_) => &text[quoted_end(text, '"')..],
        None => after_word(text),
    };
    loop {
        let next = rest.trim_start();
        let word = &next[..next.len() - after_word(next).len()];
        if next.starts_with('(') && next[1..].trim_start().starts_with(|c: char| c.is_ascii_digit()) {
            rest = next.find(')').map_or("", |end| &next[end + 1..]);
        } else if let Some(array) = next.strip_prefix("[]") {
            rest = array;
        } else if TYPE_WORDS.contains(&word) {
            rest = after_word(next);
        } else {
            return rest;
        }
    }
}

fn after_word(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::skeleton;

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(skeleton(a), skeleton(b));
    }

    #[test]
    fn casts_and_parentheses_do_not_count() {
        same(
            "((status)::text = ANY ((ARRAY['a'::character varying, 'B b'::character varying])::text[]))",
            "(status)::text = ANY (ARRAY[('a'::character varying)::text, ('B b'::character varying)::text])",
        );
        same("price > (0)::numeric(10, 2)", "price>0");
        same("at < '2020-01-01'::timestamp without time zone AND x", "at < '2020-01-01' and x");
        same("'x'::\"My Type\"[]", "'x'");
    }

    #[test]
    fn everything_else_counts() {
        for (a, b) in [
            ("price > 0", "price > 1"),
            ("name = 'A'", "name = 'a'"),
            ("\"A\" > 0", "\"a\" > 0"),
            ("x = '('", "x = ''"),
            ("x = 'it''s'", "x = 'its'"),
            ("a with b", "a b"),
        ] {
            assert_ne!(skeleton(a), skeleton(b), "{a}");
        }
    }

    #[test]
    fn broken_text_is_taken_as_it_is() {
        for text in ["'open", "x::", "::", "::numeric(1", "\"", "é::ü"] {
            skeleton(text);
        }
    }
}
