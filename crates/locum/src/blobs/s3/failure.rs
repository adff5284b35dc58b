//! What an operator is told of a failure: what the server said or what kept it from being asked, without URLs and keys.

use std::error::Error as _;

use locum_engine::ports::BlobError;
use object_store::{Error, client::HttpError};

/// What servers answer where there is no room: AWS has always some, MinIO and Ceph have not.
const FULL: &[&str] = &[
    "QuotaExceeded",
    "XMinioAdminBucketQuotaExceeded",
    "XMinioStorageFull",
];
/// What they answer to credentials that they do not believe.
const REFUSED: &[&str] = &[
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "Unauthorized",
];
/// In whose URLs credentials are looked for where none are set.
const METADATA: &[&str] = &["/latest/api/token", "/latest/meta-data/"];
/// How an answer's status is introduced.
const STATUS: &str = "status code: ";
/// As much of a server's words is repeated.
const LONGEST: usize = 300;

/// The failure of something that was asked of `bucket`.
pub(super) fn failed(error: &Error, bucket: &str) -> BlobError {
    let said = error.to_string();
    let text = text(error, &said, bucket);
    let is_full = element(&said, "Code").is_some_and(|code| FULL.contains(&code))
        || status(&said).is_some_and(|status| status.starts_with("507"));
    if is_full {
        BlobError::Full(text)
    } else {
        BlobError::Failed(text)
    }
}

/// The same in one line, for who starts the program.
pub(super) fn told(error: &Error, bucket: &str) -> String {
    text(error, &error.to_string(), bucket)
}

/// Whether it means that there is no such object, in a bucket that there is.
pub(super) fn is_missing(error: &Error) -> bool {
    let no_bucket = |source: &dyn std::error::Error| {
        element(&source.to_string(), "Code").is_some_and(|code| code == "NoSuchBucket")
    };
    matches!(error, Error::NotFound { source, .. } if !no_bucket(source.as_ref()))
}

/// The failure in one line.
fn text(error: &Error, said: &str, bucket: &str) -> String {
    if let Some(code) = element(said, "Code") {
        let message = element(said, "Message").map_or(String::new(), plain);
        let code = plain(code);
        return match code.as_str() {
            "NoSuchBucket" => format!("there is no bucket {bucket:?}"),
            "AccessDenied" => {
                format!("access to the bucket {bucket:?} is denied: {message} ({code})")
            }
            refused if REFUSED.contains(&refused) => {
                format!("the credentials are refused: {message} ({code})")
            }
            _ => format!("{message} ({code})"),
        };
    }
    if METADATA.iter().any(|path| said.contains(path)) {
        return "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them"
            .to_owned();
    }
    if said.contains("redirect without LOCATION") {
        return format!("the bucket {bucket:?} is in another region; AWS_REGION says which");
    }
    if let Some(status) = status(said) {
        return format!("the server answers {}", plain(status));
    }
    // The innermost error of transport: those around it repeat it behind the URL.
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return http
                .source()
                .map_or_else(|| http.to_string(), ToString::to_string);
        }
        cause = error.source();
    }
    plain(said)
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// `403 Forbidden`.
fn status(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once(STATUS)?;
    rest.split(':').next()
}

/// A server's words in one short line.
fn plain(text: &str) -> String {
    let text = text
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&quot;", "\"");
    text.chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as `object_store` reports it.
    fn answer(status: &str, body: &str) -> String {
        format!(
            "Error performing PUT http://host/b/k in 1ms - Server returned non-2xx status code: {status}: {body}"
        )
    }

    fn generic(said: String) -> Error {
        Error::Generic {
            store: "S3",
            source: said.into(),
        }
    }

    fn error_body(code: &str, message: &str) -> String {
        format!(
            "<?xml?>\n<Error><Code>{code}</Code><Message>{message}</Message><StringToSign>hush</StringToSign></Error>"
        )
    }

    #[track_caller]
    fn check(status: &str, body: &str, expected: &BlobError) {
        let said = failed(&generic(answer(status, body)), "b");
        assert_eq!(said, *expected);
    }

    #[test]
    fn failures_are_told_in_the_servers_words() {
        for (status, code, message, expected) in [
            (
                "404 Not Found",
                "NoSuchBucket",
                "The specified bucket does not exist",
                "there is no bucket \"b\"",
            ),
            (
                "403 Forbidden",
                "AccessDenied",
                "Access Denied",
                "access to the bucket \"b\" is denied: Access Denied (AccessDenied)",
            ),
            (
                "403 Forbidden",
                "SignatureDoesNotMatch",
                "It does not match.",
                "the credentials are refused: It does not match. (SignatureDoesNotMatch)",
            ),
            (
                "400 Bad Request",
                "AuthorizationHeaderMalformed",
                "the region &apos;a&apos; is wrong; expecting &apos;b&apos;",
                "the region 'a' is wrong; expecting 'b' (AuthorizationHeaderMalformed)",
            ),
        ] {
            let expected = BlobError::Failed(expected.to_owned());
            check(status, &error_body(code, message), &expected);
        }
    }

    #[test]
    fn no_room_is_told_apart() {
        let expected = BlobError::Full("Storage is full (XMinioStorageFull)".to_owned());
        let body = error_body("XMinioStorageFull", "Storage is full");
        check("507 Insufficient Storage", &body, &expected);
        let expected = BlobError::Full("the server answers 507 Insufficient Storage".to_owned());
        check("507 Insufficient Storage", "", &expected);
        let expected = BlobError::Full("Full (QuotaExceeded)".to_owned());
        check(
            "403 Forbidden",
            &error_body("QuotaExceeded", "Full"),
            &expected,
        );
    }

    #[test]
    fn an_answer_that_is_no_xml_is_its_status() {
        let expected = BlobError::Failed("the server answers 403 Forbidden".to_owned());
        check("403 Forbidden", "<html>\nsecret", &expected);
    }

    #[test]
    fn a_missing_bucket_is_no_missing_object() {
        let not_found = |code: &str| Error::NotFound {
            path: "k".to_owned(),
            source: answer("404 Not Found", &error_body(code, "")).into(),
        };
        assert!(is_missing(&not_found("NoSuchKey")));
        assert!(!is_missing(&not_found("NoSuchBucket")));
        assert!(!is_missing(&generic("anything".to_owned())));
    }
}
