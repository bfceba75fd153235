//! Values that were written down, and casts, which PostgreSQL prints around most of them.

use sqlparser::ast::{DataType, ExactNumberInfo, Expr, TimezoneInfo, Value};

use super::kind::Kind;
use super::literal;
use super::walk::{Node, Outcome, Walk, strip};

/// Digits that a double keeps of any decimal: SQLite's decimals are doubles.
pub(super) const DOUBLE_DIGITS: usize = 15;

impl Walk<'_> {
    pub(super) fn literal(&self, value: &Value) -> Outcome {
        let target = self.names.target;
        match value {
            Value::Null => Ok(Node::of(Kind::Null, "NULL".to_owned())),
            Value::Boolean(value) => Ok(Node::of(Kind::Boolean, literal::boolean(target, *value).to_owned())),
            Value::Number(digits, false) => self.number(digits),
            Value::SingleQuotedString(text) => {
                let sql = literal::text(target, text)?;
                Ok(Node::written(Kind::Text, sql, text))
            }
            _ => Err("it has a literal of a kind that not every system has".to_owned()),
        }
    }

    fn number(&self, digits: &str) -> Outcome {
        let kind = match literal::decimal_digits(digits) {
            Some(_) if literal::is_integer(digits) => Kind::Integer,
            Some(count) if count <= DOUBLE_DIGITS || !self.has_sqlite() => Kind::Decimal,
            _ => return Err("it has a number that not every system keeps exactly".to_owned()),
        };
        Ok(Node::written(kind, digits.to_owned(), digits))
    }

    /// `DATE '2020-01-01'` and casts of a text that was written down.
    pub(super) fn typed(&self, value: &Value, to: &DataType) -> Outcome {
        let Value::SingleQuotedString(text) = value else { return Err("it has a literal with an odd type".to_owned()) };
        self.text_as(text, to)
    }

    fn text_as(&self, text: &str, to: &DataType) -> Outcome {
        let target = self.names.target;
        let kept = |kind| Ok(Node::written(kind, literal::text(target, text)?, text));
        match to {
            DataType::Integer(None) | DataType::Int(None) | DataType::BigInt(None) | DataType::SmallInt(None) => {
                match literal::is_integer(text) {
                    true => self.number(text),
                    false => Err("it has a number that is none".to_owned()),
                }
            }
            DataType::Numeric(_) | DataType::Decimal(_) => self.number(text),
            DataType::Boolean | DataType::Bool => match literal::as_boolean(text) {
                Some(value) => Ok(Node::of(Kind::Boolean, literal::boolean(target, value).to_owned())),
                None => Err("it has a truth value that is none".to_owned()),
            },
            DataType::Date => {
                let node = kept(Kind::Text)?;
                self.temporal(&node, Kind::Date)
            }
            DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                let node = kept(Kind::Text)?;
                self.temporal(&node, Kind::Timestamp)
            }
            _ if is_text(to) => kept(Kind::Text),
            // An enumeration of the source: what matters is what it is compared with.
            DataType::Custom(..) => kept(Kind::Text),
            other => Err(format!("it has a literal of type {other}")),
        }
    }

    /// A text that was written down, as the day or time it is compared with.
    pub(super) fn temporal(&self, node: &Node, kind: Kind) -> Outcome {
        let Some(text) = node.literal.as_deref().filter(|_| node.kind == Kind::Text) else {
            return Err("it compares a time with a text".to_owned());
        };
        let (good, word) = match kind {
            Kind::Date => (literal::is_date(text), "DATE"),
            _ => (literal::is_timestamp(text), "TIMESTAMP"),
        };
        match good {
            true if !self.has_sqlite() => Ok(Node::of(kind, format!("{word} '{text}'"))),
            true => Err("it compares times, which SQLite does as text".to_owned()),
            false => Err("it has a time that not every system reads alike".to_owned()),
        }
    }

    pub(super) fn cast(&self, inner: &Expr, to: &DataType) -> Outcome {
        if let Expr::Value(value) = strip(inner)
            && let Value::SingleQuotedString(text) = &value.value
        {
            return self.text_as(text, to);
        }
        let node = self.value(inner)?;
        match (&node.kind, to) {
            (Kind::Text | Kind::Label(_), _) if is_text(to) => Ok(node),
            (Kind::Integer, DataType::BigInt(None) | DataType::Int8(None) | DataType::Signed) => Ok(node),
            (Kind::Integer, DataType::Numeric(ExactNumberInfo::None)) if node.literal.is_some() => {
                Ok(Node { kind: Kind::Decimal, ..node })
            }
            (Kind::Integer, DataType::Integer(None) | DataType::Int(None)) if node.literal.is_some() => Ok(node),
            (Kind::Decimal, DataType::Numeric(ExactNumberInfo::None)) => Ok(node),
            (Kind::Integer | Kind::Decimal, DataType::DoublePrecision) if node.literal.is_some() => {
                Ok(Node { kind: Kind::Float, ..node })
            }
            (Kind::Float, DataType::DoublePrecision) => Ok(node),
            _ => Err(format!("it converts to {to}")),
        }
    }
}

fn is_text(to: &DataType) -> bool {
    matches!(to, DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None))
}
