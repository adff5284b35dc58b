//! The analytics port on Analytics Engine: a data point for each request and each run.
//!
//! Its columns are numbered and not named, so that their order is a promise: docs/cloudflare.md says which is which.

use locum_engine::ports::{Analytics, RequestPoint, RunPoint};
use worker::{AnalyticsEngineDataPointBuilder, AnalyticsEngineDataset, Env};

/// The binding of the dataset.
const DATASET: &str = "ANALYTICS";

/// The dataset that is bound to the Worker.
pub(crate) struct Dataset(AnalyticsEngineDataset);

impl Dataset {
    /// `None` where none is bound.
    pub(crate) fn of(env: &Env) -> Option<Self> {
        // What is not bound would be taken for a dataset all the same.
        let bound = js_sys::Reflect::has(env, &DATASET.into()).unwrap_or(false);
        let dataset = bound.then(|| env.analytics_engine(DATASET).ok());
        dataset.flatten().map(Self)
    }

    /// `kind`: the index, by which Cloudflare samples: points of one kind are thinned out together.
    fn write(&self, kind: &str, blobs: [&str; 7], doubles: [f64; 6]) {
        let point = AnalyticsEngineDataPointBuilder::new()
            .indexes([kind])
            .blobs(blobs.to_vec())
            .doubles(doubles)
            .build();
        if let Err(error) = self.0.write_data_point(&point) {
            tracing::debug!(%error, "a data point is lost");
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
