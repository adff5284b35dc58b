//! `/v1/threads/{thread_id}/runs`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{RawQuery, Request, State},
    response::Response,
};
use http::HeaderValue;
use locum_domain::{
    project::Project,
    run::{Run, RunStatus, ServedBy},
};
use locum_engine::assistants::{RunEvents, StartedRun};

use super::{event_stream, for_clients, json};
use crate::{
    App, body,
    edge::{self, FALLBACK, MODEL, PROVIDER},
    error::HttpError,
    path_ids::PathIds,
    stream,
    wire::{
        encode,
        page::{PageRules, encode_page, page_query},
        query::Query,
        run::{self, RunObject},
        step::check_include,
    },
};

/// What a switch in a query takes.
const SWITCH: &[(&str, bool)] = &[("true", true), ("false", false)];

/// `POST /v1/threads/runs`
pub(crate) async fn create_thread_and_run(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    request: Request,
) -> Result<Response, HttpError> {
    let asked = run::parse_with_thread(&body::read(&app, request).await?)?;
    let started = app
        .assistants
        .create_thread_and_run(&project, asked.new, asked.stream)
        .await?;
    Ok(begun(&app, started))
}

/// `POST /v1/threads/{thread_id}/runs`
pub(crate) async fn create_run(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread]): PathIds<1>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, HttpError> {
    check_include(query.as_deref())?;
    let asked = run::parse(&body::read(&app, request).await?)?;
    let started = app
        .assistants
        .create_run(&project, &thread.into(), asked.new, asked.stream)
        .await?;
    Ok(begun(&app, started))
}

/// `GET /v1/threads/{thread_id}/runs`
pub(crate) async fn list_runs(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread]): PathIds<1>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let query = page_query(query.as_deref(), PageRules::USUAL)?;
    let page = app
        .assistants
        .list_runs(&project, &thread.into(), &query)
        .await?;
    let body = encode_page(&page, |it| it.id.as_str(), RunObject::from);
    Ok(json(body))
}

/// `GET /v1/threads/{thread_id}/runs/{run_id}`. With `stream=true`, which is Locum's own as OpenAI's Responses API has it, what
/// happens to the run until it rests.
pub(crate) async fn retrieve_run(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let (thread, id) = (thread.into(), id.into());
    let query = Query::of(query.as_deref());
    if query.word("stream", SWITCH)? == Some(true) {
        let events = app.assistants.watch_run(&project, &thread, &id).await?;
        return Ok(streamed(&app, events));
    }
    let run = app.assistants.retrieve_run(&project, &thread, &id).await?;
    Ok(one(&run))
}

/// `POST /v1/threads/{thread_id}/runs/{run_id}`
pub(crate) async fn modify_run(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
    request: Request,
) -> Result<Response, HttpError> {
    let metadata = run::parse_change(&body::read(&app, request).await?)?;
    let run = app
        .assistants
        .modify_run(&project, &thread.into(), &id.into(), metadata)
        .await?;
    Ok(one(&run))
}

/// `POST /v1/threads/{thread_id}/runs/{run_id}/cancel`. The body, if there is one, says nothing.
pub(crate) async fn cancel_run(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
) -> Result<Response, HttpError> {
    let run = app
        .assistants
        .cancel_run(&project, &thread.into(), &id.into())
        .await?;
    Ok(one(&run))
}

/// `POST /v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs`
pub(crate) async fn submit_tool_outputs(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
    request: Request,
) -> Result<Response, HttpError> {
    let asked = run::parse_outputs(&body::read(&app, request).await?)?;
    let started = app
        .assistants
        .submit_tool_outputs(
            &project,
            &thread.into(),
            &id.into(),
            asked.outputs,
            asked.stream,
        )
        .await?;
    Ok(begun(&app, started))
}

/// A run that was begun, or goes on: itself, or what happens to it.
fn begun(app: &App, started: StartedRun) -> Response {
    match started.events {
        None => one(&started.run),
        Some(events) => streamed(app, events),
    }
}

/// What happens to a run.
fn streamed(app: &App, events: RunEvents) -> Response {
    event_stream(stream::run_stream(
        Box::pin(for_clients(app, events)),
        Arc::clone(&app.world.clock),
    ))
}

/// A run, when to ask for it again, and who answered it.
fn one(run: &Run) -> Response {
    let mut response = json(encode(&RunObject::from(run)));
    let headers = response.headers_mut();
    if let Some(after) = poll_after(run.status) {
        headers.insert(edge::POLL_AFTER_MS, after);
    }
    if let Some(ServedBy {
        provider,
        model,
        fallback,
    }) = &run.served
    {
        let texts = [(PROVIDER, provider), (MODEL, model)];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        if *fallback {
            headers.insert(FALLBACK, HeaderValue::from_static("true"));
        }
    }
    response
}

/// Short while the model is at work, whose answers take a second or two; longer while the client's own program is.
fn poll_after(status: RunStatus) -> Option<HeaderValue> {
    match status {
        RunStatus::Queued | RunStatus::InProgress | RunStatus::Cancelling => {
            Some(HeaderValue::from_static("300"))
        }
        RunStatus::RequiresAction => Some(HeaderValue::from_static("1000")),
        _ => None,
    }
}
