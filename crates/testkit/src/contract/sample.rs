//! Objects to store. Each is told apart by a number; `full` ones have every field set.

use locum_domain::{
    assistant::{AnswerFormat, Assistant, Profile, Tool, ToolResources},
    chat::{
        Detail, FunctionTool, ReasoningEffort, ResponseFormat, ToolCall, ToolChoice, Usage,
        UsageDetails,
    },
    file::{File, Purpose},
    id::ThreadId,
    message::{
        Attachment, AttachmentTool, Content, Message, MessageIncomplete, MessageStatus, Role,
    },
    metadata::Metadata,
    run::{
        Plan, Run, RunError, RunErrorCode, RunIncomplete, RunStatus, ServedBy, Step, StepCall,
        StepDetails, StepStatus, Truncation,
    },
    thread::Thread,
    time::Timestamp,
};
use serde_json::json;

/// The second in which most objects were made.
pub(super) const SECOND: u64 = 1_795_000_000;

/// The same in milliseconds.
pub(super) const MS: u64 = SECOND * 1000;

fn second(more: u64) -> Timestamp {
    Timestamp(SECOND + more)
}

/// As many pairs as there may be, in an order that no sorting gives.
pub(super) fn metadata() -> Metadata {
    let keys = [7, 3, 15, 0, 9, 12, 1, 14, 5, 11, 2, 8, 13, 4, 10, 6];
    Metadata(
        keys.map(|key| {
            (
                format!("schlüssel {key} 🗝"),
                format!("Wert \"{key}\"\n\t\\"),
            )
        })
        .into(),
    )
}

fn resources() -> Option<ToolResources> {
    Some(ToolResources {
        code_interpreter_file_ids: Some(vec!["file-b".to_owned(), "file-a".to_owned()]),
        file_search_vector_store_ids: Some(Vec::new()),
    })
}

fn tool() -> Tool {
    Tool::Function(FunctionTool {
        name: "weather".to_owned(),
        description: Some("Says how the weather is.".to_owned()),
        parameters: Some(json!({"type": "object", "properties": {"z": {}, "a": {}}})),
        strict: true,
    })
}

fn format() -> AnswerFormat {
    AnswerFormat::Exactly(ResponseFormat::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: Some(json!({"type": "object", "minimum": 0.1})),
        strict: Some(true),
    })
}

fn usage() -> Usage {
    Usage {
        prompt: 5_000_000_000,
        completion: 20,
        details: UsageDetails {
            cached: 1,
            prompt_audio: 2,
            reasoning: 3,
            completion_audio: 4,
        },
    }
}

fn served() -> Option<ServedBy> {
    Some(ServedBy {
        provider: "gemini".to_owned(),
        model: "gemini-3-flash".to_owned(),
        fallback: true,
    })
}

fn error() -> Option<RunError> {
    Some(RunError {
        code: RunErrorCode::RateLimitExceeded,
        message: "It's \"too\" much; -- \u{1}".to_owned(),
    })
}

fn call(n: u64) -> ToolCall {
    ToolCall {
        id: format!("call_{n}"),
        name: "weather".to_owned(),
        arguments: r#"{"city": "Zürich"}"#.to_owned(),
        signature: Some("proof==".to_owned()),
    }
}

pub(super) fn assistant(n: u64) -> Assistant {
    Assistant {
        id: format!("asst_{n}").into(),
        created_at: second(0),
        profile: Profile {
            model: format!("model-{n}"),
            ..Profile::default()
        },
    }
}

pub(super) fn full_assistant(n: u64) -> Assistant {
    Assistant {
        profile: Profile {
            model: "gemini-3-flash".to_owned(),
            name: Some("Name".to_owned()),
            description: Some(String::new()),
            instructions: Some("Be kind. 🙂".to_owned()),
            tools: vec![tool()],
            tool_resources: resources(),
            metadata: metadata(),
            temperature: Some(0.1),
            top_p: Some(1.0),
            response_format: format(),
            reasoning_effort: Some(ReasoningEffort::High),
        },
        ..assistant(n)
    }
}

pub(super) fn thread(n: u64) -> Thread {
    Thread {
        id: format!("thread_{n}").into(),
        created_at: second(0),
        metadata: Metadata::default(),
        tool_resources: None,
    }
}

pub(super) fn full_thread(n: u64) -> Thread {
    Thread {
        metadata: metadata(),
        tool_resources: resources(),
        ..thread(n)
    }
}

/// What a person says.
pub(super) fn message(thread: &ThreadId, n: u64) -> Message {
    Message {
        id: format!("msg_{n}").into(),
        thread_id: thread.clone(),
        created_at: second(0),
        status: MessageStatus::Completed,
        incomplete: None,
        completed_at: None,
        incomplete_at: None,
        role: Role::User,
        content: vec![Content::Text(format!("text {n}"))],
        assistant_id: None,
        run_id: None,
        attachments: Vec::new(),
        metadata: Metadata::default(),
        signature: None,
    }
}

pub(super) fn full_message(thread: &ThreadId, n: u64) -> Message {
    Message {
        status: MessageStatus::Incomplete,
        incomplete: Some(MessageIncomplete::RunCancelled),
        completed_at: Some(second(1)),
        incomplete_at: Some(second(2)),
        role: Role::Assistant,
        content: vec![
            Content::Text(String::new()),
            Content::ImageFile {
                file_id: "file-a".to_owned(),
                detail: Some(Detail::Low),
            },
            Content::ImageUrl {
                url: "https://example.com/a.png?x=%20".to_owned(),
                detail: None,
            },
            Content::Refusal("No.".to_owned()),
        ],
        assistant_id: Some("asst_1".into()),
        run_id: Some("run_1".into()),
        attachments: vec![Attachment {
            file_id: "file-a".to_owned(),
            tools: vec![AttachmentTool::FileSearch, AttachmentTool::CodeInterpreter],
        }],
        metadata: metadata(),
        signature: Some("proof==".to_owned()),
        ..message(thread, n)
    }
}

/// A message that a run has begun.
pub(super) fn begun_message(run: &Run, n: u64) -> Message {
    Message {
        status: MessageStatus::InProgress,
        role: Role::Assistant,
        content: Vec::new(),
        assistant_id: Some(run.assistant_id.clone()),
        run_id: Some(run.id.clone()),
        ..message(&run.thread_id, n)
    }
}

/// The same message, whole.
pub(super) fn whole(message: Message) -> Message {
    Message {
        status: MessageStatus::Completed,
        completed_at: Some(second(3)),
        content: vec![Content::Text("An answer.".to_owned())],
        ..message
    }
}

/// A run at work.
pub(super) fn run(thread: &ThreadId, n: u64) -> Run {
    Run {
        id: format!("run_{n}").into(),
        thread_id: thread.clone(),
        assistant_id: "asst_1".into(),
        created_at: second(0),
        status: RunStatus::InProgress,
        plan: Plan {
            model: "gemini-3-flash".to_owned(),
            instructions: String::new(),
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
        expires_at: second(600),
        started_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: None,
        required_calls: Vec::new(),
        last_error: None,
        incomplete: None,
        usage: Usage::default(),
        served: None,
        broken_tries: 0,
        written_ahead: None,
    }
}

pub(super) fn full_run(thread: &ThreadId, n: u64) -> Run {
    Run {
        status: RunStatus::RequiresAction,
        plan: Plan {
            model: "gpt-4.1".to_owned(),
            instructions: "Be kind.\n\nBe brief.".to_owned(),
            tools: vec![tool()],
            tool_choice: ToolChoice::Function("weather".to_owned()),
            parallel_tool_calls: false,
            response_format: format(),
            reasoning_effort: Some(ReasoningEffort::XHigh),
            temperature: Some(0.3),
            top_p: Some(0.7),
            max_prompt_tokens: Some(256),
            max_completion_tokens: Some(u32::MAX),
            truncation: Truncation::LastMessages(3),
        },
        metadata: metadata(),
        started_at: Some(second(1)),
        cancelled_at: Some(second(2)),
        failed_at: Some(second(3)),
        completed_at: Some(second(4)),
        required_calls: vec![call(2), call(1)],
        last_error: error(),
        incomplete: Some(RunIncomplete::MaxPromptTokens),
        usage: usage(),
        served: served(),
        broken_tries: 2,
        written_ahead: Some(("step_8".into(), "msg_8".into())),
        ..run(thread, n)
    }
}

/// The same run, ended.
pub(super) fn ended(run: Run) -> Run {
    Run {
        status: RunStatus::Completed,
        completed_at: Some(second(5)),
        ..run
    }
}

/// A step that writes a message.
pub(super) fn writing_step(run: &Run, n: u64, message: &Message) -> Step {
    Step {
        details: StepDetails::Message(message.id.clone()),
        ..calling_step(run, n)
    }
}

/// A step whose calls wait for outputs.
pub(super) fn calling_step(run: &Run, n: u64) -> Step {
    Step {
        id: format!("step_{n}").into(),
        run_id: run.id.clone(),
        thread_id: run.thread_id.clone(),
        assistant_id: run.assistant_id.clone(),
        created_at: second(0),
        status: StepStatus::InProgress,
        details: StepDetails::Calls(vec![StepCall {
            call: call(1),
            output: None,
        }]),
        last_error: None,
        expired_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: None,
        usage: None,
        served: None,
    }
}

/// The same step, ended.
pub(super) fn done(step: Step) -> Step {
    Step {
        status: StepStatus::Completed,
        completed_at: Some(second(5)),
        ..step
    }
}

pub(super) fn full_step(run: &Run, n: u64) -> Step {
    Step {
        status: StepStatus::Failed,
        details: StepDetails::Calls(vec![
            StepCall {
                call: call(2),
                output: Some("{\"ok\": \"✓\"}".to_owned()),
            },
            StepCall {
                call: call(1),
                output: Some(String::new()),
            },
        ]),
        last_error: error(),
        expired_at: Some(second(1)),
        cancelled_at: Some(second(2)),
        failed_at: Some(second(3)),
        completed_at: Some(second(4)),
        usage: Some(usage()),
        served: served(),
        ..calling_step(run, n)
    }
}

pub(super) fn file(n: u64) -> File {
    File {
        id: format!("file-{n}").into(),
        created_at: second(0),
        size_bytes: 0,
        filename: format!("{n}.txt"),
        purpose: Purpose::Assistants,
        expires_at: None,
    }
}

pub(super) fn full_file(n: u64) -> File {
    File {
        size_bytes: 5_000_000_000,
        filename: "../a \"b\"\n'ü'.json".to_owned(),
        purpose: Purpose::FineTuneResults,
        expires_at: Some(second(3600)),
        ..file(n)
    }
}
