//! From a tree in the source's SQL to text in the target's. Whatever is not listed here is refused by name.

use sensei_storage::System;
use sqlparser::ast::{Array, BinaryOperator, CaseWhen, DataType, Expr, Ident, UnaryOperator, Value};

use super::kind::Kind;
use super::{Known, Names, function, literal, parse};

/// Digits that a double keeps of any decimal: SQLite's decimals are doubles.
const DOUBLE_DIGITS: usize = 15;

/// One translated part, with parentheses around it where it has parts of its own.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) sql: String,
    pub(super) kind: Kind,
    /// The value, if it is one that was written down: text without quotes, or a number's digits.
    pub(super) literal: Option<String>,
    /// Whether it may be a whole number of fewer than 64 bits in PostgreSQL, which then computes with so few.
    is_narrow: bool,
}

impl Node {
    pub(super) fn of(kind: Kind, sql: String) -> Node {
        let is_narrow = kind == Kind::Integer;
        Node { sql, kind, literal: None, is_narrow }
    }

    fn written(kind: Kind, sql: String, literal: &str) -> Node {
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

    /// A whole number as it goes into a computation: SQLite and MySQL compute with 64 bits, PostgreSQL with as many as
    /// the wider operand has.
    fn wide(&self, node: &Node) -> String {
        let widens = self.names.target == System::Postgresql && node.is_narrow;
        if widens { format!("CAST({} AS bigint)", node.sql) } else { node.sql.clone() }
    }

    fn literal(&self, value: &Value) -> Outcome {
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

    /// Whether one side is SQLite, whose decimals are doubles.
    fn has_sqlite(&self) -> bool {
        self.names.source == System::Sqlite || self.names.target == System::Sqlite
    }

    /// `DATE '2020-01-01'` and casts of a text that was written down.
    fn typed(&self, value: &Value, to: &DataType) -> Outcome {
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
            DataType::Timestamp(
                _,
                sqlparser::ast::TimezoneInfo::None | sqlparser::ast::TimezoneInfo::WithoutTimeZone,
            ) => {
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
    fn temporal(&self, node: &Node, kind: Kind) -> Outcome {
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

    fn cast(&self, inner: &Expr, to: &DataType) -> Outcome {
        if let Expr::Value(value) = strip(inner)
            && let Value::SingleQuotedString(text) = &value.value
        {
            return self.text_as(text, to);
        }
        let node = self.value(inner)?;
        match (&node.kind, to) {
            (Kind::Text | Kind::Label(_), _) if is_text(to) => Ok(node),
            (Kind::Integer, DataType::BigInt(None) | DataType::Int8(None) | DataType::Signed) => Ok(node),
            (Kind::Integer, DataType::Numeric(sqlparser::ast::ExactNumberInfo::None)) if node.literal.is_some() => {
                Ok(Node { kind: Kind::Decimal, ..node })
            }
            (Kind::Integer, DataType::Integer(None) | DataType::Int(None)) if node.literal.is_some() => Ok(node),
            (Kind::Decimal, DataType::Numeric(sqlparser::ast::ExactNumberInfo::None)) => Ok(node),
            (Kind::Integer | Kind::Decimal, DataType::DoublePrecision) if node.literal.is_some() => {
                Ok(Node { kind: Kind::Float, ..node })
            }
            (Kind::Float, DataType::DoublePrecision) => Ok(node),
            _ => Err(format!("it converts to {to}")),
        }
    }

    fn unary(&self, op: UnaryOperator, inner: &Expr) -> Outcome {
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
                Ok(Node { literal, ..Node::of(node.kind, format!("(- {sql})")) })
            }
            other => Err(format!("it uses the operator {other}")),
        }
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
    fn agree(&self, left: &Node, right: &Node) -> Result<(Node, Node), String> {
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

    fn arithmetic(&self, left: &Node, op: &BinaryOperator, right: &Node) -> Outcome {
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
    fn division(&self, left: &Node, op: &BinaryOperator, right: &Node) -> Outcome {
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

    fn is_null(&self, inner: &Expr, word: &str) -> Outcome {
        Ok(Node::of(Kind::Boolean, format!("({} IS {word})", self.value(inner)?.sql)))
    }

    fn is_true(&self, inner: &Expr, words: &str) -> Outcome {
        Ok(Node::of(Kind::Boolean, format!("({} {words})", self.condition(inner)?)))
    }

    fn distinct(&self, left: &Expr, right: &Expr, negated: bool) -> Outcome {
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

    fn one_of(&self, inner: &Expr, list: &[Expr], negated: bool) -> Outcome {
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

    fn between(&self, inner: &Expr, low: &Expr, high: &Expr, negated: bool) -> Outcome {
        let value = self.value(inner)?;
        let from = self.compare(&value, &BinaryOperator::GtEq, &self.value(low)?)?;
        let to = self.compare(&value, &BinaryOperator::LtEq, &self.value(high)?)?;
        let not = if negated { "NOT " } else { "" };
        Ok(Node::of(Kind::Boolean, format!("({not}({} AND {}))", from.sql, to.sql)))
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

fn is_text(to: &DataType) -> bool {
    matches!(to, DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None))
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
