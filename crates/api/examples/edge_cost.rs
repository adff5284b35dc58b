//! tmp
use std::{collections::HashMap, sync::Arc, time::Instant, net::SocketAddr};
use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt;
use locum_api::{App, ClientAddr, router};
use locum_engine::settings::Settings;
use locum_testkit::UPSTREAM_KEY;
use tower::Service;
use std::task::{Context, Poll, Waker};
use std::future::Future;
use std::pin::pin;

fn block<F: Future>(f: F) -> F::Output { let mut f = pin!(f); loop { if let Poll::Ready(x) = f.as_mut().poll(&mut Context::from_waker(Waker::noop())) { return x; } } }

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let log = args.get(1).is_some_and(|a| a == "log");
    if log {
        tracing::subscriber::set_global_default(tracing_subscriber::fmt().json().with_writer(std::io::sink).with_max_level(tracing::Level::INFO).finish()).unwrap();
    }
    let cors = args.get(2).cloned().unwrap_or("true".into());
    let (world, _h) = locum_testkit::world(7);
    let values: HashMap<&str, &str> = [("API_KEY","sk-client-0123456789"),("RATE_LIMIT_REQUESTS","1000000000"),("PROVIDER_OPENAI_ENABLED","true"),("OPENAI_API_KEY",UPSTREAM_KEY),("ENABLE_CORS",&*cors), ("ENABLE_RATE_LIMIT", args.get(3).map_or("true", |x| x))].into();
    let settings = Settings::from_lookup(&|n| values.get(n).map(|v| (*v).to_owned())).unwrap();
    let app = Arc::new(App::new(settings, world).unwrap());
    let mut router = router(app);
    for path in ["/", "/unknown", "/health/live"] {
    for _ in 0..3 {
        let n = 200_000;
        let t = Instant::now();
        let mut build = std::time::Duration::ZERO;
        for _ in 0..n {
            let b = Instant::now();
            let mut request = Request::builder().uri(path).header(header::HOST, "x").header(header::AUTHORIZATION, "Bearer sk-client-0123456789").header("user-agent","x").header("content-type","application/json").body(Body::empty()).unwrap();
            request.extensions_mut().insert(ClientAddr(SocketAddr::from(([127,0,0,1], 4711))));
            build += b.elapsed();
            block(async { let r = router.call(request).await.unwrap(); r.into_body().collect().await.unwrap(); });
        }
        println!("{path}: {:.0} ns (+ {:.0} build)", (t.elapsed()-build).as_nanos() as f64 / n as f64, build.as_nanos() as f64/n as f64);
    }}
}
