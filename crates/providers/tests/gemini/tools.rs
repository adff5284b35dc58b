//! Functions: declarations, choice, calls in the history, results.

use locum_domain::{
    chat::{ChatRequest, MediaSource, Message, Part, ResponseFormat, ToolChoice},
    failure::FailureClass,
};
use serde_json::{Value, json};

use crate::{
    ALIAS, ANCIENT, MIDDLE, NEW, OLD, answer, asks, call, calls, candidate, function, hello, media,
    png, refused, result, sent, user, weather,
};

fn with_tools(model: &str) -> ChatRequest {
    let mut request = hello(model);
    request.tools = vec![weather(), function("now")];
    request
}

#[test]
fn all_functions_stand_in_one_tool() {
    assert_eq!(
        sent(&with_tools(NEW))["tools"],
        json!([{"functionDeclarations": [
            {
                "name": "get_weather",
                "description": "Tells the weather.",
                "parametersJsonSchema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                },
            },
            {"name": "now", "description": ""},
        ]}])
    );
}

#[test]
fn a_function_without_arguments_omits_parameters() {
    let mut request = with_tools(NEW);
    request.tools[0].parameters = Some(json!({"type": "object", "properties": {}}));
    let body = sent(&request);
    let declaration = &body["tools"][0]["functionDeclarations"][0];
    assert_eq!(declaration.get("parametersJsonSchema"), None);
    assert_eq!(declaration.get("parameters"), None);
}

#[test]
fn schemas_are_repaired_to_geminis_vocabulary() {
    let mut request = with_tools(NEW);
    request.tools[0].parameters = Some(json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "unit": {"const": "C"},
            "level": {"type": "integer", "enum": [1, 2, 3]},
            "days": {"type": ["integer", "null"], "exclusiveMinimum": 0},
            "place": {"$ref": "#/definitions/Place"},
        },
        "definitions": {"Place": {"type": "string", "pattern": "^[A-Z]"}},
    }));
    assert_eq!(
        sent(&request)["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"],
        json!({
            "type": "object",
            "properties": {
                "unit": {"type": "string", "enum": ["C"]},
                "level": {"type": "integer", "enum": [1, 2, 3]},
                "days": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
                "place": {"$ref": "#/$defs/Place"},
            },
            "$defs": {"Place": {"type": "string"}},
        })
    );
}

#[test]
fn a_schema_beyond_all_bounds_is_the_callers_fault() {
    let mut request = with_tools(NEW);
    let mut deep = json!({"type": "string"});
    for _ in 0..70 {
        deep = json!({"type": "array", "items": deep});
    }
    request.tools[0].parameters = Some(deep);
    let failure = refused(&request);
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert!(failure.message.contains("get_weather"), "{failure}");
}

#[test]
fn a_name_that_begins_with_a_digit_goes_out_and_comes_back() {
    let mut request = with_tools(NEW);
    request.tools[1] = function("3d_model");
    request.tool_choice = ToolChoice::Function("3d_model".to_owned());
    let body = sent(&request);
    assert_eq!(
        body["tools"][0]["functionDeclarations"][1]["name"],
        "_3d_model"
    );
    assert_eq!(
        body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"],
        json!(["_3d_model"])
    );
    let reply = candidate(json!([{"functionCall": {"name": "_3d_model"}}]), "STOP");
    let answer = answer(&request, &reply);
    assert_eq!(answer.choices[0].calls[0].name, "3d_model");
}

fn calling(request: &ChatRequest) -> Value {
    sent(request)["toolConfig"]["functionCallingConfig"].clone()
}

fn choosing(model: &str, choice: ToolChoice) -> Value {
    let mut request = with_tools(model);
    request.tool_choice = choice;
    calling(&request)
}

#[test]
fn tool_choice_auto() {
    assert_eq!(choosing(NEW, ToolChoice::Auto), json!({"mode": "AUTO"}));
    assert_eq!(sent(&hello(NEW)).get("toolConfig"), None);
}

#[test]
fn tool_choice_none() {
    assert_eq!(choosing(NEW, ToolChoice::None), json!({"mode": "NONE"}));
}

#[test]
fn tool_choice_required() {
    assert_eq!(choosing(NEW, ToolChoice::Required), json!({"mode": "ANY"}));
}

#[test]
fn tool_choice_of_one_function() {
    assert_eq!(
        choosing(NEW, ToolChoice::Function("now".to_owned())),
        json!({"mode": "ANY", "allowedFunctionNames": ["now"]})
    );
}

#[test]
fn tool_choice_among_allowed_tools() {
    let allowed = |required| ToolChoice::Allowed {
        names: vec!["now".to_owned()],
        required,
    };
    assert_eq!(
        choosing(NEW, allowed(false)),
        json!({"mode": "VALIDATED", "allowedFunctionNames": ["now"]})
    );
    assert_eq!(
        choosing(NEW, allowed(true)),
        json!({"mode": "ANY", "allowedFunctionNames": ["now"]})
    );
    // Without VALIDATED, the model is shown the allowed ones only.
    let mut request = with_tools(ANCIENT);
    request.tool_choice = allowed(false);
    let body = sent(&request);
    assert_eq!(calling(&request), json!({"mode": "AUTO"}));
    assert_eq!(
        body["tools"][0]["functionDeclarations"],
        json!([{"name": "now", "description": ""}])
    );
}

#[test]
fn a_strict_function_makes_auto_validated() {
    let strict = |model| {
        let mut request = with_tools(model);
        request.tools[1].strict = true;
        calling(&request)
    };
    assert_eq!(strict(NEW), json!({"mode": "VALIDATED"}));
    assert_eq!(strict(OLD), json!({"mode": "VALIDATED"}));
    assert_eq!(strict(ANCIENT), json!({"mode": "AUTO"}));
}

#[test]
fn json_with_functions_is_refused_before_generation_3() {
    let mut request = with_tools(OLD);
    request.response_format = ResponseFormat::JsonObject;
    assert_eq!(refused(&request).class, FailureClass::Unsupported);

    request.tool_choice = ToolChoice::None;
    let body = sent(&request);
    assert_eq!(body.get("tools"), None);
    assert_eq!(body.get("toolConfig"), None);
    assert_eq!(
        body["generationConfig"]["responseMimeType"],
        "application/json"
    );

    request.tool_choice = ToolChoice::Auto;
    for model in [MIDDLE, NEW, ALIAS] {
        request.model = model.to_owned();
        let body = sent(&request);
        assert!(body.get("tools").is_some(), "{model}");
        assert_eq!(
            body["generationConfig"]["responseMimeType"],
            "application/json"
        );
    }
}

/// A conversation with two parallel calls whose results came in the wrong order, with words of the user between.
fn two_calls(model: &str) -> ChatRequest {
    asks(
        model,
        [
            user("Weather and time?"),
            Message::Assistant {
                text: "Let me see.".to_owned(),
                calls: vec![
                    call("call_a", "get_weather", r#"{ "city": "Paris" }"#),
                    call("call_b", "now", ""),
                ],
                signature: None,
            },
            result("call_b", "12:00"),
            user("Quick!"),
            result("call_a", r#"{"sky": "clear"}"#),
        ],
    )
}

#[test]
fn results_stand_in_one_user_turn_in_order_and_named() {
    assert_eq!(
        sent(&two_calls(OLD))["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Weather and time?"}]},
            {"role": "model", "parts": [
                {"text": "Let me see."},
                {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}},
                {"functionCall": {"name": "now", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "get_weather", "response": {"sky": "clear"}}},
                {"functionResponse": {"name": "now", "response": {"output": "12:00"}}},
                {"text": "Quick!"},
            ]},
        ])
    );
}

#[test]
fn ids_of_calls_are_sent_from_generation_3_on() {
    for (model, has_ids) in [(OLD, false), (MIDDLE, true), (NEW, true), (ALIAS, true)] {
        let body = sent(&two_calls(model));
        let id = |content: usize, part: usize, kind: &str| {
            body["contents"][content]["parts"][part][kind]["id"].clone()
        };
        let expected = |id: &str| if has_ids { json!(id) } else { json!(null) };
        assert_eq!(id(1, 1, "functionCall"), expected("call_a"), "{model}");
        assert_eq!(id(1, 2, "functionCall"), expected("call_b"), "{model}");
        assert_eq!(id(2, 0, "functionResponse"), expected("call_a"), "{model}");
        assert_eq!(id(2, 1, "functionResponse"), expected("call_b"), "{model}");
    }
}

#[test]
fn each_result_is_named_after_its_own_call() {
    let body = sent(&asks(
        NEW,
        [
            user("a"),
            calls([call("call_1", "get_weather", "{}")]),
            result("call_1", "sun"),
            calls([call("call_2", "now", "{}")]),
            result("call_2", "noon"),
        ],
    ));
    let name = |at: usize| body["contents"][at]["parts"][0]["functionResponse"]["name"].clone();
    assert_eq!(name(2), "get_weather");
    assert_eq!(name(4), "now");
}

#[test]
fn a_result_is_always_an_object() {
    let response = |text: &str| {
        let body = sent(&asks(
            NEW,
            [
                user("a"),
                calls([call("c", "now", "{}")]),
                result("c", text),
            ],
        ));
        body["contents"][2]["parts"][0]["functionResponse"]["response"].clone()
    };
    assert_eq!(response(r#" {"a": [1]} "#), json!({"a": [1]}));
    assert_eq!(response(r#"{"error": "no"}"#), json!({"error": "no"}));
    assert_eq!(response("[1, 2]"), json!({"output": [1, 2]}));
    assert_eq!(response("42"), json!({"output": "42"}));
    assert_eq!(response("plain"), json!({"output": "plain"}));
    assert_eq!(response("{not json"), json!({"output": "{not json"}));
    assert_eq!(response(""), json!({"output": ""}));
}

#[test]
fn arguments_are_always_an_object() {
    let args = |text: &str| {
        let body = sent(&asks(
            NEW,
            [
                user("a"),
                calls([call("c", "now", text)]),
                result("c", "ok"),
            ],
        ));
        body["contents"][1]["parts"][0]["functionCall"]["args"].clone()
    };
    assert_eq!(args(r#"{"a": 1.50}"#), json!({"a": 1.50}));
    assert_eq!(args("  "), json!({}));
    assert_eq!(args(r#"{"a": "#), json!({"arguments": r#"{"a":"#}));
    assert_eq!(args("[1]"), json!({"arguments": "[1]"}));
}

fn result_with_media(model: &str) -> ChatRequest {
    let video = media(
        MediaSource::Inline("AAAA".to_owned()),
        Some("video/mp4"),
        None,
    );
    asks(
        model,
        [
            user("a"),
            calls([call("c", "look", "{}"), call("d", "now", "{}")]),
            Message::Tool {
                call_id: "c".to_owned(),
                parts: vec![
                    Part::Text("seen".to_owned()),
                    Part::Media(png()),
                    Part::Media(video),
                    Part::Text("twice".to_owned()),
                ],
            },
            result("d", "noon"),
        ],
    )
}

#[test]
fn media_of_a_result_stand_in_it_from_generation_3_on() {
    assert_eq!(
        sent(&result_with_media(NEW))["contents"][2]["parts"],
        json!([
            {"functionResponse": {
                "id": "c", "name": "look", "response": {"output": "seen\ntwice"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}],
            }},
            {"functionResponse": {"id": "d", "name": "now", "response": {"output": "noon"}}},
            {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
        ])
    );
}

#[test]
fn media_of_a_result_stand_behind_all_results_before_generation_3() {
    assert_eq!(
        sent(&result_with_media(OLD))["contents"][2]["parts"],
        json!([
            {"functionResponse": {"name": "look", "response": {"output": "seen\ntwice"}}},
            {"functionResponse": {"name": "now", "response": {"output": "noon"}}},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
        ])
    );
}

#[test]
fn a_call_without_result_is_the_callers_fault() {
    let failure = refused(&asks(
        NEW,
        [
            user("a"),
            calls([call("c", "now", "{}"), call("d", "now", "{}")]),
            result("c", "noon"),
        ],
    ));
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert!(
        failure.message.contains("'tool_calls' must be followed by"),
        "{failure}"
    );
    assert!(failure.message.ends_with(": d"), "{failure}");
}

#[test]
fn a_result_without_its_call_before_it_is_the_callers_fault() {
    let late = [
        user("a"),
        calls([call("c", "now", "{}")]),
        result("c", "noon"),
        assistant_says(),
        result("c", "late"),
    ];
    let twice = [
        user("a"),
        calls([call("c", "now", "{}")]),
        result("c", "noon"),
        result("c", "one"),
        user("b"),
    ];
    let foreign = [
        user("a"),
        calls([call("c", "now", "{}")]),
        result("c", "noon"),
        result("x", "stray"),
        user("b"),
    ];
    for messages in [late, twice, foreign] {
        let failure = refused(&asks(NEW, messages));
        assert_eq!(failure.class, FailureClass::BadRequest);
        assert!(failure.message.contains("role 'tool'"), "{failure}");
    }
}

fn assistant_says() -> Message {
    crate::assistant("It is noon.")
}
