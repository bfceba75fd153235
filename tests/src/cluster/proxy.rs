//! A network between two processes: it can be cut, carry nothing without saying so, or carry little.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Bytes passed on at once at the most.
const CHUNK_BYTES: usize = 64 << 10;

/// What the network does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// It carries what it is given.
    #[default]
    Whole,
    /// It carries nothing, and says nothing: what is sent waits.
    Silent,
    /// Each connection carries so many bytes a second at the most, either way.
    Slow(u32),
    /// Connections break, and none can be made.
    Cut,
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
    changed: Condvar,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    network: Network,
    streams: Vec<TcpStream>,
}

impl Proxy {
    /// Passes everything to a port of this machine.
    ///
    /// # Panics
    /// If loopback has no free port.
    #[expect(clippy::disallowed_methods, reason = "the harness has no runtime to spawn on")]
    pub fn start(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (state, changed, over) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { server, state, changed, over });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = serving.clone();
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Proxy { port, shared }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what the network does.
    pub fn set(&self, network: Network) {
        let mut state = self.shared.lock();
        state.network = network;
        if network == Network::Cut {
            // One that is closed already is cut.
            state.streams.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.set(Network::Cut);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock can panic")
    }

    /// Waits while the network is silent; whether it carries `count` bytes after that, for as long as it takes.
    fn carries(&self, count: usize) -> bool {
        let mut state = self.lock();
        while state.network == Network::Silent {
            state = self.changed.wait(state).expect("no holder of this lock can panic");
        }
        let network = state.network;
        drop(state);
        if let Network::Slow(rate) = network {
            std::thread::sleep(Duration::from_secs_f64(count as f64 / f64::from(rate)));
        }
        network != Network::Cut
    }

    /// Returning cuts the connection.
    #[expect(clippy::disallowed_methods, reason = "the harness has no runtime to spawn on")]
    fn serve(self: Arc<Shared>, client: TcpStream) {
        if !self.carries(0) {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.server)) else { return };
        let copies = [client.try_clone(), server.try_clone(), client.try_clone(), server.try_clone()];
        let Ok(copies) = copies.into_iter().collect::<std::io::Result<Vec<_>>>() else { return };
        let [kept_client, kept_server, back_to, back_from] =
            <[TcpStream; 4]>::try_from(copies).expect("four were made");
        self.lock().streams.extend([kept_client, kept_server]);
        let back = self.clone();
        std::thread::spawn(move || back.pass(back_from, back_to));
        self.pass(client, server);
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(count) = from.read(&mut chunk)
            && count > 0
            && self.carries(count)
            && to.write_all(&chunk[..count]).is_ok()
        {}
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}
