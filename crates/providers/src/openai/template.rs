//! Recognizes a chunk that tells nothing new.
//!
//! The chunks of a stream are alike but for the few bytes of text that each brings. A chunk whose every other byte is that
//! of an earlier one, and whose texts are plain, is as sound as that one was and says nothing else: it need not be read.

use std::ops::Range;

use super::cursor::plain_length;

/// A chunk that was read, and where its texts are.
#[derive(Debug, Default)]
pub(super) struct Template {
    data: Vec<u8>,
    texts: Vec<Range<usize>>,
}

impl Template {
    /// Remembers a sound chunk. `texts`: the insides of strings whose content does not matter, in order.
    pub fn set(&mut self, data: &[u8], texts: Vec<Range<usize>>) {
        self.data.clear();
        self.data.extend_from_slice(data);
        self.texts = texts;
    }

    /// Whether `data` is the remembered chunk with other plain texts. `false` says nothing about it.
    #[inline]
    pub fn fits(&self, data: &[u8]) -> bool {
        let mut known = 0;
        let mut rest = data;
        for text in &self.texts {
            let Some(behind) = rest.strip_prefix(&self.data[known..text.start]) else {
                return false;
            };
            let (plain, behind) = behind.split_at(plain_length(behind));
            if std::str::from_utf8(plain).is_err() {
                return false;
            }
            known = text.end;
            rest = behind;
        }
        !self.texts.is_empty() && *rest == self.data[known..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::skim::Chunk, *};

    const CHUNK: &[u8] = br#"{"id":"c","choices":[{"index":0,"delta":{"content":" the"},"finish_reason":null}],"obfuscation":"Zk3"}"#;

    fn template() -> Template {
        let mut template = Template::default();
        template.set(CHUNK, Chunk::read(CHUNK).unwrap().texts);
        template
    }

    fn fits(from: &str, to: &str) -> bool {
        let text = std::str::from_utf8(CHUNK).unwrap();
        assert!(text.contains(from));
        template().fits(text.replace(from, to).as_bytes())
    }

    #[test]
    fn only_texts_may_differ() {
        assert!(!Template::default().fits(CHUNK));
        assert!(template().fits(CHUNK));
        assert!(fits(" the", ""));
        assert!(fits(" the", " très long indeed"));
        assert!(fits("Zk3", "q"));
        assert!(!fits(" the", " a \\n"));
        assert!(!fits(" the", "\",\"refusal\":\"no"));
        assert!(!fits("null", "\"stop\""));
        assert!(!fits("\"c\"", "\"d\""));
        assert!(!fits("Zk3\"}", "Zk3\"} "));
        assert!(!fits("Zk3\"}", "Zk3\""));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// What fits is sound and says the same; so nothing is lost by not reading it.
        #[test]
        fn what_fits_says_nothing_new(at in 0..CHUNK.len(), with in prop::collection::vec(any::<u8>(), 0..4), drop in 0usize..4) {
            let mut data = CHUNK.to_vec();
            data.splice(at..(at + drop).min(CHUNK.len()), with);
            if template().fits(&data) {
                let (new, old) = (Chunk::read(&data).unwrap(), Chunk::read(CHUNK).unwrap());
                prop_assert_eq!((new.seen, new.finished, new.failed), (old.seen, old.finished, old.failed));
                prop_assert_eq!((new.model, new.usage, new.error), (old.model, old.usage, old.error));
            }
        }
    }
}
