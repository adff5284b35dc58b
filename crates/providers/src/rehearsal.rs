//! The rehearsal: an offline, deterministic stand-in for a model.
//!
//! It lets a newcomer see everything work without a key, and a program's own tests run without network or cost. It says
//! plainly what it is, refers to what it was sent, calls a function when the user's text names one, and plays a script where
//! the operator gives it one. It never pretends to think: the same request gives the same answer.
//!
//! `line` decides what is answered, `script` what the operator wants answered instead, `perform` turns either into events;
//! `schema` makes JSON, `vectors` embeddings, `words` is what all of them mean by a token.

mod line;
mod perform;
mod schema;
mod script;
mod vectors;
mod words;

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use locum_domain::{
    chat::{ChatEvent, ChatRequest},
    embedding::{EmbeddingAnswer, EmbeddingRequest},
    error::ApiError,
    failure::{Failure, FailureClass},
    id::Ids,
    model::{ModelInfo, ModelPage},
};

use self::{line::Scene, script::Script};
use crate::provider::{ChatDecoder, Hop, Performance, Prepared, Provider, ProviderConfig};

/// The model that chats.
const CHAT_MODEL: &str = "rehearsal-1";
/// The model that embeds.
const EMBEDDING_MODEL: &str = "rehearsal-embedding-1";
/// The pause before each event of a stream, so that streaming can be seen.
const PACE: Duration = Duration::from_millis(25);

struct Rehearsal {
    default_model: String,
    script: Script,
}

/// Makes the provider.
///
/// # Errors
/// The default model is none of the rehearsal's, or an entry of the script is wrong.
pub fn build(config: ProviderConfig) -> Result<Box<dyn Provider>, String> {
    let default_model = match config.default_model.as_str() {
        "" | CHAT_MODEL => CHAT_MODEL.to_owned(),
        other => {
            return Err(format!(
                "the rehearsal has no model `{other}`, only `{CHAT_MODEL}`"
            ));
        }
    };
    let script = match &config.script {
        Some(text) => Script::parse(text)?,
        None => Script::default(),
    };
    Ok(Box::new(Rehearsal {
        default_model,
        script,
    }))
}

impl Provider for Rehearsal {
    fn name(&self) -> &'static str {
        "rehearsal"
    }

    fn is_stand_in(&self) -> bool {
        true
    }

    fn claims(&self, model: &str) -> bool {
        model.starts_with("rehearsal-")
    }

    fn default_model(&self) -> &str {
        &self.default_model
    }

    fn default_embedding_model(&self) -> Option<&str> {
        Some(EMBEDDING_MODEL)
    }

    fn may_pause(&self, _: &ChatRequest) -> bool {
        false
    }

    fn fan_out(&self, _: &ChatRequest) -> u32 {
        1
    }

    fn chat(&self, request: &ChatRequest, _: Hop<'_>) -> Result<Prepared<Performance>, Failure> {
        expect_model(&request.model, CHAT_MODEL)?;
        if request.top_logprobs.is_some() {
            return Err(Failure::new(
                FailureClass::Unsupported,
                "the rehearsal draws no tokens and so has no log probabilities",
            ));
        }
        let scene = Scene::new(request);
        let (lines, pace) = match self.script.answer(&scene.heard) {
            Some((line, pace)) => (vec![line?; request.n.max(1) as usize], pace),
            None => (line::improvise(&scene)?, None),
        };
        Ok(Prepared::Ready(Performance {
            events: perform::events(request, lines),
            pace: pace.unwrap_or(PACE),
        }))
    }

    fn chat_decoder(&self, _: &ChatRequest, _: Ids) -> Box<dyn ChatDecoder> {
        Box::new(NoUpstream)
    }

    fn embeddings(&self, request: &EmbeddingRequest) -> Result<Prepared<EmbeddingAnswer>, Failure> {
        expect_model(&request.model, EMBEDDING_MODEL)?;
        vectors::embed(request).map(Prepared::Ready)
    }

    fn decode_embeddings(
        &self,
        _: &EmbeddingRequest,
        _: &[u8],
    ) -> Result<EmbeddingAnswer, Failure> {
        Err(no_upstream())
    }

    fn models(&self, _: Option<&str>) -> Prepared<ModelPage> {
        let model = |id: &str| ModelInfo {
            id: id.to_owned(),
            created: 0,
            owned_by: "locum".to_owned(),
        };
        Prepared::Ready(ModelPage {
            models: vec![model(CHAT_MODEL), model(EMBEDDING_MODEL)],
            next: None,
        })
    }

    fn decode_models(&self, _: &[u8]) -> Result<ModelPage, Failure> {
        Err(no_upstream())
    }

    fn failure(&self, status: StatusCode, _: &HeaderMap, _: &[u8]) -> Failure {
        Failure {
            status: Some(status.as_u16()),
            ..no_upstream()
        }
    }
}

fn expect_model(asked: &str, known: &str) -> Result<(), Failure> {
    if asked == known {
        return Ok(());
    }
    Err(Failure::stated(
        FailureClass::ModelNotFound,
        404,
        ApiError::model_not_found(asked).message,
    ))
}

/// Answers need no upstream, so nothing can have come from one.
struct NoUpstream;

impl ChatDecoder for NoUpstream {
    fn feed(&mut self, _: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        Err(no_upstream())
    }

    fn finish(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        Err(no_upstream())
    }
}

fn no_upstream() -> Failure {
    Failure::new(FailureClass::Garbage, "the rehearsal has no upstream")
}
