//! The stored form of objects. Databases are full of it: a program that reads it otherwise than it was written loses what
//! people have stored. Where a test here fails, an old form still has to be read, as by `#[serde(default)]`.

use std::fmt::Debug;

use locum_domain::{
    assistant::Assistant,
    file::File,
    message::Message,
    run::{Run, Step},
    thread::Thread,
};
use serde::{Serialize, de::DeserializeOwned};

/// Reads a stored form, and sees that it is written again as it was.
#[track_caller]
fn stays<T: Serialize + DeserializeOwned + Debug>(lines: &[&str]) {
    let stored = lines.concat();
    let object: T = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_string(&object).unwrap(), stored);
}

#[test]
fn of_assistants() {
    stays::<Assistant>(&[
        r#"{"id":"asst_1","created_at":1795000000,"profile":{"model":"gemini-flash-latest","name":"Name","#,
        r#""description":null,"instructions":"Be kind.","tools":[{"function":{"name":"weather","#,
        r#""description":"Says it.","parameters":{"type":"object","b":0.1,"a":{}},"strict":true}}],"#,
        r#""tool_resources":{"code_interpreter_file_ids":["file-1"],"file_search_vector_store_ids":null},"#,
        r#""metadata":[["b","1"],["a","2"]],"temperature":0.30000000000000004,"top_p":1.0,"#,
        r#""response_format":{"exactly":{"json_schema":{"name":"answer","description":null,"#,
        r#""schema":{"type":"object"},"strict":null}}},"reasoning_effort":"high"}}"#,
    ]);
}

#[test]
fn of_threads() {
    stays::<Thread>(&[
        r#"{"id":"thread_1","created_at":1795000000,"metadata":[["a","1"]],"tool_resources":null}"#,
    ]);
}

#[test]
fn of_messages() {
    stays::<Message>(&[
        r#"{"id":"msg_1","thread_id":"thread_1","created_at":1795000000,"status":"incomplete","#,
        r#""incomplete":"content_filter","completed_at":null,"incomplete_at":1795000001,"role":"assistant","#,
        r#""content":[{"text":"Hello"},{"image_file":{"file_id":"file-1","detail":"low"}},"#,
        r#"{"image_url":{"url":"https://example.com/a.png","detail":null}},{"refusal":"No."}],"#,
        r#""assistant_id":"asst_1","run_id":"run_1","#,
        r#""attachments":[{"file_id":"file-1","tools":["code_interpreter","file_search"]}],"#,
        r#""metadata":[],"signature":"proof=="}"#,
    ]);
}

#[test]
fn of_runs() {
    stays::<Run>(&[
        r#"{"id":"run_1","thread_id":"thread_1","assistant_id":"asst_1","created_at":1795000000,"#,
        r#""status":"requires_action","plan":{"model":"gpt-4.1-mini","instructions":"Be kind.","tools":[],"#,
        r#""tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto","reasoning_effort":null,"#,
        r#""temperature":null,"top_p":null,"max_prompt_tokens":256,"max_completion_tokens":null,"#,
        r#""truncation":{"last_messages":3}},"metadata":[],"expires_at":1795000600,"started_at":1795000000,"#,
        r#""cancelled_at":null,"failed_at":null,"completed_at":null,"#,
        r#""required_calls":[{"id":"call_1","name":"weather","arguments":"{}","signature":"proof=="}],"#,
        r#""last_error":{"code":"rate_limit_exceeded","message":"Too much."},"#,
        r#""incomplete":"max_completion_tokens","usage":{"prompt":1,"completion":2,"#,
        r#""details":{"cached":3,"prompt_audio":4,"reasoning":5,"completion_audio":6}},"#,
        r#""served":{"provider":"gemini","model":"gemini-flash-latest","fallback":true},"broken_tries":1,"#,
        r#""written_ahead":["step_1","msg_1"]}"#,
    ]);
}

#[test]
fn of_steps() {
    stays::<Step>(&[
        r#"{"id":"step_1","run_id":"run_1","thread_id":"thread_1","assistant_id":"asst_1","#,
        r#""created_at":1795000000,"status":"completed","details":{"message":"msg_1"},"last_error":null,"#,
        r#""expired_at":null,"cancelled_at":null,"failed_at":null,"completed_at":1795000001,"usage":null,"#,
        r#""served":null}"#,
    ]);
    stays::<Step>(&[
        r#"{"id":"step_2","run_id":"run_1","thread_id":"thread_1","assistant_id":"asst_1","#,
        r#""created_at":1795000000,"status":"in_progress","details":{"calls":[{"call":{"id":"call_1","#,
        r#""name":"weather","arguments":"{}","signature":null},"output":"sunny"}]},"last_error":null,"#,
        r#""expired_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"usage":null,"#,
        r#""served":null}"#,
    ]);
}

#[test]
fn of_files() {
    stays::<File>(&[
        r#"{"id":"file-1","created_at":1795000000,"size_bytes":5,"filename":"a.txt","#,
        r#""purpose":"user-data","expires_at":null}"#,
    ]);
}
