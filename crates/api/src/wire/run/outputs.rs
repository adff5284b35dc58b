//! What functions returned.

use locum_domain::{error::ApiError, run::ToolOutput};

use crate::wire::{at::At, json};

/// What a client hands to a run that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outputs {
    /// In the order in which they were given.
    pub outputs: Vec<ToolOutput>,
    /// Whether the run's further events are wanted.
    pub stream: bool,
}

/// Reads `{"tool_outputs", "stream"}`. Whether these are the outputs that the run waits for is not looked at.
///
/// # Errors
/// 400, `param` naming the field at fault.
pub(crate) fn parse_outputs(body: &[u8]) -> Result<Outputs, ApiError> {
    let json = json::parse(body)?;
    let body = At::root(&json);
    let list = body.require("tool_outputs")?;
    let outputs = list.objects()?.map(output).collect::<Result<_, _>>()?;
    Ok(Outputs {
        outputs,
        stream: body.flag("stream")?,
    })
}

/// OpenAI's document lets both members be left out. An output of nothing is an empty one; one of no call is none.
fn output(at: At<'_, '_>) -> Result<ToolOutput, ApiError> {
    let at = at.object()?;
    Ok(ToolOutput {
        call_id: at.require("tool_call_id")?.filled_string()?.to_owned(),
        output: at.text("output")?.unwrap_or_default(),
    })
}
