//! Limits on JSON itself, checked before anything is built from it.
//!
//! One pass over the bytes, without recursion and without memory. It refuses what would cost more than it is worth:
//! bodies that nest deeply (a reader that recurses would run out of stack) and bodies of very many values (a few bytes
//! of JSON become many bytes of memory).

use locum_domain::error::ApiError;
use memchr::{memchr_iter, memchr2_iter};

/// How deep objects and arrays may nest.
pub(super) const MAX_DEPTH: usize = 100;
/// How many values a body may hold. OpenAI's largest request, embeddings of 300,000 tokens, is well below.
pub(super) const MAX_VALUES: usize = 1 << 19;

/// The body as text, if it may be read at all: UTF-8 that begins as an object, within the limits. Whether it is
/// well-formed is for the reader to say.
///
/// # Errors
/// 400 otherwise.
pub(super) fn check(body: &[u8]) -> Result<&str, ApiError> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if let Some(first) = first
        && *first != b'{'
    {
        return Err(ApiError::malformed_json("it is not a JSON object"));
    }
    if !is_plainly_harmless(body) {
        count(body)?;
    }
    simdutf8::basic::from_utf8(body).map_err(|_| ApiError::malformed_json("it is not valid UTF-8"))
}

/// Whether there are not even enough brackets and bytes to reach a limit, wherever they stand.
fn is_plainly_harmless(body: &[u8]) -> bool {
    let brackets = memchr2_iter(b'{', b'[', body).take(MAX_DEPTH + 1).count();
    body.len() < MAX_VALUES && brackets <= MAX_DEPTH
}

/// Counts levels and values.
fn count(body: &[u8]) -> Result<(), ApiError> {
    let mut depth = 0_usize;
    let mut values = 1_usize;
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = behind_string(body, at),
            b'{' | b'[' | b',' => {
                values += 1;
                depth += usize::from(byte != b',');
                if depth > MAX_DEPTH {
                    return Err(ApiError::malformed_json(&format!(
                        "it is nested more than {MAX_DEPTH} levels deep"
                    )));
                }
                if values > MAX_VALUES {
                    return Err(ApiError::malformed_json(&format!(
                        "it holds more than {MAX_VALUES} values"
                    )));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The place behind the quote that ends the string whose first character is at `at`; the body's end if none does.
fn behind_string(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    let ends_string = |quote: &usize| {
        let before = rest[..*quote].iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    };
    memchr_iter(b'"', rest)
        .find(ends_string)
        .map_or(body.len(), |quote| at + quote + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!(
            "{{\"a\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    }

    #[test]
    fn nesting_has_a_limit() {
        assert!(check(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(check(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(check(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        let text = format!(
            r#"{{"a":"{}\"{}\\","b":1}}"#,
            "[".repeat(500),
            "{".repeat(500)
        );
        assert_eq!(check(text.as_bytes()).unwrap(), text);
    }

    #[test]
    fn values_have_a_limit() {
        let body = |count: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(count));
        assert!(check(body(MAX_VALUES - 3).as_bytes()).is_ok());
        assert!(check(body(MAX_VALUES).as_bytes()).is_err());
    }

    #[test]
    fn only_an_object_in_utf8_will_do() {
        for body in [&b"[]"[..], b"\"a\"", b"1", b"null", b"{\"a\":\"\xff\"}"] {
            assert_eq!(check(body).unwrap_err().status, 400);
        }
    }

    #[test]
    fn strings_that_never_end_do_no_harm() {
        for body in ["{\"", "{\"\\", "{\"\\\"", "{\"a\\\\", "{\"\\\"\\\"["] {
            assert_eq!(check(body.as_bytes()).unwrap(), body);
        }
    }
}
