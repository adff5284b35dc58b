//! Embeddings without a model: the words of a text, hashed into a vector of length 1. Texts that share words are close.

use locum_domain::{
    embedding::{EmbeddingAnswer, EmbeddingInput, EmbeddingRequest},
    error::ApiError,
    failure::{Failure, FailureClass},
};

use super::words;

/// The length of vectors where the request does not say.
const DEFAULT_DIMENSIONS: u32 = 1536;
/// The most that a request may ask for.
const MAX_DIMENSIONS: u32 = 3072;
/// How many places of the vector a word moves.
const PLACES: u64 = 8;

pub(super) fn embed(request: &EmbeddingRequest) -> Result<EmbeddingAnswer, Failure> {
    let dimensions = request.dimensions.unwrap_or(DEFAULT_DIMENSIONS);
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(Failure::callers(
            FailureClass::BadRequest,
            ApiError::invalid_param(
                "dimensions",
                format!("The rehearsal makes vectors of 1 to {MAX_DIMENSIONS} dimensions."),
            ),
        ));
    }
    Ok(EmbeddingAnswer {
        model: Some(request.model.clone()),
        vectors: request
            .inputs
            .iter()
            .map(|input| vector(input, dimensions as usize))
            .collect(),
        prompt_tokens: request
            .inputs
            .iter()
            .map(|input| match input {
                EmbeddingInput::Text(text) => words::count(text),
                EmbeddingInput::Tokens(tokens) => tokens.len() as u64,
            })
            .sum(),
    })
}

fn vector(input: &EmbeddingInput, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    match input {
        EmbeddingInput::Text(text) => {
            for word in text
                .split(|char: char| !char.is_alphanumeric())
                .filter(|word| !word.is_empty())
            {
                add(&mut vector, hash(word.to_lowercase().as_bytes()));
            }
        }
        EmbeddingInput::Tokens(tokens) => {
            for token in tokens {
                add(&mut vector, hash(&token.to_le_bytes()));
            }
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length == 0.0 {
        // No words, or such as cancel each other out: any direction will do, as long as it is always the same one.
        vector[0] = 1.0;
        return vector;
    }
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

fn add(vector: &mut [f32], word: u64) {
    for place in 0..PLACES {
        let mixed = mix(word.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let at = (mixed >> 1) as usize % vector.len();
        vector[at] += if mixed & 1 == 0 { 1.0 } else { -1.0 };
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finalizer of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn embed_text(text: &str, dimensions: Option<u32>) -> Vec<f32> {
        let request = EmbeddingRequest {
            model: "rehearsal-embedding-1".to_owned(),
            inputs: vec![EmbeddingInput::Text(text.to_owned())],
            dimensions,
        };
        embed(&request).unwrap().vectors.remove(0)
    }

    fn closeness(a: &str, b: &str) -> f32 {
        let (a, b) = (embed_text(a, None), embed_text(b, None));
        a.iter().zip(&b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn texts_that_share_words_are_close() {
        let near = closeness("The cat sat on the mat.", "the cat lay on the mat");
        let far = closeness("The cat sat on the mat.", "quarterly revenue rose again");
        assert!(near > 0.7, "{near}");
        assert!(far.abs() < 0.2, "{far}");
        assert!(closeness("Same WORDS", "same, words!") > 0.999);
    }

    #[test]
    fn too_many_dimensions_are_refused() {
        for dimensions in [0, MAX_DIMENSIONS + 1, u32::MAX] {
            let request = EmbeddingRequest {
                dimensions: Some(dimensions),
                ..EmbeddingRequest::default()
            };
            assert_eq!(embed(&request).unwrap_err().class, FailureClass::BadRequest);
        }
    }

    proptest! {
        #[test]
        fn every_text_has_a_vector_of_length_one(text: String, dimensions in 1u32..100) {
            let vector = embed_text(&text, Some(dimensions));
            prop_assert_eq!(vector.len(), dimensions as usize);
            let length: f32 = vector.iter().map(|x| x * x).sum();
            prop_assert!((length - 1.0).abs() < 1e-3, "{length}");
        }
    }
}
