//! What a model is shown of a long thread, and how many tokens a run may take.

use std::time::Duration;

use locum_domain::{
    message::{NewMessage, Role},
    run::{RunErrorCode, RunIncomplete, RunStatus, Truncation},
};
use locum_testkit::{Dialect, Fault};
use serde_json::json;

use crate::desk::{Desk, new_run, profile, says, with_tools};

/// Messages of about 1,000 tokens each.
fn long_messages(count: usize) -> Vec<NewMessage> {
    (0..count)
        .map(|number| says(&format!("{number} {}", "word ".repeat(800))))
        .collect()
}

/// The numbers of those messages that the model was shown.
fn shown(desk: &Desk) -> Vec<usize> {
    desk.conversation()
        .iter()
        .filter(|(role, _)| role == "user")
        .map(|(_, text)| text.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn a_long_thread_is_shown_as_far_as_it_fits() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-3.5-turbo"));
    let thread = desk.thread_of(long_messages(300));
    let mut new = new_run(&assistant);
    // Known to the table, not to the upstream here: another model answers.
    new.model = Some("gpt-4o".to_owned());
    assert_eq!(desk.follow(&thread, new).run().status, RunStatus::Completed);
    let numbers = shown(&desk);
    // 128,000 tokens, an answer's room, 1,000 each.
    assert!((110..128).contains(&numbers.len()), "{}", numbers.len());
    assert_eq!(*numbers.last().unwrap(), 299);
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    desk.no_complaints();
}

#[test]
fn only_the_newest_are_shown_where_the_run_says_so() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["0 zero", "1 one", "2 call get_weather"]);
    let mut new = new_run(&assistant);
    new.truncation = Truncation::LastMessages(1);
    let run = desk.follow(&thread, new).run();
    assert_eq!(shown(&desk), [2]);
    // What the run itself has done is shown besides.
    let call = run.required_calls[0].id.clone();
    let started = desk.submit(&run, &[(&call, "hot")]).unwrap();
    desk.watch(started);
    let roles: Vec<_> = desk
        .conversation()
        .into_iter()
        .map(|(role, _)| role)
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool"]);
    // A tool turn is not torn from the message that it led to.
    desk.say(&thread, says("3 thanks"));
    let mut new = new_run(&assistant);
    new.truncation = Truncation::LastMessages(2);
    desk.follow(&thread, new);
    let roles: Vec<_> = desk
        .conversation()
        .into_iter()
        .map(|(role, _)| role)
        .collect();
    assert_eq!(roles, ["assistant", "tool", "assistant", "user"]);
    desk.no_complaints();
}

#[test]
fn a_conversation_that_is_too_long_after_all_is_shortened() {
    let too_long = Fault::Exactly {
        status: 400,
        headers: Vec::new(),
        body: json!({"error": {"message": "This model's maximum context length is 4097 tokens.", "type": "invalid_request_error",
                     "param": "messages", "code": "context_length_exceeded"}}),
    };
    let desk = Desk::set(&[("PROVIDER_GEMINI_ENABLED", "false")]);
    desk.handles.upstream.openai([too_long.clone().times(2)]);
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread_of(long_messages(16));
    assert_eq!(
        desk.follow(&thread, new_run(&assistant)).run().status,
        RunStatus::Completed
    );
    let numbers = shown(&desk);
    assert!((3..=4).contains(&numbers.len()), "{numbers:?}");
    assert_eq!(desk.asked(Dialect::OpenAi), 3);

    // What cannot be shortened fails.
    desk.handles.upstream.clear();
    desk.handles.upstream.openai([too_long.times(100)]);
    let mut new = new_run(&assistant);
    new.truncation = Truncation::LastMessages(3);
    let run = desk.follow(&thread, new).run();
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.last_error.unwrap().code, RunErrorCode::InvalidPrompt);
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
    let run = desk.follow(&thread, new_run(&assistant)).run();
    assert_eq!(run.status, RunStatus::Failed);
    assert!(desk.asked(Dialect::OpenAi) <= 6);
}

#[test]
fn prompt_tokens_are_limited() {
    let desk = Desk::new();
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let thread = desk.thread_of(long_messages(10));
    let mut new = new_run(&assistant);
    new.max_prompt_tokens = Some(3_500);
    assert_eq!(desk.follow(&thread, new).run().status, RunStatus::Completed);
    assert_eq!(shown(&desk), [7, 8, 9]);

    desk.say(&thread, says(&"word ".repeat(800)));
    let mut new = new_run(&assistant);
    new.max_prompt_tokens = Some(256);
    let run = desk.follow(&thread, new).run();
    assert_eq!(run.status, RunStatus::Incomplete);
    assert_eq!(run.incomplete, Some(RunIncomplete::MaxPromptTokens));
    assert_eq!(desk.asked(Dialect::OpenAi), 1);
}

#[test]
fn completion_tokens_are_limited_over_all_calls_of_the_model() {
    let desk = Desk::new();
    let assistant = desk.assistant(with_tools("gpt-4.1-mini", &["get_weather"]));
    let thread = desk.thread(&["call get_weather"]);
    let mut new = new_run(&assistant);
    new.max_completion_tokens = Some(256);
    let run = desk.follow(&thread, new).run();
    assert_eq!(desk.openai()["max_tokens"], 256);
    let spent = run.usage.completion;
    assert!(spent > 0);
    let call = run.required_calls[0].id.clone();
    let output = "word ".repeat(600);
    let started = desk.submit(&run, &[(&call, &output)]).unwrap();
    let run = desk.watch(started).run();
    assert_eq!(desk.openai()["max_tokens"], 256 - spent);
    assert_eq!(run.status, RunStatus::Incomplete);
    assert_eq!(run.incomplete, Some(RunIncomplete::MaxCompletionTokens));
}

#[test]
fn messages_of_both_sides_are_shown_in_order() {
    let desk = Desk::new();
    desk.handles.upstream.pace(Duration::from_millis(10));
    let assistant = desk.assistant(profile("gpt-4.1-mini"));
    let mut own = says("I said this myself");
    own.role = Role::Assistant;
    let thread = desk.thread_of(vec![says("one"), own, says("two")]);
    desk.follow(&thread, new_run(&assistant));
    desk.say(&thread, says("three"));
    desk.follow(&thread, new_run(&assistant));
    let texts: Vec<_> = desk
        .conversation()
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        texts,
        ["one", "I said this myself", "two", "echo: two", "three"]
    );
    desk.no_complaints();
}
