//! What the rehearsal answers of its own accord.

use locum_domain::{
    chat::{
        ChatRequest, FinishReason, FunctionTool, Media, Message, Part, ResponseFormat, ToolChoice,
    },
    failure::{Failure, FailureClass},
};
use serde_json::{Value, json};

use super::{schema, words};

const MAX_QUOTE_CHARS: usize = 80;

/// One answer, before it is cut into events.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    pub text: String,
    pub refusal: String,
    pub calls: Vec<Call>,
    /// `None`: as the content has it.
    pub finish: Option<FinishReason>,
}

/// A call of a function, without an id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// What was sent, as far as an answer may refer to it.
pub(super) struct Scene<'a> {
    request: &'a ChatRequest,
    /// What the user wrote last.
    said: String,
    media: Vec<&'a Media>,
    /// Names and outputs of the functions whose results end the conversation.
    results: Vec<(&'a str, String)>,
    /// What the answer responds to: those outputs where there are any, else what the user wrote last.
    pub heard: String,
}

impl<'a> Scene<'a> {
    pub fn new(request: &'a ChatRequest) -> Self {
        let said: &[Part] = request
            .messages
            .iter()
            .rev()
            .find_map(|message| match message {
                Message::User { parts, .. } => Some(parts.as_slice()),
                _ => None,
            })
            .unwrap_or_default();
        let mut results: Vec<(&str, String)> = request
            .messages
            .iter()
            .rev()
            .map_while(|message| match message {
                Message::Tool { call_id, parts } => {
                    Some((called_name(request, call_id), text_of(parts)))
                }
                _ => None,
            })
            .collect();
        results.reverse();
        let outputs: Vec<&str> = results.iter().map(|(_, output)| output.as_str()).collect();
        let said_text = text_of(said);
        Self {
            request,
            heard: if results.is_empty() {
                said_text.clone()
            } else {
                outputs.join("\n")
            },
            said: said_text,
            media: said
                .iter()
                .filter_map(|part| match part {
                    Part::Media(media) => Some(media),
                    Part::Text(_) => None,
                })
                .collect(),
            results,
        }
    }
}

/// The answers to a request: as many as it asks for.
///
/// # Errors
/// [`FailureClass::Unsupported`] where no JSON fits the schema that the answer should have.
pub(super) fn improvise(scene: &Scene<'_>) -> Result<Vec<Line>, Failure> {
    let of = scene.request.n.max(1);
    (1..=of)
        .map(|number| improvise_one(scene, number, of))
        .collect()
}

fn improvise_one(scene: &Scene<'_>, number: u32, of: u32) -> Result<Line, Failure> {
    let calls: Vec<Call> = wanted_functions(scene)
        .into_iter()
        .map(|function| call(function, &scene.said))
        .collect();
    if !calls.is_empty() {
        return Ok(Line {
            calls,
            ..Line::default()
        });
    }
    let text = match &scene.request.response_format {
        ResponseFormat::Text => spoken(scene, number, of),
        ResponseFormat::JsonSchema {
            schema: Some(schema),
            ..
        } => schema::example(schema, &scene.said)
            .ok_or_else(|| {
                Failure::new(
                    FailureClass::Unsupported,
                    "the rehearsal finds no JSON that fits the schema of response_format",
                )
            })?
            .to_string(),
        ResponseFormat::JsonObject | ResponseFormat::JsonSchema { .. } => {
            json!({"speaker": "rehearsal", "text": spoken(scene, number, of)}).to_string()
        }
    };
    Ok(Line {
        text,
        ..Line::default()
    })
}

/// The functions to call, in the order in which the user's text names them.
///
/// A function that is forced is called once in a turn: when its result is there, the result is answered, so that a program
/// that runs until there are no more calls comes to an end.
fn wanted_functions<'a>(scene: &Scene<'a>) -> Vec<&'a FunctionTool> {
    let request = scene.request;
    if !scene.results.is_empty() {
        return Vec::new();
    }
    let may_call = |tool: &&FunctionTool| match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::Required => true,
        ToolChoice::None => false,
        ToolChoice::Function(name) => *name == tool.name,
        ToolChoice::Allowed { names, .. } => names.contains(&tool.name),
    };
    let must_call = match request.tool_choice {
        ToolChoice::Required | ToolChoice::Function(_) => true,
        ToolChoice::Allowed { required, .. } => required,
        ToolChoice::Auto | ToolChoice::None => false,
    };
    let allowed: Vec<&FunctionTool> = request.tools.iter().filter(may_call).collect();
    let mut named: Vec<(usize, &FunctionTool)> = allowed
        .iter()
        .filter_map(|tool| Some((words::find_name(&scene.said, &tool.name)?, *tool)))
        .collect();
    named.sort_by_key(|(place, _)| *place);
    let mut wanted: Vec<&FunctionTool> = named.into_iter().map(|(_, tool)| tool).collect();
    if wanted.is_empty() && must_call {
        wanted.extend(allowed.first());
    }
    if request.parallel_tool_calls == Some(false) {
        wanted.truncate(1);
    }
    wanted
}

fn call(function: &FunctionTool, said: &str) -> Call {
    let arguments = function
        .parameters
        .as_ref()
        .and_then(|parameters| schema::example(parameters, said))
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({}));
    Call {
        name: function.name.clone(),
        arguments: arguments.to_string(),
    }
}

/// The answer in words.
fn spoken(scene: &Scene<'_>, number: u32, of: u32) -> String {
    let mut sentences = vec![
        "I am the rehearsal, an offline stand-in for a model: nobody has thought about this answer."
            .to_owned(),
    ];
    if scene.results.is_empty() {
        sentences.push(about_messages(scene));
        sentences.extend(about_functions(scene));
    } else {
        sentences.extend(scene.results.iter().map(|(name, output)| {
            format!(
                "The function {name} returned {}.",
                words::quoted(output, MAX_QUOTE_CHARS)
            )
        }));
    }
    if of > 1 {
        sentences.push(format!("This is answer {number} of {of}."));
    }
    sentences.join(" ")
}

fn about_messages(scene: &Scene<'_>) -> String {
    let is_system = |message: &&Message| matches!(message, Message::System { .. });
    let systems = scene.request.messages.iter().filter(is_system).count();
    let others = scene.request.messages.len() - systems;
    let mut sentence = format!("You sent {}", counted(others, "message"));
    if systems > 0 {
        sentence += &format!(" and {}", counted(systems, "system instruction"));
    }
    if scene.said.is_empty() {
        sentence += "; the last one has no text";
    } else {
        sentence += &format!(
            "; your last words begin {}",
            words::quoted(&scene.said, MAX_QUOTE_CHARS)
        );
    }
    let media: Vec<String> = ["image", "recording", "file"]
        .into_iter()
        .filter_map(|kind| {
            let count = scene
                .media
                .iter()
                .filter(|media| kind_of(media) == kind)
                .count();
            (count > 0).then(|| counted(count, kind))
        })
        .collect();
    if !media.is_empty() {
        sentence += &format!("; with them came {}", media.join(" and "));
    }
    sentence.push('.');
    sentence
}

fn about_functions(scene: &Scene<'_>) -> Option<String> {
    if scene.request.tool_choice == ToolChoice::None {
        return None;
    }
    let names: Vec<&str> = scene
        .request
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "Name one of your functions and I call it: {}.",
            names.join(", ")
        )
    })
}

fn kind_of(media: &Media) -> &'static str {
    match media.mime_type.as_deref() {
        Some(mime_type) if mime_type.starts_with("image/") => "image",
        Some(mime_type) if mime_type.starts_with("audio/") => "recording",
        None if matches!(media.source, locum_domain::chat::MediaSource::Url(_)) => "image",
        _ => "file",
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn called_name<'a>(request: &'a ChatRequest, call_id: &'a str) -> &'a str {
    request
        .messages
        .iter()
        .rev()
        .find_map(|message| match message {
            Message::Assistant { calls, .. } => calls.iter().find(|call| call.id == call_id),
            _ => None,
        })
        .map_or(call_id, |call| &call.name)
}

fn text_of(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Media(_) => None,
        })
        .collect();
    texts.join("\n")
}
