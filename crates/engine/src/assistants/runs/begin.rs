//! Beginning a run, and going on with one that waited for outputs.
//!
//! A run is stored in one stroke with everything that belongs to it, claimed by this process already: from the request to the
//! model's call there is one durable write. Its driver has its place before that, so that nobody's bell is missed.

use std::sync::Arc;

use locum_domain::{
    assistant::Profile,
    chat::Usage,
    error::ApiError,
    id::{Ids, RunId, ThreadId},
    message::Message,
    project::Project,
    run::{
        Input, Machine, NewRun, NewThreadAndRun, Output, Plan, Run, RunEvent, RunStatus, ToolOutput,
    },
    thread::Thread,
};

use super::NOUN;
use crate::{
    assistants::{
        Assistants, CHANGE_TRIES, COME_AGAIN, StartedRun,
        audience::{Audience, RunEvents, watched},
        changes_too_often,
        drive::{Driver, Found, drivers::Orphan, machine_of},
        follow::Follower,
        store_failed,
    },
    store::{Added, RunCommit, RunInsert},
};

/// What is stored ahead of a run.
struct Before {
    /// Made together with the run.
    thread: Option<Thread>,
    thread_id: ThreadId,
    messages: Vec<Message>,
}

impl Assistants {
    /// Makes a run on a thread and begins it. `watch`: whether its events are wanted.
    ///
    /// # Errors
    /// 404 for a thread or an assistant that is not there; 400 where another run is at work on the thread.
    pub async fn create_run(
        self: &Arc<Self>,
        project: &Project,
        thread: &ThreadId,
        mut new: NewRun,
        watch: bool,
    ) -> Result<StartedRun, ApiError> {
        let profile = match self.profile(project, &new).await {
            Ok(profile) => profile,
            Err(error) => {
                self.retrieve_thread(project, thread).await?;
                return Err(error);
            }
        };
        self.check_files(project, &new.additional_messages).await?;
        let mut ids = self.world.ids();
        let messages = std::mem::take(&mut new.additional_messages);
        let before = Before {
            thread: None,
            thread_id: thread.clone(),
            messages: self.stored_messages(thread, messages, &mut ids),
        };
        self.begin(project, before, new, profile, ids, watch).await
    }

    /// Makes a thread and a run on it, and begins the run.
    ///
    /// # Errors
    /// As for [`Assistants::create_run`].
    pub async fn create_thread_and_run(
        self: &Arc<Self>,
        project: &Project,
        new: NewThreadAndRun,
        watch: bool,
    ) -> Result<StartedRun, ApiError> {
        let NewThreadAndRun {
            thread,
            run: mut new,
        } = new;
        let profile = self.profile(project, &new).await?;
        self.check_files_at(project, "thread.messages", &thread.messages)
            .await?;
        self.check_files(project, &new.additional_messages).await?;
        let mut ids = self.world.ids();
        let id = ThreadId::next(&mut ids);
        let mut messages = thread.messages;
        messages.append(&mut new.additional_messages);
        let before = Before {
            messages: self.stored_messages(&id, messages, &mut ids),
            thread: Some(Thread {
                id: id.clone(),
                created_at: self.world.timestamp(),
                metadata: thread.metadata,
                tool_resources: thread.tool_resources,
            }),
            thread_id: id,
        };
        self.begin(project, before, new, profile, ids, watch).await
    }

    /// Hands the outputs of functions to a run that waits for them, which goes on with them.
    ///
    /// # Errors
    /// 404 for the thread or the run; 400 where it does not wait, or not for these.
    pub async fn submit_tool_outputs(
        self: &Arc<Self>,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
        outputs: Vec<ToolOutput>,
        watch: bool,
    ) -> Result<StartedRun, ApiError> {
        for _ in 0..CHANGE_TRIES {
            let stored = self.stored_run(project, thread, id).await?;
            let mut machine = machine_of(&stored);
            let input = Input::ToolOutputs(outputs.clone());
            let output = machine
                .handle(self.world.timestamp(), &mut self.world.ids(), input)
                .map_err(|refused| ApiError::run_refuses(&refused))?;
            let place = self.place(&stored).ok_or_else(stopping)?;
            let lease_end = self.lease_end();
            let commit = RunCommit {
                run: machine.run(),
                version: stored.version,
                token: stored.token,
                writes: &output.writes,
                next: self.next_of(machine.run(), lease_end),
            };
            // Where it is not known whether it was stored, the place is left without a word: the attendant looks at it.
            let committed = self.world.store.commit_run(project, commit).await;
            if !committed.map_err(store_failed)? {
                place.leave();
                continue;
            }
            let found = Found {
                project: stored.project,
                machine,
                version: stored.version + 1,
                token: stored.token,
                leased_until_ms: lease_end,
            };
            let run = queued(&output, found.machine.run());
            let (audience, events) = self.audience(watch, project, &run);
            Driver::new(self, place, found, audience).go_on(output);
            return Ok(StartedRun { run, events });
        }
        Err(changes_too_often(NOUN))
    }

    async fn begin(
        self: &Arc<Self>,
        project: &Project,
        before: Before,
        new: NewRun,
        profile: Profile,
        mut ids: Ids,
        watch: bool,
    ) -> Result<StartedRun, ApiError> {
        let Before {
            thread,
            thread_id,
            messages,
        } = before;
        let run = self.new_run(thread_id, new, profile, &mut ids);
        let place = self
            .drivers
            .enter(Orphan {
                project: project.clone(),
                thread: run.thread_id.clone(),
                run: run.id.clone(),
                token: 1,
            })
            .ok_or_else(stopping)?;
        let mut machine = Machine::new(run, None);
        let mut output = machine
            .handle(self.world.timestamp(), &mut ids, Input::Start)
            .map_err(|refused| ApiError::run_refuses(&refused))?;
        let lease_end = self.lease_end();
        let insert = RunInsert {
            thread: thread.as_ref(),
            messages: &messages,
            run: machine.run(),
            writes: &output.writes,
            next: self.next_of(machine.run(), lease_end),
        };
        // Where it is not known whether it was stored, the place is left without a word: the attendant looks at it.
        let added = self.world.store.insert_run(project, insert).await;
        let refused = match added.map_err(store_failed)? {
            Added::Added => None,
            Added::NoThread => Some(ApiError::no_such(
                "thread",
                machine.run().thread_id.as_str(),
            )),
            Added::Busy(other) => Some(ApiError::thread_has_run(&machine.run().thread_id, &other)),
        };
        if let Some(refused) = refused {
            place.leave();
            return Err(refused);
        }
        let run = queued(&output, machine.run());
        if let Some(thread) = thread {
            let created = RunEvent::ThreadCreated(Box::new(thread));
            output.events.insert(0, created);
        }
        let found = Found {
            project: project.clone(),
            machine,
            version: 1,
            token: 1,
            leased_until_ms: lease_end,
        };
        let (audience, events) = self.audience(watch, project, &run);
        Driver::new(self, place, found, audience).go_on(output);
        Ok(StartedRun { run, events })
    }

    /// Who watches a run from its beginning here, and what he is told.
    fn audience(
        self: &Arc<Self>,
        watch: bool,
        project: &Project,
        run: &Run,
    ) -> (Audience, Option<RunEvents>) {
        if !watch {
            return (Audience::nobody(), None);
        }
        let (audience, reader) = watched();
        let follower = Follower::of(self, project, &run.thread_id, &run.id);
        let events = RunEvents::new(follower.behind(reader));
        (audience, Some(events))
    }

    /// The run's assistant, as it is now.
    async fn profile(&self, project: &Project, new: &NewRun) -> Result<Profile, ApiError> {
        let assistant = self.retrieve_assistant(project, &new.assistant_id).await?;
        Ok(assistant.profile)
    }

    fn new_run(&self, thread_id: ThreadId, new: NewRun, profile: Profile, ids: &mut Ids) -> Run {
        let now = self.world.timestamp();
        Run {
            id: RunId::next(ids),
            thread_id,
            assistant_id: new.assistant_id.clone(),
            created_at: now,
            status: RunStatus::Queued,
            metadata: new.metadata.clone(),
            plan: plan(new, profile),
            expires_at: now.plus_seconds(self.run_expiry.as_secs()),
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
}

/// What a run is to do: what its request says, and where that says nothing, its assistant.
fn plan(new: NewRun, profile: Profile) -> Plan {
    let mut instructions = new
        .instructions
        .or(profile.instructions)
        .unwrap_or_default();
    if let Some(additional) = new.additional_instructions.filter(|text| !text.is_empty()) {
        if !instructions.is_empty() {
            instructions.push_str("\n\n");
        }
        instructions.push_str(&additional);
    }
    Plan {
        model: new.model.unwrap_or(profile.model),
        instructions,
        tools: new.tools.unwrap_or(profile.tools),
        tool_choice: new.tool_choice,
        parallel_tool_calls: new.parallel_tool_calls,
        response_format: new.response_format.unwrap_or(profile.response_format),
        reasoning_effort: new.reasoning_effort.or(profile.reasoning_effort),
        temperature: new.temperature.or(profile.temperature),
        top_p: new.top_p.or(profile.top_p),
        max_prompt_tokens: new.max_prompt_tokens,
        max_completion_tokens: new.max_completion_tokens,
        truncation: new.truncation,
    }
}

/// The run as it was when it was queued.
fn queued(output: &Output, now: &Run) -> Run {
    let queued = output.events.iter().find_map(|event| match event {
        RunEvent::RunCreated(run) | RunEvent::RunChanged(run) => Some((**run).clone()),
        _ => None,
    });
    queued.unwrap_or_else(|| now.clone())
}

fn stopping() -> ApiError {
    ApiError::busy("The server is stopping.", COME_AGAIN)
}
