//! One statement of a transaction, with its parameters, and how its text is put for each system.

use std::fmt;
use std::sync::Arc;

use super::value::Value;
use crate::error::Error;

/// One statement, run once for each row of parameters that it was given, or once without any.
///
/// Its text is the same for every system. Parameters are `$1`, `$2` and so on; `{rows}` stands for `VALUES` with all
/// parameters of many rows at once, for inserting fast; `{now_ms}` for the database's own clock in milliseconds since
/// 1970; `{bytes}` for the type of a column that holds bytes.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) sql: &'static str,
    /// Parameters in a row.
    width: usize,
    values: Vec<Value>,
    expectation: Option<Expectation>,
    pub(super) is_script: bool,
}

/// How many rows must be affected, and the error if it is another number.
#[derive(Clone)]
struct Expectation {
    rows: u64,
    otherwise: Arc<dyn Fn() -> Error + Send + Sync>,
}

impl fmt::Debug for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expectation({})", self.rows)
    }
}

impl Statement {
    /// A statement that changes something and returns no rows.
    pub fn new(sql: &'static str) -> Statement {
        Statement { sql, width: 0, values: Vec::new(), expectation: None, is_script: false }
    }

    /// Several statements without parameters, separated by semicolons.
    pub fn script(sql: &'static str) -> Statement {
        Statement { is_script: true, ..Statement::new(sql) }
    }

    /// With one more row of parameters.
    ///
    /// # Panics
    /// If an earlier row had another number of them.
    #[must_use]
    pub fn row<const N: usize>(mut self, row: [Value; N]) -> Statement {
        self.push(row);
        self
    }

    /// Adds one more row of parameters.
    ///
    /// # Panics
    /// If an earlier row had another number of them.
    pub fn push<const N: usize>(&mut self, row: [Value; N]) {
        assert!(self.values.is_empty() || self.width == N, "rows of one statement are of one width");
        self.width = N;
        self.values.extend(row);
    }

    /// Demands that it affects `rows` rows in all; if not, the transaction is rolled back and ends with `otherwise`.
    #[must_use]
    pub fn expect_rows(mut self, rows: u64, otherwise: impl Fn() -> Error + Send + Sync + 'static) -> Statement {
        self.expectation = Some(Expectation { rows, otherwise: Arc::new(otherwise) });
        self
    }

    /// Checks what was affected.
    pub(super) fn check(&self, affected: u64) -> Result<(), Error> {
        match &self.expectation {
            Some(expected) if expected.rows != affected => Err((expected.otherwise)()),
            _ => Ok(()),
        }
    }

    /// Whether many rows of parameters go into one execution.
    pub(super) fn is_bulk(&self) -> bool {
        self.sql.contains(ROWS)
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The parameters of each execution, `rows` rows in each; one execution without any if there are none.
    pub(super) fn executions(&self, rows: usize) -> impl Iterator<Item = &[Value]> {
        let none = self.values.is_empty().then_some([].as_slice());
        none.into_iter().chain(self.values.chunks((self.width * rows).max(1)))
    }
}

const ROWS: &str = "{rows}";

/// What differs between two systems in the text of a statement.
pub(super) struct Dialect {
    /// What a parameter's number follows.
    pub(super) sigil: char,
    /// Milliseconds since 1970.
    pub(super) now_ms: &'static str,
    /// The type of bytes.
    pub(super) bytes: &'static str,
}

impl Dialect {
    /// `sql` in this dialect, where `{rows}` takes so many parameters in rows of `width`.
    pub(super) fn translate(&self, sql: &str, width: usize, parameters: usize) -> String {
        let mut text = self.number(sql).replace("{now_ms}", self.now_ms).replace("{bytes}", self.bytes);
        if text.contains(ROWS) {
            text = text.replace(ROWS, &self.values(width, parameters));
        }
        text
    }

    /// With this dialect's sigil before the numbers of parameters; text in quotes stays as it is.
    fn number(&self, sql: &str) -> String {
        let mut quoted = false;
        let mut characters = sql.chars().peekable();
        let mut text = String::with_capacity(sql.len());
        while let Some(character) = characters.next() {
            quoted ^= character == '\'';
            let is_parameter =
                !quoted && character == '$' && characters.peek().is_some_and(|next| next.is_ascii_digit());
            text.push(if is_parameter { self.sigil } else { character });
        }
        text
    }

    fn values(&self, width: usize, parameters: usize) -> String {
        let sigil = self.sigil;
        let mut text = "VALUES ".to_owned();
        for number in 1..=parameters {
            let first = (number - 1) % width == 0;
            let before = if !first {
                ", "
            } else if number == 1 {
                "("
            } else {
                "), ("
            };
            text.push_str(&format!("{before}{sigil}{number}"));
        }
        text + ")"
    }
}
