//! Tokens: what clients without a certificate show. The head keeps only hashes.

use std::fmt;
use std::hint::black_box;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::private::read_private;
use crate::failure::{Failure, Result};

/// What every token begins with, so that those who look for leaked secrets find it.
pub const PREFIX: &str = "sensei_";
/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 32;

const HINT: &str = "A token is `sensei_` and 43 letters, digits, '-' or '_', as it was shown when it was made.";

/// A token. Never printed: it has no `Display`, and its `Debug` hides it.
#[derive(Clone)]
pub struct Token(String);

/// SHA-256 of a token, which is enough to recognise it. No salt or slow hash: 256 random bits cannot be guessed.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

/// Why a request's `Authorization` says nothing usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the Authorization header must be `Bearer` and a token, once")]
pub struct BadAuthorization;

impl Token {
    /// Makes a token of random bytes: see [`crate::random::key`].
    pub fn new(random: [u8; TOKEN_BYTES]) -> Token {
        Token(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// Reads a token; `None` if `text` is none.
    pub fn parse(text: &str) -> Option<Token> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Token(text.to_owned()))
    }

    /// Reads the token in a file, alone on a line.
    ///
    /// # Errors
    /// `Usage` if it cannot be read, others may read it, or there is something else in it.
    pub fn from_file(path: &Path) -> Result<Token> {
        let bytes = read_private(path, "token")?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        Token::parse(text.trim())
            .ok_or_else(|| Failure::usage(format!("there is no token in file \"{}\"", path.display()), HINT))
    }

    /// Reads the token in an environment variable; `None` if there is no such variable.
    ///
    /// # Errors
    /// `Usage` if there is something else in it.
    pub fn from_environment(variable: &str) -> Result<Option<Token>> {
        let Some(text) = std::env::var_os(variable) else { return Ok(None) };
        let token = text.to_str().and_then(|text| Token::parse(text.trim()));
        token
            .map(Some)
            .ok_or_else(|| Failure::usage(format!("there is no token in environment variable {variable}"), HINT))
    }

    /// The token itself, for the one who made it and for the header that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its hash.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl TokenHash {
    /// Reads what [`TokenHash::to_hex`] wrote; `None` if it is something else.
    pub fn from_hex(text: &str) -> Option<TokenHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(TokenHash(bytes))
    }

    /// 64 hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for TokenHash {
    /// Takes as long for any two.
    fn eq(&self, other: &TokenHash) -> bool {
        let differing = self.0.iter().zip(&other.0).fold(0, |differing, (one, two)| black_box(differing | (one ^ two)));
        differing == 0
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// The token that a request shows; `None` if it shows nothing.
///
/// # Errors
/// [`BadAuthorization`] if it shows something else, or more than one.
pub fn bearer(headers: &HeaderMap) -> Result<Option<Token>, BadAuthorization> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BadAuthorization);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(BadAuthorization)?;
    let token = Token::parse(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
    token.map(Some).ok_or(BadAuthorization)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
