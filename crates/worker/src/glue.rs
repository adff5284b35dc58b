//! What is written in JavaScript, because one call there saves dozens of crossings: `glue.js`.

use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::web_sys::{ReadableStream, Request, Response};

#[wasm_bindgen(module = "/src/glue.js")]
extern "C" {
    /// A request's method, address and headers, as lines.
    #[wasm_bindgen(js_name = requestHead)]
    pub(crate) fn request_head(request: &Request) -> String;

    /// A response with these headers, as lines, and this body.
    #[wasm_bindgen(catch)]
    pub(crate) fn respond(status: u16, lines: &str, body: &JsValue) -> Result<Response, JsValue>;

    /// A body that is read a piece at a time.
    pub(crate) type Pieces;

    #[wasm_bindgen(constructor, catch)]
    pub(crate) fn new(stream: &ReadableStream, is_paced: bool) -> Result<Pieces, JsValue>;

    /// What has come: `undefined` at the end, `null` where one has to wait.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn take(this: &Pieces) -> Result<JsValue, JsValue>;

    /// The promise that there is something to take.
    #[wasm_bindgen(method)]
    pub(crate) fn ready(this: &Pieces) -> Promise;

    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &Pieces);

    /// Writes a data point; the texts are lines.
    #[wasm_bindgen(js_name = writePoint, catch)]
    pub(crate) fn write_point(
        dataset: &JsValue,
        index: &str,
        blobs: &str,
        doubles: &[f64],
    ) -> Result<(), JsValue>;

    /// A request to somebody else.
    pub(crate) type Call;

    #[wasm_bindgen(constructor)]
    pub(crate) fn open() -> Call;

    /// The promise of the response's status and headers, as lines.
    #[wasm_bindgen(method)]
    pub(crate) fn send(
        this: &Call,
        url: &str,
        method: &str,
        lines: &str,
        body: Option<Uint8Array>,
    ) -> Promise;

    /// The promise of all of the response's body.
    #[wasm_bindgen(method)]
    pub(crate) fn whole(this: &Call) -> Promise;

    /// The response's body.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn pieces(this: &Call) -> Result<Option<Pieces>, JsValue>;

    #[wasm_bindgen(method, js_name = hangUp)]
    pub(crate) fn hang_up(this: &Call);
}

/// Headers as lines: name and value in turn.
pub(crate) fn lines(headers: &HeaderMap) -> String {
    let mut lines = String::with_capacity(1024);
    for (name, value) in headers {
        lines.push_str(name.as_str());
        lines.push('\n');
        lines.push_str(&String::from_utf8_lossy(value.as_bytes()));
        lines.push('\n');
    }
    lines
}

/// Adds headers that come as lines. What can be no header is left out.
pub(crate) fn read_lines<'a>(mut lines: impl Iterator<Item = &'a str>, to: &mut HeaderMap) {
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            to.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_went() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("a", "1"),
            ("set-cookie", "x=y"),
            ("set-cookie", "z"),
            ("b", ""),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        headers.insert("name", HeaderValue::from_bytes("Zoë".as_bytes()).unwrap());
        let mut back = HeaderMap::new();
        read_lines(lines(&headers).split('\n'), &mut back);
        assert_eq!(back, headers);
    }

    #[test]
    fn what_is_no_header_is_left_out() {
        let mut headers = HeaderMap::new();
        read_lines("a b\n1\nc\n2\n\u{1}\nx\nend".split('\n'), &mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["c"], "2");
    }
}
