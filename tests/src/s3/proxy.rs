//! Stands between an S3 client and its server, and loses one chosen write: before it arrives, or its answer.
//!
//! Each connection carries one request, so that what is lost is exactly one write. Knows HTTP/1.1 as far as clients of
//! S3 use it: a body has a length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long one read or write of a connection may take.
const IO_TIME_MAX: Duration = Duration::from_secs(30);

/// What becomes of the chosen write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It never arrives.
    Request,
    /// It arrives, and its answer does not.
    Answer,
}

/// What the client sees then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// A broken connection; everything after that passes.
    Cut,
    /// Nothing at all, on any connection, until [`Proxy::pass`].
    Hang,
}

/// A running proxy. Gone on drop.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    state: Mutex<State>,
    passing: Condvar,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    writes: usize,
    armed: Option<(usize, Loss, Then)>,
    reached: bool,
    hanging: bool,
}

impl Proxy {
    /// Starts a proxy that passes everything to `server`.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[expect(clippy::disallowed_methods, reason = "the harness has no runtime to spawn on")]
    pub fn start(server: &super::Server) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (state, passing, over) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { server: server.port, state, passing, over });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = serving.clone();
                // A connection that breaks is the client's to notice.
                std::thread::spawn(move || shared.serve(client).ok());
            }
        });
        Proxy { port, shared }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Loses the write that is the `nth` from now, counted from 1.
    pub fn lose(&self, nth: usize, loss: Loss, then: Then) {
        *self.shared.lock() = State { armed: Some((nth, loss, then)), ..State::default() };
    }

    /// Whether the chosen write has been lost.
    pub fn has_lost(&self) -> bool {
        self.shared.lock().reached
    }

    /// Passes everything from now on; connections that hang are cut.
    pub fn pass(&self) {
        *self.shared.lock() = State::default();
        self.shared.passing.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.pass();
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock can panic")
    }

    /// Returning cuts the connection.
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(IO_TIME_MAX))?;
        let request = Request::read(&client)?;
        if self.hangs() {
            return Ok(());
        }
        let loss = self.loss_of(&request);
        if let Some((Loss::Request, then)) = loss {
            self.lost(then);
            return Ok(());
        }
        let answer = request.forward(self.server)?;
        if let Some((_, then)) = loss {
            self.lost(then);
            return Ok(());
        }
        if self.hangs() {
            return Ok(());
        }
        client.write_all(&answer)
    }

    fn loss_of(&self, request: &Request) -> Option<(Loss, Then)> {
        if !request.is_write() {
            return None;
        }
        let mut state = self.lock();
        state.writes += 1;
        let (nth, loss, then) = state.armed?;
        (nth == state.writes).then_some((loss, then))
    }

    fn lost(&self, then: Then) {
        let mut state = self.lock();
        state.reached = true;
        state.hanging = then == Then::Hang;
        drop(state);
        self.hangs();
    }

    /// Waits while nothing passes; true if it had to.
    fn hangs(&self) -> bool {
        let state = self.lock();
        let hung = state.hanging;
        drop(self.passing.wait_while(state, |state| state.hanging).expect("no holder of this lock can panic"));
        hung
    }
}

/// A request as it came, but asking for the connection to be closed after the answer.
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(client: &TcpStream) -> io::Result<Request> {
        let mut reader = BufReader::new(client);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
            }
            if !name.eq_ignore_ascii_case("connection") {
                head.push_str(&line);
            }
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Request { head, body })
    }

    fn is_write(&self) -> bool {
        self.head.starts_with("PUT ")
    }

    fn forward(&self, port: u16) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(("127.0.0.1", port))?;
        server.set_read_timeout(Some(IO_TIME_MAX))?;
        server.write_all(self.head.as_bytes())?;
        server.write_all(&self.body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    }
}
