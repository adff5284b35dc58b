//! `locum threads show`.

use std::fmt::Write;

use locum_domain::{
    error::ApiError,
    id::ThreadId,
    message::{Message, MessageStatus, Role},
    metadata::Metadata,
    page::{Order, Page, PageQuery},
    project::Project,
    run::{Run, Step, StepDetails},
};
use locum_engine::assistants::Assistants;

use super::text::{indented, printable, said, time};
use crate::{
    commands::{beside::refused, say},
    exit::Failure,
};

/// How many objects are asked for at once.
const PAGE: u32 = 100;

/// A message or a run, as they follow each other on a thread.
enum Entry<'a> {
    Message(&'a Message),
    Run(&'a Run),
}

pub async fn run(assistants: &Assistants, id: &str) -> Result<(), Failure> {
    let (project, id) = (Project::default(), ThreadId::from(id));
    let thread = assistants.retrieve_thread(&project, &id).await;
    let thread = thread.map_err(refused)?;
    let messages = all(
        async |query| assistants.list_messages(&project, &id, None, query).await,
        |message| message.id.to_string(),
    );
    let messages = messages.await?;
    let runs = all(
        async |query| assistants.list_runs(&project, &id, query).await,
        |run| run.id.to_string(),
    );
    let runs = runs.await?;

    let mut head = format!("{id}\n    created  {}\n", time(thread.created_at));
    push_metadata(&mut head, &thread.metadata);
    say(&head)?;
    let mut entries: Vec<_> = messages.iter().map(Entry::Message).collect();
    entries.extend(runs.iter().map(Entry::Run));
    entries.sort_by(|one, other| one.moment().cmp(&other.moment()));
    for entry in &entries {
        match entry {
            Entry::Message(message) => say(&message_text(message))?,
            Entry::Run(run) => {
                let steps = all(
                    async |query| {
                        assistants
                            .list_run_steps(&project, &id, &run.id, query)
                            .await
                    },
                    |step| step.id.to_string(),
                );
                say(&run_text(run, &steps.await?))?;
            }
        }
    }
    Ok(())
}

/// All objects of a list, oldest first.
async fn all<T>(
    list: impl AsyncFn(&PageQuery) -> Result<Page<T>, ApiError>,
    id: impl Fn(&T) -> String,
) -> Result<Vec<T>, Failure> {
    let mut query = PageQuery {
        limit: PAGE,
        order: Order::Ascending,
        ..PageQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = list(&query).await.map_err(refused)?;
        query.after = page.items.last().map(&id);
        found.extend(page.items);
        if !page.has_more || query.after.is_none() {
            return Ok(found);
        }
    }
}

impl Entry<'_> {
    /// When it was made: ids sort by creation behind their kind.
    fn moment(&self) -> (u64, &str) {
        let (at, id) = match self {
            Self::Message(message) => (message.created_at, message.id.as_str()),
            Self::Run(run) => (run.created_at, run.id.as_str()),
        };
        (at.0, id.split_once('_').map_or(id, |(_, rest)| rest))
    }
}

fn message_text(message: &Message) -> String {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let status = match message.status {
        MessageStatus::Completed => "",
        MessageStatus::InProgress => "  in progress",
        MessageStatus::Incomplete => "  incomplete",
    };
    let id = &message.id;
    let mut text = format!("\n{role}  {}  {id}{status}\n", time(message.created_at));
    push_metadata(&mut text, &message.metadata);
    for attachment in &message.attachments {
        let _ = writeln!(text, "    with {}", printable(&attachment.file_id));
    }
    text.push_str(&indented(&said(&message.content)));
    text
}

fn run_text(run: &Run, steps: &[Step]) -> String {
    let status = run.status.as_str();
    let mut text = format!("\nrun  {}  {}  {status}\n", time(run.created_at), run.id);
    push_metadata(&mut text, &run.metadata);
    let model = match &run.served {
        Some(served) => format!("{} of {}", served.model, served.provider),
        None => run.plan.model.clone(),
    };
    let _ = writeln!(
        text,
        "    {}, {} + {} tokens",
        printable(&model),
        run.usage.prompt,
        run.usage.completion
    );
    if let Some(error) = &run.last_error {
        let message = printable(&error.message);
        let _ = writeln!(text, "    {}: {message}", error.code.as_str());
    }
    for step in steps {
        match &step.details {
            StepDetails::Message(message) => {
                let _ = writeln!(text, "    wrote {message}");
            }
            StepDetails::Calls(calls) => {
                for call in calls {
                    let (name, arguments) = (&call.call.name, &call.call.arguments);
                    let _ = writeln!(
                        text,
                        "    called {}({})",
                        printable(name),
                        printable(arguments)
                    );
                    let output = call.output.as_deref().map(printable);
                    let _ = writeln!(
                        text,
                        "        {}",
                        output.as_deref().unwrap_or("no output yet")
                    );
                }
            }
        }
    }
    text
}

fn push_metadata(text: &mut String, metadata: &Metadata) {
    for (name, value) in &metadata.0 {
        let _ = writeln!(text, "    {}={}", printable(name), printable(value));
    }
}
