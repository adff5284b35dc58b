//! Text completions.

use std::{collections::BTreeMap, time::Duration};

use locum_domain::{chat::FinishReason, error::ApiError};
use serde_json::{Value, json};

use super::{Batch, answering, chunk, data, ends_with_error, finish, head, pieces, text, usage};
use crate::{
    stream::completion_stream,
    wire::{self, completions::Completion},
};

fn completion(members: Value) -> Completion {
    let mut body = json!({"model": "m", "prompt": ["p", "q"], "stream": true});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    wire::completions::parse(body.to_string().as_bytes()).unwrap()
}

#[test]
fn text_completions_are_numbered_over_all_prompts() {
    let completion =
        completion(json!({"n": 2, "echo": true, "stream_options": {"include_usage": true}}));
    let answer = |words: [&str; 2]| {
        answering(vec![Ok(vec![
            text(1, words[1]),
            text(0, words[0]),
            finish(0, FinishReason::Stop),
            finish(1, FinishReason::Length),
            usage(1),
        ])])
    };
    let data = data(&pieces(completion_stream(
        vec![answer(["a", "b"]), answer(["c", "d"])],
        &completion,
        head(),
    )));
    let mut texts: BTreeMap<u64, String> = BTreeMap::new();
    for data in &data[..data.len() - 2] {
        let chunk = chunk(data);
        assert_eq!(chunk["object"], "text_completion");
        assert_eq!(chunk["usage"], Value::Null);
        let choice = &chunk["choices"][0];
        let text = texts.entry(choice["index"].as_u64().unwrap()).or_default();
        text.push_str(choice["text"].as_str().unwrap());
        text.push_str(choice["finish_reason"].as_str().unwrap_or_default());
    }
    let texts: Vec<&str> = texts.values().map(String::as_str).collect();
    assert_eq!(texts, ["pastop", "pblength", "qcstop", "qdlength"]);
    let last = chunk(&data[data.len() - 2]);
    assert_eq!(
        (&last["choices"], &last["usage"]["total_tokens"]),
        (&json!([]), &json!(6))
    );
    assert_eq!(data[data.len() - 1], "[DONE]");
}

#[test]
fn a_prompt_without_an_answer_is_an_error() {
    let completion = completion(json!({}));
    let answered = || answering(vec![Ok(vec![text(0, "a"), finish(0, FinishReason::Stop)])]);
    let ends = |second: Vec<Batch>| {
        data(&pieces(completion_stream(
            vec![answered(), answering(second)],
            &completion,
            head(),
        )))
    };
    ends_with_error(&ends(vec![]), "upstream_garbage");
    ends_with_error(&ends(vec![Ok(vec![text(0, "a")])]), "upstream_garbage");
    ends_with_error(
        &ends(vec![Err(ApiError::busy("later", Duration::ZERO))]),
        "overloaded",
    );
}
