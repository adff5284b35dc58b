//! Files.

use serde::{Deserialize, Serialize};

use crate::{id::FileId, time::Timestamp};

/// A file as it is stored. Its bytes are a blob of the same name as its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// `file-…`
    pub id: FileId,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// How large it is.
    pub size_bytes: u64,
    /// Its name as the client gave it. Never used as a path.
    pub filename: String,
    /// What it is for.
    pub purpose: Purpose,
    /// When it goes by itself.
    pub expires_at: Option<Timestamp>,
}

/// A file to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// See [`File::filename`].
    pub filename: String,
    /// See [`File::purpose`].
    pub purpose: Purpose,
    /// Seconds after which it goes by itself: 3,600 to 2,592,000. Without it a `batch` file goes after 30 days, and any
    /// other stays.
    pub expires_after_seconds: Option<u64>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// For assistants.
    Assistants,
    /// Made by an assistant.
    AssistantsOutput,
    /// For the batch API.
    Batch,
    /// Made by the batch API.
    BatchOutput,
    /// For fine-tuning.
    FineTune,
    /// Made by fine-tuning.
    FineTuneResults,
    /// Images that a model looks at.
    Vision,
    /// Anything.
    UserData,
    /// For evaluations.
    Evals,
}

impl Purpose {
    /// The word that programs know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assistants => "assistants",
            Self::AssistantsOutput => "assistants_output",
            Self::Batch => "batch",
            Self::BatchOutput => "batch_output",
            Self::FineTune => "fine-tune",
            Self::FineTuneResults => "fine-tune-results",
            Self::Vision => "vision",
            Self::UserData => "user_data",
            Self::Evals => "evals",
        }
    }
}
