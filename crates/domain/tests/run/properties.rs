//! What holds of every run, whatever happens to it in whatever order. The checks are those of every turn on a
//! [`Stage`](crate::stage::Stage): properties only make up lives for them.

use locum_domain::{
    chat::{ChatEvent, FinishReason, ToolCallDelta, Usage, UsageDetails},
    run::{Input, Machine, Run, RunError, RunErrorCode, RunStatus, ServedBy, ToolOutput},
    time::Timestamp,
};
use proptest::{collection::vec, option, prelude::*};

use crate::stage::{EXPIRY, Stage, queued};

/// Something that happens in a life.
#[derive(Debug, Clone)]
enum Happening {
    /// An input, so many seconds after the last one.
    Input(Input, u64),
    /// The outputs of the required calls, or of all but the last of them.
    Outputs { all: bool },
    /// The process is gone; another one goes on with what was stored.
    Crash,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (input(), passing()).prop_map(|(input, after)| Happening::Input(input, after)),
        2 => prop::bool::weighted(0.8).prop_map(|all| Happening::Outputs { all }),
        1 => Just(Happening::Crash),
    ]
}

fn passing() -> impl Strategy<Value = u64> {
    prop_oneof![40 => 0u64..3, 1 => 0u64..900, 1 => Just(u64::MAX)]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => Just(Input::Start),
        1 => Just(Input::TakenOver),
        2 => "[ab]".prop_map(|model| Input::Served(ServedBy {
            provider: "gemini".to_owned(),
            model,
            fallback: false,
        })),
        12 => vec(chat_event(), 0..5).prop_map(Input::Answer),
        4 => Just(Input::AnswerEnded),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(again, shown)| Input::ModelFailed {
            error: RunError {
                code: RunErrorCode::ServerError,
                message: "It broke.".to_owned(),
            },
            again,
            shown,
        }),
        1 => Just(Input::PromptFull),
        1 => vec("[ab]", 0..3).prop_map(|ids| Input::ToolOutputs(
            ids.into_iter()
                .map(|call_id| ToolOutput { call_id, output: String::new() })
                .collect()
        )),
        1 => Just(Input::Cancel),
        1 => Just(Input::Aborted),
        1 => Just(Input::Tick),
    ]
}

fn chat_event() -> impl Strategy<Value = ChatEvent> {
    let choice = || prop_oneof![9 => Just(0u32), 1 => 1u32..3];
    prop_oneof![
        8 => (choice(), "[xy ]{0,3}").prop_map(|(choice, text)| ChatEvent::Text { choice, text }),
        2 => (choice(), "[xy]{0,3}").prop_map(|(choice, text)| ChatEvent::Refusal { choice, text }),
        6 => (choice(), call_delta())
            .prop_map(|(choice, delta)| ChatEvent::ToolCall { choice, delta }),
        1 => (choice(), "s").prop_map(|(choice, signature)| ChatEvent::Signature {
            choice,
            signature,
        }),
        2 => (choice(), reason()).prop_map(|(choice, reason)| ChatEvent::Finish { choice, reason }),
        2 => usage().prop_map(ChatEvent::Usage),
        1 => (choice(), "t").prop_map(|(choice, text)| ChatEvent::Reasoning { choice, text }),
        1 => Just(ChatEvent::Head { model: None, id: None }),
        1 => Just(ChatEvent::Continue { token: "t".to_owned() }),
    ]
}

fn call_delta() -> impl Strategy<Value = ToolCallDelta> {
    let index = prop_oneof![9 => 0u32..3, 1 => any::<u32>()];
    let id = option::of("[ab]?");
    (index, id, option::of("[fg]"), "[{}]{0,2}", option::of("s")).prop_map(
        |(index, id, name, arguments, signature)| ToolCallDelta {
            index,
            id,
            name,
            arguments,
            signature,
        },
    )
}

fn reason() -> impl Strategy<Value = FinishReason> {
    prop_oneof![
        3 => Just(FinishReason::Stop),
        3 => Just(FinishReason::ToolCalls),
        1 => Just(FinishReason::Length),
        1 => Just(FinishReason::ContentFilter),
    ]
}

fn usage() -> impl Strategy<Value = Usage> {
    let tokens = || prop_oneof![9 => 0u64..200, 1 => any::<u64>()];
    (tokens(), tokens(), tokens()).prop_map(|(prompt, completion, cached)| Usage {
        prompt,
        completion,
        details: UsageDetails {
            cached,
            ..UsageDetails::default()
        },
    })
}

fn new_run() -> impl Strategy<Value = Run> {
    let limit = || option::weighted(0.3, 256u32..1_000);
    (limit(), limit()).prop_map(|(max_prompt_tokens, max_completion_tokens)| {
        let mut run = queued();
        run.plan.max_prompt_tokens = max_prompt_tokens;
        run.plan.max_completion_tokens = max_completion_tokens;
        run
    })
}

/// Lets it happen.
fn live(stage: &mut Stage, happening: Happening) {
    match happening {
        Happening::Input(input, after) => {
            stage.now = Timestamp(stage.now.0.saturating_add(after));
            let _ = stage.feed(input);
        }
        Happening::Outputs { all } => {
            let required = &stage.machine.run().required_calls;
            let mut outputs: Vec<_> = required
                .iter()
                .rev()
                .map(|call| ToolOutput {
                    call_id: call.id.clone(),
                    output: format!("of {}", call.id),
                })
                .collect();
            if !all {
                outputs.pop();
            }
            let waits = stage.status() == RunStatus::RequiresAction;
            let taken = waits && all && stage.now < EXPIRY;
            assert_eq!(stage.feed(Input::ToolOutputs(outputs)).is_ok(), taken);
        }
        Happening::Crash => stage.crash(),
    }
}

/// Brings a run to its end: whatever it waits for comes.
fn finish(stage: &mut Stage) {
    let status = stage.status();
    match status {
        RunStatus::Queued => drop(stage.feed(Input::Start)),
        RunStatus::InProgress => drop(stage.feed(Input::AnswerEnded)),
        RunStatus::RequiresAction => live(stage, Happening::Outputs { all: true }),
        RunStatus::Cancelling => drop(stage.feed(Input::Aborted)),
        _ => {}
    }
    if stage.now >= EXPIRY {
        drop(stage.feed(Input::Tick));
    }
}

proptest! {
    #[test]
    fn every_life_is_sound(
        run in new_run(),
        begins in prop::bool::weighted(0.95),
        happenings in vec(happening(), 0..60),
    ) {
        let mut stage = Stage::new(run);
        if begins {
            stage.feed(Input::Start).unwrap();
        }
        for happening in happenings {
            live(&mut stage, happening);
        }
    }

    #[test]
    fn every_run_can_end(run in new_run(), happenings in vec(happening(), 0..30)) {
        let mut stage = Stage::new(run);
        for happening in happenings {
            live(&mut stage, happening);
        }
        for _ in 0..4 {
            finish(&mut stage);
        }
        prop_assert!(stage.status().is_terminal(), "{:?}", stage.machine);
    }

    #[test]
    fn every_run_expires(run in new_run(), happenings in vec(happening(), 0..30)) {
        let mut stage = Stage::new(run);
        for happening in happenings {
            live(&mut stage, happening);
        }
        stage.now = stage.now.max(EXPIRY);
        stage.feed(Input::Tick).unwrap();
        prop_assert!(stage.status().is_terminal(), "{:?}", stage.machine);
    }

    #[test]
    fn the_same_life_is_told_in_the_same_way(happenings in vec(happening(), 0..30)) {
        let lives = [(), ()].map(|()| {
            let mut stage = Stage::new(queued());
            for happening in &happenings {
                live(&mut stage, happening.clone());
            }
            stage.machine
        });
        let [one, other]: [Machine; 2] = lives;
        prop_assert_eq!(one, other);
    }
}
