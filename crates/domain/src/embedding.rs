//! Embeddings: texts in, vectors out.

/// A request for embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmbeddingRequest {
    /// The model as the provider is asked for it.
    pub model: String,
    /// What is embedded; 1 to 2048 inputs.
    pub inputs: Vec<EmbeddingInput>,
    /// The length of the vectors, at least 1; `None`: the model's own.
    pub dimensions: Option<u32>,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub enum EmbeddingInput {
    /// Text, never empty.
    Text(String),
    /// Tokens of the model's own tokenizer, never empty.
    Tokens(Vec<u32>),
}

/// The vectors, in the order of the inputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmbeddingAnswer {
    /// The model that answered, where the upstream said.
    pub model: Option<String>,
    /// One vector per input.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of the inputs; an estimate where the upstream does not tell.
    pub prompt_tokens: u64,
}
