//! Values that are compared: which two kinds agree on what is equal, and what comes first.

use sensei_storage::System;
use sqlparser::ast::{BinaryOperator, Expr};

use super::constant::DOUBLE_DIGITS;
use super::kind::Kind;
use super::literal;
use super::walk::{Node, Outcome, Walk};

impl Walk<'_> {
    /// Two values compared, written as one condition.
    pub(super) fn compare(&self, left: &Node, op: &BinaryOperator, right: &Node) -> Outcome {
        let (left, right) = self.agree(left, right)?;
        let ordered = !matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
        let unordered = |kind: &Kind| matches!(kind, Kind::Text | Kind::Label(_) | Kind::Boolean);
        if ordered && (unordered(&left.kind) || unordered(&right.kind)) {
            return Err("it orders texts, labels or truth values, which each system does in its own way".to_owned());
        }
        Ok(Node::of(Kind::Boolean, format!("({} {op} {})", left.sql, right.sql)))
    }

    /// Both values in the words in which the target compares them as the source does.
    pub(super) fn agree(&self, left: &Node, right: &Node) -> Result<(Node, Node), String> {
        let kept = || Ok((left.clone(), right.clone()));
        match (&left.kind, &right.kind) {
            (Kind::Other(why), _) | (_, Kind::Other(why)) => Err(why.clone()),
            (Kind::Null, _) | (_, Kind::Null) => kept(),
            (Kind::Integer | Kind::Decimal, Kind::Integer | Kind::Decimal) | (Kind::Float, Kind::Float) => kept(),
            // A double is compared with a decimal as a double everywhere, exactly if the decimal has few digits.
            (Kind::Float, Kind::Integer | Kind::Decimal) if short(right) => kept(),
            (Kind::Integer | Kind::Decimal, Kind::Float) if short(left) => kept(),
            (Kind::Boolean, Kind::Integer) => Ok((left.clone(), self.truth(right)?)),
            (Kind::Integer, Kind::Boolean) => Ok((self.truth(left)?, right.clone())),
            (Kind::Label(labels), Kind::Text) => label(labels, right).and_then(|()| kept()),
            (Kind::Text, Kind::Label(labels)) => label(labels, left).and_then(|()| kept()),
            (Kind::Text, Kind::Text) => self.texts(left, right).and_then(|()| kept()),
            (kind @ (Kind::Date | Kind::Timestamp), Kind::Text) => {
                Ok((left.clone(), self.temporal(right, kind.clone())?))
            }
            (Kind::Text, kind @ (Kind::Date | Kind::Timestamp)) => {
                Ok((self.temporal(left, kind.clone())?, right.clone()))
            }
            (a, b) if a == b && !matches!(a, Kind::Label(_)) => kept(),
            _ => Err("it compares values of different types".to_owned()),
        }
    }

    /// Two texts of which neither is a column are compared by the collation of the session in MySQL.
    fn texts(&self, left: &Node, right: &Node) -> Result<(), String> {
        let mysql = self.names.source == System::Mysql || self.names.target == System::Mysql;
        match mysql && left.literal.is_some() && right.literal.is_some() {
            true => Err("it compares two texts by the collation of the session".to_owned()),
            false => Ok(()),
        }
    }

    /// A 0 or 1 that stands for a truth value.
    fn truth(&self, node: &Node) -> Outcome {
        match node.literal.as_deref() {
            Some("0") => Ok(Node::of(Kind::Boolean, literal::boolean(self.names.target, false).to_owned())),
            Some("1") => Ok(Node::of(Kind::Boolean, literal::boolean(self.names.target, true).to_owned())),
            _ => Err("it compares a truth value with a number".to_owned()),
        }
    }

    pub(super) fn distinct(&self, left: &Expr, right: &Expr, negated: bool) -> Outcome {
        let (left, right) = self.agree(&self.value(left)?, &self.value(right)?)?;
        let (left, right) = (left.sql, right.sql);
        let sql = match (self.names.target, negated) {
            (System::Mysql, false) => format!("({left} <=> {right})"),
            (System::Mysql, true) => format!("(NOT ({left} <=> {right}))"),
            (_, false) => format!("({left} IS NOT DISTINCT FROM {right})"),
            (_, true) => format!("({left} IS DISTINCT FROM {right})"),
        };
        Ok(Node::of(Kind::Boolean, sql))
    }

    pub(super) fn one_of(&self, inner: &Expr, list: &[Expr], negated: bool) -> Outcome {
        let value = self.value(inner)?;
        let mut words = Vec::new();
        for element in list {
            let (same, element) = self.agree(&value, &self.value(element)?)?;
            if same.sql != value.sql {
                return Err("it looks for a constant in a list of columns".to_owned());
            }
            words.push(element.sql);
        }
        if words.is_empty() {
            return Err("it has an empty list".to_owned());
        }
        let not = if negated { "NOT " } else { "" };
        Ok(Node::of(Kind::Boolean, format!("({} {not}IN ({}))", value.sql, words.join(", "))))
    }

    pub(super) fn between(&self, inner: &Expr, low: &Expr, high: &Expr, negated: bool) -> Outcome {
        let value = self.value(inner)?;
        let from = self.compare(&value, &BinaryOperator::GtEq, &self.value(low)?)?;
        let to = self.compare(&value, &BinaryOperator::LtEq, &self.value(high)?)?;
        let not = if negated { "NOT " } else { "" };
        Ok(Node::of(Kind::Boolean, format!("({not}({} AND {}))", from.sql, to.sql)))
    }

    /// The kind of a value that is one of several.
    pub(super) fn common(&self, kind: Kind, node: &Node) -> Result<Kind, String> {
        match (kind, &node.kind) {
            (_, Kind::Other(why)) => Err(why.clone()),
            (Kind::Null, other) => Ok(other.clone()),
            (kind, Kind::Null) => Ok(kind),
            (Kind::Integer | Kind::Decimal, Kind::Integer | Kind::Decimal) if node.kind != Kind::Integer => {
                self.mixed()
            }
            (Kind::Decimal, Kind::Integer) => self.mixed(),
            (kind, other) if kind == *other && !matches!(kind, Kind::Label(_)) => Ok(kind),
            _ => Err("it gives values of different types".to_owned()),
        }
    }

    fn mixed(&self) -> Result<Kind, String> {
        match self.has_sqlite() {
            true => Err("it gives whole numbers and decimals, which SQLite tells apart".to_owned()),
            false => Ok(Kind::Decimal),
        }
    }
}

/// Whether a number that was written down has so few digits that a double keeps them.
fn short(node: &Node) -> bool {
    node.literal.as_deref().and_then(literal::decimal_digits).is_some_and(|count| count <= DOUBLE_DIGITS)
}

fn label(labels: &[String], node: &Node) -> Result<(), String> {
    match node.literal.as_ref() {
        Some(text) if labels.contains(text) => Ok(()),
        _ => Err("it compares an enumeration with something that is none of its labels".to_owned()),
    }
}
