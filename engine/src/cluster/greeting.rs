//! The first bytes of a connection, by which HTTP/1 and HTTP/2 are told apart: hyper waits for them without end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a client says first if it speaks HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that fails unless it soon says which HTTP it speaks.
#[derive(Debug)]
pub(super) struct Greeting<S> {
    stream: S,
    heard: usize,
    /// `None` once it has said so.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Greeting<S> {
    /// Gives `stream` this long.
    pub(super) fn new(stream: S, within: Duration) -> Greeting<S> {
        Greeting { stream, heard: 0, deadline: Some(Box::pin(sleep(within))) }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let expected = &PREFACE[self.heard..];
        self.heard += bytes.len().min(expected.len());
        if !expected.starts_with(bytes) || self.heard == PREFACE.len() || bytes.is_empty() {
            self.deadline = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeting<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(deadline) = &mut self.deadline else { return read };
        match read {
            Poll::Ready(Ok(())) => self.hear(&buffer.filled()[before..]),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
