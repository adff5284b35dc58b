//! `/v1/files`.

mod form;
mod upload;

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{RawQuery, Request, State},
    response::Response,
};
use futures_util::TryStreamExt;
use http::{HeaderValue, header};
use locum_domain::{id::FileId, project::Project};

use self::form::Form;
use super::json;
use crate::{
    App,
    error::HttpError,
    path_ids::PathIds,
    wire::{
        deleted::encode_deleted,
        encode,
        files::{self, FileObject},
        page::{PageRules, encode_page, page_query},
    },
};

/// `POST /v1/files`. The bytes go on as they come: nothing of the file is kept in memory.
pub(crate) async fn create_file(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    request: Request,
) -> Result<Response, HttpError> {
    let mut form = Form::of(&app, request)?;
    let bytes = form.file().await?;
    let file = app
        .assistants
        .receive_file(&project, bytes, form.rest())
        .await?;
    Ok(json(encode(&FileObject::from(&file))))
}

/// `GET /v1/files`
pub(crate) async fn list_files(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let purpose = files::purpose(query.as_deref())?;
    let query = page_query(query.as_deref(), PageRules::FILES)?;
    let page = app.assistants.list_files(&project, purpose, &query).await?;
    Ok(json(encode_page(
        &page,
        |it| it.id.as_str(),
        FileObject::from,
    )))
}

/// `GET /v1/files/{file_id}`
pub(crate) async fn retrieve_file(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let id = FileId::from(id);
    let file = app.assistants.retrieve_file(&project, &id).await?;
    Ok(json(encode(&FileObject::from(&file))))
}

/// `DELETE /v1/files/{file_id}`
pub(crate) async fn delete_file(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let id = FileId::from(id);
    app.assistants.delete_file(&project, &id).await?;
    Ok(json(encode_deleted(id.as_str(), "file")))
}

/// `GET /v1/files/{file_id}/content`. Whatever the file is, browsers save it and do not open it.
pub(crate) async fn download_file(
    State(app): State<Arc<App>>,
    Extension(project): Extension<Project>,
    PathIds([id]): PathIds<1>,
) -> Result<Response, HttpError> {
    let id = FileId::from(id);
    let content = app.assistants.file_content(&project, &id).await?;
    let bytes = content
        .bytes
        .inspect_err(move |error| tracing::error!(file = %id, %error, "a file's bytes broke off"));
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(content.file.size_bytes),
    );
    let attachment = files::attachment(&content.file.filename);
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::try_from(attachment)
            .unwrap_or_else(|_| HeaderValue::from_static("attachment")),
    );
    Ok(response)
}
