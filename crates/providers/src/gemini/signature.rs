//! Thought signatures: proofs of the thinking behind a call, which later generations want to see again.

use super::wire::{Content, Payload, Role};

/// What Google documents for calls that have no genuine signature: another model's, or one that a program made up. It
/// is sent to the letter; in base64 it is refused.
const DUMMY: &str = "skip_thought_signature_validator";

/// Signs the first call of every turn of the model that has none. Later calls of the turn go without: only the first is
/// looked at, and a dummy on another is refused.
pub(super) fn fill_in(contents: &mut [Content<'_>]) {
    for content in contents {
        if content.role != Role::Model {
            continue;
        }
        let first_call = content
            .parts
            .iter_mut()
            .find(|part| matches!(part.data, Payload::FunctionCall(_)));
        if let Some(call) = first_call {
            call.thought_signature.get_or_insert(DUMMY);
        }
    }
}
