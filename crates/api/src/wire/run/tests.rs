//! The JSON of runs, table by table.

mod accepted;
mod object;
mod refused;

use locum_domain::{
    error::ApiError,
    run::{NewRun, NewThreadAndRun},
};
use serde_json::{Value, json};

fn parse(body: &Value) -> Result<NewRun, ApiError> {
    super::parse(body.to_string().as_bytes()).map(|asked| asked.new)
}

fn parse_with_thread(body: &Value) -> Result<NewThreadAndRun, ApiError> {
    super::parse_with_thread(body.to_string().as_bytes()).map(|asked| asked.new)
}

/// A request of which nothing is remarkable but what `members` add or replace.
fn body(members: Value) -> Value {
    let mut body = json!({"assistant_id": "asst_1"});
    let Value::Object(members) = members else {
        panic!("members come as an object");
    };
    body.as_object_mut().unwrap().extend(members);
    body
}

fn weather() -> Value {
    json!({"type": "function", "function": {"name": "weather"}})
}
