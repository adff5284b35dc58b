//! The entropy port: the platform's random numbers.

use locum_engine::ports::Entropy;

/// The platform's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlatformEntropy;

impl Entropy for PlatformEntropy {
    fn bits(&self) -> u128 {
        let mut drawn = [0; size_of::<u128>()];
        if getrandom::fill(&mut drawn).is_err() {
            // Keys and ids that can be guessed are worse than no answer.
            std::process::abort();
        }
        u128::from_ne_bytes(drawn)
    }
}
