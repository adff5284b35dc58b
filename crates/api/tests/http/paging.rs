//! What holds for every list: pages, their order and their cursors.

use serde_json::{Value, json};

use crate::support::Locum;

/// More than two pages of the largest size, all of the same second.
const OBJECTS: usize = 250;

/// A list and how its objects are made.
struct Listing {
    path: String,
    object: Value,
    noun: &'static str,
}

fn listings(locum: &Locum) -> Vec<Listing> {
    vec![
        Listing {
            path: "/v1/assistants".to_owned(),
            object: json!({"model": "m"}),
            noun: "assistant",
        },
        Listing {
            path: format!("/v1/threads/{}/messages", locum.thread()),
            object: json!({"role": "user", "content": "hello"}),
            noun: "message",
        },
        // Last, so that there is the one thread that the messages are in.
        Listing {
            path: "/v1/threads".to_owned(),
            object: json!({}),
            noun: "thread",
        },
    ]
}

impl Listing {
    fn page(&self, locum: &Locum, query: &str) -> Value {
        let page = locum.get(&format!("{}?{query}", self.path)).json();
        let ids = ids(&page);
        assert_eq!(page["object"], "list");
        assert_eq!(page["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(page["last_id"].as_str(), ids.last().map(String::as_str));
        assert!(page["has_more"].is_boolean());
        assert_eq!(page.as_object().unwrap().len(), 5);
        page
    }

    /// All ids, page by page as the SDKs ask for them.
    fn pager(&self, locum: &Locum, query: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..=OBJECTS {
            let page = self.page(locum, &format!("{query}{cursor}"));
            all.extend(ids(&page));
            if page["has_more"] == false {
                return all;
            }
            cursor = format!("&after={}", all.last().unwrap());
        }
        panic!("there is no end to the pages");
    }
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_empty_list_is_an_empty_page() {
    let locum = Locum::new();
    for path in ["/v1/assistants", "/v1/threads"] {
        let expected =
            r#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#;
        assert_eq!(locum.get(path).text(), expected);
    }
}

#[test]
fn pages_follow_each_other_in_both_orders_and_both_directions() {
    let locum = Locum::new();
    for listing in listings(&locum) {
        let mut made = if listing.noun == "thread" {
            ids(&listing.page(&locum, ""))
        } else {
            Vec::new()
        };
        while made.len() < OBJECTS {
            made.push(locum.make(&listing.path, &listing.object));
        }
        let newest_first: Vec<String> = made.iter().rev().cloned().collect();

        assert_eq!(listing.pager(&locum, ""), newest_first);
        assert_eq!(listing.pager(&locum, "order=asc&limit=100"), made);
        assert_eq!(listing.pager(&locum, "order=desc&limit=50"), newest_first);
        assert_eq!(listing.pager(&locum, "order=asc&limit=1")[..3], made[..3]);

        for (order, all) in [("asc", &made), ("desc", &newest_first)] {
            let page = |query: &str| {
                let page = listing.page(&locum, &format!("order={order}&{query}"));
                (ids(&page), page["has_more"] == true)
            };
            let (at, to) = (&all[120], &all[140]);
            assert_eq!(
                page(&format!("limit=7&before={at}")),
                (all[113..120].to_vec(), true)
            );
            assert_eq!(
                page(&format!("limit=100&before={}", all[3])),
                (all[..3].to_vec(), false)
            );
            assert_eq!(page(&format!("before={}", all[0])), (Vec::new(), false));
            assert_eq!(
                page(&format!("after={}", all[OBJECTS - 1])),
                (Vec::new(), false)
            );
            assert_eq!(
                page(&format!("after={at}&before={to}")),
                (all[121..140].to_vec(), false)
            );
            assert_eq!(
                page(&format!("limit=5&after={at}&before={to}")),
                (all[121..126].to_vec(), true)
            );
            assert_eq!(
                page(&format!("after={to}&before={at}")),
                (Vec::new(), false)
            );
        }

        let default = listing.page(&locum, "");
        assert_eq!(ids(&default).len(), 20);

        let gone = format!("{}/{}", listing.path, made[100]);
        locum.delete(&gone).json();
        let after = listing.page(&locum, &format!("order=asc&limit=2&after={}", made[100]));
        assert_eq!(
            ids(&after),
            made[101..103],
            "what is deleted still is a cursor"
        );
        let before = listing.page(&locum, &format!("order=asc&limit=2&before={}", made[100]));
        assert_eq!(ids(&before), made[98..100]);
    }
}

#[test]
fn cursors_name_objects_of_the_list() {
    let locum = Locum::new();
    let strangers = [locum.assistant(), locum.thread()];
    let elsewhere = format!("/v1/threads/{}/messages", strangers[1]);
    let message = locum.make(&elsewhere, &json!({"role": "user", "content": "a"}));
    for listing in listings(&locum) {
        let own = locum.make(&listing.path, &listing.object);
        let same_kind = |id: &str| id.split('_').next() == own.split('_').next();
        let foreign = strangers.iter().filter(|id| !same_kind(id));
        let foreign = foreign
            .map(String::as_str)
            .chain([message.as_str(), "none"]);
        for cursor in foreign {
            for param in ["after", "before"] {
                let answer = locum.get(&format!("{}?{param}={cursor}", listing.path));
                let error = answer.refusal();
                assert_eq!(error.param.as_deref(), Some(param));
                assert_eq!(
                    error.message,
                    format!("No {} found with id '{cursor}'.", listing.noun)
                );
            }
        }
    }
}

#[test]
fn odd_cursors_do_no_harm() {
    let locum = Locum::new();
    let long = "a".repeat(10_000);
    for cursor in [
        "%00",
        "..%2f..",
        "%ff%fe",
        "%F0%9F%A6%80",
        "'--",
        "+",
        &long,
    ] {
        let answer = locum.get(&format!("/v1/assistants?after={cursor}"));
        let error = answer.refusal();
        assert_eq!(error.param.as_deref(), Some("after"));
        assert!(error.message.chars().count() < 300, "{}", error.message);
        assert!(!error.message.contains('\u{0}'));
    }
    assert_eq!(
        locum.get("/v1/assistants?after=&before=").json()["data"],
        json!([])
    );
}

#[test]
fn wrong_parameters_are_refused_in_openais_words() {
    let locum = Locum::new();
    let thread = locum.thread();
    for path in [
        "/v1/assistants".to_owned(),
        "/v1/threads".to_owned(),
        format!("/v1/threads/{thread}/messages"),
    ] {
        for (query, code, sentence) in [
            (
                "limit=0",
                "integer_below_min_value",
                "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            ),
            (
                "limit=-3",
                "integer_below_min_value",
                "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got -3 instead.",
            ),
            (
                "limit=101",
                "integer_above_max_value",
                "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.",
            ),
            (
                "limit=99999999999999999999",
                "integer_above_max_value",
                "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 99999999999999999999 instead.",
            ),
            (
                "limit=2.5",
                "invalid_type",
                "Invalid type for 'limit': expected an integer, but got a decimal instead.",
            ),
            (
                "limit=many",
                "invalid_type",
                "Invalid type for 'limit': expected an integer, but got a string instead.",
            ),
            (
                "limit=",
                "invalid_type",
                "Invalid type for 'limit': expected an integer, but got a string instead.",
            ),
            (
                "order=up",
                "invalid_value",
                "Invalid value: 'up'. Supported values are: 'asc' and 'desc'.",
            ),
            (
                "order=",
                "invalid_value",
                "Invalid value: ''. Supported values are: 'asc' and 'desc'.",
            ),
        ] {
            let error = locum.get(&format!("{path}?{query}")).refusal();
            assert_eq!(error.message, sentence);
            assert_eq!(error.param.as_deref(), query.split('=').next());
            assert_eq!(error.code.as_deref(), Some(code));
        }
    }
}

#[test]
fn parameters_are_decoded_and_the_last_of_equal_ones_counts() {
    let locum = Locum::new();
    let made: Vec<String> = (0..3).map(|_| locum.assistant()).collect();
    let page = |query: &str| ids(&locum.get(&format!("/v1/assistants?{query}")).json());
    let encoded = made[0].replace('_', "%5F");
    assert_eq!(page(&format!("order=%61sc&after={encoded}")), made[1..]);
    assert_eq!(page("limit=many&order=asc&limit=1"), made[..1]);
    assert_eq!(page("unknown=1&order=asc&&=&%zz"), made);
    assert_eq!(page("include[]=a&include%5B%5D=b").len(), 3);
}
