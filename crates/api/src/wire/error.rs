//! Errors as OpenAI states them.

use locum_domain::error::ApiError;
use serde::Serialize;

use super::encode;

#[derive(Serialize)]
struct Body<'a> {
    error: Fields<'a>,
}

/// All four keys, always: programs read them without asking whether they are there.
#[derive(Serialize)]
struct Fields<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// `{"error": {"message", "type", "param", "code"}}`.
pub fn body(error: &ApiError) -> Vec<u8> {
    encode(&Body {
        error: Fields {
            message: &error.message,
            r#type: &error.kind,
            param: error.param.as_deref(),
            code: error.code.as_deref(),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn all_four_keys_are_there() {
        let body: Value = serde_json::from_slice(&body(&ApiError::internal())).unwrap();
        assert_eq!(
            body,
            json!({"error": {
                "message": "The server had an error while processing your request. Sorry about that!",
                "type": "server_error", "param": null, "code": null,
            }})
        );
    }

    #[test]
    fn param_and_code_are_told() {
        let error = ApiError::invalid_param("messages[2].content", "no \"such\" thing").code("x");
        let body: Value = serde_json::from_slice(&body(&error)).unwrap();
        assert_eq!(
            body,
            json!({"error": {
                "message": "no \"such\" thing", "type": "invalid_request_error",
                "param": "messages[2].content", "code": "x",
            }})
        );
    }
}
