//! Answers to what never became a request.

use std::time::Duration;

use locum_api::wire;
use locum_domain::{error::ApiError, id::Ids};
use locum_engine::ports::{Clock, Entropy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{clock::SystemClock, entropy::SystemEntropy};

/// How long a client that is hung up on is heard out, so that it sees why.
const LINGER: Duration = Duration::from_secs(2);
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The whole response to a client that is hung up on, with the status that hyper, or the guard, chose.
pub(super) fn response(status: u16) -> Vec<u8> {
    match status {
        408 => render("Request Timeout", &ApiError::slow_request()),
        431 => render(
            "Request Header Fields Too Large",
            &ApiError::head_too_large(),
        ),
        414 => {
            let error = ApiError::invalid("The request's URL is too long.").code("url_too_long");
            render("URI Too Long", &ApiError { status, ..error })
        }
        _ => render(
            "Bad Request",
            &ApiError::invalid("The request is not valid HTTP/1.1.").code("malformed_request"),
        ),
    }
}

/// Tells a client that there are too many.
pub(super) async fn no_room(mut socket: TcpStream) {
    let error = ApiError::busy(
        "Too many clients are connected. Please try again soon.",
        BUSY_RETRY,
    );
    let response = render("Service Unavailable", &error);
    let saying = async {
        socket.write_all(&response).await?;
        socket.shutdown().await?;
        hear_out(&mut socket).await
    };
    // Whether it still listens is its own affair.
    let _ = timeout(LINGER, saying).await;
}

/// Reads on until the client hangs up, or has had its time. Closing a socket with unread bytes in it would destroy the
/// answer on its way.
pub(super) async fn linger(socket: &mut TcpStream) {
    let _ = timeout(LINGER, hear_out(socket)).await;
}

async fn hear_out(socket: &mut TcpStream) -> std::io::Result<()> {
    let mut unheard = vec![0; 16 << 10];
    while socket.read(&mut unheard).await? > 0 {}
    Ok(())
}

fn render(reason: &str, error: &ApiError) -> Vec<u8> {
    let body = wire::error::body(error);
    let unix_ms = u64::try_from(SystemClock::new().unix().as_millis()).unwrap_or_default();
    let request_id = Ids::new(unix_ms, SystemEntropy.bits()).next("req_");
    let retry_after = error
        .retry_after
        .map(|after| format!("retry-after: {}\r\n", after.as_secs()))
        .unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} {reason}\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         connection: close\r\n\
         x-request-id: {request_id}\r\n\
         openai-version: 2020-10-01\r\n\
         x-content-type-options: nosniff\r\n\
         {retry_after}\r\n",
        error.status,
        body.len(),
    );
    let mut response = head.into_bytes();
    response.extend_from_slice(&body);
    response
}
