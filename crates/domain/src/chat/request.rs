//! What a client asks for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A chat request, validated: every bound that OpenAI's document states holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    /// The model as the provider is asked for it: aliases are resolved.
    pub model: String,
    /// The conversation, in order. Never empty. Every [`Message::Tool`] answers a call of an earlier assistant message.
    pub messages: Vec<Message>,
    /// The functions that the model may call.
    pub tools: Vec<FunctionTool>,
    /// Which of them it may, must or must not call.
    pub tool_choice: ToolChoice,
    /// Whether one answer may hold several calls. `None`: the provider's default, which is yes.
    pub parallel_tool_calls: Option<bool>,
    /// The form of the answer's text.
    pub response_format: ResponseFormat,
    /// How hard the model should think.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// The most tokens of one answer, thinking included.
    pub max_tokens: Option<u32>,
    /// Up to four texts at which the answer ends; they are not part of it.
    pub stop: Vec<String>,
    /// For answers that repeat, as far as the provider can.
    pub seed: Option<i64>,
    /// How many answers. At least 1.
    pub n: u32,
    /// `Some(k)`: log probabilities are wanted, with the `k` (0 to 20) likeliest alternatives of each token.
    pub top_logprobs: Option<u8>,
    /// The urgency that is paid for.
    pub service_tier: Option<ServiceTier>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether a stream ends with its usage.
    pub include_usage: bool,
}

/// One entry of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// From whoever built the program; OpenAI's roles `system` and `developer`.
    System {
        /// The instruction.
        text: String,
    },
    /// From the person.
    User {
        /// Which person, where there are several.
        name: Option<String>,
        /// Texts and media, in order.
        parts: Vec<Part>,
    },
    /// From the model, in an earlier answer.
    Assistant {
        /// The answer's text; a refusal's text where it was one. Empty for an answer of calls only.
        text: String,
        /// The calls it made, in order.
        calls: Vec<ToolCall>,
        /// The provider's opaque proof of the thinking behind the text.
        signature: Option<String>,
    },
    /// What a called function returned.
    Tool {
        /// The call that this answers.
        call_id: String,
        /// The result.
        parts: Vec<Part>,
    },
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// An image, a recording, a document.
    Media(Media),
}

/// An image, a recording or a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// Where it is.
    pub source: MediaSource,
    /// Its media type (`image/png`), where it is known.
    pub mime_type: Option<String>,
    /// Its file name, where it has one.
    pub filename: Option<String>,
    /// How closely an image is looked at.
    pub detail: Option<Detail>,
}

/// Where a piece of media is.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    /// In the request: base64, standard alphabet, with padding, checked.
    Inline(String),
    /// At a public address, `http` or `https`.
    Url(String),
    /// In the files of OpenAI's API, by id.
    File(String),
}

/// How closely an image is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// As the provider thinks fit.
    Auto,
    /// Few tokens.
    Low,
    /// Many tokens.
    High,
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionTool {
    /// `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of its arguments; `None` for a function without any.
    pub parameters: Option<Value>,
    /// Whether arguments must fit the schema to the letter.
    pub strict: bool,
}

/// A call of a function by the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique in the conversation.
    pub id: String,
    /// The function.
    pub name: String,
    /// The arguments, JSON text as the model wrote it: not always valid.
    pub arguments: String,
    /// The provider's opaque proof of the thinking behind the call.
    pub signature: Option<String>,
}

/// Which tools may, must or must not be called.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None.
    None,
    /// At least one, whichever.
    Required,
    /// This one.
    Function(String),
    /// Only these, `required`: at least one of them.
    Allowed {
        /// Names of the tools.
        names: Vec<String>,
        /// Whether one must be called.
        required: bool,
    },
}

/// The form of the answer's text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Whatever the model likes.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// `[A-Za-z0-9_-]{1,64}`.
        name: String,
        /// What the format is for.
        description: Option<String>,
        /// The schema; `None` means any object.
        schema: Option<Value>,
        /// Whether it must fit to the letter.
        strict: Option<bool>,
    },
}

/// How hard the model should think, from not at all to as hard as it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEffort {
    /// Not at all.
    None,
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More.
    XHigh,
    /// As much as the model can.
    Max,
}

/// The urgency that is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTier {
    /// As the account says.
    Auto,
    /// The ordinary one.
    Default,
    /// Cheaper and slower.
    Flex,
    /// Dearer and faster.
    Priority,
}
