//! Whether answers have what OpenAI's document says they must have.
//!
//! The document is not part of this repository. Where `LOCUM_OPENAI_DOCUMENT` names a copy (the YAML of its Assistants
//! API), every kind of object is held against its schema; else these tests say that they were skipped.

use locum_api::ROUTES;
use serde_json::{Value, json};

use crate::{every_route::successes, support::Locum};

const VARIABLE: &str = "LOCUM_OPENAI_DOCUMENT";

/// OpenAI's document.
struct Document(Value);

impl Document {
    #[expect(
        clippy::disallowed_methods,
        reason = "the document's place is known to whoever runs the tests, and to nobody else"
    )]
    fn find() -> Option<Self> {
        let Ok(path) = std::env::var(VARIABLE) else {
            eprintln!("SKIPPED: {VARIABLE} names no copy of OpenAI's document");
            return None;
        };
        let text = std::fs::read_to_string(path).unwrap();
        let options = serde_saphyr::options! { budget: None };
        Some(Self(
            serde_saphyr::from_str_with_options(&text, options).unwrap(),
        ))
    }

    /// Checks `value` against the schema `name`.
    fn check(&self, name: &str, value: &Value) {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        if let Err(wrong) = self.fits(&schema, value, name) {
            panic!("{wrong}\n{value:#}");
        }
    }

    fn fits(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            let schema = self.0.pointer(pointer).unwrap();
            return self.fits(schema, value, place);
        }
        if schema["nullable"] == true && value.is_null() {
            return Ok(());
        }
        for part in list(&schema["allOf"]) {
            self.fits(part, value, place)?;
        }
        for choice in ["anyOf", "oneOf"] {
            let choices = list(&schema[choice]);
            let mut faults = Vec::new();
            for schema in choices {
                match self.fits(schema, value, place) {
                    Ok(()) => break,
                    Err(fault) => faults.push(fault),
                }
            }
            if !choices.is_empty() && faults.len() == choices.len() {
                return Err(format!("{place} is none of:\n{}", faults.join("\n")));
            }
        }
        let words = list(&schema["enum"]);
        if !words.is_empty() && !words.contains(value) {
            return Err(format!("{place}: {value} is none of {words:?}"));
        }
        match &schema["type"] {
            Value::String(kind) if !is_of(value, kind) => {
                return Err(format!("{place}: {value} is no {kind}"));
            }
            Value::Array(kinds)
                if !kinds
                    .iter()
                    .any(|kind| is_of(value, kind.as_str().unwrap())) =>
            {
                return Err(format!("{place}: {value} is none of {kinds:?}"));
            }
            _ => {}
        }
        self.members_fit(schema, value, place)
    }

    fn members_fit(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        if let Value::Object(members) = value {
            let required = list(&schema["required"]);
            for key in required.iter().filter_map(Value::as_str) {
                if !members.contains_key(key) {
                    return Err(format!("{place}.{key} is missing"));
                }
            }
            for (key, value) in members {
                if value.is_null() && !required.contains(&json!(key)) {
                    // OpenAI itself sends null for members that need not be there, whatever their type.
                    continue;
                }
                match schema["properties"].get(key) {
                    Some(schema) => self.fits(schema, value, &format!("{place}.{key}"))?,
                    None if schema["additionalProperties"].is_object() => {
                        let schema = &schema["additionalProperties"];
                        self.fits(schema, value, &format!("{place}.{key}"))?;
                    }
                    None => {}
                }
            }
        }
        if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
            for (index, item) in items.iter().enumerate() {
                self.fits(schema, item, &format!("{place}[{index}]"))?;
            }
        }
        Ok(())
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("a type of the name {other}"),
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let Some(document) = Document::find() else {
        return;
    };
    let thread = json!({"id": "thread_1", "object": "thread", "created_at": 1, "tool_resources": null, "metadata": {}});
    document.check("ThreadObject", &thread);
    for (field, wrong) in [
        ("object", json!("threads")),
        ("created_at", json!(1.5)),
        (
            "tool_resources",
            json!({"code_interpreter": {"file_ids": [1]}}),
        ),
        ("metadata", json!({"a": 1})),
    ] {
        let mut thread = thread.clone();
        thread[field] = wrong;
        let schema = json!({"$ref": "#/components/schemas/ThreadObject"});
        let fault = document.fits(&schema, &thread, "thread").unwrap_err();
        assert!(fault.contains(field), "{fault}");
        thread.as_object_mut().unwrap().remove(field);
        let fault = document.fits(&schema, &thread, "thread").unwrap_err();
        assert!(fault.contains("is missing"), "{fault}");
    }
}

#[test]
fn every_route_answers_what_the_document_says() {
    let Some(document) = Document::find() else {
        return;
    };
    let mut checked = 0;
    for route in ROUTES {
        let path = route.path.trim_start_matches("/v1");
        let method = route.method.as_str().to_lowercase();
        let success = &document.0["paths"][path][method]["responses"]["200"];
        let schema = &success["content"]["application/json"]["schema"];
        if schema.is_null() || schema["type"] == "string" {
            continue;
        }
        let locum = Locum::new();
        let answer = locum
            .ask(successes::request(route.operation, &locum))
            .json();
        if let Err(wrong) = document.fits(schema, &answer, route.operation) {
            panic!("{wrong}\n{answer:#}");
        }
        checked += 1;
    }
    assert!(checked >= 20, "the document says too little: {checked}");
}

#[test]
fn assistants_are_complete() {
    let Some(document) = Document::find() else {
        return;
    };
    let locum = Locum::new();
    let full = json!({
        "model": "gpt-4.1-mini", "name": "Ada", "description": "a", "instructions": "b", "metadata": {"a": "b"},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_resources": {"code_interpreter": {"file_ids": ["file-1"]}, "file_search": {"vector_store_ids": ["vs_1"]}},
        "temperature": 0.5, "top_p": 0.5, "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    });
    for body in [json!({"model": "gpt-4.1-mini"}), full] {
        document.check(
            "AssistantObject",
            &locum.post("/v1/assistants", &body).json(),
        );
    }
    let list = locum.get("/v1/assistants").json();
    document.check("ListAssistantsResponse", &list);
    let path = format!("/v1/assistants/{}", locum.assistant());
    document.check("DeleteAssistantResponse", &locum.delete(&path).json());
}

#[test]
fn threads_and_messages_are_complete() {
    let Some(document) = Document::find() else {
        return;
    };
    let locum = Locum::new();
    let resources = json!({"code_interpreter": {"file_ids": []}});
    let body = json!({"metadata": {"a": "b"}, "tool_resources": resources});
    document.check("ThreadObject", &locum.post("/v1/threads", &body).json());
    document.check(
        "ThreadObject",
        &locum.post("/v1/threads", &json!({})).json(),
    );
    let thread = format!("/v1/threads/{}", locum.thread());
    let messages = format!("{thread}/messages");
    let content = json!([
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]);
    let message = json!({"role": "user", "content": content});
    let made = locum.post(&messages, &message).json();
    document.check("MessageObject", &made);
    document.check("ListMessagesResponse", &locum.get(&messages).json());
    let message = format!("{messages}/{}", made["id"].as_str().unwrap());
    document.check("DeleteMessageResponse", &locum.delete(&message).json());
    document.check("DeleteThreadResponse", &locum.delete(&thread).json());
}
