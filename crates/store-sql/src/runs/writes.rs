//! What is written together with a run.

use locum_domain::{
    id::RunId,
    message::Message,
    project::Project,
    run::{Run, Step, StepDetails, StepStatus, Write},
};
use locum_engine::store::{Next, RunCommit, RunInsert, Stored};

use crate::{
    connection::{Dialect, Statement},
    messages::insert_of_message,
    row::encode,
    threads::insert_of_thread,
};

/// Who attends to a run, as its row says it.
#[derive(Clone, Copy)]
struct Attention<'a> {
    /// The process that drives it.
    owner: Option<&'a str>,
    /// When it may be claimed; `None` once it has ended.
    at_ms: Option<u64>,
}

impl<'a> Attention<'a> {
    /// `None` where the row stays as it is.
    fn of(next: Next<'a>) -> Option<Self> {
        let (owner, at_ms) = match next {
            Next::Driven { owner, until_ms } => (Some(owner), Some(until_ms)),
            Next::Waits(at_ms) => (None, Some(at_ms)),
            Next::Ended => (None, None),
            Next::Same => return None,
        };
        Some(Self { owner, at_ms })
    }

    /// To a new run nobody attends yet: whoever comes first may claim it.
    fn of_new(next: Next<'a>) -> Self {
        Self::of(next).unwrap_or(Self {
            owner: None,
            at_ms: Some(0),
        })
    }
}

/// Everything that comes into being with a run. Only its first statement may go unmet.
pub(super) fn all_of_insert(project: &Project, insert: RunInsert<'_>) -> Stored<Vec<Statement>> {
    let run = insert.run;
    let mut statements = vec![match insert.thread {
        Some(thread) => insert_of_thread(project, thread, Some(&run.id))?,
        None => Statement::new(
            "UPDATE threads SET active_run = ?1 \
             WHERE id = ?2 AND project = ?3 AND deleted = 0 AND active_run IS NULL",
        )
        .bind(run.id.as_str())
        .bind(run.thread_id.as_str())
        .bind(project.as_str())
        .of_one_row(),
    }];
    for message in insert.messages {
        statements.push(insert_of_message(project, message)?);
    }
    statements.push(insert_of_run(project, run, Attention::of_new(insert.next))?);
    writes_of_run(project, run, insert.writes, &mut statements)?;
    if insert.next == Next::Ended {
        statements.push(freeing(run));
    }
    Ok(statements)
}

/// Everything that changes with a run. Only the run's own update may go unmet.
pub(super) fn all_of_commit(
    dialect: Dialect,
    project: &Project,
    commit: RunCommit<'_>,
) -> Stored<Vec<Statement>> {
    let lock = dialect.lock_of_thread(commit.run.thread_id.as_str());
    let mut statements: Vec<_> = lock.into_iter().collect();
    statements.push(update_of_run(project, commit)?);
    writes_of_run(project, commit.run, commit.writes, &mut statements)?;
    match commit.next {
        Next::Ended => statements.push(freeing(commit.run)),
        // Whoever drives the run has to hear of it.
        Next::Same => statements.extend(dialect.bell(commit.run.id.as_str())),
        Next::Driven { .. } | Next::Waits(_) => {}
    }
    Ok(statements)
}

/// Replaces a run, if nobody else has.
fn update_of_run(project: &Project, commit: RunCommit<'_>) -> Stored<Statement> {
    macro_rules! update {
        ($attention:literal) => {
            concat!(
                "UPDATE runs SET data = ?1, expires_at = ?2, version = version + 1",
                $attention,
                " WHERE id = ?3 AND thread_id = ?4 AND version = ?5 AND token = ?6 \
                 AND EXISTS (SELECT 1 FROM threads WHERE id = ?4 AND project = ?7 AND deleted = 0)"
            )
        };
    }
    let attention = Attention::of(commit.next);
    let statement = Statement::new(match attention {
        Some(_) => update!(", owner = ?8, attend_at = ?9"),
        None => update!(""),
    })
    .bind(encode(commit.run.id.as_str(), commit.run)?)
    .bind(commit.run.expires_at.0)
    .bind(commit.run.id.as_str())
    .bind(commit.run.thread_id.as_str())
    .bind(commit.version)
    .bind(commit.token)
    .bind(project.as_str())
    .of_one_row();
    Ok(match attention {
        Some(attention) => statement.bind(attention.owner).bind(attention.at_ms),
        None => statement,
    })
}

/// Gives a run's thread free, if it is this run's.
fn freeing(run: &Run) -> Statement {
    Statement::new("UPDATE threads SET active_run = NULL WHERE id = ?1 AND active_run = ?2")
        .bind(run.thread_id.as_str())
        .bind(run.id.as_str())
}

/// Adds a run.
fn insert_of_run(project: &Project, run: &Run, attention: Attention<'_>) -> Stored<Statement> {
    let id = run.id.as_str();
    Ok(Statement::new(
        "INSERT INTO runs (id, project, created_at, thread_id, version, token, owner, attend_at, expires_at, data) \
         VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, ?6, ?7, ?8)",
    )
    .bind(id)
    .bind(project.as_str())
    .bind(run.created_at.0)
    .bind(run.thread_id.as_str())
    .bind(attention.owner)
    .bind(attention.at_ms)
    .bind(run.expires_at.0)
    .bind(encode(id, run)?))
}

/// Adds statements for a run's steps and messages.
fn writes_of_run(
    project: &Project,
    run: &Run,
    writes: &[Write],
    to: &mut Vec<Statement>,
) -> Stored<()> {
    for write in writes {
        to.push(match write {
            Write::Step(step) => put_step(project, step)?,
            Write::Message(message) => put_message(project, message)?,
            Write::DropStep(id) => Statement::new(
                "UPDATE steps SET deleted = 1, data = '' WHERE id = ?1 AND run_id = ?2 AND deleted = 0",
            )
            .bind(id.as_str())
            .bind(run.id.as_str()),
            Write::DropMessage(id) => Statement::new(
                "UPDATE messages SET deleted = 1, data = '', version = version + 1 \
                 WHERE id = ?1 AND thread_id = ?2 AND deleted = 0",
            )
            .bind(id.as_str())
            .bind(run.thread_id.as_str()),
        });
    }
    Ok(())
}

/// Adds a step, or replaces it in its place, unless it was taken back.
fn put_step(project: &Project, step: &Step) -> Stored<Statement> {
    let id = step.id.as_str();
    let message_id = match &step.details {
        StepDetails::Message(id) => Some(id.as_str()),
        StepDetails::Calls(_) => None,
    };
    Ok(Statement::new(
        "INSERT INTO steps (id, project, created_at, thread_id, run_id, status, message_id, deleted, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8) \
         ON CONFLICT (id) DO UPDATE SET \
         status = excluded.status, message_id = excluded.message_id, data = excluded.data \
         WHERE steps.run_id = excluded.run_id AND steps.deleted = 0",
    )
    .bind(id)
    .bind(project.as_str())
    .bind(step.created_at.0)
    .bind(step.thread_id.as_str())
    .bind(step.run_id.as_str())
    .bind(word(step.status))
    .bind(message_id)
    .bind(encode(id, step)?))
}

/// Adds a message, or replaces it in its place, unless it was taken back or a client has deleted it.
fn put_message(project: &Project, message: &Message) -> Stored<Statement> {
    let id = message.id.as_str();
    Ok(Statement::new(
        "INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, ?6) \
         ON CONFLICT (id) DO UPDATE SET data = excluded.data, version = messages.version + 1 \
         WHERE messages.thread_id = excluded.thread_id AND messages.deleted = 0",
    )
    .bind(id)
    .bind(project.as_str())
    .bind(message.created_at.0)
    .bind(message.thread_id.as_str())
    .bind(message.run_id.as_ref().map(RunId::as_str))
    .bind(encode(id, message)?))
}

/// How a step's status stands in its row; statements ask for `in_progress`.
fn word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::InProgress => "in_progress",
        StepStatus::Cancelled => "cancelled",
        StepStatus::Failed => "failed",
        StepStatus::Completed => "completed",
        StepStatus::Expired => "expired",
    }
}
