//! YAML text to a tree that remembers where each value stands. Knows nothing of plans.
//!
//! Scalars keep the text they were written in: what a value means is decided by the type that is asked for, so `no`
//! stays a country and `1.10` a name. Anchors, aliases, tags and merge keys are refused: a plan is read by people.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, options};

use crate::problem::{Code, Problem};

/// Bytes of a plan file at most; a plan of ten thousand tables has about two million.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Levels of nesting at most; a plan has eight.
const DEPTH_MAX: usize = 32;

/// Where something stands in the file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) text: String,
}

impl Node {
    /// Whether nothing, `~` or an unquoted `null` is written here.
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            _ => false,
        }
    }
}

/// Reads the one document in `text`.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    if text.len() > FILE_BYTES_MAX {
        let why = format!("It has {} bytes, and {FILE_BYTES_MAX} are the limit.", text.len());
        return Err(Problem::new(Code::Syntax, "plan file is too large").why(why));
    }
    let mut reader = Reader { parser: Parser::new_from_str_with_options(text, options! { emit_comments: false }) };
    loop {
        match reader.next()? {
            (Event::DocumentStart(..), _) => break,
            (Event::StreamEnd, _) => return Err(empty()),
            _ => {}
        }
    }
    let (event, span) = reader.next()?;
    let root = reader.node(event, span, 0)?;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(..), span) => return Err(refused("a second document", position(span))),
            _ => {}
        }
    }
    if root.is_null() { Err(empty()) } else { Ok(root) }
}

struct Reader<'text> {
    parser: Parser<'text, StrInput<'text>>,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = Position { line: error.marker().line(), column: error.marker().col() + 1 };
                let why = format!("{}: {}.", at.sentence(), error.info());
                Err(Problem::new(Code::Syntax, "plan file is not valid YAML").why(why))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<Node, Problem> {
        let at = position(span);
        if depth > DEPTH_MAX {
            return Err(refused("nesting this deep", at));
        }
        let value = match event {
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _)
                if anchor != 0 =>
            {
                return Err(refused("an anchor", at));
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => return Err(refused("a tag", at)),
            Event::Scalar(text, style, _, None) => {
                Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            _ => return Err(refused("an alias", at)),
        };
        Ok(Node { at, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Problem> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, span, depth + 1)?;
            let Value::Scalar { text, plain } = key.value else {
                return Err(refused("a key that is not a word", key.at));
            };
            if plain && text == "<<" {
                return Err(refused("a merge key", key.at));
            }
            if !seen.insert(text.clone()) {
                let why = format!("{}: the same key stands above it.", key.at.sentence());
                return Err(Problem::new(Code::Key, format!("duplicate key \"{text}\"")).why(why));
            }
            let (event, span) = self.next()?;
            entries.push((Key { at: key.at, text }, self.node(event, span, depth + 1)?));
        }
    }
}

impl Position {
    /// `Line 3, column 5`, to begin a sentence with.
    pub(crate) fn sentence(self) -> String {
        format!("Line {}, column {}", self.line, self.column)
    }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn empty() -> Problem {
    Problem::new(Code::Syntax, "plan file is empty")
        .hint("`sensei plan SOURCE TARGET -o plan.yaml` writes a first plan.")
}

fn refused(what: &str, at: Position) -> Problem {
    Problem::new(Code::Syntax, format!("plan file has {what}")).why(format!(
        "{}: plan files are plain YAML without anchors, aliases, tags, merge keys or further documents.",
        at.sentence()
    ))
}
