//! A connection's stream that keeps the rows of a COPY apart from all other messages.
//!
//! The client library reads 8 KiB at a time and hands out every row as a message of its own. Here messages of rows are
//! taken out of the stream in large pieces, as they are, and wait for whoever reads the COPY; all others go on to the
//! library. Rows come before the message that ends them, here as on the wire.
//!
//! Source: PostgreSQL manual 55.7, message formats: a type, the length of what follows with itself (32 bits), the rest.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// Bytes that are read at once.
const READ_BYTES: usize = 128 << 10;
/// Bytes that may wait for the COPY's reader; one piece may go beyond them, and it has one message at the least.
const WAITING_BYTES_MAX: usize = 256 << 10;
/// Type and length of a message.
const HEADER_BYTES: usize = 5;
/// Type of a message with rows, CopyData.
const ROWS: u8 = b'd';
/// What the server builds is shorter than 1 GiB, to which come type and length; a longer message is not waited for.
const MESSAGE_BYTES_MAX: usize = (1 << 30) + HEADER_BYTES;
/// The server's answer to the question whether it speaks TLS, one byte before all messages.
const SPEAKS_TLS: u8 = b'S';

/// Rows on their way from a connection to the reader of its COPY.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    reader: Option<Waker>,
    connection: Option<Waker>,
}

impl Tap {
    /// The next piece: whole messages of rows with their headers, see [`message`].
    pub(super) fn poll_piece(&self, context: &Context<'_>) -> Poll<Bytes> {
        let mut waiting = self.lock();
        match waiting.take() {
            Some(piece) => Poll::Ready(piece),
            None => {
                waiting.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The next piece, if there is one now.
    pub(super) fn piece(&self) -> Option<Bytes> {
        self.lock().take()
    }

    /// Forgets what an earlier COPY left.
    pub(super) fn clear(&self) {
        while self.piece().is_some() {}
    }

    fn put(&self, piece: Bytes) {
        let mut waiting = self.lock();
        waiting.bytes += piece.len();
        waiting.pieces.push_back(piece);
        if let Some(reader) = waiting.reader.take() {
            reader.wake();
        }
    }

    /// Whether more may be read; if not, the connection is woken when it may.
    fn has_room(&self, context: &Context<'_>) -> bool {
        let mut waiting = self.lock();
        let has_room = waiting.bytes < WAITING_BYTES_MAX;
        if !has_room {
            waiting.connection = Some(context.waker().clone());
        }
        has_room
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.len();
        if let Some(connection) = self.connection.take() {
            connection.wake();
        }
        Some(piece)
    }
}

/// Where the rows of the message are that begins at `start` of a piece; `None` at its end.
pub(super) fn message(piece: &[u8], start: usize) -> Option<Range<usize>> {
    let length = message_length(piece.get(start..)?)?;
    Some(start + HEADER_BYTES..start + length).filter(|rows| rows.end <= piece.len())
}

/// Length of the message that begins here, with its header, once that is there. Never less than the header's.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(1..)?.first_chunk()?;
    Some((1 + u32::from_be_bytes(*length) as usize).max(HEADER_BYTES))
}

/// A stream, tapped.
pub(super) struct Tapped<S> {
    stream: S,
    tap: Tap,
    stage: Stage,
    /// Bytes that were read and not passed on.
    buffer: BytesMut,
    /// Of them and what follows, bytes that belong to a message without rows.
    passing: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server's word on TLS comes first.
    Asked,
    /// What comes are messages.
    Messages,
    /// What comes is TLS; the stream within it is tapped.
    Tls,
}

impl<S> Tapped<S> {
    /// A stream of messages.
    pub(super) fn new(stream: S, tap: Tap) -> Tapped<S> {
        Tapped { stream, tap, stage: Stage::Messages, buffer: BytesMut::new(), passing: 0 }
    }

    /// A stream on which the client first asks for TLS.
    pub(super) fn asking(stream: S, tap: Tap) -> Tapped<S> {
        Tapped { stage: Stage::Asked, ..Tapped::new(stream, tap) }
    }

    /// Sorts what was read: rows go to the tap, other messages to `out` as far as there is room. `false` if `out` got
    /// nothing and more must be read.
    fn sort(&mut self, out: &mut ReadBuf<'_>) -> bool {
        loop {
            if self.passing > 0 {
                let count = self.passing.min(self.buffer.len()).min(out.remaining());
                out.put_slice(&self.buffer[..count]);
                self.buffer.advance(count);
                self.passing -= count;
                return count > 0;
            }
            match self.rows_ahead() {
                0 => match (self.buffer.first(), message_length(&self.buffer)) {
                    (Some(&kind), Some(length)) if kind != ROWS || length > MESSAGE_BYTES_MAX => self.passing = length,
                    _ => return false,
                },
                count => self.tap.put(self.buffer.split_to(count).freeze()),
            }
        }
    }

    /// Bytes of whole messages of rows at the front.
    fn rows_ahead(&self) -> usize {
        let mut count = 0;
        while let Some(length) = message_length(&self.buffer[count..])
            && self.buffer[count] == ROWS
            && count + length <= self.buffer.len()
        {
            count += length;
        }
        count
    }

    /// Makes room for the rest of the message at the front, and for as much as is read at once.
    fn reserve(&mut self) {
        let message = message_length(&self.buffer).filter(|length| *length <= MESSAGE_BYTES_MAX).unwrap_or(0);
        let wanted = message.saturating_sub(self.buffer.len()).max(READ_BYTES / 2);
        if self.buffer.capacity() - self.buffer.len() < wanted {
            self.buffer.reserve(wanted.max(READ_BYTES));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.stage {
            Stage::Messages => {}
            Stage::Tls => return Pin::new(&mut this.stream).poll_read(context, out),
            Stage::Asked => {
                let mut answer = [0];
                let mut byte = ReadBuf::new(&mut answer);
                ready!(Pin::new(&mut this.stream).poll_read(context, &mut byte))?;
                out.put_slice(byte.filled());
                this.stage = if answer == [SPEAKS_TLS] { Stage::Tls } else { Stage::Messages };
                return Poll::Ready(Ok(()));
            }
        }
        while !this.sort(out) {
            if !this.tap.has_room(context) {
                return Poll::Pending;
            }
            this.reserve();
            if ready!(pin!(this.stream.read_buf(&mut this.buffer)).poll(context))? == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Tapped<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32 + 4).to_be_bytes();
        [&[kind], length.as_slice(), payload].concat()
    }

    /// Reads `sent`, cut into pieces of these sizes, to its end: rows, and what the library would see.
    fn read(sent: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut scripted, mut rest) = (VecDeque::new(), sent);
        for size in pieces.iter().cycle() {
            let (piece, left) = rest.split_at((*size).min(rest.len()));
            scripted.push_back(piece.to_vec());
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        let tap = Tap::default();
        let mut stream = Tapped::new(Scripted(scripted), tap.clone());
        let (mut rows, mut passed) = (Vec::new(), Vec::new());
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let mut room = [0; 7];
            let mut out = ReadBuf::new(&mut room);
            let polled = Pin::new(&mut stream).poll_read(&mut context, &mut out);
            while let Some(piece) = tap.piece() {
                let mut given = 0;
                while let Some(range) = super::message(&piece, given) {
                    given = range.end;
                    rows.push(piece[range].to_vec());
                }
                assert_eq!(given, piece.len(), "only whole messages");
            }
            match polled {
                Poll::Ready(Ok(())) if out.filled().is_empty() => return (rows, passed),
                Poll::Ready(read) => {
                    read.expect("the script has no errors");
                    passed.extend_from_slice(out.filled());
                }
                Poll::Pending => {}
            }
        }
    }

    struct Scripted(VecDeque<Vec<u8>>);

    impl AsyncRead for Scripted {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let left = piece.split_off(piece.len().min(out.remaining()));
                out.put_slice(&piece);
                if !left.is_empty() {
                    self.0.push_front(left);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    proptest! {
        #[test]
        fn rows_and_other_messages_are_told_apart_however_they_come(
            messages in proptest::collection::vec(
                (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..30),
            pieces in proptest::collection::vec(1_usize..50, 1..5),
        ) {
            let kind = |is_row: bool| if is_row { ROWS } else { b'N' };
            let sent: Vec<u8> = messages.iter().flat_map(|(is_row, payload)| message(kind(*is_row), payload)).collect();
            let (rows, passed) = read(&sent, &pieces);
            let expected: Vec<Vec<u8>> = messages.iter().filter(|of| of.0).map(|of| of.1.clone()).collect();
            prop_assert_eq!(rows, expected);
            let others: Vec<u8> = messages.iter().filter(|of| !of.0).flat_map(|of| message(b'N', &of.1)).collect();
            prop_assert_eq!(passed, others);
        }

        #[test]
        fn garbage_is_passed_on_or_waited_for(sent in proptest::collection::vec(any::<u8>(), 1..200), size in 1_usize..50) {
            read(&sent, &[size]);
        }
    }

    #[test]
    fn a_reader_who_lags_behind_stops_the_connection() {
        let sent = message(ROWS, &vec![7; 4 * WAITING_BYTES_MAX]);
        let tap = Tap::default();
        let script = (0..3).map(|_| sent.clone()).collect();
        let mut stream = Tapped::new(Scripted(script), tap.clone());
        let mut context = Context::from_waker(Waker::noop());
        let mut room = [0; 8];
        for left in [2, 1, 0] {
            let polled = Pin::new(&mut stream).poll_read(&mut context, &mut ReadBuf::new(&mut room));
            assert!(polled.is_pending());
            assert_eq!(stream.stream.0.len(), left);
            assert_eq!(tap.piece().map(|piece| piece.len()), Some(sent.len()));
            assert_eq!(tap.piece(), None);
        }
    }
}
