//! A client: it makes threads and runs, follows them in some way or other, and notes what it is told.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use locum_domain::{
    assistant::{Profile, Tool},
    chat::{FunctionTool, ToolChoice},
    error::ApiError,
    file::{NewFile, Purpose},
    id::{AssistantId, RunId, ThreadId},
    message::{Content, NewMessage, Role},
    metadata::Metadata,
    page::{Order, Page, PageQuery},
    project::Project,
    run::{NewRun, NewThreadAndRun, Run, RunStatus, Truncation},
    thread::{NewThread, ThreadChange},
};
use locum_engine::assistants::{Assistants, RunEvents, StartedRun};
use locum_testkit::SeededEntropy;
use serde_json::json;

use crate::{
    ledger::{Ledger, MessageFacts, RunFacts, ThreadFacts},
    stage::{Process, Reply, Stage},
};

/// How often something that has to be done is tried.
const TRIES: usize = 60;

/// One client.
pub struct Client {
    pub stage: Stage,
    pub ledger: Ledger,
    pub dice: SeededEntropy,
    name: u64,
    /// Which process was asked last.
    pub server: Mutex<Option<Process>>,
    /// Counts what it says, so that no two texts are the same.
    said: u64,
}

/// A thread that a client works on.
pub struct Place {
    pub thread: ThreadId,
    /// The user's last words there.
    asked: Option<String>,
    /// Whether a run may be at work there that the client knows nothing of, or has left alone.
    may_be_busy: bool,
}

impl Client {
    pub fn new(stage: Stage, ledger: Ledger, name: u64) -> Self {
        let dice = SeededEntropy::new(stage.seed() ^ (name << 40));
        Self {
            stage,
            ledger,
            dice,
            name,
            server: Mutex::default(),
            said: 0,
        }
    }

    /// All that it does.
    pub async fn live(mut self) {
        let Some(assistant) = self.make_assistant().await else {
            return;
        };
        for _ in 0..1 + self.dice.below(2) {
            let Some((mut place, begun)) = self.make_thread(&assistant).await else {
                continue;
            };
            if let Some((run, events)) = begun {
                self.follow(&mut place, &run, events).await;
            }
            for _ in 0..self.dice.below(4) {
                if !self.ledger.has_thread(&place.thread) {
                    break;
                }
                self.fiddle(&place).await;
                if let Some((run, events)) = self.make_run(&mut place, &assistant).await {
                    self.follow(&mut place, &run, events).await;
                }
            }
            if self.dice.chance(200) {
                self.delete_thread(&place.thread).await;
            }
        }
        self.log("goes home");
    }

    pub fn log(&self, line: impl AsRef<str>) {
        self.stage
            .log(format!("client {}: {}", self.name, line.as_ref()));
    }

    pub fn complain(&self, what: impl AsRef<str>) {
        self.stage
            .complain(format!("client {}: {}", self.name, what.as_ref()));
    }

    pub async fn wait(&self, most_ms: u64) {
        self.stage.sleep_ms(1 + self.dice.below(most_ms)).await;
    }

    /// Asks for something, and at times does not wait for the answer.
    pub async fn ask<T, F>(
        &self,
        what: &str,
        case: impl FnOnce(Arc<Assistants>, Project) -> F,
    ) -> Reply<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let patience = self
            .dice
            .chance(40)
            .then(|| Duration::from_millis(self.dice.below(4_000)));
        let project = self.stage.project();
        let (reply, process) = self
            .stage
            .call(patience, |assistants| case(assistants, project))
            .await;
        *self.server.lock().unwrap() = Some(process);
        self.log(match &reply {
            Reply::Done(_) => format!("{what}: done"),
            Reply::Refused(error) => format!("{what}: {} {}", error.status, error.message),
            Reply::Unsure => format!("{what}: no answer"),
        });
        reply
    }

    /// New words; `call` has the model call a function.
    fn words(&mut self, call: bool) -> String {
        self.said += 1;
        let words = ["how", "is", "the", "weather", "in", "my", "town", "today"];
        let length = self.dice.below(30) as usize;
        let words: Vec<_> = words.iter().cycle().take(length).copied().collect();
        let calls = match (call, self.dice.below(2)) {
            (false, _) => "",
            (true, 0) => " please call weather",
            (true, _) => " please call weather and time",
        };
        let (name, said) = (self.name, self.said);
        format!("{name}-{said} {}{calls}", words.join(" "))
    }

    pub fn pairs(&mut self) -> Metadata {
        self.said += 1;
        Metadata(vec![("n".to_owned(), self.said.to_string())])
    }

    async fn make_assistant(&mut self) -> Option<AssistantId> {
        let profile = Profile {
            model: if self.dice.chance(500) {
                "gpt-4.1-mini".to_owned()
            } else {
                "gemini-3-flash".to_owned()
            },
            tools: if self.dice.chance(700) {
                vec![tool("weather"), tool("time")]
            } else {
                Vec::new()
            },
            instructions: Some("Answer.".to_owned()),
            metadata: self.pairs(),
            ..Profile::default()
        };
        for _ in 0..TRIES {
            let profile = profile.clone();
            let made = self
                .ask("make an assistant", |assistants, project| async move {
                    assistants.create_assistant(&project, profile).await
                })
                .await;
            if let Reply::Done(assistant) = made {
                let id = assistant.id.clone();
                let mut facts = self.ledger.facts();
                facts.assistants.insert(id.clone(), assistant);
                return Some(id);
            }
            self.wait(2_000).await;
        }
        None
    }

    /// A thread, at times with a run on it already.
    async fn make_thread(
        &mut self,
        assistant: &AssistantId,
    ) -> Option<(Place, Option<(RunId, Option<RunEvents>)>)> {
        let call = self.dice.chance(400);
        let asked = self.words(call);
        let new = NewThread {
            messages: vec![says(&asked)],
            metadata: self.pairs(),
            tool_resources: None,
        };
        let metadata = new.metadata.clone();
        let known = |client: &Self, id: &ThreadId| {
            let facts = ThreadFacts {
                metadata: Some(metadata.clone()),
                is_there: Some(true),
            };
            client.ledger.facts().threads.insert(id.clone(), facts);
        };
        for _ in 0..TRIES {
            let new = new.clone();
            if self.dice.chance(300) {
                let watch = self.dice.chance(500);
                let new = NewThreadAndRun {
                    thread: new,
                    run: self.new_run(assistant),
                };
                let metadata = new.run.metadata.clone();
                let made = self
                    .ask(
                        "make a thread and a run",
                        |assistants, project| async move {
                            assistants.create_thread_and_run(&project, new, watch).await
                        },
                    )
                    .await;
                if let Reply::Done(StartedRun { run, events }) = made {
                    known(self, &run.thread_id);
                    let place = Place {
                        thread: run.thread_id.clone(),
                        asked: Some(asked),
                        may_be_busy: true,
                    };
                    self.know_run(&place, &run, Some(metadata));
                    return Some((place, Some((run.id, events))));
                }
            } else {
                let made = self
                    .ask("make a thread", |assistants, project| async move {
                        assistants.create_thread(&project, new).await
                    })
                    .await;
                if let Reply::Done(thread) = made {
                    known(self, &thread.id);
                    let place = Place {
                        thread: thread.id,
                        asked: Some(asked),
                        may_be_busy: false,
                    };
                    return Some((place, None));
                }
            }
            self.wait(2_000).await;
        }
        None
    }

    fn new_run(&mut self, assistant: &AssistantId) -> NewRun {
        NewRun {
            assistant_id: assistant.clone(),
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
            metadata: self.pairs(),
        }
    }

    fn know_run(&self, place: &Place, run: &Run, metadata: Option<Metadata>) {
        self.log(format!("knows {}", run.id));
        let facts = RunFacts {
            thread: place.thread.clone(),
            asked: place.asked.clone(),
            metadata,
            ended: None,
            cancelled_at: None,
        };
        self.ledger.facts().runs.insert(run.id.clone(), facts);
    }

    /// Says something, and begins a run about it.
    async fn make_run(
        &mut self,
        place: &mut Place,
        assistant: &AssistantId,
    ) -> Option<(RunId, Option<RunEvents>)> {
        let call = self.dice.chance(500);
        let asked = self.words(call);
        let together = self.dice.chance(400);
        if !together && !self.say(place, &asked).await {
            return self.find_run(place).await;
        }
        let mut new = self.new_run(assistant);
        if together {
            new.additional_messages = vec![says(&asked)];
        }
        let metadata = new.metadata.clone();
        let (watch, thread) = (self.dice.chance(500), place.thread.clone());
        let made = self
            .ask("make a run", |assistants, project| async move {
                assistants.create_run(&project, &thread, new, watch).await
            })
            .await;
        match made {
            Reply::Done(StartedRun { run, events }) => {
                place.asked = Some(asked);
                place.may_be_busy = true;
                self.know_run(place, &run, Some(metadata));
                Some((run.id, events))
            }
            Reply::Refused(error) => {
                if !(place.may_be_busy && error.message.contains("already has an active run")) {
                    self.complain(format!("a run is refused: {}", error.message));
                }
                self.find_run(place).await
            }
            Reply::Unsure => {
                if together {
                    place.asked = None;
                }
                place.may_be_busy = true;
                self.find_run(place).await
            }
        }
    }

    /// Adds a message; false where it is not known to be there.
    async fn say(&mut self, place: &mut Place, text: &str) -> bool {
        let (thread, message) = (place.thread.clone(), says(text));
        let said = self
            .ask("say something", |assistants, project| async move {
                assistants.create_message(&project, &thread, message).await
            })
            .await;
        match said {
            Reply::Done(message) => {
                place.asked = Some(text.to_owned());
                let facts = MessageFacts {
                    metadata: Some(message.metadata.clone()),
                    is_there: Some(true),
                    message: message.clone(),
                };
                self.ledger.facts().messages.insert(message.id, facts);
                true
            }
            Reply::Refused(error) => {
                if !(place.may_be_busy && error.message.contains("while a run")) {
                    self.complain(format!("a message is refused: {}", error.message));
                }
                false
            }
            Reply::Unsure => {
                place.asked = None;
                false
            }
        }
    }

    /// Looks for a run that is at work and that it was not told of.
    async fn find_run(&mut self, place: &mut Place) -> Option<(RunId, Option<RunEvents>)> {
        for _ in 0..TRIES {
            let thread = place.thread.clone();
            let listed: Reply<Page<Run>> = self
                .ask("list runs", |assistants, project| async move {
                    assistants.list_runs(&project, &thread, &all()).await
                })
                .await;
            match listed {
                Reply::Done(page) => {
                    let known = |run: &Run| self.ledger.facts().runs.contains_key(&run.id);
                    if let Some(run) = page.items.iter().find(|run| !known(run)) {
                        let unasked = Place {
                            thread: place.thread.clone(),
                            asked: None,
                            may_be_busy: true,
                        };
                        self.know_run(&unasked, run, Some(run.metadata.clone()));
                    }
                    let at_work = page.items.iter().find(|run| !run.status.is_terminal());
                    place.may_be_busy = at_work.is_some();
                    return at_work.map(|run| (run.id.clone(), None));
                }
                Reply::Refused(error) => {
                    self.gone(&place.thread, &error);
                    return None;
                }
                Reply::Unsure => self.wait(2_000).await,
            }
        }
        None
    }

    /// A refusal that can only mean that the thread is gone.
    pub fn gone(&self, thread: &ThreadId, error: &ApiError) {
        if self.ledger.has_thread(thread) {
            self.complain(format!("{thread} is there, but: {}", error.message));
        }
    }

    /// The client has seen a run rest.
    pub fn rests(&self, place: &mut Place, status: RunStatus) {
        place.may_be_busy = !status.is_terminal();
    }

    /// Changes something that has nothing to do with runs.
    async fn fiddle(&mut self, place: &Place) {
        match self.dice.below(6) {
            0 => self.change_thread(&place.thread).await,
            1 => self.change_message(&place.thread).await,
            2 => self.make_file().await,
            _ => {}
        }
    }

    async fn change_thread(&mut self, thread: &ThreadId) {
        let metadata = self.pairs();
        let (id, change) = (
            thread.clone(),
            ThreadChange {
                metadata: Some(metadata.clone()),
                tool_resources: None,
            },
        );
        let changed = self
            .ask("change the thread", |assistants, project| async move {
                assistants.modify_thread(&project, &id, change).await
            })
            .await;
        let known = match changed {
            Reply::Done(_) => Some(metadata),
            Reply::Refused(error) => return self.gone(thread, &error),
            Reply::Unsure => None,
        };
        if let Some(facts) = self.ledger.facts().threads.get_mut(thread) {
            facts.metadata = known;
        }
    }

    async fn change_message(&mut self, thread: &ThreadId) {
        let metadata = self.pairs();
        let some = {
            let facts = self.ledger.facts();
            let mut ours = facts
                .messages
                .values()
                .filter(|facts| facts.message.thread_id == *thread && facts.is_there == Some(true));
            ours.next_back().map(|facts| facts.message.id.clone())
        };
        let Some(id) = some else {
            return;
        };
        let delete = self.dice.chance(300);
        let (thread_id, message, pairs) = (thread.clone(), id.clone(), metadata.clone());
        let changed: Reply<()> = self
            .ask("change a message", |assistants, project| async move {
                if delete {
                    return assistants
                        .delete_message(&project, &thread_id, &message)
                        .await;
                }
                let changed =
                    assistants.modify_message(&project, &thread_id, &message, Some(pairs));
                changed.await.map(drop)
            })
            .await;
        let mut facts = self.ledger.facts();
        let Some(known) = facts.messages.get_mut(&id) else {
            return;
        };
        match (changed, delete) {
            (Reply::Done(()), true) => known.is_there = Some(false),
            (Reply::Done(()), false) => known.metadata = Some(metadata),
            (Reply::Unsure, true) => known.is_there = None,
            (Reply::Unsure, false) => known.metadata = None,
            (Reply::Refused(error), _) => {
                drop(facts);
                self.complain(format!("{id} is there, but: {}", error.message));
            }
        }
    }

    async fn make_file(&mut self) {
        let bytes = Bytes::from(self.words(false));
        let new = NewFile {
            filename: "a.txt".to_owned(),
            purpose: Purpose::Assistants,
            expires_after_seconds: None,
        };
        let sent = bytes.clone();
        let made = self
            .ask("make a file", |assistants, project| async move {
                let bytes = Box::pin(stream::once(std::future::ready(Ok(sent))));
                assistants.create_file(&project, new, bytes).await
            })
            .await;
        if let Reply::Done(file) = made {
            let mut facts = self.ledger.facts();
            facts.files.insert(file.id.clone(), (file, bytes));
        }
    }

    pub async fn delete_thread(&self, thread: &ThreadId) {
        let known = |is_there| {
            if let Some(facts) = self.ledger.facts().threads.get_mut(thread) {
                facts.is_there = is_there;
            }
        };
        let id = thread.clone();
        let deleted = self
            .ask("delete the thread", |assistants, project| async move {
                assistants.delete_thread(&project, &id).await
            })
            .await;
        match deleted {
            Reply::Done(()) => known(Some(false)),
            Reply::Refused(error) => return self.gone(thread, &error),
            Reply::Unsure => return known(None),
        }
        let id = thread.clone();
        let found = self
            .ask("look for the thread", |assistants, project| async move {
                assistants.retrieve_thread(&project, &id).await
            })
            .await;
        if let Reply::Done(_) = found {
            self.complain(format!("{thread} was deleted and is there"));
        }
    }
}

fn says(text: &str) -> NewMessage {
    NewMessage {
        role: Role::User,
        content: vec![Content::Text(text.to_owned())],
        attachments: Vec::new(),
        metadata: Metadata::default(),
    }
}

fn tool(name: &str) -> Tool {
    Tool::Function(FunctionTool {
        name: name.to_owned(),
        description: None,
        parameters: Some(json!({"type": "object", "properties": {"city": {"type": "string"}}})),
        strict: false,
    })
}

/// Everything of a list, oldest first.
pub fn all() -> PageQuery {
    PageQuery {
        limit: 100,
        order: Order::Ascending,
        after: None,
        before: None,
    }
}
