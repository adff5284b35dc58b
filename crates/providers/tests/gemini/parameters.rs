//! Parameters of the generation, by generation.

use locum_domain::chat::{ChatRequest, ReasoningEffort, ResponseFormat};
use serde_json::{Value, json};

use crate::{ALIAS, ANCIENT, GEMMA, MIDDLE, NEW, OLD, hello, sent};

fn config(request: &ChatRequest) -> Value {
    sent(request)["generationConfig"].clone()
}

fn sampled(model: &str) -> ChatRequest {
    let mut request = hello(model);
    request.temperature = Some(0.2);
    request.top_p = Some(0.9);
    request
}

#[test]
fn nothing_is_injected_that_the_caller_did_not_set() {
    for model in [ANCIENT, OLD, MIDDLE, NEW, ALIAS, GEMMA] {
        assert_eq!(sent(&hello(model)).get("generationConfig"), None, "{model}");
    }
}

#[test]
fn sampling_is_forwarded_where_the_caller_set_it_before_3_6() {
    for model in [
        ANCIENT,
        OLD,
        MIDDLE,
        "gemini-3-flash-preview",
        "gemini-3.5-flash",
        GEMMA,
    ] {
        assert_eq!(
            config(&sampled(model)),
            json!({"temperature": 0.2, "topP": 0.9}),
            "{model}"
        );
    }
}

#[test]
fn sampling_is_dropped_from_3_6_on_and_for_rolling_aliases() {
    for model in [
        "gemini-3.6-flash",
        "gemini-3.5-flash-lite",
        "gemini-3.8-flash",
        NEW,
        ALIAS,
        "gemini-exp-1206",
    ] {
        assert_eq!(config(&sampled(model)), json!(null), "{model}");
    }
}

#[test]
fn penalties_are_sent_before_2_5_only() {
    let penalized = |model| {
        let mut request = hello(model);
        request.presence_penalty = Some(0.5);
        request.frequency_penalty = Some(-0.5);
        config(&request)
    };
    assert_eq!(
        penalized(ANCIENT),
        json!({"presencePenalty": 0.5, "frequencyPenalty": -0.5})
    );
    for model in [OLD, MIDDLE, NEW, ALIAS, GEMMA] {
        assert_eq!(penalized(model), json!(null), "{model}");
    }
}

#[test]
fn max_tokens_stop_and_seed() {
    let mut request = hello(NEW);
    request.max_tokens = Some(100);
    request.stop = vec!["END".to_owned(), String::new(), "\n\n".to_owned()];
    request.seed = Some(42);
    assert_eq!(
        config(&request),
        json!({"maxOutputTokens": 100, "stopSequences": ["END", "\n\n"], "seed": 42})
    );
}

#[test]
fn max_tokens_beyond_what_the_model_gives_is_cut_to_it() {
    for (model, most) in [
        (ANCIENT, 8192),
        (GEMMA, 8192),
        (OLD, 65_536),
        (MIDDLE, 65_536),
        (ALIAS, 65_536),
        (NEW, 200_000),
    ] {
        let mut request = hello(model);
        request.max_tokens = Some(200_000);
        assert_eq!(
            config(&request),
            json!({"maxOutputTokens": most}),
            "{model}"
        );
    }
}

#[test]
fn a_seed_of_64_bits_is_reduced_to_31() {
    for (seed, reduced) in [
        (0, 0),
        (2_147_483_647, 2_147_483_647),
        (2_147_483_648, 0),
        (-1, 2_147_483_647),
        (i64::MAX, 2_147_483_647),
        (i64::MIN, 0),
    ] {
        let mut request = hello(NEW);
        request.seed = Some(seed);
        assert_eq!(config(&request), json!({"seed": reduced}), "{seed}");
    }
}

#[test]
fn logprobs_are_asked_for() {
    let with = |top| {
        let mut request = hello(NEW);
        request.top_logprobs = Some(top);
        config(&request)
    };
    assert_eq!(with(0), json!({"responseLogprobs": true}));
    assert_eq!(with(5), json!({"responseLogprobs": true, "logprobs": 5}));
}

#[test]
fn response_format_json_object() {
    let mut request = hello(NEW);
    request.response_format = ResponseFormat::JsonObject;
    assert_eq!(
        config(&request),
        json!({"responseMimeType": "application/json"})
    );
}

#[test]
fn response_format_json_schema() {
    let mut request = hello(NEW);
    request.response_format = ResponseFormat::JsonSchema {
        name: "place".to_owned(),
        description: Some("A place.".to_owned()),
        schema: Some(json!({
            "type": "object",
            "properties": {"kind": {"const": "city"}},
            "required": ["kind"],
            "additionalProperties": false,
        })),
        strict: Some(true),
    };
    assert_eq!(
        config(&request),
        json!({
            "responseMimeType": "application/json",
            "responseJsonSchema": {
                "type": "object",
                "properties": {"kind": {"type": "string", "enum": ["city"]}},
                "required": ["kind"],
                "additionalProperties": false,
                "description": "A place.",
            },
        })
    );
    request.response_format = ResponseFormat::JsonSchema {
        name: "any".to_owned(),
        description: None,
        schema: None,
        strict: None,
    };
    assert_eq!(
        config(&request),
        json!({"responseMimeType": "application/json"})
    );
}

use ReasoningEffort::{High, Low, Max, Medium, Minimal, None as Off, XHigh};

const EFFORTS: [ReasoningEffort; 7] = [Off, Minimal, Low, Medium, High, XHigh, Max];

/// What each effort is sent as, from `none` to `max`.
fn thinking(model: &str) -> Vec<Value> {
    EFFORTS
        .iter()
        .map(|&effort| {
            let mut request = hello(model);
            request.reasoning_effort = Some(effort);
            let thinking = config(&request)["thinkingConfig"].clone();
            assert!(thinking.as_object().is_none_or(|config| config.len() == 1));
            thinking
        })
        .collect()
}

#[test]
fn reasoning_effort_is_a_budget_for_2_5() {
    let budgets = |model| -> Vec<Value> {
        thinking(model)
            .into_iter()
            .map(|config| config["thinkingBudget"].clone())
            .collect()
    };
    assert_eq!(
        budgets("gemini-2.5-pro"),
        [128, 1024, 1024, 8192, 24576, 24576, 32768]
    );
    for model in ["gemini-2.5-flash", "gemini-2.5-flash-lite"] {
        assert_eq!(
            budgets(model),
            [0, 1024, 1024, 8192, 24576, 24576, 24576],
            "{model}"
        );
    }
}

#[test]
fn reasoning_effort_is_a_level_from_generation_3_on() {
    let levels = |model| -> Vec<Value> {
        thinking(model)
            .into_iter()
            .map(|config| config["thinkingLevel"].clone())
            .collect()
    };
    for model in ["gemini-4-hydrogen", "gemini-4-neon"] {
        assert_eq!(
            levels(model),
            ["LOW", "LOW", "LOW", "MEDIUM", "HIGH", "XHIGH", "XHIGH"],
            "{model}"
        );
    }
    for model in [
        "gemini-4-carbon",
        "gemini-4-argon",
        "gemini-3.8-flash",
        "gemini-3.7-flash",
        "gemini-3.1-pro-preview",
        "gemini-pro-latest",
        ALIAS,
    ] {
        assert_eq!(
            levels(model),
            ["LOW", "LOW", "LOW", "MEDIUM", "HIGH", "HIGH", "HIGH"],
            "{model}"
        );
    }
    for model in [
        "gemini-3.6-flash",
        "gemini-3.5-flash-lite",
        "gemini-3-flash-preview",
        "gemini-3.1-flash-lite",
    ] {
        assert_eq!(
            levels(model),
            [
                "MINIMAL", "MINIMAL", "LOW", "MEDIUM", "HIGH", "HIGH", "HIGH"
            ],
            "{model}"
        );
    }
}

#[test]
fn reasoning_effort_is_dropped_where_the_model_has_no_such_switch() {
    for model in [
        ANCIENT,
        GEMMA,
        "gemini-2.5-flash-image",
        "gemini-2.5-pro-preview-tts",
    ] {
        assert_eq!(thinking(model), vec![json!(null); 7], "{model}");
    }
}
