//! A file of variables for the workers of one pool: `NAME=VALUE` lines, blank ones, and comments after `#`.

use std::path::Path;

use sensei_storage::SecretText;

use crate::cluster::private;
use crate::failure::{Failure, Result};

/// Reads a file that only its owner may read: it is where a pool has its passwords.
///
/// # Errors
/// `Usage` if others may read it, or a line is none of a variable; the line is named by its number.
pub(super) fn read(path: &Path) -> Result<Vec<(String, SecretText)>> {
    let bytes = private::read_private(path, "variables")?;
    let wrong = |what: String| {
        let hint = "Write NAME=VALUE on each line, as text; what stands in quotes is taken with them.";
        Failure::usage(format!("variables file \"{}\" cannot be used: {what}", path.display()), hint)
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    let mut variables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let named = line.split_once('=').filter(|(name, _)| is_name(name));
        let (name, value) = named.ok_or_else(|| wrong(format!("line {} is no variable", number + 1)))?;
        variables.push((name.to_owned(), SecretText::new(value)));
    }
    Ok(variables)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, mode: u32) -> std::result::Result<Vec<(String, String)>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("variables");
        private::create(&path, mode, text.as_bytes()).expect("a new file");
        let read = read(&path).map_err(|failure| failure.to_string())?;
        Ok(read.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect())
    }

    #[test]
    fn every_line_is_a_variable_and_the_rest_is_refused_without_being_said() {
        let [one, two] = [("A", "x=y"), ("B_2", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(of("# for readers\nA=x=y\n\nB_2=\n", 0o600), Ok(vec![one, two]));
        let told = of("A=1\nhidden text\n", 0o600).expect_err("no variable");
        assert!(told.contains("line 2") && !told.contains("hidden"), "{told}");
        assert!(of("A B=1", 0o600).expect_err("no name").contains("line 1"));
        assert!(of("A=1", 0o644).expect_err("anybody reads it").contains("can be read"));
    }
}
