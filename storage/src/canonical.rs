//! One byte form per JSON value, so that equal values hash and sign alike.
//!
//! Two callers with different numbers in mind: what Sensei signs holds integers only ([`canonical_json`]), while a JSON
//! cell of a database holds any decimal, which must not pass through a double on the way
//! ([`canonicalize_json_text`]). Strings and key order follow RFC 8785 in both. Knows nothing of evidence or columns.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

/// Objects and arrays may nest this deep in a JSON cell. Chosen well above what people write and well below what a
/// worker's stack holds.
pub const JSON_DEPTH_MAX: usize = 256;

/// The canonical bytes of a value that holds no fraction: keys sorted by UTF-16 code units, no white space, integers
/// in decimal however large.
///
/// ```
/// use sensei_storage::canonical_json;
/// let value = serde_json::json!({"b": [1, null], "a": "é"});
/// assert_eq!(canonical_json(&value), "{\"a\":\"é\",\"b\":[1,null]}".as_bytes());
/// ```
///
/// # Panics
/// If a number is not a 64-bit integer; ask [`is_integral`] first where the value comes from outside.
/// # Source
/// RFC 8785, without its number form, which would round integers above 2^53.
pub fn canonical_json(value: &Value) -> Vec<u8> {
    assert!(is_integral(value), "what is signed holds no fractions");
    let mut out = String::new();
    write_value(&mut out, value);
    out.into_bytes()
}

/// Whether every number in `value` is a 64-bit integer.
pub fn is_integral(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Array(items) => items.iter().all(is_integral),
        Value::Object(members) => members.values().all(is_integral),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// The canonical form of a JSON text, equal for two texts exactly if they hold the same value: order of keys, white
/// space, escapes and the spelling of numbers carry no meaning, and the last of several equal keys wins, as in
/// PostgreSQL's `jsonb`. Numbers are exact decimals in the form `digits` or `digits e exponent`, the digits without a
/// zero at either end: `1`, `1.0` and `10e-1` are `1`, and `-250` is `-25e1`.
///
/// ```
/// use sensei_storage::canonicalize_json_text;
/// assert_eq!(canonicalize_json_text(r#" {"b": 1.50, "a": "\u0041"} "#).unwrap(), r#"{"a":"A","b":15e-1}"#);
/// ```
///
/// # Errors
/// Why the text is not JSON, or nests deeper than [`JSON_DEPTH_MAX`], or holds half of a surrogate pair (which no UTF-8
/// text can carry). The reason names a byte offset and never repeats the text.
/// # Source
/// RFC 8259 (grammar), RFC 8785 (strings, key order).
pub fn canonicalize_json_text(text: &str) -> Result<String, String> {
    let mut scanner = Scanner { text, at: 0, depth: 0, out: String::with_capacity(text.len()) };
    scanner.value()?;
    scanner.skip_space();
    match scanner.peek() {
        None => Ok(scanner.out),
        Some(_) => scanner.fail("something follows the value"),
    }
}

/// Reads JSON once from left to right and writes the canonical form behind itself.
struct Scanner<'a> {
    text: &'a str,
    /// Offset of the next byte to read; always between characters.
    at: usize,
    depth: usize,
    out: String,
}

/// One member of an object: its decoded key and where its canonical bytes stand in the output.
struct Member<'a> {
    key: Cow<'a, str>,
    start: usize,
    end: usize,
}

impl<'a> Scanner<'a> {
    fn value(&mut self) -> Result<(), String> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Scanner::object),
            Some(b'[') => self.nested(Scanner::array),
            Some(b'"') => {
                let text = self.string()?;
                write_string(&mut self.out, &text);
                Ok(())
            }
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.fail("no JSON value starts here"),
            None => self.fail("the text ends early"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<(), String>) -> Result<(), String> {
        if self.depth == JSON_DEPTH_MAX {
            return self.fail("nested too deep");
        }
        self.depth += 1;
        self.at += 1;
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), String> {
        self.out.push('[');
        self.skip_space();
        let mut more = !self.take(b']');
        while more {
            self.value()?;
            self.skip_space();
            more = self.take(b',');
            if more {
                self.out.push(',');
            } else {
                self.expect(b']', "expected `,` or `]`")?;
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self) -> Result<(), String> {
        self.out.push('{');
        let first = self.out.len();
        let mut members = Vec::new();
        self.skip_space();
        let mut more = !self.take(b'}');
        while more {
            members.push(self.member()?);
            self.skip_space();
            more = self.take(b',');
            if more {
                self.out.push(',');
            } else {
                self.expect(b'}', "expected `,` or `}`")?;
            }
        }
        if !members.is_sorted_by(|a, b| order(&a.key, &b.key).is_lt()) {
            self.reorder(first, members);
        }
        self.out.push('}');
        Ok(())
    }

    fn member(&mut self) -> Result<Member<'a>, String> {
        self.skip_space();
        let key = self.string()?;
        self.skip_space();
        self.expect(b':', "expected `:`")?;
        let start = self.out.len();
        write_string(&mut self.out, &key);
        self.out.push(':');
        self.value()?;
        Ok(Member { key, start, end: self.out.len() })
    }

    /// Rewrites the members that stand in the output from `first` on: sorted, and of equal keys only the last.
    fn reorder(&mut self, first: usize, mut members: Vec<Member<'a>>) {
        // The later of two equal keys comes first after this sort, so that `dedup` keeps it.
        members.sort_by(|a, b| order(&a.key, &b.key).then(b.start.cmp(&a.start)));
        members.dedup_by(|later, kept| later.key == kept.key);
        let written = self.out.split_off(first);
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.out.push_str(&written[member.start - first..member.end - first]);
        }
    }

    /// Reads a string; borrows it where no escape had to be undone.
    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        let plain = self.plain_run()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        self.at = start;
        let mut decoded = String::new();
        loop {
            decoded.push_str(self.plain_run()?);
            if self.take(b'"') {
                return Ok(Cow::Owned(decoded));
            }
            self.at += 1; // The backslash that ended the run.
            decoded.push(self.escape()?);
        }
    }

    /// Reads up to the next quote or backslash.
    fn plain_run(&mut self) -> Result<&'a str, String> {
        let rest = &self.text[self.at..];
        let run = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        let Some(length) = run else { return self.fail("a string does not end") };
        self.at += length;
        if rest.as_bytes()[length] < 0x20 {
            return self.fail("a control character stands in a string");
        }
        Ok(&rest[..length])
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, String> {
        let Some(byte) = self.peek() else { return self.fail("a string does not end") };
        let decoded = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.code_point();
            }
            _ => return self.fail("unknown escape"),
        };
        self.at += 1;
        Ok(decoded)
    }

    /// Reads the digits of `\uXXXX`, and of the second half where it is one of a surrogate pair.
    fn code_point(&mut self) -> Result<char, String> {
        let first = self.code_unit()?;
        let second = match first {
            0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                Some(self.code_unit()?)
            }
            _ => None,
        };
        let mut decoded = char::decode_utf16(std::iter::once(first).chain(second));
        match (decoded.next(), decoded.next()) {
            (Some(Ok(character)), None) => Ok(character),
            _ => self.fail("half of a surrogate pair"),
        }
    }

    fn code_unit(&mut self) -> Result<u16, String> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let Some(digits) = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)) else {
            return self.fail("four hex digits must follow `\\u`");
        };
        self.at += 4;
        Ok(digits.iter().fold(0, |unit, digit| unit << 4 | hex_value(*digit)))
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("no JSON value starts here");
        }
        self.at += word.len();
        self.out.push_str(word);
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let negative = self.take(b'-');
        let whole = self.digits();
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return self.fail("not a number");
        }
        let mut fraction = "";
        if self.take(b'.') {
            fraction = self.digits();
            if fraction.is_empty() {
                return self.fail("digits must follow the decimal point");
            }
        }
        let mut exponent = "0";
        if self.take(b'e') || self.take(b'E') {
            exponent = self.exponent()?;
        }
        match write_decimal(&mut self.out, negative, whole, fraction, exponent) {
            Some(()) => Ok(()),
            None => self.fail("an exponent is out of range"),
        }
    }

    /// Reads an exponent with its sign, without a leading `+`.
    fn exponent(&mut self) -> Result<&'a str, String> {
        self.take(b'+');
        let start = self.at;
        if start == 0 || self.text.as_bytes()[start - 1] != b'+' {
            self.take(b'-');
        }
        if self.digits().is_empty() {
            return self.fail("digits must follow the exponent sign");
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8, otherwise: &str) -> Result<(), String> {
        if self.take(byte) { Ok(()) } else { self.fail(otherwise) }
    }

    fn fail<T>(&self, why: &str) -> Result<T, String> {
        Err(format!("{why} at byte {}", self.at))
    }
}

/// Writes `±whole.fraction × 10^exponent` with the digits stripped of zeros at both ends. `None` if the exponent
/// leaves the range of 64 bits.
fn write_decimal(out: &mut String, negative: bool, whole: &str, fraction: &str, exponent: &str) -> Option<()> {
    let digits = if fraction.is_empty() { Cow::Borrowed(whole) } else { Cow::Owned(format!("{whole}{fraction}")) };
    let kept = digits.trim_end_matches('0');
    let significant = kept.trim_start_matches('0');
    if significant.is_empty() {
        out.push('0');
        return Some(());
    }
    let dropped = i64::try_from(digits.len() - kept.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.parse::<i64>().ok()?.checked_add(dropped)?.checked_sub(places)?;
    if negative {
        out.push('-');
    }
    out.push_str(significant);
    if exponent != 0 {
        out.push('e');
        out.push_str(&exponent.to_string());
    }
    Some(())
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| order(a.0, b.0));
            out.push('{');
            for (index, (key, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_value(out, member);
            }
            out.push('}');
        }
    }
}

/// Writes a string literal with the shortest escapes RFC 8785 allows.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(length) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        out.push_str(&rest[..length]);
        match rest.as_bytes()[length] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x8 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0xc => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            control => out.push_str(&format!("\\u{control:04x}")),
        }
        rest = &rest[length + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Order by UTF-16 code units, which differs from that of UTF-8 above U+FFFF.
fn order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

fn hex_value(digit: u8) -> u16 {
    u16::from(match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    })
}

#[cfg(test)]
#[path = "canonical_tests.rs"]
mod tests;
