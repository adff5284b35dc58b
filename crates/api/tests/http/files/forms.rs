//! Forms: fields in any order, and everything that a form can have wrong with it.

use bytes::Bytes;
use http::{Method, StatusCode};
use proptest::{collection::vec, prelude::*};

use super::{PATH, content, field, file, form, sent};
use crate::support::{Locum, chunked, request, with};

#[test]
fn fields_come_in_any_order() {
    let locum = Locum::new();
    let purpose = field("purpose", "vision");
    let file = file("\"x\"", "hello");
    let other = field("other", "ignored");
    let anchor = field("expires_after[anchor]", "created_at");
    let seconds = field("expires_after[seconds]", "3600");
    for parts in [
        vec![&purpose, &file],
        vec![&file, &purpose],
        vec![&other, &file, &other, &purpose, &other],
        vec![&seconds, &file, &anchor, &purpose],
        vec![&file, &seconds, &purpose, &anchor],
    ] {
        let parts: Vec<String> = parts.into_iter().cloned().collect();
        let made = locum.ask(form(&parts)).json();
        assert_eq!(made["purpose"], "vision");
        assert_eq!(content(&locum, &made).text(), "hello");
    }
    // The last one counts.
    let parts = [field("purpose", "batch"), purpose, file];
    assert_eq!(locum.ask(form(&parts)).json()["purpose"], "vision");
}

#[test]
fn what_stands_around_the_parts_does_not_matter() {
    let locum = Locum::new();
    let parts = [field("purpose", "vision"), file("\"x\"", "hello")].concat();
    for body in [
        format!("preamble\r\n{parts}--cut--"),
        format!("\r\n{parts}--cut--\r\nepilogue"),
        format!("{parts}--cut-- \t\r\n"),
    ] {
        let made = locum.ask(sent(body)).json();
        assert_eq!(content(&locum, &made).text(), "hello");
    }
    for kind in [
        "Multipart/Form-Data; charset=utf-8; boundary=\"cut\"",
        "multipart/form-data;boundary=cut",
    ] {
        let body = format!("{parts}--cut--\r\n");
        let request = with("content-type", kind, request(Method::POST, PATH, body));
        assert_eq!(locum.ask(request).status, StatusCode::OK, "{kind}");
    }
}

#[test]
fn a_form_cut_anywhere_is_refused_and_leaves_nothing() {
    let whole = [
        field("purpose", "assistants"),
        file("\"x\"", "hello"),
        "--cut--".to_owned(),
    ]
    .concat();
    let behind = [
        file("\"x\"", "hello"),
        field("purpose", "assistants"),
        "--cut--".to_owned(),
    ]
    .concat();
    for whole in [whole, behind] {
        for end in 0..whole.len() {
            let locum = Locum::new();
            let cut = Bytes::copy_from_slice(&whole.as_bytes()[..end]);
            for body in [chunked([cut.clone()]), chunked(bytewise(&cut))] {
                let refusal = locum.ask(sent(body)).refusal();
                assert!(
                    refusal.message.contains("breaks off"),
                    "{end}: {}",
                    refusal.message
                );
            }
            assert!(locum.world.blobs.names().is_empty(), "cut at {end}");
        }
        let locum = Locum::new();
        let made = locum.ask(sent(chunked(bytewise(&Bytes::from(whole)))));
        assert_eq!(content(&locum, &made.json()).text(), "hello");
    }
}

fn bytewise(bytes: &Bytes) -> Vec<Bytes> {
    (0..bytes.len()).map(|at| bytes.slice(at..=at)).collect()
}

#[test]
fn what_is_no_form_is_refused() {
    let locum = Locum::new();
    let body = format!("{}--cut--\r\n", file("\"x\"", "x"));
    for kind in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/mixed; boundary=cut",
        "nonsense",
        "multipart/form-data; boundary=é",
    ] {
        let request = request(Method::POST, PATH, body.clone());
        let refusal = locum.ask(with("content-type", kind, request)).refusal();
        assert!(refusal.message.contains("multipart/form-data"), "{kind}");
    }
    let mut nothing = request(Method::POST, PATH, body.clone());
    nothing.headers_mut().remove("content-type");
    locum.ask(nothing).refusal();
    let endless = format!("multipart/form-data; boundary={}", "x".repeat(300));
    let request = request(Method::POST, PATH, body.clone());
    locum.ask(with("content-type", &endless, request)).refusal();
    let compressed = with("content-encoding", "gzip", sent(body));
    assert_eq!(locum.ask(compressed).status.as_u16(), 415);
}

#[test]
fn what_a_form_lacks_or_has_too_much_of_is_named() {
    let purpose = field("purpose", "assistants");
    let good = file("\"x\"", "hello");
    let named = |name: &str| file(&format!("\"{name}\""), "hello");
    let nameless = "--cut\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nhello\r\n";
    for (parts, param) in [
        (vec![], "file"),
        (vec![purpose.clone()], "file"),
        (vec![purpose.clone(), field("other", "x")], "file"),
        (vec![good.clone()], "purpose"),
        (vec![good.clone(), field("other", "x")], "purpose"),
        (vec![purpose.clone(), good.clone(), good.clone()], "file"),
        (vec![good.clone(), purpose.clone(), good.clone()], "file"),
        (vec![purpose.clone(), named("")], "file"),
        (vec![purpose.clone(), nameless.to_owned()], "file"),
        (vec![purpose.clone(), named(&"x".repeat(1025))], "file"),
        (
            vec![field("purpose", "batch_output"), good.clone()],
            "purpose",
        ),
        (vec![good.clone(), field("purpose", "")], "purpose"),
        (
            vec![good.clone(), field("purpose", "Assistants")],
            "purpose",
        ),
        (
            vec![good.clone(), field("purpose", &"x".repeat(1025))],
            "purpose",
        ),
        (
            vec![field("purpose", &"x".repeat(100_000)), good],
            "purpose",
        ),
    ] {
        let locum = Locum::new();
        let refusal = locum.ask(form(&parts)).refusal();
        assert_eq!(refusal.param.as_deref(), Some(param), "{parts:?}");
        assert!(locum.world.blobs.names().is_empty(), "{parts:?}");
    }
    let locum = Locum::new();
    let refusal = locum.ask(form(&[field("purpose", "x"), file("\"x\"", "x")]));
    assert_eq!(
        refusal.refusal().message,
        "Invalid value: 'x'. Supported values are: 'assistants', 'batch', 'fine-tune', 'vision', 'user_data', and 'evals'."
    );
    let missing = locum.ask(form(&[purpose])).refusal();
    assert_eq!(missing.message, "Missing required parameter: 'file'.");
}

#[test]
fn a_form_of_too_many_parts_is_refused() {
    let locum = Locum::new();
    let mut parts = vec![field("other", "x"); 30];
    parts.push(field("purpose", "vision"));
    parts.push(file("\"x\"", "hello"));
    assert_eq!(locum.ask(form(&parts)).status, StatusCode::OK);
    parts.push(field("other", "x"));
    let refusal = locum.ask(form(&parts)).refusal();
    assert_eq!(refusal.message, "The form has more than 32 parts.");
    assert_eq!(locum.world.blobs.names().len(), 1);
}

#[test]
fn headers_of_parts_are_limited() {
    let locum = Locum::new();
    let with_headers = |headers: &str| {
        format!(
            "{}--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x\"\r\n\
             {headers}\r\n\r\nhello\r\n--cut--\r\n",
            field("purpose", "vision")
        )
    };
    let fine = with_headers(&format!("x-padding: {}", "x".repeat(10_000)));
    assert_eq!(locum.ask(sent(fine)).status, StatusCode::OK);
    for headers in [
        format!("x-padding: {}", "x".repeat(20_000)),
        format!("x-padding: {}", "x".repeat(10_000_000)),
        "x: y\r\n".repeat(40) + "x: y",
        "no colon".to_owned(),
        "x\0: y".to_owned(),
        "x: \u{1}\u{2}".to_owned(),
    ] {
        let body = Bytes::from(with_headers(&headers));
        locum.ask(sent(body.clone())).refusal();
        let pieces: Vec<Bytes> = body.chunks(4096).map(Bytes::copy_from_slice).collect();
        locum.ask(sent(chunked(pieces))).refusal();
    }
    assert_eq!(locum.world.blobs.names().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A form of pieces that mean something, in any order, in pieces of any size: answered or refused, and what is refused
    /// leaves nothing.
    #[test]
    fn whatever_a_form_says_it_is_no_fault_of_ours(
        tokens in vec(prop_oneof![
            Just("--cut\r\n"), Just("--cut--"), Just("--"), Just("cut"), Just("\r\n"), Just("\r"), Just("\n"),
            Just("content-disposition: form-data; name=\"file\"; filename=\"x\"\r\n"),
            Just("content-disposition: form-data; name=\"purpose\"\r\n"),
            Just("content-disposition: form-data; name=\"expires_after\"\r\n"),
            Just("vision"), Just("{\"anchor\":"), Just("\""), Just("\0"), Just("é"),
        ], 0..24),
        size in 1usize..64,
    ) {
        let body = Bytes::from(tokens.concat());
        let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        let locum = Locum::new();
        let answer = locum.ask(sent(chunked(pieces)));
        let status = answer.status.as_u16();
        prop_assert!(status == 200 || status == 400, "{status} for {body:?}: {}", answer.text());
        prop_assert_eq!(locum.world.blobs.names().len(), usize::from(status == 200));
    }

    #[test]
    fn whatever_bytes_a_file_holds_they_come_back(bytes in vec(any::<u8>(), 0..400), size in 1usize..64) {
        let head = [field("purpose", "vision"), file("\"x\"", "")].concat();
        let mut body = head.trim_end_matches("\r\n").as_bytes().to_vec();
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&bytes);
        body.extend_from_slice(b"\r\n--cut--\r\n");
        let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        let locum = Locum::new();
        let made = locum.ask(sent(chunked(pieces))).json();
        prop_assert_eq!(&content(&locum, &made).body[..], &bytes[..]);
    }
}
