//! Which configurations, tools and schemas the pretended Gemini refuses, generation by generation.

use super::*;

#[track_caller]
fn check_config(model: &str, config: Value, refusal: Option<&str>) {
    let changes = json!({"generationConfig": config});
    match refusal {
        Some(message) => check_refused(model, &changes, message),
        None => drop(generated(model, &changes)),
    }
}

#[test]
fn configurations_depend_on_the_generation() {
    let penalty = Some("Penalty is not enabled");
    for (model, config, refusal) in [
        (OLD, json!({"candidateCount": 2}), None),
        (
            THIRD,
            json!({"candidateCount": 2}),
            Some("Multiple candidates is not enabled for this model"),
        ),
        (OLD, json!({"presencePenalty": 1}), penalty),
        (FOURTH, json!({"frequencyPenalty": 0}), penalty),
        (
            LATEST,
            json!({"temperature": 2.5}),
            Some("temperature must be in the range [0.0, 2.0]"),
        ),
        (LATEST, json!({"temperature": 0.5, "topP": 0.5}), None),
        (
            FOURTH,
            json!({"temperature": 0.5}),
            Some("temperature is not supported"),
        ),
        (
            OLD,
            json!({"responseLogprobs": true}),
            Some("Logprobs is not enabled"),
        ),
        (
            OLD,
            json!({"maxOutputTokens": 0}),
            Some("maxOutputTokens value of 0"),
        ),
        (
            LATEST,
            json!({"maxOutputTokens": 65_537}),
            Some("from 1 (inclusive) to 65537 (exclusive)"),
        ),
        (FOURTH, json!({"maxOutputTokens": 65_537}), None),
        (
            OLD,
            json!({"stopSequences": ["1", "2", "3", "4", "5", "6"]}),
            Some("at most 5"),
        ),
        (
            OLD,
            json!({"thinkingConfig": {"thinkingLevel": "LOW"}}),
            Some("Thinking level is not supported"),
        ),
        (OLD, json!({"thinkingConfig": {"thinkingBudget": 0}}), None),
        (OLD, json!({"thinkingConfig": {"thinkingBudget": -1}}), None),
        (
            "gemini-2.5-pro",
            json!({"thinkingConfig": {"thinkingBudget": 0}}),
            Some("Budget 0 is invalid"),
        ),
        (
            "gemini-2.5-pro",
            json!({"thinkingConfig": {"thinkingBudget": 64}}),
            Some("between 128 and 32768"),
        ),
        (
            THIRD,
            json!({"thinkingConfig": {"thinkingLevel": "MINIMAL"}}),
            None,
        ),
        (
            LATEST,
            json!({"thinkingConfig": {"thinkingLevel": "MINIMAL"}}),
            Some("level MINIMAL is not"),
        ),
        (
            FOURTH,
            json!({"thinkingConfig": {"thinkingLevel": "XHIGH"}}),
            None,
        ),
        (
            "gemini-4-argon",
            json!({"thinkingConfig": {"thinkingLevel": "XHIGH"}}),
            Some("level XHIGH is not"),
        ),
        (
            FOURTH,
            json!({"thinkingConfig": {"thinkingBudget": 1024}}),
            Some("budget is not supported"),
        ),
        (
            THIRD,
            json!({"thinkingConfig": {"thinkingBudget": 1024, "thinkingLevel": "LOW"}}),
            Some("only one of thinking budget and thinking level"),
        ),
        (
            OLD,
            json!({"responseMimeType": "image/png"}),
            Some("allowed mimetypes are"),
        ),
        (
            OLD,
            json!({"responseJsonSchema": {"type": "object"}}),
            Some("only allowed when response_mime_type is application/json"),
        ),
    ] {
        check_config(model, config, refusal);
    }
}

#[test]
fn continuing_came_with_gemini_4() {
    let body = json!({"continuationToken": "abc"});
    generated(FOURTH, &body);
    check_refused(LATEST, &body, "Unknown name \"continuationToken\"");
}

#[test]
fn json_beside_functions_came_with_gemini_3() {
    let body = json!({
        "tools": tools(&json!({"type": "object"})),
        "generationConfig": {"responseMimeType": "application/json"},
    });
    generated(THIRD, &body);
    check_refused(
        OLD,
        &body,
        "Function calling with a response mime type: 'application/json' is unsupported",
    );
}

#[test]
fn schemas_keep_to_the_documented_vocabulary() {
    let shape = |property: Value| {
        json!({
            "type": "object",
            "properties": {"a": property},
            "required": ["a"],
            "$defs": {"b": {"type": "string"}},
        })
    };
    for sound in [
        json!({"type": ["string", "null"]}),
        json!({"enum": [1, 2]}),
        json!({"$ref": "#/$defs/b"}),
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer", "minimum": 1}}]}),
    ] {
        generated(LATEST, &json!({"tools": tools(&shape(sound))}));
    }
    for (broken, message) in [
        (json!({"const": 1}), "\"const\""),
        (
            json!({"type": "integer", "exclusiveMinimum": 0}),
            "exclusiveMinimum",
        ),
        (json!({"allOf": [{"type": "string"}]}), "allOf"),
        (
            json!({"type": ["string", "integer"]}),
            "type [\"string\",\"integer\"]",
        ),
        (json!({"type": "STRING"}), "type [\"STRING\"]"),
        (json!({"enum": [true]}), "strings and numbers alone"),
        (
            json!({"$ref": "#/$defs/b", "description": "x"}),
            "beside $ref",
        ),
        (json!({"$ref": "#/$defs/c"}), "leads nowhere"),
    ] {
        check_refused(
            LATEST,
            &json!({"tools": tools(&shape(broken.clone()))}),
            message,
        );
        check_config(
            LATEST,
            json!({"responseMimeType": "application/json", "responseJsonSchema": shape(broken)}),
            Some(message),
        );
    }
}

#[test]
fn declarations_and_their_choice_are_checked() {
    let declaring = |function: Value| json!({"tools": [{"functionDeclarations": [function]}]});
    let choosing = |config: Value| json!({"tools": tools(&json!({"type": "object"})), "toolConfig": {"functionCallingConfig": config}});
    for (changes, message) in [
        (declaring(json!({"name": "1st"})), "Invalid function name"),
        (
            declaring(json!({"name": "f", "parameters": {"type": "OBJECT", "properties": {}}})),
            "parameters.properties: should be non-empty for OBJECT type",
        ),
        (
            declaring(
                json!({"name": "f", "parameters": {"type": "STRING"}, "parametersJsonSchema": {}}),
            ),
            "only one of parameters",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]}),
            "Duplicate function declaration found: f",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "g"}]}]}),
            "Multiple tools",
        ),
        (
            choosing(json!({"mode": "AUTO", "allowedFunctionNames": ["time"]})),
            "only when function calling mode is ANY",
        ),
        (
            choosing(json!({"mode": "ANY", "allowedFunctionNames": ["other"]})),
            "\"other\" is not declared",
        ),
        (
            json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
            "without function_declarations",
        ),
    ] {
        check_refused(LATEST, &changes, message);
    }
    let forced = generated(
        LATEST,
        &choosing(json!({"mode": "ANY", "allowedFunctionNames": ["time"]})),
    );
    assert_eq!(
        forced["candidates"][0]["content"]["parts"][0]["functionCall"]["name"],
        "time"
    );
}
