//! A Locum in memory, before scripted upstreams, and what a test says to it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use locum_api::{App, ClientAddr, router};
use locum_engine::{
    ports::{Clock, World},
    settings::Settings,
};
use locum_testkit::{Handles, UPSTREAM_KEY};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The key that clients present.
pub const KEY: &str = "sk-client-0123456789";
/// The key that opens `/metrics` alone.
pub const METRICS_KEY: &str = "metrics-0123456789";
/// The key that opens `/admin/gc`.
pub const GC_KEY: &str = "collect-0123456789";
/// The key that lifts the rate limit.
pub const BYPASS_KEY: &str = "bypass-0123456789";

/// Both providers on, every key set, and no rate limit to speak of.
const SETTINGS: &[(&str, &str)] = &[
    ("API_KEY", KEY),
    ("METRICS_KEY", METRICS_KEY),
    ("GC_ADMIN_KEY", GC_KEY),
    ("RATE_LIMIT_BYPASS_KEY", BYPASS_KEY),
    ("RATE_LIMIT_REQUESTS", "1000000"),
    ("PROVIDER_GEMINI_ENABLED", "true"),
    ("GEMINI_API_KEY", UPSTREAM_KEY),
    ("GEMINI_BASE_URL", "http://gemini.test"),
    ("PROVIDER_OPENAI_ENABLED", "true"),
    ("OPENAI_API_KEY", UPSTREAM_KEY),
    ("OPENAI_BASE_URL", "http://openai.test/v1"),
];

/// A Locum, and the world around it.
pub struct Locum {
    pub app: Arc<App>,
    pub world: Handles,
    router: Router,
}

impl Locum {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// With these settings besides, or instead of, the usual ones.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::in_world(settings, |world| world)
    }

    /// In a world that is not quite the usual one.
    pub fn in_world(settings: &[(&str, &str)], change: impl FnOnce(World) -> World) -> Self {
        let (world, handles) = locum_testkit::world(7);
        let values: HashMap<&str, &str> = SETTINGS.iter().chain(settings).copied().collect();
        let settings =
            Settings::from_lookup(&|name| values.get(name).map(|value| (*value).to_owned()));
        Self::of(App::new(settings.unwrap(), change(world)).unwrap(), handles)
    }

    /// The same on a host that keeps requests apart.
    pub fn with_requests_apart(self) -> Self {
        let Self { app, world, .. } = self;
        let app = App::new(app.settings.clone(), app.world.clone()).unwrap();
        Self::of(app.with_requests_apart(), world)
    }

    fn of(app: App, world: Handles) -> Self {
        let app = Arc::new(app);
        Self {
            router: router(Arc::clone(&app)),
            app,
            world,
        }
    }

    /// Asks, and takes the answer to its end.
    pub fn ask(&self, request: Request<Body>) -> Answer {
        self.world.clock.run(async {
            let (head, body) = self.begin(request).await.into_parts();
            Answer {
                status: head.status,
                headers: head.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        })
    }

    /// Asks, and leaves the answer's body to the test.
    pub async fn begin(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(get(path))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(post(path, body))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.ask(delete(path))
    }

    /// Makes an object, and says its id.
    pub fn make(&self, path: &str, body: &Value) -> String {
        let made = self.post(path, body).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes an assistant, and says its id.
    pub fn assistant(&self) -> String {
        self.make("/v1/assistants", &json!({"model": "gpt-4.1-mini"}))
    }

    /// Makes a thread, and says its id.
    pub fn thread(&self) -> String {
        self.make("/v1/threads", &json!({}))
    }

    /// The value of a metric's line that begins with `series`; 0 where there is none.
    pub fn metric(&self, series: &str) -> f64 {
        self.app
            .metrics
            .encode()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
            .unwrap_or(0.0)
    }

    /// The time, which passes only while something is asked.
    pub fn now(&self) -> Duration {
        self.world.clock.now()
    }

    pub fn wait(&self, duration: Duration) {
        self.world.clock.run(self.world.clock.sleep(duration));
    }
}

/// The client that all requests come from, unless [`from`] says otherwise.
const CLIENT: &str = "192.0.2.1";

/// A request as an SDK sends it, key included.
pub fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "locum.test")
        .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap();
    from(CLIENT, request)
}

pub fn get(path: &str) -> Request<Body> {
    request(Method::GET, path, Body::empty())
}

pub fn delete(path: &str) -> Request<Body> {
    request(Method::DELETE, path, Body::empty())
}

pub fn post(path: &str, body: &Value) -> Request<Body> {
    request(Method::POST, path, body.to_string())
}

/// `request` from another address.
pub fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    let address = SocketAddr::new(address.parse().unwrap(), 4711);
    request.extensions_mut().insert(ClientAddr(address));
    request
}

/// `request` with a header set.
pub fn with(name: &'static str, value: &str, mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// `request` without a key.
pub fn without_key(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().remove(header::AUTHORIZATION);
    request
}

/// A body of these pieces, whose length nobody says.
pub fn chunked(pieces: impl IntoIterator<Item = Bytes, IntoIter: Send + 'static>) -> Body {
    let pieces = pieces.into_iter().map(Ok::<_, std::io::Error>);
    Body::from_stream(futures_util::stream::iter(pieces))
}

/// An answer, taken to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body of a success.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The 400 that the body tells.
    pub fn refusal(&self) -> Error {
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{}", self.text());
        let error = self.error();
        assert_eq!(error.kind, "invalid_request_error");
        error
    }

    /// The sentence of the 404 that the body tells.
    pub fn not_found(&self) -> String {
        assert_eq!(self.status, StatusCode::NOT_FOUND, "{}", self.text());
        let error = self.error();
        assert_eq!(error.kind, "invalid_request_error");
        error.message
    }

    /// The error that the body is, after a look at whether it has OpenAI's shape.
    pub fn error(&self) -> Error {
        assert_eq!(self.header("content-type"), "application/json");
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        error_of(&body)
    }

    /// The events of a stream, and whether it ended with `[DONE]`.
    pub fn events(&self) -> (Vec<Value>, bool) {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert!(self.header("content-type").starts_with("text/event-stream"));
        let mut events = Vec::new();
        let mut done = false;
        for line in self.text().lines().filter(|line| !line.is_empty()) {
            let Some(data) = line.strip_prefix("data: ") else {
                assert!(
                    line.starts_with("event: ") || line.starts_with(':'),
                    "{line}"
                );
                continue;
            };
            assert!(!done, "something comes after [DONE]: {line}");
            done = data == "[DONE]";
            if !done {
                events.push(serde_json::from_str(data).unwrap());
            }
        }
        (events, done)
    }
}

/// An error in OpenAI's shape.
#[derive(Debug)]
pub struct Error {
    pub message: String,
    pub kind: String,
    pub param: Option<String>,
    pub code: Option<String>,
}

/// The error that `body` tells.
pub fn error_of(body: &Value) -> Error {
    let error = body["error"].as_object().unwrap();
    let mut keys: Vec<_> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "message", "param", "type"]);
    let text = |key: &str| error[key].as_str().map(str::to_owned);
    Error {
        message: text("message").unwrap(),
        kind: text("type").unwrap(),
        param: text("param"),
        code: text("code"),
    }
}

/// The next bytes of an answer's body; `None` at its end.
pub async fn next_bytes(body: &mut Body) -> Option<Bytes> {
    let frame = body.frame().await?;
    frame.unwrap().into_data().ok()
}

/// A body that never sends anything.
pub fn silent_body() -> Body {
    Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>())
}

/// A body that breaks off after `bytes`.
pub fn broken_body(bytes: &'static str) -> Body {
    let broken = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let pieces = [Ok(Bytes::from_static(bytes.as_bytes())), broken];
    Body::from_stream(futures_util::stream::iter(pieces).boxed())
}

/// A chat with a model.
pub fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Say hello"}]})
}

/// A chat with a model whose answer is wanted as a stream.
pub fn streamed_chat(model: &str) -> Value {
    let mut chat = chat(model);
    chat["stream"] = true.into();
    chat["stream_options"] = json!({"include_usage": true});
    chat
}
