//! Where blobs are in S3: a bucket, and what the keys in it begin with.

use std::fmt;

use object_store::path::Path;

/// The longest name of a bucket.
const LONGEST_BUCKET: usize = 63;
/// The longest prefix: with a blob's name behind it, it is a key that every server takes.
const LONGEST_PREFIX: usize = 512;

/// A bucket, and the folder in it whose keys are Locum's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    name: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// What is written is no URL of a bucket; the text says what one is, to follow "it takes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "s3://BUCKET or s3://BUCKET/PREFIX, of letters, digits, dots, hyphens and underscores; where the server is goes into \
     AWS_ENDPOINT_URL"
)]
pub struct UrlError;

impl Bucket {
    /// The bucket of `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let path = url.strip_prefix("s3://").ok_or(UrlError)?;
        let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_whole = is_part(name)
            && name.len() <= LONGEST_BUCKET
            && prefix.len() <= LONGEST_PREFIX
            && (prefix.is_empty() || prefix.split('/').all(is_part));
        if !is_whole {
            return Err(UrlError);
        }
        let slash = if prefix.is_empty() { "" } else { "/" };
        Ok(Self {
            name: name.to_owned(),
            prefix: format!("{prefix}{slash}"),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What all keys begin with: nothing, or a path with a slash at its end.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of a blob.
    pub(super) fn key(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = format!("{}/{}", self.name, self.prefix);
        write!(f, "s3://{}", path.trim_end_matches('/'))
    }
}

/// Whether this can stand between two slashes.
fn is_part(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, key: &str, shown: &str) {
        let bucket = Bucket::parse(url).unwrap();
        assert_eq!(bucket.key("file-a").as_ref(), key);
        assert_eq!(bucket.to_string(), shown);
        assert_eq!(bucket.name(), "my.bucket");
    }

    #[test]
    fn a_url_names_a_bucket_and_perhaps_a_prefix() {
        check("s3://my.bucket", "file-a", "s3://my.bucket");
        check("s3://my.bucket/", "file-a", "s3://my.bucket");
        check("s3://my.bucket/a", "a/file-a", "s3://my.bucket/a");
        check(
            "s3://my.bucket/a/b_1/",
            "a/b_1/file-a",
            "s3://my.bucket/a/b_1",
        );
    }

    #[test]
    fn what_names_none_is_refused() {
        let long = format!("s3://{}", "b".repeat(64));
        let deep = format!("s3://b/{}", "p".repeat(513));
        for url in [
            "",
            "s3:bucket",
            "s3://",
            "s3:///prefix",
            "S3://bucket",
            "https://bucket/prefix",
            "s3://bucket//prefix",
            "s3://bucket/a//b",
            "s3://bucket/../b",
            "s3://bucket/a?region=b",
            "s3://bucket/a#b",
            "s3://bucket/a%20b",
            "s3://bucket/a b",
            "s3://key:secret@bucket/prefix",
            "s3://localhost:9000/bucket",
            "s3://bücket",
            &long,
            &deep,
        ] {
            assert_eq!(Bucket::parse(url), Err(UrlError), "{url}");
        }
    }
}
