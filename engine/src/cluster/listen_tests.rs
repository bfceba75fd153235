//! Tests of the port: both protocols, strangers, slow and silent peers.

use std::fs;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};

use super::super::channel::{Credentials, channel, said};
use super::super::identity::{ClientCertificates, ClientTls, Identity};
use super::super::testing::{DAY, Pki, Running, app, beat, get_text, head, now, operator, start, worker};
use super::super::token::Token;
use super::*;
use crate::clock::Stopwatch;

const WORKER: &str = "w1 Worker([Mover, Validator])";

async fn grpc(running: &Running, tls: ClientTls) -> Result<String, String> {
    let credentials = Credentials { tls: Some(Arc::new(tls)), token: None };
    let channel = channel(&running.head("https"), &credentials).unwrap();
    beat(channel).await.map_err(|status| said(&status))
}

async fn ends(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let _ = timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await.expect("the connection ends");
}

#[tokio::test]
async fn rest_and_grpc_on_one_port_know_who_calls() {
    let pki = Pki::new();
    let running = start(Some(pki.server(ClientCertificates::Required)), app()).await;
    assert!(running.who(&pki.client(&worker())).await.unwrap().ends_with(WORKER));
    assert!(running.who(&pki.client(&operator())).await.unwrap().ends_with("ann Client(Operator)"));
    assert!(running.who(&pki.client(&head())).await.unwrap().ends_with("nobody"));
    assert_eq!(grpc(&running, pki.client(&worker())).await.unwrap(), WORKER);
    running.stop().await;
}

#[tokio::test]
async fn plain_text_serves_both_too() {
    let running = start(None, app()).await;
    assert!(get_text(&mut running.tcp().await, "/who").await.unwrap().ends_with("nobody"));
    let credentials = Credentials { tls: None, token: Some(Token::new([1; 32])) };
    let answer = beat(channel(&running.head("http"), &credentials).unwrap()).await.unwrap();
    assert_eq!(answer, format!("nobodyBearer {}", Token::new([1; 32]).expose()));
    running.stop().await;
}

#[tokio::test]
async fn without_a_certificate_only_where_tokens_may_do() {
    let pki = Pki::new();
    let strict = start(Some(pki.server(ClientCertificates::Required)), app()).await;
    assert!(strict.who(&pki.nobody()).await.is_err());
    let said = grpc(&strict, pki.nobody()).await.unwrap_err();
    assert!(said.ends_with("the head wants a certificate, and none was shown"), "{said}");
    let lenient = start(Some(pki.server(ClientCertificates::Optional)), app()).await;
    assert_eq!(grpc(&lenient, pki.nobody()).await.unwrap(), "nobody");
    assert_eq!(grpc(&lenient, pki.client(&worker())).await.unwrap(), WORKER);
}

#[tokio::test]
async fn another_authority_is_trusted_by_neither_end() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    for clients in [ClientCertificates::Required, ClientCertificates::Optional] {
        let running = start(Some(ours.server(clients)), app()).await;
        let said = grpc(&running, theirs.client(&worker())).await.unwrap_err();
        assert!(said.ends_with("its certificate is not from the authority that is trusted here (ca.pem)"), "{said}");
        // A client that trusts the head and shows what another authority signed.
        let mut identity = theirs.identity(&worker());
        identity.ca = ours.folder().join("ca.pem");
        let said = grpc(&running, identity.client().unwrap()).await.unwrap_err();
        assert!(said.ends_with("the head does not trust the authority of the certificate that was shown"), "{said}");
    }
}

#[tokio::test]
async fn expired_certificates_are_refused_by_either_end() {
    let pki = Pki::new();
    let running = start(Some(pki.server(ClientCertificates::Optional)), app()).await;
    pki.write(&worker(), &[], now() - 31 * DAY).unwrap();
    let expired = Identity::in_folder(pki.folder(), "worker-w1").client().unwrap();
    let said = grpc(&running, expired).await.unwrap_err();
    assert!(said.ends_with("the certificate that was shown has expired"), "{said}");

    pki.write(&head(), &["127.0.0.1"], now() - 31 * DAY).unwrap();
    let server = Identity::in_folder(pki.folder(), "head-main").server(ClientCertificates::Optional).unwrap();
    let running = start(Some(server), app()).await;
    let said = grpc(&running, pki.nobody()).await.unwrap_err();
    assert!(said.ends_with("its certificate has expired"), "{said}");
}

#[tokio::test]
async fn only_a_head_for_this_host_is_a_head() {
    let pki = Pki::new();
    pki.write(&head(), &["elsewhere.example"], now()).unwrap();
    let server = Identity::in_folder(pki.folder(), "head-main").server(ClientCertificates::Optional).unwrap();
    let running = start(Some(server), app()).await;
    let said = grpc(&running, pki.nobody()).await.unwrap_err();
    assert!(said.ends_with("its certificate is for other hosts; issue one that names this host"), "{said}");
}

#[tokio::test]
async fn what_our_authority_signed_is_not_enough() {
    let pki = Pki::new();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let identity = pki.by_hand(params.clone(), ExtendedKeyUsagePurpose::ClientAuth);
    let running = start(Some(identity.server(ClientCertificates::Optional).unwrap()), app()).await;
    let said = grpc(&running, pki.nobody()).await.unwrap_err();
    assert!(said.ends_with("its certificate is not that of a head"), "{said}");

    let running = start(Some(pki.server(ClientCertificates::Optional)), app()).await;
    let unable = pki.by_hand(params.clone(), ExtendedKeyUsagePurpose::ServerAuth).client().unwrap();
    assert!(running.who(&unable).await.is_err());
    let nameless = pki.by_hand(params, ExtendedKeyUsagePurpose::ClientAuth).client().unwrap();
    assert_eq!(running.who(&nameless).await.unwrap_or_default(), "");
}

#[tokio::test]
async fn nonsense_ends_its_connection_alone() {
    let pki = Pki::new();
    let secured = start(Some(pki.server(ClientCertificates::Optional)), app()).await;
    let plain = start(None, app()).await;
    let long = [b"GET /".to_vec(), vec![b'a'; 100 << 10]].concat();
    let junk: [&[u8]; 5] = [
        &[0; 100],
        b"\xff\x00nonsense\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxxxx",
        &long,
    ];
    for bytes in junk {
        for running in [&secured, &plain] {
            let mut stream = running.tcp().await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            ends(&mut stream).await;
        }
    }
    // Plain text on the TLS port, and TLS on the plain one.
    assert!(!get_text(&mut secured.tcp().await, "/who").await.unwrap_or_default().contains("200 OK"));
    assert!(plain.tls(&pki.nobody(), "localhost").await.is_err());
    let credentials = Credentials { tls: Some(Arc::new(pki.nobody())), token: None };
    let status = beat(channel(&plain.head("https"), &credentials).unwrap()).await.unwrap_err();
    assert!(said(&status).ends_with("try http:// if it is meant to be in plain text"), "{}", said(&status));
    let status = beat(channel(&secured.head("http"), &Credentials::default()).unwrap()).await.unwrap_err();
    assert!(said(&status).contains("try https://"), "{}", said(&status));

    assert_eq!(grpc(&secured, pki.client(&worker())).await.unwrap(), WORKER);
    assert!(get_text(&mut plain.tcp().await, "/who").await.unwrap().ends_with("nobody"));
}

#[tokio::test]
async fn those_who_dawdle_are_cut_off() {
    let pki = Pki::new();
    let secured = start(Some(pki.server(ClientCertificates::Optional)), app()).await;
    let plain = start(None, app()).await;
    let watch = Stopwatch::start();
    let drip = async |begin: &[u8], drop: &[u8]| {
        let mut stream = plain.tcp().await;
        stream.write_all(begin).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let dripping = async {
            while writing.write_all(drop).await.is_ok() {
                sleep(Duration::from_millis(500)).await
            }
        };
        tokio::select! { () = ends(&mut reading) => {}, () = dripping => {} }
        watch.elapsed()
    };
    let silent = async {
        ends(&mut secured.tcp().await).await;
        watch.elapsed()
    };
    let handshaken = async {
        let mut stream = secured.tls(&pki.nobody(), "localhost").await.unwrap();
        ends(&mut stream).await;
        watch.elapsed()
    };
    let (header, preface, nothing, silent, handshaken) =
        tokio::join!(drip(b"GET /who HTTP/1.1\r\nX: ", b"a"), drip(b"PRI", b""), drip(b"", b""), silent, handshaken);
    assert!(silent >= HANDSHAKE_MAX && silent < HANDSHAKE_MAX + Duration::from_secs(3), "{silent:?}");
    for taken in [header, preface, nothing, handshaken] {
        assert!(taken >= HEADER_READ_MAX && taken < HEADER_READ_MAX + Duration::from_secs(4), "{taken:?}");
    }
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_cut_off() {
    let running = start(None, app()).await;
    let mut stream = running.tcp().await;
    // The preface and empty settings: a good beginning, and not a word after it.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let watch = Stopwatch::start();
    ends(&mut stream).await;
    assert!(watch.elapsed() >= PING_ANSWER_MAX, "{:?}", watch.elapsed());
}

/// Long enough for the files to be looked at again.
async fn look_again() {
    sleep(super::super::reload::LOOK_EVERY + Duration::from_millis(100)).await;
}

/// One answer on a connection that stays.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    stream.write_all(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).await.unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[tokio::test]
async fn certificates_change_without_a_restart() {
    let pki = Pki::new();
    let running = start(Some(pki.server(ClientCertificates::Required)), app()).await;
    let client = pki.client(&worker());
    let shown = async || {
        let stream = running.tls(&client, "localhost").await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let mut old = running.tls(&client, "localhost").await.unwrap();
    let first = shown().await;

    pki.write(&head(), &["localhost"], now()).unwrap();
    pki.write(&worker(), &[], now()).unwrap();
    look_again().await;
    let second = shown().await;
    assert_ne!(first, second);
    assert!(ask(&mut old).await.ends_with(WORKER));

    // The next is broken: the one before stays, until there is one that works.
    fs::write(pki.folder().join("head-main.pem"), "broken").unwrap();
    look_again().await;
    assert_eq!(shown().await, second);
    pki.write(&head(), &["localhost"], now()).unwrap();
    look_again().await;
    assert_ne!(shown().await, second);
    assert!(ask(&mut old).await.ends_with(WORKER));
}

#[tokio::test]
async fn an_authority_that_is_replaced_is_trusted_no_more() {
    let (old, new) = (Pki::new(), Pki::new());
    let running = start(Some(old.server(ClientCertificates::Required)), app()).await;
    let client = old.client(&worker());
    let mut identity = new.identity(&operator());
    identity.ca = new.folder().join("ca-of-the-head.pem");
    fs::copy(old.folder().join("ca.pem"), &identity.ca).unwrap();
    let newcomer = identity.client().unwrap();
    assert!(running.who(&client).await.is_ok() && running.who(&newcomer).await.is_err());
    fs::copy(new.folder().join("ca.pem"), old.folder().join("ca.pem")).unwrap();
    look_again().await;
    assert!(running.who(&client).await.is_err() && running.who(&newcomer).await.is_ok());
}

#[tokio::test]
async fn requests_under_way_finish_when_the_port_closes() {
    let running = start(None, app()).await;
    let mut stream = running.tcp().await;
    let mut idle = running.tcp().await;
    assert!(ask(&mut idle).await.ends_with("nobody"));
    let asking = tokio::spawn(async move { get_text(&mut stream, "/slow").await });
    sleep(Duration::from_millis(100)).await;
    let (address, watch) = (running.address, Stopwatch::start());
    running.stop().await;
    assert!(asking.await.unwrap().unwrap().ends_with("done"));
    assert!(watch.elapsed() < Duration::from_secs(2));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn requests_without_end_are_cut() {
    let running = start(None, app()).await;
    let mut stream = running.tcp().await;
    let asking = tokio::spawn(async move { get_text(&mut stream, "/stuck").await });
    sleep(Duration::from_millis(100)).await;
    let watch = Stopwatch::start();
    running.stop().await;
    assert!(watch.elapsed() < DRAIN_MAX + Duration::from_secs(2));
    assert!(!asking.await.unwrap().unwrap_or_default().contains("200"));
}

#[test]
fn plain_text_is_for_loopback_or_for_those_who_ask() {
    for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        check_plaintext(address.parse().unwrap(), false).unwrap();
    }
    for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[2001:db8::1]:1"] {
        let failure = check_plaintext(address.parse().unwrap(), false).unwrap_err();
        assert!(failure.to_string().starts_with("without TLS, ") && failure.hint().contains("--insecure"));
        check_plaintext(address.parse().unwrap(), true).unwrap();
    }
}
