//! `/v1/assistants`.

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
        assistant::{self, AssistantObject},
        deleted::encode_deleted,
        encode,
        page::{PageRules, encode_page, page_query},
    },
};

/// `POST /v1/assistants`
pub(crate) async fn create_assistant(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    request: Request,
) -> Result<Response, HttpError> {
    let profile = assistant::parse_new(&body::read(&app, request).await?)?;
    let assistant = app.assistants.create_assistant(&project, profile).await?;
    Ok(json(encode(&AssistantObject::from(&assistant))))
}

/// `GET /v1/assistants`
pub(crate) async fn list_assistants(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let query = page_query(query.as_deref(), PageRules::USUAL)?;
    let page = app.assistants.list_assistants(&project, &query).await?;
    let body = encode_page(&page, |it| it.id.as_str(), AssistantObject::from);
    Ok(json(body))
}

/// `GET /v1/assistants/{assistant_id}`
pub(crate) async fn retrieve_assistant(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let assistant = app
        .assistants
        .retrieve_assistant(&project, &id.into())
        .await?;
    Ok(json(encode(&AssistantObject::from(&assistant))))
}

/// `POST /v1/assistants/{assistant_id}`
pub(crate) async fn modify_assistant(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
    request: Request,
) -> Result<Response, HttpError> {
    let change = assistant::parse_change(&body::read(&app, request).await?)?;
    let assistant = app
        .assistants
        .modify_assistant(&project, &id.into(), change)
        .await?;
    Ok(json(encode(&AssistantObject::from(&assistant))))
}

/// `DELETE /v1/assistants/{assistant_id}`
pub(crate) async fn delete_assistant(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let id = id.into();
    app.assistants.delete_assistant(&project, &id).await?;
    Ok(json(encode_deleted(id.as_str(), "assistant.deleted")))
}
