//! Watching a run that somebody else drives: what is stored of it, told as the events that a stream of it would tell.
//!
//! What is stored are whole steps and messages, so that a message's text comes in one piece when it is whole. Nothing is told
//! that may still be taken back.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{
    future::Either,
    stream::{self, Stream, StreamExt},
};
use locum_domain::{
    error::ApiError,
    id::{RunId, StepId, ThreadId},
    message::{Content, Message, MessageStatus},
    project::Project,
    run::{Run, RunEvent, RunStatus, Step, StepDetails, StepStatus},
};

use super::{
    Assistants,
    audience::{CutOff, RunEvents},
    lease::Pauses,
    store_failed,
};
use crate::store::Stored;

/// How often the run is looked at.
const LOOK: Duration = Duration::from_millis(250);

impl Assistants {
    /// What happens to a run from now on, whoever drives it, until it ends or waits for outputs; what it has done so far comes
    /// first.
    ///
    /// # Errors
    /// 404 for the thread or the run.
    pub async fn watch_run(
        self: &Arc<Self>,
        project: &Project,
        thread: &ThreadId,
        id: &RunId,
    ) -> Result<RunEvents, ApiError> {
        // What is not there is said by a status, not by a stream.
        self.retrieve_run(project, thread, id).await?;
        let follower = Follower::of(self, project, thread, id);
        Ok(RunEvents::new(follower.events()))
    }
}

/// Follows a run.
pub(super) struct Follower {
    assistants: Arc<Assistants>,
    project: Project,
    thread: ThreadId,
    run: RunId,
    told: Told,
    /// The version of the run that was looked at last.
    version: Option<u64>,
}

/// What a watcher was told.
#[derive(Default)]
struct Told {
    status: Option<RunStatus>,
    /// The steps whose end was told.
    steps: BTreeSet<StepId>,
    /// The step whose beginning was told, but not its end.
    open: Option<StepId>,
}

impl Told {
    fn note(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunChanged(run) => self.status = Some(run.status),
            RunEvent::StepBegun(step) => self.open = Some(step.id.clone()),
            RunEvent::StepEnded(step) => {
                self.open = None;
                self.steps.insert(step.id.clone());
            }
            _ => {}
        }
    }

    fn is_over(&self) -> bool {
        self.status.is_some_and(rests)
    }
}

impl Follower {
    /// Follows a run of which nothing was told.
    pub fn of(
        assistants: &Arc<Assistants>,
        project: &Project,
        thread: &ThreadId,
        run: &RunId,
    ) -> Self {
        Self {
            assistants: Arc::clone(assistants),
            project: project.clone(),
            thread: thread.clone(),
            run: run.clone(),
            told: Told::default(),
            version: None,
        }
    }

    /// What a driver tells here, and where the driver loses the run to another process, what that one makes of it.
    pub fn behind(
        self,
        driver: impl Stream<Item = Result<Vec<RunEvent>, CutOff>> + Send + Unpin,
    ) -> impl Stream<Item = Result<Vec<RunEvent>, ApiError>> + Send {
        let told = stream::unfold(Some((driver, self)), |both| async move {
            let (mut driver, mut follower) = both?;
            match driver.next().await? {
                Ok(events) => {
                    follower.note(&events);
                    Some((Either::Left(Ok(events)), Some((driver, follower))))
                }
                Err(CutOff::Lost) if follower.can_go_on() => Some((Either::Right(follower), None)),
                Err(cut_off) => Some((Either::Left(Err(cut_off.into())), None)),
            }
        });
        told.flat_map(|told| match told {
            Either::Left(events) => Either::Left(stream::iter([events])),
            Either::Right(follower) => Either::Right(follower.events()),
        })
    }

    /// Notes what the watcher was told.
    fn note(&mut self, events: &[RunEvent]) {
        events.iter().for_each(|event| self.told.note(event));
    }

    /// Whether the watcher can be told on: not while the process stops, nor where it was told nothing, or a part of what was taken
    /// back.
    fn can_go_on(&self) -> bool {
        let is_stopped = self.assistants.drivers.is_stopped();
        self.told.status.is_some() && self.told.open.is_none() && !is_stopped
    }

    /// The events that the watcher was not told yet.
    fn events(self) -> impl Stream<Item = Result<Vec<RunEvent>, ApiError>> + Send {
        stream::unfold(Some(self), |follower| async move {
            let mut follower = follower.filter(|it| !it.told.is_over())?;
            match follower.next().await {
                Ok(events) => Some((Ok(events), Some(follower))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Waits until there is something to be told.
    async fn next(&mut self) -> Result<Vec<RunEvent>, ApiError> {
        let clock = Arc::clone(&self.assistants.world.clock);
        let (mut pauses, mut since) = (Pauses::new(), clock.now());
        loop {
            match self.look().await {
                Ok(None) => return Err(ApiError::no_such("run", self.run.as_str())),
                Ok(Some(events)) if events.is_empty() => {
                    (pauses, since) = (Pauses::new(), clock.now());
                    clock.sleep(LOOK).await;
                }
                Ok(Some(events)) => {
                    self.note(&events);
                    return Ok(events);
                }
                Err(error) if clock.now().saturating_sub(since) > self.assistants.lease => {
                    return Err(store_failed(error));
                }
                Err(_) => clock.sleep(pauses.next()).await,
            }
        }
    }

    /// What has happened since the last look; `None` where the run was deleted with its thread.
    async fn look(&mut self) -> Stored<Option<Vec<RunEvent>>> {
        let store = &self.assistants.world.store;
        let found = store.run(&self.project, &self.thread, &self.run).await?;
        let Some(found) = found else {
            return Ok(None);
        };
        if self.version == Some(found.version) {
            return Ok(Some(Vec::new()));
        }
        let runs = [self.run.clone()];
        let steps = store
            .steps_of_runs(&self.project, &self.thread, &runs)
            .await?;
        let mut events = Vec::new();
        for step in steps {
            if is_settled(&step, &found.run) && !self.told.steps.contains(&step.id) {
                self.tell(step, &mut events).await?;
            }
        }
        self.version = Some(found.version);
        if self.told.status != Some(found.run.status) {
            let is_last = rests(found.run.status);
            let changed = RunEvent::RunChanged(Box::new(found.run));
            let place = if is_last { events.len() } else { 0 };
            events.insert(place, changed);
        }
        Ok(Some(events))
    }

    /// Tells a step from its beginning to its end.
    async fn tell(&self, step: Step, events: &mut Vec<RunEvent>) -> Stored<()> {
        events.push(RunEvent::StepBegun(Box::new(begun_step(&step))));
        match &step.details {
            StepDetails::Message(id) => {
                let store = &self.assistants.world.store;
                let found = store.message(&self.project, &self.thread, id).await?;
                // One that a client has deleted is not told of.
                if let Some(message) = found {
                    tell_message(message.value, events);
                }
            }
            StepDetails::Calls(calls) => {
                for (index, call) in calls.iter().enumerate() {
                    let step_id = step.id.clone();
                    events.push(RunEvent::CallBegun {
                        step_id: step_id.clone(),
                        index,
                        id: call.call.id.clone(),
                        name: call.call.name.clone(),
                    });
                    events.push(RunEvent::CallDelta {
                        step_id,
                        index,
                        arguments: call.call.arguments.clone(),
                    });
                }
            }
        }
        if step.status != StepStatus::InProgress {
            events.push(RunEvent::StepEnded(Box::new(step)));
        }
        Ok(())
    }
}

/// Whether a watcher's stream ends with this status.
fn rests(status: RunStatus) -> bool {
    status.is_terminal() || status == RunStatus::RequiresAction
}

/// Whether nothing of a step will be taken back: it has ended, or it is the one whose outputs are waited for.
fn is_settled(step: &Step, run: &Run) -> bool {
    let waits = run.status == RunStatus::RequiresAction;
    step.status != StepStatus::InProgress
        || (waits && matches!(step.details, StepDetails::Calls(_)))
}

/// A step as it was when it began.
fn begun_step(step: &Step) -> Step {
    Step {
        status: StepStatus::InProgress,
        details: match &step.details {
            StepDetails::Message(id) => StepDetails::Message(id.clone()),
            StepDetails::Calls(_) => StepDetails::Calls(Vec::new()),
        },
        last_error: None,
        expired_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: None,
        usage: None,
        ..step.clone()
    }
}

fn tell_message(message: Message, events: &mut Vec<RunEvent>) {
    events.push(RunEvent::MessageBegun(Box::new(Message {
        status: MessageStatus::InProgress,
        incomplete: None,
        completed_at: None,
        incomplete_at: None,
        content: Vec::new(),
        ..message.clone()
    })));
    for (index, content) in message.content.iter().enumerate() {
        let message_id = message.id.clone();
        match content {
            Content::Text(text) if !text.is_empty() => events.push(RunEvent::TextDelta {
                message_id,
                index,
                first: true,
                text: text.clone(),
            }),
            Content::Refusal(text) if !text.is_empty() => events.push(RunEvent::RefusalDelta {
                message_id,
                index,
                text: text.clone(),
            }),
            _ => {}
        }
    }
    events.push(RunEvent::MessageEnded(Box::new(message)));
}
