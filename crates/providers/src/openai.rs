//! .
use crate::provider::{Provider, ProviderConfig};
pub fn build(_: ProviderConfig) -> Result<Box<dyn Provider>, String> {
    Err("not yet".into())
}
