//! Names of functions: OpenAI lets them begin with a digit or a dash, Gemini does not.
//!
//! Such a name goes out with an underscore before it and comes back without.

use std::borrow::Cow;

use locum_domain::chat::FunctionTool;

/// The function's name as Gemini takes it.
pub(super) fn outbound(name: &str) -> Cow<'_, str> {
    if starts_badly(name) {
        Cow::Owned(format!("_{name}"))
    } else {
        Cow::Borrowed(name)
    }
}

/// The names that [`outbound`] changes, for [`inbound`].
pub(super) fn changed(tools: &[FunctionTool]) -> Vec<String> {
    tools
        .iter()
        .filter(|tool| starts_badly(&tool.name))
        .map(|tool| tool.name.clone())
        .collect()
}

/// The function's name as the program knows it.
pub(super) fn inbound(mut name: String, changed: &[String]) -> String {
    if name
        .strip_prefix('_')
        .is_some_and(|bare| changed.iter().any(|known| known == bare))
    {
        name.remove(0);
    }
    name
}

fn starts_badly(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit() || first == '-')
}
