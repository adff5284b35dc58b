//! What is noted of a run: a log line for each of its states, and how long it took.

use std::time::Duration;

use locum_domain::run::{Run, RunEvent, RunStatus, StepDetails, StepStatus};
use tracing::info;

use crate::{
    assistants::Assistants,
    ports::{RunPoint, whole_ms},
};

/// The notes on one run while it is driven.
pub(super) struct Logbook {
    status: Option<RunStatus>,
    /// When it was made, on the engine's clock.
    born: Duration,
    /// Since when it waits for the model to be asked.
    queued: Option<Duration>,
}

impl Logbook {
    /// For a run as its driver finds it.
    pub fn open(assistants: &Assistants, run: &Run) -> Self {
        let clock = &assistants.world.clock;
        let now = clock.now();
        let age = clock
            .unix()
            .saturating_sub(Duration::from_secs(run.created_at.0));
        // Times that are stored are whole seconds: one that was made within this one was made now.
        let age = if age < Duration::from_secs(1) {
            Duration::ZERO
        } else {
            age
        };
        Self {
            status: None,
            born: now.saturating_sub(age),
            queued: Some(now),
        }
    }

    /// The model was asked, and answers.
    pub fn asked(&mut self, assistants: &Assistants) {
        if let Some(queued) = self.queued.take() {
            let waited = assistants.world.clock.now().saturating_sub(queued);
            assistants.metrics.run_began(waited);
        }
    }

    /// Something has happened.
    pub fn note(&mut self, assistants: &Assistants, event: &RunEvent) {
        match event {
            RunEvent::RunChanged(run) => self.changed(assistants, run),
            RunEvent::StepEnded(step)
                if step.status == StepStatus::Completed
                    && matches!(step.details, StepDetails::Calls(_)) =>
            {
                let asked = Duration::from_secs(step.created_at.0);
                let waited = assistants.world.clock.unix().saturating_sub(asked);
                assistants.metrics.tools_ran(waited);
            }
            _ => {}
        }
    }

    fn changed(&mut self, assistants: &Assistants, run: &Run) {
        let from = self.status.replace(run.status);
        let elapsed = assistants.world.clock.now().saturating_sub(self.born);
        let served = run.served.as_ref();
        info!(
            run = run.id.as_str(),
            thread = run.thread_id.as_str(),
            assistant = run.assistant_id.as_str(),
            from = from.map(RunStatus::as_str),
            to = run.status.as_str(),
            provider = served.map(|served| served.provider.as_str()),
            model = served.map(|served| served.model.as_str()),
            prompt_tokens = run.usage.prompt,
            completion_tokens = run.usage.completion,
            error = run.last_error.as_ref().map(|error| error.code.as_str()),
            elapsed_ms = whole_ms(elapsed),
            "a run has another status"
        );
        if run.status.is_terminal() {
            assistants.metrics.run_ended(run.status, elapsed);
            if let Some(analytics) = &assistants.world.analytics {
                analytics.run(&RunPoint { run, elapsed });
            }
        }
    }
}
