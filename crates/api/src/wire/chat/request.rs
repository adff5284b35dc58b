//! The members of the body.

use locum_domain::{
    chat::{ChatRequest, ReasoningEffort, ResponseFormat, ServiceTier},
    error::ApiError,
};

use super::{history, tools};
use crate::wire::{
    at::At,
    fault::{self, Type},
    json::{self, Json},
    peek::check_model,
};

/// How many answers one request may ask for.
const MAX_ANSWERS: i64 = 128;
/// How many texts may end an answer.
const MAX_STOPS: usize = 4;

/// In the order of how hard the model thinks.
pub(in crate::wire) const EFFORTS: &[(&str, ReasoningEffort)] = &[
    ("none", ReasoningEffort::None),
    ("minimal", ReasoningEffort::Minimal),
    ("low", ReasoningEffort::Low),
    ("medium", ReasoningEffort::Medium),
    ("high", ReasoningEffort::High),
    ("xhigh", ReasoningEffort::XHigh),
    ("max", ReasoningEffort::Max),
];

/// `fast` is OpenAI's newer name of `priority`; `scale` is a contract with OpenAI that elsewhere means nothing.
const TIERS: &[(&str, ServiceTier)] = &[
    ("auto", ServiceTier::Auto),
    ("default", ServiceTier::Default),
    ("flex", ServiceTier::Flex),
    ("scale", ServiceTier::Auto),
    ("priority", ServiceTier::Priority),
    ("fast", ServiceTier::Priority),
];

/// Members that change nothing about the answer, or nothing that another provider has a word for.
const IGNORED: &[(&str, Type)] = &[
    ("logit_bias", Type::Object),
    ("metadata", Type::Object),
    ("moderation", Type::Object),
    ("prediction", Type::Object),
    ("prompt_cache_key", Type::String),
    ("prompt_cache_options", Type::Object),
    ("prompt_cache_retention", Type::String),
    ("safety_identifier", Type::String),
    ("store", Type::Boolean),
    ("user", Type::String),
    ("verbosity", Type::String),
    ("web_search_options", Type::Object),
];

/// Reads a request.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub fn parse(body: &[u8]) -> Result<ChatRequest, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    let model = body.require("model")?.string()?.to_owned();
    check_model(&model)?;
    let messages = history::messages(&body.require("messages")?)?;
    let (stream, include_usage) = streaming(&body)?;
    let tools::Tools {
        tools,
        choice,
        parallel,
    } = tools::tools(&body)?;
    refuse_sound(&body)?;
    check_ignored(&body)?;
    let Sampling {
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        stop,
        seed,
        n,
    } = sampling(&body)?;
    Ok(ChatRequest {
        model,
        messages,
        tools,
        tool_choice: choice,
        parallel_tool_calls: parallel,
        response_format: body
            .get("response_format")
            .map_or(Ok(ResponseFormat::Text), |at| response_format(&at))?,
        reasoning_effort: body
            .get("reasoning_effort")
            .map(|effort| effort.word(EFFORTS))
            .transpose()?,
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        max_tokens: max_tokens(&body)?,
        stop,
        seed,
        n,
        top_logprobs: top_logprobs(&body)?,
        service_tier: body
            .get("service_tier")
            .map(|tier| tier.word(TIERS))
            .transpose()?,
        stream,
        include_usage,
    })
}

/// What chat and text completions have in common.
pub(in crate::wire) struct Sampling {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub stop: Vec<String>,
    pub seed: Option<i64>,
    pub n: u32,
}

/// Reads what chat and text completions have in common.
pub(in crate::wire) fn sampling(body: &At<'_, '_>) -> Result<Sampling, ApiError> {
    let decimal = |key, range| body.get(key).map(|at| at.decimal(range)).transpose();
    Ok(Sampling {
        temperature: decimal("temperature", 0.0..=2.0)?,
        top_p: decimal("top_p", 0.0..=1.0)?,
        presence_penalty: decimal("presence_penalty", -2.0..=2.0)?,
        frequency_penalty: decimal("frequency_penalty", -2.0..=2.0)?,
        stop: stop(body)?,
        seed: body
            .get("seed")
            .map(|seed| seed.integer(i64::MIN..=i64::MAX))
            .transpose()?,
        n: count(body, "n", MAX_ANSWERS)?.unwrap_or(1),
    })
}

/// `stream` and `stream_options.include_usage`.
pub(in crate::wire) fn streaming(body: &At<'_, '_>) -> Result<(bool, bool), ApiError> {
    let stream = body.flag("stream")?;
    let Some(options) = body.get("stream_options") else {
        return Ok((stream, false));
    };
    let options = options.object()?;
    if !stream {
        return Err(fault::invalid(
            options.path(),
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    options.flag("include_obfuscation")?;
    Ok((stream, options.flag("include_usage")?))
}

/// Checks the types of what is otherwise ignored.
pub(in crate::wire) fn check_ignored(body: &At<'_, '_>) -> Result<(), ApiError> {
    for (key, expected) in IGNORED {
        if let Some(at) = body.get(key)
            && at.value().r#type() != *expected
        {
            return Err(at.wrong_type(expected.with_article()));
        }
    }
    Ok(())
}

/// The count `key`, at least 1.
pub(in crate::wire) fn count(
    body: &At<'_, '_>,
    key: &str,
    max: i64,
) -> Result<Option<u32>, ApiError> {
    let Some(at) = body.get(key) else {
        return Ok(None);
    };
    Ok(u32::try_from(at.integer(1..=max)?).ok())
}

/// Up to four texts. Empty ones, which some programs send for "none", are left out.
fn stop(body: &At<'_, '_>) -> Result<Vec<String>, ApiError> {
    let Some(at) = body.get("stop") else {
        return Ok(Vec::new());
    };
    let stops = match at.value() {
        Json::String(text) => vec![text.clone().into_owned()],
        Json::Array(items) if items.len() > MAX_STOPS => {
            return Err(fault::long_array(at.path(), MAX_STOPS, items.len()));
        }
        Json::Array(_) => at
            .items()?
            .map(|item| item.string().map(str::to_owned))
            .collect::<Result<_, _>>()?,
        _ => return Err(at.wrong_type("one of a string or an array of strings")),
    };
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// `max_completion_tokens`, or its older name.
fn max_tokens(body: &At<'_, '_>) -> Result<Option<u32>, ApiError> {
    let most = i64::from(u32::MAX);
    let older = count(body, "max_tokens", most)?;
    let newer = count(body, "max_completion_tokens", most)?;
    if older.is_some() && newer.is_some() {
        return Err(fault::invalid(
            "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ));
    }
    Ok(newer.or(older))
}

/// `logprobs` and `top_logprobs`.
fn top_logprobs(body: &At<'_, '_>) -> Result<Option<u8>, ApiError> {
    let wanted = body.flag("logprobs")?;
    let top = match body.get("top_logprobs") {
        None => 0,
        Some(top) if wanted => u8::try_from(top.integer(0..=20)?).unwrap_or_default(),
        Some(top) => {
            return Err(fault::invalid(
                top.path(),
                "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            ));
        }
    };
    Ok(wanted.then_some(top))
}

/// The object of a `response_format`.
pub(in crate::wire) fn response_format(at: &At<'_, '_>) -> Result<ResponseFormat, ApiError> {
    /// `None`: a schema says more.
    const FORMS: &[(&str, Option<ResponseFormat>)] = &[
        ("json_object", Some(ResponseFormat::JsonObject)),
        ("json_schema", None),
        ("text", Some(ResponseFormat::Text)),
    ];
    let at = at.object()?;
    if let Some(form) = at.require("type")?.word(FORMS)? {
        return Ok(form);
    }
    let format = at.require("json_schema")?.object()?;
    let schema = format.get("schema").map(At::object).transpose()?;
    Ok(ResponseFormat::JsonSchema {
        name: format.require("name")?.name()?.to_owned(),
        description: format.text("description")?,
        schema: schema.map(|schema| schema.value().to_value()),
        strict: format
            .get("strict")
            .map(|strict| strict.boolean())
            .transpose()?,
    })
}

/// Answers are text: spoken ones are refused, because a text would not be what was asked for.
fn refuse_sound(body: &At<'_, '_>) -> Result<(), ApiError> {
    const SENTENCE: &str = "Answers in sound are not supported; ask for text.";
    if let Some(modalities) = body.get("modalities") {
        for modality in modalities.items()? {
            if modality.word(&[("text", false), ("audio", true)])? {
                return Err(fault::unsupported(modality.path(), SENTENCE));
            }
        }
    }
    match body.get("audio") {
        None => Ok(()),
        Some(audio) => Err(fault::unsupported(audio.path(), SENTENCE)),
    }
}
