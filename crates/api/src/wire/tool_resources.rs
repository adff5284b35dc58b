//! `tool_resources` of assistants and threads: kept and given back, for the tools that will use them.

use locum_domain::{assistant::ToolResources, error::ApiError};
use serde::Serialize;

use super::{at::At, fault};

const MAX_FILES: usize = 20;
const MAX_VECTOR_STORES: usize = 1;

/// Reads resources.
pub(super) fn tool_resources(at: &At<'_, '_>) -> Result<ToolResources, ApiError> {
    let at = at.object()?;
    let code_interpreter = at.get("code_interpreter").map(At::object).transpose()?;
    let file_search = at.get("file_search").map(At::object).transpose()?;
    if let Some(stores) = file_search.as_ref().and_then(|it| it.get("vector_stores")) {
        return Err(fault::unsupported(
            stores.path(),
            "This server cannot make vector stores yet.",
        ));
    }
    Ok(ToolResources {
        code_interpreter_file_ids: code_interpreter
            .map(|it| ids(&it, "file_ids", MAX_FILES))
            .transpose()?,
        file_search_vector_store_ids: file_search
            .map(|it| ids(&it, "vector_store_ids", MAX_VECTOR_STORES))
            .transpose()?,
    })
}

/// The resources of a new object; `None` where they are absent or null.
pub(super) fn new(body: &At<'_, '_>) -> Result<Option<ToolResources>, ApiError> {
    body.get("tool_resources")
        .map(|at| tool_resources(&at))
        .transpose()
}

fn ids(tool: &At<'_, '_>, key: &str, max: usize) -> Result<Vec<String>, ApiError> {
    let Some(at) = tool.get(key) else {
        return Ok(Vec::new());
    };
    let items = at.items()?;
    if items.len() > max {
        return Err(fault::long_array(at.path(), max, items.len()));
    }
    items.map(|item| item.id()).collect()
}

/// Resources.
#[derive(Serialize)]
pub(crate) struct ToolResourcesObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code_interpreter: Option<CodeInterpreter<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_search: Option<FileSearch<'a>>,
}

#[derive(Serialize)]
struct CodeInterpreter<'a> {
    file_ids: &'a [String],
}

#[derive(Serialize)]
struct FileSearch<'a> {
    vector_store_ids: &'a [String],
}

impl<'a> From<&'a ToolResources> for ToolResourcesObject<'a> {
    fn from(resources: &'a ToolResources) -> Self {
        let files = resources.code_interpreter_file_ids.as_deref();
        let stores = resources.file_search_vector_store_ids.as_deref();
        Self {
            code_interpreter: files.map(|file_ids| CodeInterpreter { file_ids }),
            file_search: stores.map(|vector_store_ids| FileSearch { vector_store_ids }),
        }
    }
}
