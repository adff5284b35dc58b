//! Makes a line of each event, with the fields of the request it belongs to.

use std::cell::RefCell;

use tracing::{
    Event, Level, Subscriber,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

use crate::{Now, Output, form::Form, is_request};

/// Lines longer than this do not keep their buffer.
const KEPT_BYTES: usize = 16 << 10;

/// Writes events as lines.
#[derive(Debug)]
pub struct Lines<O> {
    form: Form,
    now: Now,
    output: O,
}

/// A request's fields, written once for all its lines.
struct Written(Vec<u8>);

impl<O: Output> Lines<O> {
    /// Lines of that form, with the times of `now`.
    pub fn new(form: Form, now: Now, output: O) -> Self {
        Self { form, now, output }
    }
}

impl<S, O> Layer<S> for Lines<O>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    O: Output,
{
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
            self.form.begin(line, (self.now)(), event.metadata());
            event.record(&mut self.form.fields(line));
            for span in context.event_scope(event).into_iter().flatten() {
                if let Some(Written(fields)) = span.extensions().get() {
                    line.extend_from_slice(fields);
                }
            }
            self.form.end(line);
            self.output
                .push(line, *event.metadata().level() <= Level::WARN);
            if line.capacity() > KEPT_BYTES {
                *line = Vec::new();
            }
        });
    }
}
