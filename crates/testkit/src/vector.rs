//! Embeddings that depend on their text and nothing else.

use crate::entropy::mix;

/// A vector of length 1: the same text gives the same one.
pub(crate) fn of_text(text: &str, dimensions: usize) -> Vec<f32> {
    let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let raw: Vec<f32> = (0..dimensions as u64)
        .map(|i| (mix(seed.wrapping_add(i)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5)
        .collect();
    let length = raw
        .iter()
        .map(|x| x * x)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    raw.into_iter().map(|x| x / length).collect()
}
