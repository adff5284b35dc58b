//! The sequences of OpenAI's document, to the byte.

use locum_domain::{
    message::{Content, MessageIncomplete},
    run::{RunStatus, StepStatus},
};

use super::{
    events::{
        begun, calls_begun, calls_completed, message_begun, message_completed, message_incomplete,
        message_step, one_by_one, run_is, stream_of, text,
    },
    watcher::Watcher,
};

fn hello() -> Vec<Content> {
    vec![Content::Text("Hello, \"you\"\n".to_owned())]
}

#[test]
fn a_run_that_writes_a_message() {
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        text(true, "Hello"),
        text(false, ", \"you\"\n"),
        message_completed(hello()),
        message_step(StepStatus::Completed),
        run_is(RunStatus::Completed),
    ]);
    let stream = one_by_one(events.clone());
    // How the events come does not matter.
    assert_eq!(stream, stream_of(vec![Ok(events)]));

    let watcher = Watcher::of(&stream);
    assert_eq!(watcher.run()["status"], "completed");
    assert_eq!(watcher.texts(), ["Hello, \"you\"\n"]);
    insta::assert_snapshot!(stream, @r#"
    event: thread.run.created
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"queued","required_action":null,"last_error":null,"expires_at":700,"started_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.queued
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"queued","required_action":null,"last_error":null,"expires_at":700,"started_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.in_progress
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"in_progress","required_action":null,"last_error":null,"expires_at":700,"started_at":101,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.step.created
    data: {"id":"step_1","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"message_creation","status":"in_progress","cancelled_at":null,"completed_at":null,"expired_at":null,"failed_at":null,"last_error":null,"step_details":{"type":"message_creation","message_creation":{"message_id":"msg_1"}},"usage":null,"metadata":{}}

    event: thread.run.step.in_progress
    data: {"id":"step_1","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"message_creation","status":"in_progress","cancelled_at":null,"completed_at":null,"expired_at":null,"failed_at":null,"last_error":null,"step_details":{"type":"message_creation","message_creation":{"message_id":"msg_1"}},"usage":null,"metadata":{}}

    event: thread.message.created
    data: {"id":"msg_1","object":"thread.message","created_at":103,"thread_id":"thread_1","status":"in_progress","incomplete_details":null,"completed_at":null,"incomplete_at":null,"role":"assistant","content":[],"assistant_id":"asst_1","run_id":"run_1","attachments":[],"metadata":{}}

    event: thread.message.in_progress
    data: {"id":"msg_1","object":"thread.message","created_at":103,"thread_id":"thread_1","status":"in_progress","incomplete_details":null,"completed_at":null,"incomplete_at":null,"role":"assistant","content":[],"assistant_id":"asst_1","run_id":"run_1","attachments":[],"metadata":{}}

    event: thread.message.delta
    data: {"id":"msg_1","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":"Hello","annotations":[]}}]}}

    event: thread.message.delta
    data: {"id":"msg_1","object":"thread.message.delta","delta":{"content":[{"index":0,"type":"text","text":{"value":", \"you\"\n"}}]}}

    event: thread.message.completed
    data: {"id":"msg_1","object":"thread.message","created_at":103,"thread_id":"thread_1","status":"completed","incomplete_details":null,"completed_at":104,"incomplete_at":null,"role":"assistant","content":[{"type":"text","text":{"value":"Hello, \"you\"\n","annotations":[]}}],"assistant_id":"asst_1","run_id":"run_1","attachments":[],"metadata":{}}

    event: thread.run.step.completed
    data: {"id":"step_1","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"message_creation","status":"completed","cancelled_at":null,"completed_at":105,"expired_at":null,"failed_at":null,"last_error":null,"step_details":{"type":"message_creation","message_creation":{"message_id":"msg_1"}},"usage":{"prompt_tokens":20,"completion_tokens":11,"total_tokens":31},"metadata":{}}

    event: thread.run.completed
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"completed","required_action":null,"last_error":null,"expires_at":null,"started_at":101,"cancelled_at":null,"failed_at":null,"completed_at":105,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":{"prompt_tokens":20,"completion_tokens":11,"total_tokens":31},"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: done
    data: [DONE]
    "#);
}

#[test]
fn a_run_that_waits_for_outputs_and_goes_on() {
    let mut events = begun();
    events.extend(calls_begun());
    events.push(run_is(RunStatus::RequiresAction));
    let first = one_by_one(events);
    let watcher = Watcher::of(&first);
    assert_eq!(watcher.run()["status"], "requires_action");
    let arguments = |call: usize| &watcher.calls()[call]["function"]["arguments"];
    assert_eq!(arguments(0), r#"{"city":"Köln"}"#);
    assert_eq!(arguments(1), r#"{"city":"Bonn"}"#);

    let mut events = vec![
        calls_completed(),
        run_is(RunStatus::Queued),
        run_is(RunStatus::InProgress),
    ];
    events.extend(message_begun());
    events.extend([
        text(true, "Hello, \"you\"\n"),
        message_completed(hello()),
        message_step(StepStatus::Completed),
        run_is(RunStatus::Completed),
    ]);
    let second = one_by_one(events);
    let watcher = Watcher::of(&second);
    assert_eq!(
        watcher.names[..3],
        [
            "thread.run.step.completed",
            "thread.run.queued",
            "thread.run.in_progress"
        ]
    );
    insta::assert_snapshot!(first, @r#"
    event: thread.run.created
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"queued","required_action":null,"last_error":null,"expires_at":700,"started_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.queued
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"queued","required_action":null,"last_error":null,"expires_at":700,"started_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.in_progress
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"in_progress","required_action":null,"last_error":null,"expires_at":700,"started_at":101,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.step.created
    data: {"id":"step_2","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"tool_calls","status":"in_progress","cancelled_at":null,"completed_at":null,"expired_at":null,"failed_at":null,"last_error":null,"step_details":{"type":"tool_calls","tool_calls":[]},"usage":null,"metadata":{}}

    event: thread.run.step.in_progress
    data: {"id":"step_2","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"tool_calls","status":"in_progress","cancelled_at":null,"completed_at":null,"expired_at":null,"failed_at":null,"last_error":null,"step_details":{"type":"tool_calls","tool_calls":[]},"usage":null,"metadata":{}}

    event: thread.run.step.delta
    data: {"id":"step_2","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather","arguments":"","output":null}}]}}}

    event: thread.run.step.delta
    data: {"id":"step_2","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":0,"type":"function","function":{"arguments":"{\"city"}}]}}}

    event: thread.run.step.delta
    data: {"id":"step_2","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":0,"type":"function","function":{"arguments":"\":\"Köln\"}"}}]}}}

    event: thread.run.step.delta
    data: {"id":"step_2","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"weather","arguments":"","output":null}}]}}}

    event: thread.run.step.delta
    data: {"id":"step_2","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":1,"type":"function","function":{"arguments":"{\"city"}}]}}}

    event: thread.run.step.delta
    data: {"id":"step_2","object":"thread.run.step.delta","delta":{"step_details":{"type":"tool_calls","tool_calls":[{"index":1,"type":"function","function":{"arguments":"\":\"Bonn\"}"}}]}}}

    event: thread.run.requires_action
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"requires_action","required_action":{"type":"submit_tool_outputs","submit_tool_outputs":{"tool_calls":[{"id":"call_a","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Köln\"}"}},{"id":"call_b","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bonn\"}"}}]}},"last_error":null,"expires_at":700,"started_at":101,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: done
    data: [DONE]
    "#);
    insta::assert_snapshot!(second.split_inclusive("\n\n").take(3).collect::<String>(), @r#"
    event: thread.run.step.completed
    data: {"id":"step_2","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"tool_calls","status":"completed","cancelled_at":null,"completed_at":105,"expired_at":null,"failed_at":null,"last_error":null,"step_details":{"type":"tool_calls","tool_calls":[{"id":"call_a","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Köln\"}","output":"call_a was called"}},{"id":"call_b","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bonn\"}","output":"call_b was called"}}]},"usage":{"prompt_tokens":20,"completion_tokens":11,"total_tokens":31},"metadata":{}}

    event: thread.run.queued
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"queued","required_action":null,"last_error":null,"expires_at":700,"started_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}

    event: thread.run.in_progress
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"in_progress","required_action":null,"last_error":null,"expires_at":700,"started_at":101,"cancelled_at":null,"failed_at":null,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":null,"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}
    "#);
}

/// The names of the events from the first one that tells of the ending.
fn ending(watcher: &Watcher, begins: &str) -> Vec<String> {
    let from = watcher.names.iter().position(|name| name == begins);
    watcher.names[from.unwrap()..].to_vec()
}

#[test]
fn a_run_that_fails_in_the_middle_of_a_message() {
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        text(true, "Hel"),
        message_incomplete(
            MessageIncomplete::RunFailed,
            vec![Content::Text("Hel".to_owned())],
        ),
        message_step(StepStatus::Failed),
        run_is(RunStatus::Failed),
    ]);
    let stream = one_by_one(events);
    let watcher = Watcher::of(&stream);
    assert_eq!(
        ending(&watcher, "thread.message.incomplete"),
        [
            "thread.message.incomplete",
            "thread.run.step.failed",
            "thread.run.failed",
            "done"
        ]
    );
    assert_eq!(watcher.texts(), ["Hel"]);
    assert_eq!(watcher.run()["last_error"]["code"], "server_error");
    let told: String = stream
        .split_inclusive("\n\n")
        .filter(|frame| frame.contains("incomplete\n") || frame.contains("failed\n"))
        .collect();
    insta::assert_snapshot!(told, @r#"
    event: thread.message.incomplete
    data: {"id":"msg_1","object":"thread.message","created_at":103,"thread_id":"thread_1","status":"incomplete","incomplete_details":{"reason":"run_failed"},"completed_at":null,"incomplete_at":104,"role":"assistant","content":[{"type":"text","text":{"value":"Hel","annotations":[]}}],"assistant_id":"asst_1","run_id":"run_1","attachments":[],"metadata":{}}

    event: thread.run.step.failed
    data: {"id":"step_1","object":"thread.run.step","created_at":102,"run_id":"run_1","assistant_id":"asst_1","thread_id":"thread_1","type":"message_creation","status":"failed","cancelled_at":null,"completed_at":null,"expired_at":null,"failed_at":105,"last_error":{"code":"server_error","message":"The model broke off."},"step_details":{"type":"message_creation","message_creation":{"message_id":"msg_1"}},"usage":{"prompt_tokens":20,"completion_tokens":11,"total_tokens":31},"metadata":{}}

    event: thread.run.failed
    data: {"id":"run_1","object":"thread.run","created_at":100,"assistant_id":"asst_1","thread_id":"thread_1","status":"failed","required_action":null,"last_error":{"code":"server_error","message":"The model broke off."},"expires_at":null,"started_at":101,"cancelled_at":null,"failed_at":105,"completed_at":null,"incomplete_details":null,"model":"gpt-4.1-mini","instructions":"Be brief.","tools":[],"metadata":{},"usage":{"prompt_tokens":20,"completion_tokens":11,"total_tokens":31},"temperature":1.0,"top_p":1.0,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto"}
    "#);
}

#[test]
fn a_run_that_fails_before_it_has_done_anything() {
    let mut events = begun();
    events.push(run_is(RunStatus::Failed));
    let watcher = Watcher::of(&one_by_one(events));
    assert_eq!(
        watcher.names,
        [
            "thread.run.created",
            "thread.run.queued",
            "thread.run.in_progress",
            "thread.run.failed",
            "done"
        ]
    );
}

#[test]
fn a_run_that_is_cancelled() {
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        text(true, "Hel"),
        run_is(RunStatus::Cancelling),
        message_incomplete(
            MessageIncomplete::RunCancelled,
            vec![Content::Text("Hel".to_owned())],
        ),
        message_step(StepStatus::Cancelled),
        run_is(RunStatus::Cancelled),
    ]);
    let watcher = Watcher::of(&one_by_one(events));
    assert_eq!(
        ending(&watcher, "thread.run.cancelling"),
        [
            "thread.run.cancelling",
            "thread.message.incomplete",
            "thread.run.step.cancelled",
            "thread.run.cancelled",
            "done"
        ]
    );
}

#[test]
fn a_run_that_ends_at_a_limit() {
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        text(true, "Hel"),
        message_incomplete(
            MessageIncomplete::MaxTokens,
            vec![Content::Text("Hel".to_owned())],
        ),
        message_step(StepStatus::Completed),
        run_is(RunStatus::Incomplete),
    ]);
    let watcher = Watcher::of(&one_by_one(events));
    assert_eq!(
        ending(&watcher, "thread.message.incomplete"),
        [
            "thread.message.incomplete",
            "thread.run.step.completed",
            "thread.run.incomplete",
            "done"
        ]
    );
}

#[test]
fn a_run_that_expires() {
    let mut events = begun();
    events.extend(message_begun());
    events.extend([
        message_incomplete(MessageIncomplete::RunExpired, Vec::new()),
        message_step(StepStatus::Expired),
        run_is(RunStatus::Expired),
    ]);
    let watcher = Watcher::of(&one_by_one(events));
    assert_eq!(
        ending(&watcher, "thread.message.incomplete"),
        [
            "thread.message.incomplete",
            "thread.run.step.expired",
            "thread.run.expired",
            "done"
        ]
    );
}
