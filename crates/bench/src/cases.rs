//! The cases of the bench and what Locum aims at in each.

use crate::traffic::{Ask, GEMINI_MODEL, OPENAI_MODEL, OPENAI_PACED_MODEL};

/// One row of the tables.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in the tables.
    pub title: &'static str,
    /// What the floor is asked. It speaks OpenAI's protocol alone.
    pub floor: Ask,
    /// What Locum is asked.
    pub locum: Ask,
    /// How many connections ask at the same time when the proxy is to be busy.
    pub connections: usize,
    /// The most that Locum's CPU time may be, as a multiple of the floor's.
    pub aim: Option<f64>,
}

const SHORT_CHAT: Ask = Ask {
    model: OPENAI_MODEL,
    prompt_bytes: 80,
    stream: false,
    accept_encoding: "gzip, deflate",
};

const STREAM: Ask = Ask {
    stream: true,
    ..SHORT_CHAT
};

const LONG_PROMPT: Ask = Ask {
    prompt_bytes: 32 * 1024,
    ..SHORT_CHAT
};

const PACED_STREAM: Ask = Ask {
    model: OPENAI_PACED_MODEL,
    ..STREAM
};

/// All cases, in the order of the tables.
pub const ALL: [Case; 6] = [
    Case {
        name: "short-chat",
        title: "Short chat",
        floor: SHORT_CHAT,
        locum: SHORT_CHAT,
        connections: 16,
        aim: Some(1.4),
    },
    Case {
        name: "long-prompt",
        title: "32 KB prompt",
        floor: LONG_PROMPT,
        locum: LONG_PROMPT,
        connections: 16,
        aim: Some(1.25),
    },
    Case {
        name: "stream",
        title: "Stream of 100 chunks",
        floor: STREAM,
        locum: STREAM,
        connections: 16,
        aim: Some(1.0),
    },
    Case {
        name: "paced-stream",
        title: "The same, chunks apart in time",
        floor: PACED_STREAM,
        locum: PACED_STREAM,
        connections: 32,
        aim: None,
    },
    Case {
        name: "gemini",
        title: "Short chat, Gemini behind",
        floor: SHORT_CHAT,
        locum: Ask {
            model: GEMINI_MODEL,
            ..SHORT_CHAT
        },
        connections: 16,
        aim: Some(2.6),
    },
    Case {
        name: "gemini-stream",
        title: "Stream of 100 chunks, Gemini behind",
        floor: STREAM,
        locum: Ask {
            model: GEMINI_MODEL,
            ..STREAM
        },
        connections: 16,
        aim: Some(2.6),
    },
];

impl Case {
    /// Whether the upstream takes its time, so that neither throughput nor latency says anything.
    pub fn is_paced(&self) -> bool {
        self.floor.model == OPENAI_PACED_MODEL
    }
}

/// The case of that name.
pub fn find(name: &str) -> Option<Case> {
    ALL.into_iter().find(|case| case.name == name)
}
