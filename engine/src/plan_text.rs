//! The text of a plan file, and the secrets that it refers to: `${NAME}` in the environment, `${env:NAME}`, `${file:PATH}`,
//! `${exec:COMMAND ARGUMENTS}`.

use std::collections::HashMap;

use sensei_planner::PlanFile;

use crate::cluster::secret::SecretReference;
use crate::failure::{Failure, Result};

/// References in one plan at the most.
const REFERENCES_MAX: usize = 256;
/// What a reference is called while the plan is read.
const STAND_IN: &str = "SENSEI_REFERENCE_";

/// Whether a plan may have commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commands {
    /// Whoever wrote the plan runs it here.
    Allowed,
    /// The plan is somebody else's.
    Refused,
}

/// Reads the text of a plan file, with what it refers to.
///
/// # Errors
/// If it has problems of its own, or what it refers to cannot be had.
pub async fn read_plan(text: &str, commands: Commands) -> Result<PlanFile> {
    let (text, references) = stand_ins(text)?;
    let mut secrets = HashMap::new();
    for (index, reference) in references.iter().enumerate() {
        if commands == Commands::Refused && matches!(reference, SecretReference::Command(_)) {
            return Err(Failure::usage(
                format!("the plan asks to run a command for a secret ({reference}), and this worker does not run any"),
                "Use ${NAME} or ${file:PATH}, or start the workers with --allow-exec.",
            ));
        }
        secrets.insert(format!("{STAND_IN}{index}"), reference.fetch().await?);
    }
    let lookup = |name: &str| match secrets.get(name) {
        Some(secret) => Some(secret.expose().to_owned()),
        None => std::env::var(name).ok(),
    };
    PlanFile::parse(&text, &lookup).map_err(Failure::Plan)
}

/// Puts a plain variable in the place of each reference: in a URL, the slashes of a path would mean something else.
fn stand_ins(text: &str) -> Result<(String, Vec<SecretReference>)> {
    let (mut out, mut references, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        let written = rest.strip_prefix("${").and_then(|rest| rest.split_once('}')).map(|(reference, _)| reference);
        let is_reference = |written: &&str| ["env:", "file:", "exec:"].iter().any(|scheme| written.starts_with(scheme));
        let (taken, put) = match written.filter(is_reference) {
            Some(written) => {
                if references.len() == REFERENCES_MAX {
                    return Err(Failure::usage(
                        format!("the plan has more than {REFERENCES_MAX} references to secrets"),
                        "Put what is common into one variable.",
                    ));
                }
                references.push(written.parse()?);
                (written.len() + 3, format!("${{{STAND_IN}{}}}", references.len() - 1))
            }
            None if rest.starts_with("$$") => (2, "$$".to_owned()),
            None => (1, "$".to_owned()),
        };
        out.push_str(&put);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Ok((out, references))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(password: &str) -> String {
        format!(
            "version: 1\nname: shop\nsource: {{ url: \"postgresql://me:{password}@host/db\" }}\ntarget: {{ url: \"sqlite:x\" }}\n"
        )
    }

    #[tokio::test]
    async fn secrets_come_from_files_and_commands() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "s/e@c\n").unwrap();
        let from_file = plan(&format!("${{file:{}}}", file.display()));
        let read = read_plan(&from_file, Commands::Refused).await.unwrap();
        assert_eq!(read.source.url.expose(), "postgresql://me:s%2Fe%40c@host/db");
        let from_command = plan("${exec:echo s3cret}");
        let read = read_plan(&from_command, Commands::Allowed).await.unwrap();
        assert_eq!(read.source.url.expose(), "postgresql://me:s3cret@host/db");
        let refused = read_plan(&from_command, Commands::Refused).await.unwrap_err().to_string();
        assert!(refused.contains("exec:echo") && !refused.contains("s3cret"), "{refused}");
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_named_and_what_is_escaped_is_not_asked_for() {
        let error = read_plan(&plan("${file:/nowhere}"), Commands::Allowed).await.unwrap_err().to_string();
        assert!(error.contains("file:/nowhere"), "{error}");
        let escaped = read_plan(&plan("$${file:/nowhere}"), Commands::Allowed).await;
        assert!(escaped.is_ok(), "{escaped:?}");
        assert!(read_plan(&plan("${env:}"), Commands::Allowed).await.is_err());
    }

    #[test]
    fn all_that_is_not_a_reference_stays() {
        for text in ["", "$", "${A}", "$${A}", "a$b", "${file", "$${exec:x}", "é$$$"] {
            assert_eq!(stand_ins(text).unwrap().0, text);
        }
    }
}
