//! The model behind both dialects: it repeats what it was told, and calls the tools that it is told to call.

use serde_json::{Value, json};

use crate::sample;

/// Into how many pieces at most a streamed text is cut.
const PIECES: usize = 8;

/// What the model knows of a request.
#[derive(Debug, Default)]
pub(crate) struct Prompt {
    /// The last text of the user.
    pub(crate) text: String,
    /// The tools' results, where the conversation ends with them.
    pub(crate) results: Option<String>,
    /// The tools, with the schemas of their arguments.
    pub(crate) tools: Vec<(String, Value)>,
    /// Whether tools may be called.
    pub(crate) choice: Choice,
    /// Whether several may be called at once.
    pub(crate) one_call: bool,
    /// The answer is to be JSON, of this schema if it is one.
    pub(crate) json: Option<Value>,
    /// Texts that end the answer.
    pub(crate) stops: Vec<String>,
    /// How many tokens the answer may have.
    pub(crate) limit: Option<u64>,
}

/// See [`Prompt::choice`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// As the model likes.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// At least one; where names are given, one of these.
    Required(Vec<String>),
    /// As the model likes, but of these alone.
    Allowed(Vec<String>),
}

/// What the model says.
#[derive(Debug, PartialEq)]
pub(crate) enum Speech {
    /// A text, and whether it was cut off.
    Text(String, bool),
    /// Calls of tools, with their arguments.
    Calls(Vec<(String, Value)>),
}

impl Prompt {
    /// What the model says to it.
    pub(crate) fn speech(&self) -> Speech {
        let calls = self.calls();
        if !calls.is_empty() {
            return Speech::Calls(calls);
        }
        let heard = self.results.as_ref().unwrap_or(&self.text);
        let said = match &self.json {
            None => format!("echo: {heard}"),
            Some(Value::Null) => json!({"echo": heard}).to_string(),
            Some(schema) => sample::value(schema).to_string(),
        };
        let said = stopped(&said, &self.stops);
        match self.limit {
            Some(limit) => {
                let (said, is_cut) = cut(said, limit);
                Speech::Text(said, is_cut)
            }
            None => Speech::Text(said.to_owned(), false),
        }
    }

    fn calls(&self) -> Vec<(String, Value)> {
        let is_allowed = |name: &str| match &self.choice {
            Choice::Auto => true,
            Choice::None => false,
            Choice::Required(names) => names.is_empty() || names.iter().any(|n| n == name),
            Choice::Allowed(names) => names.iter().any(|n| n == name),
        };
        let tools: Vec<&(String, Value)> = self
            .tools
            .iter()
            .filter(|(name, _)| is_allowed(name))
            .collect();
        let names: Vec<&str> = tools.iter().map(|(name, _)| name.as_str()).collect();
        let mut called = match self.results {
            Some(_) => Vec::new(),
            None => called(&self.text, &names),
        };
        if called.is_empty() && matches!(self.choice, Choice::Required(_)) {
            called.extend(names.first());
        }
        if self.one_call {
            called.truncate(1);
        }
        called
            .into_iter()
            .filter_map(|name| tools.iter().find(|(tool, _)| tool == name))
            .map(|(name, schema)| (name.clone(), sample::value(schema)))
            .collect()
    }
}

/// How many tokens a text counts: its words.
pub(crate) fn tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// Those of `names` that stand behind the word `call` in `text`, as often as they stand there.
fn called<'a>(text: &str, names: &[&'a str]) -> Vec<&'a str> {
    let mut words = text
        .split(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c)))
        .map(|word| word.trim_end_matches(['.', ':']));
    if !words.any(|word| word.eq_ignore_ascii_case("call")) {
        return Vec::new();
    }
    words
        .filter_map(|word| names.iter().find(|name| **name == word).copied())
        .collect()
}

/// `text` in a few pieces, which together are `text`.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let per_piece = words.len().div_ceil(PIECES).max(1);
    let mut rest = text;
    words
        .chunks(per_piece)
        .map(|words| {
            let length = words.iter().map(|word| word.len()).sum();
            let (piece, after) = rest.split_at(length);
            rest = after;
            piece
        })
        .collect()
}

/// The first `limit` tokens of `text`, and whether that is less than all.
fn cut(text: &str, limit: u64) -> (String, bool) {
    if tokens(text) <= limit {
        return (text.to_owned(), false);
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let words: Vec<&str> = text.split_whitespace().take(limit).collect();
    (words.join(" "), true)
}

/// `text` up to the first of `stops`.
fn stopped<'a>(text: &'a str, stops: &[String]) -> &'a str {
    let end = stops
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()))
        .min();
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_calls_the_tools_that_it_names() {
        let names = ["get_weather", "get_time"];
        assert_eq!(called("please call get_time.", &names), ["get_time"]);
        assert_eq!(
            called("Call get_weather, get_time and get_weather", &names),
            ["get_weather", "get_time", "get_weather"]
        );
        assert_eq!(called("what is get_time?", &names), [""; 0]);
        assert_eq!(called("call nobody", &names), [""; 0]);
    }

    #[test]
    fn an_answer_ends_where_it_must() {
        let prompt = Prompt {
            text: "one two three four".to_owned(),
            ..Prompt::default()
        };
        let said = |prompt: Prompt| prompt.speech();
        assert_eq!(
            said(Prompt {
                stops: vec!["four".to_owned(), " three".to_owned()],
                ..prompt
            }),
            Speech::Text("echo: one two".to_owned(), false)
        );
        assert_eq!(
            said(Prompt {
                text: "one two three".to_owned(),
                limit: Some(2),
                ..Prompt::default()
            }),
            Speech::Text("echo: one".to_owned(), true)
        );
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "[a-z ü]{0,80}") {
            let pieces = pieces(&text);
            prop_assert!(pieces.len() <= PIECES);
            prop_assert_eq!(pieces.concat(), text);
        }
    }
}
