//! How a client follows a run: it watches or polls, hands in outputs, changes its mind, or leaves.

use futures_util::{
    StreamExt,
    future::{Either, select},
};
use locum_domain::{
    id::RunId,
    run::{Run, RunStatus, ToolOutput},
};
use locum_engine::{
    assistants::{RunEvents, StartedRun},
    store::{MessageStore, RunStore},
};

use crate::{
    client::{Client, Place},
    stage::Reply,
    watch::Watch,
};

/// How often a run is looked at before the client gives up.
const LOOKS: usize = 400;

impl Client {
    /// Follows a run until it ends, or until the client has had enough.
    pub async fn follow(&mut self, place: &mut Place, run: &RunId, events: Option<RunEvents>) {
        if let Some(events) = events {
            self.watch(place, run, events).await;
        }
        let mut seen: Option<Run> = None;
        for _ in 0..LOOKS {
            let (thread, id) = (place.thread.clone(), run.clone());
            let found = self
                .ask("look at the run", |assistants, project| async move {
                    assistants.retrieve_run(&project, &thread, &id).await
                })
                .await;
            let now = match found {
                Reply::Done(now) => now,
                Reply::Refused(error) => return self.gone(&place.thread, &error),
                Reply::Unsure => {
                    self.wait(2_000).await;
                    continue;
                }
            };
            self.compare(seen.as_ref(), &now);
            self.log(format!("{run} is {}", now.status.as_str()));
            if now.status.is_terminal() {
                self.ended(&now);
                return self.rests(place, now.status);
            }
            if now.status == RunStatus::RequiresAction {
                if self.dice.chance(40) {
                    self.log("leaves the run alone");
                    return;
                }
                self.act(place, &now).await;
            } else if self.dice.chance(40) {
                self.cancel(place, run).await;
            }
            match self.dice.below(40) {
                0 => self.change_run(place, run).await,
                1 if self.dice.chance(300) => self.delete_thread(&place.thread).await,
                _ => {}
            }
            if !self.ledger.has_thread(&place.thread) {
                return;
            }
            seen = Some(now);
            self.wait(4_000).await;
        }
    }

    /// Whether what is seen now can follow what was seen before.
    fn compare(&self, before: Option<&Run>, now: &Run) {
        let cancelling = {
            let facts = self.ledger.facts();
            let run = facts.runs.get(&now.id);
            run.is_some_and(|run| run.cancelled_at.is_some())
        };
        if cancelling && !now.status.is_terminal() && now.status != RunStatus::Cancelling {
            self.complain(format!("{} was cancelled and is {:?}", now.id, now.status));
        }
        let Some(before) = before else {
            return;
        };
        let went_back = before.status.is_terminal() && before.status != now.status
            || now.usage.total() < before.usage.total()
            || now.created_at != before.created_at
            || now.expires_at != before.expires_at;
        if went_back {
            self.complain(format!("{before:?} became {now:?}"));
        }
    }

    /// Notes how a run has ended; it may not change any more.
    fn ended(&self, now: &Run) {
        let mut facts = self.ledger.facts();
        let Some(facts) = facts.runs.get_mut(&now.id) else {
            return;
        };
        let changed = facts
            .ended
            .as_ref()
            .filter(|ended| !is_same(ended, now))
            .map(|ended| format!("the end of {ended:?} became {now:?}"));
        facts.ended = Some(now.clone());
        if let Some(changed) = changed {
            self.complain(changed);
        }
    }

    /// Watches a run until the stream ends, or the client leaves.
    async fn watch(&mut self, place: &mut Place, run: &RunId, mut events: RunEvents) {
        let mut watch = Watch::default();
        let server = self.server.lock().unwrap().clone();
        let mut death = server.unwrap().death();
        let mut left = if self.dice.chance(150) {
            self.dice.below(6)
        } else {
            u64::MAX
        };
        while left > 0 {
            left -= 1;
            let next = match select(events.next(), &mut death).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => {
                    self.log(format!("the stream of {run} ends with its process"));
                    return;
                }
            };
            match next {
                None => return self.watched(place, run, watch).await,
                Some(Err(error)) => {
                    self.log(format!("the stream of {run} breaks: {}", error.message));
                    if events.next().await.is_some() {
                        self.complain(format!("the stream of {run} goes on after an error"));
                    }
                    return;
                }
                Some(Ok(batch)) => {
                    for event in batch {
                        if let Err(wrong) = watch.see(&event) {
                            self.complain(format!("the stream of {run}: {wrong}"));
                            return;
                        }
                    }
                }
            }
            if self.dice.chance(20) {
                self.cancel(place, run).await;
            }
        }
        self.log(format!("leaves the stream of {run}"));
    }

    /// A stream has ended as it should: what it told must be stored.
    async fn watched(&mut self, place: &mut Place, run: &RunId, watch: Watch) {
        let Some(rest) = watch.rest else {
            return self.complain(format!("the stream of {run} ends before the run does"));
        };
        self.log(format!("watched {run} until {}", rest.status.as_str()));
        let (store, project) = (self.stage.store(), self.stage.project());
        let thread = &place.thread;
        let stored = store.run(&project, thread, run).await.unwrap();
        let Some(stored) = stored else {
            if self.ledger.has_thread(thread) {
                self.complain(format!("{run} was watched and is not there"));
            }
            return;
        };
        for step in &watch.steps {
            let stored = store.step(&project, thread, run, &step.id).await.unwrap();
            if stored.as_ref() != Some(step) {
                self.complain(format!("told {step:?}, stored {stored:?}"));
            }
        }
        for message in &watch.messages {
            let stored = store.message(&project, thread, &message.id).await.unwrap();
            let stored = stored.map(|stored| stored.value);
            if stored.as_ref() != Some(message) {
                self.complain(format!("told {message:?}, stored {stored:?}"));
            }
        }
        if rest.status.is_terminal() {
            if !is_same(&stored.run, &rest) {
                self.complain(format!("told {rest:?}, stored {:?}", stored.run));
            }
            self.ended(&stored.run);
            self.rests(place, rest.status);
        }
    }

    /// Does something about a run that waits for outputs.
    async fn act(&mut self, place: &mut Place, run: &Run) {
        let outputs: Vec<_> = run
            .required_calls
            .iter()
            .map(|call| ToolOutput {
                call_id: call.id.clone(),
                output: format!("{} says {}", call.name, self.dice.below(1000)),
            })
            .collect();
        match self.dice.below(10) {
            0 => {
                let mut wrong = outputs;
                wrong.truncate(wrong.len() - 1);
                self.submit_in_vain(place, &run.id, wrong).await;
            }
            1 => {
                let mut wrong = outputs;
                wrong.extend(wrong.first().cloned());
                self.submit_in_vain(place, &run.id, wrong).await;
            }
            2 => self.cancel(place, &run.id).await,
            3 => {}
            n => {
                let taken = self.submit(place, &run.id, outputs.clone()).await;
                if taken && n == 4 {
                    self.submit_in_vain(place, &run.id, outputs).await;
                }
            }
        }
    }

    /// Hands in outputs; answers whether they were taken for sure.
    async fn submit(&mut self, place: &mut Place, run: &RunId, outputs: Vec<ToolOutput>) -> bool {
        let (thread, id, sent) = (place.thread.clone(), run.clone(), outputs.clone());
        let watch = self.dice.chance(400);
        let submitted = self
            .ask("submit outputs", |assistants, project| async move {
                assistants
                    .submit_tool_outputs(&project, &thread, &id, sent, watch)
                    .await
            })
            .await;
        let Reply::Done(StartedRun { events, .. }) = submitted else {
            return false;
        };
        for ToolOutput { call_id, output } in outputs {
            let key = (run.clone(), call_id);
            let earlier = self.ledger.facts().outputs.insert(key, output);
            if earlier.is_some() {
                self.complain(format!("{run} took two outputs for one call"));
            }
        }
        if let Some(events) = events {
            self.watch(place, run, events).await;
        }
        true
    }

    /// Hands in what must not be taken.
    async fn submit_in_vain(&self, place: &Place, run: &RunId, outputs: Vec<ToolOutput>) {
        let (thread, id) = (place.thread.clone(), run.clone());
        let submitted = self
            .ask("submit wrong outputs", |assistants, project| async move {
                assistants
                    .submit_tool_outputs(&project, &thread, &id, outputs, false)
                    .await
            })
            .await;
        if let Reply::Done(_) = submitted {
            self.complain(format!("{run} took wrong outputs"));
        }
    }

    async fn cancel(&self, place: &Place, run: &RunId) {
        let (thread, id) = (place.thread.clone(), run.clone());
        let cancelled = self
            .ask("cancel the run", |assistants, project| async move {
                assistants.cancel_run(&project, &thread, &id).await
            })
            .await;
        if let Reply::Done(now) = cancelled {
            if now.status != RunStatus::Cancelling {
                self.complain(format!("{run} was cancelled and is {:?}", now.status));
            }
            if let Some(facts) = self.ledger.facts().runs.get_mut(run) {
                facts.cancelled_at = Some(self.stage.now());
            }
        }
    }

    async fn change_run(&mut self, place: &Place, run: &RunId) {
        let metadata = self.pairs();
        let (thread, id, pairs) = (place.thread.clone(), run.clone(), metadata.clone());
        let changed = self
            .ask("change the run", |assistants, project| async move {
                assistants
                    .modify_run(&project, &thread, &id, Some(pairs))
                    .await
            })
            .await;
        let known = match changed {
            Reply::Done(_) => Some(metadata),
            Reply::Refused(error) => return self.gone(&place.thread, &error),
            Reply::Unsure => None,
        };
        if let Some(facts) = self.ledger.facts().runs.get_mut(run) {
            facts.metadata = known;
        }
    }
}

/// Whether two looks at a run that has ended are the same, but for what clients may change.
pub fn is_same(a: &Run, b: &Run) -> bool {
    let mut b = b.clone();
    b.metadata.clone_from(&a.metadata);
    *a == b
}
