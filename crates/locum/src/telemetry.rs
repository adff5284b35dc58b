//! Logs and traces: who sees what, and where it goes.
//!
//! How a line is made, and of what, is [`locum_logs`]' business. Read in this order: [`start`], `sink` (how lines get out),
//! `traces`.

mod sink;
mod traces;

use std::{io, panic, time::Duration};

use locum_engine::settings::{Environment, Settings};
use tokio::runtime::Handle;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use locum_logs::{form::Form, levels::Levels, lines::Lines};

use self::{sink::Sink, traces::Traces};
use crate::{clock::since_1970, transport::HttpTransport};

/// How long the last lines have to get out.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Running telemetry.
pub struct Telemetry {
    sink: Sink,
    traces: Option<Traces>,
}

/// Starts logging to standard output, and tracing where a collector is set.
///
/// # Errors
/// What is wrong with the collector's settings, or that another subscriber is there already.
pub fn start(
    settings: &Settings,
    transport: &HttpTransport,
    runtime: &Handle,
) -> anyhow::Result<Telemetry> {
    let form = match settings.node_env {
        Environment::Production => Form::Json,
        Environment::Development => Form::plain(&io::stdout()),
    };
    let sink = Sink::start(form, io::stdout())?;
    let traces = Traces::start(&settings.traces, transport, runtime)?;
    tracing_subscriber::registry()
        .with(Levels::new(settings.log_level, traces.is_some()))
        .with(Lines::new(form, since_1970, sink.clone()))
        .with(traces.as_ref().map(Traces::layer))
        .try_init()?;
    log_panics(sink.clone());
    Ok(Telemetry { sink, traces })
}

impl Telemetry {
    /// Gets out what there still is; traces have until `limit`.
    pub fn finish(self, limit: Duration) {
        if let Some(traces) = self.traces {
            traces.finish(limit);
        }
        self.sink.flush(LAST_LINES);
    }
}

/// A panic's message may quote a request, so that only its place is told.
fn log_panics(sink: Sink) {
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "a panic; this is a fault of Locum's own");
        sink.flush(LAST_LINES);
    }));
}
