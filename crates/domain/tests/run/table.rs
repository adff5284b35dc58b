//! The table of statuses and inputs: what follows from each input in each. What a section does not list changes nothing.

use insta::assert_snapshot;
use locum_domain::{
    chat::FinishReason::{Length, Stop},
    run::{
        Input::{self, Aborted, Answer, AnswerEnded, Cancel, PromptFull, Start, TakenOver, Tick},
        RunStatus,
    },
};

use crate::{
    stage::{EXPIRY, Stage, call, failed, finish, outputs, queued, served, text},
    words::followed,
};

fn states() -> Vec<(&'static str, Stage)> {
    let writing = || vec![Start, Answer(vec![text("Hel")])];
    let calling = || vec![Start, Answer(vec![call(0, "call_a", "f", "{}")])];
    let and = |mut inputs: Vec<Input>, more: Vec<Input>| {
        inputs.extend(more);
        Stage::after(inputs)
    };
    let mut expired = Stage::after([Start]);
    expired.now = EXPIRY;
    expired.feed(Tick).unwrap();
    vec![
        ("queued", Stage::new(queued())),
        ("in_progress", Stage::after([Start])),
        ("in_progress, writing", Stage::after(writing())),
        ("in_progress, calling", Stage::after(calling())),
        ("requires_action", and(calling(), vec![AnswerEnded])),
        ("cancelling, writing", and(writing(), vec![Cancel])),
        ("cancelled", and(writing(), vec![Cancel, Aborted])),
        ("failed", and(writing(), vec![failed(false, true)])),
        (
            "completed",
            and(writing(), vec![Answer(vec![finish(Stop)]), AnswerEnded]),
        ),
        (
            "incomplete",
            and(writing(), vec![Answer(vec![finish(Length)]), AnswerEnded]),
        ),
        ("expired", expired),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    vec![
        ("start", Start),
        ("taken over", TakenOver),
        ("served", served()),
        ("text", Answer(vec![text("lo")])),
        ("call", Answer(vec![call(1, "call_b", "g", "")])),
        ("answer ended", AnswerEnded),
        ("model failed, may be asked again", failed(true, false)),
        ("model failed, was seen", failed(true, true)),
        ("prompt full", PromptFull),
        ("outputs", outputs(&[("call_a", "1")])),
        (
            "other outputs",
            outputs(&[("call_a", "1"), ("call_x", "2")]),
        ),
        ("cancel", Cancel),
        ("aborted", Aborted),
        ("tick", Tick),
    ]
}

fn section(name: &str, stage: &Stage) -> String {
    let mut section = format!("{name}\n");
    let too_late = [
        ("overdue: tick", Tick),
        ("overdue: taken over", TakenOver),
        ("overdue: outputs", outputs(&[("call_a", "1")])),
    ];
    let in_time = inputs()
        .into_iter()
        .map(|(input_name, input)| (input_name, input, stage.now));
    let too_late = too_late.map(|(input_name, input)| (input_name, input, EXPIRY));
    for (input_name, input, now) in in_time.chain(too_late) {
        let mut machine = stage.machine.clone();
        let result = stage.try_on(&mut machine, now, input);
        let followed = followed(&result, machine.run().status);
        if !followed.is_empty() {
            section += &format!("  {input_name}: {followed}\n");
        }
    }
    section
}

#[test]
fn statuses_and_inputs() {
    let states = states();
    for status in RunStatus::ALL {
        let has_one = states.iter().any(|(_, stage)| stage.status() == status);
        assert!(has_one, "the table lacks {status:?}");
    }
    let sections: Vec<_> = states
        .iter()
        .map(|(name, stage)| section(name, stage))
        .collect();
    assert_snapshot!(sections.join("\n"), @r#"
        queued
          start: in_progress; tell run.created queued, run.queued, run.in_progress; do call the model
          taken over: in_progress; tell run.in_progress; do call the model
          outputs: refused: Runs in status "queued" do not accept tool outputs.
          other outputs: refused: Runs in status "queued" do not accept tool outputs.
          cancel: cancelling; tell run.cancelling; do abort
          overdue: tick: expired; tell run.expired 0 tokens; do abort
          overdue: taken over: expired; tell run.expired 0 tokens; do abort
          overdue: outputs: refused: Runs in status "queued" do not accept tool outputs.

        in_progress
          taken over: in_progress; do call the model
          text: in_progress; tell run.step.created message_creation, run.step.in_progress, message.created [], message.in_progress, message.delta [0] first text "lo"; store step, message
          call: in_progress; tell run.step.created tool_calls [], run.step.in_progress, run.step.delta [0] call_b g; store step
          answer ended: completed; tell run.step.created message_creation, run.step.in_progress, message.created [], message.in_progress, message.completed [text ""], run.step.completed message_creation, 0 tokens, run.completed 0 tokens; store step, message
          model failed, may be asked again: in_progress; do call the model
          model failed, was seen: failed; tell run.failed 0 tokens rate_limit_exceeded: The provider gemini is limiting requests.
          prompt full: incomplete; tell run.incomplete 0 tokens MaxPromptTokens
          outputs: refused: Runs in status "in_progress" do not accept tool outputs.
          other outputs: refused: Runs in status "in_progress" do not accept tool outputs.
          cancel: cancelling; tell run.cancelling; do abort
          overdue: tick: expired; tell run.expired 0 tokens; do abort
          overdue: taken over: expired; tell run.expired 0 tokens; do abort
          overdue: outputs: refused: Runs in status "in_progress" do not accept tool outputs.

        in_progress, writing
          taken over: in_progress; store no message, no step; do call the model
          text: in_progress; tell message.delta [0] text "lo"
          call: in_progress; tell message.completed [text "Hel"], run.step.completed message_creation, 0 tokens, run.step.created tool_calls [], run.step.in_progress, run.step.delta [0] call_b g; store message, step, step
          answer ended: completed; tell message.completed [text "Hel"], run.step.completed message_creation, 0 tokens, run.completed 0 tokens; store message, step
          model failed, may be asked again: in_progress; store no message, no step; do call the model
          model failed, was seen: failed; tell message.incomplete RunFailed [text "Hel"], run.step.failed message_creation, 0 tokens, run.failed 0 tokens rate_limit_exceeded: The provider gemini is limiting requests.; store message, step
          prompt full: incomplete; tell message.incomplete MaxTokens [text "Hel"], run.step.completed message_creation, 0 tokens, run.incomplete 0 tokens MaxPromptTokens; store message, step
          outputs: refused: Runs in status "in_progress" do not accept tool outputs.
          other outputs: refused: Runs in status "in_progress" do not accept tool outputs.
          cancel: cancelling; tell run.cancelling; do abort
          overdue: tick: expired; tell message.incomplete RunExpired [text "Hel"], run.step.expired message_creation, 0 tokens, run.expired 0 tokens; store message, step; do abort
          overdue: taken over: expired; tell message.incomplete RunExpired [text "Hel"], run.step.expired message_creation, 0 tokens, run.expired 0 tokens; store message, step; do abort
          overdue: outputs: refused: Runs in status "in_progress" do not accept tool outputs.

        in_progress, calling
          taken over: in_progress; store no step; do call the model
          call: in_progress; tell run.step.delta [1] call_b g
          answer ended: requires_action; tell run.requires_action call_a=f({}); store step
          model failed, may be asked again: in_progress; store no step; do call the model
          model failed, was seen: failed; tell run.step.failed tool_calls [f({})], 0 tokens, run.failed 0 tokens rate_limit_exceeded: The provider gemini is limiting requests.; store step
          prompt full: incomplete; tell run.step.cancelled tool_calls [f({})], 0 tokens, run.incomplete 0 tokens MaxPromptTokens; store step
          outputs: refused: Runs in status "in_progress" do not accept tool outputs.
          other outputs: refused: Runs in status "in_progress" do not accept tool outputs.
          cancel: cancelling; tell run.cancelling; do abort
          overdue: tick: expired; tell run.step.expired tool_calls [f({})], 0 tokens, run.expired 0 tokens; store step; do abort
          overdue: taken over: expired; tell run.step.expired tool_calls [f({})], 0 tokens, run.expired 0 tokens; store step; do abort
          overdue: outputs: refused: Runs in status "in_progress" do not accept tool outputs.

        requires_action
          outputs: in_progress; tell run.step.completed tool_calls [f({}) = "1"], 0 tokens, run.queued, run.in_progress; store step; do call the model
          other outputs: refused: Expected tool outputs for call_ids ['call_a'], got ['call_a', 'call_x']
          cancel: cancelling; tell run.cancelling; do abort
          overdue: tick: expired; tell run.step.expired tool_calls [f({})], 0 tokens, run.expired 0 tokens; store step; do abort
          overdue: taken over: expired; tell run.step.expired tool_calls [f({})], 0 tokens, run.expired 0 tokens; store step; do abort
          overdue: outputs: refused: Runs in status "expired" do not accept tool outputs.

        cancelling, writing
          taken over: cancelled; tell message.incomplete RunCancelled [text "Hel"], run.step.cancelled message_creation, 0 tokens, run.cancelled 0 tokens; store message, step
          outputs: refused: Runs in status "cancelling" do not accept tool outputs.
          other outputs: refused: Runs in status "cancelling" do not accept tool outputs.
          cancel: refused: Cannot cancel run with status 'cancelling'.
          aborted: cancelled; tell message.incomplete RunCancelled [text "Hel"], run.step.cancelled message_creation, 0 tokens, run.cancelled 0 tokens; store message, step
          overdue: tick: cancelled; tell message.incomplete RunCancelled [text "Hel"], run.step.cancelled message_creation, 0 tokens, run.cancelled 0 tokens; store message, step
          overdue: taken over: cancelled; tell message.incomplete RunCancelled [text "Hel"], run.step.cancelled message_creation, 0 tokens, run.cancelled 0 tokens; store message, step
          overdue: outputs: refused: Runs in status "cancelling" do not accept tool outputs.

        cancelled
          outputs: refused: Runs in status "cancelled" do not accept tool outputs.
          other outputs: refused: Runs in status "cancelled" do not accept tool outputs.
          cancel: refused: Cannot cancel run with status 'cancelled'.
          overdue: outputs: refused: Runs in status "cancelled" do not accept tool outputs.

        failed
          outputs: refused: Runs in status "failed" do not accept tool outputs.
          other outputs: refused: Runs in status "failed" do not accept tool outputs.
          cancel: refused: Cannot cancel run with status 'failed'.
          overdue: outputs: refused: Runs in status "failed" do not accept tool outputs.

        completed
          outputs: refused: Runs in status "completed" do not accept tool outputs.
          other outputs: refused: Runs in status "completed" do not accept tool outputs.
          cancel: refused: Cannot cancel run with status 'completed'.
          overdue: outputs: refused: Runs in status "completed" do not accept tool outputs.

        incomplete
          outputs: refused: Runs in status "incomplete" do not accept tool outputs.
          other outputs: refused: Runs in status "incomplete" do not accept tool outputs.
          cancel: refused: Cannot cancel run with status 'incomplete'.
          overdue: outputs: refused: Runs in status "incomplete" do not accept tool outputs.

        expired
          outputs: refused: Runs in status "expired" do not accept tool outputs.
          other outputs: refused: Runs in status "expired" do not accept tool outputs.
          cancel: refused: Cannot cancel run with status 'expired'.
          overdue: outputs: refused: Runs in status "expired" do not accept tool outputs.
    "#);
}
