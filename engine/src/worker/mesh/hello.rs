//! What two members say to each other before anything else: which mesh they belong to and who they are. Both ends check it, so
//! that nobody of another job, attempt or generation, and no stranger, gets at the dataflow.

use std::hint::black_box;
use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is said; raised whenever one would misunderstand the other.
const PROTOCOL: u32 = 1;
/// Bytes of a hello at the most; a job's id has 128.
pub(super) const HELLO_BYTES_MAX: usize = 1_024;

/// One end's word.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    pub protocol: u32,
    pub job: String,
    pub attempt: u32,
    pub generation: u64,
    /// Who speaks, to whom.
    pub from: usize,
    pub to: usize,
    /// What only members know.
    pub secret: String,
}

/// A mesh, as all of its members know it.
#[derive(Clone)]
pub(super) struct Pass {
    pub job: String,
    pub attempt: u32,
    pub generation: u64,
    pub secret: String,
}

impl Pass {
    /// What member `from` says to member `to`.
    pub fn hello(&self, from: usize, to: usize) -> Hello {
        let Pass { job, attempt, generation, secret } = self.clone();
        Hello { protocol: PROTOCOL, job, attempt, generation, from, to, secret }
    }

    /// Whether `hello` is what member `from` says to `to` in this mesh.
    fn accepts(&self, hello: &Hello, from: usize, to: usize) -> bool {
        let expected = self.hello(from, to);
        let is_secret = is_same(&hello.secret, &expected.secret);
        is_secret & (Hello { secret: String::new(), ..hello.clone() } == Hello { secret: String::new(), ..expected })
    }

    /// Reads the word of somebody whose number is in `who`, for `to`; gives the number.
    ///
    /// # Errors
    /// If it is not such a member's word.
    pub async fn expect(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        who: std::ops::Range<usize>,
        to: usize,
    ) -> io::Result<usize> {
        let hello = read(stream).await?;
        let is_welcome = who.contains(&hello.from) && self.accepts(&hello, hello.from, to);
        is_welcome.then_some(hello.from).ok_or_else(|| invalid("it is no member of this mesh"))
    }
}

/// Says a word.
///
/// # Errors
/// If the connection is lost.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), hello: &Hello) -> io::Result<()> {
    let text = serde_json::to_vec(hello)?;
    let length = u16::try_from(text.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), text.as_slice()].concat()).await?;
    stream.flush().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Hello> {
    let length = usize::from(stream.read_u16().await?);
    if length > HELLO_BYTES_MAX {
        return Err(invalid("its word is too long"));
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await?;
    serde_json::from_slice(&text).map_err(|_| invalid("its word makes no sense"))
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Takes as long for any two of one length.
fn is_same(one: &str, other: &str) -> bool {
    let differing =
        one.bytes().zip(other.bytes()).fold(0, |differing, (one, other)| black_box(differing | (one ^ other)));
    one.len() == other.len() && differing == 0
}
