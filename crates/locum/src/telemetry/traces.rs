//! Traces: the spans of requests and of model calls, to an OpenTelemetry collector over OTLP.
//!
//! They are sent from a thread of OpenTelemetry's own, in batches, over the same HTTP client as upstream requests. A
//! collector that is dead costs traces and nothing else.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Frame;
use locum_engine::{ports::Transport, settings::TraceSettings};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use percent_encoding::percent_decode_str;
use tokio::{runtime::Handle, time::timeout};
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::transport::HttpTransport;
use locum_logs::is_traced;

/// How long a batch may take.
const SENDING: Duration = Duration::from_secs(10);
/// As much of a collector's answer is read.
const ANSWER_BYTES: usize = 1 << 20;

/// Running traces.
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// `None` where no collector is set.
    pub fn start(
        settings: &TraceSettings,
        transport: &HttpTransport,
        runtime: &Handle,
    ) -> anyhow::Result<Option<Self>> {
        let under = |endpoint: &String| format!("{endpoint}/v1/traces");
        let endpoint = settings.endpoint.as_ref().map(under);
        let Some(endpoint) = settings.traces_endpoint.clone().or(endpoint) else {
            return Ok(None);
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector {
                transport: transport.clone(),
                runtime: runtime.clone(),
            })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_headers(headers(settings))
            .with_timeout(SENDING)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider }))
    }

    /// Turns spans into traces.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("locum"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_traced))
    }

    /// Sends what there still is.
    pub fn finish(self, limit: Duration) {
        // A collector that does not take it is not ours to mend.
        let _ = self.provider.shutdown_with_timeout(limit);
    }
}

fn headers(settings: &TraceSettings) -> HashMap<String, String> {
    let pairs = settings.headers.as_ref().map_or("", |pairs| pairs.expose());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8_lossy();
        Some((name.trim().to_owned(), value.into_owned()))
    };
    pairs.split(',').filter_map(pair).collect()
}

/// The way to the collector, out of a thread that knows nothing of tokio.
#[derive(Debug)]
struct Collector {
    transport: HttpTransport,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let transport = self.transport.clone();
        let sending = async move {
            let (head, body) = transport.send(request).await?.into_parts();
            let body = Limited::new(StreamBody::new(body.map_ok(Frame::data)), ANSWER_BYTES);
            let body = body.collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        // The timer, too, is to be made in the runtime.
        let limited = async { timeout(SENDING, sending).await };
        self.runtime.spawn(limited).await??
    }
}
