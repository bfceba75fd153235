//! Turns a file in any encoding into UTF-8 while it is read, for encodings that cannot be cut as bytes.
//!
//! An invalid sequence becomes [`INVALID`], a byte that no UTF-8 text holds, so that it is reported with the record
//! it stands in. A byte order mark overrides the encoding, as the WHATWG standard says.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

/// Stands for an invalid sequence; no UTF-8 text holds this byte.
const INVALID: u8 = 0xff;
/// Encoded bytes read at once.
const READ_BYTES: usize = 16 << 10;

/// A reader of UTF-8 over a reader of something else.
pub(super) struct Transcoder<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    ended: bool,
    ready: Vec<u8>,
    ready_at: usize,
}

impl<R: Read> Transcoder<R> {
    /// Reads `input` as `encoding`.
    pub fn new(input: R, encoding: &'static Encoding) -> Transcoder<R> {
        let (raw, ready) = (Vec::with_capacity(READ_BYTES), Vec::with_capacity(4 * READ_BYTES));
        Transcoder { input, decoder: encoding.new_decoder(), raw, raw_at: 0, ended: false, ready, ready_at: 0 }
    }

    /// Decodes until there is something to hand out or the input ends.
    fn decode_more(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.ready_at = 0;
        while self.ready.is_empty() && !(self.ended && self.raw_at == self.raw.len()) {
            if self.raw_at == self.raw.len() {
                self.raw.clear();
                self.raw_at = 0;
                let count = self.input.by_ref().take(READ_BYTES as u64).read_to_end(&mut self.raw)?;
                self.ended = count < READ_BYTES;
            }
            self.decode_raw();
        }
        Ok(())
    }

    fn decode_raw(&mut self) {
        // The capacity decode_to_utf8 asks for is bounded by three bytes out per byte in, plus a pending sequence.
        let mut out = vec![0; 4 * READ_BYTES];
        loop {
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(&self.raw[self.raw_at..], &mut out, self.ended);
            self.raw_at += read;
            self.ready.extend_from_slice(&out[..written]);
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.ready.push(INVALID),
            }
        }
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ready_at == self.ready.len() {
            self.decode_more()?;
        }
        let count = out.len().min(self.ready.len() - self.ready_at);
        out[..count].copy_from_slice(&self.ready[self.ready_at..self.ready_at + count]);
        self.ready_at += count;
        Ok(count)
    }
}
