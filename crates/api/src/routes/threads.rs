//! `/v1/threads`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{RawQuery, Request, State},
    response::Response,
};
use locum_domain::project::Project;

use super::json;
use crate::{
    App, body,
    error::HttpError,
    path_ids::PathIds,
    wire::{
        deleted::encode_deleted,
        encode,
        page::{PageRules, encode_page, page_query},
        thread::{self, ThreadObject},
    },
};

/// `POST /v1/threads`
pub(crate) async fn create_thread(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    request: Request,
) -> Result<Response, HttpError> {
    let new = thread::parse_new(&body::read(&app, request).await?)?;
    let thread = app.assistants.create_thread(&project, new).await?;
    Ok(json(encode(&ThreadObject::from(&thread))))
}

/// `GET /v1/threads`, which OpenAI's API does not have.
pub(crate) async fn list_threads(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let query = page_query(query.as_deref(), PageRules::USUAL)?;
    let page = app.assistants.list_threads(&project, &query).await?;
    let body = encode_page(&page, |it| it.id.as_str(), ThreadObject::from);
    Ok(json(body))
}

/// `GET /v1/threads/{thread_id}`
pub(crate) async fn retrieve_thread(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let thread = app.assistants.retrieve_thread(&project, &id.into()).await?;
    Ok(json(encode(&ThreadObject::from(&thread))))
}

/// `POST /v1/threads/{thread_id}`
pub(crate) async fn modify_thread(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
    request: Request,
) -> Result<Response, HttpError> {
    let change = thread::parse_change(&body::read(&app, request).await?)?;
    let thread = app
        .assistants
        .modify_thread(&project, &id.into(), change)
        .await?;
    Ok(json(encode(&ThreadObject::from(&thread))))
}

/// `DELETE /v1/threads/{thread_id}`
pub(crate) async fn delete_thread(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let id = id.into();
    app.assistants.delete_thread(&project, &id).await?;
    Ok(json(encode_deleted(id.as_str(), "thread.deleted")))
}
