//! COPY's bytes from anywhere, cut into tuples and decoded as if a server had sent them.

use bytes::Bytes;

use super::binary::{Malformed, Tuples};
use super::scan::Decoder;
use crate::testing::{Input, foreign};

/// Reads the rest of `input` as one COPY stream, after the columns and how the stream is cut into chunks.
pub(crate) fn read(mut input: Input<'_>) {
    let fields = input.fields();
    let chunk_bytes = 1 + usize::from(input.byte());
    let mut decoder = Decoder::new(&fields, vec![(0, fields[0].clone())], 0, None);
    let mut tuples = Tuples::new(fields.len());
    for chunk in input.rest().chunks(chunk_bytes) {
        let message = Bytes::copy_from_slice(chunk);
        if tuples.feed::<Malformed>(&message, |fields, length| decoder.push(fields, length, Some(&message))).is_err() {
            return;
        }
    }
    let _ = tuples.finish();
    let batch = decoder.rows.finish().expect("columns of one length");
    foreign::tell(&fields, &batch.rows);
}
