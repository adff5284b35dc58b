//! Beginning, going on and stopping: everything between two answers of the model.

use super::{Answer, Effect, Ending, Machine, Open, Refused, ToolOutput, Turn, Write};
use crate::run::{RunError, RunErrorCode, RunIncomplete, RunStatus, StepDetails};

/// How many calls in a row may break off before a run fails, each having been asked again.
const MAX_BROKEN: u32 = 3;
/// How many may break off or be lost with their process: a run that kills whoever drives it must end.
const MAX_LOST: u32 = 5;

impl Machine {
    /// A new run begins.
    pub(super) fn start(&mut self, turn: &mut Turn<'_>) {
        turn.run_created(&self.run);
        turn.run_changed(&self.run);
        self.go_on(turn);
    }

    /// A queued run sets to work.
    pub(super) fn go_on(&mut self, turn: &mut Turn<'_>) {
        self.run.status = RunStatus::InProgress;
        self.run.started_at = Some(turn.now);
        turn.run_changed(&self.run);
        self.call_model(turn);
    }

    /// Asks for the model's next answer, or ends the run where a limit of tokens leaves no room for one.
    fn call_model(&mut self, turn: &mut Turn<'_>) {
        self.answer = Answer::default();
        let plan = &self.run.plan;
        let max_tokens = left(plan.max_completion_tokens, self.run.usage.completion);
        let max_prompt_tokens = left(plan.max_prompt_tokens, self.run.usage.prompt);
        if max_tokens == Some(0) {
            self.end(turn, Ending::Limit(RunIncomplete::MaxCompletionTokens));
        } else if max_prompt_tokens == Some(0) {
            self.end(turn, Ending::Limit(RunIncomplete::MaxPromptTokens));
        } else {
            turn.effect(Effect::CallModel {
                max_tokens,
                max_prompt_tokens,
            });
        }
    }

    /// A model call failed. `unseen`: it may be asked again, and nobody would notice.
    pub(super) fn model_failed(&mut self, turn: &mut Turn<'_>, error: RunError, unseen: bool) {
        if unseen && self.run.broken_tries < MAX_BROKEN {
            self.count_answer();
            self.take_back(turn);
            self.call_model(turn);
        } else {
            self.end(turn, Ending::Failed(error));
        }
    }

    /// Whoever waited for the model's answer is gone, and the answer with them.
    pub(super) fn taken_over(&mut self, turn: &mut Turn<'_>) {
        self.take_back(turn);
        if self.run.broken_tries > MAX_LOST {
            let error = RunError {
                code: RunErrorCode::ServerError,
                message: format!(
                    "The run was interrupted {} times in a row and was given up.",
                    self.run.broken_tries
                ),
            };
            self.end(turn, Ending::Failed(error));
        } else {
            self.call_model(turn);
        }
    }

    /// Takes back all that the answer in progress has begun.
    fn take_back(&mut self, turn: &mut Turn<'_>) {
        if let Some((step, message)) = self.run.written_ahead.take() {
            turn.write(Write::DropMessage(message));
            turn.write(Write::DropStep(step));
        }
        if let Some(Open { step, message }) = self.open.take() {
            if let Some(message) = message {
                turn.write(Write::DropMessage(message.id));
            }
            turn.write(Write::DropStep(step.id));
        }
        self.run.broken_tries = self.run.broken_tries.saturating_add(1);
        turn.changed();
    }

    /// The client's program ran the functions, and the run goes on.
    pub(super) fn take_outputs(
        &mut self,
        turn: &mut Turn<'_>,
        outputs: Vec<ToolOutput>,
    ) -> Result<(), Refused> {
        self.check_outputs(&outputs)?;
        self.run.required_calls.clear();
        if let Some(open) = &mut self.open
            && let StepDetails::Calls(calls) = &mut open.step.details
        {
            for ToolOutput { call_id, output } in outputs {
                if let Some(call) = calls.iter_mut().find(|call| call.call.id == call_id) {
                    call.output = Some(output);
                }
            }
        }
        self.close(turn, &Ending::Completed);
        self.run.status = RunStatus::Queued;
        turn.run_changed(&self.run);
        self.go_on(turn);
        Ok(())
    }

    /// Every required call needs one output, and nothing else is taken.
    fn check_outputs(&self, outputs: &[ToolOutput]) -> Result<(), Refused> {
        let expected = self.run.required_calls.iter().map(|call| &call.id);
        let got = outputs.iter().map(|output| &output.call_id);
        let (mut wanted, mut given): (Vec<_>, Vec<_>) =
            (expected.clone().collect(), got.clone().collect());
        wanted.sort();
        given.sort();
        if wanted == given {
            Ok(())
        } else {
            Err(Refused::WrongOutputs {
                expected: expected.cloned().collect(),
                got: got.cloned().collect(),
            })
        }
    }

    /// Somebody wants it stopped: it is cancelled once its model call is hung up.
    pub(super) fn cancel(&mut self, turn: &mut Turn<'_>) {
        self.run.status = RunStatus::Cancelling;
        self.run.required_calls.clear();
        turn.run_changed(&self.run);
        turn.effect(Effect::Abort);
    }
}

/// What `used` tokens leave of a limit.
fn left(limit: Option<u32>, used: u64) -> Option<u32> {
    let used = u32::try_from(used).unwrap_or(u32::MAX);
    limit.map(|limit| limit.saturating_sub(used))
}
