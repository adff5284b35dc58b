//! The word that an object is deleted.

use serde::Serialize;

use super::encode;

#[derive(Serialize)]
struct Deleted<'a> {
    id: &'a str,
    object: &'static str,
    deleted: bool,
}

/// The word that `id` is deleted. `object` says what it was, as `thread.deleted`.
pub(crate) fn encode_deleted(id: &str, object: &'static str) -> Vec<u8> {
    encode(&Deleted {
        id,
        object,
        deleted: true,
    })
}
