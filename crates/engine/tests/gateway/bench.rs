//! What every test here stands on: a gateway in a world of its own.

use std::sync::Arc;

use futures_util::StreamExt;
use locum_domain::{
    chat::{ChatAnswer, ChatRequest, Message, Part},
    error::ApiError,
};
use locum_engine::{
    gateway::{ChatBody, ChatCall, ChatReply, ChatSource, Gateway},
    metrics::Metrics,
    settings::Settings,
    trail::Trail,
};
use locum_testkit::{Handles, UPSTREAM_KEY, world};

/// A gateway, its upstreams and its metrics.
pub struct Bench {
    pub gateway: Arc<Gateway>,
    pub handles: Handles,
    pub metrics: Arc<Metrics>,
}

impl Bench {
    /// Both real providers on, and what `set` says.
    pub fn new(set: &[(&str, &str)]) -> Self {
        let defaults = [
            ("ENABLE_AUTH", "false"),
            ("PROVIDER_GEMINI_ENABLED", "true"),
            ("PROVIDER_OPENAI_ENABLED", "true"),
            ("GEMINI_API_KEY", UPSTREAM_KEY),
            ("OPENAI_API_KEY", UPSTREAM_KEY),
        ];
        let lookup = |name: &str| {
            let found = set.iter().chain(&defaults).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::from_lookup(&lookup).unwrap();
        let (world, handles) = world(1);
        let metrics = Arc::new(Metrics::new());
        let gateway = Gateway::new(world, &settings, Arc::clone(&metrics)).unwrap();
        Self {
            gateway: Arc::new(gateway),
            handles,
            metrics,
        }
    }

    /// Asks, and waits for the answer or for the beginning of a stream.
    pub fn ask(&self, model: &str, request: ChatRequest) -> Result<ChatReply, ApiError> {
        self.ask_call(call(model, request))
    }

    /// Makes a call, and waits for the answer or for the beginning of a stream.
    pub fn ask_call(&self, call: ChatCall) -> Result<ChatReply, ApiError> {
        let trail = Arc::new(Trail::new("req_test".to_owned(), std::time::Duration::ZERO));
        self.handles.clock.run(self.gateway.chat(call, &trail))
    }

    /// Asks, and folds the whole answer, streamed or not.
    pub fn answer(&self, model: &str, request: ChatRequest) -> Result<ChatAnswer, ApiError> {
        let reply = self.ask(model, request)?;
        self.fold(reply)
    }

    /// Folds a decoded answer to its end.
    pub fn fold(&self, reply: ChatReply) -> Result<ChatAnswer, ApiError> {
        match reply.body {
            ChatBody::Whole(answer) => Ok(*answer),
            ChatBody::Events(mut events) => self.handles.clock.run(async {
                let mut answer = ChatAnswer::default();
                while let Some(batch) = events.next().await {
                    batch?.into_iter().for_each(|event| answer.apply(event));
                }
                Ok(answer)
            }),
            ChatBody::WholeRaw(_) | ChatBody::Raw(_) => panic!("a decoded answer was expected"),
        }
    }
}

/// A call made of an object.
pub fn call(model: &str, request: ChatRequest) -> ChatCall {
    ChatCall {
        model: model.to_owned(),
        stream: request.stream,
        source: ChatSource::Made(Box::new(request)),
    }
}

/// A request with one message.
pub fn says(text: &str) -> ChatRequest {
    ChatRequest {
        messages: vec![Message::User {
            name: None,
            parts: vec![Part::Text(text.to_owned())],
        }],
        n: 1,
        ..ChatRequest::default()
    }
}

/// The same, streamed.
pub fn says_streamed(text: &str) -> ChatRequest {
    ChatRequest {
        stream: true,
        ..says(text)
    }
}
