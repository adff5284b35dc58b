//! Logs: JSON lines on the console, where `wrangler tail` and Workers Logs find them.

use std::{panic, sync::Once};

use locum_engine::settings::LogLevel;
use locum_logs::{Output, form::Form, levels::Levels, lines::Lines};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
use worker::{console_error, console_log};

use crate::clock::since_1970;

/// The console.
struct Console;

impl Output for Console {
    fn push(&self, line: &[u8], urgent: bool) {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        if urgent {
            console_error!("{line}");
        } else {
            console_log!("{line}");
        }
    }
}

/// Starts logging, the first time that it is called in an isolate.
pub(crate) fn start(level: LogLevel) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let started = tracing_subscriber::registry()
            .with(Levels::new(level, false))
            .with(Lines::new(Form::Json, since_1970, Console))
            .try_init();
        if let Err(error) = started {
            console_error!("{error}");
        }
        log_panics();
    });
}

/// A panic's message may quote a request, so that only its place is told.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "a panic; this is a fault of Locum's own");
    }));
}
