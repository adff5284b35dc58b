//! Assistants: a model with instructions and tools, under a name.

use serde::{Deserialize, Serialize};

use crate::{
    chat::{FunctionTool, ReasoningEffort, ResponseFormat},
    id::AssistantId,
    metadata::Metadata,
    time::Timestamp,
};

/// An assistant as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assistant {
    /// `asst_…`
    pub id: AssistantId,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it is.
    pub profile: Profile,
}

/// What an assistant is; also the validated input that makes one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// The model's name as the client gave it; never empty.
    pub model: String,
    /// Up to 256 characters.
    pub name: Option<String>,
    /// Up to 512 characters.
    pub description: Option<String>,
    /// Up to 256,000 characters.
    pub instructions: Option<String>,
    /// Up to 128; no two functions of the same name.
    pub tools: Vec<Tool>,
    /// What the tools may reach.
    pub tool_resources: Option<ToolResources>,
    /// The client's own pairs.
    pub metadata: Metadata,
    /// 0 to 2; `None` where the client left it to the model.
    pub temperature: Option<f64>,
    /// 0 to 1; `None` where the client left it to the model.
    pub top_p: Option<f64>,
    /// The form of the answers.
    pub response_format: AnswerFormat,
    /// How hard the model should think.
    pub reasoning_effort: Option<ReasoningEffort>,
}

/// What is to be changed about an assistant: `None` leaves a field as it is; `Some(None)` takes its value away.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AssistantChange {
    /// See [`Profile::model`].
    pub model: Option<String>,
    /// See [`Profile::name`].
    pub name: Option<Option<String>>,
    /// See [`Profile::description`].
    pub description: Option<Option<String>>,
    /// See [`Profile::instructions`].
    pub instructions: Option<Option<String>>,
    /// Replaces all tools.
    pub tools: Option<Vec<Tool>>,
    /// Replaces all resources.
    pub tool_resources: Option<Option<ToolResources>>,
    /// Replaces all pairs.
    pub metadata: Option<Metadata>,
    /// See [`Profile::temperature`].
    pub temperature: Option<Option<f64>>,
    /// See [`Profile::top_p`].
    pub top_p: Option<Option<f64>>,
    /// See [`Profile::response_format`].
    pub response_format: Option<AnswerFormat>,
    /// See [`Profile::reasoning_effort`].
    pub reasoning_effort: Option<Option<ReasoningEffort>>,
}

impl AssistantChange {
    /// Makes the change.
    pub fn apply(self, to: &mut Profile) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut to.model, self.model);
        set(&mut to.name, self.name);
        set(&mut to.description, self.description);
        set(&mut to.instructions, self.instructions);
        set(&mut to.tools, self.tools);
        set(&mut to.tool_resources, self.tool_resources);
        set(&mut to.metadata, self.metadata);
        set(&mut to.temperature, self.temperature);
        set(&mut to.top_p, self.top_p);
        set(&mut to.response_format, self.response_format);
        set(&mut to.reasoning_effort, self.reasoning_effort);
    }
}

/// Something that an assistant may use. The built-in tools of OpenAI's API will stand beside functions here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// A function that the client's program runs.
    Function(FunctionTool),
}

/// What an assistant's or a thread's tools may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ToolResources {
    /// Files for `code_interpreter`, at most 20; `None` where the client did not name that tool.
    pub code_interpreter_file_ids: Option<Vec<String>>,
    /// Vector stores for `file_search`, at most 1; `None` where the client did not name that tool.
    pub file_search_vector_store_ids: Option<Vec<String>>,
}

/// The form of an assistant's answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// `auto`: as the model likes.
    #[default]
    Auto,
    /// This form.
    Exactly(ResponseFormat),
}
