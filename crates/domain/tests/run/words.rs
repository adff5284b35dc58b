//! Events, writes and effects in words, for snapshots: the names are OpenAI's.

use locum_domain::{
    message::{Content, Message},
    run::{Effect, Output, Refused, Run, RunEvent, RunStatus, Step, StepDetails, Write},
};

/// One line for everything that a client is told.
pub fn told(events: &[RunEvent]) -> String {
    lines(events).join("\n")
}

/// An output, or a refusal, as one line; empty where nothing follows.
pub fn followed(result: &Result<Output, Refused>, status: RunStatus) -> String {
    let output = match result {
        Err(refused) => return format!("refused: {refused}"),
        Ok(output) if *output == Output::default() => return String::new(),
        Ok(output) => output,
    };
    let mut parts = vec![status.as_str().to_owned()];
    let told: Vec<_> = lines(&output.events)
        .iter()
        .map(|line| line.trim_start_matches("thread.").to_owned())
        .collect();
    let stored: Vec<_> = output.writes.iter().map(write).collect();
    let done: Vec<_> = output
        .effects
        .iter()
        .map(|effect| self::effect(*effect))
        .collect();
    for (verb, what) in [("tell", told), ("store", stored), ("do", done)] {
        if !what.is_empty() {
            parts.push(format!("{verb} {}", what.join(", ")));
        }
    }
    parts.join("; ")
}

fn lines(events: &[RunEvent]) -> Vec<String> {
    events.iter().flat_map(event).collect()
}

fn event(event: &RunEvent) -> Vec<String> {
    match event {
        RunEvent::ThreadCreated(_) => vec!["thread.created".to_owned()],
        RunEvent::RunCreated(run) => vec![format!("thread.run.created {}", run.status.as_str())],
        RunEvent::RunChanged(run) => {
            vec![format!(
                "thread.run.{}{}",
                run.status.as_str(),
                about_run(run)
            )]
        }
        RunEvent::StepBegun(step) => vec![
            format!("thread.run.step.created {}", details(step)),
            "thread.run.step.in_progress".to_owned(),
        ],
        RunEvent::StepEnded(step) => {
            let usage = step.usage.map_or(0, |usage| usage.total());
            vec![format!(
                "thread.run.step.{} {}, {usage} tokens",
                format!("{:?}", step.status).to_lowercase(),
                details(step)
            )]
        }
        RunEvent::MessageBegun(message) => vec![
            format!("thread.message.created {}", content(message)),
            "thread.message.in_progress".to_owned(),
        ],
        RunEvent::MessageEnded(message) => vec![match message.incomplete {
            None => format!("thread.message.completed {}", content(message)),
            Some(why) => format!("thread.message.incomplete {why:?} {}", content(message)),
        }],
        RunEvent::TextDelta {
            index, first, text, ..
        } => {
            let first = if *first { " first" } else { "" };
            vec![format!(
                "thread.message.delta [{index}]{first} text {text:?}"
            )]
        }
        RunEvent::RefusalDelta { index, text, .. } => {
            vec![format!("thread.message.delta [{index}] refusal {text:?}")]
        }
        RunEvent::CallBegun {
            index, id, name, ..
        } => vec![format!("thread.run.step.delta [{index}] {id} {name}")],
        RunEvent::CallDelta {
            index, arguments, ..
        } => vec![format!(
            "thread.run.step.delta [{index}] arguments {arguments:?}"
        )],
    }
}

fn about_run(run: &Run) -> String {
    let mut about = String::new();
    if run.status.is_terminal() {
        about += &format!(" {} tokens", run.usage.total());
    }
    for call in &run.required_calls {
        about += &format!(" {}={}({})", call.id, call.name, call.arguments);
    }
    if let Some(error) = &run.last_error {
        about += &format!(" {}: {}", error.code.as_str(), error.message);
    }
    if let Some(why) = run.incomplete {
        about += &format!(" {why:?}");
    }
    about
}

fn details(step: &Step) -> String {
    match &step.details {
        StepDetails::Message(_) => "message_creation".to_owned(),
        StepDetails::Calls(calls) => {
            let calls: Vec<_> = calls
                .iter()
                .map(|call| {
                    let output = call.output.as_ref();
                    let output = output.map_or(String::new(), |output| format!(" = {output:?}"));
                    format!("{}({}){output}", call.call.name, call.call.arguments)
                })
                .collect();
            format!("tool_calls [{}]", calls.join(", "))
        }
    }
}

fn content(message: &Message) -> String {
    let pieces: Vec<_> = message
        .content
        .iter()
        .map(|piece| match piece {
            Content::Text(text) => format!("text {text:?}"),
            Content::Refusal(text) => format!("refusal {text:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    format!("[{}]", pieces.join(", "))
}

fn write(write: &Write) -> String {
    match write {
        Write::Step(_) => "step".to_owned(),
        Write::Message(_) => "message".to_owned(),
        Write::DropStep(_) => "no step".to_owned(),
        Write::DropMessage(_) => "no message".to_owned(),
    }
}

fn effect(effect: Effect) -> String {
    match effect {
        Effect::CallModel { .. } => "call the model".to_owned(),
        Effect::Abort => "abort".to_owned(),
    }
}
