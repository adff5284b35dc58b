//! What the pretended Gemini answers.

mod options;
mod turns;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "key";

/// A model before Gemini 3, the first of it, one of Gemini 4, and the one that most programs ask.
const OLD: &str = "gemini-2.5-flash";
const THIRD: &str = "gemini-3-flash-preview";
const FOURTH: &str = "gemini-4-neon";
const LATEST: &str = "gemini-flash-latest";

fn post(path: &str, body: &Value) -> Reply {
    let request = Request::post(format!("/v1beta/models/{path}"))
        .header("x-goog-api-key", KEY)
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let signatures = BTreeSet::from(["scripted".to_owned()]);
    answer(&request, KEY, 7, &signatures)
}

fn get(path: &str) -> Value {
    let request = Request::get(path).header("x-goog-api-key", KEY);
    json_of(&answer(
        &request.body(Bytes::new()).unwrap(),
        KEY,
        0,
        &BTreeSet::new(),
    ))
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body()).unwrap()
}

/// A sound request, changed by `changes`.
fn ask(changes: &Value) -> Value {
    let mut body = json!({"contents": [said("hello there")]});
    body.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    body
}

#[track_caller]
fn generated(model: &str, changes: &Value) -> Value {
    let reply = post(&format!("{model}:generateContent"), &ask(changes));
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body());
    json_of(&reply)
}

#[track_caller]
fn check_refused(model: &str, changes: &Value, message: &str) {
    let reply = post(&format!("{model}:generateContent"), &ask(changes));
    let error = &json_of(&reply)["error"];
    assert_eq!(
        (reply.status.as_u16(), &error["status"]),
        (400, &json!("INVALID_ARGUMENT")),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains(message),
        "{error}"
    );
}

fn said(text: &str) -> Value {
    json!({"role": "user", "parts": [{"text": text}]})
}

/// A step of the model that calls functions, the first with a signature.
fn calling(names: &[&str], signature: Option<&str>) -> Value {
    let mut parts: Vec<Value> = names
        .iter()
        .map(|name| json!({"functionCall": {"name": name, "args": {}}}))
        .collect();
    if let Some(signature) = signature {
        parts[0]["thoughtSignature"] = json!(signature);
    }
    json!({"role": "model", "parts": parts})
}

fn results(names: &[&str]) -> Value {
    let parts: Vec<Value> = names
        .iter()
        .map(|name| json!({"functionResponse": {"name": name, "response": {"output": "rain"}}}))
        .collect();
    json!({"role": "user", "parts": parts})
}

fn tools(schema: &Value) -> Value {
    json!([{"functionDeclarations": [
        {"name": "time", "description": ""},
        {"name": "weather", "description": "", "parametersJsonSchema": schema},
    ]}])
}

#[test]
fn an_answer_repeats_and_counts() {
    let answer = generated(LATEST, &json!({}));
    assert_eq!(
        answer["candidates"][0]["content"]["parts"][0]["text"],
        "echo: hello there"
    );
    assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
    assert_eq!(answer["modelVersion"], "gemini-3.8-flash");
    let usage = &answer["usageMetadata"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(
        count("totalTokenCount"),
        count("promptTokenCount") + count("candidatesTokenCount") + count("thoughtsTokenCount")
    );
    assert_eq!(count("cachedContentTokenCount"), 1);
}

#[test]
fn thinking_leaves_nothing_of_a_small_limit() {
    let answer = generated(LATEST, &json!({"generationConfig": {"maxOutputTokens": 5}}));
    assert_eq!(
        answer["candidates"][0],
        json!({"content": {"role": "model"}, "finishReason": "MAX_TOKENS"})
    );
    assert_eq!(answer["usageMetadata"].get("candidatesTokenCount"), None);
}

#[test]
fn the_first_call_is_signed_and_ids_come_with_gemini_3() {
    let parts = |model| {
        let answer = generated(
            model,
            &json!({
                "contents": [said("call weather, time")],
                "tools": tools(&json!({"type": "object", "properties": {"city": {"type": "string"}}})),
            }),
        );
        answer["candidates"][0]["content"]["parts"].clone()
    };
    assert_eq!(
        parts(LATEST),
        json!([
            {"functionCall": {"name": "weather", "args": {"city": "text"}, "id": "fc-7-0"}, "thoughtSignature": signature(7)},
            {"functionCall": {"name": "time", "args": {}, "id": "fc-7-1"}},
        ])
    );
    assert_eq!(
        parts(OLD)[1],
        json!({"functionCall": {"name": "time", "args": {}}})
    );
}

#[test]
fn a_stream_ends_with_a_signature_and_a_reason() {
    let reply = post(
        &format!("{LATEST}:streamGenerateContent?alt=sse"),
        &ask(&json!({})),
    );
    let body = reply.body();
    let text = std::str::from_utf8(&body).unwrap();
    let chunks: Vec<Value> = text
        .split_terminator("\r\n\r\n")
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let part = |chunk: &Value| chunk["candidates"][0]["content"]["parts"][0].clone();
    let texts: String = chunks
        .iter()
        .map(|chunk| part(chunk)["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, "echo: hello there");
    let (last, before) = chunks.split_last().unwrap();
    assert_eq!(
        part(last),
        json!({"text": "", "thoughtSignature": signature(7)})
    );
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert!(
        before
            .iter()
            .all(|chunk| chunk["candidates"][0].get("finishReason").is_none())
    );

    let array = post(&format!("{LATEST}:streamGenerateContent"), &ask(&json!({})));
    assert_eq!(json_of(&array), json!(chunks));
}

#[test]
fn results_are_repeated() {
    let answer = generated(
        OLD,
        &json!({"contents": [said("call weather"), calling(&["weather"], None), results(&["weather"])]}),
    );
    assert_eq!(
        answer["candidates"][0]["content"]["parts"][0]["text"],
        "echo: rain"
    );
}

#[test]
fn models_come_in_pages() {
    let mut names = Vec::new();
    let mut path = "/v1beta/models?pageSize=1000".to_owned();
    loop {
        let page = get(&path);
        names.extend(
            page["models"]
                .as_array()
                .unwrap()
                .iter()
                .map(|model| model["name"].clone()),
        );
        match page["nextPageToken"].as_str() {
            Some(token) => path = format!("/v1beta/models?pageSize=1000&pageToken={token}"),
            None => break,
        }
    }
    assert_eq!(
        names.iter().collect::<std::collections::HashSet<_>>().len(),
        19
    );
    assert_eq!(
        get("/v1beta/models/gemini-4-neon")["name"],
        "models/gemini-4-neon"
    );
    assert_eq!(
        get("/v1beta/models/gemini-pro")["error"]["status"],
        "NOT_FOUND"
    );
}

#[test]
fn vectors_keep_their_order() {
    let request = |text: &str| {
        json!({
            "model": "models/gemini-embedding-001",
            "content": {"parts": [{"text": text}]},
            "outputDimensionality": 128,
        })
    };
    let batch = post(
        "gemini-embedding-001:batchEmbedContents",
        &json!({"requests": [request("a"), request("b")]}),
    );
    let one = post("gemini-embedding-001:embedContent", &request("b"));
    let vectors = json_of(&batch)["embeddings"].clone();
    assert_eq!(vectors[1], json_of(&one)["embedding"]);
    assert_ne!(vectors[0], vectors[1]);
    assert_eq!(vectors[0]["values"].as_array().unwrap().len(), 128);
}

#[test]
fn a_wrong_key_is_a_bad_request() {
    let request = Request::get("/v1beta/models").header("x-goog-api-key", "other");
    let reply = answer(
        &request.body(Bytes::new()).unwrap(),
        KEY,
        0,
        &BTreeSet::new(),
    );
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        json_of(&reply)["error"]["details"][0]["reason"],
        "API_KEY_INVALID"
    );
}
