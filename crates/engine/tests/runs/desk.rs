//! What every test here stands on: a process with its use cases, and others like it over the same store.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::StreamExt;
use locum_domain::{
    assistant::{Assistant, Profile, Tool},
    chat::{FunctionTool, ToolChoice},
    error::ApiError,
    id::{AssistantId, RunId},
    message::{Content, Message, NewMessage, Role},
    metadata::Metadata,
    page::{Order, PageQuery},
    project::Project,
    run::{NewRun, Run, RunEvent, RunStatus, Step, StepDetails, ToolOutput, Truncation},
    thread::{NewThread, Thread},
};
use locum_engine::{
    assistants::{Assistants, RunEvents, StartedRun},
    gateway::Gateway,
    metrics::Metrics,
    ports::{Clock, World},
    settings::Settings,
};
use locum_testkit::{Dialect, FlakyStore, Handles, Tasks, UPSTREAM_KEY, Weather, world};
use serde_json::{Value, json};

/// One process, and the world that it shares with others.
pub struct Desk {
    pub assistants: Arc<Assistants>,
    pub metrics: Arc<Metrics>,
    pub handles: Handles,
    /// This process's tasks.
    pub tasks: Tasks,
    /// What the store does to every process.
    pub weather: Weather,
    pub project: Project,
    world: World,
    settings: Settings,
}

/// What a client saw of a run, and how its watching ended.
pub struct Seen {
    pub events: Vec<RunEvent>,
    pub error: Option<ApiError>,
}

impl Desk {
    /// Both providers on.
    pub fn new() -> Self {
        Self::set(&[])
    }

    /// Both providers on, and what `set` says.
    pub fn set(set: &[(&str, &str)]) -> Self {
        let defaults = [
            ("ENABLE_AUTH", "false"),
            ("PROVIDER_GEMINI_ENABLED", "true"),
            ("PROVIDER_OPENAI_ENABLED", "true"),
            ("PROVIDER_MAX_RETRIES", "0"),
            ("GEMINI_API_KEY", UPSTREAM_KEY),
            ("OPENAI_API_KEY", UPSTREAM_KEY),
        ];
        let lookup = |name: &str| {
            let found = set.iter().chain(&defaults).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::from_lookup(&lookup).unwrap();
        let (mut world, handles) = world(1);
        let weather = Weather::new(1);
        let tasks = handles.tasks.clone();
        world.store = Arc::new(FlakyStore::new(
            Arc::new(handles.store.clone()),
            weather.clone(),
            handles.clock.clone(),
            tasks.clone(),
        ));
        Self::open(world, handles, tasks, weather, settings)
    }

    /// Another process over the same store.
    pub fn another(&self) -> Self {
        let tasks = self.handles.clock.tasks();
        let world = World {
            spawn: Arc::new(tasks.clone()),
            ..self.world.clone()
        };
        let handles = self.handles.clone();
        Self::open(
            world,
            handles,
            tasks,
            self.weather.clone(),
            self.settings.clone(),
        )
    }

    fn open(
        world: World,
        handles: Handles,
        tasks: Tasks,
        weather: Weather,
        settings: Settings,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let gateway = Gateway::new(world.clone(), &settings, Arc::clone(&metrics)).unwrap();
        let gateway = Arc::new(gateway);
        Self {
            assistants: Assistants::new(world.clone(), gateway, Arc::clone(&metrics), &settings),
            metrics,
            handles,
            tasks,
            weather,
            project: Project::default(),
            world,
            settings,
        }
    }

    /// Has the process attend to runs from now on.
    pub fn attend(&self, alone: bool) {
        let attending = Arc::clone(&self.assistants).attend(alone);
        self.world.spawn.spawn(Box::pin(attending));
    }

    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.handles.clock.run(future)
    }

    pub fn wait(&self, seconds: u64) {
        self.run(self.handles.clock.sleep(Duration::from_secs(seconds)));
    }

    /// Lets everything happen that happens at once.
    pub fn settle(&self) {
        self.run(self.handles.clock.sleep(Duration::from_millis(1)));
    }

    pub fn assistant(&self, profile: Profile) -> Assistant {
        self.run(self.assistants.create_assistant(&self.project, profile))
            .unwrap()
    }

    pub fn thread(&self, said: &[&str]) -> Thread {
        self.thread_of(said.iter().copied().map(says).collect())
    }

    pub fn thread_of(&self, messages: Vec<NewMessage>) -> Thread {
        let new = NewThread {
            messages,
            ..NewThread::default()
        };
        self.run(self.assistants.create_thread(&self.project, new))
            .unwrap()
    }

    pub fn say(&self, thread: &Thread, message: NewMessage) -> Message {
        let created = self
            .assistants
            .create_message(&self.project, &thread.id, message);
        self.run(created).unwrap()
    }

    /// Begins a run that is watched.
    pub fn start(&self, thread: &Thread, new: NewRun) -> Result<StartedRun, ApiError> {
        self.run(
            self.assistants
                .create_run(&self.project, &thread.id, new, true),
        )
    }

    /// Begins a run that nobody watches.
    pub fn start_unwatched(&self, thread: &Thread, new: NewRun) -> Run {
        let started = self
            .assistants
            .create_run(&self.project, &thread.id, new, false);
        let started = self.run(started).unwrap();
        assert!(started.events.is_none());
        started.run
    }

    /// Watches a run that somebody else has begun.
    pub fn watch_run(&self, run: &Run) -> Result<RunEvents, ApiError> {
        let watching = self
            .assistants
            .watch_run(&self.project, &run.thread_id, &run.id);
        self.run(watching)
    }

    pub fn submit(&self, run: &Run, outputs: &[(&str, &str)]) -> Result<StartedRun, ApiError> {
        let outputs = outputs
            .iter()
            .map(|(call_id, output)| ToolOutput {
                call_id: (*call_id).to_owned(),
                output: (*output).to_owned(),
            })
            .collect();
        self.run(self.assistants.submit_tool_outputs(
            &self.project,
            &run.thread_id,
            &run.id,
            outputs,
            true,
        ))
    }

    pub fn cancel(&self, run: &Run) -> Result<Run, ApiError> {
        let cancelled = self
            .assistants
            .cancel_run(&self.project, &run.thread_id, &run.id);
        self.run(cancelled)
    }

    /// All that is told of a run from now on.
    pub fn watch(&self, started: StartedRun) -> Seen {
        self.run(watch_on(started.events.unwrap()))
    }

    /// Begins a run and watches it to its end.
    pub fn follow(&self, thread: &Thread, new: NewRun) -> Seen {
        let started = self.start(thread, new).unwrap();
        self.watch(started)
    }

    /// All that is told of a run to who comes to watch it, whoever drives it.
    pub fn attach(&self, run: &Run) -> Seen {
        let events = self
            .assistants
            .watch_run(&self.project, &run.thread_id, &run.id);
        let events = self.run(events).unwrap();
        self.run(watch_on(events))
    }

    pub fn look(&self, run: &Run) -> Run {
        let found = self
            .assistants
            .retrieve_run(&self.project, &run.thread_id, &run.id);
        self.run(found).unwrap()
    }

    pub fn status(&self, run: &Run) -> RunStatus {
        self.look(run).status
    }

    /// Lets time pass until a run rests, for up to an hour.
    pub fn rest(&self, run: &Run) -> Run {
        for _ in 0..3600 {
            let now = self.look(run);
            if now.status.is_terminal() || now.status == RunStatus::RequiresAction {
                return now;
            }
            self.wait(1);
        }
        panic!("after an hour the run is {:?}", self.status(run));
    }

    /// The thread's messages, oldest first.
    pub fn messages(&self, thread: &Thread) -> Vec<Message> {
        let query = PageQuery {
            limit: 100,
            order: Order::Ascending,
            ..PageQuery::default()
        };
        let listed = self
            .assistants
            .list_messages(&self.project, &thread.id, None, &query);
        self.run(listed).unwrap().items
    }

    /// A run's steps, oldest first.
    pub fn steps(&self, run: &Run) -> Vec<Step> {
        let query = PageQuery {
            limit: 100,
            order: Order::Ascending,
            ..PageQuery::default()
        };
        let listed = self
            .assistants
            .list_run_steps(&self.project, &run.thread_id, &run.id, &query);
        self.run(listed).unwrap().items
    }

    /// What was said in a thread, oldest first.
    pub fn said(&self, thread: &Thread) -> Vec<String> {
        self.messages(thread).iter().map(text_of).collect()
    }

    /// The body of the newest request to OpenAI.
    pub fn openai(&self) -> Value {
        self.handles.upstream.last(Dialect::OpenAi).json()
    }

    /// The messages of the newest request to OpenAI: role and content.
    pub fn conversation(&self) -> Vec<(String, String)> {
        let body = self.openai();
        let messages = body["messages"].as_array().unwrap().iter();
        messages
            .map(|message| {
                let role = message["role"].as_str().unwrap().to_owned();
                let content = match &message["content"] {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    parts => parts.to_string(),
                };
                (role, content)
            })
            .collect()
    }

    pub fn asked(&self, dialect: Dialect) -> usize {
        self.handles.upstream.asked(dialect)
    }

    /// No upstream has found anything wrong with what it was asked.
    pub fn no_complaints(&self) {
        assert_eq!(self.handles.upstream.complaints(), [""; 0]);
    }
}

/// Reads to the end.
pub async fn watch_on(mut events: RunEvents) -> Seen {
    let mut seen = Seen {
        events: Vec::new(),
        error: None,
    };
    while let Some(batch) = events.next().await {
        match batch {
            Ok(batch) => seen.events.extend(batch),
            Err(error) => seen.error = Some(error),
        }
    }
    seen
}

impl Seen {
    /// The events in a word or two each, deltas of one piece together.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for event in &self.events {
            let word = match event {
                RunEvent::ThreadCreated(_) => "thread.created".to_owned(),
                RunEvent::RunCreated(run) => format!("run.created {}", run.status.as_str()),
                RunEvent::RunChanged(run) => format!("run.{}", run.status.as_str()),
                RunEvent::StepBegun(step) => match step.details {
                    StepDetails::Message(_) => "step.created message".to_owned(),
                    StepDetails::Calls(_) => "step.created calls".to_owned(),
                },
                RunEvent::StepEnded(step) => format!("step.{:?}", step.status),
                RunEvent::MessageBegun(_) => "message.created".to_owned(),
                RunEvent::MessageEnded(message) => format!("message.{:?}", message.status),
                RunEvent::TextDelta { .. } => "message.delta".to_owned(),
                RunEvent::RefusalDelta { .. } => "refusal.delta".to_owned(),
                RunEvent::CallBegun { name, .. } => format!("call {name}"),
                RunEvent::CallDelta { .. } => "call.delta".to_owned(),
            };
            let again = word.ends_with("delta") && told.last() == Some(&word);
            if !again {
                told.push(word);
            }
        }
        told
    }

    /// The text of all deltas.
    pub fn text(&self) -> String {
        let deltas = self.events.iter().filter_map(|event| match event {
            RunEvent::TextDelta { text, .. } => Some(text.as_str()),
            _ => None,
        });
        deltas.collect()
    }

    /// The run as it was told last.
    pub fn run(&self) -> Run {
        let runs = self.events.iter().rev().find_map(|event| match event {
            RunEvent::RunChanged(run) => Some((**run).clone()),
            _ => None,
        });
        runs.unwrap()
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

pub fn profile(model: &str) -> Profile {
    Profile {
        model: model.to_owned(),
        ..Profile::default()
    }
}

pub fn with_tools(model: &str, names: &[&str]) -> Profile {
    Profile {
        tools: names.iter().map(|name| function(name)).collect(),
        ..profile(model)
    }
}

pub fn function(name: &str) -> Tool {
    Tool::Function(FunctionTool {
        name: name.to_owned(),
        description: Some("It knows.".to_owned()),
        parameters: Some(json!({
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        })),
        strict: false,
    })
}

pub fn new_run(assistant: &Assistant) -> NewRun {
    run_of(assistant.id.clone())
}

pub fn run_of(assistant_id: AssistantId) -> NewRun {
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

pub fn text_of(message: &Message) -> String {
    let texts = message.content.iter().map(|content| match content {
        Content::Text(text) | Content::Refusal(text) => text.as_str(),
        Content::ImageFile { .. } | Content::ImageUrl { .. } => "(image)",
    });
    texts.collect()
}

pub fn metadata(key: &str, value: &str) -> Metadata {
    Metadata(vec![(key.to_owned(), value.to_owned())])
}

/// A run that is nowhere.
pub fn stray_run() -> RunId {
    RunId::from("run_nowhere")
}
