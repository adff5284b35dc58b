//! Gemini's answer, whole or streamed, becomes events.
//!
//! A whole answer is one `GenerateContentResponse`, a stream is many, each with what is new. There is no closing mark: an
//! answer is complete when every candidate has said why it ended; a stream that closes before was cut.
//!
//! An answer that pauses (`CONTINUATION`) ends with [`ChatEvent::Continue`] and without a [`ChatEvent::Finish`]. The next
//! request's decoder starts afresh: its calls count from 0 again and its usage is its own; whoever puts the pieces
//! together counts on, and adds up.

mod pieces;

use std::{collections::HashSet, sync::Arc};

use locum_domain::{
    chat::{ChatEvent, ChatRequest, FinishReason, ToolCallDelta, Usage},
    failure::{Failure, FailureClass},
    id::Ids,
};

use super::{
    failure, names,
    reply::{Candidate, Part, Reply},
};
use crate::{
    provider::ChatDecoder,
    sse::{EventTooLarge, SseParser},
};

/// The largest whole answer that is taken.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Reads one answer.
pub(super) struct Decoder {
    form: Form,
    reading: Reading,
}

enum Form {
    Whole(Vec<u8>),
    Stream { parser: SseParser, has_bytes: bool },
}

/// What has been understood of the answer so far.
struct Reading {
    ids: Ids,
    key: Arc<str>,
    changed_names: Vec<String>,
    only_one_call: bool,
    head_is_out: bool,
    has_replies: bool,
    usage: Option<Usage>,
    call_ids: HashSet<String>,
    choices: Vec<Choice>,
    /// How many candidates were asked for.
    expected: usize,
    /// Whether the reply that ended the last candidate told the usage too.
    is_done: bool,
    /// Whether the upstream has closed: what is incomplete now stays so.
    is_closed: bool,
}

#[derive(Default)]
struct Choice {
    calls: u32,
    has_content: bool,
    ended: bool,
    pausing: bool,
    token: Option<String>,
}

impl Decoder {
    pub(super) fn new(request: &ChatRequest, expected: u32, ids: Ids, key: Arc<str>) -> Self {
        Self {
            form: if request.stream {
                Form::Stream {
                    parser: SseParser::default(),
                    has_bytes: false,
                }
            } else {
                Form::Whole(Vec::new())
            },
            reading: Reading {
                ids,
                key,
                changed_names: names::changed(&request.tools),
                only_one_call: request.parallel_tool_calls == Some(false),
                head_is_out: false,
                has_replies: false,
                usage: None,
                call_ids: HashSet::new(),
                choices: Vec::new(),
                expected: expected.max(1) as usize,
                is_done: false,
                is_closed: false,
            },
        }
    }
}

impl ChatDecoder for Decoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let reading = &mut self.reading;
        match &mut self.form {
            Form::Whole(body) => {
                if body.len() + bytes.len() > MAX_BODY_BYTES {
                    return Err(garbage("the answer is larger than any answer"));
                }
                body.extend_from_slice(bytes);
                Ok(())
            }
            Form::Stream { parser, has_bytes } => {
                *has_bytes |= !bytes.is_empty();
                parser
                    .feed(bytes, |data| Ok::<(), Broken>(reading.event(data, out)?))
                    .map_err(|Broken(failure)| failure)
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let reading = &mut self.reading;
        reading.is_closed = true;
        match &mut self.form {
            Form::Whole(body) => reading.replies(body, out)?,
            Form::Stream { parser, .. } => parser
                .finish(|data| Ok::<(), Broken>(reading.event(data, out)?))
                .map_err(|Broken(failure)| failure)?,
        }
        let nothing = match &self.form {
            Form::Stream { has_bytes, .. } if !has_bytes || self.reading.has_replies => {
                FailureClass::Cut
            }
            Form::Whole(_) | Form::Stream { .. } => FailureClass::Garbage,
        };
        self.reading.end(nothing, out)
    }

    fn is_done(&self) -> bool {
        self.reading.is_done
    }
}

/// A failure while the parser of events is at work.
struct Broken(Failure);

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl From<EventTooLarge> for Broken {
    fn from(error: EventTooLarge) -> Self {
        Self(garbage(error.to_string()))
    }
}

impl Reading {
    /// The data of one event of a stream.
    fn event(&mut self, data: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        // Gemini sends no closing mark; proxies before it do.
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        self.replies(data, out)
    }

    /// One reply, or a list of them, as errors are sometimes wrapped.
    fn replies(&mut self, data: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let is_closed = self.is_closed;
        let unreadable = |error: serde_json::Error| {
            if is_closed && error.is_eof() {
                return Failure::new(FailureClass::Cut, "the answer ends in the middle");
            }
            garbage(format!(
                "the answer is no JSON of Gemini's: {:?} at line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            ))
        };
        if data.trim_ascii_start().first() == Some(&b'[') {
            let list: Vec<Reply<'_>> = serde_json::from_slice(data).map_err(unreadable)?;
            return list
                .into_iter()
                .try_for_each(|reply| self.reply(reply, out));
        }
        let reply = serde_json::from_slice(data).map_err(unreadable)?;
        self.reply(reply, out)
    }

    fn reply(&mut self, reply: Reply<'_>, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if let Some(error) = reply.error {
            return Err(failure::in_stream(error.get(), &self.key));
        }
        self.has_replies = true;
        if !self.head_is_out {
            self.head_is_out = true;
            out.push(ChatEvent::Head {
                model: reply.model_version.and_then(pieces::text),
                id: reply.response_id.and_then(pieces::text),
            });
        }
        let tells_usage = reply.usage_metadata.is_some();
        if let Some(usage) = reply.usage_metadata.map(|usage| usage.usage())
            && self.usage != Some(usage)
        {
            self.usage = Some(usage);
            out.push(ChatEvent::Usage(usage));
        }
        let candidates = reply.candidates.unwrap_or_default();
        let has_candidates = !candidates.is_empty();
        for candidate in candidates {
            self.candidate(candidate, out)?;
        }
        if !has_candidates
            && let Some(reason) = reply.prompt_feedback.and_then(|told| told.block_reason)
        {
            self.blocked(&reason.0, out);
        }
        let all_ended =
            self.choices.len() == self.expected && self.choices.iter().all(|choice| choice.ended);
        self.is_done |= all_ended && tells_usage;
        Ok(())
    }

    fn candidate(
        &mut self,
        candidate: Candidate<'_>,
        out: &mut Vec<ChatEvent>,
    ) -> Result<(), Failure> {
        let index = candidate.index.unwrap_or_default().0;
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        if at >= self.expected {
            return Err(garbage(format!("a candidate of index {index}")));
        }
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, Choice::default);
        }
        if self.choices[at].ended {
            return Ok(());
        }
        let index = at as u32;
        let parts = candidate.content.and_then(|content| content.parts);
        for part in parts.into_iter().flatten() {
            self.part(index, part, out)?;
        }
        if let Some(logprobs) = candidate.logprobs_result {
            let content = pieces::logprobs_content(logprobs);
            if !content.is_empty() {
                out.push(ChatEvent::Logprobs {
                    choice: index,
                    content,
                });
            }
        }
        let choice = &mut self.choices[at];
        if let Some(token) = candidate.continuation_token {
            choice.token = Some(token.0.into_owned());
        }
        let Some(reason) = candidate
            .finish_reason
            .filter(|reason| !reason.0.is_empty())
        else {
            return Ok(());
        };
        choice.pausing = reason.0 == "CONTINUATION" && choice.token.is_some();
        if !choice.pausing {
            let reason = pieces::finish_reason(&reason.0, choice.calls > 0, choice.has_content)?;
            choice.ended = true;
            out.push(ChatEvent::Finish {
                choice: index,
                reason,
            });
        }
        Ok(())
    }

    fn part(
        &mut self,
        index: u32,
        part: Part<'_>,
        out: &mut Vec<ChatEvent>,
    ) -> Result<(), Failure> {
        let choice = &mut self.choices[index as usize];
        if let Some(call) = part.function_call {
            let Some(name) = call.name.filter(|name| !name.is_empty()) else {
                return Err(pieces::malformed("a call without a function's name"));
            };
            choice.has_content = true;
            if self.only_one_call && choice.calls > 0 {
                return Ok(());
            }
            let id = match call.id {
                Some(id) if !id.is_empty() && self.call_ids.insert(id.clone()) => id,
                _ => self.ids.next("call_"),
            };
            let delta = ToolCallDelta {
                index: choice.calls,
                id: Some(id),
                name: Some(names::inbound(name, &self.changed_names)),
                arguments: call.args.map_or_else(|| "{}".to_owned(), pieces::compact),
                signature: part.thought_signature,
            };
            choice.calls += 1;
            out.push(ChatEvent::ToolCall {
                choice: index,
                delta,
            });
            return Ok(());
        }
        if let Some(text) = part.text.filter(|text| !text.is_empty()) {
            if part.thought == Some(true) {
                out.push(ChatEvent::Reasoning {
                    choice: index,
                    text,
                });
            } else {
                choice.has_content = true;
                out.push(ChatEvent::Text {
                    choice: index,
                    text,
                });
            }
        }
        if let Some(text) = part.inline_data.and_then(pieces::picture) {
            choice.has_content = true;
            out.push(ChatEvent::Text {
                choice: index,
                text,
            });
        }
        if let Some(signature) = part.thought_signature {
            out.push(ChatEvent::Signature {
                choice: index,
                signature,
            });
        }
        Ok(())
    }

    /// A refused prompt comes as a success without candidates. It is told as an answer that the filter ended.
    fn blocked(&mut self, reason: &str, out: &mut Vec<ChatEvent>) {
        self.choices.resize_with(self.expected, Choice::default);
        for (choice, index) in self.choices.iter_mut().zip(0..) {
            if choice.ended {
                continue;
            }
            choice.ended = true;
            out.push(ChatEvent::Refusal {
                choice: index,
                text: format!("The prompt was blocked by Gemini: {reason}."),
            });
            out.push(ChatEvent::Finish {
                choice: index,
                reason: FinishReason::ContentFilter,
            });
        }
    }

    /// The upstream has closed. `nothing`: what it is called if no candidate ever came.
    fn end(&mut self, nothing: FailureClass, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.choices.is_empty() {
            return Err(Failure::new(nothing, "the answer holds no candidate"));
        }
        for choice in &mut self.choices {
            if choice.ended {
                continue;
            }
            match choice.token.take() {
                Some(token) if choice.pausing => out.push(ChatEvent::Continue { token }),
                _ => {
                    return Err(Failure::new(
                        FailureClass::Cut,
                        "Gemini closed the answer without a reason for its end",
                    ));
                }
            }
        }
        Ok(())
    }
}

fn garbage(message: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(FailureClass::Garbage, message)
}
