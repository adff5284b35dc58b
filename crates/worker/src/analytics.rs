//! The analytics port on Analytics Engine: a data point for each request and each run.
//!
//! Its columns are numbered and not named, so that their order is a promise: docs/cloudflare.md says which is which.

use locum_engine::ports::{Analytics, RequestPoint, RunPoint};
use wasm_bindgen::JsValue;
use worker::{Env, send::SendWrapper};

use crate::{exchange, glue};

/// The binding of the dataset.
const DATASET: &str = "ANALYTICS";

/// The dataset that is bound to the Worker.
pub(crate) struct Dataset(SendWrapper<JsValue>);

impl Dataset {
    /// `None` where none is bound.
    pub(crate) fn of(env: &Env) -> Option<Self> {
        let bound = js_sys::Reflect::get(env, &DATASET.into()).ok();
        let bound = bound.filter(|bound| !bound.is_undefined());
        bound.map(|dataset| Self(SendWrapper::new(dataset)))
    }

    /// `kind`: the index, by which Cloudflare samples: points of one kind are thinned out together.
    fn write(&self, kind: &str, blobs: [&str; 7], doubles: [f64; 6]) {
        // None of the texts holds a line feed: they are words of ours, and names of models, which are headers too.
        let written = glue::write_point(&self.0, kind, &blobs.join("\n"), &doubles);
        if let Err(error) = written {
            let error = exchange::text(&error);
            tracing::debug!(error, "a data point is lost");
        }
    }
}

impl Analytics for Dataset {
    fn request(&self, point: &RequestPoint<'_>) {
        let notes = point.notes;
        let usage = notes.usage.unwrap_or_default();
        self.write(
            "request",
            [
                point.route,
                point.method,
                point.error.unwrap_or_default(),
                notes.provider.unwrap_or_default(),
                notes.model.as_deref().unwrap_or_default(),
                notes.operation.unwrap_or_default(),
                if notes.fallback { "fallback" } else { "" },
            ],
            [
                f64::from(point.status),
                point.elapsed.as_secs_f64() * 1e3,
                notes
                    .first_token
                    .map_or(0.0, |time| time.as_secs_f64() * 1e3),
                usage.prompt as f64,
                usage.completion as f64,
                f64::from(notes.tries),
            ],
        );
    }

    fn run(&self, point: &RunPoint<'_>) {
        let run = point.run;
        let served = run.served.as_ref();
        let error = run.last_error.as_ref();
        self.write(
            "run",
            [
                run.status.as_str(),
                "",
                error.map_or("", |error| error.code.as_str()),
                served.map_or("", |served| served.provider.as_str()),
                served.map_or("", |served| served.model.as_str()),
                "run",
                served.map_or("", |served| if served.fallback { "fallback" } else { "" }),
            ],
            [
                0.0,
                point.elapsed.as_secs_f64() * 1e3,
                0.0,
                run.usage.prompt as f64,
                run.usage.completion as f64,
                0.0,
            ],
        );
    }
}
