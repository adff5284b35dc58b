use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn chat(body: &str) -> Result<Peek, ApiError> {
    peek_chat(&Bytes::copy_from_slice(body.as_bytes()))
}

fn embeddings(body: &str) -> Result<Peek, ApiError> {
    peek_embeddings(&Bytes::copy_from_slice(body.as_bytes()))
}

#[track_caller]
fn refused(peek: Result<Peek, ApiError>, param: &str, code: &str, sentence: &str) {
    let error = peek.unwrap_err();
    assert_eq!(
        (
            error.status,
            error.param.as_deref(),
            error.code.as_deref(),
            error.message.as_str()
        ),
        (400, Some(param), Some(code), sentence)
    );
}

#[test]
fn the_models_place_is_found() {
    for (body, model, place) in [
        (
            r#"{"model":"gpt-4.1","messages":[0]}"#,
            "gpt-4.1",
            r#""gpt-4.1""#,
        ),
        (
            "{ \"messages\" : [0] ,\n\t\"model\" :  \"a\"  }",
            "a",
            r#""a""#,
        ),
        (
            r#"{"messages":[{"model":"inner"}],"x":{"model":1},"mod\u0065l":"a\"\u00e4"}"#,
            "a\"ä",
            r#""a\"\u00e4""#,
        ),
        (
            r#"{"messages":["\"model\":\"b\""],"model":"ä"}"#,
            "ä",
            r#""ä""#,
        ),
    ] {
        let peek = chat(body).unwrap();
        assert_eq!(peek.model, model);
        assert_eq!(&body[peek.model_span], place);
    }
}

#[test]
fn how_the_answer_is_wanted_is_found() {
    let peek =
        |members: &str| chat(&format!(r#"{{"model":"m","messages":[0]{members}}}"#)).unwrap();
    let wanted = |members| {
        let peek = peek(members);
        (peek.stream, peek.include_usage)
    };
    assert_eq!(wanted(""), (false, false));
    assert_eq!(
        wanted(r#","stream":null,"stream_options":null"#),
        (false, false)
    );
    assert_eq!(wanted(r#","stream":false"#), (false, false));
    assert_eq!(
        wanted(r#","stream":true,"stream_options":{}"#),
        (true, false)
    );
    assert_eq!(
        wanted(r#","stream":true,"stream_options":{"include_usage":null}"#),
        (true, false)
    );
    assert_eq!(
        wanted(r#","stream_options":{"x":1,"include_usage":true},"stream":true"#),
        (true, true)
    );
    assert!(peek(r#","functions":[]"#).functions);
    assert!(!peek(r#","functions":null"#).functions);
}

#[test]
fn what_is_wrong_with_a_chat_is_told() {
    let missing = "missing_required_parameter";
    refused(
        chat("{}"),
        "model",
        missing,
        "Missing required parameter: 'model'.",
    );
    refused(
        chat(r#"{"model":"m"}"#),
        "messages",
        missing,
        "Missing required parameter: 'messages'.",
    );
    refused(
        chat(r#"{"model":"m","messages":[ ]}"#),
        "messages",
        "empty_array",
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    );
    refused(
        chat(r#"{"model":"","messages":[0]}"#),
        "model",
        "empty_string",
        "Invalid 'model': empty string. Expected a string with minimum length 1, but got an empty string instead.",
    );
    for (members, param, expected, got) in [
        (json!({"model": null}), "model", "a string", "null"),
        (json!({"model": 1}), "model", "a string", "an integer"),
        (json!({"model": -1.5}), "model", "a string", "a decimal"),
        (json!({"model": ["a"]}), "model", "a string", "an array"),
        (
            json!({"messages": {}}),
            "messages",
            "an array of objects",
            "an object",
        ),
        (
            json!({"messages": null}),
            "messages",
            "an array of objects",
            "null",
        ),
        (json!({"stream": "true"}), "stream", "a boolean", "a string"),
        (json!({"stream": 1}), "stream", "a boolean", "an integer"),
        (
            json!({"stream_options": []}),
            "stream_options",
            "an object",
            "an array",
        ),
        (
            json!({"stream_options": {"include_usage": "yes"}}),
            "stream_options.include_usage",
            "a boolean",
            "a string",
        ),
    ] {
        let mut body = json!({"model": "m", "messages": [0]});
        let given = members.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(given);
        let sentence =
            format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        refused(chat(&body.to_string()), param, "invalid_type", &sentence);
    }
}

#[test]
fn what_is_read_may_not_come_twice() {
    for body in [
        r#"{"model":"a","messages":[0],"model":"b"}"#,
        r#"{"model":"a","messages":[0],"mod\u0065l":"b"}"#,
        r#"{"model":"a","messages":[0],"stream":true,"stream":false}"#,
        r#"{"model":"a","messages":[0],"messages":[1]}"#,
    ] {
        let error = chat(body).unwrap_err();
        assert_eq!(error.status, 400);
        assert!(
            error.message.contains("duplicate field"),
            "{}",
            error.message
        );
    }
    assert!(chat(r#"{"model":"a","messages":[0],"user":"a","user":"b"}"#).is_ok());
}

#[test]
fn what_is_no_json_is_refused() {
    let open_brackets = format!(r#"{{"model":"m","messages":{}"#, "[".repeat(100_000));
    for body in [
        "",
        "hi",
        "[]",
        "null",
        "{\"model\":\"m\",\"messages\":[0]",
        "{\"model\":\"m\",\"messages\":[0]}}",
        "{\"model\":\"m\",\"messages\":[0],}",
        "{\"model\":\"m\",\"messages\":[01]}",
        "{\"model\":\"m\",\"messages\":[\"\n\"]}",
        "{\"model\":\"\\ud800\",\"messages\":[0]}",
        open_brackets.as_str(),
    ] {
        let error = chat(body).unwrap_err();
        assert_eq!((error.status, error.param), (400, None));
        assert!(
            error
                .message
                .starts_with("We could not parse the JSON body of your request")
        );
    }
    let not_utf8 = Bytes::from_static(b"{\"model\":\"m\",\"messages\":[\"\xff\"]}");
    assert_eq!(peek_chat(&not_utf8).unwrap_err().status, 400);
}

#[test]
fn embeddings_are_looked_into() {
    let peek = embeddings(r#"{"input":["a"],"encoding_format":"base64","model":"m"}"#).unwrap();
    assert!(peek.base64);
    assert_eq!(peek.model_span, 50..53);
    assert!(!embeddings(r#"{"input":"","model":"m"}"#).unwrap().base64);
    assert!(
        !embeddings(r#"{"input":"","model":"m","encoding_format":"float"}"#)
            .unwrap()
            .base64
    );
    refused(
        embeddings(r#"{"model":"m"}"#),
        "input",
        "missing_required_parameter",
        "Missing required parameter: 'input'.",
    );
    refused(
        embeddings(r#"{"model":"m","input":{}}"#),
        "input",
        "invalid_type",
        "Invalid type for 'input': expected one of a string or an array, but got an object instead.",
    );
    refused(
        embeddings(r#"{"model":"m","input":"","encoding_format":"hex"}"#),
        "encoding_format",
        "invalid_value",
        "Invalid value: 'hex'. Supported values are: 'float' and 'base64'.",
    );
    refused(
        embeddings(r#"{"model":"m","input":"","encoding_format":1}"#),
        "encoding_format",
        "invalid_type",
        "Invalid type for 'encoding_format': expected a string, but got an integer instead.",
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, members in r#"("(model|messages|stream|stream_options|x)":[\[\]{}"a-z0-9, \\]{0,12},){0,4}"#) {
        let _ = peek_chat(&Bytes::from(bytes.clone()));
        let _ = peek_embeddings(&Bytes::from(bytes));
        let _ = chat(&format!("{{{members}}}"));
        let _ = chat(&format!("{{{}}}", members.trim_end_matches(',')));
    }

    #[test]
    fn any_name_is_found_and_may_be_replaced(model in ".{1,40}", before in ".{0,20}", after in ".{0,20}") {
        let body = json!({"a": before, "model": model, "messages": [after]}).to_string();
        let peek = chat(&body).unwrap();
        prop_assert_eq!(&peek.model, &model);
        let read: String = serde_json::from_str(&body[peek.model_span.clone()]).unwrap();
        prop_assert_eq!(read, model);
        let replaced = format!("{}\"x\"{}", &body[..peek.model_span.start], &body[peek.model_span.end..]);
        let replaced: Value = serde_json::from_str(&replaced).unwrap();
        prop_assert_eq!(replaced, json!({"a": before, "model": "x", "messages": [after]}));
    }

    #[test]
    fn what_can_be_parsed_can_be_peeked(body: Vec<u8>, text in ".{0,20}", stream: bool) {
        let whole = json!({"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream});
        for body in [body, whole.to_string().into_bytes()] {
            if let Ok(request) = crate::wire::chat::parse(&body) {
                let peek = peek_chat(&Bytes::from(body)).unwrap();
                prop_assert_eq!((request.model, request.stream), (peek.model, peek.stream));
            }
        }
    }
}
