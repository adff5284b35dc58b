//! What a model is shown of a thread.
//!
//! The thread is read backwards, a page at a time, until the run's truncation or the model's context says that it is enough.
//! What belongs together is shown together or not at all: all that one run wrote, the calls of one answer and their outputs.
//! Of the run at work everything is shown, and nothing of it counts as a message of the thread.
//!
//! Read in this order: this page, `budget` (how much), `backwards` (reading the thread), `turns` (a run's steps as the turns
//! of a conversation), `pictures` (images).

mod backwards;
mod budget;
mod pictures;
mod turns;

use locum_domain::{
    assistant::{AnswerFormat, Tool},
    chat::{ChatRequest, Message, Part, ResponseFormat, ToolChoice},
    id::{RunId, ThreadId},
    project::Project,
    run::{Plan, RunError, RunErrorCode, Truncation},
};

pub(super) use self::budget::Budget;
use self::{backwards::Backwards, pictures::Pictures};
use super::Assistants;

/// Stands for a user's turn where a thread has no messages: there are providers that refuse a conversation without one.
const NOTHING: &str = " ";

/// What is asked of the model.
pub(super) struct Ask {
    pub project: Project,
    pub thread: ThreadId,
    pub run: RunId,
    pub plan: Plan,
    /// Whether the run has done anything before.
    pub has_steps: bool,
    /// What is left of the run's completion tokens.
    pub max_tokens: Option<u32>,
    /// What is left of the run's prompt tokens.
    pub max_prompt_tokens: Option<u32>,
    /// Providers that are asked last.
    pub avoid: Vec<&'static str>,
}

/// What a model is asked.
pub(super) struct Context {
    /// The request.
    pub request: ChatRequest,
    /// How many tokens of prompt it is, by estimate.
    pub tokens: u64,
    /// Whether it shows more of the thread than it must.
    pub can_be_shorter: bool,
}

/// Why a model cannot be asked.
pub(super) enum NoContext {
    /// Not even the newest message fits what is left of the run's prompt tokens.
    PromptFull,
    /// This is wrong.
    Refused(RunError),
}

/// The turns of a conversation, the newest group of them first.
#[derive(Default)]
struct Shown {
    /// Each oldest first.
    groups: Vec<Vec<Message>>,
    tokens: u64,
    /// How many messages of the thread there are among them.
    messages: u32,
}

impl Assistants {
    /// What the model is asked: the thread's messages up to now, and what the run has done.
    pub(super) async fn context(&self, ask: &Ask, budget: &Budget) -> Result<Context, NoContext> {
        let mut thread = Backwards::new(self, ask);
        let mut pictures = Pictures::new(self, &ask.project);
        let mut own = thread.own().await.map_err(refused)?.turns();
        pictures.fill_in(&mut own).await.map_err(refused)?;
        let has_called = own.iter().any(calls);
        let mut shown = Shown {
            tokens: budget.before_messages + budget::tokens_of(&own),
            ..Shown::default()
        };
        shown.groups.push(own);
        let mut can_be_shorter = false;
        while let Some(mut group) = thread.next().await.map_err(refused)? {
            if let Truncation::LastMessages(most) = ask.plan.truncation {
                let room = most.saturating_sub(shown.messages) as usize;
                if room == 0 {
                    break;
                }
                group.keep_newest(room);
            }
            let is_newest = shown.messages == 0;
            let messages = group.count();
            let mut turns = group.turns();
            let tokens = shown.tokens + budget::tokens_of(&turns);
            if budget.limit.is_some_and(|limit| tokens > limit) {
                if is_newest {
                    return Err(NoContext::PromptFull);
                }
                break;
            }
            if !is_newest && ask.plan.truncation == Truncation::Auto {
                let fits = tokens <= budget.window;
                if !fits || !pictures.has_room(&turns).await.map_err(refused)? {
                    break;
                }
            }
            pictures.fill_in(&mut turns).await.map_err(refused)?;
            can_be_shorter = !is_newest;
            shown.tokens = tokens;
            shown.messages = shown.messages.saturating_add(messages);
            shown.groups.push(turns);
        }
        if budget.limit.is_some_and(|limit| shown.tokens > limit) {
            return Err(NoContext::PromptFull);
        }
        let mut request = request_for(ask, has_called);
        if shown.messages == 0 {
            request.messages.push(Message::User {
                name: None,
                parts: vec![Part::Text(NOTHING.to_owned())],
            });
        }
        request
            .messages
            .extend(shown.groups.into_iter().rev().flatten());
        Ok(Context {
            request,
            tokens: shown.tokens,
            can_be_shorter,
        })
    }
}

fn refused(error: RunError) -> NoContext {
    NoContext::Refused(error)
}

/// What cannot be asked of a model, and why.
fn invalid(message: impl Into<String>) -> RunError {
    RunError {
        code: RunErrorCode::InvalidPrompt,
        message: message.into(),
    }
}

fn calls(message: &Message) -> bool {
    matches!(message, Message::Assistant { calls, .. } if !calls.is_empty())
}

/// The request but for the conversation. `has_called`: whether the run has called functions before.
fn request_for(ask: &Ask, has_called: bool) -> ChatRequest {
    let plan = &ask.plan;
    let tools: Vec<_> = plan
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(function) => function.clone(),
        })
        .collect();
    let mut messages = Vec::new();
    if !plan.instructions.is_empty() {
        messages.push(Message::System {
            text: plan.instructions.clone(),
        });
    }
    ChatRequest {
        model: plan.model.clone(),
        messages,
        tool_choice: if tools.is_empty() {
            ToolChoice::Auto
        } else {
            choice(&plan.tool_choice, has_called)
        },
        parallel_tool_calls: (!tools.is_empty() && !plan.parallel_tool_calls).then_some(false),
        tools,
        response_format: match &plan.response_format {
            AnswerFormat::Auto => ResponseFormat::Text,
            AnswerFormat::Exactly(format) => format.clone(),
        },
        reasoning_effort: plan.reasoning_effort,
        temperature: plan.temperature,
        top_p: plan.top_p,
        max_tokens: ask.max_tokens,
        n: 1,
        stream: true,
        include_usage: true,
        ..ChatRequest::default()
    }
}

/// A run that must call a function must do so once: held to it after each output, it would never come to an answer.
fn choice(choice: &ToolChoice, has_called: bool) -> ToolChoice {
    match choice {
        ToolChoice::Required | ToolChoice::Function(_) if has_called => ToolChoice::Auto,
        ToolChoice::Allowed { names, .. } if has_called => ToolChoice::Allowed {
            names: names.clone(),
            required: false,
        },
        choice => choice.clone(),
    }
}
