//! How deep the tree of an expression can be, told before there is one: the parser makes each operator of `a + a + a` a
//! level without counting it, and a tree deep enough uses up the stack of whoever walks or drops it.

use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::Token;

/// Operators and keywords that may apply one to another. A guess; longer chains are generated.
pub(crate) const EXPRESSION_CHAIN_MAX: usize = 300;

/// At most so many levels the tree of `tokens` has beside those of its brackets. What commas and the branches of a `CASE`
/// separate stands side by side.
pub(crate) fn longest_chain<'a>(tokens: impl Iterator<Item = &'a Token>) -> usize {
    let (mut open, mut length, mut longest) = (vec![0], 0, 0);
    for token in tokens {
        let keyword = match token {
            Token::Word(word) => Some(word.keyword),
            _ => None,
        };
        match (token, keyword) {
            (Token::RParen | Token::RBracket, _) | (_, Some(Keyword::END)) => {
                length -= if open.len() > 1 { open.pop().unwrap_or(0) } else { 0 };
            }
            (Token::Comma, _) | (_, Some(Keyword::WHEN | Keyword::THEN | Keyword::ELSE)) => {
                length -= open.last_mut().map_or(0, |links: &mut usize| std::mem::take(links));
            }
            (Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_), _) => {}
            (_, Some(Keyword::NoKeyword)) => {}
            _ => {
                length += 1;
                longest = longest.max(length);
                if let Some(links) = open.last_mut() {
                    *links += 1;
                }
                if matches!(token, Token::LParen | Token::LBracket) || keyword == Some(Keyword::CASE) {
                    open.push(0);
                }
            }
        }
    }
    longest
}
