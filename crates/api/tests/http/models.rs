//! `/v1/models`

use http::StatusCode;
use locum_testkit::Fault;

use crate::support::Locum;

fn ids(list: &serde_json::Value) -> Vec<&str> {
    assert_eq!(list["object"], "list");
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

#[test]
fn the_list_is_merged_from_all_providers() {
    let locum = Locum::new();
    let list = locum.get("/v1/models").json();
    let ids = ids(&list);
    assert!(ids.contains(&"gpt-4.1-mini"), "{ids:?}");
    assert!(ids.iter().any(|id| id.starts_with("gemini-")), "{ids:?}");
    for model in list["data"].as_array().unwrap() {
        assert_eq!(model["object"], "model");
        assert!(model["created"].is_i64());
        assert!(!model["owned_by"].as_str().unwrap().is_empty());
    }
}

#[test]
fn the_list_is_kept_for_a_while() {
    let locum = Locum::new();
    locum.get("/v1/models").json();
    let asked = locum.world.upstream.requests().len();
    locum.get("/v1/models").json();
    assert_eq!(locum.world.upstream.requests().len(), asked);
}

#[test]
fn the_list_lives_while_a_provider_is_down() {
    let locum = Locum::new();
    locum.world.upstream.openai([Fault::Refuse.times(99)]);
    let list = locum.get("/v1/models").json();
    assert!(ids(&list).iter().all(|id| !id.starts_with("gpt-")));
    assert!(!ids(&list).is_empty());
}

#[test]
fn one_model_is_shown() {
    let locum = Locum::new();
    let model = locum.get("/v1/models/gpt-4.1-mini").json();
    assert_eq!(model["id"], "gpt-4.1-mini");
    assert_eq!(model["object"], "model");
}

#[test]
fn ids_may_contain_slashes_and_be_encoded() {
    let locum = Locum::new();
    for path in [
        "/v1/models/openai/gpt-4.1-mini",
        "/v1/models/openai%2Fgpt-4.1-mini",
    ] {
        assert_eq!(locum.get(path).json()["id"], "openai/gpt-4.1-mini");
    }
}

#[test]
fn an_unknown_model_is_not_found() {
    let answer = Locum::new().get("/v1/models/no-such-model");
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let error = answer.error();
    assert_eq!(error.code.as_deref(), Some("model_not_found"));
    assert_eq!(error.param.as_deref(), Some("model"));
    assert!(error.message.contains("`no-such-model`"));
}

#[test]
fn an_id_that_is_no_utf8_is_refused() {
    let answer = Locum::new().get("/v1/models/%ff%fe");
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.error().param.as_deref(), Some("model"));
}
