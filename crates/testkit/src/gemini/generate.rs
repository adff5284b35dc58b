//! `:generateContent`, `:streamGenerateContent` and `:countTokens`.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::models::{Model, Thinking};
use crate::{
    echo::{self, Choice, Prompt, Speech},
    reply::Reply,
};

/// Tokens that a model thinks, unless it is told not to.
const THOUGHT_TOKENS: u64 = 12;

/// What genuine signatures begin with, before they are encoded.
pub(super) const SIGNATURE_MARK: &str = "signed by the scripted upstream: ";

/// The good answer, in one piece.
pub(super) fn whole(model: &Model, body: &Value, ordinal: usize) -> Reply {
    Reply::json(StatusCode::OK, &Answer::new(model, body, ordinal).whole())
}

/// The good answer as a stream: server-sent events, or a JSON array where the caller has not asked for them.
pub(super) fn stream(model: &Model, body: &Value, ordinal: usize, is_sse: bool) -> Reply {
    let chunks = Answer::new(model, body, ordinal).chunks();
    if !is_sse {
        return Reply::json(StatusCode::OK, &Value::Array(chunks));
    }
    let events = chunks
        .iter()
        .map(|chunk| Bytes::from(format!("data: {chunk}\r\n\r\n")));
    Reply::events(events)
}

/// A thought signature that scripted upstreams take for genuine; each number gives another.
pub fn signature(number: usize) -> String {
    STANDARD.encode(format!("{SIGNATURE_MARK}{number}"))
}

/// How many tokens the contents have.
pub(super) fn count_tokens(body: &Value) -> Reply {
    let body = body.get("generateContentRequest").unwrap_or(body);
    Reply::json(StatusCode::OK, &json!({"totalTokens": prompt_tokens(body)}))
}

fn contents(body: &Value) -> &[Value] {
    body.get("contents")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn parts(content: &Value) -> &[Value] {
    content
        .get("parts")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn texts(content: &Value) -> String {
    let texts: Vec<&str> = parts(content)
        .iter()
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect();
    texts.join(" ")
}

fn is_user(content: &Value) -> bool {
    content.get("role").and_then(Value::as_str) != Some("model")
}

fn prompt_tokens(body: &Value) -> u64 {
    let system = body.get("systemInstruction");
    contents(body)
        .iter()
        .chain(system)
        .map(|content| 4 + echo::tokens(&texts(content)))
        .sum()
}

fn prompt(body: &Value, limit: Option<u64>) -> Prompt {
    let contents = contents(body);
    let asked = contents
        .iter()
        .rfind(|content| is_user(content) && !texts(content).is_empty());
    let last = contents.last().filter(|content| is_user(content));
    let results: Vec<String> = last
        .map(parts)
        .unwrap_or_default()
        .iter()
        .filter_map(|part| part.pointer("/functionResponse/response"))
        .map(|response| match response.get("output") {
            Some(Value::String(text)) => text.clone(),
            Some(output) => output.to_string(),
            None => response.to_string(),
        })
        .collect();
    let config = |name: &str| {
        body.get("generationConfig")
            .and_then(|config| config.get(name))
    };
    let is_json = config("responseMimeType").and_then(Value::as_str) == Some("application/json");
    Prompt {
        text: asked.map(texts).unwrap_or_default(),
        results: (!results.is_empty()).then(|| results.join(" ")),
        tools: tools(body),
        choice: choice(body),
        one_call: false,
        json: is_json.then(|| {
            [
                "responseJsonSchema",
                "_responseJsonSchema",
                "responseSchema",
            ]
            .into_iter()
            .find_map(config)
            .cloned()
            .unwrap_or_default()
        }),
        stops: strings(config("stopSequences")),
        limit,
    }
}

fn strings(values: Option<&Value>) -> Vec<String> {
    let values = values.and_then(Value::as_array).into_iter().flatten();
    values
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn tools(body: &Value) -> Vec<(String, Value)> {
    let tools = body.get("tools").and_then(Value::as_array);
    tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("functionDeclarations")?.as_array())
        .flatten()
        .filter_map(|function| {
            let name = function.get("name")?.as_str()?.to_owned();
            let schema = function
                .get("parametersJsonSchema")
                .or_else(|| function.get("parameters"));
            Some((name, schema.cloned().unwrap_or_else(|| json!({}))))
        })
        .collect()
}

fn choice(body: &Value) -> Choice {
    let config = body.pointer("/toolConfig/functionCallingConfig");
    let field = |name: &str| config.and_then(|config| config.get(name));
    let names = strings(field("allowedFunctionNames"));
    match field("mode").and_then(Value::as_str) {
        Some("NONE") => Choice::None,
        Some("ANY") => Choice::Required(names),
        Some("VALIDATED") if !names.is_empty() => Choice::Allowed(names),
        _ => Choice::Auto,
    }
}

/// An answer in the making.
struct Answer<'a> {
    model: &'a Model,
    ordinal: usize,
    speech: Speech,
    candidates: u64,
    prompt_tokens: u64,
    thought_tokens: u64,
    shows_thoughts: bool,
}

impl<'a> Answer<'a> {
    fn new(model: &'a Model, body: &Value, ordinal: usize) -> Self {
        let config = |name: &str| {
            body.get("generationConfig")
                .and_then(|config| config.get(name))
        };
        let thinking =
            |name: &str| config("thinkingConfig").and_then(|thinking| thinking.get(name));
        let is_off = thinking("thinkingBudget").and_then(Value::as_i64) == Some(0)
            || matches!(model.thinking, Thinking::Never);
        let limit = config("maxOutputTokens").and_then(Value::as_u64);
        // Thinking comes first and counts too: where the limit is small, nothing is left to say.
        let thought_tokens = if is_off {
            0
        } else {
            limit.map_or(THOUGHT_TOKENS, |limit| limit.min(THOUGHT_TOKENS))
        };
        Self {
            model,
            ordinal,
            speech: prompt(body, limit.map(|limit| limit - thought_tokens)).speech(),
            candidates: config("candidateCount")
                .and_then(Value::as_u64)
                .unwrap_or(1),
            prompt_tokens: prompt_tokens(body),
            thought_tokens,
            shows_thoughts: !is_off && thinking("includeThoughts") == Some(&Value::Bool(true)),
        }
    }

    fn finish_reason(&self) -> &'static str {
        match &self.speech {
            Speech::Text(_, true) => "MAX_TOKENS",
            _ => "STOP",
        }
    }

    fn usage(&self) -> Value {
        let said = match &self.speech {
            Speech::Text(text, _) => echo::tokens(text),
            Speech::Calls(calls) => 8 * calls.len() as u64,
        } * self.candidates;
        let mut usage = json!({
            "promptTokenCount": self.prompt_tokens,
            "totalTokenCount": self.prompt_tokens + said + self.thought_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": self.prompt_tokens}],
        });
        // What is zero is not said.
        let cached = self.prompt_tokens / 4;
        for (name, count) in [
            ("candidatesTokenCount", said),
            ("thoughtsTokenCount", self.thought_tokens),
            ("cachedContentTokenCount", cached),
        ] {
            if count > 0 {
                usage[name] = json!(count);
            }
        }
        usage
    }

    fn response(&self, candidates: Vec<Value>) -> Value {
        json!({
            "candidates": candidates,
            "modelVersion": self.model.version,
            "responseId": format!("response-{}", self.ordinal),
        })
    }

    fn thoughts(&self) -> Option<Value> {
        self.shows_thoughts
            .then(|| json!({"text": "I am asked something.", "thought": true}))
    }

    fn calls(&self, calls: &[(String, Value)]) -> Vec<Value> {
        let mut parts = Vec::new();
        for (index, (name, arguments)) in calls.iter().enumerate() {
            let mut call = json!({"name": name, "args": arguments});
            if self.model.generation >= (3, 0) {
                call["id"] = json!(format!("fc-{}-{index}", self.ordinal));
            }
            let mut part = json!({"functionCall": call});
            if index == 0 {
                part["thoughtSignature"] = json!(signature(self.ordinal));
            }
            parts.push(part);
        }
        parts
    }

    fn whole(&self) -> Value {
        let mut parts: Vec<Value> = self.thoughts().into_iter().collect();
        match &self.speech {
            Speech::Text(text, _) if text.is_empty() => {}
            Speech::Text(text, _) if self.model.generation >= (3, 0) => {
                parts.push(json!({"text": text, "thoughtSignature": signature(self.ordinal)}));
            }
            Speech::Text(text, _) => parts.push(json!({"text": text})),
            Speech::Calls(calls) => parts.extend(self.calls(calls)),
        }
        let mut content = json!({"role": "model"});
        if !parts.is_empty() {
            content["parts"] = Value::Array(parts);
        }
        let candidates = (0..self.candidates)
            .map(|index| {
                let mut candidate =
                    json!({"content": content, "finishReason": self.finish_reason()});
                if index > 0 {
                    candidate["index"] = json!(index);
                }
                candidate
            })
            .collect();
        let mut response = self.response(candidates);
        response["usageMetadata"] = self.usage();
        response
    }

    /// The answer's chunks. Each tells the usage so far; the last tells the reason of its end.
    fn chunks(&self) -> Vec<Value> {
        let mut steps: Vec<Value> = self.thoughts().into_iter().collect();
        match &self.speech {
            Speech::Text(text, _) => {
                steps.extend(
                    echo::pieces(text)
                        .into_iter()
                        .map(|piece| json!({"text": piece})),
                );
                if self.model.generation >= (3, 0) && !text.is_empty() {
                    steps.push(json!({"text": "", "thoughtSignature": signature(self.ordinal)}));
                }
            }
            Speech::Calls(calls) => steps.extend(self.calls(calls)),
        }
        let last = steps.len().saturating_sub(1);
        let mut chunks: Vec<Value> = steps
            .into_iter()
            .enumerate()
            .map(|(index, part)| {
                let candidates = (0..self.candidates)
                    .map(|candidate| {
                        let mut candidate =
                            json!({"content": {"parts": [part], "role": "model"}, "index": candidate});
                        if index == last {
                            candidate["finishReason"] = json!(self.finish_reason());
                        }
                        candidate
                    })
                    .collect();
                self.response(candidates)
            })
            .collect();
        if chunks.is_empty() {
            let candidate =
                json!({"content": {"role": "model"}, "finishReason": self.finish_reason()});
            chunks.push(self.response(vec![candidate]));
        }
        for (index, chunk) in chunks.iter_mut().enumerate() {
            chunk["usageMetadata"] = if index == last {
                self.usage()
            } else {
                json!({"promptTokenCount": self.prompt_tokens, "totalTokenCount": self.prompt_tokens + index as u64,
                       "candidatesTokenCount": index})
            };
        }
        chunks
    }
}
