//! OpenAI's chat answers, whole and streamed, as events.

use std::{collections::BTreeMap, sync::Arc};

use locum_domain::{
    chat::{ChatEvent, FinishReason, ToolCallDelta},
    failure::{Failure, FailureClass},
    id::Ids,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    fault,
    skim::{MAX_CHOICES, begins_events},
    usage::WireUsage,
};
use crate::{
    provider::ChatDecoder,
    sse::{EventTooLarge, MAX_EVENT_BYTES, SseParser},
};

/// Reads an answer that comes whole.
pub(super) struct WholeDecoder {
    body: Vec<u8>,
    reader: Reader,
    done: bool,
}

/// Reads an answer that comes as a stream.
pub(super) struct StreamDecoder {
    parser: SseParser,
    reader: Reader,
    /// The first byte that came.
    first: Option<u8>,
    done: bool,
}

impl WholeDecoder {
    pub fn new(key: Arc<str>, ids: Ids) -> Self {
        Self {
            body: Vec::new(),
            reader: Reader::new(key, ids),
            done: false,
        }
    }
}

impl StreamDecoder {
    pub fn new(key: Arc<str>, ids: Ids) -> Self {
        Self {
            parser: SseParser::default(),
            reader: Reader::new(key, ids),
            first: None,
            done: false,
        }
    }
}

impl ChatDecoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.body.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(garbage(format!(
                "an answer larger than {MAX_EVENT_BYTES} bytes"
            )));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let body = std::mem::take(&mut self.body);
        let answer = self.reader.parse(&body)?;
        if let Some(error) = &answer.error {
            return Err(fault::in_whole(
                error.to_string().as_bytes(),
                &self.reader.key,
            ));
        }
        if answer.choices.as_ref().is_none_or(Vec::is_empty) {
            return Err(garbage("the answer has no choices"));
        }
        self.reader.take(answer, out)?;
        self.reader.finish_whole(out);
        self.done = true;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl ChatDecoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        self.first = self.first.or_else(|| bytes.first().copied());
        let Self {
            parser,
            reader,
            done,
            ..
        } = self;
        parser
            .feed(bytes, |data| read_event(reader, done, data, out))
            .map_err(|Broken(failure)| failure)
    }

    fn finish(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let Self {
            parser,
            reader,
            first,
            done,
        } = self;
        let ending = parser.finish(|data| read_event(reader, done, data, out));
        // An event that broke off behind a finished answer changes nothing.
        if let Err(Broken(failure)) = ending
            && failure.class != FailureClass::Garbage
        {
            return Err(failure);
        }
        if !reader.headed && first.is_some_and(|first| !begins_events(first)) {
            return Err(garbage("what came is no stream of events"));
        }
        reader.check_complete()?;
        *done = true;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

/// What ends the reading of a stream.
struct Broken(Failure);

impl From<EventTooLarge> for Broken {
    fn from(error: EventTooLarge) -> Self {
        Self(garbage(error.to_string()))
    }
}

fn read_event(
    reader: &mut Reader,
    done: &mut bool,
    data: &[u8],
    out: &mut Vec<ChatEvent>,
) -> Result<(), Broken> {
    if *done {
        return Ok(());
    }
    if data.trim_ascii_end() == b"[DONE]" {
        reader.check_complete().map_err(Broken)?;
        *done = true;
        return Ok(());
    }
    reader
        .parse_chunk(data)
        .and_then(|chunk| reader.take(chunk, out))
        .map_err(Broken)
}

/// A whole answer, or a chunk of one.
#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u32>,
    #[serde(alias = "delta")]
    message: Option<Piece>,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
struct Piece {
    content: Option<Value>,
    refusal: Option<String>,
    #[serde(alias = "reasoning")]
    reasoning_content: Option<Value>,
    tool_calls: Option<Vec<Call>>,
    function_call: Option<Function>,
}

#[derive(Deserialize)]
struct Call {
    index: Option<u32>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Option<Vec<Value>>,
}

/// What has been read of an answer.
struct Reader {
    key: Arc<str>,
    ids: Ids,
    headed: bool,
    choices: BTreeMap<u32, Open>,
}

/// What has been read of one of the choices.
#[derive(Default)]
struct Open {
    finished: bool,
    /// The calls so far: the index that the upstream gave, and the id.
    calls: Vec<(Option<u32>, String)>,
}

impl Reader {
    fn new(key: Arc<str>, ids: Ids) -> Self {
        Self {
            key,
            ids,
            headed: false,
            choices: BTreeMap::new(),
        }
    }

    fn parse(&self, json: &[u8]) -> Result<Answer, Failure> {
        serde_json::from_slice(json)
            .ok()
            .filter(|_| json.trim_ascii_start().starts_with(b"{"))
            .ok_or_else(|| garbage("what came is no chat answer"))
    }

    /// Reads the data of one event; an error in place of a chunk is one.
    fn parse_chunk(&self, json: &[u8]) -> Result<Answer, Failure> {
        let answer = self.parse(json)?;
        if let Some(error) = &answer.error {
            return Err(fault::in_band(error.to_string().as_bytes(), &self.key));
        }
        if answer.choices.is_none()
            && let Some(failure) = fault::in_disguise(json, &self.key)
        {
            return Err(failure);
        }
        Ok(answer)
    }

    fn take(&mut self, answer: Answer, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if !self.headed {
            self.headed = true;
            out.push(ChatEvent::Head {
                model: answer.model,
                id: answer.id,
            });
        }
        for choice in answer.choices.into_iter().flatten() {
            self.choice(choice, out)?;
        }
        if let Some(WireUsage(Some(usage))) = answer.usage {
            out.push(ChatEvent::Usage(usage));
        }
        Ok(())
    }

    fn choice(&mut self, choice: Choice, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let index = choice.index.unwrap_or(0);
        if index >= MAX_CHOICES {
            return Err(garbage(format!("a choice of index {index}")));
        }
        let open = self.choices.entry(index).or_default();
        if let Some(piece) = choice.message {
            let mut text = |value: Option<Value>, event: fn(u32, String) -> ChatEvent| {
                let text = plain_text(value);
                if !text.is_empty() {
                    out.push(event(index, text));
                }
            };
            text(piece.reasoning_content, |choice, text| {
                ChatEvent::Reasoning { choice, text }
            });
            text(piece.content, |choice, text| ChatEvent::Text {
                choice,
                text,
            });
            text(piece.refusal.map(Value::String), |choice, text| {
                ChatEvent::Refusal { choice, text }
            });
            let legacy = piece.function_call.map(|function| Call {
                index: Some(0),
                id: None,
                function: Some(function),
            });
            for call in piece.tool_calls.into_iter().flatten().chain(legacy) {
                let delta = open.call(call, &mut self.ids);
                out.push(ChatEvent::ToolCall {
                    choice: index,
                    delta,
                });
            }
        }
        let logprobs = choice.logprobs.and_then(|logprobs| logprobs.content);
        if let Some(content) = logprobs.filter(|content| !content.is_empty()) {
            out.push(ChatEvent::Logprobs {
                choice: index,
                content,
            });
        }
        if let Some(word) = choice.finish_reason.filter(|word| !word.is_empty())
            && !open.finished
        {
            let reason = open.finish_reason(&word)?;
            open.finished = true;
            out.push(ChatEvent::Finish {
                choice: index,
                reason,
            });
        }
        Ok(())
    }

    /// A whole answer is over even where the upstream gives no reason.
    fn finish_whole(&mut self, out: &mut Vec<ChatEvent>) {
        for (&choice, open) in &mut self.choices {
            if !open.finished {
                open.finished = true;
                out.push(ChatEvent::Finish {
                    choice,
                    reason: open.stopped(),
                });
            }
        }
    }

    fn check_complete(&self) -> Result<(), Failure> {
        if !self.choices.is_empty() && self.choices.values().all(|open| open.finished) {
            return Ok(());
        }
        Err(Failure::new(
            FailureClass::Cut,
            if self.choices.is_empty() {
                "the stream ended before an answer began"
            } else {
                "the stream ended before the answer did"
            },
        ))
    }
}

impl Open {
    /// Finds out which call a piece belongs to. Servers differ: some leave the index out, some give every call index 0 and
    /// tell them apart by id, some give no id.
    fn call(&mut self, call: Call, ids: &mut Ids) -> ToolCallDelta {
        let id = call.id.filter(|id| !id.is_empty());
        let function = call.function.unwrap_or(Function {
            name: None,
            arguments: None,
        });
        let known = self.calls.iter().rposition(|(index, known_id)| {
            let same_index = call.index.is_none() || *index == call.index;
            let same_id = id.as_ref().is_none_or(|id| id == known_id);
            same_index && same_id
        });
        let begins_another = call.index.is_none()
            && id.is_none()
            && function.name.as_ref().is_some_and(|name| !name.is_empty());
        let position = known.filter(|_| !begins_another);
        let is_new = position.is_none();
        let position = position.unwrap_or(self.calls.len());
        let mut delta = ToolCallDelta {
            index: position as u32,
            arguments: function.arguments.map(arguments_text).unwrap_or_default(),
            name: function.name.filter(|name| !name.is_empty()),
            ..ToolCallDelta::default()
        };
        if is_new {
            let id = id.unwrap_or_else(|| ids.next("call_"));
            self.calls.push((call.index, id.clone()));
            delta.id = Some(id);
            delta.name.get_or_insert_default();
        } else {
            delta.name = None;
        }
        delta
    }

    fn finish_reason(&self, word: &str) -> Result<FinishReason, Failure> {
        Ok(match word {
            "length" | "max_tokens" => FinishReason::Length,
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            "content_filter" => FinishReason::ContentFilter,
            "error" => {
                return Err(Failure::new(
                    FailureClass::Server,
                    "the upstream says that the answer failed",
                ));
            }
            _ => self.stopped(),
        })
    }

    /// OpenAI says `stop` after a call that was forced, and other servers after any.
    fn stopped(&self) -> FinishReason {
        if self.calls.is_empty() {
            FinishReason::Stop
        } else {
            FinishReason::ToolCalls
        }
    }
}

/// A text, or the texts of an array of parts.
fn plain_text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect(),
        _ => String::new(),
    }
}

/// Arguments as JSON text; some servers send the object itself.
fn arguments_text(arguments: Value) -> String {
    match arguments {
        Value::String(text) => text,
        Value::Null => String::new(),
        object => object.to_string(),
    }
}

fn garbage(message: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(FailureClass::Garbage, message)
}
