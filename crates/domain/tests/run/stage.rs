//! A run on a stage: fed input by input, stored as a store would, watched as a client would, checked at every step.

use locum_domain::{
    assistant::AnswerFormat,
    chat::{ChatEvent, FinishReason, ToolCallDelta, ToolChoice, Usage},
    id::{Ids, MessageId, StepId},
    message::Message,
    metadata::Metadata,
    run::{
        Effect, Input, Machine, Open, Output, Plan, Refused, Run, RunError, RunErrorCode, RunEvent,
        RunStatus, ServedBy, Step, StepDetails, StepStatus, ToolOutput, Truncation, Write,
    },
    time::Timestamp,
};

use crate::viewer::Viewer;

/// When the run of a stage is made.
pub const BEGIN: Timestamp = Timestamp(1_000);
/// When it expires.
pub const EXPIRY: Timestamp = Timestamp(1_600);

/// A queued run.
pub fn queued() -> Run {
    Run {
        id: "run_1".into(),
        thread_id: "thread_1".into(),
        assistant_id: "asst_1".into(),
        created_at: BEGIN,
        status: RunStatus::Queued,
        plan: Plan {
            model: "gemini-flash-latest".to_owned(),
            instructions: "Be brief.".to_owned(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            response_format: AnswerFormat::Auto,
            reasoning_effort: None,
            temperature: None,
            top_p: None,
            max_prompt_tokens: None,
            max_completion_tokens: None,
            truncation: Truncation::Auto,
        },
        metadata: Metadata::default(),
        expires_at: EXPIRY,
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

/// What a store holds of a run.
#[derive(Debug, Clone)]
pub struct Stored {
    pub run: Run,
    pub steps: Vec<Step>,
    pub messages: Vec<Message>,
}

impl Stored {
    fn commit(&mut self, run: &Run, output: &Output) {
        self.run = run.clone();
        for write in &output.writes {
            match write {
                Write::Step(step) => put(&mut self.steps, step, |step| &step.id),
                Write::Message(message) => put(&mut self.messages, message, |message| &message.id),
                Write::DropStep(id) => take(&mut self.steps, id, |step: &Step| &step.id),
                Write::DropMessage(id) => {
                    take(&mut self.messages, id, |message: &Message| &message.id);
                }
            }
        }
    }

    /// The run as another process would load it.
    pub fn load(&self) -> Machine {
        let mut open = self
            .steps
            .iter()
            .filter(|step| step.status == StepStatus::InProgress);
        let step = open.next().cloned();
        assert_eq!(open.next(), None, "two steps are open");
        let open = step.map(|step| Open {
            message: match &step.details {
                StepDetails::Message(id) => {
                    Some(self.message(id).expect("a step's message is stored"))
                }
                StepDetails::Calls(_) => None,
            },
            step,
        });
        Machine::new(self.run.clone(), open)
    }

    pub fn message(&self, id: &MessageId) -> Option<Message> {
        let mut all = self.messages.iter();
        all.find(|message| message.id == *id).cloned()
    }

    pub fn step(&self, id: &StepId) -> Option<Step> {
        self.steps.iter().find(|step| step.id == *id).cloned()
    }
}

fn put<T: Clone, I: PartialEq>(rows: &mut Vec<T>, row: &T, id: impl Fn(&T) -> &I) {
    match rows.iter_mut().find(|stored| id(stored) == id(row)) {
        Some(stored) => *stored = row.clone(),
        None => rows.push(row.clone()),
    }
}

fn take<T, I: PartialEq>(rows: &mut Vec<T>, gone: &I, id: impl Fn(&T) -> &I) {
    let before = rows.len();
    rows.retain(|stored| id(stored) != gone);
    assert_eq!(rows.len() + 1, before, "what was never stored is dropped");
}

/// A run with its store and its viewer.
#[derive(Debug)]
pub struct Stage {
    pub machine: Machine,
    pub stored: Stored,
    pub now: Timestamp,
    /// All that clients were told.
    pub told: Vec<RunEvent>,
    viewer: Viewer,
    turns: u64,
    /// Whether a model call goes on, as far as whoever drives the run knows.
    calling: bool,
}

impl Stage {
    pub fn new(run: Run) -> Self {
        Self {
            stored: Stored {
                run: run.clone(),
                steps: Vec::new(),
                messages: Vec::new(),
            },
            machine: Machine::new(run, None),
            now: BEGIN,
            told: Vec::new(),
            viewer: Viewer::default(),
            turns: 0,
            calling: false,
        }
    }

    /// A run to which all of this has happened.
    pub fn after(inputs: impl IntoIterator<Item = Input>) -> Self {
        let mut stage = Self::new(queued());
        for input in inputs {
            stage.feed(input).expect("the input is taken");
        }
        stage
    }

    pub fn status(&self) -> RunStatus {
        self.machine.run().status
    }

    /// What another machine makes of the next input, without anything coming of it here.
    pub fn try_on(
        &self,
        machine: &mut Machine,
        now: Timestamp,
        input: Input,
    ) -> Result<Output, Refused> {
        machine.handle(now, &mut self.ids(), input)
    }

    /// The process is gone, and another one takes over what was stored.
    pub fn crash(&mut self) {
        self.machine = self.stored.load();
        self.viewer.lose_deltas(&self.stored);
        self.feed(Input::TakenOver).expect("is never refused");
    }

    fn ids(&self) -> Ids {
        Ids::new(self.turns, 7)
    }

    /// Feeds one input, and checks all that must hold of every turn.
    pub fn feed(&mut self, input: Input) -> Result<Output, Refused> {
        let before = self.machine.clone();
        let mut ids = self.ids();
        self.turns += 1;
        let result = self.machine.handle(self.now, &mut ids, input.clone());
        let Ok(output) = &result else {
            assert_eq!(before, self.machine, "a refused input changes nothing");
            return result;
        };
        self.check_output(&before, output);
        self.track_call(before.run().status, &input, output);
        self.viewer.watch(output);
        self.told.extend(output.events.iter().cloned());
        if output.changed {
            self.stored.commit(self.machine.run(), output);
        }
        self.check_stored(output);
        self.check_waiting();
        result
    }

    fn check_output(&self, before: &Machine, output: &Output) {
        let run = self.machine.run();
        if before.run().status.is_terminal() {
            assert_eq!(*output, Output::default(), "an ended run lives on");
            assert_eq!(before, &self.machine);
        }
        if !output.changed {
            assert!(output.writes.is_empty() && output.effects.is_empty());
            assert!(output.events.iter().all(RunEvent::is_delta));
            assert_eq!(unserved(before.run()), unserved(run));
        }
        let last_told = output.events.iter().rev().find_map(|event| match event {
            RunEvent::RunChanged(run) => Some(&**run),
            _ => None,
        });
        match last_told {
            Some(told) => assert_eq!(told, run),
            None => assert_eq!(before.run().status, run.status, "a silent change"),
        }
        for effect in &output.effects {
            if let Effect::CallModel {
                max_tokens,
                max_prompt_tokens,
            } = *effect
            {
                let left = |limit: Option<u32>, used| {
                    limit.map(|limit| u32::try_from(u64::from(limit) - used).unwrap())
                };
                assert_eq!(run.status, RunStatus::InProgress);
                assert_ne!(max_tokens, Some(0));
                assert_ne!(max_prompt_tokens, Some(0));
                let (plan, usage) = (&run.plan, &run.usage);
                assert_eq!(
                    max_tokens,
                    left(plan.max_completion_tokens, usage.completion)
                );
                assert_eq!(
                    max_prompt_tokens,
                    left(plan.max_prompt_tokens, usage.prompt)
                );
            }
        }
    }

    fn track_call(&mut self, before: RunStatus, input: &Input, output: &Output) {
        let ends_call = matches!(
            input,
            Input::AnswerEnded | Input::ModelFailed { .. } | Input::PromptFull | Input::TakenOver
        );
        if before != RunStatus::InProgress || ends_call {
            self.calling = false;
        }
        if output
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::CallModel { .. }))
        {
            assert!(!self.calling, "the model is asked twice at once");
            self.calling = true;
        }
    }

    /// What is told was stored; what is stored is what another process would go on with.
    fn check_stored(&self, output: &Output) {
        for event in &output.events {
            match event {
                RunEvent::StepEnded(step) => {
                    assert_eq!(self.stored.step(&step.id).as_ref(), Some(&**step));
                }
                RunEvent::MessageEnded(message) => {
                    assert_eq!(self.stored.message(&message.id).as_ref(), Some(&**message));
                }
                _ => {}
            }
        }
        let loaded = self.stored.load();
        if self.status() == RunStatus::InProgress || self.status() == RunStatus::Cancelling {
            self.check_takeover(loaded);
        } else {
            assert_eq!(loaded, self.machine, "something is not stored");
        }
    }

    /// Whoever takes the run over from what is stored comes to the same as whoever takes it over from memory, but for what
    /// was said last and cost last.
    fn check_takeover(&self, mut loaded: Machine) {
        let mut live = self.machine.clone();
        let from_store = self
            .try_on(&mut loaded, self.now, Input::TakenOver)
            .unwrap();
        let from_memory = self.try_on(&mut live, self.now, Input::TakenOver).unwrap();
        assert_eq!(from_store.changed, from_memory.changed);
        assert_eq!(from_store.effects, from_memory.effects);
        assert_eq!(loaded.run().status, live.run().status);
        assert_eq!(loaded.run().broken_tries, live.run().broken_tries);
        assert_eq!(loaded.open().is_some(), live.open().is_some());
        let dropped = |output: &Output| -> Vec<Write> {
            let drops = output.writes.iter();
            drops
                .filter(|write| matches!(write, Write::DropStep(_) | Write::DropMessage(_)))
                .cloned()
                .collect()
        };
        assert_eq!(dropped(&from_store), dropped(&from_memory));
    }

    /// Something will move every run that has not ended.
    fn check_waiting(&self) {
        let run = self.machine.run();
        assert_eq!(self.machine.wakes_at().is_none(), run.status.is_terminal());
        if run.status == RunStatus::InProgress {
            assert!(self.calling, "nobody is asked, and nothing will happen");
        }
        let waits = run.status == RunStatus::RequiresAction;
        assert_eq!(!run.required_calls.is_empty(), waits);
        assert!(self.machine.open().is_none() || !run.status.is_terminal());
        let answering = matches!(run.status, RunStatus::InProgress | RunStatus::Cancelling);
        assert!(run.written_ahead.is_none() || answering);
    }
}

fn unserved(run: &Run) -> Run {
    Run {
        served: None,
        ..run.clone()
    }
}

pub fn text(text: &str) -> ChatEvent {
    ChatEvent::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

pub fn refusal(text: &str) -> ChatEvent {
    ChatEvent::Refusal {
        choice: 0,
        text: text.to_owned(),
    }
}

/// The first piece of a call.
pub fn call(index: u32, id: &str, name: &str, arguments: &str) -> ChatEvent {
    ChatEvent::ToolCall {
        choice: 0,
        delta: ToolCallDelta {
            index,
            id: Some(id.to_owned()),
            name: Some(name.to_owned()),
            arguments: arguments.to_owned(),
            signature: None,
        },
    }
}

/// More of a call.
pub fn arguments(index: u32, arguments: &str) -> ChatEvent {
    ChatEvent::ToolCall {
        choice: 0,
        delta: ToolCallDelta {
            index,
            arguments: arguments.to_owned(),
            ..ToolCallDelta::default()
        },
    }
}

pub fn finish(reason: FinishReason) -> ChatEvent {
    ChatEvent::Finish { choice: 0, reason }
}

pub fn usage(prompt: u64, completion: u64) -> ChatEvent {
    ChatEvent::Usage(spent(prompt, completion))
}

pub fn spent(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt,
        completion,
        ..Usage::default()
    }
}

pub fn served() -> Input {
    Input::Served(ServedBy {
        provider: "gemini".to_owned(),
        model: "gemini-2.5-flash".to_owned(),
        fallback: false,
    })
}

pub fn failed(again: bool, shown: bool) -> Input {
    Input::ModelFailed {
        error: RunError {
            code: RunErrorCode::RateLimitExceeded,
            message: "The provider gemini is limiting requests.".to_owned(),
        },
        again,
        shown,
    }
}

pub fn outputs(outputs: &[(&str, &str)]) -> Input {
    let output = |(id, output): &(&str, &str)| ToolOutput {
        call_id: (*id).to_owned(),
        output: (*output).to_owned(),
    };
    Input::ToolOutputs(outputs.iter().map(output).collect())
}
