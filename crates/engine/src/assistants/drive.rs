//! The loop that carries a run through its life. It is the only one that feeds a [`Machine`] while the model is at work.
//!
//! One round: feed what has happened, store what follows from it, tell whoever watches, do what is to be done, wait. Read in
//! this order: this page (the loop), `drivers` (all loops of this process), `call` (the model's answer), `commit` (storing,
//! and what others stored meanwhile), `logbook` (log lines and metrics).

mod call;
mod commit;
pub(super) mod drivers;
mod logbook;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use locum_domain::{
    project::Project,
    run::{Effect, Input, Machine, Output, RunStatus, Write},
};
use tracing::{Instrument, debug, error_span};

pub(super) use self::commit::machine_of;
use self::{
    call::{Call, Heard},
    drivers::Place,
    logbook::Logbook,
};
use super::{Assistants, audience::Audience, context::Ask};
use crate::ports::PortFuture;

/// The shortest wait for a moment that seems to have passed already.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// How often the store is asked what others did to a run, while nothing of it is stored: its bell rings in this process alone.
const LOOK: Duration = Duration::from_secs(3);
/// How many pieces of an answer are taken together at most.
const MOST_TOGETHER: usize = 64;

/// A run, and all that its driver needs.
pub(super) struct Driver {
    assistants: Arc<Assistants>,
    place: Place,
    project: Project,
    machine: Machine,
    /// Of the run as we stored or loaded it last.
    version: u64,
    /// Of our claim.
    token: u64,
    /// Until when our claim holds for sure: milliseconds since 1970.
    leased_until_ms: u64,
    /// Whether the store must hear of us even if nothing has changed.
    owes_commit: bool,
    audience: Audience,
    call: Call,
    /// Whether somebody has been told a part of the answer that is being given.
    shown: bool,
    /// Providers whose answer to this call broke off.
    avoid: Vec<&'static str>,
    timer: Option<PortFuture<'static, ()>>,
    look: Option<PortFuture<'static, ()>>,
    logbook: Logbook,
}

/// A run as its driver finds it.
pub(super) struct Found {
    /// Whose it is.
    pub project: Project,
    /// The run, with what it has open.
    pub machine: Machine,
    /// Its version in the store.
    pub version: u64,
    /// The token of the claim under which it is driven.
    pub token: u64,
    /// When others may claim it: milliseconds since 1970.
    pub leased_until_ms: u64,
}

/// Why a loop ends.
enum Stop {
    /// The run has ended, or waits for outputs.
    Rests,
    /// Somebody else drives it, or it is gone.
    Fenced,
    /// This process stops.
    HandedOver,
    /// It is not known whether the run is still ours.
    Lost,
}

/// What a driver waits for.
enum Wake {
    Bell,
    Look,
    Time,
    Heard(Vec<Heard>),
}

impl Driver {
    /// A driver for a run that has its place among those of this process.
    pub fn new(
        assistants: &Arc<Assistants>,
        place: Place,
        found: Found,
        audience: Audience,
    ) -> Self {
        Self {
            logbook: Logbook::open(assistants, found.machine.run()),
            assistants: Arc::clone(assistants),
            place,
            project: found.project,
            machine: found.machine,
            version: found.version,
            token: found.token,
            leased_until_ms: found.leased_until_ms,
            owes_commit: false,
            audience,
            call: Call::None,
            shown: false,
            avoid: Vec::new(),
            timer: None,
            look: None,
        }
    }

    /// Goes on with a run of which `output` is stored already, in a task of its own.
    pub fn go_on(self, output: Output) {
        self.spawn(output, Vec::new());
    }

    /// Goes on with a run whose driver is gone, in a task of its own.
    pub fn take_over(mut self) {
        self.owes_commit = true;
        self.spawn(Output::default(), vec![Input::TakenOver]);
    }

    fn spawn(self, output: Output, inputs: Vec<Input>) {
        // Named as the span around a request is, so that the lines of a run carry its id; a run outlives the request.
        let span = error_span!(parent: None, "request", request_id = %self.machine.run().id, otel.name = "run");
        let spawn = Arc::clone(&self.assistants.world.spawn);
        spawn.spawn(Box::pin(self.run(output, inputs).instrument(span)));
    }

    async fn run(mut self, output: Output, inputs: Vec<Input>) {
        let stop = self.live(output, inputs).await;
        let Self {
            place, audience, ..
        } = self;
        match stop {
            Stop::Rests => {
                audience.finish();
                place.leave();
            }
            Stop::Fenced => {
                debug!("the run is somebody else's now");
                place.leave();
            }
            Stop::HandedOver => {
                debug!("the run is left to the next process");
                place.leave();
            }
            Stop::Lost => {
                self.assistants.metrics.lease_lost();
                tracing::warn!("the run's lease is lost: it will be taken over");
                drop(place);
            }
        }
    }

    async fn live(&mut self, committed: Output, mut inputs: Vec<Input>) -> Stop {
        let mut effects = self.tell(committed);
        loop {
            for effect in effects {
                self.perform(effect, &mut inputs);
            }
            if inputs.is_empty() {
                if self.rests() {
                    return Stop::Rests;
                }
                inputs = match self.wait().await {
                    Wake::Heard(heard) => self.inputs(heard),
                    Wake::Time => vec![Input::Tick],
                    Wake::Bell => match self.look_again().await {
                        Ok(inputs) => inputs,
                        Err(stop) => return stop,
                    },
                    Wake::Look => match self.glance().await {
                        Ok(inputs) => inputs,
                        Err(stop) => return stop,
                    },
                };
            }
            let mut output = self.feed(std::mem::take(&mut inputs));
            if let Err(stop) = self.store(&mut output).await {
                return stop;
            }
            effects = self.tell(output);
        }
    }

    /// Whether there is nothing to do until a client does something, or for ever.
    fn rests(&self) -> bool {
        let status = self.machine.run().status;
        status.is_terminal() || status == RunStatus::RequiresAction
    }

    /// Feeds what has happened; what follows from all of it together.
    fn feed(&mut self, inputs: Vec<Input>) -> Output {
        let world = &self.assistants.world;
        let (now, mut ids) = (world.timestamp(), world.ids());
        let mut together = Output::default();
        for input in inputs {
            match self.machine.handle(now, &mut ids, input) {
                Ok(output) => add(&mut together, output),
                Err(refused) => debug!(%refused, "it came too late"),
            }
        }
        together
    }

    /// Tells whoever watches what has happened; hands back what is to be done.
    fn tell(&mut self, output: Output) -> Vec<Effect> {
        let Output {
            events, effects, ..
        } = output;
        for event in &events {
            self.logbook.note(&self.assistants, event);
        }
        if !events.is_empty() {
            let of_answer = events.iter().any(|event| event.is_delta());
            let seen = self.audience.publish(events);
            self.shown |= seen && of_answer;
        }
        effects
    }

    fn perform(&mut self, effect: Effect, inputs: &mut Vec<Input>) {
        match effect {
            Effect::CallModel {
                max_tokens,
                max_prompt_tokens,
            } => {
                self.shown = false;
                let run = self.machine.run();
                let ask = Ask {
                    project: self.project.clone(),
                    thread: run.thread_id.clone(),
                    run: run.id.clone(),
                    plan: run.plan.clone(),
                    has_steps: run.served.is_some(),
                    max_tokens,
                    max_prompt_tokens,
                    avoid: self.avoid.clone(),
                };
                self.call = Call::begin(&self.assistants, ask);
            }
            Effect::Abort => {
                self.call.hang_up(&self.assistants.metrics);
                inputs.push(Input::Aborted);
            }
        }
    }

    /// What the machine is told of an answer.
    fn inputs(&mut self, mut heard: Vec<Heard>) -> Vec<Input> {
        if !self.shown && matches!(heard.last(), Some(Heard::Failed { again: true, .. })) {
            // What came along with the failure was seen by nobody: it need not be told only to be taken back.
            heard.retain(|heard| !matches!(heard, Heard::Answer(_)));
        }
        let shown = self.shown;
        heard
            .into_iter()
            .map(|heard| match heard {
                Heard::Served(served) => {
                    self.logbook.asked(&self.assistants);
                    Input::Served(served)
                }
                Heard::Answer(events) => Input::Answer(events),
                Heard::Ended => {
                    self.avoid = Vec::new();
                    Input::AnswerEnded
                }
                Heard::PromptFull => Input::PromptFull,
                Heard::Failed { error, again, by } => {
                    self.avoid.extend(by);
                    Input::ModelFailed {
                        error,
                        again,
                        shown,
                    }
                }
            })
            .collect()
    }

    async fn wait(&mut self) -> Wake {
        poll_fn(|context| self.poll_wake(context)).await
    }

    fn poll_wake(&mut self, context: &mut Context<'_>) -> Poll<Wake> {
        if self.place.bell().poll_rung(context).is_ready() {
            return Poll::Ready(Wake::Bell);
        }
        let clock = &self.assistants.world.clock;
        let look = self.look.get_or_insert_with(|| clock.sleep(LOOK));
        if look.as_mut().poll(context).is_ready() {
            self.look = None;
            return Poll::Ready(Wake::Look);
        }
        let mut heard = Vec::new();
        while heard.len() < MOST_TOGETHER
            && let Poll::Ready(more) = self.call.poll_heard(&self.assistants.metrics, context)
        {
            heard.push(more);
        }
        if !heard.is_empty() {
            return Poll::Ready(Wake::Heard(heard));
        }
        if let Some(moment) = self.machine.wakes_at() {
            let world = &self.assistants.world;
            let timer = self.timer.get_or_insert_with(|| {
                let left = Duration::from_secs(moment.0).saturating_sub(world.clock.unix());
                world.clock.sleep(left.max(SHORTEST_WAIT))
            });
            if timer.as_mut().poll(context).is_ready() {
                self.timer = None;
                return Poll::Ready(Wake::Time);
            }
        }
        Poll::Pending
    }
}

/// Adds what follows from a later input. Of two states of one object only the later one is stored.
fn add(to: &mut Output, more: Output) {
    to.changed |= more.changed;
    to.events.extend(more.events);
    to.effects.extend(more.effects);
    for write in more.writes {
        let earlier = to
            .writes
            .iter_mut()
            .find(|earlier| match (&**earlier, &write) {
                (Write::Step(a), Write::Step(b)) => a.id == b.id,
                (Write::Message(a), Write::Message(b)) => a.id == b.id,
                _ => false,
            });
        match earlier {
            Some(earlier) => *earlier = write,
            None => to.writes.push(write),
        }
    }
}
