//! `/v1/threads/{thread_id}/messages`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{RawQuery, Request, State},
    response::Response,
};
use locum_domain::{id::RunId, project::Project};

use super::json;
use crate::{
    App, body,
    error::HttpError,
    path_ids::PathIds,
    wire::{
        deleted::encode_deleted,
        encode,
        message::{self, MessageObject},
        page::{PageRules, encode_page, page_query},
        query::Query,
    },
};

/// `POST /v1/threads/{thread_id}/messages`
pub(crate) async fn create_message(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread]): PathIds<1>,
    request: Request,
) -> Result<Response, HttpError> {
    let new = message::parse_new(&body::read(&app, request).await?)?;
    let message = app
        .assistants
        .create_message(&project, &thread.into(), new)
        .await?;
    Ok(json(encode(&MessageObject::from(&message))))
}

/// `GET /v1/threads/{thread_id}/messages`
pub(crate) async fn list_messages(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread]): PathIds<1>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let page = page_query(query.as_deref(), PageRules::USUAL)?;
    let run = Query::of(query.as_deref()).id("run_id").map(RunId::from);
    let page = app
        .assistants
        .list_messages(&project, &thread.into(), run.as_ref(), &page)
        .await?;
    let body = encode_page(&page, |it| it.id.as_str(), MessageObject::from);
    Ok(json(body))
}

/// `GET /v1/threads/{thread_id}/messages/{message_id}`
pub(crate) async fn retrieve_message(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
) -> Result<Response, HttpError> {
    let message = app
        .assistants
        .retrieve_message(&project, &thread.into(), &id.into())
        .await?;
    Ok(json(encode(&MessageObject::from(&message))))
}

/// `POST /v1/threads/{thread_id}/messages/{message_id}`
pub(crate) async fn modify_message(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
    request: Request,
) -> Result<Response, HttpError> {
    let metadata = message::parse_change(&body::read(&app, request).await?)?;
    let message = app
        .assistants
        .modify_message(&project, &thread.into(), &id.into(), metadata)
        .await?;
    Ok(json(encode(&MessageObject::from(&message))))
}

/// `DELETE /v1/threads/{thread_id}/messages/{message_id}`
pub(crate) async fn delete_message(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, id]): PathIds<2>,
) -> Result<Response, HttpError> {
    let id = id.into();
    app.assistants
        .delete_message(&project, &thread.into(), &id)
        .await?;
    Ok(json(encode_deleted(id.as_str(), "thread.message.deleted")))
}
