//! The form in which objects are kept. Databases are full of it: a change here needs a migration, or a default for what
//! old rows lack.

use std::fmt::Debug;

use insta::assert_snapshot;
use locum_domain::{
    assistant::{AnswerFormat, Assistant, Profile, Tool, ToolResources},
    chat::{
        Detail, FunctionTool, ReasoningEffort, ResponseFormat, ToolCall, ToolChoice, Usage,
        UsageDetails,
    },
    file::{File, Purpose},
    message::{
        Attachment, AttachmentTool, Content, Message, MessageIncomplete, MessageStatus, Role,
    },
    metadata::Metadata,
    run::{
        RunError, RunErrorCode, RunIncomplete, RunStatus, ServedBy, Step, StepCall, StepDetails,
        StepStatus, Truncation,
    },
    thread::Thread,
    time::Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::stage::queued;

/// The stored form of a value, for reading, having checked that the value comes back from it.
fn stored<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    compact(value);
    serde_json::to_string_pretty(value).unwrap()
}

/// The same on one line.
fn compact<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let form = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&form).unwrap(), *value);
    form
}

fn metadata() -> Metadata {
    Metadata(vec![
        ("z".to_owned(), "1".to_owned()),
        ("a".to_owned(), "2".to_owned()),
    ])
}

fn tool() -> Tool {
    Tool::Function(FunctionTool {
        name: "weather".to_owned(),
        description: Some("Of a city.".to_owned()),
        parameters: Some(serde_json::json!({"type": "object", "properties": {}})),
        strict: true,
    })
}

fn format() -> AnswerFormat {
    AnswerFormat::Exactly(ResponseFormat::JsonSchema {
        name: "reply".to_owned(),
        description: None,
        schema: Some(serde_json::json!({"type": "object"})),
        strict: Some(true),
    })
}

fn tool_resources() -> ToolResources {
    ToolResources {
        code_interpreter_file_ids: Some(vec!["file-1".to_owned()]),
        file_search_vector_store_ids: None,
    }
}

fn signed_call() -> ToolCall {
    ToolCall {
        id: "call_a".to_owned(),
        name: "weather".to_owned(),
        arguments: "{}".to_owned(),
        signature: Some("proof".to_owned()),
    }
}

fn used() -> Usage {
    Usage {
        prompt: 10,
        completion: 5,
        details: UsageDetails {
            cached: 4,
            prompt_audio: 3,
            reasoning: 2,
            completion_audio: 1,
        },
    }
}

fn served() -> ServedBy {
    ServedBy {
        provider: "gemini".to_owned(),
        model: "gemini-2.5-flash".to_owned(),
        fallback: true,
    }
}

fn error() -> RunError {
    RunError {
        code: RunErrorCode::ServerError,
        message: "It broke.".to_owned(),
    }
}

#[test]
fn a_run() {
    let mut run = queued();
    run.status = RunStatus::RequiresAction;
    run.metadata = metadata();
    run.plan.tools = vec![tool()];
    run.plan.tool_choice = ToolChoice::Function("weather".to_owned());
    run.plan.response_format = format();
    run.plan.reasoning_effort = Some(ReasoningEffort::Low);
    run.plan.temperature = Some(0.5);
    run.plan.top_p = Some(1.0);
    run.plan.max_prompt_tokens = Some(1_000);
    run.plan.max_completion_tokens = Some(256);
    run.plan.truncation = Truncation::LastMessages(4);
    run.started_at = Some(Timestamp(1_001));
    run.required_calls = vec![signed_call()];
    run.last_error = Some(error());
    run.incomplete = Some(RunIncomplete::MaxPromptTokens);
    run.usage = used();
    run.served = Some(served());
    run.broken_tries = 1;
    run.written_ahead = Some(("step_1".into(), "msg_1".into()));
    assert_snapshot!(stored(&run), @r#"
        {
          "id": "run_1",
          "thread_id": "thread_1",
          "assistant_id": "asst_1",
          "created_at": 1000,
          "status": "requires_action",
          "plan": {
            "model": "gemini-flash-latest",
            "instructions": "Be brief.",
            "tools": [
              {
                "function": {
                  "name": "weather",
                  "description": "Of a city.",
                  "parameters": {
                    "type": "object",
                    "properties": {}
                  },
                  "strict": true
                }
              }
            ],
            "tool_choice": {
              "function": "weather"
            },
            "parallel_tool_calls": true,
            "response_format": {
              "exactly": {
                "json_schema": {
                  "name": "reply",
                  "description": null,
                  "schema": {
                    "type": "object"
                  },
                  "strict": true
                }
              }
            },
            "reasoning_effort": "low",
            "temperature": 0.5,
            "top_p": 1.0,
            "max_prompt_tokens": 1000,
            "max_completion_tokens": 256,
            "truncation": {
              "last_messages": 4
            }
          },
          "metadata": [
            [
              "z",
              "1"
            ],
            [
              "a",
              "2"
            ]
          ],
          "expires_at": 1600,
          "started_at": 1001,
          "cancelled_at": null,
          "failed_at": null,
          "completed_at": null,
          "required_calls": [
            {
              "id": "call_a",
              "name": "weather",
              "arguments": "{}",
              "signature": "proof"
            }
          ],
          "last_error": {
            "code": "server_error",
            "message": "It broke."
          },
          "incomplete": "max_prompt_tokens",
          "usage": {
            "prompt": 10,
            "completion": 5,
            "details": {
              "cached": 4,
              "prompt_audio": 3,
              "reasoning": 2,
              "completion_audio": 1
            }
          },
          "served": {
            "provider": "gemini",
            "model": "gemini-2.5-flash",
            "fallback": true
          },
          "broken_tries": 1,
          "written_ahead": [
            "step_1",
            "msg_1"
          ]
        }
    "#);

    assert_snapshot!(compact(&queued()), @r#"{"id":"run_1","thread_id":"thread_1","assistant_id":"asst_1","created_at":1000,"status":"queued","plan":{"model":"gemini-flash-latest","instructions":"Be brief.","tools":[],"tool_choice":"auto","parallel_tool_calls":true,"response_format":"auto","reasoning_effort":null,"temperature":null,"top_p":null,"max_prompt_tokens":null,"max_completion_tokens":null,"truncation":"auto"},"metadata":[],"expires_at":1600,"started_at":null,"cancelled_at":null,"failed_at":null,"completed_at":null,"required_calls":[],"last_error":null,"incomplete":null,"usage":{"prompt":0,"completion":0,"details":{"cached":0,"prompt_audio":0,"reasoning":0,"completion_audio":0}},"served":null,"broken_tries":0,"written_ahead":null}"#);
}

#[test]
fn a_step() {
    let step = Step {
        id: "step_1".into(),
        run_id: "run_1".into(),
        thread_id: "thread_1".into(),
        assistant_id: "asst_1".into(),
        created_at: Timestamp(1_000),
        status: StepStatus::Completed,
        details: StepDetails::Calls(vec![StepCall {
            call: signed_call(),
            output: Some("rain".to_owned()),
        }]),
        last_error: None,
        expired_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: Some(Timestamp(1_010)),
        usage: Some(used()),
        served: Some(served()),
    };
    assert_snapshot!(stored(&step), @r#"
        {
          "id": "step_1",
          "run_id": "run_1",
          "thread_id": "thread_1",
          "assistant_id": "asst_1",
          "created_at": 1000,
          "status": "completed",
          "details": {
            "calls": [
              {
                "call": {
                  "id": "call_a",
                  "name": "weather",
                  "arguments": "{}",
                  "signature": "proof"
                },
                "output": "rain"
              }
            ]
          },
          "last_error": null,
          "expired_at": null,
          "cancelled_at": null,
          "failed_at": null,
          "completed_at": 1010,
          "usage": {
            "prompt": 10,
            "completion": 5,
            "details": {
              "cached": 4,
              "prompt_audio": 3,
              "reasoning": 2,
              "completion_audio": 1
            }
          },
          "served": {
            "provider": "gemini",
            "model": "gemini-2.5-flash",
            "fallback": true
          }
        }
    "#);

    let details = StepDetails::Message("msg_1".into());
    assert_snapshot!(compact(&details), @r#"{"message":"msg_1"}"#);
}

#[test]
fn a_message() {
    let message = Message {
        id: "msg_1".into(),
        thread_id: "thread_1".into(),
        created_at: Timestamp(1_000),
        status: MessageStatus::Incomplete,
        incomplete: Some(MessageIncomplete::RunFailed),
        completed_at: None,
        incomplete_at: Some(Timestamp(1_010)),
        role: Role::Assistant,
        content: vec![
            Content::Text("Hel".to_owned()),
            Content::ImageFile {
                file_id: "file-1".to_owned(),
                detail: Some(Detail::Low),
            },
            Content::ImageUrl {
                url: "https://example.com/a.png".to_owned(),
                detail: None,
            },
            Content::Refusal("No".to_owned()),
        ],
        assistant_id: Some("asst_1".into()),
        run_id: Some("run_1".into()),
        attachments: vec![Attachment {
            file_id: "file-2".to_owned(),
            tools: vec![AttachmentTool::CodeInterpreter, AttachmentTool::FileSearch],
        }],
        metadata: metadata(),
        signature: Some("proof".to_owned()),
    };
    assert_snapshot!(stored(&message), @r#"
        {
          "id": "msg_1",
          "thread_id": "thread_1",
          "created_at": 1000,
          "status": "incomplete",
          "incomplete": "run_failed",
          "completed_at": null,
          "incomplete_at": 1010,
          "role": "assistant",
          "content": [
            {
              "text": "Hel"
            },
            {
              "image_file": {
                "file_id": "file-1",
                "detail": "low"
              }
            },
            {
              "image_url": {
                "url": "https://example.com/a.png",
                "detail": null
              }
            },
            {
              "refusal": "No"
            }
          ],
          "assistant_id": "asst_1",
          "run_id": "run_1",
          "attachments": [
            {
              "file_id": "file-2",
              "tools": [
                "code_interpreter",
                "file_search"
              ]
            }
          ],
          "metadata": [
            [
              "z",
              "1"
            ],
            [
              "a",
              "2"
            ]
          ],
          "signature": "proof"
        }
    "#);
}

#[test]
fn an_assistant() {
    let assistant = Assistant {
        id: "asst_1".into(),
        created_at: Timestamp(1_000),
        profile: Profile {
            model: "gpt-4o".to_owned(),
            name: Some("Ada".to_owned()),
            description: Some("Knows the weather.".to_owned()),
            instructions: Some("Be brief.".to_owned()),
            tools: vec![tool()],
            tool_resources: Some(tool_resources()),
            metadata: metadata(),
            temperature: Some(0.5),
            top_p: None,
            response_format: format(),
            reasoning_effort: Some(ReasoningEffort::XHigh),
        },
    };
    assert_snapshot!(stored(&assistant), @r#"
        {
          "id": "asst_1",
          "created_at": 1000,
          "profile": {
            "model": "gpt-4o",
            "name": "Ada",
            "description": "Knows the weather.",
            "instructions": "Be brief.",
            "tools": [
              {
                "function": {
                  "name": "weather",
                  "description": "Of a city.",
                  "parameters": {
                    "type": "object",
                    "properties": {}
                  },
                  "strict": true
                }
              }
            ],
            "tool_resources": {
              "code_interpreter_file_ids": [
                "file-1"
              ],
              "file_search_vector_store_ids": null
            },
            "metadata": [
              [
                "z",
                "1"
              ],
              [
                "a",
                "2"
              ]
            ],
            "temperature": 0.5,
            "top_p": null,
            "response_format": {
              "exactly": {
                "json_schema": {
                  "name": "reply",
                  "description": null,
                  "schema": {
                    "type": "object"
                  },
                  "strict": true
                }
              }
            },
            "reasoning_effort": "x_high"
          }
        }
    "#);

    assert_snapshot!(compact(&Profile::default()), @r#"{"model":"","name":null,"description":null,"instructions":null,"tools":[],"tool_resources":null,"metadata":[],"temperature":null,"top_p":null,"response_format":"auto","reasoning_effort":null}"#);
}

#[test]
fn a_thread() {
    let thread = Thread {
        id: "thread_1".into(),
        created_at: Timestamp(1_000),
        metadata: metadata(),
        tool_resources: Some(tool_resources()),
    };
    assert_snapshot!(stored(&thread), @r#"
        {
          "id": "thread_1",
          "created_at": 1000,
          "metadata": [
            [
              "z",
              "1"
            ],
            [
              "a",
              "2"
            ]
          ],
          "tool_resources": {
            "code_interpreter_file_ids": [
              "file-1"
            ],
            "file_search_vector_store_ids": null
          }
        }
    "#);
}

#[test]
fn a_file() {
    let file = File {
        id: "file-1".into(),
        created_at: Timestamp(1_000),
        size_bytes: 5,
        filename: "a b/ü.txt".to_owned(),
        purpose: Purpose::FineTuneResults,
        expires_at: Some(Timestamp(4_600)),
    };
    assert_snapshot!(stored(&file), @r#"
        {
          "id": "file-1",
          "created_at": 1000,
          "size_bytes": 5,
          "filename": "a b/ü.txt",
          "purpose": "fine-tune-results",
          "expires_at": 4600
        }
    "#);
}

#[test]
fn words_of_enums() {
    assert_snapshot!(compact(&RunStatus::ALL), @r#"["queued","in_progress","requires_action","cancelling","cancelled","failed","completed","incomplete","expired"]"#);
    assert_snapshot!(
        compact(&[
            StepStatus::InProgress,
            StepStatus::Cancelled,
            StepStatus::Failed,
            StepStatus::Completed,
            StepStatus::Expired,
        ]),
        @r#"["in_progress","cancelled","failed","completed","expired"]"#
    );
    assert_snapshot!(
        compact(&[
            RunErrorCode::ServerError,
            RunErrorCode::RateLimitExceeded,
            RunErrorCode::InvalidPrompt,
        ]),
        @r#"["server_error","rate_limit_exceeded","invalid_prompt"]"#
    );
    assert_snapshot!(
        compact(&[
            ToolChoice::Auto,
            ToolChoice::None,
            ToolChoice::Required,
            ToolChoice::Allowed {
                names: vec!["weather".to_owned()],
                required: false,
            },
        ]),
        @r#"["auto","none","required",{"allowed":{"names":["weather"],"required":false}}]"#
    );
    assert_snapshot!(
        compact(&[
            Purpose::Assistants,
            Purpose::AssistantsOutput,
            Purpose::Batch,
            Purpose::BatchOutput,
            Purpose::FineTune,
            Purpose::FineTuneResults,
            Purpose::Vision,
            Purpose::UserData,
            Purpose::Evals,
        ]),
        @r#"["assistants","assistants-output","batch","batch-output","fine-tune","fine-tune-results","vision","user-data","evals"]"#
    );
}
