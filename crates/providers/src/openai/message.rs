//! The messages of a chat request as OpenAI's JSON.

use std::{borrow::Cow, fmt};

use locum_domain::{
    chat::{Detail, Media, MediaSource, Message, Part, ToolCall},
    failure::{Failure, FailureClass},
};
use serde::{Serialize, Serializer};

use super::clean::wire_id;

/// One entry of the conversation.
#[derive(Serialize)]
pub(super) struct WireMessage<'a>(Entry<'a>);

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
enum Entry<'a> {
    System {
        content: &'a str,
    },
    User {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        content: Content<'a>,
    },
    Assistant {
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<Call<'a>>,
    },
    Tool {
        tool_call_id: Cow<'a, str>,
        content: Content<'a>,
    },
}

impl<'a> WireMessage<'a> {
    /// `message` in OpenAI's form.
    pub fn new(message: &'a Message) -> Result<Self, Failure> {
        let entry = match message {
            Message::System { text } => Entry::System { content: text },
            Message::User { name, parts } => Entry::User {
                name: name.as_deref(),
                content: Content::new(parts)?,
            },
            Message::Assistant { text, calls, .. } => Entry::Assistant {
                content: (calls.is_empty() || !text.is_empty()).then_some(text),
                tool_calls: calls.iter().map(Call::new).collect(),
            },
            Message::Tool { call_id, parts } => {
                if parts.iter().any(|part| matches!(part, Part::Media(_))) {
                    return Err(unsupported("a function's result can only hold text"));
                }
                Entry::Tool {
                    tool_call_id: wire_id(call_id),
                    content: Content::new(parts)?,
                }
            }
        };
        Ok(Self(entry))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<WirePart<'a>>),
}

impl<'a> Content<'a> {
    fn new(parts: &'a [Part]) -> Result<Self, Failure> {
        Ok(match parts {
            [] => Self::Text(""),
            [Part::Text(text)] => Self::Text(text),
            parts => Self::Parts(parts.iter().map(WirePart::new).collect::<Result<_, _>>()?),
        })
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
    InputAudio { input_audio: InputAudio<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

#[derive(Serialize)]
struct InputAudio<'a> {
    data: &'a str,
    format: &'static str,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<Address<'a>>,
}

/// An address on the web, or a `data:` address that is written out without a copy in between.
enum Address<'a> {
    Web(&'a str),
    Data { mime_type: &'a str, base64: &'a str },
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => f.write_str(url),
            Self::Data { mime_type, base64 } => write!(f, "data:{mime_type};base64,{base64}"),
        }
    }
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'a> WirePart<'a> {
    fn new(part: &'a Part) -> Result<Self, Failure> {
        match part {
            Part::Text(text) => Ok(Self::Text { text }),
            Part::Media(media) => Self::media(media),
        }
    }

    fn media(media: &'a Media) -> Result<Self, Failure> {
        let mime_type = media.mime_type.as_deref();
        let kind = mime_type.and_then(|mime_type| mime_type.split('/').next());
        let image = |url| Self::ImageUrl {
            image_url: ImageUrl {
                url,
                detail: media.detail.map(detail),
            },
        };
        Ok(match (&media.source, kind) {
            (MediaSource::File(id), _) => Self::File {
                file: File {
                    file_id: Some(id),
                    filename: None,
                    file_data: None,
                },
            },
            (MediaSource::Url(url), None | Some("image")) => image(Address::Web(url)),
            (MediaSource::Url(_), Some(kind)) => {
                return Err(unsupported(format!(
                    "only images are taken by their address, not {kind}"
                )));
            }
            (MediaSource::Inline(base64), Some("image")) => image(Address::Data {
                mime_type: mime_type.unwrap_or_default(),
                base64,
            }),
            (MediaSource::Inline(data), Some("audio")) => Self::InputAudio {
                input_audio: InputAudio {
                    data,
                    format: audio_format(mime_type.unwrap_or_default())?,
                },
            },
            (MediaSource::Inline(_), Some("video")) => {
                return Err(unsupported("video is not taken"));
            }
            (MediaSource::Inline(base64), _) => Self::File {
                file: File {
                    file_id: None,
                    filename: Some(media.filename.as_deref().unwrap_or("file")),
                    file_data: Some(Address::Data {
                        mime_type: mime_type.unwrap_or("application/octet-stream"),
                        base64,
                    }),
                },
            },
        })
    }
}

#[derive(Serialize)]
struct Call<'a> {
    id: Cow<'a, str>,
    r#type: Function,
    function: CallFunction<'a>,
}

#[derive(Serialize)]
struct CallFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Call<'a> {
    fn new(call: &'a ToolCall) -> Self {
        Self {
            id: wire_id(&call.id),
            r#type: Function::Function,
            function: CallFunction {
                name: &call.name,
                arguments: &call.arguments,
            },
        }
    }
}

/// The one value of many a `type`.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Function {
    Function,
}

fn detail(detail: Detail) -> &'static str {
    match detail {
        Detail::Auto => "auto",
        Detail::Low => "low",
        Detail::High => "high",
    }
}

fn audio_format(mime_type: &str) -> Result<&'static str, Failure> {
    match mime_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Ok("wav"),
        "audio/mp3" | "audio/mpeg" => Ok("mp3"),
        other => Err(unsupported(format!(
            "sound is taken as wav or mp3 only, not {other}"
        ))),
    }
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(FailureClass::Unsupported, message)
}
