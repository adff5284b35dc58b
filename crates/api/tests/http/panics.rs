//! A panic of our own.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use locum_engine::ports::{ByteStream, PortFuture, Transport, TransportError, World};

use crate::support::{Locum, chat};

struct Panicking;

impl Transport for Panicking {
    fn send(
        &self,
        _: Request<Bytes>,
    ) -> PortFuture<'_, Result<Response<ByteStream>, TransportError>> {
        panic!("something that nobody should read")
    }
}

#[test]
fn a_panic_is_an_internal_error_of_one_request() {
    let locum = Locum::in_world(&[], |world| World {
        transport: Arc::new(Panicking),
        ..world
    });
    for _ in 0..2 {
        let answer = locum.post("/v1/chat/completions", &chat("gpt-4.1-mini"));
        assert_eq!(answer.status, 500);
        let error = answer.error();
        assert_eq!(error.kind, "server_error");
        assert!(!error.message.contains("nobody should read"));
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert_eq!(locum.get("/health/live").status, 200);
    let series =
        "locum_requests_total{route=\"/v1/chat/completions\",method=\"POST\",status=\"500\"}";
    assert_eq!(locum.metric(series), 2.0);
    assert_eq!(locum.metric("locum_requests_in_flight"), 0.0);
}
