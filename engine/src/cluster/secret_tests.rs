//! Tests of fetching secrets.

use std::fs;

use proptest::prelude::*;

use super::*;

async fn fetch(reference: &str) -> Result<String> {
    let secret = reference.parse::<SecretReference>()?.fetch().await?;
    Ok(secret.expose().to_owned())
}

async fn refused(reference: &str, expected: &str) {
    let failure = fetch(reference).await.unwrap_err();
    assert!(failure.to_string().contains(expected), "{reference}: {failure}");
}

#[tokio::test]
async fn files_and_commands_and_variables_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let file = format!("file:{}", path.display());
    for (content, expected) in [("hush", "hush"), ("hush\n", "hush"), ("hush\r\n", "hush"), ("hush\n\n", "hush\n")] {
        fs::write(&path, content).unwrap();
        assert_eq!(fetch(&file).await.unwrap(), expected);
    }
    assert_eq!(fetch("exec:printf 'a b\\n'").await.unwrap(), "a b");
    assert_eq!(fetch(&format!("exec:cat {}", path.display())).await.unwrap(), "hush\n");
    assert_eq!(fetch("env:PATH").await.unwrap(), std::env::var("PATH").unwrap());
}

#[tokio::test]
async fn what_fails_is_said_without_what_was_printed() {
    refused("env:SENSEI_TEST_NO_SUCH_VARIABLE", "there is no such variable").await;
    refused("file:/no/such/file", "No such file").await;
    refused("exec:/no/such/program x", "it cannot be run: No such file").await;
    refused("exec:true", "it is empty").await;
    refused("exec:head -c 70000 /dev/zero", "it has more than 65536 bytes").await;
    refused("exec:yes", "it has more than 65536 bytes").await;
    refused("exec:printf '\\377'", "it is not UTF-8").await;
    let failure = fetch("exec:sh -c 'echo hush; echo hush >&2; exit 3'").await.unwrap_err();
    assert_eq!(failure.to_string(), "secret exec:sh cannot be had: it ended with exit status: 3");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended() {
    refused("exec:sleep 1000", "it took longer than 10 s").await;
}

#[test]
fn references_that_cannot_be_read_do_not_show_themselves() {
    for bad in
        ["hush", "", ":", "env:", "file:", "exec:", "exec: ", "exec:'a", "exec:a\\", "exec:''", "hush:x", "env:A=B"]
    {
        let failure = bad.parse::<SecretReference>().unwrap_err();
        assert!(!failure.to_string().contains("hush"), "{failure}");
    }
}

#[test]
fn commands_are_split_as_written() {
    for (line, expected) in [
        ("a", &["a"][..]),
        ("  a   b  ", &["a", "b"]),
        ("a 'b c' \"d e\"", &["a", "b c", "d e"]),
        ("a '' \"\"", &["a", "", ""]),
        (r#"a b\ c '\' "\"" "x"'y'z"#, &["a", "b c", "\\", "\"", "xyz"]),
        ("a $HOME ; b | c", &["a", "$HOME", ";", "b", "|", "c"]),
    ] {
        assert_eq!(words(line).unwrap(), expected, "{line}");
    }
}

proptest! {
    #[test]
    fn quoted_words_come_back(expected in proptest::collection::vec("[^\\x00']{1,10}", 1..5)) {
        let line: Vec<String> = expected.iter().map(|word| format!("'{word}'")).collect();
        prop_assert_eq!(words(&line.join(" ")).unwrap(), expected);
    }

    #[test]
    fn anything_is_split_without_panic(line in ".{0,40}") {
        let _ = words(&line);
    }
}
