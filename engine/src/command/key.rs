//! Finds the signing key: environment, file, or one made once for this user.

use std::path::PathBuf;

use sensei_storage::evidence::{KeyOrigin, SigningKey};

use crate::cli::KeyArgs;
use crate::failure::{Doing, Failure, Result};
use crate::say::say;

/// The signing key of this user, and a word to the user if it was made just now.
///
/// # Errors
/// If a key is given and cannot be used, or none can be made.
pub fn load(args: &KeyArgs) -> Result<SigningKey> {
    let pem = std::env::var("SENSEI_SIGNING_KEY").ok();
    let default = default_path()?;
    let (key, origin) = SigningKey::load_or_create(pem.as_deref(), args.signing_key.as_deref(), &default)
        .doing("loading the signing key")?;
    if let KeyOrigin::Created { private, public } = origin {
        announce(&key, &private, &public);
    }
    Ok(key)
}

/// A new key is something a person must hear of, whatever the log level.
fn announce(key: &SigningKey, private: &std::path::Path, public: &std::path::Path) {
    say(format_args!("created a signing key: {} (keep it secret)", private.display()));
    say(format_args!("its public half, for whoever checks certificates: {}", public.display()));
    say(format_args!("{}", key.public().to_pem().trim_end()));
}

fn default_path() -> Result<PathBuf> {
    Ok(config_folder()?.join("signing-key.pem"))
}

/// Where this user's own files go.
///
/// # Errors
/// If the environment names none.
pub(crate) fn config_folder() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    let missing = || {
        Failure::usage(
            "there is no folder for the user's own files: neither XDG_CONFIG_HOME nor HOME is set",
            "Set HOME; a signing key can be given with --signing-key FILE.",
        )
    };
    Ok(config.ok_or_else(missing)?.join("sensei"))
}
