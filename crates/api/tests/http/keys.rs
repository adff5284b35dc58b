//! Keys.

use http::StatusCode;

use crate::support::{KEY, Locum, METRICS_KEY, get, with, without_key};

#[test]
fn a_request_without_a_key_is_told_how_to_send_one() {
    let answer = Locum::new().ask(without_key(get("/v1/models")));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert!(
        answer
            .error()
            .message
            .starts_with("You didn't provide an API key.")
    );
    assert_eq!(answer.error().code, None);
}

#[test]
fn a_wrong_key_is_refused_and_not_repeated() {
    let locum = Locum::new();
    let nearly = &KEY[..KEY.len() - 1];
    for key in ["sk-wrong", nearly, &format!("{KEY}0"), METRICS_KEY, "ключ"] {
        let mut request = get("/v1/models");
        let value = http::HeaderValue::from_bytes(format!("Bearer {key}").as_bytes()).unwrap();
        request.headers_mut().insert("authorization", value);
        let answer = locum.ask(request);
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(answer.error().code.as_deref(), Some("invalid_api_key"));
        assert!(!answer.text().contains(key));
    }
}

#[test]
fn the_scheme_may_be_spelled_in_any_case_and_is_needed() {
    let locum = Locum::new();
    let status = |value: &str| {
        locum
            .ask(with("authorization", value, get("/v1/models")))
            .status
    };
    assert_eq!(status(&format!("bearer {KEY}")), StatusCode::OK);
    assert_eq!(status(&format!("BEARER  {KEY}")), StatusCode::OK);
    assert_eq!(status(KEY), StatusCode::UNAUTHORIZED);
    assert_eq!(status(&format!("Basic {KEY}")), StatusCode::UNAUTHORIZED);
    assert_eq!(status("Bearer "), StatusCode::UNAUTHORIZED);
}

#[test]
fn metrics_open_with_either_key() {
    let locum = Locum::new();
    let status = |key: &str| {
        let request = with("authorization", &format!("Bearer {key}"), get("/metrics"));
        locum.ask(request).status
    };
    assert_eq!(status(KEY), StatusCode::OK);
    assert_eq!(status(METRICS_KEY), StatusCode::OK);
    assert_eq!(status("wrong"), StatusCode::UNAUTHORIZED);
}

#[test]
fn authentication_can_be_switched_off() {
    let locum = Locum::with(&[("ENABLE_AUTH", "false")]);
    for path in ["/v1/models", "/metrics"] {
        assert_eq!(locum.ask(without_key(get(path))).status, StatusCode::OK);
        let wrong = with("authorization", "Bearer wrong", get(path));
        assert_eq!(locum.ask(wrong).status, StatusCode::OK);
    }
}

#[test]
fn clients_of_the_first_assistants_api_are_told_so() {
    let locum = Locum::new();
    let said = |beta: &str| {
        let answer = locum.ask(with("openai-beta", beta, get("/v1/assistants")));
        (answer.status, answer)
    };
    for beta in ["assistants=v2", "assistants=v1, assistants=v2", "other", ""] {
        assert_eq!(said(beta).0, StatusCode::OK, "{beta}");
    }
    for beta in ["assistants=v1", "other, assistants=v1"] {
        let error = said(beta).1.refusal();
        assert_eq!(error.code.as_deref(), Some("invalid_beta"));
        assert!(error.message.contains("assistants=v2"));
    }
    let stranger = without_key(with("openai-beta", "assistants=v1", get("/v1/assistants")));
    assert_eq!(locum.ask(stranger).status, StatusCode::UNAUTHORIZED);
}
