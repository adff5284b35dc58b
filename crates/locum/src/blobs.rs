//! The blobs port: in a [`Folder`], or in a bucket of whatever speaks [`S3`].
//!
//! What a name of a blob is, is the same for both.

mod folder;
mod s3;

use locum_engine::ports::BlobError;

pub(crate) use self::folder::make_folder;
pub use self::{
    folder::Folder,
    s3::{Bucket, OpenError, S3, UrlError},
};

/// The longest name.
const LONGEST_NAME: usize = 64;

/// Whether a blob can have this name. None of them leads out of a folder, or means something in a URL.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The refusal to store anything under such a name.
fn no_name(name: &str) -> BlobError {
    let start: String = name.chars().take(LONGEST_NAME).collect();
    BlobError::Failed(format!("{start:?} is no name of a blob"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        for name in ["a", "file-0VbmwvJ", &"a".repeat(64)] {
            assert!(is_name(name), "{name:?}");
        }
        for name in ["", ".", "..", "a/b", "a.b", "a b", "ä", &"a".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
