//! What holds of every stream, whatever the events.

use std::collections::BTreeMap;

use locum_domain::{
    chat::{ChatAnswer, ChatEvent, FinishReason, ToolCallDelta},
    error::ApiError,
};
use proptest::prelude::*;
use serde_json::Value;

use super::{
    Batch, answering, called, chat, choices, chunk, data, finish, head, pieces, text, usage,
};
use crate::{
    stream::chat_stream,
    wire::{self, AnswerHead},
};

fn any_event() -> impl Strategy<Value = ChatEvent> {
    let choice = 0u32..3;
    let reason = prop::sample::select(vec![
        FinishReason::Stop,
        FinishReason::Length,
        FinishReason::ToolCalls,
        FinishReason::ContentFilter,
    ]);
    let call = (
        0u32..3,
        prop::option::of(".{1,8}"),
        ".{0,8}",
        prop::option::of(".{1,8}"),
    );
    prop_oneof![
        4 => (choice.clone(), ".{1,8}").prop_map(|(choice, text)| ChatEvent::Text { choice, text }),
        1 => (choice.clone(), ".{1,8}").prop_map(|(choice, text)| ChatEvent::Reasoning { choice, text }),
        1 => (choice.clone(), ".{1,8}").prop_map(|(choice, text)| ChatEvent::Refusal { choice, text }),
        1 => (choice.clone(), ".{1,8}").prop_map(|(choice, signature)| ChatEvent::Signature { choice, signature }),
        3 => (choice.clone(), call).prop_map(|(choice, (index, id, arguments, signature))| ChatEvent::ToolCall {
            choice,
            delta: ToolCallDelta { index, name: id.clone(), id, arguments, signature },
        }),
        2 => (choice, reason).prop_map(|(choice, reason)| ChatEvent::Finish { choice, reason }),
        1 => (0u64..9).prop_map(usage),
        1 => prop::option::of(".{1,8}").prop_map(|model| ChatEvent::Head { model, id: None }),
    ]
}

proptest! {
    /// Whatever the events: chunks of one id, time and model; per choice its role first, its finish last; then either the
    /// closing event or an error, never both.
    #[test]
    fn streams_are_always_sound(
        batches in prop::collection::vec(prop::collection::vec(any_event(), 0..6), 0..8),
        finishes: bool,
        fails: bool,
        include_usage: bool,
        functions: bool,
    ) {
        let mut batches: Vec<Batch> = batches.into_iter().map(Ok).collect();
        if finishes {
            batches.push(Ok((0..3).map(|choice| finish(choice, FinishReason::Stop)).collect()));
        }
        if fails {
            batches.push(Err(ApiError::internal()));
        }
        let head = AnswerHead { functions, ..head() };
        let pieces = pieces(chat_stream(answering(batches), head, include_usage));
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.ends_with(b"\n\n")));
        let data = data(&pieces);
        let (last, chunks) = data.split_last().unwrap();
        let chunks: Vec<Value> = chunks.iter().map(|data| chunk(data)).collect();
        let mut open: BTreeMap<u64, bool> = BTreeMap::new();
        for (place, chunk) in chunks.iter().enumerate() {
            for key in ["id", "object", "created", "model"] {
                prop_assert_eq!(&chunk[key], &chunks[0][key]);
            }
            prop_assert_eq!(chunk.get("usage").is_some(), include_usage);
            let choices = chunk["choices"].as_array().unwrap();
            if choices.is_empty() {
                prop_assert_eq!(place, chunks.len() - 1, "usage comes last");
                prop_assert!(chunk["usage"].is_object());
                continue;
            }
            let choice = &choices[0];
            let index = choice["index"].as_u64().unwrap();
            let begins = !open.contains_key(&index);
            prop_assert_eq!(choice["delta"].get("role").is_some(), begins);
            prop_assert!(begins || open[&index], "nothing comes behind a finish");
            open.insert(index, choice["finish_reason"].is_null());
        }
        if last == "[DONE]" {
            prop_assert!(!open.is_empty() && open.values().all(|open| !open));
            prop_assert!(!fails);
        } else {
            prop_assert!(chunk(last)["error"]["message"].is_string());
        }
    }

    /// A program that puts the deltas together has what a whole answer would have told it.
    #[test]
    fn deltas_add_up_to_the_answer(
        texts in prop::collection::vec(".{1,8}", 0..5),
        calls in prop::collection::vec((".{1,8}", prop::collection::vec(".{0,8}", 0..3), prop::option::of(".{1,8}")), 0..3),
    ) {
        let mut events: Vec<ChatEvent> = texts.iter().map(|word| text(0, word)).collect();
        for (index, (id, arguments, signature)) in calls.iter().enumerate() {
            let index = index as u32;
            events.push(called(index, Some(id), "", signature.as_deref()));
            events.extend(arguments.iter().map(|piece| called(index, None, piece, None)));
        }
        events.push(finish(0, FinishReason::Stop));
        let whole = wire::chat::encode(&ChatAnswer::from_events(events.clone()), &head());
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let message = &whole["choices"][0]["message"];

        let (choices, _) = choices(&chat(vec![Ok(events)], head(), false));
        let mut content = String::new();
        let mut added: Vec<(String, String)> = Vec::new();
        for choice in &choices {
            let delta = &choice["delta"];
            content.push_str(delta["content"].as_str().unwrap_or_default());
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64().unwrap() as usize;
                if added.len() <= index {
                    added.resize(index + 1, Default::default());
                }
                added[index].0.push_str(call["id"].as_str().unwrap_or_default());
                added[index].1.push_str(call["function"]["arguments"].as_str().unwrap());
            }
        }
        prop_assert_eq!(content, message["content"].as_str().unwrap_or_default());
        let told = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&call["id"]), text(&call["function"]["arguments"]))
        });
        prop_assert_eq!(added, told.collect::<Vec<_>>());
    }
}
