//! Reads a request's body: all of it, but never too much of it and never for too long.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use locum_domain::error::ApiError;
use locum_engine::ports::Clock;

use crate::App;

/// As much room is made at once for a body that says how long it is; a longer one must first send something.
const FIRST_ROOM_BYTES: u64 = 64 * 1024;

/// The whole body of `request`.
///
/// Its `content-type` is not looked at: what matters is whether it can be parsed.
///
/// # Errors
/// 413 where it is larger than the operator allows, 408 where it takes longer to come, 415 where it is compressed, 400
/// where it breaks off.
pub(crate) async fn read(app: &App, request: Request) -> Result<Bytes, ApiError> {
    let (head, body) = request.into_parts();
    refuse_compressed(&head.headers)?;
    let limit = app.settings.max_body_bytes;
    if announced_bytes(&head.headers, &body) > limit {
        return Err(ApiError::body_too_large(limit));
    }
    in_time(
        collect(body, limit),
        &*app.world.clock,
        app.settings.request_timeout,
    )
    .await
}

/// # Errors
/// 415 where the body is compressed.
pub(crate) fn refuse_compressed(headers: &HeaderMap) -> Result<(), ApiError> {
    let identity = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if identity {
        return Ok(());
    }
    let mut error = ApiError::invalid(
        "Compressed request bodies are not supported. Send the body without a Content-Encoding.",
    )
    .code("unsupported_content_encoding");
    error.status = 415;
    Err(error)
}

/// How long the body will be at least.
pub(crate) fn announced_bytes(headers: &HeaderMap, body: &Body) -> u64 {
    let stated = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    body.size_hint().lower().max(stated)
}

async fn collect(mut body: Body, limit: u64) -> Result<Bytes, ApiError> {
    let Some(first) = next_data(&mut body).await? else {
        return Ok(Bytes::new());
    };
    let too_large = |read: usize| read as u64 > limit;
    if too_large(first.len()) {
        return Err(ApiError::body_too_large(limit));
    }
    let Some(mut next) = next_data(&mut body).await? else {
        // One piece is most often all there is, and needs no copy.
        return Ok(first);
    };
    let room = body.size_hint().lower().min(FIRST_ROOM_BYTES) as usize;
    let mut whole = BytesMut::with_capacity(first.len() + next.len() + room);
    whole.extend_from_slice(&first);
    drop(first);
    loop {
        if too_large(whole.len() + next.len()) {
            return Err(ApiError::body_too_large(limit));
        }
        whole.extend_from_slice(&next);
        next = match next_data(&mut body).await? {
            Some(next) => next,
            None => return Ok(whole.freeze()),
        };
    }
}

/// The next bytes; `None` at the end.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
            Some(Err(_)) => return Err(ApiError::invalid("The request's body broke off.")),
        }
    }
    Ok(None)
}

/// What `read` gives, if it does within `limit`. The clock is asked only for what is not there at once.
async fn in_time(
    read: impl Future<Output = Result<Bytes, ApiError>>,
    clock: &dyn Clock,
    limit: Duration,
) -> Result<Bytes, ApiError> {
    let mut read = pin!(read);
    let mut alarm: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
    poll_fn(|context| {
        if let Poll::Ready(read) = read.as_mut().poll(context) {
            return Poll::Ready(read);
        }
        let alarm = alarm.get_or_insert_with(|| clock.sleep(limit));
        alarm
            .as_mut()
            .poll(context)
            .map(|()| Err(ApiError::slow_request()))
    })
    .await
}
