//! Who may come in, and whom the client trusts.

use std::path::Path;
use std::process::{Command, Stdio};

use super::server::own;
use super::*;
use crate::error::Error;

async fn attempt(url: &str) -> Result<(), Error> {
    Mysql::open(url, 2)?.catalog().await.map(drop)
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_echoed() {
    let server = Server::start(&[], |_| {});
    server.sql("CREATE DATABASE shop; CREATE USER me@'127.0.0.1' IDENTIFIED BY 'ri:g@ht'; GRANT ALL ON shop.* TO me@'127.0.0.1'");
    let url = |login: &str, database: &str| format!("mysql://{login}@127.0.0.1:{}/{database}", server.port());
    attempt(&url("me:ri%3Ag%40ht", "shop")).await.expect("the right password");
    for login in ["me:hunter2", "me", "nobody:hunter2"] {
        let error = attempt(&url(login, "shop")).await.expect_err("refused");
        assert!(matches!(error, Error::Login { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let error = attempt(&url("me:ri%3Ag%40ht", "nowhere")).await.expect_err("no such database");
    assert!(matches!(error, Error::Missing { .. } | Error::Privilege { .. }), "{error}");
    let error = attempt("mysql://me@/x?socket=%2Fnowhere").await.expect_err("no such socket");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let error = attempt(&format!("mysql://me@127.0.0.1:{port}/x?connect-timeout=1")).await.expect_err("nobody answers");
    assert!(matches!(&error, Error::Unavailable { why, .. } if why.contains("1 seconds")), "{error}");
}

#[tokio::test]
async fn certificates_are_checked_as_far_as_asked() {
    let authority = tempfile::tempdir().expect("a folder");
    certify(authority.path(), "trusted", "DNS:localhost");
    certify(authority.path(), "stranger", "DNS:localhost");
    certify(authority.path(), "wild", "DNS:*.example.test");
    let start = |name: &str| {
        let folder = authority.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        for ending in ["crt", "key"] {
            let file = folder.join(format!("server.{ending}"));
            std::fs::copy(authority.path().join(format!("{name}.{ending}")), &file).expect("copied");
            own(&file);
        }
        own(&folder);
        own(authority.path());
        let option = |option: &str, file: &str| format!("--{option}={}", folder.join(file).display());
        let server = Server::start(
            &[&option("ssl-cert", "server.crt"), &option("ssl-key", "server.key"), "--require-secure-transport=on"],
            |_| {},
        );
        server.sql("CREATE DATABASE shop; CREATE USER me@'%'; GRANT ALL ON shop.* TO me@'%'");
        server
    };
    let server = start("trusted");
    let url = |port: u16, host: &str, mode: &str, root: &str| {
        let root = authority.path().join(format!("{root}-ca.crt"));
        format!("mysql://me@{host}:{port}/shop?ssl-mode={mode}&ssl-ca={}", root.display())
    };
    let accepted = |port, host, mode, root| {
        let url = url(port, host, mode, root);
        async move {
            let told = |error: Error| assert!(matches!(error, Error::Invalid { .. }), "{error}");
            attempt(&url).await.map_err(told).is_ok()
        }
    };
    let port = server.port();
    assert!(accepted(port, "localhost", "VERIFY_IDENTITY", "trusted").await);
    assert!(!accepted(port, "127.0.0.1", "VERIFY_IDENTITY", "trusted").await, "the certificate is for another name");
    assert!(!accepted(port, "localhost", "VERIFY_IDENTITY", "stranger").await, "another authority signed it");
    assert!(accepted(port, "127.0.0.1", "VERIFY_CA", "trusted").await, "the name does not matter");
    assert!(!accepted(port, "127.0.0.1", "VERIFY_CA", "stranger").await);
    assert!(!accepted(port, "localhost", "VERIFY_CA", "stranger").await);
    assert!(!accepted(port, "127.0.0.1", "REQUIRED", "stranger").await, "a root makes REQUIRED check the chain");
    let plain = |mode: &str| format!("mysql://me@127.0.0.1:{port}/shop?ssl-mode={mode}");
    attempt(&plain("REQUIRED")).await.expect("anyone is trusted");
    attempt(&plain("PREFERRED")).await.expect("TLS is offered");
    let error = attempt(&plain("DISABLED")).await.expect_err("the server wants TLS");
    assert!(matches!(error, Error::Login { .. } | Error::Unavailable { .. }), "{error}");
    let error = attempt(&url(port, "localhost", "VERIFY_IDENTITY", "absent")).await.expect_err("no roots");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    let wild = start("wild");
    assert!(accepted(wild.port(), "localhost", "VERIFY_CA", "wild").await, "any name will do, also one with a star");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = Server::start(&["--skip-ssl"], |_| {});
    server.sql("CREATE DATABASE shop; CREATE USER me@'127.0.0.1'; GRANT ALL ON shop.* TO me@'127.0.0.1'");
    let url = |mode: &str| format!("mysql://me@127.0.0.1:{}/shop?ssl-mode={mode}", server.port());
    attempt(&url("PREFERRED")).await.expect("plain will do");
    let error = attempt(&url("REQUIRED")).await.expect_err("refused");
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

/// Makes an authority and a certificate that it signs: `{name}-ca.crt`, `{name}.crt`, `{name}.key`.
fn certify(folder: &Path, name: &str, subject: &str) {
    const STEPS: &str = r#"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1 authority" -keyout $1-ca.key -out $1-ca.crt
openssl req -newkey rsa:2048 -nodes -subj "/CN=server" -keyout $1.key -out $1.csr
printf "subjectAltName=$2\nbasicConstraints=CA:FALSE\n" > $1.ext
openssl x509 -req -in $1.csr -CA $1-ca.crt -CAkey $1-ca.key -CAcreateserial -days 2 -extfile $1.ext -out $1.crt
chmod a+r *.crt *.key"#;
    let status = Command::new("sh")
        .args(["-ec", STEPS, "sh", name, subject])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("a shell starts").success(), "openssl is needed for this test");
}
