//! Tests of finding the head that answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use tokio::net::TcpListener;

use super::super::channel::{PING_ANSWER_MAX, PING_EVERY};
use super::super::identity::ClientCertificates;
use super::super::listen::PeerInfo;
use super::super::testing::{Pki, Running, beat, start, with_beat};
use super::*;
use crate::clock::Stopwatch;

async fn answering(answer: fn(PeerInfo) -> Result<String, Status>) -> Running {
    start(None, with_beat(Router::new(), answer)).await
}

async fn leading() -> Running {
    answering(|_| Ok("leader".to_owned())).await
}

/// A port that nothing listens on.
async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn heads(addresses: &[String]) -> Heads {
    let addresses = HeadAddresses::parse(&addresses.join(","), false).unwrap();
    Heads::new(addresses, Credentials::default(), false).unwrap()
}

fn at(running: &Running) -> String {
    format!("http://{}", running.address)
}

fn standby(leader: &str) -> Status {
    let mut status = Status::failed_precondition("this head does not lead");
    status.metadata_mut().insert(LEADER, leader.parse().unwrap());
    status
}

#[tokio::test]
async fn the_one_that_answers_is_remembered() {
    let leader = leading().await;
    let heads = heads(&[closed().await, closed().await, at(&leader)]);
    for _ in 0..2 {
        assert_eq!(heads.call(beat).await.unwrap(), "leader");
        assert_eq!(heads.current().to_string(), at(&leader));
    }
}

#[tokio::test]
async fn a_head_that_is_gone_is_left() {
    let (one, two) = (leading().await, leading().await);
    let heads = heads(&[at(&one), at(&two)]);
    assert!(heads.call(beat).await.is_ok());
    assert_eq!(heads.current().to_string(), at(&one));
    one.stop().await;
    assert_eq!(heads.call(beat).await.unwrap(), "leader");
    assert_eq!(heads.current().to_string(), at(&two));
}

#[tokio::test]
async fn unavailable_moves_on_and_other_refusals_stay() {
    let busy = answering(|_| Err(Status::unavailable("no database"))).await;
    let leader = leading().await;
    assert_eq!(heads(&[at(&busy), at(&leader)]).call(beat).await.unwrap(), "leader");

    let refusing = answering(|_| Err(Status::not_found("there is no job \"x\""))).await;
    let status = heads(&[at(&refusing), at(&leader)]).call(beat).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "there is no job \"x\""));
    let refusing = answering(|_| Err(Status::failed_precondition("paused"))).await;
    assert_eq!(heads(&[at(&refusing), at(&leader)]).call(beat).await.unwrap_err().message(), "paused");
}

static LEADER_PORT: AtomicU16 = AtomicU16::new(0);

#[tokio::test]
async fn a_standby_names_the_leader() {
    let leader = leading().await;
    LEADER_PORT.store(leader.address.port(), Ordering::SeqCst);
    let following =
        answering(|_| Err(standby(&format!("http://127.0.0.1:{}", LEADER_PORT.load(Ordering::SeqCst))))).await;
    let heads = heads(&[at(&following)]);
    assert_eq!(heads.call(beat).await.unwrap(), "leader");
    assert_eq!(heads.current().to_string(), at(&leader));
    // The leader is not among those given: after it, they are tried again.
    leader.stop().await;
    let status = heads.call(beat).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_leader_that_may_not_be_followed_is_not() {
    let leader = leading().await;
    for named in
        [(|_| Err(standby(""))) as fn(PeerInfo) -> _, |_| Err(standby("http://10.1.2.3:1")), |_| Err(standby("junk"))]
    {
        let lost = answering(named).await;
        assert_eq!(heads(&[at(&lost), at(&leader)]).call(beat).await.unwrap(), "leader");
        assert_eq!(heads(&[at(&lost)]).call(beat).await.unwrap_err().code(), Code::FailedPrecondition);
    }
}

#[tokio::test]
async fn a_head_that_hangs_is_left() {
    // Connections stand, since the system accepts them, and nothing is ever read.
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let leader = leading().await;
    let heads = heads(&[format!("http://{}", hanging.local_addr().unwrap()), at(&leader)]);
    let watch = Stopwatch::start();
    assert_eq!(heads.call(beat).await.unwrap(), "leader");
    assert!(watch.elapsed() < PING_EVERY + PING_ANSWER_MAX + PING_EVERY, "{:?}", watch.elapsed());
}

#[tokio::test]
async fn nobody_is_led_from_tls_to_plain_text() {
    let pki = Pki::new();
    let app = with_beat(Router::new(), |_| Err(standby("http://127.0.0.1:1")));
    let running = start(Some(pki.server(ClientCertificates::Optional)), app).await;
    let addresses = HeadAddresses::parse(&running.head("https").to_string(), false).unwrap();
    let credentials = Credentials { tls: Some(Arc::new(pki.nobody())), token: None };
    let heads = Heads::new(addresses, credentials, false).unwrap();
    assert_eq!(heads.call(beat).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn nobody_there_is_said_in_words() {
    let address = closed().await;
    let status = heads(std::slice::from_ref(&address)).call(beat).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().starts_with(&format!("cannot connect to {address}: Connection refused")), "{status}");
}

#[tokio::test]
async fn tls_without_anything_to_trust_is_refused() {
    let addresses = HeadAddresses::parse("https://127.0.0.1:1", false).unwrap();
    let failure = Heads::new(addresses, Credentials::default(), false).unwrap_err();
    assert!(failure.to_string().ends_with("no certificate authority to trust is given"), "{failure}");
}
