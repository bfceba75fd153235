//! A socket to a server that is not told of every arrival while much is arriving.
//!
//! A server sends rows in pieces of 8 KiB. Whoever keeps up with it is woken for each of them, which takes longer than
//! reading it. So while pieces follow each other the socket is taken from whoever watches for arrivals, and looked at once in a
//! while; what came meanwhile is read at once. When nothing came, it is watched again.

use std::future::Future;
use std::io::{self, Read};
use std::mem;
use std::net;
use std::os::unix;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};

/// How long a socket is left alone, as short as the runtime's clock allows: a server's buffer takes as long to fill.
const REST: Duration = Duration::from_millis(1);
/// Bytes that are read at once.
const READ_BYTES_MAX: usize = 64 << 10;
/// Bytes that make it worthwhile to have been woken only once for them; a server's piece has twice as many.
const PIECE_BYTES: usize = 4 << 10;
/// Pieces after which it is taken that more will follow.
const PIECES: u32 = 16;

/// A connected socket of either kind.
pub(super) struct Socket {
    state: State,
    /// Bytes that were read since it was last waited for.
    arrived: usize,
    /// For how many pieces in a row it was waited.
    pieces: u32,
}

enum State {
    Watched(Watched),
    Resting(Plain, Pin<Box<Sleep>>),
    /// It could not be watched again.
    Lost,
}

/// A socket whose arrivals are told.
enum Watched {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The same, of which nobody is told.
enum Plain {
    Tcp(net::TcpStream),
    Unix(unix::net::UnixStream),
}

macro_rules! either {
    ($socket:expr, $poll:ident($($argument:ident),*)) => {
        match $socket {
            Watched::Tcp(socket) => Pin::new(socket).$poll($($argument),*),
            Watched::Unix(socket) => Pin::new(socket).$poll($($argument),*),
        }
    };
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Socket {
        Socket { state: State::Watched(Watched::Tcp(socket)), arrived: 0, pieces: 0 }
    }
}

impl From<UnixStream> for Socket {
    fn from(socket: UnixStream) -> Socket {
        Socket { state: State::Watched(Watched::Unix(socket)), arrived: 0, pieces: 0 }
    }
}

impl Watched {
    fn rest(self) -> io::Result<Plain> {
        Ok(match self {
            Watched::Tcp(socket) => Plain::Tcp(socket.into_std()?),
            Watched::Unix(socket) => Plain::Unix(socket.into_std()?),
        })
    }
}

impl Plain {
    fn watch(self) -> io::Result<Watched> {
        Ok(match self {
            Plain::Tcp(socket) => Watched::Tcp(TcpStream::from_std(socket)?),
            Plain::Unix(socket) => Watched::Unix(UnixStream::from_std(socket)?),
        })
    }

    /// Reads what is there; whether there may be more.
    fn read(&mut self, out: &mut ReadBuf<'_>) -> io::Result<bool> {
        let room = out.initialize_unfilled_to(out.remaining().min(READ_BYTES_MAX));
        let asked = room.len();
        let count = match self {
            Plain::Tcp(socket) => socket.read(room)?,
            Plain::Unix(socket) => socket.read(room)?,
        };
        out.advance(count);
        Ok(count == asked)
    }
}

impl Socket {
    /// Takes note that all that has arrived is read. Whether enough came so often that more will.
    fn must_rest(&mut self) -> bool {
        self.pieces = match mem::take(&mut self.arrived) {
            // Asked once more, and not since something came.
            0 => self.pieces,
            1..PIECE_BYTES => 0,
            _ => self.pieces + 1,
        };
        self.pieces >= PIECES
    }

    fn rest(&mut self) -> io::Result<()> {
        if let State::Watched(socket) = mem::replace(&mut self.state, State::Lost) {
            self.state = State::Resting(socket.rest()?, Box::pin(sleep(REST)));
        }
        Ok(())
    }

    /// The socket, watched.
    fn watched(&mut self) -> io::Result<&mut Watched> {
        if let State::Resting(..) = self.state
            && let State::Resting(socket, _) = mem::replace(&mut self.state, State::Lost)
        {
            (self.arrived, self.pieces) = (0, 0);
            self.state = State::Watched(socket.watch()?);
        }
        match &mut self.state {
            State::Watched(socket) => Ok(socket),
            State::Resting(..) | State::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Reads once a rest is over; `false` if nothing came during it, or there was none.
    fn poll_rested(&mut self, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let State::Resting(socket, rest) = &mut self.state else { return Poll::Ready(Ok(false)) };
        ready!(rest.as_mut().poll(context));
        match socket.read(out) {
            Ok(is_more) => {
                if !is_more {
                    rest.set(sleep(REST));
                }
                Poll::Ready(Ok(true))
            }
            // It is watched from here on.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Ready(Ok(false)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if ready!(this.poll_rested(context, out))? {
                return Poll::Ready(Ok(()));
            }
            let before = out.filled().len();
            match either!(this.watched()?, poll_read(context, out)) {
                Poll::Pending if this.must_rest() => this.rest()?,
                read => {
                    this.arrived += out.filled().len() - before;
                    return read;
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.get_mut().watched()?, poll_write(context, bytes))
    }

    /// Sockets keep nothing back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut().watched()?, poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PIECE: [u8; 8 << 10] = [7; 8 << 10];

    fn pair() -> (unix::net::UnixStream, Socket) {
        let (server, client) = unix::net::UnixStream::pair().expect("a pair of sockets");
        client.set_nonblocking(true).expect("it can");
        (server, UnixStream::from_std(client).expect("a runtime").into())
    }

    fn is_resting(socket: &Socket) -> bool {
        matches!(socket.state, State::Resting(..))
    }

    #[tokio::test]
    async fn a_stream_is_looked_at_once_in_a_while_and_nothing_of_it_is_lost() {
        let (mut server, mut socket) = pair();
        let sending = thread::spawn(move || {
            for _ in 0..500 {
                server.write_all(&PIECE).expect("somebody reads");
                thread::sleep(Duration::from_micros(100));
            }
        });
        let (mut read, mut reads, mut rested) = (Vec::with_capacity(4 << 20), 0, 0);
        while socket.read_buf(&mut read).await.expect("a good socket") > 0 {
            read.reserve(128 << 10);
            reads += 1;
            rested += usize::from(is_resting(&socket));
        }
        sending.join().expect("sent");
        assert_eq!((read.len(), read.iter().all(|byte| *byte == 7)), (500 * PIECE.len(), true));
        assert!(rested > 0 && reads < 400, "{rested} of {reads} reads were of a socket at rest");
    }

    #[tokio::test]
    async fn what_comes_after_a_silence_is_told_and_answers_go_out_at_once() {
        let (mut server, mut socket) = pair();
        server.set_read_timeout(Some(Duration::from_secs(10))).expect("it can");
        let mut room = vec![0; 128 << 10];
        for _ in 0..2 * PIECES {
            server.write_all(&PIECE).expect("somebody reads");
            let mut left = PIECE.len();
            while left > 0 {
                left -= socket.read(&mut room).await.expect("a good socket");
            }
            // Nothing more is there yet.
            assert!(tokio::time::timeout(Duration::ZERO, socket.read(&mut room)).await.is_err());
        }
        assert!(is_resting(&socket));
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            server.write_all(b"late").expect("somebody reads");
            let mut answer = [0; 5];
            server.read_exact(&mut answer).expect("an answer");
            answer
        });
        assert_eq!(socket.read(&mut room).await.expect("a good socket"), 4);
        assert!(!is_resting(&socket));
        socket.write_all(b"heard").await.expect("a good socket");
        assert_eq!(&late.join().expect("sent"), b"heard");
        assert_eq!(socket.read(&mut room).await.expect("its end"), 0);
    }

    #[tokio::test]
    async fn a_socket_at_rest_can_be_written_to() {
        let (mut server, mut socket) = pair();
        socket.rest().expect("it can");
        socket.write_all(b"cancel").await.expect("a good socket");
        let mut heard = [0; 6];
        server.read_exact(&mut heard).expect("sent");
        assert_eq!(&heard, b"cancel");
    }
}
