//! Files: the fields of the form that uploads one, and the objects that speak of it.

mod disposition;

use locum_domain::{
    error::ApiError,
    file::{File, NewFile, Purpose},
};
use serde::Serialize;

use super::{
    at::At,
    fault::{self, Number, Type},
    json,
    query::Query,
};

pub(crate) use disposition::{Disposition, attachment};

/// What a client may upload a file for.
const UPLOADED: &[(&str, Purpose)] = &[
    ("assistants", Purpose::Assistants),
    ("batch", Purpose::Batch),
    ("fine-tune", Purpose::FineTune),
    ("vision", Purpose::Vision),
    ("user_data", Purpose::UserData),
    ("evals", Purpose::Evals),
];

/// What a file may be for.
const ALL: &[(&str, Purpose)] = &[
    ("assistants", Purpose::Assistants),
    ("assistants_output", Purpose::AssistantsOutput),
    ("batch", Purpose::Batch),
    ("batch_output", Purpose::BatchOutput),
    ("fine-tune", Purpose::FineTune),
    ("fine-tune-results", Purpose::FineTuneResults),
    ("vision", Purpose::Vision),
    ("user_data", Purpose::UserData),
    ("evals", Purpose::Evals),
];

/// From what moment on a file's time is counted: there is one.
const ANCHORS: &[(&str, ())] = &[("created_at", ())];
/// How many seconds a file may be told to stay: an hour to thirty days.
const SECONDS: std::ops::RangeInclusive<i64> = 3_600..=2_592_000;
/// As many characters as a file's name may have.
const MAX_FILENAME: usize = 1_024;

const EXPIRES_AFTER: &str = "expires_after";
const ANCHOR: &str = "expires_after.anchor";
const SECONDS_AFTER: &str = "expires_after.seconds";

/// The fields that say what an uploaded file is, as far as they have come.
#[derive(Debug, Default)]
pub(crate) struct Description {
    filename: Option<String>,
    purpose: Option<Purpose>,
    anchor: Option<()>,
    seconds: Option<u64>,
}

impl Description {
    /// Takes the name that comes with the file itself.
    ///
    /// # Errors
    /// 400 for a second file, or one whose name is missing, empty or far too long.
    pub(crate) fn take_file(&mut self, filename: Option<String>) -> Result<(), ApiError> {
        const FILE: &str = "file";
        if self.filename.is_some() {
            return Err(fault::invalid(
                FILE,
                "Only one file can be uploaded at once.",
            ));
        }
        let filename = filename.filter(|name| !name.is_empty()).ok_or_else(|| {
            fault::invalid(
                FILE,
                "Expected 'file' to be a file with a name, but it has none.",
            )
        })?;
        let length = filename.chars().count();
        if length > MAX_FILENAME {
            return Err(fault::long_string(FILE, MAX_FILENAME, length));
        }
        self.filename = Some(filename);
        Ok(())
    }

    /// Whether [`Self::take_field`] wants the value of the field `name`.
    pub(crate) fn wants(name: &str) -> bool {
        matches!(
            name,
            "purpose" | "expires_after[anchor]" | "expires_after[seconds]" | EXPIRES_AFTER
        )
    }

    /// Takes a field's value; the last one counts where there are several.
    ///
    /// # Errors
    /// 400, `param` naming the field.
    pub(crate) fn take_field(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        match name {
            "purpose" => self.purpose = Some(fault::word(name, value, UPLOADED)?),
            "expires_after[anchor]" => self.anchor = Some(fault::word(ANCHOR, value, ANCHORS)?),
            "expires_after[seconds]" => self.seconds = Some(seconds(value)?),
            EXPIRES_AFTER => self.take_expiry(value)?,
            _ => {}
        }
        Ok(())
    }

    /// `expires_after` as JSON, which some clients make of everything that is not flat.
    fn take_expiry(&mut self, value: &str) -> Result<(), ApiError> {
        let wrong = || fault::wrong_type(EXPIRES_AFTER, "an object", Type::String);
        let text = format!("{{\"{EXPIRES_AFTER}\":{value}}}");
        let body = json::parse(text.as_bytes()).map_err(|_| wrong())?;
        let body = At::root(&body);
        let Some(expiry) = body.get(EXPIRES_AFTER) else {
            return Ok(());
        };
        let expiry = expiry.object()?;
        self.anchor = Some(expiry.require("anchor")?.word(ANCHORS)?);
        let seconds = expiry.require("seconds")?.integer(SECONDS)?;
        self.seconds = Some(seconds.unsigned_abs());
        Ok(())
    }

    /// What the form said, now that it is complete.
    ///
    /// # Errors
    /// 400 for what is missing.
    pub(crate) fn finish(self) -> Result<NewFile, ApiError> {
        let filename = self.filename.ok_or_else(|| fault::missing("file"))?;
        let purpose = self.purpose.ok_or_else(|| fault::missing("purpose"))?;
        match (self.anchor, self.seconds) {
            (Some(()), None) => Err(fault::missing(SECONDS_AFTER)),
            (None, Some(_)) => Err(fault::missing(ANCHOR)),
            (_, expires_after_seconds) => Ok(NewFile {
                filename,
                purpose,
                expires_after_seconds,
            }),
        }
    }
}

fn seconds(text: &str) -> Result<u64, ApiError> {
    let Ok(seconds) = text.parse::<i128>() else {
        let got = match text.parse::<f64>() {
            Ok(_) => Type::Decimal,
            Err(_) => Type::String,
        };
        return Err(fault::wrong_type(SECONDS_AFTER, "an integer", got));
    };
    let (min, max) = (i128::from(*SECONDS.start()), i128::from(*SECONDS.end()));
    if seconds < min {
        return Err(fault::below(SECONDS_AFTER, Number::Integer, min, seconds));
    }
    match u64::try_from(seconds) {
        Ok(fits) if seconds <= max => Ok(fits),
        _ => Err(fault::above(SECONDS_AFTER, Number::Integer, max, seconds)),
    }
}

/// Of which purpose files are to be listed; `None`: of all.
///
/// # Errors
/// 400 for a purpose that no file has.
pub(crate) fn purpose(query: Option<&str>) -> Result<Option<Purpose>, ApiError> {
    Query::of(query).word("purpose", ALL)
}

/// A file.
#[derive(Serialize)]
pub(crate) struct FileObject<'a> {
    object: &'static str,
    id: &'a str,
    purpose: &'static str,
    filename: &'a str,
    bytes: u64,
    created_at: u64,
    expires_at: Option<u64>,
    /// Nothing is done with files here that would take time.
    status: &'static str,
    status_details: Option<()>,
}

impl<'a> From<&'a File> for FileObject<'a> {
    fn from(file: &'a File) -> Self {
        Self {
            object: "file",
            id: file.id.as_str(),
            purpose: file.purpose.as_str(),
            filename: &file.filename,
            bytes: file.size_bytes,
            created_at: file.created_at.0,
            expires_at: file.expires_at.map(|at| at.0),
            status: "processed",
            status_details: None,
        }
    }
}
