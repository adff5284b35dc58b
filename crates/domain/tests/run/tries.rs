//! Model calls that break off, are lost, or cost too much.

use locum_domain::{
    chat::{
        ChatEvent,
        FinishReason::{Length, ToolCalls},
    },
    message::Content,
    run::{
        Effect,
        Input::{Aborted, Answer, AnswerEnded, Cancel, Served, Start, TakenOver},
        RunErrorCode, RunIncomplete, RunStatus, ServedBy, StepStatus, Write,
    },
    time::Timestamp,
};

use crate::stage::{
    BEGIN, Stage, call, failed, finish, outputs, queued, served, spent, text, usage,
};

#[test]
fn an_answer_that_nobody_saw_is_taken_back_and_asked_for_again() {
    let mut stage = Stage::after([Start, Answer(vec![text("Hel"), usage(10, 1)])]);
    let (step, message) = (&stage.stored.steps[0].id, &stage.stored.messages[0].id);
    let drops = [
        Write::DropMessage(message.clone()),
        Write::DropStep(step.clone()),
    ];

    let output = stage.feed(failed(true, false)).unwrap();

    assert_eq!(output.writes, drops);
    assert!(output.events.is_empty());
    assert!(matches!(output.effects[..], [Effect::CallModel { .. }]));
    assert!(stage.stored.steps.is_empty() && stage.stored.messages.is_empty());
    assert_eq!(stage.machine.run().usage, spent(10, 1));
}

#[test]
fn what_was_written_ahead_of_calls_is_taken_back_with_them() {
    let begin = || {
        Stage::after([
            Start,
            Answer(vec![text("Let me look.")]),
            Answer(vec![call(0, "call_a", "f", "{")]),
        ])
    };

    let mut broken = begin();
    broken.feed(failed(true, false)).unwrap();
    assert!(broken.stored.steps.is_empty() && broken.stored.messages.is_empty());

    let mut crashed = begin();
    crashed.crash();
    assert!(crashed.stored.steps.is_empty() && crashed.stored.messages.is_empty());

    let mut seen = begin();
    seen.feed(failed(true, true)).unwrap();
    let statuses = seen.stored.steps.iter().map(|step| step.status);
    assert!(statuses.eq([StepStatus::Completed, StepStatus::Failed]));
}

#[test]
fn nothing_of_an_answer_that_was_taken_back_gets_into_the_next_one() {
    let broken = vec![
        ChatEvent::Signature {
            choice: 0,
            signature: "proof".to_owned(),
        },
        call(0, "call_a", "f", "{"),
        text("Let me"),
        usage(10, 5),
        finish(Length),
    ];
    let next = [
        Answer(vec![call(0, "call_a", "f", "{}"), text("So")]),
        AnswerEnded,
    ];
    let mut stage = Stage::after([Start, served(), Answer(broken), failed(true, false)]);
    for input in next {
        stage.feed(input).unwrap();
    }
    assert_eq!(stage.status(), RunStatus::RequiresAction);
    let [calling, saying] = &stage.stored.steps[..] else {
        panic!("a step for the call, and one for the text");
    };
    assert_eq!(calling.usage, None);
    assert_eq!(calling.served, None);
    assert_eq!(saying.usage, Some(spent(0, 0)));
    let message = &stage.stored.messages[0];
    assert_eq!(message.content, [Content::Text("So".to_owned())]);
    assert_eq!(message.signature, None);
    assert_eq!(stage.machine.run().required_calls[0].arguments, "{}");
}

#[test]
fn a_whole_answer_is_never_taken_back() {
    let mut stage = Stage::after([
        Start,
        Answer(vec![text("Let me look."), call(0, "call_a", "f", "{}")]),
        AnswerEnded,
        outputs(&[("call_a", "1")]),
        Answer(vec![text("So")]),
    ]);
    stage.crash();
    assert_eq!(stage.stored.steps.len(), 2);
    assert_eq!(stage.stored.messages.len(), 1);
}

#[test]
fn a_call_that_keeps_breaking_off_fails_the_run() {
    let mut stage = Stage::after([Start]);
    for _ in 0..3 {
        stage.feed(failed(true, false)).unwrap();
        assert_eq!(stage.status(), RunStatus::InProgress);
    }
    stage.feed(failed(true, false)).unwrap();
    assert_eq!(stage.status(), RunStatus::Failed);
    let error = stage.machine.run().last_error.as_ref().unwrap();
    assert_eq!(error.code, RunErrorCode::RateLimitExceeded);
}

#[test]
fn an_answer_clears_the_count_of_broken_ones() {
    let mut stage = Stage::after([
        Start,
        failed(true, false),
        Answer(vec![call(0, "call_a", "f", "{}")]),
    ]);
    assert_eq!(stage.machine.run().broken_tries, 1);
    stage.feed(AnswerEnded).unwrap();
    assert_eq!(stage.machine.run().broken_tries, 0);
}

#[test]
fn a_run_that_loses_every_process_fails() {
    let mut stage = Stage::after([Start]);
    for _ in 0..5 {
        stage.crash();
        assert_eq!(stage.status(), RunStatus::InProgress);
    }
    stage.crash();
    let error = stage.machine.run().last_error.clone().unwrap();
    assert_eq!(error.code, RunErrorCode::ServerError);
    assert_eq!(
        error.message,
        "The run was interrupted 6 times in a row and was given up."
    );
}

#[test]
fn a_run_that_waits_for_outputs_goes_on_waiting() {
    let mut stage = Stage::after([
        Start,
        Answer(vec![call(0, "call_a", "f", "{}")]),
        AnswerEnded,
    ]);
    let before = stage.machine.clone();
    stage.crash();
    assert_eq!(stage.machine, before);
    stage.feed(outputs(&[("call_a", "1")])).unwrap();
    assert_eq!(stage.status(), RunStatus::InProgress);
}

#[test]
fn a_run_that_is_being_cancelled_is_cancelled_by_whoever_takes_it_over() {
    let mut stage = Stage::after([Start, Answer(vec![text("Hel")]), Cancel]);
    stage.crash();
    assert_eq!(stage.status(), RunStatus::Cancelled);
    assert_eq!(stage.stored.messages[0].content, []);
}

#[test]
fn an_answer_that_comes_too_late_is_ignored() {
    let mut stage = Stage::after([Start, Answer(vec![text("Hel")]), Cancel]);
    for input in [Answer(vec![text("lo")]), AnswerEnded, failed(true, true)] {
        let output = stage.feed(input).unwrap();
        assert_eq!(output, Default::default());
    }
    stage.feed(Aborted).unwrap();
    assert_eq!(stage.status(), RunStatus::Cancelled);
}

#[test]
fn limits_count_all_calls_of_a_run() {
    let mut run = queued();
    run.plan.max_completion_tokens = Some(300);
    run.plan.max_prompt_tokens = Some(1_000);
    let mut stage = Stage::new(run);
    let first = stage.feed(Start).unwrap();
    assert_eq!(
        first.effects,
        [Effect::CallModel {
            max_tokens: Some(300),
            max_prompt_tokens: Some(1_000),
        }]
    );
    for input in [
        Answer(vec![usage(1, 1), call(0, "call_a", "f", "{}")]),
        Answer(vec![usage(400, 100), finish(ToolCalls)]),
        AnswerEnded,
    ] {
        stage.feed(input).unwrap();
    }
    let second = stage.feed(outputs(&[("call_a", "1")])).unwrap();
    assert_eq!(
        second.effects,
        [Effect::CallModel {
            max_tokens: Some(200),
            max_prompt_tokens: Some(600),
        }]
    );
    for input in [
        Answer(vec![call(0, "call_b", "f", "{}"), usage(600, 100)]),
        AnswerEnded,
        outputs(&[("call_b", "1")]),
    ] {
        stage.feed(input).unwrap();
    }
    let run = stage.machine.run();
    assert_eq!(run.status, RunStatus::Incomplete);
    assert_eq!(run.incomplete, Some(RunIncomplete::MaxPromptTokens));
    assert_eq!(run.usage, spent(1_000, 200));
}

#[test]
fn steps_say_who_answered_and_what_it_cost() {
    let other = ServedBy {
        provider: "openai".to_owned(),
        model: "gpt-4.1-mini".to_owned(),
        fallback: true,
    };
    let stage = Stage::after([
        Start,
        served(),
        Answer(vec![
            text("Let me look."),
            call(0, "call_a", "f", "{}"),
            usage(10, 5),
        ]),
        AnswerEnded,
        outputs(&[("call_a", "1")]),
        Served(other),
        Answer(vec![text("Hello"), usage(20, 2)]),
        AnswerEnded,
    ]);
    let said: Vec<_> = stage
        .stored
        .steps
        .iter()
        .map(|step| {
            let served = step.served.as_ref().unwrap();
            (served.provider.as_str(), step.usage.unwrap().total())
        })
        .collect();
    assert_eq!(said, [("gemini", 0), ("gemini", 15), ("openai", 22)]);
    let run = stage.machine.run();
    assert_eq!(run.usage, spent(30, 7));
    assert_eq!(run.served, stage.stored.steps[2].served);
}

#[test]
fn a_step_that_has_begun_learns_who_answers() {
    let stage = Stage::after([Start, Answer(vec![text("Hel")]), served(), AnswerEnded]);
    assert!(stage.stored.steps[0].served.is_some());
}

#[test]
fn times_are_those_of_what_happened() {
    let mut stage = Stage::after([Start]);
    assert_eq!(stage.machine.run().started_at, Some(BEGIN));
    stage.now = Timestamp(1_010);
    stage
        .feed(Answer(vec![call(0, "call_a", "f", "{}")]))
        .unwrap();
    stage.now = Timestamp(1_020);
    stage.feed(AnswerEnded).unwrap();
    stage.now = Timestamp(1_030);
    stage.feed(outputs(&[("call_a", "1")])).unwrap();
    assert_eq!(stage.machine.run().started_at, Some(Timestamp(1_030)));
    stage.now = Timestamp(1_040);
    stage.feed(Answer(vec![text("Hello")])).unwrap();
    stage.now = Timestamp(1_050);
    stage.feed(AnswerEnded).unwrap();

    let steps = stage.stored.steps.iter();
    let times: Vec<_> = steps
        .map(|step| (step.created_at.0, step.completed_at.unwrap().0))
        .collect();
    assert_eq!(times, [(1_010, 1_030), (1_040, 1_050)]);
    assert_eq!(stage.machine.run().completed_at, Some(Timestamp(1_050)));
    assert_eq!(stage.machine.wakes_at(), None);
}

#[test]
fn a_run_that_nobody_began_is_begun_by_whoever_takes_it_over() {
    let stage = Stage::after([TakenOver]);
    assert_eq!(stage.status(), RunStatus::InProgress);
}
