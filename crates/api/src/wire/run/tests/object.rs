//! What runs and their steps look like.

use locum_domain::{
    assistant::{AnswerFormat, Tool},
    chat::{FunctionTool, ToolCall, ToolChoice, Usage},
    id::{AssistantId, MessageId, RunId, StepId, ThreadId},
    metadata::Metadata,
    run::{
        Plan, Run, RunError, RunErrorCode, RunIncomplete, RunStatus, ServedBy, Step, StepCall,
        StepDetails, StepStatus, Truncation,
    },
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::wire::{run::RunObject, step::StepObject};

/// The keys that OpenAI's document requires of a run.
const RUN_KEYS: [&str; 25] = [
    "id",
    "object",
    "created_at",
    "thread_id",
    "assistant_id",
    "status",
    "required_action",
    "last_error",
    "expires_at",
    "started_at",
    "cancelled_at",
    "failed_at",
    "completed_at",
    "model",
    "instructions",
    "tools",
    "metadata",
    "usage",
    "incomplete_details",
    "max_prompt_tokens",
    "max_completion_tokens",
    "truncation_strategy",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
];

/// The keys that OpenAI's document requires of a step.
const STEP_KEYS: [&str; 16] = [
    "id",
    "object",
    "created_at",
    "assistant_id",
    "thread_id",
    "run_id",
    "type",
    "status",
    "step_details",
    "last_error",
    "expired_at",
    "cancelled_at",
    "failed_at",
    "completed_at",
    "metadata",
    "usage",
];

fn usage() -> Usage {
    Usage {
        prompt: 20,
        completion: 11,
        ..Usage::default()
    }
}

fn call() -> ToolCall {
    ToolCall {
        id: "call_1".to_owned(),
        name: "weather".to_owned(),
        arguments: r#"{"city":"Köln"}"#.to_owned(),
        signature: Some("a proof that is nobody's business".to_owned()),
    }
}

fn run(status: RunStatus) -> Run {
    Run {
        id: RunId::from("run_1"),
        thread_id: ThreadId::from("thread_1"),
        assistant_id: AssistantId::from("asst_1"),
        created_at: Timestamp(100),
        status,
        plan: Plan {
            model: "gpt-4.1-mini".to_owned(),
            instructions: String::new(),
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            response_format: AnswerFormat::Auto,
            reasoning_effort: None,
            temperature: None,
            top_p: None,
            max_prompt_tokens: None,
            max_completion_tokens: None,
            truncation: Truncation::Auto,
        },
        metadata: Metadata::default(),
        expires_at: Timestamp(700),
        started_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: None,
        required_calls: vec![call()],
        last_error: None,
        incomplete: None,
        usage: usage(),
        served: None,
        broken_tries: 0,
        written_ahead: None,
    }
}

fn step(status: StepStatus, details: StepDetails) -> Step {
    Step {
        id: StepId::from("step_1"),
        run_id: RunId::from("run_1"),
        thread_id: ThreadId::from("thread_1"),
        assistant_id: AssistantId::from("asst_1"),
        created_at: Timestamp(101),
        status,
        details,
        last_error: None,
        expired_at: None,
        cancelled_at: None,
        failed_at: None,
        completed_at: None,
        usage: Some(usage()),
        served: None,
    }
}

fn written(run: &Run) -> Value {
    let object = serde_json::to_value(RunObject::from(run)).unwrap();
    for key in RUN_KEYS {
        assert!(object.get(key).is_some(), "{key}");
    }
    object
}

fn written_step(step: &Step) -> Value {
    let object = serde_json::to_value(StepObject::from(step)).unwrap();
    for key in STEP_KEYS {
        assert!(object.get(key).is_some(), "{key}");
    }
    object
}

#[test]
fn a_run_of_which_nobody_said_anything() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&written(&run(RunStatus::Queued))).unwrap(), @r#"
    {
      "id": "run_1",
      "object": "thread.run",
      "created_at": 100,
      "assistant_id": "asst_1",
      "thread_id": "thread_1",
      "status": "queued",
      "required_action": null,
      "last_error": null,
      "expires_at": 700,
      "started_at": null,
      "cancelled_at": null,
      "failed_at": null,
      "completed_at": null,
      "incomplete_details": null,
      "model": "gpt-4.1-mini",
      "instructions": "",
      "tools": [],
      "metadata": {},
      "usage": null,
      "temperature": 1.0,
      "top_p": 1.0,
      "max_prompt_tokens": null,
      "max_completion_tokens": null,
      "truncation_strategy": {
        "type": "auto",
        "last_messages": null
      },
      "tool_choice": "auto",
      "parallel_tool_calls": true,
      "response_format": "auto"
    }
    "#);
}

#[test]
fn a_run_of_which_everything_was_said() {
    let mut run = run(RunStatus::RequiresAction);
    run.metadata = Metadata(vec![
        ("z".to_owned(), "1".to_owned()),
        ("a".to_owned(), "2".to_owned()),
    ]);
    run.started_at = Some(Timestamp(101));
    run.plan = Plan {
        instructions: "Be \"brief\".".to_owned(),
        tools: vec![Tool::Function(FunctionTool {
            name: "weather".to_owned(),
            description: Some("Tells it".to_owned()),
            parameters: Some(json!({"type": "object"})),
            strict: false,
        })],
        tool_choice: ToolChoice::Function("weather".to_owned()),
        parallel_tool_calls: false,
        temperature: Some(0.2),
        top_p: Some(0.5),
        max_prompt_tokens: Some(256),
        max_completion_tokens: Some(1000),
        truncation: Truncation::LastMessages(3),
        ..run.plan
    };
    insta::assert_snapshot!(serde_json::to_string_pretty(&written(&run)).unwrap(), @r#"
    {
      "id": "run_1",
      "object": "thread.run",
      "created_at": 100,
      "assistant_id": "asst_1",
      "thread_id": "thread_1",
      "status": "requires_action",
      "required_action": {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
          "tool_calls": [
            {
              "id": "call_1",
              "type": "function",
              "function": {
                "name": "weather",
                "arguments": "{\"city\":\"Köln\"}"
              }
            }
          ]
        }
      },
      "last_error": null,
      "expires_at": 700,
      "started_at": 101,
      "cancelled_at": null,
      "failed_at": null,
      "completed_at": null,
      "incomplete_details": null,
      "model": "gpt-4.1-mini",
      "instructions": "Be \"brief\".",
      "tools": [
        {
          "type": "function",
          "function": {
            "name": "weather",
            "description": "Tells it",
            "parameters": {
              "type": "object"
            },
            "strict": false
          }
        }
      ],
      "metadata": {
        "z": "1",
        "a": "2"
      },
      "usage": null,
      "temperature": 0.2,
      "top_p": 0.5,
      "max_prompt_tokens": 256,
      "max_completion_tokens": 1000,
      "truncation_strategy": {
        "type": "last_messages",
        "last_messages": 3
      },
      "tool_choice": {
        "type": "function",
        "function": {
          "name": "weather"
        }
      },
      "parallel_tool_calls": false,
      "response_format": "auto"
    }
    "#);
}

#[test]
fn what_a_run_says_in_each_status() {
    for status in RunStatus::ALL {
        let object = written(&run(status));
        let ended = status.is_terminal();
        assert_eq!(object["status"], status.as_str());
        assert_eq!(object["expires_at"].is_null(), ended, "{status:?}");
        assert_eq!(object["usage"].is_object(), ended, "{status:?}");
        let waits = status == RunStatus::RequiresAction;
        assert_eq!(object["required_action"].is_object(), waits, "{status:?}");
        let incomplete = status == RunStatus::Incomplete;
        assert_eq!(
            object["incomplete_details"].is_object(),
            incomplete,
            "{status:?}"
        );
    }
}

#[test]
fn why_a_run_ended() {
    let mut failed = run(RunStatus::Failed);
    for (code, word) in [
        (RunErrorCode::ServerError, "server_error"),
        (RunErrorCode::RateLimitExceeded, "rate_limit_exceeded"),
        (RunErrorCode::InvalidPrompt, "invalid_prompt"),
    ] {
        let message = "It would not.".to_owned();
        failed.last_error = Some(RunError { code, message });
        let expected = json!({"code": word, "message": "It would not."});
        assert_eq!(written(&failed)["last_error"], expected);
    }
    let mut incomplete = run(RunStatus::Incomplete);
    for (reason, expected) in [
        (
            Some(RunIncomplete::MaxCompletionTokens),
            json!({"reason": "max_completion_tokens"}),
        ),
        (
            Some(RunIncomplete::MaxPromptTokens),
            json!({"reason": "max_prompt_tokens"}),
        ),
        (None, json!({})),
    ] {
        incomplete.incomplete = reason;
        assert_eq!(written(&incomplete)["incomplete_details"], expected);
    }
}

#[test]
fn words_for_choices() {
    let mut run = run(RunStatus::Queued);
    for (choice, word) in [
        (ToolChoice::None, "none"),
        (ToolChoice::Auto, "auto"),
        (ToolChoice::Required, "required"),
    ] {
        run.plan.tool_choice = choice;
        assert_eq!(written(&run)["tool_choice"], word);
    }
}

#[test]
fn a_step_that_writes_a_message() {
    let details = StepDetails::Message(MessageId::from("msg_1"));
    let mut step = step(StepStatus::Completed, details);
    step.completed_at = Some(Timestamp(105));
    step.served = Some(ServedBy {
        provider: "elsewhere".to_owned(),
        model: "gemini-2.5-flash".to_owned(),
        fallback: true,
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(&written_step(&step)).unwrap(), @r#"
    {
      "id": "step_1",
      "object": "thread.run.step",
      "created_at": 101,
      "run_id": "run_1",
      "assistant_id": "asst_1",
      "thread_id": "thread_1",
      "type": "message_creation",
      "status": "completed",
      "cancelled_at": null,
      "completed_at": 105,
      "expired_at": null,
      "failed_at": null,
      "last_error": null,
      "step_details": {
        "type": "message_creation",
        "message_creation": {
          "message_id": "msg_1"
        }
      },
      "usage": {
        "prompt_tokens": 20,
        "completion_tokens": 11,
        "total_tokens": 31
      },
      "metadata": {
        "locum_provider": "elsewhere",
        "locum_model": "gemini-2.5-flash",
        "locum_fallback": "true"
      }
    }
    "#);
}

#[test]
fn a_step_of_calls() {
    let calls = [None, Some("70 and sunny".to_owned())].map(|output| StepCall {
        call: call(),
        output,
    });
    let step = step(StepStatus::InProgress, StepDetails::Calls(calls.into()));
    let object = written_step(&step);
    let function = |output: Value| {
        json!({
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": r#"{"city":"Köln"}"#, "output": output},
        })
    };
    assert_eq!(object["type"], "tool_calls");
    assert_eq!(
        object["step_details"],
        json!({"type": "tool_calls", "tool_calls": [function(Value::Null), function(json!("70 and sunny"))]})
    );
    assert_eq!(object["metadata"], json!({}));
}

#[test]
fn what_a_step_says_in_each_status() {
    for (status, word) in [
        (StepStatus::InProgress, "in_progress"),
        (StepStatus::Cancelled, "cancelled"),
        (StepStatus::Failed, "failed"),
        (StepStatus::Completed, "completed"),
        (StepStatus::Expired, "expired"),
    ] {
        let object = written_step(&step(status, StepDetails::Calls(Vec::new())));
        assert_eq!(object["status"], word);
        assert_eq!(object["usage"].is_null(), status == StepStatus::InProgress);
    }
}

#[test]
fn steps_know_fewer_codes_than_runs() {
    let mut step = step(StepStatus::Failed, StepDetails::Calls(Vec::new()));
    for (code, word) in [
        (RunErrorCode::ServerError, "server_error"),
        (RunErrorCode::RateLimitExceeded, "rate_limit_exceeded"),
        (RunErrorCode::InvalidPrompt, "server_error"),
    ] {
        let message = String::new();
        step.last_error = Some(RunError { code, message });
        assert_eq!(written_step(&step)["last_error"]["code"], word);
    }
}
