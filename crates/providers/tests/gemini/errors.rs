//! Errors, as a status and in the middle of a stream.

use std::time::Duration;

use locum_domain::failure::{Failure, FailureClass};
use serde_json::{Value, json};

use crate::{KEY, NEW, events_of, failure, hello, sse, streaming};

fn error(code: u16, status: &str, message: &str, details: Value) -> Value {
    json!({"error": {"code": code, "message": message, "status": status, "details": details}})
}

fn stated(code: u16, status: &str, message: &str) -> Failure {
    let body = error(code, status, message, json!([]));
    failure(code, &[], body.to_string().as_bytes())
}

#[test]
fn an_invalid_argument_is_the_callers_fault_in_geminis_words() {
    let failure = stated(400, "INVALID_ARGUMENT", "Invalid value at 'contents[0]'.");
    assert_eq!(failure.class, FailureClass::BadRequest);
    let told = failure.error.unwrap();
    assert_eq!(told.status, 400);
    assert_eq!(told.kind, "invalid_request_error");
    assert_eq!(told.code, None);
    assert_eq!(told.message, "Invalid value at 'contents[0]'.");
}

#[test]
fn a_bad_key_that_comes_as_400_is_a_bad_key() {
    let body = error(
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}]),
    );
    let failure = failure(400, &[], body.to_string().as_bytes());
    assert_eq!(failure.class, FailureClass::BadKey);
    assert_eq!(failure.error, None);
    let expired = stated(
        400,
        "INVALID_ARGUMENT",
        "API key expired. Please renew the API key.",
    );
    assert_eq!(expired.class, FailureClass::BadKey);
}

#[test]
fn a_failed_precondition_goes_on_to_another_provider() {
    let failure = stated(
        400,
        "FAILED_PRECONDITION",
        "User location is not supported for the API use.",
    );
    assert_eq!(failure.class, FailureClass::Unsupported);
}

#[test]
fn too_many_input_tokens_is_context_length_exceeded() {
    let failure = stated(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    );
    assert_eq!(failure.class, FailureClass::ContextLength);
    let told = failure.error.unwrap();
    assert_eq!(told.code.as_deref(), Some("context_length_exceeded"));
    assert_eq!(told.status, 400);
}

#[test]
fn what_the_model_cannot_do_goes_on_to_another_provider() {
    for message in [
        "Multiple candidates is not enabled for this model",
        "Function calling is not enabled for models/gemma-3-1b-it",
        "Function calling with a response mime type: 'application/json' is unsupported",
        "This model does not support image input.",
        "Unsupported MIME type: video/x-foo",
        "Requests ending with a model turn are not supported.",
    ] {
        let failure = stated(400, "INVALID_ARGUMENT", message);
        assert_eq!(failure.class, FailureClass::Unsupported, "{message}");
    }
}

#[test]
fn a_refused_signature_goes_on_to_another_provider() {
    for message in [
        "Thought signature is not valid",
        "Corrupted thought signature.",
        "Function call is missing a thought_signature in functionCall parts.",
    ] {
        let failure = stated(400, "INVALID_ARGUMENT", message);
        assert_eq!(failure.class, FailureClass::Unsupported, "{message}");
    }
}

#[test]
fn keys_without_rights_are_bad_keys() {
    assert_eq!(
        stated(401, "UNAUTHENTICATED", "no").class,
        FailureClass::BadKey
    );
    assert_eq!(
        stated(403, "PERMISSION_DENIED", "no").class,
        FailureClass::BadKey
    );
}

#[test]
fn spent_credit_is_an_exhausted_quota() {
    assert_eq!(
        stated(402, "RESOURCE_EXHAUSTED", "Prepaid credit used up").class,
        FailureClass::QuotaExhausted
    );
}

#[test]
fn an_unknown_model_is_not_found() {
    let failure = stated(
        404,
        "NOT_FOUND",
        "models/gemini-pro is not found for API version v1beta",
    );
    assert_eq!(failure.class, FailureClass::ModelNotFound);
    assert!(failure.message.contains("gemini-pro"));
}

fn too_many(message: &str, details: Value) -> Failure {
    let body = error(429, "RESOURCE_EXHAUSTED", message, details);
    failure(429, &[], body.to_string().as_bytes())
}

#[test]
fn retry_info_is_retry_after() {
    for (delay, expected) in [
        ("59s", Some(Duration::from_secs(59))),
        ("34.074824224s", Some(Duration::from_nanos(34_074_824_224))),
        ("0.5s", Some(Duration::from_millis(500))),
        ("0s", Some(Duration::ZERO)),
        ("-3s", None),
        ("NaNs", None),
        ("1e300s", None),
        ("soon", None),
    ] {
        let failure = too_many(
            "You exceeded your current quota.",
            json!([
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaMetric": "m", "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "quotaValue": "10"}]},
                {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
            ]),
        );
        assert_eq!(failure.class, FailureClass::RateLimited);
        assert_eq!(failure.retry_after, expected, "{delay}");
    }
}

#[test]
fn the_header_retry_after_counts_where_there_is_no_retry_info() {
    let body = error(429, "RESOURCE_EXHAUSTED", "slow down", json!([]));
    let hinted = failure(429, &[("retry-after", "7")], body.to_string().as_bytes());
    assert_eq!(hinted.retry_after, Some(Duration::from_secs(7)));
    let unreadable = failure(503, &[("retry-after", "2")], b"<html>busy</html>");
    assert_eq!(unreadable.class, FailureClass::Overloaded);
    assert_eq!(unreadable.retry_after, Some(Duration::from_secs(2)));
}

#[test]
fn a_quota_per_day_is_exhausted() {
    let failure = too_many(
        "You exceeded your current quota.",
        json!([
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"},
        ]),
    );
    assert_eq!(failure.class, FailureClass::QuotaExhausted);
    assert_eq!(failure.retry_after, None, "a hint of seconds would mislead");
}

#[test]
fn a_quota_of_zero_or_a_spent_budget_is_exhausted() {
    for message in [
        "Quota exceeded for metric: free_tier_requests, limit: 0, model: gemini-4-carbon",
        "Quota exceeded for metric: free_tier_requests, limit: 0",
        "Your project has exceeded its monthly spending cap.",
        "Your prepayment credits are depleted.",
    ] {
        assert_eq!(
            too_many(message, json!([])).class,
            FailureClass::QuotaExhausted,
            "{message}"
        );
    }
    for message in [
        "Quota exceeded, limit: 05",
        "Quota exceeded, limit: 0.5",
        "limit: 10",
    ] {
        assert_eq!(
            too_many(message, json!(null)).class,
            FailureClass::RateLimited,
            "{message}"
        );
    }
}

#[test]
fn faults_of_the_server() {
    for (status, class) in [
        (500, FailureClass::Server),
        (502, FailureClass::Server),
        (503, FailureClass::Overloaded),
        (504, FailureClass::Server),
        (499, FailureClass::Server),
        (501, FailureClass::Unsupported),
        (408, FailureClass::Timeout),
        (413, FailureClass::Unsupported),
    ] {
        let failure = stated(status, "X", "no");
        assert_eq!(failure.class, class, "{status}");
        assert_eq!(failure.status, Some(status));
    }
}

#[test]
fn an_error_in_a_list_is_read() {
    let body = json!([error(
        503,
        "UNAVAILABLE",
        "The model is overloaded.",
        json!([])
    )]);
    let failure = failure(503, &[], body.to_string().as_bytes());
    assert_eq!(failure.class, FailureClass::Overloaded);
    assert_eq!(failure.message, "The model is overloaded.");
}

#[test]
fn an_error_with_its_code_in_a_string_is_read() {
    let body =
        br#"{"error": {"message": "no route", "type": "server", "param": null, "code": "503"}}"#;
    let told = failure(503, &[], body);
    assert_eq!(told.class, FailureClass::Overloaded);
    assert_eq!(told.message, "no route");
    let event: Value = serde_json::from_slice(body).unwrap();
    let (_, ended) = events_of(&streaming(hello(NEW)), &[&sse(&[event])]);
    assert_eq!(ended.unwrap_err().class, FailureClass::Overloaded);
}

#[test]
fn a_body_that_is_not_googles_is_read_by_its_status() {
    for (status, class) in [
        (400, FailureClass::Garbage),
        (401, FailureClass::BadKey),
        (403, FailureClass::BadKey),
        (404, FailureClass::ModelNotFound),
        (429, FailureClass::RateLimited),
        (500, FailureClass::Server),
        (502, FailureClass::Server),
        (503, FailureClass::Overloaded),
        (504, FailureClass::Server),
        (302, FailureClass::Garbage),
    ] {
        for body in [
            &b"<html>no</html>"[..],
            b"",
            b"{}",
            b"[]",
            br#"{"error": "no"}"#,
        ] {
            let failure = failure(status, &[], body);
            assert_eq!(failure.class, class, "{status}");
            assert!(!failure.message.contains("html"));
        }
    }
}

#[test]
fn an_error_in_mid_stream_is_a_failure_of_its_class() {
    let text = json!({"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]});
    for (event, class) in [
        (
            error(503, "UNAVAILABLE", "overloaded", json!([])),
            FailureClass::Overloaded,
        ),
        (
            json!([error(500, "INTERNAL", "oops", json!([]))]),
            FailureClass::Server,
        ),
        (
            json!({"error": {"status": "RESOURCE_EXHAUSTED", "message": "no"}}),
            FailureClass::RateLimited,
        ),
        (json!({"error": {}}), FailureClass::Server),
        (json!({"error": "no"}), FailureClass::Server),
    ] {
        let (events, ended) = events_of(&streaming(hello(NEW)), &[&sse(&[text.clone(), event])]);
        assert_eq!(ended.unwrap_err().class, class);
        assert_eq!(events.len(), 2);
    }
}

#[test]
fn the_key_is_never_repeated() {
    let failure = stated(400, "INVALID_ARGUMENT", &format!("API key {KEY} is odd"));
    assert!(!failure.message.contains(KEY));
    assert!(!format!("{failure:?}").contains(KEY));
    let event = error(400, "INVALID_ARGUMENT", &format!("key={KEY}"), json!([]));
    let (_, ended) = events_of(&streaming(hello(NEW)), &[&sse(&[event])]);
    assert!(!format!("{ended:?}").contains(KEY));
}

#[test]
fn long_messages_are_cut() {
    let failure = stated(400, "INVALID_ARGUMENT", &"é".repeat(10_000));
    assert!(failure.message.chars().count() <= 2001);
}
