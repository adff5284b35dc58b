//! What must be known of an answer that is handed on as it came: read in one pass, nothing built.

use std::ops::Range;

use locum_domain::chat::Usage;

use super::{
    cursor::{Cursor, Malformed},
    usage,
};

/// The most answers that one request can ask for.
pub(super) const MAX_CHOICES: u32 = 128;

/// What one chunk of a streamed chat answer says.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    /// Whether real content is in it, as opposed to a head, a tail or the bare role.
    pub content: bool,
    /// Which answers are spoken of: bit `i` for the choice of index `i`.
    pub seen: u128,
    /// Which of them it ends.
    pub finished: u128,
    /// Whether one of them ended in the word `error`.
    pub failed: bool,
    /// Whether it has `choices` at all.
    pub choices: bool,
    /// The model's name, quotes and all.
    pub model: Option<&'a [u8]>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// Whatever stands as `error`.
    pub error: Option<&'a [u8]>,
    /// Where the insides of strings are whose content is not looked at, in order.
    pub texts: Vec<Range<usize>>,
}

impl<'a> Chunk<'a> {
    /// Reads the data of one event.
    pub fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut chunk = Self::default();
        let mut cursor = Cursor::new(data)?;
        cursor.object(|cursor, key| match key {
            b"choices" => {
                if cursor.null()? {
                    return Ok(());
                }
                chunk.choices = true;
                cursor.array(|cursor| chunk.choice(cursor)).map(drop)
            }
            b"model" => string_or_null(cursor, &mut chunk.model),
            b"usage" => {
                chunk.usage = usage::take(cursor)?;
                Ok(())
            }
            b"error" => not_null(cursor, &mut chunk.error),
            b"obfuscation" => chunk.text(cursor).map(drop),
            _ => cursor.skip(),
        })?;
        cursor.end()?;
        Ok(chunk)
    }

    /// Passes over a text and remembers where it was. Whether there is any.
    fn text(&mut self, cursor: &mut Cursor<'a>) -> Result<bool, Malformed> {
        if cursor.peek() != Some(b'"') {
            return holds_something(cursor);
        }
        let place = cursor.string_place()?;
        let any = !place.is_empty();
        self.texts.push(place);
        Ok(any)
    }

    fn choice(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let mut index = 0;
        let mut finished = false;
        cursor.object(|cursor, key| match key {
            b"index" => {
                index = choice_index(cursor)?;
                Ok(())
            }
            b"delta" => {
                if cursor.null()? {
                    return Ok(());
                }
                cursor.object(|cursor, key| match key {
                    b"content" | b"refusal" | b"reasoning_content" | b"reasoning" => {
                        self.content |= self.text(cursor)?;
                        Ok(())
                    }
                    b"tool_calls" | b"function_call" | b"audio" => {
                        self.content |= holds_something(cursor)?;
                        Ok(())
                    }
                    _ => cursor.skip(),
                })
            }
            b"finish_reason" => {
                let word = finish_reason(cursor)?;
                finished |= word.is_some();
                self.failed |= word == Some(b"error");
                Ok(())
            }
            _ => cursor.skip(),
        })?;
        self.seen |= 1 << index;
        self.finished |= u128::from(finished) << index;
        self.content |= finished;
        Ok(())
    }
}

/// What a whole answer says.
#[derive(Debug, Default)]
pub(super) struct Whole<'a> {
    /// How many `choices` or `data` elements there are, all of them objects.
    pub elements: usize,
    /// Whether one of the choices ended in the word `error`.
    pub failed: bool,
    /// The model's name, quotes and all.
    pub model: Option<&'a [u8]>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// Whatever stands as `error`.
    pub error: Option<&'a [u8]>,
}

impl<'a> Whole<'a> {
    /// Reads a whole body whose answers are in the array `elements` (`choices`, `data`).
    pub fn read(body: &'a [u8], elements: &[u8]) -> Result<Self, Malformed> {
        let mut whole = Self::default();
        let mut cursor = Cursor::new(body)?;
        cursor.object(|cursor, key| match key {
            key if key == elements => {
                if cursor.null()? {
                    return Ok(());
                }
                whole.elements = cursor.array(|cursor| whole.element(cursor))?;
                Ok(())
            }
            b"model" => string_or_null(cursor, &mut whole.model),
            b"usage" => {
                whole.usage = usage::take(cursor)?;
                Ok(())
            }
            b"error" => not_null(cursor, &mut whole.error),
            _ => cursor.skip(),
        })?;
        cursor.end()?;
        Ok(whole)
    }

    fn element(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let failed = &mut self.failed;
        cursor.object(|cursor, key| match key {
            b"finish_reason" => {
                *failed |= finish_reason(cursor)? == Some(b"error");
                Ok(())
            }
            _ => cursor.skip(),
        })
    }
}

/// Whether a stream of events can begin with this byte: of a field's name, a comment, an empty line or a byte order mark. Pages
/// and JSON begin otherwise.
pub(super) fn begins_events(first: u8) -> bool {
    matches!(
        first,
        b'd' | b'e' | b'i' | b'r' | b':' | b'\n' | b'\r' | 0xef
    )
}

/// The text of a JSON string with its quotes; `None` where it is no string.
pub(super) fn unquoted(json: &[u8]) -> Option<String> {
    serde_json::from_slice(json).ok()
}

/// An index below [`MAX_CHOICES`]; null counts as 0.
fn choice_index(cursor: &mut Cursor<'_>) -> Result<u32, Malformed> {
    if cursor.null()? {
        return Ok(0);
    }
    let digits = cursor.number()?;
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .filter(|&index| index < MAX_CHOICES)
        .map_or_else(|| cursor.malformed(), Ok)
}

/// The word of a finish reason; some servers write an empty one where others write null.
fn finish_reason<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    if cursor.null()? {
        return Ok(None);
    }
    Ok(Some(cursor.string()?).filter(|word| !word.is_empty()))
}

/// Whether a value is more than null, an empty text or an empty array.
fn holds_something(cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
    match cursor.peek() {
        Some(b'"') => cursor.string().map(|text| !text.is_empty()),
        Some(b'n') => cursor.null().map(|_| false),
        Some(b'[') => cursor.array(Cursor::skip).map(|count| count > 0),
        _ => cursor.skip().map(|()| true),
    }
}

fn string_or_null<'a>(cursor: &mut Cursor<'a>, to: &mut Option<&'a [u8]>) -> Result<(), Malformed> {
    let raw = cursor.raw()?;
    if raw.starts_with(b"\"") {
        *to = Some(raw);
    }
    Ok(())
}

fn not_null<'a>(cursor: &mut Cursor<'a>, to: &mut Option<&'a [u8]>) -> Result<(), Malformed> {
    let raw = cursor.raw()?;
    if raw != b"null" {
        *to = Some(raw);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(json: &str) -> Chunk<'_> {
        Chunk::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn content_is_what_a_client_would_show() {
        let content = |delta: &str| {
            chunk(&format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)).content
        };
        assert!(!content("null"));
        assert!(!content(r#"{"role":"assistant","content":""}"#));
        assert!(!content(
            r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":[]}"#
        ));
        assert!(content(r#"{"content":" "}"#));
        assert!(content(r#"{"content":[{"type":"text","text":"x"}]}"#));
        assert!(content(r#"{"refusal":"no"}"#));
        assert!(content(r#"{"reasoning_content":"hm"}"#));
        assert!(content(r#"{"reasoning":"hm"}"#));
        assert!(content(r#"{"tool_calls":[{"index":0}]}"#));
        assert!(!chunk(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#).content);
    }

    #[test]
    fn choices_are_told_apart() {
        let both = chunk(
            r#"{"choices":[{"index":3,"delta":{},"finish_reason":"stop"},{"index":0,"finish_reason":""},{"finish_reason":null}]}"#,
        );
        assert_eq!((both.seen, both.finished), (0b1001, 0b1000));
        assert!(both.content);
        assert!(!both.failed);
        assert!(chunk(r#"{"choices":[{"finish_reason":"error"}]}"#).failed);
    }

    #[test]
    fn facts_are_handed_out_as_they_stand() {
        let facts = chunk(
            r#"{"model":"gpt \"4\"","usage":{"prompt_tokens":1},"error":null,"choices":null}"#,
        );
        assert_eq!(
            facts.model.and_then(unquoted).as_deref(),
            Some(r#"gpt "4""#)
        );
        assert_eq!(facts.usage.map(|usage| usage.prompt), Some(1));
        assert_eq!(facts.error, None);
        assert!(!facts.choices);
        assert!(chunk(r#"{"error":"x"}"#).error.is_some());
    }

    #[test]
    fn wrong_shapes_are_refused() {
        for json in [
            "",
            "[]",
            "null",
            "7",
            "{",
            r#"{"choices":{}}"#,
            r#"{"choices":[null]}"#,
            r#"{"choices":[{"index":"0"}]}"#,
            r#"{"choices":[{"index":-1}]}"#,
            r#"{"choices":[{"index":128}]}"#,
            r#"{"choices":[{"delta":"x"}]}"#,
            r#"{"choices":[{"finish_reason":7}]}"#,
            r#"{"choices":[]} x"#,
        ] {
            assert!(Chunk::read(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn whole_answers() {
        let body =
            br#"{"model":"m","choices":[{"message":{}},{"finish_reason":"stop"}],"data":null}"#;
        let whole = Whole::read(body, b"choices").unwrap();
        assert_eq!(whole.elements, 2);
        assert!(!whole.failed);
        assert_eq!(Whole::read(body, b"data").unwrap().elements, 0);
        assert!(Whole::read(br#"{"choices":[1]}"#, b"choices").is_err());
    }
}
