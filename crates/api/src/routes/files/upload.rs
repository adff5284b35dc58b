//! An upload's body: read a piece at a time, and only once the parser of forms has used up the one before, so that memory
//! stays flat; never too much of what is no file, and never waited for too long.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::Stream;
use locum_domain::error::ApiError;
use locum_engine::ports::{Clock, PortFuture};

/// As many bytes as may come ahead of the file, and behind it: boundaries, headers, the other fields.
pub(super) const FRAME_BYTES: u64 = 64 * 1024;

/// A handle to the body of one upload. All its clones read the same body.
#[derive(Clone)]
pub(super) struct Upload(Arc<Mutex<Source>>);

struct Source {
    body: Body,
    clock: Arc<dyn Clock>,
    /// Time for all that comes ahead of the file, for all that comes behind it, and for each piece of the file itself.
    patience: Duration,
    alarm: Option<PortFuture<'static, ()>>,
    /// How many bytes may still come; `None` in the middle of the file, whose size is somebody else's business.
    allowance: Option<u64>,
    /// A piece that the parser has not taken yet.
    piece: Option<Bytes>,
    end: End,
}

/// Where the body's end is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Ahead,
    Reached,
    /// The parser knows that it is reached.
    Told,
}

impl Upload {
    /// `body`, at whose beginning there is no file.
    pub(super) fn new(body: Body, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(Source {
            body,
            clock,
            patience,
            alarm: None,
            allowance: Some(FRAME_BYTES),
            piece: None,
            end: End::Ahead,
        })))
    }

    /// Says that the file comes next.
    pub(super) fn file_begins(&self) {
        let mut source = self.source();
        source.allowance = None;
        source.alarm = None;
    }

    /// Says that the file's last byte was read.
    pub(super) fn file_ends(&self) {
        let mut source = self.source();
        source.allowance = Some(FRAME_BYTES);
        source.alarm = None;
    }

    /// The pieces, for a parser that is asked through [`Upload::parse`] alone: it is pending wherever it takes more than
    /// it was given there.
    pub(super) fn pieces(&self) -> Pieces {
        Pieces(self.clone())
    }

    /// Has the parser make a step, and gives it a piece each time that it can go no further without.
    ///
    /// # Errors
    /// 400 for a form that cannot be read, or has too much around its file; 408.
    pub(super) async fn parse<T>(
        &self,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<Result<T, multer::Error>>,
    ) -> Result<T, ApiError> {
        poll_fn(|context| {
            loop {
                if let Poll::Ready(stepped) = step(context) {
                    return Poll::Ready(stepped.map_err(|error| no_form(&error)));
                }
                if let Err(error) = ready!(self.source().poll_fill(context)) {
                    return Poll::Ready(Err(error));
                }
            }
        })
        .await
    }

    /// Reads what comes behind the form, so that the connection can go on to serve.
    ///
    /// # Errors
    /// 400 where that is too much, 408 where it takes too long.
    pub(super) async fn finish(&self) -> Result<(), ApiError> {
        poll_fn(|context| {
            loop {
                match ready!(self.source().poll_piece(context)) {
                    Ok(Some(_)) => {}
                    Ok(None) => return Poll::Ready(Ok(())),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        })
        .await
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Makes a piece, or the end, ready for the parser.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ApiError>> {
        if self.end == End::Told {
            return Poll::Ready(Err(broken_off()));
        }
        match ready!(self.poll_piece(context))? {
            Some(piece) => self.piece = Some(piece),
            None => self.end = End::Reached,
        }
        Poll::Ready(Ok(()))
    }

    /// The next piece; `None` at the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ApiError>> {
        while !self.body.is_end_stream() {
            if self.allowance == Some(0) {
                return Poll::Ready(Err(too_much_around()));
            }
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => {
                    let broken = ApiError::invalid("The request's body broke off.");
                    return Poll::Ready(Err(broken));
                }
                Poll::Ready(None) => break,
                Poll::Pending => {
                    ready!(self.poll_alarm(context));
                    return Poll::Ready(Err(ApiError::slow_request()));
                }
            };
            let Some(piece) = frame.into_data().ok().filter(|piece| !piece.is_empty()) else {
                continue;
            };
            match &mut self.allowance {
                Some(allowance) => *allowance = allowance.saturating_sub(piece.len() as u64),
                // Only silence is limited: a large file may take its time.
                None => self.alarm = None,
            }
            return Poll::Ready(Ok(Some(piece)));
        }
        Poll::Ready(Ok(None))
    }

    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let alarm = self
            .alarm
            .get_or_insert_with(|| self.clock.sleep(self.patience));
        alarm.as_mut().poll(context)
    }
}

/// See [`Upload::pieces`].
pub(super) struct Pieces(Upload);

impl Stream for Pieces {
    type Item = Result<Bytes, multer::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut source = self.0.source();
        if let Some(piece) = source.piece.take() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if source.end == End::Ahead {
            return Poll::Pending;
        }
        source.end = End::Told;
        Poll::Ready(None)
    }
}

fn too_much_around() -> ApiError {
    ApiError::invalid(format!(
        "The form's fields besides the file are larger than the limit of {FRAME_BYTES} bytes."
    ))
}

fn broken_off() -> ApiError {
    ApiError::invalid("The form breaks off: its last boundary is missing.")
}

/// What is wrong with a form that cannot be read on.
fn no_form(error: &multer::Error) -> ApiError {
    use multer::Error;
    match error {
        Error::IncompleteStream | Error::IncompleteHeaders | Error::IncompleteFieldData { .. } => {
            broken_off()
        }
        Error::ReadHeaderFailed(_)
        | Error::DecodeHeaderName { .. }
        | Error::DecodeHeaderValue { .. } => {
            ApiError::invalid("The headers of a part of the form cannot be read.")
        }
        _ => ApiError::invalid("The form cannot be read."),
    }
}
