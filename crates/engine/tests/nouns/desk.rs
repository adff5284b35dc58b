//! The use cases in a world in memory, and what tests need to call them.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use locum_domain::{
    assistant::Profile,
    chat::ToolChoice,
    error::ApiError,
    file::{File, NewFile, Purpose},
    id::AssistantId,
    message::{Content, Message, NewMessage, Role},
    metadata::Metadata,
    page::{Order, Page, PageQuery},
    project::Project,
    run::{NewRun, Run, Truncation},
    thread::{NewThread, Thread},
};
use locum_engine::{
    assistants::{Assistants, garbage::Collected},
    gateway::Gateway,
    metrics::Metrics,
    ports::{BlobError, BlobStream, Clock, World},
    settings::Settings,
};
use locum_testkit::{Handles, UPSTREAM_KEY};

/// The use cases, and the world that they live in.
pub struct Desk {
    pub assistants: Arc<Assistants>,
    pub world: World,
    pub handles: Handles,
    pub project: Project,
}

impl Desk {
    pub fn new() -> Self {
        Self::in_world(|world| world)
    }

    /// In a world that is not quite the usual one.
    pub fn in_world(change: impl FnOnce(World) -> World) -> Self {
        let (world, handles) = locum_testkit::world(7);
        let world = change(world);
        Self {
            assistants: process(&world),
            world,
            handles,
            project: Project::default(),
        }
    }

    /// The same store and the same time, after the process was killed: its runs have nobody who drives them.
    pub fn after_a_kill(self) -> Self {
        self.handles.tasks.kill();
        let tasks = self.handles.clock.tasks();
        let world = World {
            spawn: Arc::new(tasks.clone()),
            ..self.world
        };
        Self {
            assistants: process(&world),
            world,
            handles: Handles {
                tasks,
                ..self.handles
            },
            project: self.project,
        }
    }

    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.handles.clock.run(future)
    }

    pub fn wait(&self, duration: Duration) {
        self.run(self.handles.clock.sleep(duration));
    }

    pub fn thread(&self, said: &[&str]) -> Thread {
        let new = NewThread {
            messages: said.iter().copied().map(says).collect(),
            ..NewThread::default()
        };
        self.run(self.assistants.create_thread(&self.project, new))
            .unwrap()
    }

    pub fn message(&self, thread: &Thread, new: NewMessage) -> Result<Message, ApiError> {
        let created = self
            .assistants
            .create_message(&self.project, &thread.id, new);
        self.run(created)
    }

    /// Begins a run of an assistant without tools.
    pub fn begin_run(&self, thread: &Thread) -> Run {
        self.run(async {
            let profile = a_profile("Ada");
            let assistant = self.assistants.create_assistant(&self.project, profile);
            let new = a_run(assistant.await.unwrap().id);
            let begun = self
                .assistants
                .create_run(&self.project, &thread.id, new, false);
            begun.await.unwrap().run
        })
    }

    pub fn file(&self, expires_after_seconds: Option<u64>, content: &'static str) -> File {
        let new = NewFile {
            expires_after_seconds,
            ..a_file()
        };
        self.create_file(new, bytes([content])).unwrap()
    }

    pub fn create_file(&self, new: NewFile, bytes: BlobStream) -> Result<File, ApiError> {
        self.run(self.assistants.create_file(&self.project, new, bytes))
    }

    pub fn list_files(&self, query: &PageQuery) -> Result<Page<File>, ApiError> {
        self.run(self.assistants.list_files(&self.project, None, query))
    }

    pub fn list_threads(&self, query: &PageQuery) -> Result<Page<Thread>, ApiError> {
        self.run(self.assistants.list_threads(&self.project, query))
    }

    pub fn collect(&self, dry_run: bool) -> Collected {
        self.run(self.assistants.collect_garbage(dry_run)).unwrap()
    }

    /// The names of all blobs.
    pub fn blobs(&self) -> Vec<String> {
        self.handles.blobs.names()
    }
}

fn process(world: &World) -> Arc<Assistants> {
    let settings = Settings::from_lookup(&|name| match name {
        "API_KEY" => Some("key".to_owned()),
        "MAX_FILE_BYTES" => Some("1024".to_owned()),
        "PROVIDER_OPENAI_ENABLED" => Some("true".to_owned()),
        "OPENAI_API_KEY" => Some(UPSTREAM_KEY.to_owned()),
        _ => None,
    });
    let settings = settings.unwrap();
    let metrics = Arc::new(Metrics::new());
    let gateway = Gateway::new(world.clone(), &settings, Arc::clone(&metrics)).unwrap();
    Assistants::new(world.clone(), Arc::new(gateway), metrics, &settings)
}

/// Another project, for which nothing of the usual one is there.
pub fn elsewhere() -> Project {
    Project::named("elsewhere")
}

pub fn a_profile(name: &str) -> Profile {
    Profile {
        model: "gpt-4.1-mini".to_owned(),
        name: Some(name.to_owned()),
        metadata: pairs(&[("a", "b")]),
        ..Profile::default()
    }
}

pub fn a_file() -> NewFile {
    NewFile {
        filename: "notes.txt".to_owned(),
        purpose: Purpose::Assistants,
        expires_after_seconds: None,
    }
}

fn a_run(assistant_id: AssistantId) -> NewRun {
    NewRun {
        assistant_id,
        model: None,
        instructions: None,
        additional_instructions: None,
        additional_messages: Vec::new(),
        tools: None,
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        response_format: None,
        reasoning_effort: None,
        temperature: None,
        top_p: None,
        max_prompt_tokens: None,
        max_completion_tokens: None,
        truncation: Truncation::Auto,
        metadata: Metadata::default(),
    }
}

pub fn says(text: &str) -> NewMessage {
    NewMessage {
        role: Role::User,
        content: vec![Content::Text(text.to_owned())],
        attachments: Vec::new(),
        metadata: Metadata::default(),
    }
}

pub fn pairs(pairs: &[(&str, &str)]) -> Metadata {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Metadata(pairs.iter().map(owned).collect())
}

pub fn oldest_first(limit: u32) -> PageQuery {
    PageQuery {
        limit,
        order: Order::Ascending,
        ..PageQuery::default()
    }
}

pub fn after(id: impl ToString) -> PageQuery {
    PageQuery {
        after: Some(id.to_string()),
        ..PageQuery::default()
    }
}

pub fn before(id: impl ToString) -> PageQuery {
    PageQuery {
        before: Some(id.to_string()),
        ..PageQuery::default()
    }
}

pub fn between(after: impl ToString, before: impl ToString) -> PageQuery {
    PageQuery {
        after: Some(after.to_string()),
        before: Some(before.to_string()),
        ..PageQuery::default()
    }
}

/// The bytes of a blob, in pieces.
pub fn bytes<const N: usize>(pieces: [&'static str; N]) -> BlobStream {
    let pieces = pieces.map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
    Box::pin(stream::iter(pieces))
}

/// Bytes that break off.
pub fn broken_bytes(error: ApiError) -> BlobStream {
    let broken = Err(BlobError::Refused(Box::new(error)));
    Box::pin(stream::iter([Ok(Bytes::from_static(b"some")), broken]))
}

/// What is looked at of an error.
#[track_caller]
pub fn refused<T>(outcome: Result<T, ApiError>) -> (u16, Option<String>, String) {
    match outcome {
        Ok(_) => panic!("nothing was refused"),
        Err(error) => (error.status, error.param, error.message),
    }
}

/// The 404 of a noun.
pub fn no_such(noun: &str, id: impl ToString) -> (u16, Option<String>, String) {
    let sentence = format!("No {noun} found with id '{}'.", id.to_string());
    (404, None, sentence)
}

/// The 400 of a cursor.
pub fn no_cursor(param: &str, noun: &str, id: impl ToString) -> (u16, Option<String>, String) {
    let (_, _, sentence) = no_such(noun, id);
    (400, Some(param.to_owned()), sentence)
}
