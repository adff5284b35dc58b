//! A scripted upstream: what it does to coming requests, and what it was asked.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::{
    UPSTREAM_KEY,
    behaviour::Behaviour,
    dialect::Dialect,
    fault::Fault,
    gemini, openai,
    reply::{Act, Answer, Frame, Reply},
    seen::{Ending, Seen},
};

/// An upstream that does what it is told, and where it is told nothing, answers well. It is OpenAI and Gemini at once; the
/// path of a request tells which is meant. Clones are the same upstream.
#[derive(Debug, Clone)]
pub struct Scripted {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    key: String,
    pace: Duration,
    queue: VecDeque<Behaviour>,
    seen: Vec<Seen>,
    /// The thought signatures that scripted answers held.
    signatures: BTreeSet<String>,
    /// Counts what `clear` forgets too: a ticket of a forgotten request must not be taken for another's.
    forgotten: usize,
}

impl Default for Scripted {
    fn default() -> Self {
        Self::new()
    }
}

impl Scripted {
    /// An upstream with nothing scripted that accepts [`UPSTREAM_KEY`].
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                key: UPSTREAM_KEY.to_owned(),
                pace: Duration::ZERO,
                queue: VecDeque::new(),
                seen: Vec::new(),
                signatures: BTreeSet::new(),
                forgotten: 0,
            })),
        }
    }

    /// Accepts `key` from now on, and no other.
    pub fn accept_key(&self, key: &str) {
        self.state().key = key.to_owned();
    }

    /// Waits for `pace` before each chunk of a stream from now on.
    pub fn pace(&self, pace: Duration) {
        self.state().pace = pace;
    }

    /// Appends what the coming requests get, one each; a behaviour that names a dialect waits for a request in it.
    pub fn script<B: Into<Behaviour>>(&self, behaviours: impl IntoIterator<Item = B>) {
        let behaviours: Vec<Behaviour> = behaviours.into_iter().map(Into::into).collect();
        let mut state = self.state();
        for behaviour in &behaviours {
            match &behaviour.fault {
                Fault::Exactly { body, .. } => collect_signatures(body, &mut state.signatures),
                Fault::Chunks(chunks) => chunks
                    .iter()
                    .for_each(|chunk| collect_signatures(chunk, &mut state.signatures)),
                _ => {}
            }
        }
        state.queue.extend(behaviours);
    }

    /// As [`script`](Scripted::script), for requests in OpenAI's dialect.
    pub fn openai<B: Into<Behaviour>>(&self, behaviours: impl IntoIterator<Item = B>) {
        self.script(behaviours.into_iter().map(|b| b.into().of(Dialect::OpenAi)));
    }

    /// As [`script`](Scripted::script), for requests in Gemini's dialect.
    pub fn gemini<B: Into<Behaviour>>(&self, behaviours: impl IntoIterator<Item = B>) {
        self.script(behaviours.into_iter().map(|b| b.into().of(Dialect::Gemini)));
    }

    /// Forgets the script and the requests.
    pub fn clear(&self) {
        let mut state = self.state();
        state.queue.clear();
        state.forgotten += state.seen.len();
        state.seen.clear();
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// How many requests came in `dialect`.
    pub fn asked(&self, dialect: Dialect) -> usize {
        let state = self.state();
        state
            .seen
            .iter()
            .filter(|seen| seen.dialect == dialect)
            .count()
    }

    /// The newest request in `dialect`.
    ///
    /// # Panics
    /// Where none came.
    pub fn last(&self, dialect: Dialect) -> Seen {
        let state = self.state();
        let newest = state.seen.iter().rev().find(|seen| seen.dialect == dialect);
        newest
            .unwrap_or_else(|| panic!("no request came in {dialect:?}"))
            .clone()
    }

    /// What the upstream finds wrong with the requests so far: none of it in a test whose client does all well.
    pub fn complaints(&self) -> Vec<String> {
        let state = self.state();
        state
            .seen
            .iter()
            .filter_map(|seen| seen.complaint.clone())
            .collect()
    }

    /// How many behaviours have not been used up.
    pub fn left(&self) -> usize {
        self.state().queue.iter().map(|b| b.times as usize).sum()
    }

    /// Takes a request that came `at`: what to do about it, and where to note how that ended. A request to no dialect's
    /// path gets a 404 and is not noted.
    pub fn receive(&self, request: &Request<Bytes>, at: Duration) -> (Act, Option<Ticket>) {
        let Some(dialect) = Dialect::of(request.uri().path()) else {
            let missing = Reply::json(
                StatusCode::NOT_FOUND,
                &json!({"error": {"message": "This upstream serves /v1/ and /v1beta/."}}),
            );
            let act = Act {
                delay: Duration::ZERO,
                answer: Answer::Reply(missing),
            };
            return (act, None);
        };
        let mut state = self.state();
        let ordinal = state.forgotten + state.seen.len();
        let good = state.answer(dialect, request, ordinal);
        let complaint =
            (!good.status.is_success()).then(|| String::from_utf8_lossy(&good.body()).into_owned());
        state.seen.push(Seen {
            dialect,
            at,
            method: request.method().clone(),
            path: request
                .uri()
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            headers: request.headers().clone(),
            body: request.body().clone(),
            complaint,
            ending: Ending::Open,
        });
        let (delay, pace, answer) = match state.next_behaviour(dialect) {
            Some(Behaviour {
                fault, delay, pace, ..
            }) => (delay, pace, fault.apply(dialect, good)),
            None => (Duration::ZERO, Duration::ZERO, Answer::Reply(good)),
        };
        // Last, because faults count the chunks and not the pauses between them.
        let answer = match answer {
            Answer::Reply(reply) => Answer::Reply(paced(reply, pace.max(state.pace))),
            other => other,
        };
        let act = Act { delay, answer };
        drop(state);
        let ticket = Ticket {
            upstream: self.clone(),
            ordinal,
        };
        (act, Some(ticket))
    }

    fn note(&self, ordinal: usize, ending: Ending) {
        let mut state = self.state();
        let Some(index) = ordinal.checked_sub(state.forgotten) else {
            return;
        };
        if let Some(seen) = state.seen.get_mut(index)
            && seen.ending == Ending::Open
        {
            seen.ending = ending;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The good answer in `dialect`, or the refusal of a request that is not good. `ordinal` goes into the answer's id.
    fn answer(&self, dialect: Dialect, request: &Request<Bytes>, ordinal: usize) -> Reply {
        match dialect {
            Dialect::OpenAi => openai::answer(request, &self.key, ordinal),
            Dialect::Gemini => gemini::answer(request, &self.key, ordinal, &self.signatures),
        }
    }

    fn next_behaviour(&mut self, dialect: Dialect) -> Option<Behaviour> {
        let index = self
            .queue
            .iter()
            .position(|b| b.dialect.is_none_or(|wanted| wanted == dialect))?;
        let behaviour = self.queue.get_mut(index)?;
        if behaviour.times > 1 {
            behaviour.times -= 1;
            return Some(behaviour.clone());
        }
        self.queue.remove(index)
    }
}

fn collect_signatures(json: &Value, signatures: &mut BTreeSet<String>) {
    match json {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_signatures(item, signatures)),
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if name == "thoughtSignature" => {
                        signatures.insert(text.clone());
                    }
                    _ => collect_signatures(value, signatures),
                }
            }
        }
        _ => {}
    }
}

fn paced(mut reply: Reply, pace: Duration) -> Reply {
    if !pace.is_zero() && reply.is_stream() {
        reply.frames = reply
            .frames
            .into_iter()
            .flat_map(|frame| [Frame::Pause(pace), frame])
            .collect();
    }
    reply
}

/// Notes how the answer to one request ends. Dropped before it was told, it notes that the asker hung up.
#[derive(Debug)]
pub struct Ticket {
    upstream: Scripted,
    ordinal: usize,
}

impl Ticket {
    /// The answer was given whole.
    pub fn complete(&self) {
        self.upstream.note(self.ordinal, Ending::Complete);
    }

    /// The upstream broke it off.
    pub fn broken(&self) {
        self.upstream.note(self.ordinal, Ending::Broken);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.upstream.note(self.ordinal, Ending::HungUp);
    }
}

#[cfg(test)]
mod tests;
