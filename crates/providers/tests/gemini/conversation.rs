//! Roles, turns, content parts.

use locum_domain::{
    chat::{Detail, MediaSource, Message, Part},
    failure::FailureClass,
};
use serde_json::json;

use crate::{
    ALIAS, ANCIENT, GEMMA, MIDDLE, NEW, OLD, asks, assistant, call, calls, media, png, refused,
    result, sent, system, user, user_parts,
};

#[test]
fn every_system_message_is_part_of_the_instruction_in_order() {
    let body = sent(&asks(
        NEW,
        [
            system("Be brief."),
            system("Be kind."),
            user("Hello"),
            assistant("Hi"),
            system("Now in French."),
            user("Bye"),
        ],
    ));
    assert_eq!(
        body,
        json!({
            "systemInstruction": {"parts": [
                {"text": "Be brief."}, {"text": "Be kind."}, {"text": "Now in French."},
            ]},
            "contents": [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": "Hi"}]},
                {"role": "user", "parts": [{"text": "Bye"}]},
            ],
        })
    );
}

#[test]
fn gemma_reads_the_instruction_before_the_first_user_text() {
    let body = sent(&asks(GEMMA, [system("Be brief."), user("Hello")]));
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "Be brief."}, {"text": "Hello"}]}]})
    );
    let body = sent(&asks(
        GEMMA,
        [system("Be brief."), assistant("Hi"), user("Bye")],
    ));
    assert_eq!(
        body["contents"][0],
        json!({"role": "user", "parts": [{"text": "Be brief."}]})
    );
}

#[test]
fn a_conversation_of_instructions_alone_gets_a_blank_user_turn() {
    let body = sent(&asks(NEW, [system("Write a poem.")]));
    assert_eq!(
        body,
        json!({
            "systemInstruction": {"parts": [{"text": "Write a poem."}]},
            "contents": [{"role": "user", "parts": [{"text": " "}]}],
        })
    );
}

#[test]
fn turns_of_one_side_in_a_row_are_merged() {
    let body = sent(&asks(
        NEW,
        [
            user("a"),
            user("b"),
            assistant("c"),
            assistant("d"),
            user("e"),
        ],
    ));
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
            {"role": "user", "parts": [{"text": "e"}]},
        ])
    );
}

#[test]
fn empty_texts_and_turns_are_dropped() {
    let body = sent(&asks(
        NEW,
        [
            system(""),
            user("a"),
            assistant(""),
            user(""),
            user_parts([Part::Text(String::new()), Part::Text("b".to_owned())]),
        ],
    ));
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]})
    );
    let nothing = sent(&asks(NEW, [user("")]));
    assert_eq!(
        nothing,
        json!({"contents": [{"role": "user", "parts": [{"text": " "}]}]})
    );
}

#[test]
fn a_conversation_that_the_model_begins_gets_a_blank_user_turn_first() {
    let body = sent(&asks(NEW, [assistant("How can I help?"), user("Hello")]));
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": " "}]},
            {"role": "model", "parts": [{"text": "How can I help?"}]},
            {"role": "user", "parts": [{"text": "Hello"}]},
        ])
    );
}

#[test]
fn a_history_that_begins_with_a_call_is_sound() {
    let body = sent(&asks(
        NEW,
        [
            calls([call("call_1", "now", "{}")]),
            result("call_1", "noon"),
        ],
    ));
    let roles: Vec<_> = body["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|content| content["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "model", "user"]);
}

#[test]
fn a_conversation_that_the_model_ends_is_asked_to_go_on_from_3_6() {
    let messages = [user("Count."), assistant("One, two,")];
    for model in [NEW, ALIAS, "gemini-3.6-flash"] {
        let body = sent(&asks(model, messages.clone()));
        assert_eq!(
            body["contents"][2],
            json!({"role": "user", "parts": [{"text": "Continue."}]}),
            "{model}"
        );
    }
    for model in [OLD, MIDDLE, "gemini-3.5-flash", GEMMA] {
        let body = sent(&asks(model, messages.clone()));
        assert_eq!(body["contents"].as_array().unwrap().len(), 2, "{model}");
    }
}

#[test]
fn names_of_users_are_told_where_there_are_several() {
    let says = |name: &str, text: &str| Message::User {
        name: Some(name.to_owned()),
        parts: vec![Part::Text(text.to_owned())],
    };
    let two = sent(&asks(NEW, [says("ann", "Hi"), says("bob", "Ho")]));
    assert_eq!(
        two["contents"][0]["parts"],
        json!([{"text": "ann: Hi"}, {"text": "bob: Ho"}])
    );
    let one = sent(&asks(NEW, [says("ann", "Hi"), says("ann", "Ho")]));
    assert_eq!(
        one["contents"][0]["parts"],
        json!([{"text": "Hi"}, {"text": "Ho"}])
    );
}

#[test]
fn a_data_uri_becomes_inline_data() {
    let body = sent(&asks(
        NEW,
        [user_parts([
            Part::Text("What is it?".to_owned()),
            Part::Media(png()),
        ])],
    ));
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"text": "What is it?"},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        ])
    );
}

#[test]
fn audio_and_documents_become_inline_data() {
    let sound = media(
        MediaSource::Inline("AAAA".to_owned()),
        Some("audio/mp3"),
        None,
    );
    let document = media(
        MediaSource::Inline("AAAA".to_owned()),
        None,
        Some("report.PDF"),
    );
    let unnamed = media(MediaSource::Inline("JVBERi0xLjc=".to_owned()), None, None);
    let body = sent(&asks(
        NEW,
        [user_parts([
            Part::Media(sound),
            Part::Media(document),
            Part::Media(unnamed),
        ])],
    ));
    assert_eq!(
        body["contents"][0]["parts"],
        json!([
            {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjc="}},
        ])
    );
}

#[test]
fn inline_media_of_unknown_type_are_the_callers_fault() {
    let blob = media(MediaSource::Inline("AAAA".to_owned()), None, None);
    let failure = refused(&asks(NEW, [user_parts([Part::Media(blob)])]));
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert_eq!(failure.status, Some(400));
}

#[test]
fn an_image_address_becomes_file_data_that_google_fetches() {
    let url = "https://pictures.example/cat.jpg?size=2";
    let at = |url: &str| Part::Media(media(MediaSource::Url(url.to_owned()), None, None));
    for model in [OLD, MIDDLE, NEW, ALIAS] {
        let body = sent(&asks(
            model,
            [user_parts([at(url), at("https://x.example/cat")])],
        ));
        assert_eq!(
            body["contents"][0]["parts"],
            json!([
                {"fileData": {"mimeType": "image/jpeg", "fileUri": url}},
                {"fileData": {"fileUri": "https://x.example/cat"}},
            ]),
            "{model}"
        );
    }
    for model in [ANCIENT, GEMMA] {
        let failure = refused(&asks(model, [user_parts([at(url)])]));
        assert_eq!(failure.class, FailureClass::Unsupported, "{model}");
    }
}

#[test]
fn a_file_by_id_is_refused() {
    let file = media(MediaSource::File("file-abc".to_owned()), None, None);
    let failure = refused(&asks(NEW, [user_parts([Part::Media(file)])]));
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert!(failure.message.contains("file-abc"));
}

#[test]
fn image_detail_is_the_resolution_of_the_part_from_generation_3_on() {
    let with = |detail| {
        let mut image = png();
        image.detail = detail;
        asks(NEW, [user_parts([Part::Media(image)])])
    };
    let level =
        |detail| sent(&with(detail))["contents"][0]["parts"][0]["mediaResolution"]["level"].clone();
    assert_eq!(level(Some(Detail::Low)), json!("MEDIA_RESOLUTION_LOW"));
    assert_eq!(level(Some(Detail::High)), json!("MEDIA_RESOLUTION_HIGH"));
    assert_eq!(level(Some(Detail::Auto)), json!(null));
    assert_eq!(level(None), json!(null));
}

#[test]
fn image_detail_is_the_resolution_of_the_request_before_generation_3() {
    let with = |details: &[Option<Detail>]| {
        let parts: Vec<Part> = details
            .iter()
            .map(|&detail| {
                let mut image = png();
                image.detail = detail;
                Part::Media(image)
            })
            .collect();
        let body = sent(&asks(OLD, [user_parts(parts)]));
        assert_eq!(body["contents"][0]["parts"][0].get("mediaResolution"), None);
        body["generationConfig"]["mediaResolution"].clone()
    };
    let (low, high) = (Some(Detail::Low), Some(Detail::High));
    assert_eq!(with(&[low, low]), json!("MEDIA_RESOLUTION_LOW"));
    assert_eq!(with(&[low, high]), json!("MEDIA_RESOLUTION_HIGH"));
    assert_eq!(with(&[low, None]), json!(null));
    assert_eq!(with(&[Some(Detail::Auto)]), json!(null));
}

#[test]
fn a_refusal_in_the_history_is_text_of_the_model() {
    let body = sent(&asks(
        NEW,
        [user("a"), assistant("I cannot help with that."), user("b")],
    ));
    assert_eq!(
        body["contents"][1],
        json!({"role": "model", "parts": [{"text": "I cannot help with that."}]})
    );
}
