//! Tests of reading addresses.

use proptest::prelude::*;

use super::*;

fn refused(text: &str, expected: &str) {
    let failure = HeadAddresses::parse(text, false).unwrap_err();
    assert!(failure.to_string().contains(expected), "{text}: {failure}");
}

#[test]
fn addresses_are_read() {
    let some = HeadAddresses::parse("https://a:7443, https://b,http://[::1]:80,http://localhost:9", false).unwrap();
    let texts: Vec<String> = some.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["https://a:7443", "https://b:443", "http://[::1]:80", "http://localhost:9"]);
    let hosts = |after: &str| -> Vec<&str> {
        some.after(&HeadAddress::parse(after, false).unwrap()).map(|address| address.host.as_str()).collect()
    };
    assert_eq!(hosts("https://b"), ["::1", "localhost", "a", "b"]);
    assert_eq!(hosts("http://localhost:9"), ["a", "b", "::1", "localhost"]);
    assert_eq!(hosts("https://elsewhere"), ["a", "b", "::1", "localhost"]);
}

#[test]
fn plain_text_off_loopback_is_refused_unless_asked_for() {
    for text in ["http://head:7443", "http://10.0.0.1:1", "http://localhost.example:1", "http://[2001:db8::1]:1"] {
        refused(text, "without TLS, anybody between here and");
        assert!(HeadAddresses::parse(text, true).is_ok());
    }
    assert!(HeadAddresses::parse("http://127.0.0.1:7443", false).is_ok());
}

#[test]
fn what_is_no_address_is_said_in_words() {
    refused("", "is no address of a head");
    refused("head:7443", "neither https:// nor http://");
    refused("https://a,", "is no address of a head");
    refused("https://a/path", "there is something behind the port");
    refused("https://a?x", "there is something behind the port");
    refused("https://a:0", "it has no host or no port");
    refused("https://a,https://a:443", "is given twice");
    let many: Vec<String> = (0..=HEADS_MAX).map(|index| format!("https://h{index}")).collect();
    refused(&many.join(","), "more than 16 heads");
    let failure = HeadAddress::parse("https://ann:hush@a", false).unwrap_err();
    assert!(failure.to_string().contains("names a user") && !failure.to_string().contains("hush"), "{failure}");
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(text in "https?://[a-z0-9.:@/\\[\\]-]{0,30}(,.{0,20})?", insecure: bool) {
        if let Ok(some) = HeadAddresses::parse(&text, insecure) {
            let shown: Vec<String> = some.iter().map(ToString::to_string).collect();
            prop_assert_eq!(HeadAddresses::parse(&shown.join(","), insecure).unwrap(), some);
        }
    }
}
