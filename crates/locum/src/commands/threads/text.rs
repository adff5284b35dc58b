//! How what clients and models wrote is shown at a terminal: never as orders to it.

use std::time::Duration;

use locum_domain::{message::Content, time::Timestamp};

use locum_logs::time::Rfc3339;

/// A moment to the second.
pub fn time(at: Timestamp) -> String {
    let time = Rfc3339::at(Duration::from_secs(at.0));
    let seconds = time.get(..19).unwrap_or_default();
    format!("{seconds}Z")
}

/// What a message says, with a word for what is no text.
pub fn said(content: &[Content]) -> String {
    let parts: Vec<_> = content
        .iter()
        .map(|part| match part {
            Content::Text(text) => text.clone(),
            Content::Refusal(text) => format!("(refusal) {text}"),
            Content::ImageFile { file_id, .. } => format!("(image {file_id})"),
            // Whole images may be in it.
            Content::ImageUrl { url, .. } => format!("(image {})", excerpt(url, 100)),
        })
        .collect();
    parts.join("\n")
}

/// The beginning of a text, in one line of up to `longest` characters.
pub fn excerpt(text: &str, longest: usize) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
        if words.len() > longest * 4 {
            break;
        }
    }
    let words = printable(&words);
    match words.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

/// A text in one line.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        push(&mut shown, letter);
    }
    shown
}

/// A text in its lines, each of them indented.
pub fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {}", printable(line)).trim_end().to_owned() + "\n")
        .collect()
}

/// Control characters are shown as what they are called. So are those that turn the direction of the text around.
fn push(to: &mut String, letter: char) {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match letter {
        '\t' => to.push(' '),
        letter if letter.is_control() || turns => to.extend(letter.escape_default()),
        letter => to.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_command_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}\r\n"),
            "a\\u{1b}[2Jb\\u{202e}\\r\\n"
        );
        assert_eq!(indented("a\n\n  b\u{7}"), "    a\n\n      b\\u{7}\n");
    }

    #[test]
    fn an_excerpt_is_one_line() {
        assert_eq!(excerpt(" a\n b\tc ", 9), "a b c");
        assert_eq!(excerpt("äöü äöü", 4), "äöü …");
        assert_eq!(excerpt("", 4), "");
    }

    #[test]
    fn a_moment_is_shown_to_the_second() {
        assert_eq!(time(Timestamp(951_782_400)), "2000-02-29T00:00:00Z");
    }
}
