//! What upstreams that speak OpenAI's API say when something is wrong.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use locum_domain::failure::{Failure, FailureClass};

use super::{KEY, openai, try_build};

fn failure_with(status: u16, headers: &[(&'static str, &str)], body: &str) -> Failure {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                (*name).parse().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    openai().failure(
        StatusCode::from_u16(status).unwrap(),
        &headers,
        body.as_bytes(),
    )
}

fn class(status: u16, body: &str) -> FailureClass {
    failure_with(status, &[], body).class
}

/// An error body in OpenAI's words.
fn error(message: &str, kind: &str, code: &str) -> String {
    format!(
        r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{}}}}}"#,
        if code.is_empty() {
            "null".to_owned()
        } else {
            format!("\"{code}\"")
        }
    )
}

#[test]
fn classes() {
    use FailureClass::{
        BadKey, BadRequest, ContentPolicy, ContextLength, ModelNotFound, Overloaded,
        QuotaExhausted, RateLimited, Server, Timeout,
    };
    let invalid = "invalid_request_error";
    for (status, body, expected) in [
        (401, error("Incorrect API key provided", invalid, "invalid_api_key"), BadKey),
        (403, error("Country not supported", "request_forbidden", "unsupported_country_region_territory"), BadKey),
        (403, error("Project does not have access to model `x`", invalid, "model_not_found"), ModelNotFound),
        (403, r#"{"error":{"code":403,"message":"Your input was flagged","metadata":{"flagged_input":"…"}}}"#.into(), ContentPolicy),
        (402, r#"{"error":{"code":402,"message":"Insufficient credits"}}"#.into(), QuotaExhausted),
        (404, error("The model `x` does not exist", invalid, "model_not_found"), ModelNotFound),
        (404, r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#.into(), ModelNotFound),
        (404, r#"{"error":{"message":"model \"x\" not found, try pulling it first"}}"#.into(), ModelNotFound),
        (404, r#"{"error":{"message":"No endpoints found for x","code":404}}"#.into(), ModelNotFound),
        (404, "<html>nginx</html>".into(), Server),
        (404, r#"{"detail":"Not Found"}"#.into(), Server),
        (404, error("Invalid URL (POST /chat/completions)", invalid, ""), Server),
        (405, String::new(), Server),
        (301, String::new(), Server),
        (429, error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), QuotaExhausted),
        (429, error("You exceeded your current quota, please check", "", ""), QuotaExhausted),
        (429, error("Rate limit reached for gpt-4.1", "tokens", "rate_limit_exceeded"), RateLimited),
        (429, String::new(), RateLimited),
        (400, error("too long", invalid, "context_length_exceeded"), ContextLength),
        (400, error("This model's maximum context length is 4096 tokens.", "BadRequestError", "400"), ContextLength),
        (400, r#"{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}"#.into(), ContextLength),
        (400, error("flagged", invalid, "content_policy_violation"), ContentPolicy),
        (400, error("The response was filtered", "", "content_filter"), ContentPolicy),
        (400, error("bad", invalid, ""), BadRequest),
        (413, "<html>too large</html>".into(), BadRequest),
        (422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#.into(), BadRequest),
        (408, String::new(), Timeout),
        (
            400,
            r#"{"code":"invalid argument","error":"Incorrect API key provided: xa***"}"#.into(),
            BadKey,
        ),
        (409, error("conflict", invalid, ""), Server),
        (500, error("oops", "server_error", ""), Server),
        (502, "<html>bad gateway</html>".into(), Server),
        (503, error("overloaded", "server_error", ""), Overloaded),
        (529, String::new(), Overloaded),
        (504, String::new(), Server),
        (418, String::new(), Server),
    ] {
        assert_eq!(class(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn the_callers_faults_are_handed_on_as_they_are() {
    let failure = failure_with(
        400,
        &[],
        r#"{"error":{"message":"Invalid 'messages[2].content'","type":"invalid_request_error","param":"messages[2].content","code":"invalid_type"}}"#,
    );
    let error = failure.error.unwrap();
    assert_eq!(error.status, 400);
    assert_eq!(error.kind, "invalid_request_error");
    assert_eq!(error.code.as_deref(), Some("invalid_type"));
    assert_eq!(error.param.as_deref(), Some("messages[2].content"));
    assert_eq!(error.message, "Invalid 'messages[2].content'");
    let detailed = failure_with(
        422,
        &[],
        r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
    );
    assert_eq!(detailed.message, "field required");
    let unexplained = failure_with(422, &[], "").error.unwrap();
    assert_eq!(unexplained.status, 422);
    assert_eq!(unexplained.kind, "invalid_request_error");
    assert!(!unexplained.message.is_empty());
    // A status that says something else is not handed on: 403 would look like the client's own key.
    let flagged = failure_with(403, &[], &self::error("no", "", "content_policy_violation"));
    assert_eq!(flagged.error.unwrap().status, 400);
}

#[test]
fn a_wrong_base_url_is_hinted_at() {
    for body in ["<html></html>", r#"{"detail":"Not Found"}"#] {
        let failure = failure_with(404, &[], body);
        assert!(failure.message.contains("base URL"), "{failure}");
        assert_eq!(failure.status, Some(404));
    }
}

#[test]
fn no_message_holds_the_key_or_is_long() {
    for (status, body) in [
        (
            401,
            error(
                &format!("Incorrect API key provided: {KEY}"),
                "x",
                "invalid_api_key",
            ),
        ),
        (
            400,
            error(&format!("who sent {KEY} and\\n{KEY}?"), KEY, KEY),
        ),
        (500, format!("\"{KEY}\"")),
        (500, format!(r#"{{"error":"{KEY}{}"}}"#, "é".repeat(2000))),
        (500, format!(r#"{{"message":"{KEY}"}}"#)),
    ] {
        let failure = failure_with(status, &[], &body);
        let everything = format!("{failure:?}");
        assert!(!everything.contains(KEY), "{everything}");
        assert!(failure.message.chars().count() <= 501, "{failure}");
        assert!(!failure.message.contains('\n'));
    }
}

#[test]
fn what_is_said_of_a_key_is_not_repeated() {
    let failure = failure_with(
        401,
        &[],
        &error(
            "Incorrect API key provided: sk-se*****6789.",
            "invalid_request_error",
            "invalid_api_key",
        ),
    );
    assert_eq!(failure.message, "the key is not accepted (invalid_api_key)");
}

#[test]
fn hints_are_read() {
    let after = |headers: &[(&'static str, &str)]| failure_with(429, headers, "").retry_after;
    assert_eq!(after(&[]), None);
    assert_eq!(after(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
    assert_eq!(
        after(&[("retry-after", "0.5")]),
        Some(Duration::from_millis(500))
    );
    assert_eq!(
        after(&[("retry-after-ms", "1250"), ("retry-after", "2")]),
        Some(Duration::from_millis(1250))
    );
    for nonsense in [
        "-1",
        "NaN",
        "inf",
        "1e400",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "",
    ] {
        assert_eq!(after(&[("retry-after", nonsense)]), None, "{nonsense}");
    }
    let in_words = |words: &str| {
        let body = error(
            &format!("Please try again in {words}."),
            "tokens",
            "rate_limit_exceeded",
        );
        failure_with(429, &[], &body).retry_after
    };
    assert_eq!(in_words("1.5s"), Some(Duration::from_millis(1500)));
    assert_eq!(in_words("20ms"), Some(Duration::from_millis(20)));
    assert_eq!(in_words("6m0s"), None);
    assert_eq!(in_words("a while"), None);
    let overloaded = failure_with(503, &[("retry-after", "3")], "");
    assert_eq!(overloaded.retry_after, Some(Duration::from_secs(3)));
}

#[test]
fn wrong_settings_are_said_without_the_key() {
    let error = |api_key: &str, base_url: &str| try_build(api_key, base_url).err().unwrap();
    let base = "https://api.openai.com/v1";
    assert!(error("sk-\u{e9}\n\u{1}x", base).contains("the key"));
    for wrong in [
        "",
        "api.openai.com/v1",
        "ftp://x/v1",
        "https://",
        "https://u:hush@x/v1",
        "https://x/v1?key=hush",
    ] {
        let error = error(KEY, wrong);
        assert!(error.contains("base URL"), "{error}");
        assert!(!error.contains(KEY) && !error.contains("hush"), "{error}");
    }
}
