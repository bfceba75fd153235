//! The Ed25519 key that signs evidence, and its public half. Knows nothing of the environment: values come as
//! arguments. File access is blocking and short; it happens once, before a job starts.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::pkcs8::{KeypairBytes, PublicKeyBytes};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};

use super::sha256_hex;
use crate::error::{Error, Result};

/// A key file larger than this is something else. An Ed25519 key in PEM takes about 120 bytes.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// The private key that signs certificates and journals. Printing it shows the key id only.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// Where a signing key came from, so that the caller can tell the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// Given as text.
    Given,
    /// Read from this file.
    File(PathBuf),
    /// Created just now.
    Created {
        /// The private key, mode 0600.
        private: PathBuf,
        /// Its public half.
        public: PathBuf,
    },
}

impl SigningKey {
    /// Takes the key from `pem` if given, else from `file` if given, else from `default`, where it is created if there
    /// is none yet.
    ///
    /// # Errors
    /// `Invalid` if the key is not an Ed25519 key in PKCS#8 PEM, or a key file may be read by others than its owner;
    /// `Missing` if `file` does not exist.
    pub fn load_or_create(
        pem: Option<&str>,
        file: Option<&Path>,
        default: &Path,
    ) -> Result<(SigningKey, KeyOrigin), Error> {
        if let Some(pem) = pem {
            return Ok((SigningKey::from_pem(pem, "the signing key given as text")?, KeyOrigin::Given));
        }
        if let Some(file) = file {
            return Ok((SigningKey::from_file(file)?, KeyOrigin::File(file.to_owned())));
        }
        match SigningKey::from_file(default) {
            Ok(key) => {
                key.write_public(default)?;
                Ok((key, KeyOrigin::File(default.to_owned())))
            }
            Err(Error::Missing { .. }) => SigningKey::create(default),
            Err(error) => Err(error),
        }
    }

    /// Reads a key from PKCS#8 PEM text. `what` names it in errors.
    ///
    /// # Errors
    /// `Invalid` if the text is anything else.
    pub fn from_pem(pem: &str, what: &str) -> Result<SigningKey> {
        match ed25519_dalek::SigningKey::from_pkcs8_pem(pem.trim_ascii()) {
            Ok(key) => Ok(SigningKey(key)),
            Err(_) => Err(Error::Invalid { what: what.into(), why: "not an Ed25519 key in PKCS#8 PEM".into() }),
        }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// `Missing`, or `Invalid` if group or others may read the file or it holds no Ed25519 key in PKCS#8 PEM.
    pub fn from_file(path: &Path) -> Result<SigningKey> {
        let what = format!("signing key file {path:?}");
        let file = File::open(path).map_err(|error| Error::io(&what, error))?;
        refuse_shared(&file, &what)?;
        SigningKey::from_pem(&read_text(file, &what)?, &what)
    }

    /// Creates a key at `path` with mode 0600, and its public half beside it. Never overwrites: if another process was
    /// faster, its key is taken.
    fn create(path: &Path) -> Result<(SigningKey, KeyOrigin)> {
        let what = format!("signing key file {path:?}");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::io(format!("folder {folder:?}"), error))?;
        }
        let key = SigningKey::generate()?;
        match create_new(path, 0o600, &key.to_pem()?) {
            Ok(()) => {
                let public = key.write_public(path)?;
                Ok((key, KeyOrigin::Created { private: path.to_owned(), public }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Ok((SigningKey::from_file(path)?, KeyOrigin::File(path.to_owned())))
            }
            Err(error) => Err(Error::io(what, error)),
        }
    }

    /// A new random key that is stored nowhere.
    ///
    /// # Errors
    /// `Internal` if the operating system gives no randomness.
    pub fn generate() -> Result<SigningKey> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Error::internal("creating a signing key", error))?;
        Ok(SigningKey(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`; the same message always gives the same 64 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// PKCS#8 version 1, which every OpenSSL that knows Ed25519 reads.
    fn to_pem(&self) -> Result<impl AsRef<str> + use<>> {
        KeypairBytes { secret_key: self.0.to_bytes(), public_key: None }
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| Error::internal("writing a signing key", error))
    }

    /// Writes the public half beside `path`, with the ending `.pub.pem`, unless it is there.
    fn write_public(&self, path: &Path) -> Result<PathBuf> {
        let beside = path.with_extension("pub.pem");
        let what = format!("public key file {beside:?}");
        match create_new(&beside, 0o644, &self.public().to_pem()) {
            Ok(()) => Ok(beside),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if PublicKey::from_file(&beside)? == self.public() {
                    return Ok(beside);
                }
                let why = format!("it is not the public half of {path:?}; move one of the two away");
                Err(Error::Exists { what, why })
            }
            Err(error) => Err(Error::io(what, error)),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

/// The public half of a [`SigningKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a key from SPKI PEM text (`-----BEGIN PUBLIC KEY-----`). `what` names it in errors.
    ///
    /// # Errors
    /// `Invalid` if the text is anything else.
    pub fn from_pem(pem: &str, what: &str) -> Result<PublicKey> {
        match VerifyingKey::from_public_key_pem(pem.trim_ascii()) {
            Ok(key) => Ok(PublicKey(key)),
            Err(_) => Err(Error::Invalid { what: what.into(), why: "not an Ed25519 public key in SPKI PEM".into() }),
        }
    }

    /// Reads a public key file.
    ///
    /// # Errors
    /// `Missing`, or `Invalid` if it holds no Ed25519 public key in SPKI PEM.
    pub fn from_file(path: &Path) -> Result<PublicKey> {
        let what = format!("public key file {path:?}");
        let file = File::open(path).map_err(|error| Error::io(&what, error))?;
        PublicKey::from_pem(&read_text(file, &what)?, &what)
    }

    /// SPKI PEM text.
    pub fn to_pem(&self) -> String {
        PublicKeyBytes(self.0.to_bytes()).to_public_key_pem(LineEnding::LF).expect("32 bytes encode")
    }

    /// SHA-256 of the key's SPKI DER, hex.
    pub fn id(&self) -> String {
        sha256_hex(&self.to_der())
    }

    /// Whether `signature` over `message` is this key's. Strict: of the several encodings a signature could have, one
    /// is accepted.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        self.0.verify_strict(message, &signature).is_ok()
    }

    /// SPKI DER in base64, the form in which envelopes carry a key.
    pub(super) fn to_base64(self) -> String {
        BASE64.encode(self.to_der())
    }

    /// Reads what [`PublicKey::to_base64`] wrote, and nothing else.
    pub(super) fn from_base64(text: &str) -> Option<PublicKey> {
        let key = PublicKey(VerifyingKey::from_public_key_der(&BASE64.decode(text).ok()?).ok()?);
        (key.to_base64() == text).then_some(key)
    }

    fn to_der(self) -> Vec<u8> {
        PublicKeyBytes(self.0.to_bytes()).to_public_key_der().expect("32 bytes encode").into_vec()
    }
}

fn read_text(file: File, what: &str) -> Result<String> {
    let mut text = String::new();
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Error::Invalid { what: what.into(), why: "not a text file".into() },
        _ => Error::io(what, error),
    })?;
    Ok(text)
}

/// Makes a file that is whole as soon as it is there: workers that start at once all make a key, and read that of the first.
fn create_new(path: &Path, mode: u32, text: &impl AsRef<str>) -> std::io::Result<()> {
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(std::io::Error::other)?;
    let beside = path.with_extension(format!("{:016x}.new", u64::from_le_bytes(number)));
    let written = write_new(&beside, mode, text).and_then(|()| std::fs::hard_link(&beside, path));
    // What could not be written may not be there.
    let _ = std::fs::remove_file(&beside);
    written
}

fn write_new(path: &Path, mode: u32, text: &impl AsRef<str>) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path)?;
    file.write_all(text.as_ref().as_bytes())?;
    file.sync_all()
}

/// Refuses a key file that others than its owner may read. Looks at the open file, not at the name.
fn refuse_shared(file: &File, what: &str) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = file.metadata().map_err(|error| Error::io(what, error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let why = format!("others than its owner may use it (mode {mode:04o}); run `chmod 600` on it");
            return Err(Error::Invalid { what: what.into(), why });
        }
    }
    Ok(())
}
