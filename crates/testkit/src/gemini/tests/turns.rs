//! Which fields and which conversations the pretended Gemini refuses.

use super::*;

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
