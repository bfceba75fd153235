//! COPY's bytes from anywhere, cut into tuples and decoded as if a server had sent them.

use bytes::Bytes;

use super::binary::{Malformed, Tuples};
use super::key::KeyText;
use super::pack::Packer;
use super::scan::Decoder;
use crate::packed::Packing;
use crate::testing::{Input, foreign};

/// Reads the rest of `input` as one COPY stream, after the columns and how the stream is cut into chunks.
pub(crate) fn read(mut input: Input<'_>) {
    let fields = input.fields();
    let chunk_bytes = 1 + usize::from(input.byte());
    let key = KeyText(vec![(0, fields[0].clone())]);
    let mut decoder = Decoder::new(&fields, 0, None);
    let packing = Packing { canonical: true, identity: vec![0], tuple: true };
    let mut packer = Packer::new(&fields, &packing);
    let mut tuples = Tuples::new(fields.len());
    for chunk in input.rest().chunks(chunk_bytes) {
        let message = Bytes::copy_from_slice(chunk);
        let fed = tuples.feed::<Malformed>(&message, |fields, length| {
            let packed = packer.as_mut().map_or(Ok(()), |packer| packer.push(fields.clone(), length, &key));
            let decoded = decoder.push(fields, length, Some(&message), &key);
            assert!(packer.is_none() || packed == decoded, "what cannot be decoded cannot be packed");
            decoded
        });
        if fed.is_err() {
            return;
        }
    }
    let packed = packer.map(|mut packer| packer.finish().expect("columns of one length"));
    let _ = tuples.finish();
    let batch = decoder.rows.finish().expect("columns of one length");
    assert!(packed.is_none_or(|packed| packed.rows.num_rows() == batch.rows.num_rows()), "the same rows are faulty");
    foreign::tell(&fields, &batch.rows);
}
