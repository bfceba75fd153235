//! Tests of tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_made_is_read(random: [u8; 32], other: [u8; 32]) {
        let token = Token::new(random);
        let read = Token::parse(token.expose()).unwrap();
        prop_assert_eq!(read.hash(), token.hash());
        prop_assert_eq!(TokenHash::from_hex(&token.hash().to_hex()), Some(token.hash()));
        prop_assert_eq!(Token::new(other).hash() == token.hash(), random == other);
    }

    #[test]
    fn anything_is_read_without_panic(text in "(sensei_)?.{0,60}", bytes: Vec<u8>) {
        let _ = Token::parse(&text);
        let _ = TokenHash::from_hex(&text);
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let _ = bearer(&HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
    }
}

#[test]
fn what_is_no_token_is_none() {
    let good = Token::new([7; 32]);
    let text = good.expose();
    assert_eq!(text.len(), PREFIX.len() + 43);
    for bad in [&text[1..], &text[..text.len() - 1], &format!("{text}A"), &format!("{text}="), "", "sensei_", " "] {
        assert!(Token::parse(bad).is_none(), "{bad}");
    }
    // The last digit holds four bits too many: only one spelling of a token is one.
    assert!(Token::parse(&format!("{}d", &text[..text.len() - 1])).is_none());
}

#[test]
fn nothing_prints_a_token() {
    let token = Token::new([7; 32]);
    let shown = format!("{token:?} {:?}", token.hash());
    assert_eq!(shown, "Token(…) TokenHash(…)");
}

#[test]
fn the_header_is_read_strictly() {
    let token = Token::new([7; 32]);
    let text = token.expose();
    let headers = |values: &[&str]| -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    };
    assert!(bearer(&headers(&[])).unwrap().is_none());
    for good in [format!("Bearer {text}"), format!("bearer  {text}")] {
        assert_eq!(bearer(&headers(&[&good])).unwrap().unwrap().hash(), token.hash());
    }
    let bearer_text = format!("Bearer {text}");
    let basic = format!("Basic {text}");
    let cases: [&[&str]; 6] = [&[text], &[&basic], &["Bearer"], &["Bearer x"], &[""], &[&bearer_text, &bearer_text]];
    for bad in cases {
        let mut map = HeaderMap::new();
        for value in bad {
            map.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(bearer(&map).unwrap_err(), BadAuthorization, "{bad:?}");
    }
}

#[test]
fn token_files_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let token = Token::new([9; 32]);
    fs::write(&path, format!("{}\n", token.expose())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let failure = Token::from_file(&path).unwrap_err();
    assert!(failure.to_string().contains("token file") && failure.to_string().contains("(mode 0644)"), "{failure}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Token::from_file(&path).unwrap().hash(), token.hash());
    fs::write(&path, "something secret").unwrap();
    let failure = Token::from_file(&path).unwrap_err();
    assert!(!failure.to_string().contains("something"), "{failure}");
    assert!(Token::from_file(&folder.path().join("absent")).is_err());
}

#[test]
fn variables_without_a_token_are_told_from_absent_ones() {
    assert!(Token::from_environment("SENSEI_TEST_NO_SUCH_VARIABLE").unwrap().is_none());
    assert!(Token::from_environment("PATH").unwrap_err().to_string().contains("variable PATH"));
}
