//! Keyed BLAKE3 of many short inputs at once: the hashes of `blake3::keyed_hash`, for less.
//!
//! A row is a few blocks of 64 bytes within one chunk. Hashed alone, its blocks follow each other through one lane of a
//! vector register; here rows with equally many blocks fill all lanes. Only a row's last block, which may be short, is
//! compressed alone: the library's vector code takes whole blocks.
//!
//! Source: BLAKE3 specification, sections 2.2 to 2.6. The functions used are public but not promised by the library, so its
//! version is pinned, and a test compares every length of input with the promised function.

use arrow_array::OffsetSizeTrait;
use blake3::IncrementCounter;
use blake3::platform::{Platform, le_bytes_from_words_32, words_from_le_bytes_32};

const BLOCK_BYTES: usize = 64;
/// Longer inputs are several chunks, which the library hashes side by side itself.
const CHUNK_BYTES: usize = 1024;
/// Whole blocks an input of one chunk has before its last at the most.
const WHOLE_BLOCKS_MAX: usize = CHUNK_BYTES / BLOCK_BYTES - 1;
/// Inputs that are hashed together: the lanes of the widest registers there are.
const LANES: usize = 16;

const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const KEYED_HASH: u8 = 1 << 4;

/// The state of one input on its way through its blocks.
type Chaining = [u32; 8];

/// Inputs that lie one after the other: the first from the first offset to the second, and so on.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a, O> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offsets: &'a [O],
}

impl<'a, O: OffsetSizeTrait> Inputs<'a, O> {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn get(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.offsets[index].as_usize()..self.offsets[index + 1].as_usize()]
    }
}

/// Hashes inputs under one key.
pub(crate) struct Hashes {
    key: [u8; 32],
    platform: Platform,
    /// Inputs by the number of their whole blocks before the last.
    groups: [Vec<usize>; WHOLE_BLOCKS_MAX + 1],
    hashes: Vec<[u8; 32]>,
}

impl Hashes {
    pub(crate) fn new(key: [u8; 32]) -> Hashes {
        Hashes { key, platform: Platform::detect(), groups: Default::default(), hashes: Vec::new() }
    }

    /// Hands each input's hash to `visit`, in order.
    pub(crate) fn of<O: OffsetSizeTrait>(&mut self, inputs: Inputs<'_, O>, mut visit: impl FnMut([u8; 32])) {
        self.hashes.clear();
        self.hashes.resize(inputs.len(), [0; 32]);
        for index in 0..inputs.len() {
            let input = inputs.get(index);
            match input.len() {
                length @ 0..=CHUNK_BYTES => self.groups[length.saturating_sub(1) / BLOCK_BYTES].push(index),
                _ => self.hashes[index] = *blake3::keyed_hash(&self.key, input).as_bytes(),
            }
        }
        for blocks in 0..self.groups.len() {
            let mut group = std::mem::take(&mut self.groups[blocks]);
            group.chunks(LANES).for_each(|together| self.hash(inputs, blocks, together));
            group.clear();
            self.groups[blocks] = group;
        }
        self.hashes.iter().for_each(|hash| visit(*hash));
    }

    /// Hashes up to [`LANES`] inputs with `blocks` whole blocks before the last.
    fn hash<O: OffsetSizeTrait>(&mut self, inputs: Inputs<'_, O>, blocks: usize, together: &[usize]) {
        let mut states = [words_from_le_bytes_32(&self.key); LANES];
        macro_rules! whole_blocks {
            ($($count:literal)*) => {
                match blocks {
                    0 => {}
                    $($count => self.compress_whole::<{ $count * BLOCK_BYTES }, O>(inputs, together, &mut states),)*
                    _ => unreachable!("an input of one chunk has at most {WHOLE_BLOCKS_MAX} blocks before its last"),
                }
            };
        }
        whole_blocks!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        let flags = KEYED_HASH | CHUNK_END | ROOT | if blocks == 0 { CHUNK_START } else { 0 };
        for (&index, state) in together.iter().zip(&mut states) {
            let last = &inputs.get(index)[blocks * BLOCK_BYTES..];
            let mut block = [0; BLOCK_BYTES];
            block[..last.len()].copy_from_slice(last);
            self.platform.compress_in_place(state, &block, last.len() as u8, 0, flags);
            self.hashes[index] = le_bytes_from_words_32(state);
        }
    }

    /// Compresses the first `BYTES` bytes, whole blocks, of each input.
    fn compress_whole<const BYTES: usize, O: OffsetSizeTrait>(
        &self,
        inputs: Inputs<'_, O>,
        together: &[usize],
        states: &mut [Chaining; LANES],
    ) {
        let whole = |index: usize| inputs.get(index).first_chunk::<BYTES>().expect("inputs are grouped by length");
        let mut blocks = [whole(together[0]); LANES];
        blocks.iter_mut().zip(together).for_each(|(input, &index)| *input = whole(index));
        let mut out = [0; LANES * 32];
        let (key, no) = (words_from_le_bytes_32(&self.key), IncrementCounter::No);
        self.platform.hash_many(&blocks[..together.len()], &key, 0, no, KEYED_HASH, CHUNK_START, 0, &mut out);
        for (state, bytes) in states.iter_mut().zip(out.as_chunks::<32>().0) {
            *state = words_from_le_bytes_32(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs of every length up to a little beyond a chunk, shuffled so that each group is met in several windows.
    #[test]
    fn hashes_are_the_library_s_own() {
        let key = *blake3::hash(b"a key").as_bytes();
        let mut stream = blake3::Hasher::new().finalize_xof();
        let mut hashes = Hashes::new(key);
        for window in 1..=40 {
            let inputs: Vec<Vec<u8>> = (0..1_100_usize)
                .filter(|length| length % 40 < window)
                .map(|length| {
                    let mut input = vec![0; (length * 617) % 1_100];
                    stream.fill(&mut input);
                    input
                })
                .collect();
            let (mut bytes, mut offsets) = (b"before".to_vec(), vec![6]);
            for input in &inputs {
                bytes.extend_from_slice(input);
                offsets.push(bytes.len() as i32);
            }
            let mut found = Vec::new();
            hashes.of(Inputs { bytes: &bytes, offsets: &offsets }, |hash| found.push(hash));
            let expected: Vec<_> = inputs.iter().map(|input| *blake3::keyed_hash(&key, input).as_bytes()).collect();
            assert_eq!(found, expected);
        }
    }
}
