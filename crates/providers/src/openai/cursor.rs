//! A cursor over JSON text: checks everything, builds nothing.
//!
//! What is handed on as it came must be sound JSON, and only a few of its fields matter. The cursor walks over the text
//! once, refuses whatever no JSON reader would take, and hands out the few strings that are asked for as they stand there,
//! escapes and all.

use std::ops::Range;

/// Deeper nesting than this is refused, as `serde_json` does.
const MAX_DEPTH: u32 = 128;

/// The text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON at byte {at}")]
pub(super) struct Malformed {
    /// Where it stopped making sense.
    pub at: usize,
}

/// Where the reading stands.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => Ok(Self {
                bytes,
                at: 0,
                depth: 0,
            }),
            Err(error) => Err(Malformed {
                at: error.valid_up_to(),
            }),
        }
    }

    /// The first byte of the next token; `None` at the end.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(&byte) => return Some(byte),
                None => return None,
            }
        }
    }

    /// Nothing but white space follows.
    pub fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.malformed(),
        }
    }

    /// Passes over one value of any kind.
    pub fn skip(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(|cursor, _| cursor.skip()),
            Some(b'[') => self.array(Self::skip).map(drop),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => self.malformed(),
        }
    }

    /// Passes over one value and hands out its text.
    pub fn raw(&mut self) -> Result<&'a [u8], Malformed> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.bytes[start..self.at])
    }

    /// Passes over a `null`; `false`, and nothing passed, where another value stands.
    pub fn null(&mut self) -> Result<bool, Malformed> {
        match self.peek() {
            Some(b'n') => self.word(b"null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// A string: what stands between the quotes, escapes as they are.
    #[inline]
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        if self.peek() != Some(b'"') {
            return self.malformed();
        }
        self.at += 1;
        let start = self.at;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let text = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => self.escape()?,
                _ => return self.malformed(),
            }
        }
    }

    /// A string: where its inside is.
    pub fn string_place(&mut self) -> Result<Range<usize>, Malformed> {
        let length = self.string()?.len();
        Ok(self.at - 1 - length..self.at - 1)
    }

    /// An object: `field` is called with each key and must pass over its value.
    #[inline]
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a [u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.open(b'{')?;
        if self.peek() == Some(b'}') {
            return self.close();
        }
        loop {
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return self.malformed();
            }
            self.at += 1;
            field(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.close(),
                _ => return self.malformed(),
            }
        }
    }

    /// An array: `element` is called at each element and must pass over it. How many there were.
    #[inline]
    pub fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<usize, Malformed> {
        self.open(b'[')?;
        if self.peek() == Some(b']') {
            return self.close().map(|()| 0);
        }
        let mut count = 0;
        loop {
            element(self)?;
            count += 1;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.close().map(|()| count),
                _ => return self.malformed(),
            }
        }
    }

    /// A number, as it stands there.
    pub fn number(&mut self) -> Result<&'a [u8], Malformed> {
        self.peek();
        let start = self.at;
        self.take(b"-");
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.malformed(),
        }
        if self.take(b".") {
            self.digits()?;
        }
        if self.take(b"eE") {
            self.take(b"+-");
            self.digits()?;
        }
        Ok(&self.bytes[start..self.at])
    }

    /// The reading ends here.
    pub fn malformed<T>(&self) -> Result<T, Malformed> {
        Err(Malformed { at: self.at })
    }

    fn open(&mut self, bracket: u8) -> Result<(), Malformed> {
        if self.peek() != Some(bracket) || self.depth == MAX_DEPTH {
            return self.malformed();
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.malformed();
        }
        self.at += word.len();
        Ok(())
    }

    /// At a backslash: passes over the escape.
    fn escape(&mut self) -> Result<(), Malformed> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return self.malformed();
                }
                self.at += 6;
            }
            _ => return self.malformed(),
        }
        Ok(())
    }

    fn take(&mut self, any_of: &[u8]) -> bool {
        let found = self
            .bytes
            .get(self.at)
            .is_some_and(|byte| any_of.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let count = self.bytes[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 {
            return self.malformed();
        }
        Ok(())
    }
}

/// How many bytes at the start of `bytes` neither end a string, nor begin an escape, nor are control characters.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // Eight bytes at a time; the lowest high bit that is set marks the first byte of interest, those above it may lie.
    let mut length = 0;
    while let Some(eight) = bytes.get(length..length + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        let word = u64::from_le_bytes(word);
        let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGH;
        let found = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        if found != 0 {
            return length + found.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length
        + bytes[length..]
            .iter()
            .take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
            .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn sound(bytes: &[u8]) -> bool {
        Cursor::new(bytes)
            .and_then(|mut cursor| {
                cursor.skip()?;
                cursor.end()
            })
            .is_ok()
    }

    /// `serde_json` is the judge; it does not look at the encoding of what it ignores.
    fn sound_to_serde(bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).is_ok() && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
    }

    #[test]
    fn judges_as_serde_does() {
        for text in [
            "",
            " ",
            "{",
            "{}",
            "{ }",
            "[]",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "nul",
            "null",
            "nullx",
            "tru",
            "true ",
            "01",
            "-",
            "-0",
            "1.",
            "1.5e",
            "1.5e+3",
            ".5",
            "1E9",
            "\"",
            "\"a",
            "\"\\",
            "\"\\u12\"",
            "\"\\u12gh\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"tab\there\"",
            "\"\u{7f}é\"",
            "{\"a\":[{\"b\":null}]} ",
            "{} {}",
            "\"0123456\\\"89abcdef\"",
            "\"01234567\n\"",
            "[[[]]",
            "{\"a\":1 \"b\":2}",
            "{a:1}",
            "'a'",
            "\u{feff}{}",
        ] {
            assert_eq!(
                sound(text.as_bytes()),
                sound_to_serde(text.as_bytes()),
                "{text}"
            );
        }
        assert!(!sound(b"\"\xff\""));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(sound(&nested(128)));
        assert!(!sound(&nested(129)));
        assert!(!sound(&vec![b'['; 1 << 20]));
    }

    #[test]
    fn hands_out_what_stands_there() {
        let mut cursor = Cursor::new(br#" {"a\n": [ 1.5e3 , "x\"y"] }"#).unwrap();
        let mut seen = Vec::new();
        cursor
            .object(|cursor, key| {
                seen.push(key);
                cursor
                    .array(|cursor| {
                        seen.push(cursor.raw()?);
                        Ok(())
                    })
                    .map(|count| assert_eq!(count, 2))
            })
            .unwrap();
        assert_eq!(seen, [&br"a\n"[..], b"1.5e3", br#""x\"y""#]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn arbitrary_text_is_judged_as_by_serde(text in r#"[\[\]{}",:\\ 0-9eE+.a-fnrtu\-\u{1}é\n-]{0,24}"#) {
            prop_assert_eq!(sound(text.as_bytes()), sound_to_serde(text.as_bytes()));
        }

        #[test]
        fn a_changed_byte_is_judged_as_by_serde(at in 0usize..200, byte: u8) {
            let mut text = br#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":" r\u00e9\"d","x":[]},"finish_reason":null}],"usage":{"a":-1.5e3,"b":true}}"#.to_vec();
            let at = at % text.len();
            text[at] = byte;
            prop_assert_eq!(sound(&text), sound_to_serde(&text));
        }

        #[test]
        fn plain_length_is_exact(bytes: Vec<u8>) {
            let expected = bytes.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
            prop_assert_eq!(plain_length(&bytes), expected.unwrap_or(bytes.len()));
        }
    }
}
