//! gRPC by hand: frames and messages that no well-behaved client would send.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{HeaderMap, Request, Response};
use sensei_tests::head::Head;
use tokio::net::TcpStream;

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What a call came to.
#[derive(Clone, Debug)]
pub struct Called {
    /// HTTP's status.
    pub status: u16,
    /// gRPC's status; `None` if there is none.
    pub code: Option<u32>,
    /// What it says, percent-encoded as on the wire.
    pub message: String,
}

/// gRPC's codes, as its documents number them.
pub mod code {
    pub const OK: u32 = 0;
    pub const UNKNOWN: u32 = 2;
    pub const INVALID_ARGUMENT: u32 = 3;
    pub const NOT_FOUND: u32 = 5;
    pub const ALREADY_EXISTS: u32 = 6;
    pub const PERMISSION_DENIED: u32 = 7;
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    pub const ABORTED: u32 = 10;
    pub const OUT_OF_RANGE: u32 = 11;
    pub const INTERNAL: u32 = 13;
    pub const UNAUTHENTICATED: u32 = 16;
}

/// A connection.
#[derive(Clone)]
pub struct Link {
    sender: SendRequest<Bytes>,
}

/// Runs `f` to its end, on a runtime of its own.
pub fn run<F: Future>(f: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(f)
}

/// One well-framed call in plain text.
pub fn call(head: &Head, token: Option<&str>, method: &str, message: &[u8]) -> Called {
    run(async { Link::open(head.port()).await.call(token, method, framed(message)).await.unwrap() })
}

impl Link {
    pub async fn open(port: u16) -> Link {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (sender, connection) = client::handshake(stream).await.unwrap();
        // The head may close it; whoever calls then sees that.
        tokio::spawn(connection);
        Link { sender }
    }

    /// A call with a body as it is, framed or not.
    pub async fn call(&self, token: Option<&str>, method: &str, body: Bytes) -> Result<Called, h2::Error> {
        let answered = tokio::time::timeout(ANSWER_MAX, self.try_call(token, method, body));
        answered.await.unwrap_or_else(|_| panic!("no answer to {method}"))
    }

    async fn try_call(&self, token: Option<&str>, method: &str, body: Bytes) -> Result<Called, h2::Error> {
        let (response, mut send) = self.clone().sender.ready().await?.send_request(request(token, method), false)?;
        // Refused before all of it was sent is an answer, too.
        let _ = send_all(&mut send, body).await;
        read(response.await?).await
    }

    /// A call whose body does not come; dropping what is given back ends it.
    pub async fn hang(
        &self,
        token: Option<&str>,
        method: &str,
    ) -> Result<(client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        self.clone().sender.ready().await?.send_request(request(token, method), false)
    }
}

/// Sends a body as fast as the head takes it.
pub async fn send_all(send: &mut h2::SendStream<Bytes>, mut body: Bytes) -> Result<(), h2::Error> {
    while !body.is_empty() {
        send.reserve_capacity(body.len());
        let room = std::future::poll_fn(|context| send.poll_capacity(context)).await;
        let room = room.unwrap_or(Ok(0))?;
        if room == 0 {
            return Err(h2::Reason::CANCEL.into());
        }
        send.send_data(body.split_to(room.min(body.len())), false)?;
    }
    send.send_data(Bytes::new(), true)
}

fn request(token: Option<&str>, method: &str) -> Request<()> {
    let mut request = Request::post(format!("http://localhost/sensei.v1.{method}"));
    request = request.header("content-type", "application/grpc").header("te", "trailers");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(()).unwrap()
}

async fn read(response: Response<h2::RecvStream>) -> Result<Called, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    let said = |name| text(&parts.headers, name).or_else(|| text(&trailers, name));
    let code = said("grpc-status").and_then(|code| code.parse().ok());
    Ok(Called { status: parts.status.as_u16(), code, message: said("grpc-message").unwrap_or_default() })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

impl Called {
    /// Insists on a code and on words.
    #[track_caller]
    pub fn expect(self, code: u32, words: &str) -> Called {
        let said = self.message.replace("%20", " ").replace("%22", "\"");
        assert!(self.code == Some(code) && said.contains(words), "{code} {words:?} is not {said:?} in {self:?}");
        self
    }
}

/// A message as gRPC frames it.
pub fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat().into()
}

/// A message's field of text or bytes.
pub fn text_field(number: u8, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut field = vec![number << 3 | 2];
    varint(value.len() as u64, &mut field);
    field.extend_from_slice(value);
    field
}

/// A message's field of a number.
pub fn number_field(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    varint(value, &mut field);
    field
}

fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}
