//! Pages of lists, and what is wrong with a cursor that names nothing.

use locum_domain::{
    error::ApiError,
    page::{Page, PageQuery},
};

use super::store_failed;
use crate::store::{MaybePage, Stored};

/// The page that `query` asks for. `list` asks the store; `noun` is what the list holds.
///
/// # Errors
/// 400 for a cursor that names no object of the list, with the one at fault as `param`; the store's.
pub(super) async fn page<T, F>(
    query: &PageQuery,
    noun: &str,
    list: impl Fn(PageQuery) -> F,
) -> Result<Page<T>, ApiError>
where
    F: Future<Output = Stored<MaybePage<T>>>,
{
    if let Some(page) = list(query.clone()).await.map_err(store_failed)? {
        return Ok(page);
    }
    match (&query.after, &query.before) {
        (Some(after), Some(before)) => {
            let with_one = PageQuery {
                limit: 1,
                before: None,
                ..query.clone()
            };
            let found = list(with_one).await.map_err(store_failed)?;
            Err(if found.is_none() {
                ApiError::no_such_cursor("after", noun, after)
            } else {
                ApiError::no_such_cursor("before", noun, before)
            })
        }
        (Some(after), None) => Err(ApiError::no_such_cursor("after", noun, after)),
        (None, Some(before)) => Err(ApiError::no_such_cursor("before", noun, before)),
        (None, None) => {
            tracing::error!(noun, "the store missed a cursor that nobody gave");
            Err(ApiError::internal())
        }
    }
}
