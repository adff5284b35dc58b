//! What clients are told, event by event, in the lives that programs know: the worked examples of the streaming contract.

use insta::assert_snapshot;
use locum_domain::{
    chat::FinishReason::{ContentFilter, Length, Stop, ToolCalls},
    run::Input::{self, Aborted, Answer, AnswerEnded, Cancel, PromptFull, Start, Tick},
};

use crate::{
    stage::{
        EXPIRY, Stage, arguments, call, failed, finish, outputs, queued, refusal, served, text,
        usage,
    },
    words::told,
};

fn told_of(inputs: impl IntoIterator<Item = Input>) -> String {
    told(&Stage::after(inputs).told)
}

#[test]
fn a_text() {
    assert_snapshot!(told_of([
        Start,
        served(),
        Answer(vec![text("Hello")]),
        Answer(vec![text(", wor"), text("ld")]),
        Answer(vec![finish(Stop), usage(10, 3)]),
        AnswerEnded,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Hello"
        thread.message.delta [0] text ", wor"
        thread.message.delta [0] text "ld"
        thread.message.completed [text "Hello, world"]
        thread.run.step.completed message_creation, 13 tokens
        thread.run.completed 13 tokens
    "#);
}

#[test]
fn functions_and_then_a_text() {
    let mut stage = Stage::after([
        Start,
        served(),
        Answer(vec![call(0, "call_a", "weather", "")]),
        Answer(vec![arguments(0, "{\"city\":"), arguments(0, "\"Ulm\"}")]),
        Answer(vec![call(1, "call_b", "clock", "{}")]),
        Answer(vec![finish(ToolCalls), usage(20, 8)]),
        AnswerEnded,
    ]);
    assert_snapshot!(told(&stage.told), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{\"city\":"
        thread.run.step.delta [0] arguments "\"Ulm\"}"
        thread.run.step.delta [1] call_b clock
        thread.run.step.delta [1] arguments "{}"
        thread.run.requires_action call_a=weather({"city":"Ulm"}) call_b=clock({})
    "#);

    stage.told.clear();
    for input in [
        outputs(&[("call_b", "12:00"), ("call_a", "rain")]),
        served(),
        Answer(vec![text("It rains at noon.")]),
        Answer(vec![finish(Stop), usage(40, 6)]),
        AnswerEnded,
    ] {
        stage.feed(input).unwrap();
    }
    assert_snapshot!(told(&stage.told), @r#"
        thread.run.step.completed tool_calls [weather({"city":"Ulm"}) = "rain", clock({}) = "12:00"], 28 tokens
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "It rains at noon."
        thread.message.completed [text "It rains at noon."]
        thread.run.step.completed message_creation, 46 tokens
        thread.run.completed 74 tokens
    "#);
}

#[test]
fn a_text_ahead_of_a_call() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![text("Let me look.")]),
        Answer(vec![call(0, "call_a", "weather", "{}"), finish(ToolCalls), usage(20, 8)]),
        AnswerEnded,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Let me look."
        thread.message.completed [text "Let me look."]
        thread.run.step.completed message_creation, 0 tokens
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{}"
        thread.run.requires_action call_a=weather({})
    "#);
}

#[test]
fn a_text_behind_a_call() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![call(0, "call_a", "weather", "{"), text("I am "), arguments(0, "}")]),
        Answer(vec![text("looking."), finish(ToolCalls), usage(20, 8)]),
        AnswerEnded,
        outputs(&[("call_a", "rain")]),
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{"
        thread.run.step.delta [0] arguments "}"
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "I am looking."
        thread.message.completed [text "I am looking."]
        thread.run.step.completed message_creation, 0 tokens
        thread.run.requires_action call_a=weather({})
        thread.run.step.completed tool_calls [weather({}) = "rain"], 28 tokens
        thread.run.queued
        thread.run.in_progress
    "#);
}

#[test]
fn a_text_and_a_refusal() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![text("Well, "), refusal("I "), refusal("won't."), text("Sorry.")]),
        Answer(vec![finish(Stop)]),
        AnswerEnded,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Well, "
        thread.message.delta [1] refusal "I "
        thread.message.delta [1] refusal "won't."
        thread.message.delta [2] first text "Sorry."
        thread.message.completed [text "Well, ", refusal "I won't.", text "Sorry."]
        thread.run.step.completed message_creation, 0 tokens
        thread.run.completed 0 tokens
    "#);
}

#[test]
fn nothing_at_all() {
    assert_snapshot!(
        told_of([Start, Answer(vec![text(""), finish(Stop), usage(10, 0)]), AnswerEnded]),
        @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.completed [text ""]
        thread.run.step.completed message_creation, 10 tokens
        thread.run.completed 10 tokens
    "#
    );
}

#[test]
fn a_failure_in_the_middle_of_a_message() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![text("Hel"), usage(10, 1)]),
        failed(true, true),
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Hel"
        thread.message.incomplete RunFailed [text "Hel"]
        thread.run.step.failed message_creation, 11 tokens
        thread.run.failed 11 tokens rate_limit_exceeded: The provider gemini is limiting requests.
    "#);
}

#[test]
fn a_failure_before_any_step() {
    assert_snapshot!(told_of([Start, failed(false, false)]), @r"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.failed 0 tokens rate_limit_exceeded: The provider gemini is limiting requests.
    ");
}

#[test]
fn a_failure_in_the_middle_of_a_call() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![call(0, "call_a", "weather", "{\"ci")]),
        failed(false, true),
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{\"ci"
        thread.run.step.failed tool_calls [weather({"ci)], 0 tokens
        thread.run.failed 0 tokens rate_limit_exceeded: The provider gemini is limiting requests.
    "#);
}

#[test]
fn a_cancellation_in_the_middle_of_a_message() {
    assert_snapshot!(told_of([Start, Answer(vec![text("Hel")]), Cancel, Aborted]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Hel"
        thread.run.cancelling
        thread.message.incomplete RunCancelled [text "Hel"]
        thread.run.step.cancelled message_creation, 0 tokens
        thread.run.cancelled 0 tokens
    "#);
}

#[test]
fn a_cancellation_while_outputs_are_wanted() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![call(0, "call_a", "weather", "{}")]),
        AnswerEnded,
        Cancel,
        Aborted,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{}"
        thread.run.requires_action call_a=weather({})
        thread.run.cancelling
        thread.run.step.cancelled tool_calls [weather({})], 0 tokens
        thread.run.cancelled 0 tokens
    "#);
}

#[test]
fn limits_of_tokens() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![text("Hel"), finish(Length), usage(10, 256)]),
        AnswerEnded,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Hel"
        thread.message.incomplete MaxTokens [text "Hel"]
        thread.run.step.completed message_creation, 266 tokens
        thread.run.incomplete 266 tokens MaxCompletionTokens
    "#);

    assert_snapshot!(told_of([Start, PromptFull]), @r"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.incomplete 0 tokens MaxPromptTokens
    ");

    let mut run = queued();
    run.plan.max_completion_tokens = Some(256);
    let mut stage = Stage::new(run);
    for input in [
        Start,
        Answer(vec![call(0, "call_a", "weather", "{}"), usage(10, 256)]),
        AnswerEnded,
        outputs(&[("call_a", "rain")]),
    ] {
        stage.feed(input).unwrap();
    }
    assert_snapshot!(told(&stage.told), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{}"
        thread.run.requires_action call_a=weather({})
        thread.run.step.completed tool_calls [weather({}) = "rain"], 266 tokens
        thread.run.queued
        thread.run.in_progress
        thread.run.incomplete 266 tokens MaxCompletionTokens
    "#);
}

#[test]
fn a_call_that_is_cut_off_by_a_limit() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![call(0, "call_a", "weather", "{\"ci"), text("So"), finish(Length)]),
        AnswerEnded,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created tool_calls []
        thread.run.step.in_progress
        thread.run.step.delta [0] call_a weather
        thread.run.step.delta [0] arguments "{\"ci"
        thread.run.step.cancelled tool_calls [weather({"ci)], 0 tokens
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "So"
        thread.message.incomplete MaxTokens [text "So"]
        thread.run.step.completed message_creation, 0 tokens
        thread.run.incomplete 0 tokens MaxCompletionTokens
    "#);
}

#[test]
fn the_providers_policy() {
    assert_snapshot!(told_of([
        Start,
        Answer(vec![text("Hel"), finish(ContentFilter)]),
        AnswerEnded,
    ]), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Hel"
        thread.message.incomplete ContentFilter [text "Hel"]
        thread.run.step.completed message_creation, 0 tokens
        thread.run.incomplete 0 tokens
    "#);

    assert_snapshot!(told_of([Start, Answer(vec![finish(ContentFilter)]), AnswerEnded]), @r"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.incomplete ContentFilter []
        thread.run.step.completed message_creation, 0 tokens
        thread.run.incomplete 0 tokens
    ");
}

#[test]
fn an_expiry() {
    let mut stage = Stage::after([Start, Answer(vec![text("Hel")])]);
    stage.now = EXPIRY;
    stage.feed(Tick).unwrap();
    assert_snapshot!(told(&stage.told), @r#"
        thread.run.created queued
        thread.run.queued
        thread.run.in_progress
        thread.run.step.created message_creation
        thread.run.step.in_progress
        thread.message.created []
        thread.message.in_progress
        thread.message.delta [0] first text "Hel"
        thread.message.incomplete RunExpired [text "Hel"]
        thread.run.step.expired message_creation, 0 tokens
        thread.run.expired 0 tokens
    "#);

    let mut stage = Stage::after([
        Start,
        Answer(vec![call(0, "call_a", "weather", "{}")]),
        AnswerEnded,
    ]);
    stage.told.clear();
    stage.now = EXPIRY;
    stage.feed(Tick).unwrap();
    assert_snapshot!(told(&stage.told), @r"
        thread.run.step.expired tool_calls [weather({})], 0 tokens
        thread.run.expired 0 tokens
    ");
}
