//! Who may come in, and whom the client trusts.

use super::*;
use crate::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

async fn attempt(url: &str) -> Result<(), Error> {
    Postgres::open(url, "public", 2)?.catalog().await.map(drop)
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_echoed() {
    let server = Server::start(
        "password_encryption = 'scram-sha-256'\nlisten_addresses = '127.0.0.1'",
        "host all all 127.0.0.1/32 scram-sha-256",
        |_| {},
    );
    server.sql("CREATE ROLE me LOGIN PASSWORD 'right'");
    let url = |login: &str, database: &str| format!("postgresql://{login}@127.0.0.1:{}/{database}", server.port());
    attempt(&url("me:right", "postgres")).await.expect("the right password");
    for login in ["me:hunter2", "me"] {
        let error = attempt(&url(login, "postgres")).await.expect_err("refused");
        assert!(matches!(error, Error::Login { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let error = attempt(&url("me:right", "nowhere")).await.expect_err("no such database");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    let error = attempt(&format!("postgresql://me@{}/x?host=%2Fnowhere", "")).await.expect_err("no such socket");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn certificates_are_checked_as_far_as_asked() {
    let authority = tempfile::tempdir().expect("a folder");
    let settings =
        "listen_addresses = '127.0.0.1'\nssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'";
    let server =
        Server::start(settings, "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject", |data| {
            certify(authority.path(), "trusted", "DNS:localhost");
            certify(authority.path(), "stranger", "DNS:localhost");
            std::fs::copy(authority.path().join("trusted.crt"), data.join("server.crt")).expect("copied");
            std::fs::copy(authority.path().join("trusted.key"), data.join("server.key")).expect("copied");
        });
    let url = |host: &str, mode: &str, root: &str| {
        let root = authority.path().join(format!("{root}-ca.crt"));
        format!("postgresql://postgres@{host}:{}/postgres?sslmode={mode}&sslrootcert={}", server.port(), root.display())
    };
    let accepted = |host, mode, root| {
        let url = url(host, mode, root);
        async move {
            attempt(&url).await.map_err(|error| assert!(matches!(error, Error::Invalid { .. }), "{error}")).is_ok()
        }
    };
    assert!(accepted("localhost", "verify-full", "trusted").await);
    assert!(!accepted("127.0.0.1", "verify-full", "trusted").await, "the certificate is for another name");
    assert!(!accepted("localhost", "verify-full", "stranger").await, "another authority signed it");
    assert!(accepted("127.0.0.1", "verify-ca", "trusted").await, "the name does not matter");
    assert!(!accepted("127.0.0.1", "verify-ca", "stranger").await);
    assert!(!accepted("127.0.0.1", "require", "stranger").await, "a root makes require check the chain, as libpq does");
    let plain = |mode: &str| format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode={mode}", server.port());
    attempt(&plain("require")).await.expect("anyone is trusted");
    attempt(&plain("prefer")).await.expect("TLS is offered");
    let error = attempt(&plain("disable")).await.expect_err("the server wants TLS");
    assert!(matches!(error, Error::Login { .. }), "{error}");
    let error = attempt(&url("localhost", "verify-full", "absent")).await.expect_err("no roots");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = Server::start("listen_addresses = '127.0.0.1'", "", |_| {});
    let url = |mode: &str| format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode={mode}", server.port());
    attempt(&url("prefer")).await.expect("plain will do");
    let error = attempt(&url("require")).await.expect_err("refused");
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

/// Makes an authority and a certificate that it signs: `{name}-ca.crt`, `{name}.crt`, `{name}.key`.
fn certify(folder: &Path, name: &str, subject: &str) {
    let ca = format!("{name}-ca");
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &format!("/CN={ca}"),
            "-keyout",
            &format!("{ca}.key"),
            "-out",
            &format!("{ca}.crt"),
        ],
    );
    openssl(
        folder,
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.csr"),
        ],
    );
    std::fs::write(folder.join("ext"), format!("subjectAltName={subject}\nbasicConstraints=CA:FALSE\n"))
        .expect("written");
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            &format!("{name}.csr"),
            "-CA",
            &format!("{ca}.crt"),
            "-CAkey",
            &format!("{ca}.key"),
            "-CAcreateserial",
            "-extfile",
            "ext",
            "-out",
            &format!("{name}.crt"),
        ],
    );
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let status = Command::new("openssl").args(arguments).current_dir(folder).stderr(Stdio::null()).status();
    assert!(status.expect("openssl is needed for this test").success(), "openssl failed");
}
