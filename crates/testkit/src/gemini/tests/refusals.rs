//! What the pretended Gemini refuses.

use super::*;

const FOURTH: &str = "gemini-4-neon";
const THIRD: &str = "gemini-3-flash-preview";
#[track_caller]
fn check_refused(model: &str, changes: &Value, message: &str) {
    let reply = post(&format!("{model}:generateContent"), &ask(changes));
    let error = &json_of(&reply)["error"];
    assert_eq!(
        (reply.status.as_u16(), &error["status"]),
        (400, &json!("INVALID_ARGUMENT")),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains(message),
        "{error}"
    );
}

#[track_caller]
fn check_config(model: &str, config: Value, refusal: Option<&str>) {
    let changes = json!({"generationConfig": config});
    match refusal {
        Some(message) => check_refused(model, &changes, message),
        None => drop(generated(model, &changes)),
    }
}

#[test]
fn fields_that_do_not_exist_are_refused_wherever_they_stand() {
    let unknown = |name: &str, place: &str| {
        format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.")
    };
    for (changes, message) in [
        (json!({"messages": []}), unknown("messages", "")),
        (
            json!({"contents": [{"role": "user", "parts": [{"text": "x", "extra": 1}]}]}),
            unknown("extra", " at 'contents[0].parts[0]'"),
        ),
        (
            json!({"generationConfig": {"thinkingConfig": {"effort": "low"}}}),
            unknown("effort", " at 'generation_config.thinking_config'"),
        ),
        (
            json!({"tools": [{"functionDeclarations": [
                {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "const": 1}}}},
            ]}]}),
            unknown(
                "const",
                " at 'tools[0].function_declarations[0].parameters.properties[0].value'",
            ),
        ),
        (
            json!({"generationConfig": {"seed": 4_294_967_296_u64}}),
            "Invalid value at 'generation_config.seed' (TYPE_INT32), 4294967296".to_owned(),
        ),
        (
            json!({"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "text"}}]}]}),
            "(type.googleapis.com/google.protobuf.Struct), \"text\"".to_owned(),
        ),
    ] {
        check_refused(LATEST, &changes, &message);
    }
}

#[test]
fn turns_and_parts_are_checked() {
    for (contents, message) in [
        (json!([]), "contents is not specified"),
        (
            json!([{"role": "user", "parts": []}]),
            "contents[0].parts: contents.parts must not be empty",
        ),
        (
            json!([{"role": "user", "parts": [{"text": ""}]}]),
            "text must not be empty",
        ),
        (
            json!([{"role": "user", "parts": [{"text": "a", "functionCall": {"name": "f"}}]}]),
            "must have one",
        ),
        (
            json!([{"role": "function", "parts": [{"text": "x"}]}]),
            "Please use a valid role: user, model.",
        ),
        (
            json!([{"role": "model", "parts": [{"text": "x"}]}, said("y")]),
            "first turn is a user turn",
        ),
        (
            json!([{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]}]),
            "Base64 decoding failed",
        ),
        (
            json!([{"role": "user", "parts": [{"inlineData": {"mimeType": "x/y", "data": "YQ=="}}]}]),
            "Unsupported MIME type: x/y",
        ),
    ] {
        check_refused(LATEST, &json!({"contents": contents}), message);
    }
    let prefill = json!({"contents": [said("x"), {"role": "model", "parts": [{"text": "y"}]}]});
    check_refused(
        LATEST,
        &prefill,
        "Requests ending with a model turn are not supported.",
    );
    generated(THIRD, &prefill);
}

#[test]
fn every_call_has_its_result_in_its_place() {
    let check = |contents: Value, message: &str| {
        check_refused(OLD, &json!({"contents": contents}), message);
    };
    let both = calling(&["weather", "time"], None);
    let number = "number of function response parts is equal";
    check(json!([said("x"), both, results(&["weather"])]), number);
    check(json!([said("x"), both, said("never mind")]), number);
    check(
        json!([said("x"), both, results(&["weather"]), results(&["time"])]),
        "immediately after a function call turn",
    );
    check(
        json!([said("x"), both, results(&["time", "weather"])]),
        "in the order",
    );
    check(
        json!([said("x"), results(&["time"])]),
        "immediately after a function call turn",
    );
    check(
        json!([both, results(&["weather", "time"])]),
        "call turn comes immediately after a user turn",
    );
    check(
        json!([said("x"), calling(&[""], None), results(&[""])]),
        "Name cannot be empty",
    );
    generated(
        OLD,
        &json!({"contents": [said("x"), both, results(&["weather", "time"])]}),
    );
}

#[test]
fn signatures_of_the_current_turn_are_checked_from_gemini_3_on() {
    let turn = |signature| json!({"contents": [said("x"), calling(&["time"], signature), results(&["time"])]});
    let genuine = signature(3);
    for good in [
        genuine.as_str(),
        "scripted",
        "skip_thought_signature_validator",
    ] {
        generated(LATEST, &turn(Some(good)));
    }
    check_refused(
        LATEST,
        &turn(None),
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly",
    );
    check_refused(
        LATEST,
        &turn(Some("aW52ZW50ZWQ=")),
        "Thought signature is not valid",
    );
    generated(OLD, &turn(None));
    // Of an earlier turn nobody asks.
    let mut earlier = turn(None);
    earlier["contents"]
        .as_array_mut()
        .unwrap()
        .push(said("and now?"));
    generated(LATEST, &earlier);
    // A later step of the current turn needs one of its own.
    let mut later = turn(Some(&genuine));
    later["contents"]
        .as_array_mut()
        .unwrap()
        .extend([calling(&["time"], None), results(&["time"])]);
    check_refused(LATEST, &later, "position 4");
}

#[test]
fn ids_of_calls_came_with_gemini_3() {
    let mut contents = [
        said("x"),
        calling(&["time"], Some("scripted")),
        results(&["time"]),
    ];
    contents[1]["parts"][0]["functionCall"]["id"] = json!("a");
    contents[2]["parts"][0]["functionResponse"]["id"] = json!("a");
    let body = json!({"contents": contents});
    generated(LATEST, &body);
    check_refused(
        OLD,
        &body,
        "Unknown name \"id\" at 'contents[1].parts[0].function_call'",
    );
    contents[2]["parts"][0]["functionResponse"]["id"] = json!("b");
    check_refused(LATEST, &json!({"contents": contents}), "does not answer");
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
