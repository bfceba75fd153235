//! The YAML tree as a `serde` deserializer whose errors say where: path, line and column. Never quotes a value, since
//! any value may be a secret.

use std::fmt;

use serde::de::{self, DeserializeSeed, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use crate::problem::{Code, Problem, did_you_mean, listed};
use crate::yaml::{Key, Node, Position, Value};

/// Reads a `T` out of `node`.
pub(crate) fn read<'de, T: de::Deserialize<'de>>(node: &'de Node) -> Result<T, Problem> {
    T::deserialize(node).map_err(|refusal| refusal.place(node.at).into_problem())
}

/// Why a value was refused. The path and the position are added on the way out of the tree.
#[derive(Debug)]
pub(crate) struct Refusal {
    what: What,
    path: Vec<String>,
    at: Option<Position>,
}

#[derive(Debug)]
enum What {
    UnknownKey { key: String, known: &'static [&'static str] },
    MissingKey(&'static str),
    UnknownWord { word: String, known: &'static [&'static str] },
    Wrong(String),
}

impl Refusal {
    fn new(what: What) -> Refusal {
        Refusal { what, path: Vec::new(), at: None }
    }

    fn place(mut self, at: Position) -> Refusal {
        self.at.get_or_insert(at);
        self
    }

    fn under(mut self, segment: String) -> Refusal {
        self.path.insert(0, segment);
        self
    }

    fn into_problem(self) -> Problem {
        let path = self.path.concat();
        let path = path.strip_prefix('.').unwrap_or(&path);
        let place = self.at.map(|at| format!("{}: ", at.sentence())).unwrap_or_default();
        let within = if path.is_empty() { "the plan".to_owned() } else { format!("`{path}`") };
        match self.what {
            What::UnknownKey { key, known } => Problem::new(Code::Key, format!("unknown key \"{key}\" in {within}"))
                .why(format!("{place}known keys here are {}.", listed(known.iter().copied())))
                .hint(did_you_mean(&key, known.iter().copied())),
            What::MissingKey(key) => Problem::new(Code::Value, format!("key \"{key}\" is missing in {within}"))
                .why(format!("{place}it has no default.")),
            What::UnknownWord { word, known } => Problem::new(Code::Value, format!("value of {within} is not known"))
                .why(format!("{place}it must be one of {}.", listed(known.iter().copied())))
                .hint(did_you_mean(&word, known.iter().copied())),
            What::Wrong(expected) => Problem::new(Code::Value, format!("value of {within} is not valid"))
                .why(format!("{place}expected {expected}.")),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plan file refused")
    }
}

impl std::error::Error for Refusal {}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(expected: T) -> Refusal {
        Refusal::new(What::Wrong(expected.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Refusal {
        Refusal::new(What::Wrong(expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Refusal {
        Refusal::new(What::Wrong(expected.to_string()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Refusal {
        Refusal::new(What::UnknownKey { key: field.to_owned(), known: expected })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Refusal {
        Refusal::new(What::UnknownWord { word: variant.to_owned(), known: expected })
    }

    fn missing_field(field: &'static str) -> Refusal {
        Refusal::new(What::MissingKey(field))
    }
}

/// One number type: the scalar's text must parse as it.
macro_rules! number {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            match self.text().and_then(|text| text.parse::<$type>().ok()) {
                Some(number) => visitor.$visit(number),
                None => Err(wrong("a whole number that is not negative")),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Refusal;

    number! {
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.value {
            Value::Scalar { text, .. } => visitor.visit_borrowed_str(text),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.text() {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            _ => Err(wrong("true or false")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.text().ok_or_else(|| wrong("text")).and_then(|text| visitor.visit_borrowed_str(text))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(Items { rest: items.iter(), index: 0 }),
            _ if self.is_null() => visitor.visit_seq(Items { rest: [].iter(), index: 0 }),
            _ => Err(wrong("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.value {
            Value::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), current: None }),
            _ if self.is_null() => visitor.visit_map(Entries { rest: [].iter(), current: None }),
            _ => Err(wrong("a mapping of keys to values")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.value {
            Value::Map(_) => self.deserialize_map(visitor),
            _ if self.is_null() => self.deserialize_map(visitor),
            _ => Err(wrong(&format!("a mapping with keys out of {}", listed(fields.iter().copied())))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.text() {
            Some(text) => visitor.visit_enum(text.into_deserializer()),
            None => Err(wrong(&format!("one of {}", listed(variants.iter().copied())))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

impl Node {
    fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

fn wrong(expected: &str) -> Refusal {
    Refusal::new(What::Wrong(expected.to_owned()))
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refusal> {
        let Some(item) = self.rest.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(item).map(Some).map_err(|refusal| refusal.place(item.at).under(format!("[{index}]")))
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, (Key, Node)>,
    current: Option<&'de (Key, Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        self.current = self.rest.next();
        let Some((key, _)) = self.current else { return Ok(None) };
        seed.deserialize(key.text.as_str().into_deserializer())
            .map(Some)
            .map_err(|refusal: Refusal| refusal.place(key.at))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refusal> {
        let (key, value) = self.current.expect("serde asks for a value only after its key");
        seed.deserialize(value).map_err(|refusal| refusal.place(value.at).under(segment(&key.text)))
    }
}

fn segment(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { format!(".{key}") } else { format!(".{key:?}") }
}
