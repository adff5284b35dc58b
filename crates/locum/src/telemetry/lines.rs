//! Makes a line of each event, with the fields of the request it belongs to.

use std::cell::RefCell;

use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

use super::{form::Form, sink::Sink};

/// Lines longer than this do not keep their buffer.
const KEPT_BYTES: usize = 16 << 10;

/// Writes events as lines.
pub(super) struct Lines {
    form: Form,
    sink: Sink,
}

/// A request's fields, written once for all its lines.
struct Written(Vec<u8>);

impl Lines {
    pub fn new(form: Form, sink: Sink) -> Self {
        Self { form, sink }
    }
}

/// Whether this is the span around a request.
pub(super) fn is_request(metadata: &Metadata<'_>) -> bool {
    metadata.name() == "request" && metadata.target().starts_with("locum")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_request(attributes.metadata()) {
            return;
        }
        if let Some(span) = context.span(id) {
            let mut written = Vec::with_capacity(64);
            attributes.record(&mut self.form.fields(&mut written));
            span.extensions_mut().insert(Written(written));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        thread_local!(static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        LINE.with_borrow_mut(|line| {
            line.clear();
            self.form.begin(line, event.metadata());
            event.record(&mut self.form.fields(line));
            for span in context.event_scope(event).into_iter().flatten() {
                if let Some(Written(fields)) = span.extensions().get() {
                    line.extend_from_slice(fields);
                }
            }
            self.form.end(line);
            self.sink
                .push(line, *event.metadata().level() <= Level::WARN);
            if line.capacity() > KEPT_BYTES {
                *line = Vec::new();
            }
        });
    }
}
