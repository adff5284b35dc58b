//! Thought signatures, both ways.

use locum_domain::chat::{Message, ToolCall};
use serde_json::{Value, json};

use crate::{
    ALIAS, GEMMA, MIDDLE, NEW, OLD, answer, asks, assistant, call, calls, candidate, hello, result,
    sent, streamed, streaming, user,
};

const DUMMY: &str = "skip_thought_signature_validator";

fn signed(id: &str, signature: &str) -> ToolCall {
    ToolCall {
        signature: Some(signature.to_owned()),
        ..call(id, "now", "{}")
    }
}

/// The signatures of the parts of a turn.
fn signatures(body: &Value, turn: usize) -> Vec<Value> {
    body["contents"][turn]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["thoughtSignature"].clone())
        .collect()
}

#[test]
fn a_genuine_signature_goes_back_beside_its_call() {
    for model in [OLD, MIDDLE, NEW] {
        let body = sent(&asks(
            model,
            [
                user("a"),
                calls([signed("c", "c2ln"), call("d", "now", "{}")]),
                result("c", "1"),
                result("d", "2"),
            ],
        ));
        assert_eq!(
            signatures(&body, 1),
            [json!("c2ln"), json!(null)],
            "{model}"
        );
    }
}

#[test]
fn an_unsigned_turn_gets_the_documented_dummy_on_its_first_call_only() {
    let history = [
        user("a"),
        Message::Assistant {
            text: "Wait.".to_owned(),
            calls: vec![call("c", "now", "{}"), call("d", "now", "{}")],
            signature: None,
        },
        result("c", "1"),
        result("d", "2"),
        calls([signed("e", "c2ln")]),
        result("e", "3"),
        calls([call("f", "now", "{}")]),
        result("f", "4"),
    ];
    for model in [MIDDLE, NEW, ALIAS] {
        let body = sent(&asks(model, history.clone()));
        assert_eq!(
            signatures(&body, 1),
            [json!(null), json!(DUMMY), json!(null)],
            "{model}"
        );
        assert_eq!(signatures(&body, 3), [json!("c2ln")], "{model}");
        assert_eq!(signatures(&body, 5), [json!(DUMMY)], "{model}");
    }
    for model in [OLD, GEMMA] {
        let body = sent(&asks(model, history.clone()));
        assert_eq!(signatures(&body, 5), [json!(null)], "{model}");
    }
}

#[test]
fn a_signature_of_the_text_goes_back_on_the_text() {
    let says = |text: &str| Message::Assistant {
        text: text.to_owned(),
        calls: Vec::new(),
        signature: Some("dGV4dA==".to_owned()),
    };
    let body = sent(&asks(
        NEW,
        [user("a"), says("b"), assistant("c"), user("d")],
    ));
    assert_eq!(
        body["contents"][1]["parts"],
        json!([{"text": "b", "thoughtSignature": "dGV4dA=="}, {"text": "c"}])
    );
    let body = sent(&asks(NEW, [user("a"), says(""), user("d")]));
    assert_eq!(
        body["contents"][1]["parts"],
        json!([{"text": "", "thoughtSignature": "dGV4dA=="}])
    );
}

#[test]
fn a_signature_comes_with_its_call() {
    let reply = candidate(
        json!([
            {"functionCall": {"name": "now", "args": {}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "now", "args": {}}},
        ]),
        "STOP",
    );
    let answer = answer(&hello(NEW), &reply);
    let calls = &answer.choices[0].calls;
    assert_eq!(calls[0].signature.as_deref(), Some("c2ln"));
    assert_eq!(calls[1].signature, None);
    assert_eq!(answer.choices[0].signature, None);
}

#[test]
fn a_signature_of_the_text_comes_with_it_or_on_an_empty_text_after_it() {
    let with = answer(
        &hello(NEW),
        &candidate(json!([{"text": "Hi", "thoughtSignature": "c2ln"}]), "STOP"),
    );
    assert_eq!(with.choices[0].signature.as_deref(), Some("c2ln"));
    let after = streamed(
        &streaming(hello(NEW)),
        &[
            json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}),
            json!({"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "c2ln"}]}, "finishReason": "STOP"}]}),
        ],
    );
    assert_eq!(after.choices[0].text, "Hi");
    assert_eq!(after.choices[0].signature.as_deref(), Some("c2ln"));
}
