//! Answers as events: word by word, within the request's limits, and counted.

use locum_domain::{
    chat::{ChatEvent, ChatRequest, FinishReason, Message, Part, ToolCallDelta, Usage},
    id::Ids,
};

use super::{
    line::{Call, Line},
    words,
};

/// What an image, a recording or a file counts in tokens.
const MEDIA_TOKENS: u64 = 100;

/// The events of the answers `lines`, one for each choice.
pub(super) fn events(request: &ChatRequest, lines: Vec<Line>) -> Vec<ChatEvent> {
    let mut performer = Performer {
        events: vec![ChatEvent::Head {
            model: Some(request.model.clone()),
            id: None,
        }],
        ids: Ids::new(0, fingerprint(request)),
        tokens: 0,
    };
    for (choice, line) in (0..).zip(lines) {
        performer.perform(choice, line, request);
    }
    performer.events.push(ChatEvent::Usage(Usage {
        prompt: prompt_tokens(request),
        completion: performer.tokens,
        ..Usage::default()
    }));
    performer.events
}

struct Performer {
    events: Vec<ChatEvent>,
    ids: Ids,
    tokens: u64,
}

impl Performer {
    fn perform(&mut self, choice: u32, line: Line, request: &ChatRequest) {
        let mut budget = request.max_tokens.map_or(u64::MAX, u64::from);
        let text = before_stop(&line.text, &request.stop);
        let mut whole = self.speak(text, &mut budget, |text| ChatEvent::Text { choice, text });
        whole = whole
            && self.speak(&line.refusal, &mut budget, |text| ChatEvent::Refusal {
                choice,
                text,
            });
        for (index, call) in (0..).zip(&line.calls) {
            whole = whole && self.call(choice, index, call, &mut budget);
        }
        let reason = match line.finish {
            _ if !whole => FinishReason::Length,
            Some(reason) => reason,
            None if line.calls.is_empty() => FinishReason::Stop,
            None => FinishReason::ToolCalls,
        };
        self.events.push(ChatEvent::Finish { choice, reason });
    }

    /// Whether the budget was enough.
    fn speak(&mut self, text: &str, budget: &mut u64, event: impl Fn(String) -> ChatEvent) -> bool {
        for token in words::tokens(text) {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            self.tokens += 1;
            self.events.push(event(token.to_owned()));
        }
        true
    }

    /// Whether the budget was enough. The name costs a token.
    fn call(&mut self, choice: u32, index: u32, call: &Call, budget: &mut u64) -> bool {
        if *budget == 0 {
            return false;
        }
        *budget -= 1;
        self.tokens += 1;
        self.events.push(ChatEvent::ToolCall {
            choice,
            delta: ToolCallDelta {
                index,
                id: Some(self.ids.next("call_")),
                name: Some(call.name.clone()),
                ..ToolCallDelta::default()
            },
        });
        self.speak(&call.arguments, budget, |arguments| ChatEvent::ToolCall {
            choice,
            delta: ToolCallDelta {
                index,
                arguments,
                ..ToolCallDelta::default()
            },
        })
    }
}

/// What comes before the first of the stop texts.
fn before_stop<'a>(text: &'a str, stop: &[String]) -> &'a str {
    let end = stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()))
        .min();
    end.map_or(text, |end| &text[..end])
}

/// Tokens of all that was sent; every message costs one more.
fn prompt_tokens(request: &ChatRequest) -> u64 {
    let messages: u64 = request.messages.iter().map(message_tokens).sum();
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| {
            let parameters = tool.parameters.as_ref().map(ToString::to_string);
            words::count(&tool.name)
                + tool.description.as_deref().map_or(0, words::count)
                + parameters.as_deref().map_or(0, words::count)
        })
        .sum();
    messages + tools
}

fn message_tokens(message: &Message) -> u64 {
    let parts = |parts: &[Part]| -> u64 {
        parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => words::count(text),
                Part::Media(_) => MEDIA_TOKENS,
            })
            .sum()
    };
    1 + match message {
        Message::System { text } => words::count(text),
        Message::User { parts: sent, .. } | Message::Tool { parts: sent, .. } => parts(sent),
        Message::Assistant { text, calls, .. } => {
            let calls = calls
                .iter()
                .map(|call| words::count(&call.name) + words::count(&call.arguments));
            words::count(text) + calls.sum::<u64>()
        }
    }
}

/// A number made of the conversation: equal for equal ones, so that ids repeat, and another one as soon as it has grown, so
/// that they are unique in it.
fn fingerprint(request: &ChatRequest) -> u128 {
    // FNV-1a, 128 bits.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0xff]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
    };
    for message in &request.messages {
        match message {
            Message::System { text } => add(text),
            Message::User { parts, .. } | Message::Tool { parts, .. } => {
                for part in parts {
                    match part {
                        Part::Text(text) => add(text),
                        Part::Media(_) => add("media"),
                    }
                }
            }
            Message::Assistant { text, calls, .. } => {
                add(text);
                calls.iter().for_each(|call| add(&call.id));
            }
        }
    }
    hash
}
