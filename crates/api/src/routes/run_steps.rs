//! `/v1/threads/{thread_id}/runs/{run_id}/steps`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
};
use locum_domain::project::Project;

use super::json;
use crate::{
    App,
    error::HttpError,
    path_ids::PathIds,
    wire::{
        encode,
        page::{PageRules, encode_page, page_query},
        step::{StepObject, check_include},
    },
};

/// `GET /v1/threads/{thread_id}/runs/{run_id}/steps`
pub(crate) async fn list_run_steps(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, run]): PathIds<2>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    check_include(query.as_deref())?;
    let query = page_query(query.as_deref(), PageRules::USUAL)?;
    let page = app
        .assistants
        .list_run_steps(&project, &thread.into(), &run.into(), &query)
        .await?;
    let body = encode_page(&page, |it| it.id.as_str(), StepObject::from);
    Ok(json(body))
}

/// `GET /v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}`
pub(crate) async fn retrieve_run_step(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([thread, run, id]): PathIds<3>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    check_include(query.as_deref())?;
    let step = app
        .assistants
        .retrieve_run_step(&project, &thread.into(), &run.into(), &id.into())
        .await?;
    Ok(json(encode(&StepObject::from(&step))))
}
