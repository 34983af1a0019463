//! The number in the name of a cell's file: the one that ipykernel gives it, since it is in the text of syntax errors
//! and warnings that notebooks store.

use pyo3::pyfunction;

const SEED: u32 = 0xC70F_6907;
const MULTIPLIER: u32 = 0x5BD1_E995;

/// `MurmurHash2` of a cell's source.
#[pyfunction]
pub(crate) fn cell_hash(source: &[u8]) -> u32 {
    let mix = |hash: u32, word: u32| hash.wrapping_mul(MULTIPLIER) ^ scramble(word);
    let (words, rest) = source.as_chunks::<4>();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the length counts modulo 2^32 only"
    )]
    let start = SEED ^ source.len() as u32;
    let mut hash = words
        .iter()
        .fold(start, |hash, word| mix(hash, u32::from_le_bytes(*word)));
    if !rest.is_empty() {
        let last = rest
            .iter()
            .rev()
            .fold(0, |last, byte| last << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

fn scramble(word: u32) -> u32 {
    let word = word.wrapping_mul(MULTIPLIER);
    (word ^ (word >> 24)).wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_number_that_ipykernel_gives() {
        assert_eq!(cell_hash(b"x = = 1"), 1_843_956_808);
        assert_eq!(cell_hash(b"return 5"), 2_826_953_615);
    }
}
