//! The frame of COPY's binary format: signature, tuples of fields, trailer. Knows nothing of what fields mean.
//!
//! Source: PostgreSQL manual, COPY, "Binary Format".

use bytes::{Buf, BufMut, BytesMut};

/// The first bytes of every stream.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the header extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// Header extensions are not in use; a longer one is garbage.
const EXTENSION_BYTES_MAX: usize = 1 << 16;
/// A field is at most 1 GiB, PostgreSQL's own limit; a longer one is garbage.
const FIELD_BYTES_MAX: i32 = 1 << 30;
/// Bits of the flags that a reader must understand or give up.
const CRITICAL_FLAGS: u32 = 0xffff_0000;

/// Why a stream is not COPY's binary format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub &'static str);

/// The fields of one tuple; `None` is NULL. Iterates over exactly the tuple's field count.
#[derive(Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The bytes of those before `rest`, as they came.
    pub(super) fn until(&self, rest: &Fields<'a>) -> &'a [u8] {
        &self.0[..self.0.len() - rest.0.len()]
    }

    /// Whether nothing follows them in the `message` they came in.
    pub(super) fn end(&self, message: &[u8]) -> bool {
        self.0.as_ptr_range().end == message.as_ptr_range().end
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Some(None);
        };
        // `complete` measured the tuple, so the split is within it.
        let (field, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(field))
    }
}

/// Cuts a stream into tuples, however it is chunked.
pub(super) struct Tuples {
    field_count: usize,
    tail: BytesMut,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Tuples,
    Trailer,
}

impl Tuples {
    /// For tuples of `field_count` fields.
    pub(super) fn new(field_count: usize) -> Tuples {
        Tuples { field_count, tail: BytesMut::new(), place: Place::Header }
    }

    /// Takes the next chunk and hands each complete tuple to `each`, with its length in bytes.
    pub(super) fn feed<E: From<Malformed>>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Fields<'_>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.tail.is_empty() {
            let used = self.consume(chunk, &mut each)?;
            self.tail.extend_from_slice(&chunk[used..]);
        } else {
            self.tail.extend_from_slice(chunk);
            let mut tail = std::mem::take(&mut self.tail);
            let used = self.consume(&tail, &mut each)?;
            tail.advance(used);
            self.tail = tail;
        }
        Ok(())
    }

    /// Checks that the stream ended where it may.
    pub(super) fn finish(&self) -> Result<(), Malformed> {
        match self.place {
            Place::Trailer if self.tail.is_empty() => Ok(()),
            _ => Err(Malformed("it ends before its trailer")),
        }
    }

    fn consume<E: From<Malformed>>(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(Fields<'_>, usize) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut used = 0;
        if self.place == Place::Header {
            match header(bytes)? {
                Some(length) => used = length,
                None => return Ok(0),
            }
            self.place = Place::Tuples;
        }
        while self.place == Place::Tuples {
            let Some((count, rest)) = bytes[used..].split_first_chunk() else {
                return Ok(used);
            };
            match usize::try_from(i16::from_be_bytes(*count)) {
                Ok(count) if count == self.field_count => match complete(rest, count)? {
                    Some(length) => {
                        each(Fields(&rest[..length]), length)?;
                        used += 2 + length;
                    }
                    None => return Ok(used),
                },
                Err(_) if *count == TRAILER => {
                    self.place = Place::Trailer;
                    used += 2;
                }
                _ => return Err(Malformed("a tuple has the wrong number of fields").into()),
            }
        }
        if used < bytes.len() { Err(Malformed("there are bytes after its trailer").into()) } else { Ok(used) }
    }
}

const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// The header's length once all of it is there.
fn header(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err(Malformed("its signature is wrong"));
    }
    if bytes.len() < HEADER_BYTES {
        return Ok(None);
    }
    let mut rest = &bytes[SIGNATURE.len()..];
    if rest.get_u32() & CRITICAL_FLAGS != 0 {
        return Err(Malformed("its header has unknown critical flags"));
    }
    let extension = rest.get_u32() as usize;
    if extension > EXTENSION_BYTES_MAX {
        return Err(Malformed("its header extension is too long"));
    }
    let length = HEADER_BYTES + extension;
    Ok((bytes.len() >= length).then_some(length))
}

/// The length of `count` fields once all of them are there.
fn complete(bytes: &[u8], count: usize) -> Result<Option<usize>, Malformed> {
    let mut used = 0_usize;
    for _ in 0..count {
        let Some(length) = bytes.get(used..).and_then(|rest| rest.first_chunk()) else {
            return Ok(None);
        };
        match i32::from_be_bytes(*length) {
            -1 => used += 4,
            length @ 0..=FIELD_BYTES_MAX => used += 4 + length as usize,
            _ => return Err(Malformed("a field has an impossible length")),
        }
    }
    Ok((used <= bytes.len()).then_some(used))
}

/// Writes the header.
pub(super) fn put_header(out: &mut Vec<u8>) {
    out.put_slice(SIGNATURE);
    out.put_u32(0);
    out.put_u32(0);
}

/// Writes the trailer.
pub(super) fn put_trailer(out: &mut Vec<u8>) {
    out.put_slice(&TRAILER);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = Vec<Option<Vec<u8>>>;

    fn encode(rows: &[Row]) -> Vec<u8> {
        let mut out = Vec::new();
        put_header(&mut out);
        for row in rows {
            out.put_i16(row.len() as i16);
            for field in row {
                match field {
                    None => out.put_i32(-1),
                    Some(bytes) => {
                        out.put_i32(bytes.len() as i32);
                        out.put_slice(bytes);
                    }
                }
            }
        }
        put_trailer(&mut out);
        out
    }

    fn parse(bytes: &[u8], chunk: usize) -> Result<Vec<Row>, Malformed> {
        let (mut tuples, mut rows) = (Tuples::new(3), Vec::new());
        for chunk in bytes.chunks(chunk.max(1)) {
            tuples.feed::<Malformed>(chunk, |fields, _| {
                rows.push(fields.map(|field| field.map(<[u8]>::to_vec)).collect());
                Ok(())
            })?;
        }
        tuples.finish().map(|()| rows)
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let field = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20));
        proptest::collection::vec(proptest::collection::vec(field, 3), 0..8)
    }

    proptest! {
        #[test]
        fn chunking_does_not_matter(rows in rows(), chunk in 1_usize..60) {
            prop_assert_eq!(parse(&encode(&rows), chunk), Ok(rows));
        }

        #[test]
        fn every_truncation_is_noticed(rows in rows(), cut in 0.0..1.0, chunk in 1_usize..60) {
            let bytes = encode(&rows);
            let length = (bytes.len() as f64 * cut) as usize;
            prop_assert!(parse(&bytes[..length], chunk).is_err());
        }

        #[test]
        fn garbage_never_panics(rows in rows(), noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), chunk in 1_usize..60) {
            let mut bytes = encode(&rows);
            for (index, byte) in noise {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            let _ = parse(&bytes, chunk);
        }
    }

    #[test]
    fn bytes_after_the_trailer_are_noticed() {
        let mut bytes = encode(&[]);
        bytes.put_u8(0);
        assert_eq!(parse(&bytes, 100), Err(Malformed("there are bytes after its trailer")));
    }
}
