//! Models, as a provider lists them.

/// A model that a provider offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name that requests use.
    pub id: String,
    /// Unix seconds; 0 where the provider does not tell.
    pub created: i64,
    /// Who made it.
    pub owned_by: String,
}

/// One page of a provider's models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelPage {
    /// The models of this page.
    pub models: Vec<ModelInfo>,
    /// What asks for the next page; `None` on the last.
    pub next: Option<String>,
}
