//! What a declaration does: it reads its setting, notes its row, and keeps the first error.

use super::{kind::Kind, value::Secret};

/// Where settings come from: a variable's value by its name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A setting as its documents show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    /// Under which heading it stands.
    pub section: &'static str,
    /// The variable.
    pub name: String,
    /// What counts while it is unset.
    pub default: Option<String>,
    /// What values it takes, in words.
    pub takes: String,
    /// What it does.
    pub meaning: String,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// A setting with what it is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The declaration.
    pub row: SettingRow,
    /// The value that was given; `***` for a secret.
    pub given: Option<String>,
}

/// What is wrong with a setting, in one line that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct SettingError {
    name: String,
    problem: String,
}

impl SettingError {
    /// The setting holds `held`, and must hold something else.
    pub fn wrong(name: impl Into<String>, held: &str, takes: impl AsRef<str>) -> Self {
        Self {
            name: name.into(),
            problem: format!("holds {}; it takes {}", shown(held), takes.as_ref()),
        }
    }

    /// The setting is unset, and must not be.
    pub fn missing(name: impl Into<String>, reason: impl AsRef<str>) -> Self {
        Self {
            name: name.into(),
            problem: format!("is not set; {}", reason.as_ref()),
        }
    }
}

/// Takes the declarations in, one after the other.
pub(super) struct Form<'a> {
    lookup: Lookup<'a>,
    section: &'static str,
    entries: Vec<Entry>,
    error: Option<SettingError>,
}

impl<'a> Form<'a> {
    pub fn new(lookup: Lookup<'a>) -> Self {
        Self {
            lookup,
            section: "",
            entries: Vec::new(),
            error: None,
        }
    }

    /// The heading of the declarations that follow.
    pub fn section(&mut self, title: &'static str) {
        self.section = title;
    }

    /// A setting that always has a value.
    pub fn value<T>(
        &mut self,
        name: impl Into<String>,
        default: T,
        kind: Kind<T>,
        meaning: impl Into<String>,
    ) -> T {
        let shown = Some((kind.show)(&default)).filter(|text| !text.is_empty());
        let row = self.row(name, shown, &kind, meaning, false);
        self.take(row, &kind).unwrap_or(default)
    }

    /// A setting that may be absent.
    pub fn optional<T>(
        &mut self,
        name: impl Into<String>,
        kind: Kind<T>,
        meaning: impl Into<String>,
    ) -> Option<T> {
        let row = self.row(name, None, &kind, meaning, false);
        self.take(row, &kind)
    }

    /// A key.
    pub fn secret(
        &mut self,
        name: impl Into<String>,
        meaning: impl Into<String>,
    ) -> Option<Secret> {
        self.secret_of(name, Kind::secret(), meaning)
    }

    /// A secret of another shape than a key.
    pub fn secret_of(
        &mut self,
        name: impl Into<String>,
        kind: Kind<Secret>,
        meaning: impl Into<String>,
    ) -> Option<Secret> {
        let row = self.row(name, None, &kind, meaning, true);
        self.take(row, &kind)
    }

    /// The first error, if there was one.
    pub fn finish(self) -> Result<(), SettingError> {
        self.error.map_or(Ok(()), Err)
    }

    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    fn row<T>(
        &self,
        name: impl Into<String>,
        default: Option<String>,
        kind: &Kind<T>,
        meaning: impl Into<String>,
        secret: bool,
    ) -> SettingRow {
        SettingRow {
            section: self.section,
            name: name.into(),
            default,
            takes: kind.takes.clone(),
            meaning: meaning.into(),
            secret,
        }
    }

    fn take<T>(&mut self, row: SettingRow, kind: &Kind<T>) -> Option<T> {
        let text = (self.lookup)(&row.name).map(|text| text.trim().to_owned());
        let text = text.filter(|text| !text.is_empty());
        let value = text.as_deref().and_then(|text| (kind.parse)(text));
        let mask = |text: String| match row.secret || may_hold_key(&text) {
            true => MASK.to_owned(),
            false => text,
        };
        let given = text.map(mask);
        if let (None, Some(given), None) = (&value, &given, &self.error) {
            self.error = Some(SettingError::wrong(&row.name, given, &row.takes));
        }
        self.entries.push(Entry { row, given });
        value
    }
}

/// What is shown of a value that is not shown.
const MASK: &str = "***";

/// Whether a value that should be no secret may hold one all the same: an address with a user, a password or a query.
fn may_hold_key(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?'])
}

/// A value in an error: in one short line, and not at all where it may hold a key.
fn shown(held: &str) -> String {
    const LONGEST: usize = 100;
    if held == MASK || may_hold_key(held) {
        return "a value that is not shown here".to_owned();
    }
    let start: String = held.chars().take(LONGEST).collect();
    let ellipsis = if start.len() < held.len() { "…" } else { "" };
    format!("{start:?}{ellipsis}")
}
