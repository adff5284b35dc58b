//! What clients attach to objects.

use serde::{Deserialize, Serialize};

/// Up to 16 pairs in the order in which they were given; keys of up to 64 characters, values of up to 512.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub Vec<(String, String)>);

impl Metadata {
    /// How many pairs there may be.
    pub const MAX_PAIRS: usize = 16;
    /// How many characters a key may have.
    pub const MAX_KEY: usize = 64;
    /// How many characters a value may have.
    pub const MAX_VALUE: usize = 512;
}
