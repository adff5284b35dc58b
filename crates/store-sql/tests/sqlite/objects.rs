//! Objects to store, told apart by their ids.

use locum_domain::{
    assistant::{Assistant, Profile},
    chat::{ToolChoice, Usage},
    file::{File, Purpose},
    id::{RunId, ThreadId},
    message::{Content, Message, MessageStatus, Role},
    metadata::Metadata,
    project::Project,
    run::{Plan, Run, RunStatus, Step, StepDetails, StepStatus, Truncation, Write},
    thread::Thread,
    time::Timestamp,
};
use locum_engine::store::{Added, Next, RunCommit, RunInsert, RunStore};

use crate::sqlite::Store;

/// The moment at which everything is made.
const NOW: Timestamp = Timestamp(1_795_000_000);

/// The project of everything here.
pub fn project() -> Project {
    Project::default()
}

pub fn assistant(id: &str) -> Assistant {
    Assistant {
        id: id.into(),
        created_at: NOW,
        profile: Profile::default(),
    }
}

pub fn thread(id: &str) -> Thread {
    Thread {
        id: id.into(),
        created_at: NOW,
        metadata: Metadata::default(),
        tool_resources: None,
    }
}

pub fn message(id: &str, thread: &str) -> Message {
    Message {
        id: id.into(),
        thread_id: thread.into(),
        created_at: NOW,
        status: MessageStatus::Completed,
        incomplete: None,
        completed_at: None,
        incomplete_at: None,
        role: Role::User,
        content: vec![Content::Text(format!("says {id}"))],
        assistant_id: None,
        run_id: None,
        attachments: Vec::new(),
        metadata: Metadata::default(),
        signature: None,
    }
}

/// A message that `run` writes.
pub fn message_of_run(id: &str, thread: &str, run: &str) -> Message {
    Message {
        role: Role::Assistant,
        status: MessageStatus::InProgress,
        run_id: Some(run.into()),
        ..message(id, thread)
    }
}

pub fn run(id: &str, thread: &str) -> Run {
    Run {
        id: id.into(),
        thread_id: thread.into(),
        assistant_id: "asst_1".into(),
        created_at: NOW,
        status: RunStatus::InProgress,
        plan: Plan {
            model: "model".to_owned(),
            instructions: String::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::default(),
            parallel_tool_calls: true,
            response_format: Default::default(),
            reasoning_effort: None,
            temperature: None,
            top_p: None,
            max_prompt_tokens: None,
            max_completion_tokens: None,
            truncation: Truncation::Auto,
        },
        metadata: Metadata::default(),
        expires_at: NOW.plus_seconds(600),
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

/// A step of `run` that writes `message`.
pub fn step(id: &str, thread: &str, run: &str, message: &str) -> Step {
    Step {
        id: id.into(),
        run_id: run.into(),
        thread_id: thread.into(),
        assistant_id: "asst_1".into(),
        created_at: NOW,
        status: StepStatus::InProgress,
        details: StepDetails::Message(message.into()),
        last_error: None,
        expired_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: None,
        usage: None,
        served: None,
    }
}

pub fn file(id: &str) -> File {
    File {
        id: id.into(),
        created_at: NOW,
        size_bytes: 1,
        filename: "a.txt".to_owned(),
        purpose: Purpose::Assistants,
        expires_at: Some(NOW),
    }
}

/// The lease of this process.
pub const DRIVEN: Next<'static> = Next::Driven {
    owner: "host_1",
    until_ms: 1_000,
};

/// A new run on a thread that is there.
pub fn insert<'a>(run: &'a Run, writes: &'a [Write]) -> RunInsert<'a> {
    RunInsert {
        thread: None,
        messages: &[],
        run,
        writes,
        next: DRIVEN,
    }
}

/// Begins a run on a thread that is there and free.
pub async fn begin(store: &Store, id: &str, thread: &str, writes: &[Write]) -> Run {
    let run = run(id, thread);
    let added = store.insert_run(&project(), insert(&run, writes)).await;
    assert_eq!(added, Ok(Added::Added));
    run
}

/// The next state of a run that is of version and token 1.
pub fn commit<'a>(run: &'a Run, writes: &'a [Write], next: Next<'a>) -> RunCommit<'a> {
    RunCommit {
        run,
        version: 1,
        token: 1,
        writes,
        next,
    }
}

pub fn thread_id(id: &str) -> ThreadId {
    id.into()
}

pub fn run_id(id: &str) -> RunId {
    id.into()
}
