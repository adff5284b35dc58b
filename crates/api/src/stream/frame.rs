//! What all chunks of a stream have in common, written once.

use bytes::{BufMut, BytesMut};
use locum_domain::chat::Usage;
use serde::Serialize;

use crate::wire::{AnswerHead, encode, usage::UsageObject};

/// The common part of a stream's chunks. All carry the same id, time and model.
pub(super) struct Frame {
    object: &'static str,
    head: AnswerHead,
    include_usage: bool,
    /// `data: {"id":…,"choices":[`; empty until the first chunk, because the model may still be told.
    prefix: Vec<u8>,
}

#[derive(Serialize)]
struct Common<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: Option<&'a str>,
}

impl Frame {
    pub fn new(object: &'static str, head: AnswerHead, include_usage: bool) -> Self {
        Self {
            object,
            head,
            include_usage,
            prefix: Vec::new(),
        }
    }

    /// Names the model, unless a chunk has gone out under another name.
    pub fn name_model(&mut self, model: String) {
        if self.prefix.is_empty() {
            self.head.model = model;
        }
    }

    /// Appends a chunk of one choice.
    pub fn choice(&mut self, out: &mut BytesMut, choice: &impl Serialize) {
        out.extend_from_slice(self.prefix());
        write(out, choice);
        // Where a usage is to come, OpenAI's other chunks say that they have none.
        out.extend_from_slice(if self.include_usage {
            b"],\"usage\":null}\n\n"
        } else {
            b"]}\n\n"
        });
    }

    /// Appends the end: the usage where it is wanted and known, and the closing event.
    pub fn end(&mut self, out: &mut BytesMut, usage: Option<Usage>) {
        if let Some(usage) = usage.filter(|_| self.include_usage) {
            out.extend_from_slice(self.prefix());
            out.extend_from_slice(b"],\"usage\":");
            write(out, &UsageObject::from(usage));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn prefix(&mut self) -> &[u8] {
        if self.prefix.is_empty() {
            let mut common = encode(&Common {
                id: &self.head.id,
                object: self.object,
                created: self.head.created,
                model: &self.head.model,
                system_fingerprint: None,
            });
            // The object stays open for its choices.
            common.pop();
            self.prefix = [b"data: ", &*common, b",\"choices\":["].concat();
        }
        &self.prefix
    }
}

/// Appends one of our own objects, which cannot fail: their keys are texts, and memory takes every byte.
pub(super) fn write(out: &mut BytesMut, object: &(impl Serialize + ?Sized)) {
    let _written = serde_json::to_writer(out.writer(), object);
}
