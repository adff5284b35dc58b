//! Whole answers.

use locum_domain::chat::{
    ChatAnswer, ChatChoice, FinishReason, Message, ToolCall, Usage, UsageDetails,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::encode, conversation, parse};
use crate::wire::AnswerHead;

fn head() -> AnswerHead {
    AnswerHead::new("chatcmpl-1".to_owned(), 1_700_000_000, "asked".to_owned())
}

fn written(answer: &ChatAnswer, head: &AnswerHead) -> Value {
    serde_json::from_slice(&encode(answer, head)).unwrap()
}

fn answer(choice: ChatChoice) -> ChatAnswer {
    ChatAnswer {
        choices: vec![choice],
        ..ChatAnswer::default()
    }
}

fn called(signature: Option<&str>) -> ChatChoice {
    let call = |id: &str, signature: Option<&str>| ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{\"a\":1}".to_owned(),
        signature: signature.map(str::to_owned),
    };
    ChatChoice {
        calls: vec![call("call_1", signature), call("call_2", None)],
        finish: Some(FinishReason::ToolCalls),
        ..ChatChoice::default()
    }
}

#[test]
fn a_text_with_everything() {
    let answer = ChatAnswer {
        model: Some("gemini-3.8-flash".to_owned()),
        id: Some("upstream".to_owned()),
        choices: vec![ChatChoice {
            text: "Paris".to_owned(),
            reasoning: "hm".to_owned(),
            signature: Some("s".to_owned()),
            logprobs: vec![
                json!({"token": "Paris", "logprob": -0.1, "bytes": [80], "top_logprobs": []}),
            ],
            finish: Some(FinishReason::Stop),
            ..ChatChoice::default()
        }],
        usage: Some(Usage {
            prompt: 10,
            completion: 5,
            details: UsageDetails {
                cached: 4,
                prompt_audio: 1,
                reasoning: 3,
                completion_audio: 2,
            },
        }),
    };
    assert_eq!(
        written(&answer, &head()),
        json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "gemini-3.8-flash",
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": "Paris", "refusal": null, "reasoning_content": "hm", "annotations": [],
                    "extra_content": {"google": {"thought_signature": "s"}},
                },
                "logprobs": {
                    "content": [{"token": "Paris", "logprob": -0.1, "bytes": [80], "top_logprobs": []}],
                    "refusal": null,
                },
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
                "completion_tokens_details": {
                    "reasoning_tokens": 3, "audio_tokens": 2,
                    "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
                },
            },
            "system_fingerprint": null,
        })
    );
}

#[test]
fn calls_carry_their_signatures() {
    let answer = written(&answer(called(Some("proof"))), &head());
    assert_eq!(answer["model"], "asked");
    assert_eq!(answer.get("usage"), None);
    assert_eq!(
        answer["choices"][0],
        json!({
            "index": 0,
            "message": {
                "role": "assistant", "content": null, "refusal": null, "annotations": [],
                "tool_calls": [
                    {"id": "call_1__thought__cHJvb2Y", "type": "function",
                     "function": {"name": "f", "arguments": "{\"a\":1}"},
                     "extra_content": {"google": {"thought_signature": "proof"}}},
                    {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                ],
            },
            "logprobs": null,
            "finish_reason": "tool_calls",
        })
    );
}

#[test]
fn who_speaks_of_functions_hears_of_a_function() {
    let head = AnswerHead {
        functions: true,
        ..head()
    };
    let answer = written(&answer(called(Some("proof"))), &head);
    assert_eq!(
        answer["choices"][0],
        json!({
            "index": 0,
            "message": {
                "role": "assistant", "content": null, "refusal": null, "annotations": [],
                "function_call": {"name": "f", "arguments": "{\"a\":1}"},
                "extra_content": {"google": {"thought_signature": "proof"}},
            },
            "logprobs": null,
            "finish_reason": "function_call",
        })
    );
}

#[test]
fn content_is_null_only_where_something_else_is_said() {
    let message =
        |choice: ChatChoice| written(&answer(choice), &head())["choices"][0]["message"].clone();
    assert_eq!(message(ChatChoice::default())["content"], "");
    let refusal = message(ChatChoice {
        refusal: "no".to_owned(),
        ..ChatChoice::default()
    });
    assert_eq!(
        (&refusal["content"], &refusal["refusal"]),
        (&Value::Null, &json!("no"))
    );
    let both = message(ChatChoice {
        text: "I will call".to_owned(),
        ..called(None)
    });
    assert_eq!(both["content"], "I will call");
}

#[test]
fn what_did_not_end_is_not_told_as_whole() {
    let answer = written(&answer(ChatChoice::default()), &head());
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

prop_compose! {
    fn any_call()(id in "[a-zA-Z0-9_]{1,30}", name in "[a-zA-Z0-9_-]{1,64}", arguments in ".{0,40}", signature in prop::option::of(".{1,60}")) -> ToolCall {
        ToolCall { id, name, arguments, signature }
    }
}

/// What a client hands back that keeps nothing but what OpenAI's document knows.
fn known_members_of(message: &Value) -> Value {
    let call = |call: &Value| json!({"id": call["id"], "type": call["type"], "function": call["function"]});
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    json!({
        "role": message["role"], "content": message["content"],
        "tool_calls": calls.map(call).collect::<Vec<_>>(),
    })
}

proptest! {
    #[test]
    fn an_answer_comes_back_whole(
        text in ".{0,40}",
        calls in prop::collection::vec(any_call(), 1..4),
        signature in prop::option::of(".{1,40}"),
        keeps_all: bool,
    ) {
        let calls: Vec<ToolCall> = calls
            .into_iter()
            .enumerate()
            .map(|(index, call)| ToolCall { id: format!("{}{index}", call.id), ..call })
            .collect();
        let choice = ChatChoice { text: text.clone(), calls: calls.clone(), signature: signature.clone(), ..ChatChoice::default() };
        let message = written(&answer(choice), &head())["choices"][0]["message"].clone();
        let message = if keeps_all { message } else { known_members_of(&message) };
        let results = message["tool_calls"].as_array().unwrap().iter()
            .map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "1"}))
            .collect::<Vec<_>>();
        let messages: Vec<Value> = [message].into_iter().chain(results).collect();
        let request = parse(&conversation(json!(messages))).unwrap();
        let back = Message::Assistant {
            text,
            calls: calls.clone(),
            signature: signature.filter(|_| keeps_all),
        };
        prop_assert_eq!(&request.messages[0], &back);
        for (message, call) in request.messages[1..].iter().zip(&calls) {
            let is_result = matches!(message, Message::Tool { call_id, .. } if *call_id == call.id);
            prop_assert!(is_result);
        }
    }
}
