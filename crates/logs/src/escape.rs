//! Texts of others inside a line, so that none of them can end the line or pass for a part of it.

use std::fmt;

/// Appends text as the inside of a JSON string.
pub(crate) struct JsonText<'a>(pub &'a mut Vec<u8>);

/// Appends text for a terminal: control characters are shown, not obeyed.
pub(crate) struct PlainText<'a>(pub &'a mut Vec<u8>);

impl fmt::Write for JsonText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        append(
            self.0,
            text,
            |byte| byte < 0x20 || byte == b'"' || byte == b'\\',
            |to, byte| match byte {
                b'"' | b'\\' => to.extend_from_slice(&[b'\\', byte]),
                b'\n' => to.extend_from_slice(b"\\n"),
                b'\r' => to.extend_from_slice(b"\\r"),
                b'\t' => to.extend_from_slice(b"\\t"),
                _ => {
                    to.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)])
                }
            },
        );
        Ok(())
    }
}

impl fmt::Write for PlainText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        append(
            self.0,
            text,
            |byte| byte < 0x20 || byte == 0x7f,
            |to, byte| {
                to.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte & 15)]);
            },
        );
        Ok(())
    }
}

/// Appends `text`, and by `escape` those of its bytes which are `special`: all of them ASCII.
fn append(
    to: &mut Vec<u8>,
    text: &str,
    special: impl Fn(u8) -> bool,
    escape: impl Fn(&mut Vec<u8>, u8),
) {
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|&byte| special(byte)) {
        to.extend_from_slice(&rest[..place]);
        escape(to, rest[place]);
        rest = &rest[place + 1..];
    }
    to.extend_from_slice(rest);
}

fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble & 15)]
}
