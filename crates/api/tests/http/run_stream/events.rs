//! The events of runs, made by hand, and the bytes that they become.

use std::sync::Arc;

use futures_util::{
    StreamExt,
    stream::{Stream, iter},
};
use locum_api::stream::run_stream;
use locum_domain::{
    assistant::AnswerFormat,
    chat::{ToolCall, ToolChoice, Usage},
    error::ApiError,
    id::{AssistantId, MessageId, RunId, StepId, ThreadId},
    message::{Content, Message, MessageIncomplete, MessageStatus, Role},
    metadata::Metadata,
    run::{
        Plan, Run, RunError, RunErrorCode, RunEvent, RunStatus, Step, StepCall, StepDetails,
        StepStatus, Truncation,
    },
    time::Timestamp,
};
use locum_testkit::VirtualClock;

/// What came together, or why there is no more.
pub type Batch = Result<Vec<RunEvent>, ApiError>;

/// The whole stream of `batches`.
pub fn stream_of(batches: Vec<Batch>) -> String {
    let clock = VirtualClock::new();
    clock.run(text_of(iter(batches), &clock))
}

/// The whole stream of events that come one by one.
pub fn one_by_one(events: Vec<RunEvent>) -> String {
    stream_of(events.into_iter().map(|event| Ok(vec![event])).collect())
}

/// The whole stream of `events`, as they come.
pub async fn text_of(
    events: impl Stream<Item = Batch> + Send + Unpin + 'static,
    clock: &VirtualClock,
) -> String {
    let pieces: Vec<_> = run_stream(events, Arc::new(clock.clone())).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

fn run(status: RunStatus) -> Run {
    let at = |moment: u64, set: bool| set.then_some(Timestamp(moment));
    Run {
        id: RunId::from("run_1"),
        thread_id: ThreadId::from("thread_1"),
        assistant_id: AssistantId::from("asst_1"),
        created_at: Timestamp(100),
        status,
        plan: Plan {
            model: "gpt-4.1-mini".to_owned(),
            instructions: "Be brief.".to_owned(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            response_format: AnswerFormat::Auto,
            reasoning_effort: None,
            temperature: None,
            top_p: None,
            max_prompt_tokens: None,
            max_completion_tokens: None,
            truncation: Truncation::Auto,
        },
        metadata: Metadata::default(),
        expires_at: Timestamp(700),
        started_at: at(101, status != RunStatus::Queued),
        cancelled_at: at(105, status == RunStatus::Cancelled),
        failed_at: at(105, status == RunStatus::Failed),
        completed_at: at(105, status == RunStatus::Completed),
        required_calls: match status {
            RunStatus::RequiresAction => calls().into(),
            _ => Vec::new(),
        },
        last_error: (status == RunStatus::Failed).then(error),
        incomplete: None,
        usage: usage(),
        served: None,
        broken_tries: 0,
        written_ahead: None,
    }
}

fn error() -> RunError {
    RunError {
        code: RunErrorCode::ServerError,
        message: "The model broke off.".to_owned(),
    }
}

fn usage() -> Usage {
    Usage {
        prompt: 20,
        completion: 11,
        ..Usage::default()
    }
}

fn calls() -> [ToolCall; 2] {
    [
        ("call_a", r#"{"city":"Köln"}"#),
        ("call_b", r#"{"city":"Bonn"}"#),
    ]
    .map(|(id, arguments)| ToolCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        arguments: arguments.to_owned(),
        signature: Some("a proof".to_owned()),
    })
}

fn step(id: &str, status: StepStatus, details: StepDetails) -> Box<Step> {
    let at = |is: StepStatus| (status == is).then_some(Timestamp(105));
    Box::new(Step {
        id: StepId::from(id),
        run_id: RunId::from("run_1"),
        thread_id: ThreadId::from("thread_1"),
        assistant_id: AssistantId::from("asst_1"),
        created_at: Timestamp(102),
        status,
        details,
        last_error: (status == StepStatus::Failed).then(error),
        expired_at: at(StepStatus::Expired),
        cancelled_at: at(StepStatus::Cancelled),
        failed_at: at(StepStatus::Failed),
        completed_at: at(StepStatus::Completed),
        usage: Some(usage()),
        served: None,
    })
}

fn message(status: MessageStatus, content: Vec<Content>) -> Box<Message> {
    let at = |is: MessageStatus| (status == is).then_some(Timestamp(104));
    Box::new(Message {
        id: MessageId::from("msg_1"),
        thread_id: ThreadId::from("thread_1"),
        created_at: Timestamp(103),
        status,
        incomplete: None,
        completed_at: at(MessageStatus::Completed),
        incomplete_at: at(MessageStatus::Incomplete),
        role: Role::Assistant,
        content,
        assistant_id: Some(AssistantId::from("asst_1")),
        run_id: Some(RunId::from("run_1")),
        attachments: Vec::new(),
        metadata: Metadata::default(),
        signature: Some("a proof".to_owned()),
    })
}

pub fn run_created() -> RunEvent {
    RunEvent::RunCreated(Box::new(run(RunStatus::Queued)))
}

pub fn run_is(status: RunStatus) -> RunEvent {
    RunEvent::RunChanged(Box::new(run(status)))
}

/// A run that began.
pub fn begun() -> Vec<RunEvent> {
    vec![
        run_created(),
        run_is(RunStatus::Queued),
        run_is(RunStatus::InProgress),
    ]
}

/// A step, and the message that it writes.
pub fn message_begun() -> Vec<RunEvent> {
    let details = StepDetails::Message(MessageId::from("msg_1"));
    vec![
        RunEvent::StepBegun(step("step_1", StepStatus::InProgress, details)),
        RunEvent::MessageBegun(message(MessageStatus::InProgress, Vec::new())),
    ]
}

pub fn text(first: bool, text: &str) -> RunEvent {
    RunEvent::TextDelta {
        message_id: MessageId::from("msg_1"),
        index: 0,
        first,
        text: text.to_owned(),
    }
}

pub fn refusal(index: usize, text: &str) -> RunEvent {
    RunEvent::RefusalDelta {
        message_id: MessageId::from("msg_1"),
        index,
        text: text.to_owned(),
    }
}

pub fn message_completed(content: Vec<Content>) -> RunEvent {
    RunEvent::MessageEnded(message(MessageStatus::Completed, content))
}

pub fn message_incomplete(reason: MessageIncomplete, content: Vec<Content>) -> RunEvent {
    let mut message = message(MessageStatus::Incomplete, content);
    message.incomplete = Some(reason);
    RunEvent::MessageEnded(message)
}

pub fn message_step(status: StepStatus) -> RunEvent {
    let details = StepDetails::Message(MessageId::from("msg_1"));
    RunEvent::StepEnded(step("step_1", status, details))
}

/// A step, and the two calls that it makes.
pub fn calls_begun() -> Vec<RunEvent> {
    let details = StepDetails::Calls(Vec::new());
    let step_id = || StepId::from("step_2");
    let mut events = vec![RunEvent::StepBegun(step(
        "step_2",
        StepStatus::InProgress,
        details,
    ))];
    for (index, call) in calls().into_iter().enumerate() {
        events.push(RunEvent::CallBegun {
            step_id: step_id(),
            index,
            id: call.id,
            name: call.name,
        });
        let (head, tail) = call.arguments.split_at(6);
        for piece in [head, tail] {
            events.push(RunEvent::CallDelta {
                step_id: step_id(),
                index,
                arguments: piece.to_owned(),
            });
        }
    }
    events
}

pub fn calls_completed() -> RunEvent {
    let made = calls().map(|call| StepCall {
        output: Some(format!("{} was called", call.id)),
        call,
    });
    RunEvent::StepEnded(step(
        "step_2",
        StepStatus::Completed,
        StepDetails::Calls(made.into()),
    ))
}
