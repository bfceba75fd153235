//! Members that meet over loopback, and strangers that try to.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::cluster::caller::Class;
use crate::cluster::identity::Identity;
use crate::cluster::subject::Subject;
use crate::cluster::testing::{Pki, head, operator};
use crate::proto::MeshMember;
use hello::HELLO_BYTES_MAX;

const GENERATION: u64 = 7;

fn speaker() -> TaskId {
    TaskId { worker: String::new(), job: "shop-1".to_owned(), attempt: 2 }
}

fn pass() -> Pass {
    Pass { job: "shop-1".to_owned(), attempt: 2, generation: GENERATION, secret: "5ec4e7".to_owned() }
}

/// Members that listen, `w0` and on, each with its own TLS.
async fn members(tls: Vec<Option<MutualTls>>) -> Vec<(Arc<Party>, TcpListener)> {
    let mut listeners = Vec::new();
    for _ in &tls {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let named = |(index, listener): (usize, &TcpListener)| MeshMember {
        worker: format!("w{index}"),
        address: listener.local_addr().unwrap().to_string(),
    };
    let all: Vec<MeshMember> = listeners.iter().enumerate().map(named).collect();
    let party = |(index, tls): (usize, Option<MutualTls>)| {
        let gathered = MeshJoinReply { index: index as u32, threads: 1, members: all.clone() };
        Arc::new(Party::new(&speaker(), GENERATION, "5ec4e7", gathered, tls).unwrap())
    };
    tls.into_iter().enumerate().map(party).zip(listeners).collect()
}

fn address(members: &[(Arc<Party>, TcpListener)], index: usize) -> SocketAddr {
    members[index].1.local_addr().unwrap()
}

/// Has all of them form, and every pair say its numbers to each other.
async fn meet(members: Vec<(Arc<Party>, TcpListener)>) {
    let forming = members.into_iter().map(|(party, listener)| tokio::spawn(party.form(listener)));
    let formed = futures::future::join_all(forming.collect::<Vec<_>>()).await;
    let mut wires: Vec<Vec<Option<Wire>>> = formed.into_iter().map(|formed| formed.unwrap().unwrap()).collect();
    for (one, wires) in wires.iter_mut().enumerate() {
        assert!(wires[one].is_none());
        for (other, wire) in wires.iter_mut().enumerate() {
            let Some(wire) = wire else { continue };
            wire.write_all(&[one as u8, other as u8]).await.unwrap();
            wire.flush().await.unwrap();
        }
    }
    for (one, wires) in wires.iter_mut().enumerate() {
        assert_eq!(wires.iter().flatten().count() + 1, wires.len());
        for (other, wire) in wires.iter_mut().enumerate() {
            let Some(wire) = wire else { continue };
            let mut said = [9; 2];
            wire.read_exact(&mut said).await.unwrap();
            assert_eq!(said, [other as u8, one as u8]);
        }
    }
}

/// Whether the connection is closed on a stranger, without a word.
async fn is_dropped(mut stream: TcpStream) -> bool {
    let mut said = Vec::new();
    let ended = timeout(HELLO_MAX + HELLO_MAX, stream.read_to_end(&mut said)).await;
    ended.is_ok() && said.is_empty()
}

async fn say(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

async fn say_hello(address: SocketAddr, hello: hello::Hello) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    hello::write(&mut stream, &hello).await.unwrap();
    stream
}

fn worker(name: &str) -> Subject {
    Subject::Worker { name: name.to_owned(), classes: vec![Class::Validator] }
}

fn mutual(identity: &Identity) -> Option<MutualTls> {
    Some(MutualTls::of(identity).unwrap())
}

#[tokio::test]
async fn members_meet_in_plain_text_on_loopback() {
    meet(members(vec![None, None]).await).await;
    meet(members(vec![None, None, None, None]).await).await;
}

#[tokio::test]
async fn members_meet_by_tls_with_certificates_of_their_own_or_a_shared_one() {
    let pki = Pki::new();
    let own = |name: &str| mutual(&pki.identity(&worker(name)));
    meet(members(vec![own("w0"), own("w1"), own("w2")]).await).await;
    let shared = || Some(MutualTls::of(&pki.identity(&worker("pool"))).unwrap());
    let two = members(vec![shared(), shared()]).await;
    let rename = |(party, listener): (Arc<Party>, TcpListener)| {
        let Party { pass, index, members, tls } = Arc::into_inner(party).unwrap();
        let members = members.into_iter().map(|(worker, address)| (format!("pool-{worker}"), address)).collect();
        (Arc::new(Party { pass, index, members, tls }), listener)
    };
    meet(two.into_iter().map(rename).collect()).await;
}

#[tokio::test]
async fn strangers_are_dropped_and_members_meet_all_the_same() {
    let members = members(vec![None, None]).await;
    let to = address(&members, 0);
    let right = pass().hello(1, 0);
    let mut strangers = Vec::new();
    let wrong = [
        hello::Hello { job: "shop-2".to_owned(), ..right.clone() },
        hello::Hello { protocol: right.protocol + 1, ..right.clone() },
        hello::Hello { attempt: 1, ..right.clone() },
        hello::Hello { generation: GENERATION - 1, ..right.clone() },
        hello::Hello { generation: GENERATION + 1, ..right.clone() },
        hello::Hello { from: 0, ..right.clone() },
        hello::Hello { from: 2, ..right.clone() },
        hello::Hello { from: usize::MAX, ..right.clone() },
        hello::Hello { to: 1, ..right.clone() },
        hello::Hello { secret: "5ec4e8".to_owned(), ..right.clone() },
        hello::Hello { secret: String::new(), ..right.clone() },
    ];
    for hello in wrong {
        strangers.push(say_hello(to, hello).await);
    }
    let too_long = (HELLO_BYTES_MAX as u16 + 1).to_be_bytes();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0], &[0, 2, b'{', b'}'], &[0, 3, 0xff, 0xff, 0xff], &too_long] {
        strangers.push(say(to, bytes).await);
    }
    // One that says nothing, and one that is gone at once: nobody waits for them.
    let silent = TcpStream::connect(to).await.unwrap();
    drop(TcpStream::connect(to).await.unwrap());
    timeout(HELLO_MAX, meet(members)).await.expect("nobody waits for strangers");
    for stranger in strangers {
        assert!(is_dropped(stranger).await);
    }
    drop(silent);
}

#[tokio::test]
async fn only_workers_of_the_cluster_are_let_in_by_tls() {
    let (pki, other_cluster) = (Pki::new(), Pki::new());
    let refused = [
        ("a client", pki.identity(&operator())),
        ("a head", pki.identity(&head())),
        ("another cluster's worker", other_cluster.identity(&worker("w1"))),
        ("another worker", pki.identity(&worker("w9"))),
    ];
    for (who, identity) in refused {
        // As the one that accepts, and as the one that connects.
        for bad in [0, 1] {
            let good = |index| mutual(&pki.identity(&worker(&format!("w{index}"))));
            let tls = |index| if index == bad { mutual(&identity) } else { good(index) };
            let members = members(vec![tls(0), tls(1)]).await;
            let accepting = async { members[0].0.accept(members[0].1.accept().await.unwrap().0).await.map(drop) };
            let connecting = async { members[1].0.connect(0).await.map(drop) };
            let (accepted, connected) = timeout(HELLO_MAX, futures::future::join(accepting, connecting)).await.unwrap();
            let met = if bad == 0 { connected } else { accepted };
            assert!(met.is_err(), "{who} is let in at place {bad}");
        }
    }
}

/// Neither end of plain text and TLS lets the other in.
#[tokio::test]
async fn plain_text_does_not_meet_tls() {
    let pki = Pki::new();
    for plain in [0, 1] {
        let tls =
            |index: usize| (index != plain).then(|| mutual(&pki.identity(&worker(&format!("w{index}"))))).flatten();
        let members = members(vec![tls(0), tls(1)]).await;
        let accepting = async { members[0].0.accept(members[0].1.accept().await.unwrap().0).await.map(drop) };
        let connecting = async { members[1].0.connect(0).await.map(drop) };
        let either = timeout(HELLO_MAX, futures::future::try_join(accepting, connecting)).await;
        assert!(!matches!(either, Ok(Ok(_))));
    }
}
