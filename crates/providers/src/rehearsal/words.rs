//! Words: what the rehearsal counts as tokens, streams one by one, and looks for in what the user wrote.

/// A word longer than this is several tokens, so that text without spaces streams too.
const MAX_TOKEN_CHARS: usize = 12;

/// How much of a text is searched for names.
const MAX_SEARCHED_BYTES: usize = 16 << 10;

/// The tokens of a text, which make up the text again: a word each, with the white space before it.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest
            .find(|char: char| !char.is_whitespace())
            .unwrap_or(rest.len());
        let length = rest[word..]
            .char_indices()
            .take(MAX_TOKEN_CHARS)
            .take_while(|(_, char)| !char.is_whitespace())
            .last()
            .map_or(0, |(at, char)| at + char.len_utf8());
        let (token, behind) = rest.split_at(word + length);
        rest = behind;
        Some(token)
    })
}

/// How many tokens a text has.
pub(super) fn count(text: &str) -> u64 {
    tokens(text).count() as u64
}

/// The beginning of a text in quotation marks, on one line.
pub(super) fn quoted(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let space = usize::from(!line.is_empty());
        if line.chars().count() + space + word.chars().count() > max_chars {
            if line.is_empty() {
                line.extend(word.chars().take(max_chars));
            }
            return format!("“{line} …”");
        }
        if space == 1 {
            line.push(' ');
        }
        line.push_str(word);
    }
    format!("“{line}”")
}

/// Where `name` stands in `text` as a word of its own, whatever the case: the place behind it. Only the beginning of a very
/// long text is searched.
pub(super) fn find_name(text: &str, name: &str) -> Option<usize> {
    let text = &text[..text.floor_char_boundary(MAX_SEARCHED_BYTES)];
    let belongs_to_names = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-');
    let mut from = 0;
    while let Some(found) = find_ignoring_case(&text[from..], name) {
        let start = from + found;
        let end = start + name.len();
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        if !before.is_some_and(belongs_to_names) && !after.is_some_and(belongs_to_names) {
            return Some(end);
        }
        from = start + text[start..].chars().next().map_or(1, char::len_utf8);
    }
    None
}

fn find_ignoring_case(text: &str, name: &str) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    text.char_indices().map(|(at, _)| at).find(|&at| {
        text.get(at..at + name.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(name))
    })
}

/// The value that `text` gives for `name`: `city: Paris`, `city = "New York"`, `"city": "Oslo"`, `city is Rome`, `city Bern`.
///
/// Without a sign between the two, only a word in quotation marks, or one that begins with a capital or a digit, counts.
pub(super) fn value_after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let spoken = name.replace('_', " ");
    let end = find_name(text, name).or_else(|| find_name(text, &spoken))?;
    let behind = text[end..]
        .trim_start_matches(['"', '\'', '`'])
        .trim_start();
    let (behind, has_sign) = match behind
        .strip_prefix([':', '='])
        .or_else(|| behind.strip_prefix("is "))
    {
        Some(behind) => (behind.trim_start(), true),
        None => (behind, false),
    };
    for (open, close) in [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”')] {
        if let Some(inside) = behind.strip_prefix(open) {
            let value = &inside[..inside.find(close)?];
            return (!value.is_empty()).then_some(value);
        }
    }
    let word = behind
        .split([' ', '\n', '\t', ',', ';', ')', '}', ']'])
        .next()?;
    let word = word.trim_end_matches(['.', '!', '?', ':']);
    let stands_out = |char: char| char.is_uppercase() || char.is_ascii_digit() || char == '-';
    (!word.is_empty() && (has_sign || word.starts_with(stands_out))).then_some(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_words() {
        let tokens: Vec<&str> = tokens("Two  words,\nunconscionable! ").collect();
        assert_eq!(tokens, ["Two", "  words,", "\nunconscionab", "le!", " "]);
        assert_eq!(count(""), 0);
    }

    #[test]
    fn quotes_are_short() {
        assert_eq!(quoted(" a\nb ", 10), "“a b”");
        assert_eq!(quoted("one two three", 9), "“one two …”");
        assert_eq!(quoted("unconscionable", 5), "“uncon …”");
    }

    #[test]
    fn names_are_words() {
        assert_eq!(find_name("call Get_Weather now", "get_weather"), Some(16));
        assert_eq!(
            find_name("my_get_weather, get_weather", "get_weather"),
            Some(27)
        );
        assert_eq!(find_name("get_weathers", "get_weather"), None);
        assert_eq!(find_name("é get", "get"), Some(6));
        assert_eq!(find_name("x", ""), None);
    }

    #[test]
    fn values_follow_their_names() {
        for text in [
            "city: Oslo",
            "city = 'Oslo' please",
            r#"{"city": "Oslo"}"#,
            "the city is Oslo.",
            "city Oslo?",
            "City=Oslo, now",
            "city “Oslo”",
        ] {
            assert_eq!(value_after(text, "city"), Some("Oslo"), "{text}");
        }
        assert_eq!(value_after("the city today", "city"), None);
        assert_eq!(value_after("city: ", "city"), None);
        assert_eq!(value_after("city \"unclosed", "city"), None);
        assert_eq!(value_after("max items 5", "max_items"), Some("5"));
        assert_eq!(value_after("city: \"New York\"", "city"), Some("New York"));
    }

    proptest! {
        #[test]
        fn tokens_make_up_the_text(text: String) {
            prop_assert_eq!(tokens(&text).collect::<String>(), text);
        }

        #[test]
        fn no_text_makes_the_search_panic(text: String, name: String) {
            value_after(&text, &name);
            quoted(&text, 10);
        }
    }
}
