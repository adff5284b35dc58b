//! A thread read backwards, in groups of messages that belong together: one message, or all that one run wrote.

use std::collections::{HashMap, VecDeque};

use locum_domain::{
    chat::Message as Turn,
    id::RunId,
    message::{Message, MessageStatus, Role},
    page::{Order, PageQuery},
    run::{RunError, RunErrorCode, Step},
};

use super::{Ask, turns::turns};
use crate::{
    assistants::{Assistants, lease::Pauses},
    store::Stored,
};

/// How many messages are read at first: most threads are short.
const FIRST_PAGE: u32 = 50;
/// How many messages are read at a time after that.
const PAGE: u32 = 200;

/// A thread that is being read.
pub(super) struct Backwards<'a> {
    assistants: &'a Assistants,
    ask: &'a Ask,
    /// Read, and not yet handed out, newest first.
    messages: VecDeque<Message>,
    /// The steps of the runs that wrote them.
    steps: HashMap<RunId, Vec<Step>>,
    /// Behind which message the next page begins; `None` before the first page.
    cursor: Option<String>,
    /// Whether all was read.
    at_end: bool,
}

/// Messages that belong together, newest first.
pub(super) struct Group {
    messages: Vec<Message>,
    steps: Vec<Step>,
}

impl<'a> Backwards<'a> {
    pub fn new(assistants: &'a Assistants, ask: &'a Ask) -> Self {
        Self {
            assistants,
            ask,
            messages: VecDeque::new(),
            steps: HashMap::new(),
            cursor: None,
            at_end: false,
        }
    }

    /// What the run at work has done up to now. It is the newest in the thread, which is locked for others.
    pub async fn own(&mut self) -> Result<Group, RunError> {
        self.read_page().await?;
        let own = self.ask.run.clone();
        let messages = self.all_of(&own).await?;
        Ok(Group {
            messages,
            steps: self.steps.remove(&own).unwrap_or_default(),
        })
    }

    /// The next older group; `None` where there is none.
    pub async fn next(&mut self) -> Result<Option<Group>, RunError> {
        if self.messages.is_empty() {
            self.read_page().await?;
        }
        let Some(newest) = self.messages.pop_front() else {
            return Ok(None);
        };
        let mut group = Group {
            messages: Vec::new(),
            steps: Vec::new(),
        };
        let run = newest.run_id.clone();
        group.messages.push(newest);
        if let Some(run) = run {
            group.messages.extend(self.all_of(&run).await?);
            group.steps = self.steps.remove(&run).unwrap_or_default();
        }
        Ok(Some(group))
    }

    /// Takes the messages of `run` that come next.
    async fn all_of(&mut self, run: &RunId) -> Result<Vec<Message>, RunError> {
        let mut taken = Vec::new();
        loop {
            while let Some(message) = self
                .messages
                .pop_front_if(|message| message.run_id.as_ref() == Some(run))
            {
                taken.push(message);
            }
            if !self.messages.is_empty() || self.at_end {
                return Ok(taken);
            }
            self.read_page().await?;
        }
    }

    async fn read_page(&mut self) -> Result<(), RunError> {
        if self.at_end {
            return Ok(());
        }
        let is_first = self.cursor.is_none();
        let query = PageQuery {
            limit: if is_first { FIRST_PAGE } else { PAGE },
            order: Order::Descending,
            after: self.cursor.take(),
            before: None,
        };
        let Ask {
            project, thread, ..
        } = self.ask;
        let store = &self.assistants.world.store;
        let page = persistently(self.assistants, || {
            store.messages(project, thread, None, &query)
        })
        .await?;
        // A cursor that names nothing: the message was deleted and collected this very moment.
        let Some(page) = page else {
            self.at_end = true;
            return Ok(());
        };
        self.at_end = !page.has_more;
        self.cursor = page.items.last().map(|last| last.id.as_str().to_owned());
        let mut runs: Vec<RunId> = (is_first && self.ask.has_steps)
            .then(|| self.ask.run.clone())
            .into_iter()
            .collect();
        for message in &page.items {
            if message.role == Role::Assistant
                && let Some(run) = &message.run_id
                && !runs.contains(run)
                && !self.steps.contains_key(run)
            {
                runs.push(run.clone());
            }
        }
        if !runs.is_empty() {
            let steps = persistently(self.assistants, || {
                store.steps_of_runs(project, thread, &runs)
            })
            .await?;
            for step in steps {
                self.steps
                    .entry(step.run_id.clone())
                    .or_default()
                    .push(step);
            }
        }
        let whole = |message: &Message| message.status != MessageStatus::InProgress;
        self.messages.extend(page.items.into_iter().filter(whole));
        Ok(())
    }
}

impl Group {
    /// How many messages it is.
    pub fn count(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap_or(u32::MAX)
    }

    /// Leaves out all but the newest `count` messages.
    pub fn keep_newest(&mut self, count: usize) {
        self.messages.truncate(count);
    }

    /// The turns, oldest first. Images are named, not yet there.
    pub fn turns(mut self) -> Vec<Turn> {
        self.messages.reverse();
        turns(self.messages, &self.steps)
    }
}

/// Asks the store until it answers, for as long as others may wait for a run.
pub(super) async fn persistently<T, F>(
    assistants: &Assistants,
    ask: impl Fn() -> F,
) -> Result<T, RunError>
where
    F: Future<Output = Stored<T>>,
{
    let mut pauses = Pauses::new();
    let began = assistants.world.clock.now();
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        tracing::warn!(%error, "the store could not do what a run needs");
        if assistants.world.clock.now().saturating_sub(began) >= assistants.lease {
            return Err(RunError {
                code: RunErrorCode::ServerError,
                message: "The thread could not be read.".to_owned(),
            });
        }
        assistants.world.clock.sleep(pauses.next()).await;
    }
}
