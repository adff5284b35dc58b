//! Turns, parts, calls with their results, and thought signatures.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{list, text};
use crate::{
    gemini::{error, fields, generate::SIGNATURE_MARK, models::Model},
    reply::Reply,
};

/// What a part can be; each is exactly one of these.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "functionCall",
    "functionResponse",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// What stands for a signature where there is none, as Google documents it.
const DUMMY_SIGNATURES: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

const MEDIA: [&str; 6] = [
    "image/",
    "audio/",
    "video/",
    "text/",
    "application/pdf",
    "application/json",
];

pub(super) fn check(
    model: &Model,
    body: &Value,
    signatures: &BTreeSet<String>,
) -> Result<(), Reply> {
    if let Some(system) = body.get("systemInstruction") {
        check_parts(system, "system_instruction")?;
        if list(system, "parts")
            .iter()
            .any(|part| part.get("text").is_none())
        {
            return Err(error::invalid(
                "* GenerateContentRequest.system_instruction: only text is supported.\n",
            ));
        }
    }
    let contents = list(body, "contents");
    if contents.is_empty() {
        return Err(error::invalid(
            "* GenerateContentRequest.contents: contents is not specified\n",
        ));
    }
    for (index, content) in contents.iter().enumerate() {
        check_role(content, contents.len() == 1)?;
        check_parts(content, &format!("contents[{index}]"))?;
        check_ids(model, content, index)?;
    }
    check_order(contents)?;
    if model.generation >= (3, 6) && contents.last().is_some_and(is_model) {
        return Err(error::invalid(
            "Requests ending with a model turn are not supported.",
        ));
    }
    check_calls(contents)?;
    if model.generation >= (3, 0) {
        check_signatures(contents, signatures)?;
    }
    Ok(())
}

fn is_model(content: &Value) -> bool {
    text(content, "role") == Some("model")
}

fn calls(content: &Value) -> Vec<&Value> {
    list(content, "parts")
        .iter()
        .filter_map(|part| part.get("functionCall"))
        .collect()
}

fn responses(content: &Value) -> Vec<&Value> {
    list(content, "parts")
        .iter()
        .filter_map(|part| part.get("functionResponse"))
        .collect()
}

fn check_role(content: &Value, is_only_one: bool) -> Result<(), Reply> {
    match text(content, "role") {
        Some("user" | "model") => Ok(()),
        None if is_only_one => Ok(()),
        _ => Err(error::invalid("Please use a valid role: user, model.")),
    }
}

fn check_parts(content: &Value, path: &str) -> Result<(), Reply> {
    let parts = list(content, "parts");
    if parts.is_empty() {
        return Err(error::invalid(&format!(
            "* GenerateContentRequest.{path}.parts: contents.parts must not be empty.\n"
        )));
    }
    for (index, part) in parts.iter().enumerate() {
        check_part(part, &format!("{path}.parts[{index}]"))?;
    }
    Ok(())
}

fn check_part(part: &Value, path: &str) -> Result<(), Reply> {
    let mut present = DATA
        .into_iter()
        .filter(|name| part.get(*name).is_some_and(|data| !data.is_null()));
    let (Some(kind), None) = (present.next(), present.next()) else {
        return Err(error::invalid(&format!(
            "* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
        )));
    };
    let data = part.get(kind).unwrap_or(&Value::Null);
    match kind {
        // An empty text is a part only where a signature needs one.
        "text" if data == "" && part.get("thoughtSignature").is_none() => Err(error::invalid(
            &format!("* GenerateContentRequest.{path}.text: text must not be empty.\n"),
        )),
        "functionCall" | "functionResponse"
            if text(data, "name").unwrap_or_default().is_empty() =>
        {
            let name = if kind == "functionCall" {
                "function_call"
            } else {
                "function_response"
            };
            Err(error::invalid(&format!(
                "* GenerateContentRequest.{path}.{name}.name: Name cannot be empty.\n"
            )))
        }
        "inlineData" => {
            let bytes = text(data, "data").unwrap_or_default();
            if bytes.is_empty()
                || STANDARD
                    .decode(bytes.replace('-', "+").replace('_', "/"))
                    .is_err()
            {
                return Err(error::invalid_field(
                    &format!(
                        "Invalid value at '{path}.inline_data.data' (TYPE_BYTES), Base64 decoding failed"
                    ),
                    path,
                ));
            }
            check_media(data)
        }
        "fileData" if text(data, "fileUri").unwrap_or_default().is_empty() => Err(error::invalid(
            &format!("* GenerateContentRequest.{path}.file_data.file_uri: must not be empty.\n"),
        )),
        "fileData" if data.get("mimeType").is_some() => check_media(data),
        _ => Ok(()),
    }
}

fn check_media(data: &Value) -> Result<(), Reply> {
    let kind = text(data, "mimeType").unwrap_or_default();
    if MEDIA.iter().any(|known| kind.starts_with(known)) {
        return Ok(());
    }
    Err(error::invalid(&format!("Unsupported MIME type: {kind}")))
}

/// Models before Gemini 3 do not know ids of calls.
fn check_ids(model: &Model, content: &Value, index: usize) -> Result<(), Reply> {
    if model.generation >= (3, 0) {
        return Ok(());
    }
    for (number, part) in list(content, "parts").iter().enumerate() {
        for (name, snake) in [
            ("functionCall", "function_call"),
            ("functionResponse", "function_response"),
        ] {
            if part.get(name).is_some_and(|data| data.get("id").is_some()) {
                return Err(fields::unknown(
                    "id",
                    &format!("contents[{index}].parts[{number}].{snake}"),
                ));
            }
        }
    }
    Ok(())
}

/// A conversation begins with the user; calls are the model's and results the user's.
fn check_order(contents: &[Value]) -> Result<(), Reply> {
    let mut previous: Option<&Value> = None;
    for content in contents {
        let has_calls = !calls(content).is_empty();
        let follows_user = previous.is_some_and(|previous| !is_model(previous));
        if has_calls && !(is_model(content) && follows_user) {
            return Err(error::invalid(
                "Please ensure that function call turn comes immediately after a user turn or after a function response \
                 turn.",
            ));
        }
        if previous.is_none() && is_model(content) {
            return Err(error::invalid(
                "Please ensure that the first turn is a user turn.",
            ));
        }
        let follows_calls = previous.is_some_and(|previous| !calls(previous).is_empty());
        if !responses(content).is_empty() && (is_model(content) || !follows_calls) {
            return Err(error::invalid(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
        previous = Some(content);
    }
    Ok(())
}

/// Each call has its result in the turn after it: as many, in the same order, under the same names and ids.
fn check_calls(contents: &[Value]) -> Result<(), Reply> {
    for pair in contents.windows(2) {
        let [asking, answering] = pair else {
            continue;
        };
        let (calls, responses) = (calls(asking), responses(answering));
        if calls.len() != responses.len() {
            return Err(error::invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts of \
                 the function call turn.",
            ));
        }
        for (call, response) in calls.into_iter().zip(responses) {
            for name in ["name", "id"] {
                if text(call, name) != text(response, name) {
                    return Err(error::invalid(&format!(
                        "Please ensure that function response parts are in the order of the function call parts: {name} {:?} \
                         does not answer {name} {:?}.",
                        text(response, name).unwrap_or_default(),
                        text(call, name).unwrap_or_default(),
                    )));
                }
            }
        }
    }
    Ok(())
}

/// In the current turn, which begins with the last content of the user that is no result, the first call of each step must
/// bear a signature that this upstream has given, or the dummy.
fn check_signatures(contents: &[Value], signatures: &BTreeSet<String>) -> Result<(), Reply> {
    let start = contents
        .iter()
        .rposition(|content| !is_model(content) && responses(content).is_empty())
        .unwrap_or(0);
    for (index, content) in contents.iter().enumerate().skip(start) {
        let calling: Vec<&Value> = list(content, "parts")
            .iter()
            .filter(|part| part.get("functionCall").is_some())
            .collect();
        if let Some(first) = calling.first()
            && first.get("thoughtSignature").is_none()
        {
            let name = first
                .get("functionCall")
                .and_then(|call| text(call, "name"))
                .unwrap_or_default();
            return Err(error::invalid(&format!(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
                 correctly, and missing thought_signature may lead to degraded model performance. Additional data, function \
                 call `default_api:{name}` , position {}.",
                index + 1
            )));
        }
        let given = calling
            .iter()
            .filter_map(|part| text(part, "thoughtSignature"));
        if given
            .into_iter()
            .any(|signature| !is_genuine(signature, signatures))
        {
            return Err(error::invalid("Thought signature is not valid"));
        }
    }
    Ok(())
}

fn is_genuine(signature: &str, scripted: &BTreeSet<String>) -> bool {
    let is_own = || {
        STANDARD
            .decode(signature)
            .is_ok_and(|bytes| bytes.starts_with(SIGNATURE_MARK.as_bytes()))
    };
    DUMMY_SIGNATURES.contains(&signature) || scripted.contains(signature) || is_own()
}
