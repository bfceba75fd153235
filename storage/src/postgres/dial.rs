//! Opens the socket to a server and speaks TLS on it where that is asked for. Knows no SQL.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::tap::{Tap, Tapped};

/// A peer that vanished without a word is noticed after idle + retries × interval, 60 s.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// A socket of either kind.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($socket:ident.$poll:ident($($argument:ident),*)) => {
        match $socket.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).$poll($($argument),*),
            Socket::Unix(socket) => Pin::new(socket).$poll($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self.poll_read(context, out))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.poll_shutdown(context))
    }
}

/// Connects to the address's host: over TCP, or to the unix socket in a folder.
pub(super) async fn dial(address: &Address) -> io::Result<Socket> {
    let config = &address.config;
    let (Some(host), Some(port)) = (config.get_hosts().first(), config.get_ports().first()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no host"));
    };
    let connecting = async {
        match host {
            Host::Tcp(host) => tcp(host, *port).await,
            Host::Unix(folder) => {
                let socket = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
                Ok(Socket::Unix(socket))
            }
        }
    };
    match config.get_connect_timeout() {
        None => connecting.await,
        Some(limit) => match tokio::time::timeout(*limit, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out")),
        },
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<Socket> {
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_RETRIES))?;
    Ok(Socket::Tcp(socket))
}

/// What TLS is spoken on.
type Stream = Tapped<Socket>;
type Connect = <MakeRustlsConnect as MakeTlsConnect<Stream>>::TlsConnect;

/// TLS whose stream is tapped within.
pub(super) struct TappedTls {
    connect: Connect,
    tap: Tap,
}

impl TappedTls {
    /// For the address's host.
    ///
    /// # Errors
    /// If its name cannot be that of a certificate.
    pub(super) fn new(mut tls: MakeRustlsConnect, address: &Address, tap: Tap) -> io::Result<TappedTls> {
        let name = match address.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.as_str(),
            _ => "",
        };
        let connect = MakeTlsConnect::<Stream>::make_tls_connect(&mut tls, name);
        let connect = connect.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(TappedTls { connect, tap })
    }
}

impl TlsConnect<Stream> for TappedTls {
    type Stream = Tapped<<Connect as TlsConnect<Stream>>::Stream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Stream>>;

    fn connect(self, stream: Stream) -> Self::Future {
        let connecting = self.connect.connect(stream);
        Box::pin(async move { connecting.await.map(|stream| Tapped::new(stream, self.tap)) })
    }
}
