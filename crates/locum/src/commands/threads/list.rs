//! `locum threads list`.

use locum_domain::{
    page::{Order, PageQuery},
    project::Project,
    thread::Thread,
};
use locum_engine::assistants::Assistants;

use super::text::{excerpt, said, time};
use crate::{
    commands::{beside::refused, say},
    exit::Failure,
};

/// How many threads are asked for at once.
const PAGE: u32 = 100;
/// How much of a thread's first message is shown.
const EXCERPT: usize = 48;

pub async fn run(assistants: &Assistants, limit: u32) -> Result<(), Failure> {
    let project = Project::default();
    let mut query = PageQuery::default();
    let mut left = limit;
    loop {
        query.limit = left.min(PAGE);
        let page = assistants.list_threads(&project, &query).await;
        let page = page.map_err(refused)?;
        for thread in &page.items {
            say(&line(assistants, &project, thread).await?)?;
        }
        left -= u32::try_from(page.items.len()).unwrap_or(left).min(left);
        query.after = page.items.last().map(|thread| thread.id.to_string());
        if query.after.is_none() && left == limit {
            return say("There are no threads.\n");
        }
        match (page.has_more, left) {
            (false, _) => return Ok(()),
            (true, 0) => return say("There are more: --limit shows them.\n"),
            (true, _) => {}
        }
    }
}

/// The thread, when it was made, how its last run stands, and how it begins.
async fn line(
    assistants: &Assistants,
    project: &Project,
    thread: &Thread,
) -> Result<String, Failure> {
    let last = PageQuery {
        limit: 1,
        ..PageQuery::default()
    };
    let first = PageQuery {
        order: Order::Ascending,
        ..last.clone()
    };
    let runs = assistants.list_runs(project, &thread.id, &last).await;
    let runs = runs.map_err(refused)?;
    let status = runs.items.first().map_or("-", |run| run.status.as_str());
    let messages = assistants
        .list_messages(project, &thread.id, None, &first)
        .await;
    let messages = messages.map_err(refused)?;
    let beginning = messages.items.first().map(|message| said(&message.content));
    let beginning = excerpt(&beginning.unwrap_or_default(), EXCERPT);
    let line = format!(
        "{}  {}  {status:<15}  {beginning}",
        thread.id,
        time(thread.created_at)
    );
    Ok(format!("{}\n", line.trim_end()))
}
