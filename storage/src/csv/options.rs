//! How a CSV file is written: what a user may say, and the same settings checked and ready for use.

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use super::record::Syntax;
use crate::error::{Error, Result};

/// How the CSV files of one endpoint are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvOptions {
    /// Character between cells: one ASCII character.
    pub delimiter: char,
    /// Character around cells that hold delimiters, line ends or quotes: one ASCII character.
    pub quote: char,
    /// Whether the first record names the columns. Without, they are `c1`, `c2`, …
    pub header: bool,
    /// An unquoted cell equal to this is NULL. A quoted one never is.
    pub null: String,
    /// Any label of the WHATWG Encoding Standard: `utf-8`, `latin1`, `windows-1252`, `utf-16`, `shift_jis`, …
    pub encoding: String,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions { delimiter: ',', quote: '"', header: true, null: String::new(), encoding: "utf-8".to_owned() }
    }
}

/// Checked options.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub syntax: Syntax,
    pub header: bool,
    pub null: Vec<u8>,
    pub encoding: &'static Encoding,
}

impl CsvOptions {
    pub(super) fn check(&self) -> Result<Format> {
        let delimiter = ascii("delimiter", self.delimiter)?;
        let quote = ascii("quote", self.quote)?;
        if delimiter == quote {
            return Err(invalid("quote", "it is the delimiter too"));
        }
        let encoding = Encoding::for_label(self.encoding.as_bytes())
            .ok_or_else(|| invalid("encoding", "it is no label of the WHATWG Encoding Standard"))?;
        let (null, _, unmappable) = match splits_as_bytes(encoding) {
            true => encoding.encode(&self.null),
            false => encoding_rs::UTF_8.encode(&self.null),
        };
        if unmappable {
            return Err(invalid("null", "the encoding cannot write it"));
        }
        let null = null.into_owned();
        Ok(Format { syntax: Syntax { delimiter, quote }, header: self.header, null, encoding })
    }
}

/// Whether a file in this encoding can be cut into cells before it is decoded: syntax characters are single bytes
/// that occur in no other role. False for UTF-16 and the East Asian multi-byte encodings.
pub(super) fn splits_as_bytes(encoding: &'static Encoding) -> bool {
    encoding == encoding_rs::UTF_8 || encoding.is_single_byte()
}

fn ascii(name: &str, value: char) -> Result<u8> {
    match u8::try_from(value) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(byte),
        _ => Err(invalid(name, "it must be one ASCII character and no line end")),
    }
}

fn invalid(name: &str, why: &str) -> Error {
    Error::Invalid { what: format!("CSV option \"{name}\""), why: why.to_owned() }
}
