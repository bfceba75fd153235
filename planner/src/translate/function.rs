//! Functions that mean the same in two systems, under the name the target has for them.

use sensei_storage::System;
use sqlparser::ast::{BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::kind::Kind;
use super::walk::{Node, Outcome, Walk, unknown_function};

/// A call of a function.
pub(super) fn call(walk: &Walk<'_>, call: &Function) -> Outcome {
    let (name, arguments) = plain(walk.names.source, call)?;
    let (source, target) = (walk.names.source, walk.names.target);
    let unknown = || unknown_function(&name, source);
    match (name.as_str(), source, arguments.as_slice()) {
        ("coalesce", _, [_, _, ..]) | ("ifnull", System::Sqlite | System::Mysql, [_, _]) => coalesce(walk, &arguments),
        ("nullif", _, [left, right]) => nullif(walk, left, right),
        ("concat", System::Mysql, [_, _, ..]) => {
            let parts = arguments.iter().map(|part| walk.value(part)).collect::<Result<Vec<_>, _>>()?;
            walk.concat(&parts)
        }
        ("if", System::Mysql, [condition, yes, no]) => {
            let (yes, no) = (walk.value(yes)?, walk.value(no)?);
            let kind = walk.common(walk.common(Kind::Null, &yes)?, &no)?;
            let condition = walk.condition(condition)?;
            Ok(Node::of(kind, format!("(CASE WHEN {condition} THEN {} ELSE {} END)", yes.sql, no.sql)))
        }
        ("lower" | "upper", _, [_]) if source == System::Sqlite || target == System::Sqlite => {
            Err(format!("it calls {name}(), which knows only ASCII letters in SQLite"))
        }
        ("lower" | "upper", _, [text]) => of_text(walk, &name, text, Kind::Text),
        ("lcase", System::Mysql, [text]) => lettered(walk, "lower", text),
        ("ucase", System::Mysql, [text]) => lettered(walk, "upper", text),
        ("length", System::Sqlite | System::Postgresql, [text])
        | ("char_length" | "character_length", System::Mysql | System::Postgresql, [text]) => {
            let name = if target == System::Sqlite { "length" } else { "char_length" };
            of_text(walk, name, text, Kind::Integer)
        }
        ("length", System::Mysql, [text]) | ("octet_length", _, [text]) => {
            of_text(walk, "octet_length", text, Kind::Integer)
        }
        ("trim" | "btrim" | "ltrim" | "rtrim", _, [text]) => trimmed(walk, &name, text),
        ("abs", _, [number]) => absolute(walk, number),
        ("round", System::Mysql | System::Postgresql, [number]) if target != System::Sqlite => {
            let node = walk.value(number)?;
            match node.kind {
                // Halves go away from zero for decimals, and either way for doubles.
                Kind::Decimal => Ok(Node::of(Kind::Decimal, format!("round({})", node.sql))),
                Kind::Other(why) => Err(why),
                _ => Err("it rounds something that is no decimal".to_owned()),
            }
        }
        _ => Err(unknown()),
    }
}

/// Name in lower case and arguments, of a call without anything special.
pub(super) fn plain(source: System, call: &Function) -> Result<(String, Vec<&Expr>), String> {
    let name = match call.name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.to_ascii_lowercase()),
        _ => None,
    };
    let name = name.ok_or_else(|| "it calls a function by more than its name".to_owned())?;
    let special = || format!("it calls {name}() in a special form");
    let bare = matches!(call.parameters, FunctionArguments::None)
        && call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty();
    let arguments = match &call.args {
        FunctionArguments::None => Vec::new(),
        FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            let one = |argument| match argument {
                &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref inner)) => Ok(inner),
                _ => Err(special()),
            };
            list.args.iter().map(one).collect::<Result<Vec<_>, _>>()?
        }
        _ => return Err(special()),
    };
    match bare && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        true => Ok((name, arguments)),
        false => Err(unknown_function("…", source)),
    }
}

fn coalesce(walk: &Walk<'_>, arguments: &[&Expr]) -> Outcome {
    let mut kind = Kind::Null;
    let mut words = Vec::new();
    for argument in arguments {
        let node = walk.value(argument)?;
        kind = walk.common(kind, &node)?;
        words.push(node.sql);
    }
    Ok(Node::of(kind, format!("coalesce({})", words.join(", "))))
}

fn nullif(walk: &Walk<'_>, left: &Expr, right: &Expr) -> Outcome {
    let (left, right) = (walk.value(left)?, walk.value(right)?);
    walk.compare(&left, &BinaryOperator::Eq, &right)?;
    let kind = walk.common(walk.common(Kind::Null, &left)?, &right)?;
    Ok(Node::of(kind, format!("nullif({}, {})", left.sql, right.sql)))
}

fn lettered(walk: &Walk<'_>, name: &str, text: &Expr) -> Outcome {
    match walk.names.target {
        System::Sqlite => Err(format!("it calls {name}(), which knows only ASCII letters in SQLite")),
        _ => of_text(walk, name, text, Kind::Text),
    }
}

/// Blanks cut off: `trim`, `btrim`, `ltrim`, `rtrim`, or one of `both trim`, `leading trim`, `trailing trim`.
pub(super) fn trimmed(walk: &Walk<'_>, name: &str, text: &Expr) -> Outcome {
    let name = match name {
        "ltrim" | "leading trim" => "ltrim",
        "rtrim" | "trailing trim" => "rtrim",
        _ => "trim",
    };
    of_text(walk, name, text, Kind::Text)
}

fn of_text(walk: &Walk<'_>, name: &str, text: &Expr, gives: Kind) -> Outcome {
    let node = walk.value(text)?;
    match node.kind {
        Kind::Text => Ok(Node::of(gives, format!("{name}({})", node.sql))),
        Kind::Other(why) => Err(why),
        _ => Err(format!("it calls {name}() on something that is no text")),
    }
}

fn absolute(walk: &Walk<'_>, number: &Expr) -> Outcome {
    let node = walk.value(number)?;
    match node.kind {
        Kind::Integer | Kind::Decimal | Kind::Float => Ok(Node::of(node.kind, format!("abs({})", node.sql))),
        Kind::Other(why) => Err(why),
        _ => Err("it calls abs() on something that is no number".to_owned()),
    }
}
