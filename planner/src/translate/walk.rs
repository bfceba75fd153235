//! From a tree in the source's SQL to text in the target's. Whatever is not listed here is refused by name.

use sensei_storage::System;
use sqlparser::ast::{Array, BinaryOperator, CaseWhen, Expr, Ident};

use super::kind::Kind;
use super::{Names, function, literal, parse};

/// One translated part, with parentheses around it where it has parts of its own.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) sql: String,
    pub(super) kind: Kind,
    /// The value, if it is one that was written down: text without quotes, or a number's digits.
    pub(super) literal: Option<String>,
    /// Whether it may be a whole number of fewer than 64 bits in PostgreSQL, which then computes with so few.
    pub(super) is_narrow: bool,
}

impl Node {
    pub(super) fn of(kind: Kind, sql: String) -> Node {
        let is_narrow = kind == Kind::Integer;
        Node { sql, kind, literal: None, is_narrow }
    }

    pub(super) fn written(kind: Kind, sql: String, literal: &str) -> Node {
        Node { literal: Some(literal.to_owned()), ..Node::of(kind, sql) }
    }
}

pub(super) type Outcome = Result<Node, String>;

/// The walk through one expression.
pub(super) struct Walk<'n> {
    pub(super) names: &'n Names,
}

impl Walk<'_> {
    /// An expression whose truth counts.
    pub(super) fn condition(&self, expression: &Expr) -> Result<String, String> {
        let node = self.value(expression)?;
        match (&node.kind, self.names.source) {
            (Kind::Boolean | Kind::Null, _) => Ok(node.sql),
            // Any number but zero is true, except where truth is a type of its own.
            (Kind::Integer, System::Sqlite | System::Mysql) => Ok(format!("({} <> 0)", node.sql)),
            _ => Err("it takes something for a condition that is none elsewhere".to_owned()),
        }
    }

    /// An expression whose value counts.
    pub(super) fn value(&self, expression: &Expr) -> Outcome {
        match expression {
            Expr::Nested(inner) => self.value(inner),
            Expr::Identifier(ident) => self.column(ident),
            Expr::Value(value) => self.literal(&value.value),
            Expr::Prefixed { prefix, value } if prefix.value.to_ascii_lowercase().starts_with("_utf8") => {
                self.value(value)
            }
            Expr::TypedString(typed) => self.typed(&typed.value.value, &typed.data_type),
            Expr::Cast { expr, data_type, .. } => self.cast(expr, data_type),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => self.is_null(inner, "NULL"),
            Expr::IsNotNull(inner) => self.is_null(inner, "NOT NULL"),
            Expr::IsTrue(inner) => self.is_true(inner, "IS TRUE"),
            Expr::IsNotTrue(inner) => self.is_true(inner, "IS NOT TRUE"),
            Expr::IsFalse(inner) => self.is_true(inner, "IS FALSE"),
            Expr::IsNotFalse(inner) => self.is_true(inner, "IS NOT FALSE"),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, true),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, false),
            Expr::InList { expr, list, negated } => self.one_of(expr, list, *negated),
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => self.one_of(left, array(right)?, false),
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => self.one_of(left, array(right)?, true),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated),
            Expr::Case { operand: None, conditions, else_result, .. } => self.case(conditions, else_result.as_deref()),
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
                function::trimmed(self, "trim", expr)
            }
            Expr::Trim { trim_where: Some(side), trim_what: None, expr, trim_characters: None } => {
                function::trimmed(self, &format!("{side} trim").to_lowercase(), expr)
            }
            Expr::Function(call) => function::call(self, call),
            other => Err(format!("it uses {}", construct(other))),
        }
    }

    fn column(&self, ident: &Ident) -> Outcome {
        let known = self.names.find(ident)?;
        if known.target.is_empty() {
            return Err(known.changed.clone().unwrap_or_else(|| "it names a column that is left out".to_owned()));
        }
        let kind = match &known.changed {
            Some(why) => Kind::Other(why.clone()),
            None => known.kind.clone(),
        };
        let sql = literal::name(self.names.target, &known.target);
        Ok(Node { is_narrow: known.is_narrow && kind == Kind::Integer, ..Node::of(kind, sql) })
    }

    /// Whether one side is SQLite, whose decimals are doubles.
    pub(super) fn has_sqlite(&self) -> bool {
        self.names.source == System::Sqlite || self.names.target == System::Sqlite
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Outcome {
        use BinaryOperator::{
            And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, MyIntegerDivide, NotEq, Or, Plus,
        };
        match op {
            And | Or => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                Ok(Node::of(Kind::Boolean, format!("({left} {op} {right})")))
            }
            Eq | NotEq | Lt | LtEq | Gt | GtEq => self.compare(&self.value(left)?, op, &self.value(right)?),
            BinaryOperator::Spaceship if self.names.source == System::Mysql => self.distinct(left, right, false),
            Plus | Minus | Multiply => self.arithmetic(&self.value(left)?, op, &self.value(right)?),
            Divide | MyIntegerDivide | Modulo => self.division(&self.value(left)?, op, &self.value(right)?),
            BinaryOperator::StringConcat if self.names.source != System::Mysql => {
                self.concat(&[self.value(left)?, self.value(right)?])
            }
            other => Err(format!("it uses the operator {other}")),
        }
    }

    fn is_null(&self, inner: &Expr, word: &str) -> Outcome {
        Ok(Node::of(Kind::Boolean, format!("({} IS {word})", self.value(inner)?.sql)))
    }

    fn is_true(&self, inner: &Expr, words: &str) -> Outcome {
        Ok(Node::of(Kind::Boolean, format!("({} {words})", self.condition(inner)?)))
    }

    fn case(&self, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Outcome {
        let mut sql = "(CASE".to_owned();
        let mut kind = Kind::Null;
        for arm in conditions {
            let result = self.value(&arm.result)?;
            sql.push_str(&format!(" WHEN {} THEN {}", self.condition(&arm.condition)?, result.sql));
            kind = self.common(kind, &result)?;
        }
        if let Some(otherwise) = otherwise {
            let result = self.value(otherwise)?;
            sql.push_str(&format!(" ELSE {}", result.sql));
            kind = self.common(kind, &result)?;
        }
        Ok(Node::of(kind, format!("{sql} END)")))
    }
}

/// The expression inside any parentheses.
pub(super) fn strip(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) => strip(inner),
        other => other,
    }
}

/// The elements of `ARRAY[…]`, cast or not: PostgreSQL prints a list of values so.
fn array(expression: &Expr) -> Result<&[Expr], String> {
    match expression {
        Expr::Nested(inner) => array(inner),
        Expr::Cast { expr, .. } => array(expr),
        Expr::Array(Array { elem, .. }) => Ok(elem),
        _ => Err("it compares with an array".to_owned()),
    }
}

/// The name of a construct, without any value in it.
fn construct(expression: &Expr) -> &'static str {
    match expression {
        Expr::Like { .. } | Expr::ILike { .. } => "LIKE, whose letter case differs between systems",
        Expr::SimilarTo { .. } | Expr::RLike { .. } => "a regular expression",
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => "a query",
        Expr::Collate { .. } => "COLLATE",
        Expr::Extract { .. } => "EXTRACT",
        Expr::Interval(_) => "an interval",
        Expr::AtTimeZone { .. } => "AT TIME ZONE",
        Expr::Substring { .. } => "SUBSTRING",
        Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => "a name with a point in it",
        Expr::Case { .. } => "CASE with an operand",
        Expr::Trim { .. } => "TRIM of other characters than blanks",
        Expr::AnyOp { .. } | Expr::AllOp { .. } => "ANY or ALL",
        Expr::Array(_) => "an array",
        Expr::Tuple(_) => "a row of values",
        _ => "a construct that is not translated",
    }
}

/// What a call of an unknown function is refused with.
pub(super) fn unknown_function(name: &str, source: System) -> String {
    format!("it calls {}'s function {name}()", parse::title(source))
}
