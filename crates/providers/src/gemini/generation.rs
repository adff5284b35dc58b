//! What a model of Gemini takes, told from its name alone.
//!
//! The rules change with the generation: 2.5 counts thinking in tokens, 3 in levels; 3.6 ignores sampling parameters and a
//! later one refuses them. A name that tells no generation (a rolling alias, an experiment) is read as the newest one,
//! because that is where aliases point, and because what the newest refuses is what must not be sent by mistake.

use locum_domain::chat::ReasoningEffort;
use serde::Serialize;

/// The family and generation behind a model's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation {
    family: Family,
    line: Line,
    /// Images or speech come out of it; it has no thinking that could be set.
    makes_media: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Gemma,
    /// `None`: the name does not tell.
    Gemini(Option<Version>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u16, u16);

/// The product line within a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Pro,
    Flash,
    FlashLite,
    /// The two of generation 4 that know an `XHIGH` level.
    Hydrogen,
    Neon,
    Other,
}

/// How hard to think, in the words of the model's generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Thinking {
    /// Tokens; generation 2.5.
    #[serde(rename = "thinkingBudget")]
    Budget(u32),
    /// A level; generation 3 and later.
    #[serde(rename = "thinkingLevel")]
    Level(&'static str),
}

/// The name without the prefix `models/` of a resource name.
pub(super) fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

impl Generation {
    /// Of the model of this name, with or without `models/`.
    pub(super) fn of(model: &str) -> Self {
        let name = bare(model);
        let family = if name.starts_with("gemma-") {
            Family::Gemma
        } else {
            Family::Gemini(name.strip_prefix("gemini-").and_then(version))
        };
        let has = |word: &str| name.split('-').any(|piece| piece == word);
        let line = if has("lite") {
            Line::FlashLite
        } else if has("flash") {
            Line::Flash
        } else if has("pro") {
            Line::Pro
        } else if has("hydrogen") {
            Line::Hydrogen
        } else if has("neon") {
            Line::Neon
        } else {
            Line::Other
        };
        Self {
            family,
            line,
            makes_media: has("image") || has("tts"),
        }
    }

    fn is_gemma(self) -> bool {
        self.family == Family::Gemma
    }

    /// Whether it is a Gemini of this version or a later one; a name that does not tell is the newest.
    fn since(self, major: u16, minor: u16) -> bool {
        match self.family {
            Family::Gemma => false,
            Family::Gemini(None) => true,
            Family::Gemini(Some(version)) => version >= Version(major, minor),
        }
    }

    /// How many answers one request can give.
    pub(super) fn most_candidates(self) -> u32 {
        if self.is_gemma() || self.since(3, 0) {
            1
        } else {
            8
        }
    }

    /// How many tokens one answer can have at most, where that is known; asking for more is refused. From generation 4 on
    /// an answer may go on over several requests.
    pub(super) fn most_output_tokens(self) -> Option<u32> {
        match self.family {
            Family::Gemini(Some(version)) if version >= Version(4, 0) => None,
            Family::Gemini(_) if self.since(2, 5) => Some(65_536),
            Family::Gemini(_) | Family::Gemma => Some(8192),
        }
    }

    /// How many tokens of prompt and answer together it takes.
    pub(super) fn context_window(self) -> Option<u32> {
        match self.family {
            _ if self.makes_media => Some(32_768),
            Family::Gemma => Some(131_072),
            Family::Gemini(_) => Some(1_048_576),
        }
    }

    /// Whether an answer may pause and go on when it is asked for again.
    pub(super) fn pauses_answers(self) -> bool {
        self.since(4, 0)
    }

    /// Whether a system instruction has a place of its own.
    pub(super) fn takes_system_instruction(self) -> bool {
        !self.is_gemma()
    }

    /// Whether temperature and top-p are still taken.
    pub(super) fn takes_sampling(self) -> bool {
        let lite_of_3_5 = self.since(3, 5) && self.line == Line::FlashLite;
        !self.since(3, 6) && !lite_of_3_5
    }

    /// Whether penalties on presence and frequency are taken.
    pub(super) fn takes_penalties(self) -> bool {
        !self.is_gemma() && !self.since(2, 5)
    }

    /// Whether calls and their results carry ids; before generation 3 the field is refused.
    pub(super) fn has_call_ids(self) -> bool {
        self.since(3, 0)
    }

    /// Whether calls of this turn must carry a thought signature.
    pub(super) fn needs_signatures(self) -> bool {
        self.since(3, 0)
    }

    /// Whether a function's result can hold media.
    pub(super) fn takes_media_in_results(self) -> bool {
        self.since(3, 0)
    }

    /// Whether each part can say how closely it is looked at; before, the whole request can.
    pub(super) fn has_resolution_per_part(self) -> bool {
        self.since(3, 0)
    }

    /// Whether a call can be held to its schema without being forced.
    pub(super) fn has_validated_calls(self) -> bool {
        self.since(2, 5)
    }

    /// Whether an answer can be held to JSON while functions are offered.
    pub(super) fn takes_json_with_tools(self) -> bool {
        self.is_gemma() || self.since(3, 0)
    }

    /// Whether it fetches media from public addresses itself.
    pub(super) fn fetches_media(self) -> bool {
        self.since(2, 5)
    }

    /// Whether a conversation may end with the model's own words.
    pub(super) fn takes_prefill(self) -> bool {
        !self.since(3, 6)
    }

    /// What `effort` is called here; `None` where the model has no such switch.
    pub(super) fn thinking(self, effort: ReasoningEffort) -> Option<Thinking> {
        if self.makes_media || !self.since(2, 5) {
            return None;
        }
        if self.since(3, 0) {
            return Some(Thinking::Level(self.level(effort)));
        }
        Some(Thinking::Budget(self.budget(effort)))
    }

    fn level(self, effort: ReasoningEffort) -> &'static str {
        let has_minimal = matches!(self.family, Family::Gemini(Some(version)) if version <= Version(3, 6))
            && self.line != Line::Pro;
        let has_xhigh = matches!(self.line, Line::Hydrogen | Line::Neon);
        match effort {
            ReasoningEffort::None | ReasoningEffort::Minimal if has_minimal => "MINIMAL",
            ReasoningEffort::None | ReasoningEffort::Minimal | ReasoningEffort::Low => "LOW",
            ReasoningEffort::Medium => "MEDIUM",
            ReasoningEffort::XHigh | ReasoningEffort::Max if has_xhigh => "XHIGH",
            ReasoningEffort::High | ReasoningEffort::XHigh | ReasoningEffort::Max => "HIGH",
        }
    }

    fn budget(self, effort: ReasoningEffort) -> u32 {
        let is_pro = self.line == Line::Pro;
        match effort {
            // The Pro of 2.5 cannot be kept from thinking.
            ReasoningEffort::None if is_pro => 128,
            ReasoningEffort::None => 0,
            ReasoningEffort::Minimal | ReasoningEffort::Low => 1024,
            ReasoningEffort::Medium => 8192,
            ReasoningEffort::Max if is_pro => 32768,
            ReasoningEffort::High | ReasoningEffort::XHigh | ReasoningEffort::Max => 24576,
        }
    }
}

/// The version at the start of `4-argon`, `3.6-flash`, `2.5-flash-image`.
fn version(name: &str) -> Option<Version> {
    let number = name.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some(Version(major.parse().ok()?, minor.parse().ok()?))
}
