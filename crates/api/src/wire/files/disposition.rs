//! `Content-Disposition`: what a part of a form is called and which file it is (RFC 7578), and under which name a file is
//! handed out (RFC 6266).
//!
//! A file's name is a text and nothing else here: it is never taken apart, cleaned or used as a path.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// What a part of a form says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// The field's name.
    pub(crate) name: Option<String>,
    /// The file's name, as the client's program knows it.
    pub(crate) filename: Option<String>,
}

impl Disposition {
    /// Reads a header's value. What cannot be understood is left out.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let mut parsed = Self::default();
        let mut extended = None;
        let mut rest = Rest(value);
        // The type, which is `form-data` in a form.
        rest.take_until(|byte| byte == b';');
        while let Some((key, value)) = rest.parameter() {
            match key.to_ascii_lowercase().as_slice() {
                b"name" => parsed.name = Some(unescaped(&value)),
                b"filename" => parsed.filename = Some(unescaped(&value)),
                b"filename*" => extended = from_extended(&value),
                _ => {}
            }
        }
        // RFC 6266: who understands the extended form prefers it.
        parsed.filename = extended.or(parsed.filename);
        parsed
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Takes what comes ahead of the first byte that `ends` it.
    fn take_until(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| ends(byte));
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn take_one(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next parameter's name and value.
    fn parameter(&mut self) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
        self.take_until(|byte| byte != b';' && !byte.is_ascii_whitespace());
        if self.0.is_empty() {
            return None;
        }
        let key = self
            .take_until(|byte| matches!(byte, b'=' | b';'))
            .trim_ascii();
        if self.0.first() != Some(&b'=') {
            return Some((key, Cow::Borrowed(b"")));
        }
        self.take_one();
        self.take_until(|byte| !byte.is_ascii_whitespace());
        if self.0.first() == Some(&b'"') {
            self.take_one();
            return Some((key, Cow::Owned(self.quoted())));
        }
        let token = self.take_until(|byte| byte == b';').trim_ascii();
        Some((key, Cow::Borrowed(token)))
    }

    /// A quoted text, behind its first quote. Browsers and many programs leave backslashes as they are; so one counts as an
    /// escape only ahead of a quote or another backslash.
    fn quoted(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some(byte) = self.take_one() {
            match (byte, self.0.first()) {
                (b'"', _) => break,
                (b'\\', Some(&escaped @ (b'"' | b'\\'))) => {
                    self.take_one();
                    text.push(escaped);
                }
                _ => text.push(byte),
            }
        }
        text
    }
}

/// The text that a client has put into quotes. Programs write a quote and control characters as browsers do, in percent
/// signs and digits, and leave everything else that looks like that alone; so does this.
fn unescaped(value: &[u8]) -> String {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = match (first, behind) {
            (b'%', &[high, low, ..]) => hex(high, low),
            _ => None,
        };
        match escaped {
            Some(byte @ (0x01..=0x1f | b'"')) => {
                text.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                text.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8(text)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// A text in the extended form of RFC 8187: `UTF-8'en'na%C3%AFve`.
fn from_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |&byte| byte == b'\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Cow<'_, [u8]> = percent_decode(text).into();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes.into_owned()).ok()
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(bytes.iter().copied().map(char::from).collect())
    } else {
        None
    }
}

/// Everything but RFC 8187's `attr-char`.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The header's value that has `filename` saved under its name, whatever the name is: ASCII, and without control
/// characters.
pub(crate) fn attachment(filename: &str) -> String {
    let plain: String = filename
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' | '/' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    if plain == filename {
        return format!("attachment; filename=\"{plain}\"");
    }
    let extended = utf8_percent_encode(filename, EXTENDED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filename(value: &str) -> Option<String> {
        Disposition::parse(value.as_bytes()).filename
    }

    #[test]
    fn a_part_says_what_it_is() {
        let parsed = Disposition::parse(br#"form-data; name="file"; filename="a b.txt""#);
        let expected = Disposition {
            name: Some("file".to_owned()),
            filename: Some("a b.txt".to_owned()),
        };
        assert_eq!(parsed, expected);
        let odd = br#"FORM-DATA;filename= "name=x; y" ;NAME = file ; other"#;
        let parsed = Disposition::parse(odd);
        assert_eq!(parsed.name.as_deref(), Some("file"));
        assert_eq!(parsed.filename.as_deref(), Some("name=x; y"));
        assert_eq!(Disposition::parse(b""), Disposition::default());
        assert_eq!(Disposition::parse(b"form-data"), Disposition::default());
    }

    #[test]
    fn names_are_unescaped_as_clients_escape_them() {
        for (sent, meant) in [
            // Python's httpx; browsers and Node leave the backslash alone.
            (r#""say %22hi%22%0D%0A%09.txt""#, "say \"hi\"\r\n\t.txt"),
            (r#""a\\b.txt""#, "a\\b.txt"),
            (r#""a\b.txt""#, "a\\b.txt"),
            // curl.
            (r#""say \"hi\".txt""#, "say \"hi\".txt"),
            // What looks escaped, and is the name.
            (r#""100%25 a%20b %zz %00 %""#, "100%25 a%20b %zz %00 %"),
            (r#""../../etc/passwd""#, "../../etc/passwd"),
            ("\"naïve 😀.txt\"", "naïve 😀.txt"),
            ("token.txt", "token.txt"),
            ("\"cut", "cut"),
            ("\"\"", ""),
        ] {
            let value = format!("form-data; name=\"file\"; filename={sent}");
            assert_eq!(filename(&value).as_deref(), Some(meant), "{sent}");
        }
        let latin = Disposition::parse(b"form-data; filename=\"na\xefve\"");
        assert_eq!(latin.filename.as_deref(), Some("na\u{fffd}ve"));
    }

    #[test]
    fn the_extended_form_is_preferred() {
        for (sent, meant) in [
            (
                "filename=\"x\"; filename*=UTF-8''na%C3%AFve%20%22.txt",
                "naïve \".txt",
            ),
            ("filename*=utf-8'en'a'b; filename=\"x\"", "a'b"),
            ("filename*=ISO-8859-1''na%EFve; filename=\"x\"", "naïve"),
            ("filename*=UTF-8''%FF; filename=\"x\"", "x"),
            ("filename*=KOI8-R''x; filename=\"y\"", "y"),
            ("filename*=nonsense; filename=\"x\"", "x"),
        ] {
            let value = format!("form-data; name=\"file\"; {sent}");
            assert_eq!(filename(&value).as_deref(), Some(meant), "{sent}");
        }
    }

    #[test]
    fn files_are_handed_out_under_their_names() {
        assert_eq!(attachment("a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(
            attachment("../\"é\".txt"),
            "attachment; filename=\".._____.txt\"; filename*=UTF-8''..%2F%22%C3%A9%22.txt"
                .replace("_____", "____")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value: Vec<u8>) {
            Disposition::parse(&value);
        }

        #[test]
        fn whatever_the_name_it_is_handed_out_whole(name in any::<String>()) {
            let value = attachment(&name);
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            // The plain form alone may hold a percent sign followed by digits; such names come with the extended one.
            prop_assert_eq!(Disposition::parse(value.as_bytes()).filename, Some(name));
        }
    }
}
