//! Sizes in bytes as people write them. Powers of 1024 only, so that `64MB` cannot mean two things.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

/// A number of bytes, written such as `256MiB`, `64 KiB` or `4096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl ByteSize {
    /// Reads `text`, or says `None` if it is not a size.
    pub fn parse(text: &str) -> Option<ByteSize> {
        let text = text.trim();
        let (digits, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| text.strip_suffix(unit).map(|digits| (digits, *shift)))
            .unwrap_or((text.strip_suffix('B').unwrap_or(text), 0));
        digits.trim_end().parse::<u64>().ok()?.checked_mul(1 << shift).map(ByteSize)
    }
}

/// Prints the largest unit that leaves a whole number.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, shift)| self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift)) {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        let text = String::deserialize(deserializer)?;
        ByteSize::parse(&text).ok_or_else(|| de::Error::custom("a size such as 256MiB, with KiB, MiB, GiB or TiB"))
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A number of bytes, such as 256MiB.",
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ *([KMGT]iB|B)?$",
            "minimum": 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, bytes, printed) in [
            ("256MiB", 256 << 20, "256MiB"),
            (" 64 KiB ", 64 << 10, "64KiB"),
            ("1536", 1536, "1536B"),
            ("2048B", 2048, "2KiB"),
        ] {
            let size = ByteSize::parse(text).unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed));
        }
        for text in ["", "MiB", "64MB", "-1", "1.5GiB", "99999999999999TiB"] {
            assert_eq!(ByteSize::parse(text), None, "{text}");
        }
    }
}
