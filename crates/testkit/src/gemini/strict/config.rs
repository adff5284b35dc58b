//! `generationConfig`, generation by generation.

use serde_json::Value;

use super::{list, schema, text};
use crate::{
    gemini::{
        error,
        models::{Model, Thinking},
    },
    reply::Reply,
};

const CANDIDATES_LIMIT: i64 = 8;

const STOPS_LIMIT: usize = 5;

const FORMATS: [&str; 3] = ["text/plain", "application/json", "text/x.enum"];

pub(super) fn check(model: &Model, body: &Value) -> Result<(), Reply> {
    let Some(config) = body.get("generationConfig") else {
        return Ok(());
    };
    check_candidates(model, config)?;
    check_sampling(model, config)?;
    check_unsupported(model, config)?;
    check_length(model, config)?;
    check_format(model, config, body)?;
    match config.get("thinkingConfig") {
        Some(thinking) => check_thinking(model, thinking),
        None => Ok(()),
    }
}

fn field(name: &str, what: &str) -> Reply {
    error::invalid(&format!(
        "* GenerateContentRequest.generation_config.{name}: {what}\n"
    ))
}

fn check_candidates(model: &Model, config: &Value) -> Result<(), Reply> {
    match config.get("candidateCount").and_then(Value::as_i64) {
        Some(2..) if model.generation >= (3, 0) => Err(error::invalid(
            "Multiple candidates is not enabled for this model",
        )),
        Some(count) if !(1..=CANDIDATES_LIMIT).contains(&count) => Err(field(
            "candidate_count",
            &format!("candidate_count must be in the range [1, {CANDIDATES_LIMIT}]."),
        )),
        _ => Ok(()),
    }
}

fn check_sampling(model: &Model, config: &Value) -> Result<(), Reply> {
    for (name, snake, least, most) in [
        ("temperature", "temperature", 0.0, 2.0),
        ("topP", "top_p", 0.0, 1.0),
        ("topK", "top_k", 1.0, f64::MAX),
    ] {
        let Some(value) = config.get(name).and_then(Value::as_f64) else {
            continue;
        };
        // Announced for the generations after 3.6, which ignores them.
        if model.generation >= (4, 0) {
            return Err(error::invalid(&format!(
                "{snake} is not supported for this model."
            )));
        }
        if !(least..=most).contains(&value) {
            return Err(field(
                snake,
                &format!("{snake} must be in the range [{least:?}, {most:?}]."),
            ));
        }
    }
    Ok(())
}

/// What the Developer API takes of no model that it has today.
fn check_unsupported(model: &Model, config: &Value) -> Result<(), Reply> {
    let has = |name: &str| config.get(name).is_some_and(|value| !value.is_null());
    if has("presencePenalty") || has("frequencyPenalty") {
        return Err(error::invalid(&format!(
            "Penalty is not enabled for models/{}",
            model.id
        )));
    }
    if has("logprobs") || config.get("responseLogprobs") == Some(&Value::Bool(true)) {
        return Err(error::invalid(&format!(
            "Logprobs is not enabled for models/{}",
            model.id
        )));
    }
    Ok(())
}

/// How many tokens an answer may have: from Gemini 4 on it may take several requests, and only the model's window ends it.
fn output_limit(model: &Model) -> i64 {
    if model.generation >= (4, 0) {
        1_048_576
    } else {
        65_536
    }
}

fn check_length(model: &Model, config: &Value) -> Result<(), Reply> {
    if let Some(tokens) = config.get("maxOutputTokens").and_then(Value::as_i64)
        && !(1..=output_limit(model)).contains(&tokens)
    {
        return Err(error::invalid(&format!(
            "Unable to submit request because it has a maxOutputTokens value of {tokens} but the supported range is from 1 \
             (inclusive) to {} (exclusive). Update the value and try again.",
            output_limit(model) + 1
        )));
    }
    let stops = list(config, "stopSequences");
    if stops.len() > STOPS_LIMIT {
        return Err(field(
            "stop_sequences",
            &format!("at most {STOPS_LIMIT} stop sequences may be set."),
        ));
    }
    if stops.iter().any(|stop| stop == "") {
        return Err(field(
            "stop_sequences",
            "a stop sequence must not be empty.",
        ));
    }
    Ok(())
}

fn check_format(model: &Model, config: &Value, body: &Value) -> Result<(), Reply> {
    let format = text(config, "responseMimeType").unwrap_or("text/plain");
    if !FORMATS.contains(&format) {
        return Err(field(
            "response_mime_type",
            "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.",
        ));
    }
    let has_functions = list(body, "tools")
        .iter()
        .any(|tool| tool.get("functionDeclarations").is_some());
    if format != "text/plain" && has_functions && model.generation < (3, 0) {
        return Err(error::invalid(&format!(
            "Function calling with a response mime type: '{format}' is unsupported"
        )));
    }
    let schemas: Vec<&str> = [
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
    ]
    .into_iter()
    .filter(|name| config.get(*name).is_some_and(|schema| !schema.is_null()))
    .collect();
    if schemas.len() > 1 {
        return Err(field(
            "response_schema",
            "only one of response_schema and response_json_schema may be set.",
        ));
    }
    if !schemas.is_empty() && format == "text/plain" {
        return Err(field(
            "response_schema",
            "only allowed when response_mime_type is application/json or text/x.enum.",
        ));
    }
    schemas
        .into_iter()
        .filter(|name| *name != "responseSchema")
        .filter_map(|name| config.get(name))
        .try_for_each(|schema| schema::check(schema, "generation_config.response_json_schema"))
}

fn check_thinking(model: &Model, thinking: &Value) -> Result<(), Reply> {
    let budget = thinking.get("thinkingBudget").and_then(Value::as_i64);
    let level = text(thinking, "thinkingLevel");
    if budget.is_some() && level.is_some() {
        return Err(error::invalid(
            "You can only set only one of thinking budget and thinking level.",
        ));
    }
    match (model.thinking, budget, level) {
        (Thinking::Levels { levels, .. }, _, Some(level)) if !levels.contains(&level) => {
            Err(error::invalid(&format!(
                "Thinking level {level} is not supported for this model. Please retry with other thinking level."
            )))
        }
        (Thinking::Budget { .. } | Thinking::Never, _, Some(_)) => Err(error::invalid(
            "Thinking level is not supported for this model.",
        )),
        (Thinking::Levels { budget: false, .. }, Some(_), _) => Err(error::invalid(
            "Thinking budget is not supported for this model.",
        )),
        (Thinking::Budget { zero: false, .. }, Some(0), _) => Err(error::invalid(
            "Budget 0 is invalid. This model only works in thinking mode.",
        )),
        (Thinking::Budget { least, most, .. }, Some(budget), _)
            if budget > 0 && !(least..=most).contains(&budget) || budget < -1 =>
        {
            Err(error::invalid(&format!(
                "The thinking budget {budget} is invalid. Please choose a value between {least} and {most}."
            )))
        }
        _ => Ok(()),
    }
}
