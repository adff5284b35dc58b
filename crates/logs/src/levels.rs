//! What is let through at all.

use locum_engine::settings::LogLevel;
use tracing::{Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Layer};

use crate::{is_request, is_traced};

/// Lets our own events through from one level on, and those of dependencies where something is wrong.
#[derive(Debug)]
pub struct Levels {
    ours: LevelFilter,
    others: LevelFilter,
    traces: bool,
}

impl Levels {
    /// `traces`: whether somebody takes traces.
    pub fn new(level: LogLevel, traces: bool) -> Self {
        let ours = match level {
            LogLevel::Trace => LevelFilter::TRACE,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Error => LevelFilter::ERROR,
        };
        Self {
            ours,
            others: ours.min(LevelFilter::WARN),
            traces,
        }
    }

    fn lets_through(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            // The lines of a request need its span at every level.
            return is_request(metadata) || (self.traces && is_traced(metadata));
        }
        let is_ours = metadata.target().starts_with("locum");
        let most = if is_ours { self.ours } else { self.others };
        *metadata.level() <= most
    }
}

impl<S: Subscriber> Layer<S> for Levels {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets_through(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.lets_through(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Spans are made at this level.
        Some(self.ours.max(LevelFilter::INFO))
    }
}
