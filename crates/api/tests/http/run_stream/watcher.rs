//! A reader of a run's events that is as strict as OpenAI's SDKs together, and stricter: what one of them would choke on,
//! lose or double, it does not let pass.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What a stream has told, put together.
#[derive(Debug, Default)]
pub struct Watcher {
    /// The events' names, in order; equal ones in a row but once.
    pub names: Vec<String>,
    /// The messages that were begun in this stream, by id.
    messages: BTreeMap<String, Told>,
    /// The steps that were begun in this stream, by id.
    steps: BTreeMap<String, Told>,
    /// The run as it was told last.
    run: Option<Value>,
    /// What an `error` event said.
    pub error: Option<Value>,
    /// Whether the closing event has come.
    pub done: bool,
    /// How many comments there were.
    pub comments: usize,
}

/// An object that was begun.
#[derive(Debug)]
struct Told {
    /// What came at its creation, and the deltas since.
    object: Value,
    /// The object that ended it.
    end: Option<Value>,
}

impl Watcher {
    /// Reads a whole stream.
    pub fn of(stream: &str) -> Self {
        let mut watcher = Self::default();
        let mut rest = stream;
        while !rest.is_empty() {
            let (frame, behind) = rest.split_once("\n\n").expect("a frame that is not closed");
            rest = behind;
            watcher.frame(frame);
        }
        watcher
    }

    /// The run as it was told last, after a look at whether the stream is whole.
    pub fn run(&self) -> &Value {
        assert!(self.done, "the stream is not whole: {:?}", self.names);
        self.run.as_ref().expect("no word of the run")
    }

    /// The texts and refusals of the messages, in the order of their ids.
    pub fn texts(&self) -> Vec<&str> {
        let pieces = self.messages.values().flat_map(|told| {
            let whole = told.end.as_ref().unwrap_or(&told.object);
            whole["content"].as_array().expect("content")
        });
        pieces
            .map(|piece| {
                let text = piece["text"]["value"].as_str();
                text.or(piece["refusal"].as_str()).expect("a text")
            })
            .collect()
    }

    /// The calls of the steps that were begun here, put together from deltas.
    pub fn calls(&self) -> Vec<&Value> {
        let steps = self.steps.values().map(|told| &told.object["step_details"]);
        let calls = steps.filter_map(|details| details["tool_calls"].as_array());
        calls.flatten().collect()
    }

    fn frame(&mut self, frame: &str) {
        if frame.starts_with(": ") {
            assert!(!frame.contains('\n'), "{frame}");
            self.comments += 1;
            return;
        }
        assert!(!self.done, "behind the end: {frame}");
        assert!(self.error.is_none(), "behind an error: {frame}");
        let (event, data) = frame.split_once('\n').expect("a frame of two lines");
        let name = event.strip_prefix("event: ").expect("the name first");
        let data = data.strip_prefix("data: ").expect("the data second");
        assert!(!data.contains('\n'), "{frame}");
        if self.names.last().is_none_or(|last| last != name) {
            self.names.push(name.to_owned());
        }
        if name == "done" {
            assert_eq!(data, "[DONE]");
            self.done = true;
            self.check_end();
            return;
        }
        let data: Value = serde_json::from_str(data).unwrap();
        self.event(name, data);
    }

    fn event(&mut self, name: &str, data: Value) {
        if let Some(run) = &self.run {
            let status = run["status"].as_str().unwrap();
            assert!(!closes(status), "{name} after the run was {status}");
        }
        match name {
            "error" => self.error = Some(data),
            "thread.created" => assert_eq!(data["object"], "thread"),
            "thread.message.delta" => {
                let told = self
                    .messages
                    .get_mut(id(&data))
                    .expect("an unknown message");
                assert!(told.end.is_none(), "a delta of a message that has ended");
                let delta = only_delta(&data, "thread.message.delta");
                for piece in delta["content"].as_array().unwrap() {
                    merge_item(&mut told.object["content"], piece);
                }
            }
            "thread.run.step.delta" => {
                let told = self.steps.get_mut(id(&data)).expect("an unknown step");
                assert!(told.end.is_none(), "a delta of a step that has ended");
                let delta = only_delta(&data, "thread.run.step.delta");
                assert!(delta.get("id").is_none());
                let details = &delta["step_details"];
                assert_eq!(details["type"], told.object["type"]);
                for call in details["tool_calls"].as_array().unwrap() {
                    merge_item(&mut told.object["step_details"]["tool_calls"], call);
                }
            }
            _ if name.starts_with("thread.run.step.") => {
                let word = name.strip_prefix("thread.run.step.").unwrap();
                assert_eq!(data["object"], "thread.run.step");
                self.step(word, data);
            }
            _ if name.starts_with("thread.run.") => {
                let word = name.strip_prefix("thread.run.").unwrap();
                assert_eq!(data["object"], "thread.run");
                let status = if word == "created" { "queued" } else { word };
                assert_eq!(data["status"], status);
                self.run = Some(data);
            }
            _ if name.starts_with("thread.message.") => {
                let word = name.strip_prefix("thread.message.").unwrap();
                assert_eq!(data["object"], "thread.message");
                self.message(word, data);
            }
            _ => panic!("no event of OpenAI's: {name}"),
        }
    }

    fn message(&mut self, word: &str, data: Value) {
        let id = id(&data).to_owned();
        match word {
            "created" => {
                assert_eq!(data["status"], "in_progress");
                assert_eq!(data["content"], json!([]));
                assert_eq!(data["role"], "assistant");
                assert!(data["run_id"].is_string() && data["assistant_id"].is_string());
                begin(&mut self.messages, id, data);
            }
            "in_progress" => assert_eq!(self.messages[&id].object, data),
            "completed" | "incomplete" => {
                assert_eq!(data["status"], word);
                assert_eq!(data["incomplete_details"].is_null(), word == "completed");
                let told = self.messages.get_mut(&id).expect("an unknown message");
                // Whoever put the deltas together has the same text as whoever waited for the whole. Only of an empty
                // text there are none.
                let nothing = json!([{"type": "text", "text": {"value": "", "annotations": []}}]);
                if told.object["content"] != json!([]) || data["content"] != nothing {
                    assert_eq!(told.object["content"], data["content"]);
                }
                end(told, data);
            }
            _ => panic!("no event of OpenAI's messages: {word}"),
        }
    }

    fn step(&mut self, word: &str, data: Value) {
        let id = id(&data).to_owned();
        match word {
            "created" => {
                assert_eq!(data["status"], "in_progress");
                assert_eq!(data["usage"], Value::Null);
                let details = &data["step_details"];
                match data["type"].as_str().unwrap() {
                    "tool_calls" => assert_eq!(details["tool_calls"], json!([])),
                    "message_creation" => {
                        assert!(details["message_creation"]["message_id"].is_string());
                    }
                    other => panic!("no type of OpenAI's steps: {other}"),
                }
                begin(&mut self.steps, id, data);
            }
            "in_progress" => assert_eq!(self.steps[&id].object, data),
            "completed" | "failed" | "cancelled" | "expired" => {
                assert_eq!(data["status"], word);
                assert_eq!(data["last_error"].is_null(), word != "failed");
                assert!(data[format!("{word}_at")].is_u64());
                if let Some(message) =
                    data["step_details"]["message_creation"]["message_id"].as_str()
                    && let Some(told) = self.messages.get(message)
                {
                    assert!(told.end.is_some(), "a step ended before its message");
                }
                // A step of an earlier stream may end in this one.
                if let Some(told) = self.steps.get_mut(&id) {
                    end(told, data);
                }
            }
            _ => panic!("no event of OpenAI's steps: {word}"),
        }
    }

    /// Whether nothing was left open.
    fn check_end(&self) {
        let run = self.run.as_ref().expect("no word of the run");
        let status = run["status"].as_str().unwrap();
        assert!(closes(status), "the end, although the run is {status}");
        assert!(self.messages.values().all(|told| told.end.is_some()));
        let mut open = self.steps.values().filter(|told| told.end.is_none());
        if status == "requires_action" {
            let waiting = open.next().expect("a step that waits for outputs");
            let wanted = &run["required_action"]["submit_tool_outputs"]["tool_calls"];
            let mut told = waiting.object["step_details"]["tool_calls"].clone();
            for call in told.as_array_mut().unwrap() {
                let function = call["function"].as_object_mut().unwrap();
                assert_eq!(function.remove("output"), Some(Value::Null));
            }
            assert_eq!(&told, wanted);
        } else {
            assert!(run["usage"].is_object());
            assert_eq!(run["required_action"], Value::Null);
        }
        assert!(open.next().is_none(), "a step was left open");
    }
}

fn closes(status: &str) -> bool {
    matches!(
        status,
        "completed" | "incomplete" | "failed" | "cancelled" | "expired" | "requires_action"
    )
}

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

/// The delta in a frame that holds nothing else.
fn only_delta<'a>(data: &'a Value, object: &str) -> &'a Value {
    assert_eq!(data["object"], object);
    assert_eq!(data.as_object().unwrap().len(), 3);
    &data["delta"]
}

fn begin(known: &mut BTreeMap<String, Told>, id: String, object: Value) {
    let told = Told { object, end: None };
    assert!(known.insert(id, told).is_none(), "created a second time");
}

fn end(told: &mut Told, object: Value) {
    assert!(told.end.is_none(), "ended a second time");
    told.end = Some(object);
}

/// Adds to the item of the list `to` that `delta` names, or opens the next one.
fn merge_item(to: &mut Value, delta: &Value) {
    let list = to.as_array_mut().expect("a list");
    let index = delta["index"].as_u64().expect("an index") as usize;
    assert!(delta["type"].is_string(), "a type");
    let mut delta = delta.as_object().unwrap().clone();
    delta.remove("index");
    match list.get_mut(index) {
        Some(item) => merge(item.as_object_mut().unwrap(), &delta),
        None => {
            assert_eq!(index, list.len(), "a gap");
            list.push(Value::Object(delta));
        }
    }
}

/// Texts are joined, `type` is overwritten. What nobody can join may come but once.
fn merge(to: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (key, more) in delta {
        match (to.get_mut(key), more) {
            (None, _) => panic!("{key} comes late"),
            (Some(known), _) if key == "type" => assert_eq!(known, more),
            (Some(Value::String(known)), Value::String(more)) => {
                assert!(
                    matches!(&**key, "value" | "arguments" | "refusal"),
                    "{key} comes twice"
                );
                known.push_str(more);
            }
            (Some(Value::Object(known)), Value::Object(more)) => merge(known, more),
            (Some(known), more) => panic!("{key} comes twice: {known}, {more}"),
        }
    }
}
