//! `POST /v1/chat/completions`.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    CREATED, DONE, error,
    models::{self, Kind, Model},
    strict,
};
use crate::{
    echo::{self, Choice, Prompt, Speech},
    reply::Reply,
};

/// Tokens that a reasoning model thinks.
const REASONING_TOKENS: u64 = 8;

/// The good answer to `body`, or its refusal.
pub(super) fn answer(body: &Value, ordinal: usize) -> Result<Reply, Reply> {
    let model = models::named(body)?;
    if matches!(model.kind, Kind::Embedding(_)) {
        return Err(error::refusal(
            StatusCode::NOT_FOUND,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use \
             v1/completions?",
            Some("model"),
            None,
        ));
    }
    strict::check(body, model)?;
    let completion = Completion {
        model,
        ordinal,
        speech: prompt(body).speech(),
        choices: body.get("n").and_then(Value::as_u64).unwrap_or(1),
        prompt_tokens: prompt_tokens(body),
    };
    if body.get("stream") == Some(&Value::Bool(true)) {
        let include_usage =
            body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
        Ok(Reply::events(completion.chunks(include_usage)))
    } else {
        Ok(Reply::json(StatusCode::OK, &completion.whole()))
    }
}

/// The text of a message's content.
pub(super) fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part.get("text").and_then(Value::as_str))
                .collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

fn messages(body: &Value) -> &[Value] {
    body.get("messages")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn prompt_tokens(body: &Value) -> u64 {
    messages(body)
        .iter()
        .map(|message| 4 + echo::tokens(&text_of(message.get("content"))))
        .sum()
}

fn prompt(body: &Value) -> Prompt {
    let messages = messages(body);
    let is = |message: &Value, roles: &[&str]| {
        let role = message.get("role").and_then(Value::as_str);
        role.is_some_and(|role| roles.contains(&role))
    };
    let asked = messages.iter().rfind(|message| is(message, &["user"]));
    let mut results: Vec<String> = messages
        .iter()
        .rev()
        .take_while(|message| is(message, &["tool", "function"]))
        .map(|message| text_of(message.get("content")))
        .collect();
    results.reverse();
    let limit = body
        .get("max_completion_tokens")
        .or_else(|| body.get("max_tokens"));
    Prompt {
        text: text_of(asked.and_then(|message| message.get("content"))),
        results: (!results.is_empty()).then(|| results.join(" ")),
        tools: tools(body),
        choice: choice(body.get("tool_choice")),
        one_call: body.get("parallel_tool_calls") == Some(&Value::Bool(false)),
        json: json_wanted(body),
        stops: match body.get("stop") {
            Some(Value::String(stop)) => vec![stop.clone()],
            Some(Value::Array(stops)) => strings(stops),
            _ => Vec::new(),
        },
        limit: limit.and_then(Value::as_u64),
    }
}

fn strings(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn tools(body: &Value) -> Vec<(String, Value)> {
    let tools = body.get("tools").and_then(Value::as_array);
    tools
        .into_iter()
        .flatten()
        .filter_map(|tool| {
            let function = tool.get("function")?;
            let name = function.get("name")?.as_str()?.to_owned();
            let schema = function
                .get("parameters")
                .cloned()
                .unwrap_or_else(|| json!({}));
            Some((name, schema))
        })
        .collect()
}

fn choice(choice: Option<&Value>) -> Choice {
    let name_of = |tool: &Value| Some(tool.pointer("/function/name")?.as_str()?.to_owned());
    match choice {
        Some(Value::String(word)) if word == "none" => Choice::None,
        Some(Value::String(word)) if word == "required" => Choice::Required(Vec::new()),
        Some(choice) => {
            if let Some(allowed) = choice.get("allowed_tools") {
                let tools = allowed.get("tools").and_then(Value::as_array);
                let names = tools.into_iter().flatten().filter_map(name_of).collect();
                match allowed.get("mode").and_then(Value::as_str) {
                    Some("required") => Choice::Required(names),
                    _ => Choice::Allowed(names),
                }
            } else if let Some(name) = name_of(choice) {
                Choice::Required(vec![name])
            } else {
                Choice::Auto
            }
        }
        None => Choice::Auto,
    }
}

/// Null for JSON of any form.
fn json_wanted(body: &Value) -> Option<Value> {
    let format = body.get("response_format")?;
    match format.get("type")?.as_str()? {
        "json_object" => Some(Value::Null),
        "json_schema" => format.pointer("/json_schema/schema").cloned(),
        _ => None,
    }
}

/// An answer in the making.
struct Completion {
    model: &'static Model,
    ordinal: usize,
    speech: Speech,
    choices: u64,
    prompt_tokens: u64,
}

impl Completion {
    fn id(&self) -> String {
        format!("chatcmpl-{:024}", self.ordinal)
    }

    fn call_id(&self, choice: u64, index: usize) -> String {
        format!("call_{:016}{choice:04}{index:04}", self.ordinal)
    }

    fn finish_reason(&self) -> &'static str {
        match &self.speech {
            Speech::Calls(_) => "tool_calls",
            Speech::Text(_, true) => "length",
            Speech::Text(_, false) => "stop",
        }
    }

    fn whole(&self) -> Value {
        let choices: Vec<Value> = (0..self.choices)
            .map(|index| {
                json!({
                    "index": index,
                    "message": self.message(index),
                    "logprobs": null,
                    "finish_reason": self.finish_reason(),
                })
            })
            .collect();
        json!({
            "id": self.id(),
            "object": "chat.completion",
            "created": CREATED,
            "model": self.model.snapshot,
            "choices": choices,
            "usage": self.usage(),
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
        })
    }

    fn message(&self, choice: u64) -> Value {
        match &self.speech {
            Speech::Text(text, _) => {
                json!({"role": "assistant", "content": text, "refusal": null, "annotations": []})
            }
            Speech::Calls(calls) => {
                let calls: Vec<Value> = calls
                    .iter()
                    .enumerate()
                    .map(|(index, (name, arguments))| {
                        json!({
                            "id": self.call_id(choice, index),
                            "type": "function",
                            "function": {"name": name, "arguments": arguments.to_string()},
                        })
                    })
                    .collect();
                json!({
                    "role": "assistant",
                    "content": null,
                    "tool_calls": calls,
                    "refusal": null,
                    "annotations": [],
                })
            }
        }
    }

    fn usage(&self) -> Value {
        let said = match &self.speech {
            Speech::Text(text, _) => echo::tokens(text),
            Speech::Calls(calls) => 8 * calls.len() as u64,
        };
        let reasoning = match self.model.kind {
            Kind::Reasoning => REASONING_TOKENS,
            _ => 0,
        };
        let completion = (said + reasoning) * self.choices;
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reasoning * self.choices,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        })
    }

    /// The answer as a stream, `[DONE]` included.
    fn chunks(&self, include_usage: bool) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        for choice in 0..self.choices {
            chunks.extend(
                self.deltas(choice)
                    .into_iter()
                    .map(|delta| (choice, delta, Value::Null)),
            );
        }
        // Several choices come interleaved: the first delta of each, then the second of each.
        let per_choice = chunks.len() / usize::try_from(self.choices.max(1)).unwrap_or(1);
        let mut order: Vec<usize> = (0..chunks.len()).collect();
        order.sort_by_key(|index| (index % per_choice.max(1), *index));
        let mut events: Vec<Bytes> = order
            .into_iter()
            .filter_map(|index| chunks.get(index))
            .map(|(choice, delta, finish)| self.chunk(*choice, delta, finish, include_usage))
            .collect();
        for choice in 0..self.choices {
            events.push(self.chunk(
                choice,
                &json!({}),
                &json!(self.finish_reason()),
                include_usage,
            ));
        }
        if include_usage {
            let mut chunk = self.chunk_without_choices();
            chunk["usage"] = self.usage();
            events.push(event(&chunk));
        }
        events.push(DONE);
        events
    }

    fn chunk_without_choices(&self) -> Value {
        json!({
            "id": self.id(),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.model.snapshot,
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
            "choices": [],
        })
    }

    fn chunk(&self, choice: u64, delta: &Value, finish: &Value, include_usage: bool) -> Bytes {
        let mut chunk = self.chunk_without_choices();
        chunk["choices"] =
            json!([{"index": choice, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        if include_usage {
            chunk["usage"] = Value::Null;
        }
        event(&chunk)
    }

    fn deltas(&self, choice: u64) -> Vec<Value> {
        match &self.speech {
            Speech::Text(text, _) => {
                let mut deltas = vec![json!({"role": "assistant", "content": "", "refusal": null})];
                deltas.extend(
                    echo::pieces(text)
                        .into_iter()
                        .map(|piece| json!({"content": piece})),
                );
                deltas
            }
            Speech::Calls(calls) => {
                let mut deltas = vec![json!({"role": "assistant", "content": null})];
                for (index, (name, arguments)) in calls.iter().enumerate() {
                    deltas.push(json!({"tool_calls": [{
                        "index": index,
                        "id": self.call_id(choice, index),
                        "type": "function",
                        "function": {"name": name, "arguments": ""},
                    }]}));
                    let arguments = arguments.to_string();
                    let middle = (0..=arguments.len() / 2)
                        .rev()
                        .find(|at| arguments.is_char_boundary(*at))
                        .unwrap_or(0);
                    let (head, tail) = arguments.split_at(middle);
                    for piece in [head, tail] {
                        deltas.push(json!({"tool_calls": [{
                            "index": index,
                            "function": {"arguments": piece},
                        }]}));
                    }
                }
                deltas
            }
        }
    }
}

fn event(chunk: &Value) -> Bytes {
    Bytes::from(format!("data: {chunk}\n\n"))
}
