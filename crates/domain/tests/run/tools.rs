//! Calls of functions: whatever an upstream calls them, clients can tell them apart and answer them.

use locum_domain::{
    chat::{ChatEvent, FinishReason::Stop, ToolCall, ToolCallDelta},
    message::Content,
    run::{
        Input::{Answer, AnswerEnded, Start},
        RunStatus, StepDetails,
    },
};

use crate::stage::{Stage, arguments, call, finish, outputs, text};

fn required(stage: &Stage) -> Vec<ToolCall> {
    stage.machine.run().required_calls.clone()
}

fn refused(stage: &mut Stage, given: &[(&str, &str)]) -> String {
    stage.feed(outputs(given)).unwrap_err().to_string()
}

fn two_calls() -> Stage {
    Stage::after([
        Start,
        Answer(vec![
            call(0, "call_a", "f", "{}"),
            call(1, "call_b", "g", "{}"),
        ]),
        AnswerEnded,
    ])
}

#[test]
fn indexes_of_the_upstream_are_not_passed_on() {
    let stage = Stage::after([
        Start,
        Answer(vec![
            call(7, "call_a", "f", "{\"a\""),
            call(u32::MAX, "call_b", "g", ""),
        ]),
        Answer(vec![
            arguments(7, ":1}"),
            arguments(u32::MAX, "{}"),
            call(0, "call_c", "h", "{}"),
        ]),
        AnswerEnded,
    ]);
    let calls: Vec<_> = required(&stage)
        .iter()
        .map(|call| format!("{} {} {}", call.id, call.name, call.arguments))
        .collect();
    assert_eq!(calls, ["call_a f {\"a\":1}", "call_b g {}", "call_c h {}"]);
}

#[test]
fn ids_that_are_missing_or_not_unique_are_made() {
    let nameless = ChatEvent::ToolCall {
        choice: 0,
        delta: ToolCallDelta {
            index: 3,
            ..ToolCallDelta::default()
        },
    };
    let stage = Stage::after([
        Start,
        Answer(vec![
            call(0, "call_a", "f", ""),
            call(1, "call_a", "f", ""),
            call(2, "", "f", ""),
            nameless,
        ]),
        AnswerEnded,
    ]);
    let mut ids: Vec<_> = required(&stage).into_iter().map(|call| call.id).collect();
    assert_eq!(ids[0], "call_a");
    assert!(ids.iter().all(|id| id.starts_with("call_")));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn an_answer_with_calls_wants_outputs_whatever_reason_it_gives() {
    let stage = Stage::after([
        Start,
        Answer(vec![call(0, "call_a", "f", "{}"), finish(Stop)]),
        AnswerEnded,
    ]);
    assert_eq!(stage.status(), RunStatus::RequiresAction);
}

#[test]
fn proofs_of_thinking_are_kept_and_not_shown() {
    let signed = |index, id: &str| ChatEvent::ToolCall {
        choice: 0,
        delta: ToolCallDelta {
            index,
            id: Some(id.to_owned()),
            name: Some("f".to_owned()),
            arguments: String::new(),
            signature: Some(format!("proof of {id}")),
        },
    };
    let stage = Stage::after([
        Start,
        Answer(vec![signed(0, "call_a"), signed(1, "call_b")]),
        AnswerEnded,
    ]);
    assert!(required(&stage).iter().all(|call| call.signature.is_none()));

    let StepDetails::Calls(calls) = &stage.stored.steps[0].details else {
        panic!("the step calls functions");
    };
    assert_eq!(calls[0].call.signature.as_deref(), Some("proof of call_a"));
    assert_eq!(calls[1].call.signature.as_deref(), Some("proof of call_b"));
}

#[test]
fn the_proof_behind_a_text_goes_with_it_wherever_it_comes() {
    let proof = || ChatEvent::Signature {
        choice: 0,
        signature: "proof".to_owned(),
    };
    for events in [
        vec![proof(), text("Hello")],
        vec![text("Hello"), proof()],
        vec![proof()],
        vec![call(0, "call_a", "f", ""), text("Hello"), proof()],
    ] {
        let stage = Stage::after([Start, Answer(events.clone()), AnswerEnded]);
        let message = stage.stored.messages.last().unwrap();
        assert_eq!(message.signature.as_deref(), Some("proof"), "{events:?}");
    }
}

#[test]
fn only_the_first_choice_counts() {
    let other = ChatEvent::Text {
        choice: 1,
        text: "No".to_owned(),
    };
    let thought = ChatEvent::Reasoning {
        choice: 0,
        text: "Hm".to_owned(),
    };
    let stage = Stage::after([
        Start,
        Answer(vec![thought, other.clone(), text("Yes"), other]),
        AnswerEnded,
    ]);
    let content = &stage.stored.messages[0].content;
    assert_eq!(content, &[Content::Text("Yes".to_owned())]);
}

#[test]
fn outputs_must_be_those_of_the_required_calls() {
    let mut stage = two_calls();
    assert_eq!(
        refused(&mut stage, &[("call_a", "1")]),
        "Expected tool outputs for call_ids ['call_a', 'call_b'], got ['call_a']"
    );
    assert_eq!(
        refused(&mut stage, &[("call_x", "1"), ("call_a", "1")]),
        "Expected tool outputs for call_ids ['call_a', 'call_b'], got ['call_x', 'call_a']"
    );
    assert_eq!(
        refused(
            &mut stage,
            &[("call_a", "1"), ("call_a", "2"), ("call_b", "3")]
        ),
        "Expected tool outputs for call_ids ['call_a', 'call_b'], got ['call_a', 'call_a', 'call_b']"
    );
    assert_eq!(
        refused(&mut stage, &[]),
        "Expected tool outputs for call_ids ['call_a', 'call_b'], got []"
    );

    stage
        .feed(outputs(&[("call_b", ""), ("call_a", "1")]))
        .unwrap();
    assert_eq!(stage.status(), RunStatus::InProgress);
    assert_eq!(
        refused(&mut stage, &[("call_a", "1"), ("call_b", "2")]),
        "Runs in status \"in_progress\" do not accept tool outputs."
    );
}
