//! What is noted of a try at a provider and of the answer that comes of it: in the request's trail, in the provider's
//! health, and in traces.

use std::sync::Arc;

use locum_domain::{chat::Usage, error::ApiError, failure::Failure};
use tracing::{Span, field::Empty, info_span, warn};

use super::{Shared, route::Target, slot::Slot};
use crate::trail::Trail;

/// The span of one try in OpenTelemetry's terms (semantic conventions for generative AI). Only exporters of traces see it.
pub(super) fn genai_span(operation: &'static str, target: &Target) -> Span {
    info_span!(
        target: "locum::genai",
        "gen_ai",
        otel.name = format_args!("{operation} {}", target.model),
        otel.kind = "client",
        gen_ai.operation.name = operation,
        gen_ai.provider.name = target.slot.provider.telemetry_name(),
        gen_ai.request.model = target.model,
        gen_ai.response.model = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        error.type = Empty,
    )
}

/// Notes what becomes of an answer that is being handed out.
pub(super) struct Witness {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    trail: Arc<Trail>,
    span: Span,
}

impl Witness {
    pub fn new(shared: Arc<Shared>, slot: Arc<Slot>, trail: Arc<Trail>, span: Span) -> Self {
        Self {
            shared,
            slot,
            trail,
            span,
        }
    }

    /// The first content is here. `model`: who answers, where the upstream has said.
    pub fn first_token(&self, model: Option<&str>) {
        let now = self.shared.world.clock.now();
        self.trail.notes().first_token = Some(now.saturating_sub(self.trail.started));
        if let Some(model) = model {
            self.span.record("gen_ai.response.model", model);
        }
    }

    /// The whole answer is here.
    pub fn answered(&self, model: Option<&str>, usage: Option<&Usage>) {
        self.first_token(model);
        if let Some(usage) = usage {
            self.spent(usage);
        }
    }

    /// What the answer has cost up to here.
    pub fn spent(&self, usage: &Usage) {
        self.span.record("gen_ai.usage.input_tokens", usage.prompt);
        self.span
            .record("gen_ai.usage.output_tokens", usage.completion);
        self.trail.notes().usage = Some(*usage);
    }

    /// The answer broke off after it had begun: what the client is told.
    pub fn broke_off(&self, failure: &Failure) -> ApiError {
        let name = self.slot.name();
        let class = failure.class;
        self.slot.failed_late(class, self.shared.world.clock.now());
        self.trail.notes().failure = Some(class);
        self.span.record("error.type", class.as_str());
        warn!(
            provider = name,
            class = class.as_str(),
            "an answer broke off after it had begun"
        );
        ApiError::from_failure(name, failure)
    }
}
