//! How a line looks: JSON for machines, or text for people.

use std::{
    fmt::{self, Debug},
    io::IsTerminal,
    time::Duration,
};

use serde::Serialize;
use tracing::{
    Level, Metadata,
    field::{Field, Visit},
};

use crate::{
    escape::{JsonText, PlainText},
    time::Rfc3339,
};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One object a line.
    Json,
    /// Words, with colours where there is a terminal.
    Plain {
        /// Whether there is a terminal.
        coloured: bool,
    },
}

impl Form {
    /// For people, at `output`.
    pub fn plain(output: &impl IsTerminal) -> Self {
        Self::Plain {
            coloured: output.is_terminal(),
        }
    }

    /// The line that stands for lines that were lost.
    pub fn lost(self, now: Duration, count: u64) -> Vec<u8> {
        let time = Rfc3339::at(now);
        let time: &str = &time;
        let text = match self {
            Self::Json => format!(
                "{{\"time\":\"{time}\",\"level\":\"WARN\",\"target\":\"locum\",\"message\":\"log lines lost\",\"count\":{count}}}\n"
            ),
            Self::Plain { .. } => format!("{time}  WARN log lines lost count={count}\n"),
        };
        text.into_bytes()
    }

    /// What stands before an event's fields.
    pub fn begin(self, line: &mut Vec<u8>, now: Duration, metadata: &Metadata<'_>) {
        let time = Rfc3339::at(now);
        let (level, colour) = match *metadata.level() {
            Level::ERROR => ("ERROR", "31"),
            Level::WARN => ("WARN", "33"),
            Level::INFO => ("INFO", "32"),
            Level::DEBUG => ("DEBUG", "34"),
            Level::TRACE => ("TRACE", "34"),
        };
        let indent = if level.len() == 4 { "  " } else { " " };
        let target = metadata.target();
        let parts: &[&str] = match self {
            Self::Json => &[
                "{\"time\":\"",
                &time,
                "\",\"level\":\"",
                level,
                "\",\"target\":\"",
                target,
                "\"",
            ],
            Self::Plain { coloured: false } => &[&time, indent, level],
            Self::Plain { coloured: true } => &[
                "\x1b[2m", &time, "\x1b[0m", indent, "\x1b[", colour, "m", level, "\x1b[0m",
            ],
        };
        put(line, parts);
    }

    /// Writes fields to `line`.
    pub fn fields(self, line: &mut Vec<u8>) -> Fields<'_> {
        Fields { form: self, line }
    }

    /// What stands behind all fields.
    pub fn end(self, line: &mut Vec<u8>) {
        line.extend_from_slice(match self {
            Self::Json => b"}\n",
            Self::Plain { .. } => b"\n",
        });
    }
}

/// Writes fields, one by one.
pub struct Fields<'a> {
    form: Form,
    line: &'a mut Vec<u8>,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        let name = field.name();
        let parts = match self.form {
            Form::Json => [",\"", name, "\":"],
            Form::Plain { .. } if name == "message" => [" ", "", ""],
            Form::Plain { coloured: false } => [" ", name, "="],
            Form::Plain { coloured: true } => [" \x1b[2m", name, "=\x1b[0m"],
        };
        put(self.line, &parts);
    }

    /// A number or the like, which reads the same in both forms.
    fn bare(&mut self, field: &Field, value: impl Serialize) {
        self.name(field);
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut *self.line, &value);
    }

    /// A text, by what writes it. Writing to memory does not fail; a value that cannot be written is cut short.
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        self.name(field);
        match self.form {
            Form::Json => {
                self.line.push(b'"');
                let _ = write(&mut JsonText(self.line));
                self.line.push(b'"');
            }
            Form::Plain { .. } => {
                let _ = write(&mut PlainText(self.line));
            }
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.bare(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |to| to.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |to| write!(to, "{value:?}"));
    }
}

fn put(line: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        line.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests;
