//! Values that are computed: numbers, and texts one after the other.

use sensei_storage::System;
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::kind::Kind;
use super::walk::{Node, Outcome, Walk};

impl Walk<'_> {
    /// A whole number as it goes into a computation: SQLite and MySQL compute with 64 bits, PostgreSQL with as many as
    /// the wider operand has.
    fn wide(&self, node: &Node) -> String {
        let widens = self.names.target == System::Postgresql && node.is_narrow;
        if widens { format!("CAST({} AS bigint)", node.sql) } else { node.sql.clone() }
    }

    pub(super) fn unary(&self, op: UnaryOperator, inner: &Expr) -> Outcome {
        match op {
            UnaryOperator::Not | UnaryOperator::BangNot => {
                Ok(Node::of(Kind::Boolean, format!("(NOT {})", self.condition(inner)?)))
            }
            UnaryOperator::Minus => {
                let node = self.value(inner)?;
                if !matches!(node.kind, Kind::Integer | Kind::Decimal | Kind::Float) {
                    return Err("it has a sign before something that is no number".to_owned());
                }
                let literal = node.literal.as_ref().map(|digits| format!("-{digits}"));
                // A blank keeps two signs from becoming a comment.
                let sql = if literal.is_some() { node.sql.clone() } else { self.wide(&node) };
                let is_narrow = literal.is_some() && node.is_narrow;
                Ok(Node { literal, is_narrow, ..Node::of(node.kind, format!("(- {sql})")) })
            }
            other => Err(format!("it uses the operator {other}")),
        }
    }

    pub(super) fn arithmetic(&self, left: &Node, op: &BinaryOperator, right: &Node) -> Outcome {
        let kind = match (&left.kind, &right.kind) {
            (Kind::Other(why), _) | (_, Kind::Other(why)) => return Err(why.clone()),
            (Kind::Integer, Kind::Integer) => Kind::Integer,
            (Kind::Integer | Kind::Decimal, Kind::Integer | Kind::Decimal) if !self.has_sqlite() => Kind::Decimal,
            (Kind::Decimal, _) | (_, Kind::Decimal) if self.has_sqlite() => {
                return Err("it computes with decimals, which SQLite does in floating point".to_owned());
            }
            (Kind::Float, Kind::Float) => Kind::Float,
            _ => return Err("it computes with values that are no numbers of one type".to_owned()),
        };
        // One wide operand is enough.
        let first = if right.is_narrow { self.wide(left) } else { left.sql.clone() };
        Ok(Node { is_narrow: false, ..Node::of(kind, format!("({first} {op} {})", right.sql)) })
    }

    /// Whole numbers divided by a number that is there to see and is not zero: by zero is an error here and NULL there.
    pub(super) fn division(&self, left: &Node, op: &BinaryOperator, right: &Node) -> Outcome {
        let safe = right.literal.as_deref().and_then(|digits| digits.parse::<i64>().ok()).is_some_and(|by| by > 0);
        if left.kind != Kind::Integer || right.kind != Kind::Integer || !safe {
            return Err(format!("it uses the operator {op} on other than whole numbers and a positive constant"));
        }
        let word = match (op, self.names.source, self.names.target) {
            (BinaryOperator::Modulo, ..) => "%",
            (BinaryOperator::Divide, System::Mysql, _) => {
                return Err("it uses the operator /, which gives a decimal in MySQL".to_owned());
            }
            (_, _, System::Mysql) => "DIV",
            _ => "/",
        };
        Ok(Node::of(Kind::Integer, format!("({} {word} {})", left.sql, right.sql)))
    }

    /// Texts one after the other; NULL if one of them is.
    pub(super) fn concat(&self, parts: &[Node]) -> Outcome {
        if let Some(Kind::Other(why)) = parts.iter().map(|part| &part.kind).find(|kind| matches!(kind, Kind::Other(_)))
        {
            return Err(why.clone());
        }
        if !parts.iter().all(|part| matches!(part.kind, Kind::Text | Kind::Null)) {
            return Err("it joins values that are no texts".to_owned());
        }
        let words: Vec<&str> = parts.iter().map(|part| part.sql.as_str()).collect();
        Ok(Node::of(
            Kind::Text,
            match self.names.target {
                System::Mysql => format!("concat({})", words.join(", ")),
                _ => format!("({})", words.join(" || ")),
            },
        ))
    }
}
