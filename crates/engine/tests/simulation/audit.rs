//! What must be true at every moment: looked at in the store itself, where no weather reaches.

use std::collections::{BTreeMap, BTreeSet};

use locum_domain::{
    id::{RunId, ThreadId},
    project::Project,
    run::{Run, RunStatus},
};
use locum_engine::store::{RunStore, StoredRun, ThreadStore};

use crate::{client::all, follow::is_same, stage::Stage};

/// How often everything is looked at while the weather is bad.
const OFTEN_MS: u64 = 2_000;
/// And in fine weather.
const SELDOM_MS: u64 = 30_000;

/// How runs have ended, by the word for it.
pub type Endings = BTreeMap<&'static str, u64>;

/// Looks again and again, and complains of what must not be.
pub async fn audit(stage: Stage) {
    let mut seen = Seen::default();
    loop {
        seen.look(&stage).await;
        let pause = if stage.is_calm() { SELDOM_MS } else { OFTEN_MS };
        stage.sleep_ms(pause).await;
    }
}

/// How all runs of a stage have ended, and how often they were claimed; those of threads that are gone aside.
pub async fn endings(stage: &Stage) -> (Endings, u64) {
    let (mut endings, mut claims) = (Endings::new(), 0);
    for thread in threads(stage).await {
        for run in runs(stage, &thread).await {
            let found = stage.store().run(&stage.project(), &thread, &run.id).await;
            claims += found.unwrap().map_or(0, |found| found.token - 1);
            *endings.entry(run.status.as_str()).or_default() += 1;
        }
    }
    (endings, claims)
}

/// What was seen up to now.
#[derive(Default)]
struct Seen {
    threads: BTreeSet<ThreadId>,
    gone: BTreeSet<ThreadId>,
    runs: BTreeMap<RunId, StoredRun>,
}

impl Seen {
    async fn look(&mut self, stage: &Stage) {
        let there: BTreeSet<_> = threads(stage).await.into_iter().collect();
        for thread in &there {
            if self.gone.contains(thread) {
                stage.complain(format!("{thread} is there again"));
            }
            self.look_at(stage, thread).await;
        }
        self.gone.extend(self.threads.difference(&there).cloned());
        self.threads = there;
    }

    async fn look_at(&mut self, stage: &Stage, thread: &ThreadId) {
        let runs = runs(stage, thread).await;
        let at_work: Vec<_> = runs
            .iter()
            .filter(|run| !run.status.is_terminal())
            .collect();
        if at_work.len() > 1 {
            stage.complain(format!("{thread} has {} runs at work", at_work.len()));
        }
        for run in &runs {
            let project = Project::default();
            let stored = stage.store().run(&project, thread, &run.id).await.unwrap();
            let Some(stored) = stored else {
                stage.complain(format!("{} is listed and not there", run.id));
                continue;
            };
            if let Some(before) = self.runs.get(&run.id)
                && let Err(wrong) = follows(before, &stored)
            {
                stage.complain(format!("{}: {wrong}", run.id));
            }
            self.runs.insert(run.id.clone(), stored);
        }
    }
}

/// Whether a run can have come from one state to the other.
fn follows(before: &StoredRun, now: &StoredRun) -> Result<(), String> {
    let (from, to) = (before.run.status, now.run.status);
    if now.version < before.version || now.token < before.token {
        return Err(format!(
            "version {} and token {} became {} and {}",
            before.version, before.token, now.version, now.token
        ));
    }
    if from.is_terminal() && !is_same(&before.run, &now.run) {
        return Err(format!("{:?} became {:?}", before.run, now.run));
    }
    if to.is_terminal() && now.open.is_some() {
        return Err(format!("has ended in the middle of {:?}", now.open));
    }
    let goes_back = to == RunStatus::Queued && from != RunStatus::Queued
        || from == RunStatus::Cancelling && !to.is_terminal() && to != RunStatus::Cancelling;
    if goes_back {
        return Err(format!("{from:?} became {to:?}"));
    }
    if now.run.usage.total() < before.run.usage.total() || now.run.plan != before.run.plan {
        return Err(format!("{:?} became {:?}", before.run, now.run));
    }
    Ok(())
}

async fn threads(stage: &Stage) -> Vec<ThreadId> {
    let page = stage.store().threads(&stage.project(), &all()).await;
    let threads = page.unwrap().unwrap().items;
    threads.into_iter().map(|thread| thread.id).collect()
}

async fn runs(stage: &Stage, thread: &ThreadId) -> Vec<Run> {
    let page = stage.store().runs(&stage.project(), thread, &all()).await;
    page.unwrap().unwrap().items
}
