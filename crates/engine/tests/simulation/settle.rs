//! What must be true once nothing goes wrong any more and everything has had its time.

use std::collections::BTreeSet;

use locum_domain::{
    id::ThreadId,
    message::{Content, Message, MessageStatus},
    project::Project,
    run::{Run, RunStatus, Step, StepDetails, StepStatus},
};
use locum_engine::{
    ports::Blobs,
    store::{Added, AssistantStore, FileStore, MessageStore, RunStore, ThreadStore},
};

use crate::{
    client::all,
    follow::is_same,
    ledger::{Facts, Ledger, RunFacts},
    stage::{Reply, Stage},
};

/// How long runs may take that need nothing but the model, once nothing goes wrong: a silent upstream is given up after
/// half a minute, and at most a few are met in a row.
const SETTLING_MS: u64 = 240_000;

/// How long a run may be cancelling, in any weather. One that expires meanwhile has expired.
const CANCELLING_SECONDS: u64 = 45;

/// Lets everything end, and looks at what has become of it.
pub async fn settle(stage: &Stage, ledger: &Ledger) {
    stage.sleep_ms(SETTLING_MS).await;
    let settled = Settled {
        stage,
        project: stage.project(),
        facts: &ledger.facts_of_all(),
    };
    settled.nothing_is_at_work().await;
    let expiry = u64::try_from(stage.run_expiry().as_millis()).unwrap();
    stage.sleep_ms(expiry + 10_000).await;
    settled.all_is_there().await;
    settled.all_has_ended().await;
    settled.garbage_goes().await;
}

struct Settled<'a> {
    stage: &'a Stage,
    project: Project,
    facts: &'a Facts,
}

impl Settled<'_> {
    async fn threads(&self) -> Vec<ThreadId> {
        let page = self.stage.store().threads(&self.project, &all()).await;
        let threads = page.unwrap().unwrap().items;
        threads.into_iter().map(|thread| thread.id).collect()
    }

    async fn runs(&self, thread: &ThreadId) -> Vec<Run> {
        let page = self.stage.store().runs(&self.project, thread, &all()).await;
        page.unwrap().unwrap().items
    }

    /// Every run has ended, or waits for outputs.
    async fn nothing_is_at_work(&self) {
        for thread in self.threads().await {
            for run in self.runs(&thread).await {
                if !run.status.is_terminal() && run.status != RunStatus::RequiresAction {
                    let (id, status) = (&run.id, run.status.as_str());
                    self.stage.complain(format!("{id} is still {status}"));
                }
            }
        }
    }

    /// What clients were told is so.
    async fn all_is_there(&self) {
        let (stage, store, project) = (self.stage, self.stage.store(), &self.project);
        for assistant in self.facts.assistants.values() {
            let found = store.assistant(project, &assistant.id).await.unwrap();
            if found.map(|found| found.value).as_ref() != Some(assistant) {
                stage.complain(format!("{} is not as it was made", assistant.id));
            }
        }
        for (file, bytes) in self.facts.files.values() {
            let found = store.file(project, &file.id).await.unwrap();
            let blob = stage.blobs().read(file.id.as_str()).await.unwrap();
            let size = blob.map(|blob| blob.size_bytes);
            if found.as_ref() != Some(file) || size != Some(bytes.len() as u64) {
                stage.complain(format!("{} is not as it was made", file.id));
            }
        }
        for (id, facts) in &self.facts.threads {
            let found = store.thread(project, id).await.unwrap();
            if facts.is_there.is_some_and(|there| there != found.is_some()) {
                stage.complain(format!("{id}: {:?}, stored {found:?}", facts.is_there));
            }
            if let (Some(found), Some(metadata)) = (&found, &facts.metadata)
                && found.value.metadata != *metadata
            {
                stage.complain(format!("{id} has lost {metadata:?}"));
            }
        }
        for (id, facts) in &self.facts.messages {
            let thread = &facts.message.thread_id;
            if !self.is_there(thread).await {
                continue;
            }
            let found = store.message(project, thread, id).await.unwrap();
            if facts.is_there.is_some_and(|there| there != found.is_some()) {
                stage.complain(format!("{id}: {:?}, stored {found:?}", facts.is_there));
            }
            let Some(found) = found.map(|found| found.value) else {
                continue;
            };
            let changed = facts.metadata.as_ref() != Some(&found.metadata);
            if found.content != facts.message.content || (facts.metadata.is_some() && changed) {
                stage.complain(format!("{id} is not as it was made"));
            }
        }
        for (id, facts) in &self.facts.runs {
            if !self.is_there(&facts.thread).await {
                continue;
            }
            match store.run(project, &facts.thread, id).await.unwrap() {
                None => stage.complain(format!("{id} is gone")),
                Some(stored) => self.compare_run(facts, &stored.run),
            }
        }
        for ((run, call), output) in &self.facts.outputs {
            let Some(facts) = self.facts.runs.get(run) else {
                continue;
            };
            let runs = std::slice::from_ref(run);
            let steps = store.steps_of_runs(project, &facts.thread, runs).await;
            let steps = steps.unwrap();
            let stored: Vec<_> = steps
                .iter()
                .filter_map(|step| match &step.details {
                    StepDetails::Calls(calls) => Some(calls),
                    StepDetails::Message(_) => None,
                })
                .flatten()
                .filter(|stored| stored.call.id == *call)
                .map(|stored| stored.output.as_ref())
                .collect();
            if self.is_there(&facts.thread).await && stored != [Some(output)] {
                stage.complain(format!("{run} has {stored:?} for {output:?}"));
            }
        }
    }

    async fn is_there(&self, thread: &ThreadId) -> bool {
        let found = self.stage.store().thread(&self.project, thread).await;
        found.unwrap().is_some()
    }

    fn compare_run(&self, facts: &RunFacts, stored: &Run) {
        let id = &stored.id;
        if let Some(ended) = &facts.ended
            && !is_same(ended, stored)
        {
            let what = format!("the end of {ended:?} became {stored:?}");
            self.stage.complain(what);
        }
        if let Some(metadata) = &facts.metadata
            && stored.metadata != *metadata
        {
            self.stage.complain(format!("{id} has lost {metadata:?}"));
        }
        let slow = facts.cancelled_at.is_some_and(|at| {
            stored.status == RunStatus::Expired
                && at.plus_seconds(CANCELLING_SECONDS) < stored.expires_at
        });
        if slow {
            let what = format!("{id} was cancelled and has expired long after");
            self.stage.complain(what);
        }
    }

    /// Every run has come to one end, and left its thread free.
    async fn all_has_ended(&self) {
        for thread in self.threads().await {
            let store = self.stage.store();
            let page = store.messages(&self.project, &thread, None, &all()).await;
            let messages = page.unwrap().unwrap().items;
            let mut written = BTreeSet::new();
            let mut handed_in = Vec::new();
            for run in self.runs(&thread).await {
                let runs = std::slice::from_ref(&run.id);
                let steps = store.steps_of_runs(&self.project, &thread, runs).await;
                let steps = steps.unwrap();
                let own = outputs_of(&steps);
                // Where a run ended between the outputs and the answer to them, the next one may get that answer.
                let heard = if own.is_empty() { &handed_in } else { &own };
                if let Err(wrong) = self.check_run(&run, &steps, &messages, heard) {
                    self.stage.complain(format!("{}: {wrong}", run.id));
                }
                handed_in.extend(own);
                written.insert(run.id);
            }
            let strays = messages.iter().filter(|message| {
                let of = message.run_id.as_ref();
                of.is_some_and(|run| !written.contains(run))
            });
            for stray in strays {
                self.stage.complain(format!("{} has no run", stray.id));
            }
            let Some(mut message) = messages.into_iter().next() else {
                continue;
            };
            message.id = format!("msg_last_{thread}").as_str().into();
            let added = store.insert_message(&self.project, &message).await;
            if added != Ok(Added::Added) {
                self.stage
                    .complain(format!("{thread} is locked: {added:?}"));
            }
        }
    }

    fn check_run(
        &self,
        run: &Run,
        steps: &[Step],
        messages: &[Message],
        outputs: &[String],
    ) -> Result<(), String> {
        if !run.status.is_terminal() {
            return Err(format!("is still {}", run.status.as_str()));
        }
        if !run.required_calls.is_empty() || run.written_ahead.is_some() {
            return Err(format!("has ended with something left: {run:?}"));
        }
        if let Some(open) = steps
            .iter()
            .find(|step| step.status == StepStatus::InProgress)
        {
            return Err(format!("has ended, but not its step {}", open.id));
        }
        let spent = steps
            .iter()
            .filter_map(|step| step.usage)
            .map(|usage| usage.total())
            .sum::<u64>();
        if spent > run.usage.total() {
            return Err(format!("cost {:?}, but its steps {spent}", run.usage));
        }
        let of_steps: BTreeSet<_> = steps
            .iter()
            .filter_map(|step| match &step.details {
                StepDetails::Message(id) => Some(id),
                StepDetails::Calls(_) => None,
            })
            .collect();
        let own: Vec<_> = messages
            .iter()
            .filter(|message| message.run_id.as_ref() == Some(&run.id))
            .collect();
        let ids: BTreeSet<_> = own.iter().map(|message| &message.id).collect();
        if of_steps != ids || ids.len() != own.len() {
            return Err(format!("its steps wrote {of_steps:?}, stored are {ids:?}"));
        }
        if own
            .iter()
            .any(|message| message.status == MessageStatus::InProgress)
        {
            return Err("has ended, but not its message".to_owned());
        }
        if run.status == RunStatus::Completed {
            self.check_answer(run, steps, &own, outputs)?;
        }
        Ok(())
    }

    /// A run that is complete has given one answer, and it is the model's.
    fn check_answer(
        &self,
        run: &Run,
        steps: &[Step],
        own: &[&Message],
        outputs: &[String],
    ) -> Result<(), String> {
        let [answer] = own else {
            return Err(format!("gave {} answers", own.len()));
        };
        let is_last = steps
            .last()
            .is_some_and(|step| step.details == StepDetails::Message(answer.id.clone()));
        if !is_last || answer.status != MessageStatus::Completed {
            return Err(format!("ended with {steps:?} and {answer:?}"));
        }
        if steps
            .iter()
            .any(|step| step.status != StepStatus::Completed)
        {
            return Err(format!("is complete, but not all of {steps:?}"));
        }
        let (None, Some(served)) = (&run.last_error, &run.served) else {
            return Err(format!("is complete without an answer: {run:?}"));
        };
        if self.stage.doubles_bytes() {
            return Ok(());
        }
        let [Content::Text(text)] = answer.content.as_slice() else {
            return Err(format!("answered {:?}", answer.content));
        };
        let asked = self.facts.runs.get(&run.id);
        let asked = asked.and_then(|facts| facts.asked.as_ref());
        // Providers may join what a user said in several messages.
        let answers_text = asked.is_none_or(|asked| text.ends_with(asked));
        let answers_outputs = outputs.iter().any(|output| text.contains(output));
        let has_called = !outputs_of(steps).is_empty();
        let is_whole = text.starts_with("echo: ")
            && if has_called {
                outputs.iter().all(|output| text.contains(output))
            } else {
                answers_text || answers_outputs
            };
        if is_whole {
            Ok(())
        } else {
            Err(format!(
                "{served:?} said {text:?} to {asked:?}, {outputs:?}"
            ))
        }
    }

    /// What was deleted goes, and nothing else.
    async fn garbage_goes(&self) {
        let collected = self
            .stage
            .call(None, |assistants| async move {
                assistants.collect_garbage(false).await?;
                assistants.collect_garbage(true).await
            })
            .await;
        let (Reply::Done(left), _) = collected else {
            return self.stage.complain("garbage cannot be collected");
        };
        if left.deleted_rows.total() > 0 || left.expired_runs > 0 {
            self.stage.complain(format!("garbage is left: {left:?}"));
        }
        for (id, facts) in &self.facts.threads {
            if facts.is_there == Some(true) && !self.is_there(id).await {
                self.stage.complain(format!("{id} went with the garbage"));
            }
        }
    }
}

/// What functions returned in a run.
fn outputs_of(steps: &[Step]) -> Vec<String> {
    let calls = steps.iter().filter_map(|step| match &step.details {
        StepDetails::Calls(calls) => Some(calls),
        StepDetails::Message(_) => None,
    });
    calls
        .flatten()
        .filter_map(|call| call.output.clone())
        .collect()
}
