use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MAX_STEPS, example};

fn check(schema: Value, expected: Value) {
    assert_eq!(example(&schema, ""), Some(expected), "{schema}");
}

fn check_said(said: &str, schema: Value, expected: Value) {
    assert_eq!(example(&schema, said), Some(expected), "{said}: {schema}");
}

fn check_none(schema: Value) {
    assert_eq!(example(&schema, ""), None, "{schema}");
}

#[test]
fn types() {
    check(json!({"type": "string"}), json!("example"));
    check(json!({"type": "integer"}), json!(1));
    check(json!({"type": "number"}), json!(1));
    check(json!({"type": "boolean"}), json!(true));
    check(json!({"type": "null"}), json!(null));
    check(json!({"type": "array"}), json!(["example"]));
    check(json!({"type": "object"}), json!({}));
    check(json!({"type": ["null", "integer"]}), json!(1));
    check(json!({}), json!("example"));
    check(json!(true), json!("example"));
    check(json!({"items": {"minimum": 3}}), json!([3]));
    check_none(json!(false));
    check_none(json!({"type": "colour"}));
}

#[test]
fn values_that_the_schema_names() {
    check(json!({"const": {"a": 1}}), json!({"a": 1}));
    check(json!({"enum": [null, "red", "green"]}), json!("red"));
    check(json!({"enum": [null]}), json!(null));
    check(json!({"type": "integer", "enum": ["1", 2]}), json!(2));
    check(
        json!({"type": "string", "default": "metric"}),
        json!("metric"),
    );
    check(json!({"type": "string", "default": 7}), json!("example"));
    check(
        json!({"type": ["string", "null"], "default": null}),
        json!("example"),
    );
    check_none(json!({"enum": []}));
}

#[test]
fn bounds() {
    check(
        json!({"type": "string", "minLength": 10}),
        json!("examplexxx"),
    );
    check(json!({"type": "string", "maxLength": 3}), json!("exa"));
    check_none(json!({"type": "string", "minLength": 3, "maxLength": 2}));
    check_none(json!({"type": "string", "minLength": 1_000_000_000}));
    check(
        json!({"type": "string", "pattern": "^[A-Z]{2}\\d$"}),
        json!("AA0"),
    );
    check_none(json!({"type": "string", "pattern": "(?=x)"}));
    check(
        json!({"type": "string", "format": "uuid"}),
        json!("00000000-0000-4000-8000-000000000000"),
    );
    check(
        json!({"type": "string", "format": "date-time"}),
        json!("2026-01-01T00:00:00Z"),
    );
    check(json!({"type": "integer", "minimum": 18}), json!(18));
    check(json!({"type": "integer", "maximum": -3}), json!(-3));
    check(
        json!({"type": "integer", "exclusiveMinimum": 4.5, "exclusiveMaximum": 6}),
        json!(5),
    );
    check(
        json!({"type": "integer", "minimum": 3, "multipleOf": 5}),
        json!(5),
    );
    check(
        json!({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}),
        json!(0.5),
    );
    check(
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}),
        json!(0.25),
    );
    check(
        json!({"type": "number", "minimum": 3, "exclusiveMinimum": true}),
        json!(3.5),
    );
    check_none(json!({"type": "integer", "minimum": 1.2, "maximum": 1.8}));
    check(
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 2}),
        json!([1, 1]),
    );
    check(
        json!({"type": "array", "items": {"type": "integer"}, "maxItems": 0}),
        json!([]),
    );
    check(
        json!({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": true}),
        json!(["a", "b"]),
    );
    check_none(
        json!({"type": "array", "items": {"enum": ["a"]}, "minItems": 2, "uniqueItems": true}),
    );
    check_none(json!({"type": "array", "minItems": MAX_STEPS + 1}));
    check_none(json!({"type": "object", "minProperties": 1_000_000_000_u64}));
    check(
        json!({"prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": false}),
        json!([1, true]),
    );
}

#[test]
fn objects_hold_what_they_must() {
    let properties = json!({"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}});
    check(
        json!({"type": "object", "properties": properties, "required": ["city"]}),
        json!({"city": "example city"}),
    );
    check(
        json!({"type": "object", "properties": properties}),
        json!({"city": "example city", "unit": "C"}),
    );
    check(
        json!({"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}}),
        json!({"x": 1}),
    );
    check_none(json!({"type": "object", "required": ["x"], "additionalProperties": false}));
    check(
        json!({"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}}),
        json!({"key1": 1, "key2": 1}),
    );
}

#[test]
fn values_out_of_the_text() {
    let weather = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
            "hourly": {"type": "boolean"},
            "lat": {"type": "number"}
        },
        "required": ["city", "unit"]
    });
    check_said(
        "city: \"New York\", in Fahrenheit, days = 3, hourly is true, lat: 59.9",
        weather.clone(),
        json!({"city": "New York", "unit": "fahrenheit", "days": 3, "hourly": true, "lat": 59.9}),
    );
    check_said(
        "days: 9, hourly: perhaps, city: ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        weather,
        json!({"city": "example city", "unit": "celsius", "days": 1, "hourly": true}),
    );
}

#[test]
fn schemas_together() {
    check(
        json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
        json!(1),
    );
    check(
        json!({"oneOf": [false, {"type": "string", "format": "date"}]}),
        json!("2026-01-01"),
    );
    check(
        json!({
            "type": "object",
            "properties": {"a": {"type": "number"}},
            "required": ["a"],
            "allOf": [
                {"properties": {"a": {"type": "integer", "minimum": 5}}},
                {"properties": {"b": {"enum": [1, 2]}}, "required": ["b"]},
                {"properties": {"b": {"enum": [2, 3]}}}
            ]
        }),
        json!({"a": 5, "b": 2}),
    );
    check(
        json!({"anyOf": [{"minimum": 3}], "allOf": [{"anyOf": [{"type": "integer"}]}, {"oneOf": [{"maximum": 9}]}]}),
        json!(3),
    );
    check_none(json!({"allOf": [{"type": "string"}, {"type": "integer"}]}));
}

#[test]
fn references() {
    check(
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/x~1y%20z"}},
            "required": ["a"],
            "$defs": {"x/y z": {"type": "integer"}}
        }),
        json!({"a": 1}),
    );
    check_none(json!({"$ref": "https://example.com/schema.json"}));
    check_none(json!({"$ref": "#/$defs/missing"}));
}

#[test]
fn recursion_ends() {
    let list = json!({
        "type": "object",
        "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["value", "next"]
    });
    check(list, json!({"value": 1, "next": null}));
    let tree = json!({
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
            "required": ["children"]
        }}
    });
    check(tree, json!({"children": []}));
    let expression = json!({
        "anyOf": [
            {"type": "object", "properties": {"not": {"$ref": "#"}}, "required": ["not"]},
            {"type": "boolean"}
        ]
    });
    check(expression, json!(true));
    check_none(
        json!({"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]}),
    );
    check_none(json!({"$ref": "#"}));
    check_none(
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
    );
}

#[test]
fn schemas_that_branch_without_end_are_given_up() {
    let names: Vec<String> = (0..12).map(|number| format!("d{number}")).collect();
    let all = |_: &String| {
        let properties: serde_json::Map<String, Value> = names
            .iter()
            .map(|name| (name.clone(), json!({"$ref": format!("#/$defs/{name}")})))
            .collect();
        json!({"type": "object", "properties": properties, "minProperties": 1})
    };
    let defs: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), all(name))).collect();
    // Whether there is an answer does not matter, only that the search ends.
    example(&json!({"$ref": "#/$defs/d0", "$defs": defs}), "");
    let mut nested = json!({"type": "integer"});
    for _ in 0..120 {
        nested = json!({"type": "array", "items": nested, "minItems": 1});
    }
    check_none(nested);
}

/// Schemas of the kind that functions have.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "null"})),
        Just(json!({"enum": ["red", 2, null]})),
        Just(json!({"const": ["x"]})),
        (0usize..20, 0usize..20).prop_map(|(least, more)| {
            json!({"type": "string", "minLength": least, "maxLength": least + more})
        }),
        (-50i64..50, 0i64..20).prop_map(|(least, more)| {
            json!({"type": "integer", "minimum": least, "maximum": least + more})
        }),
        (-50i32..50, 1i32..20).prop_map(|(least, more)| {
            let above = f64::from(least) / 8.0;
            json!({"type": "number", "exclusiveMinimum": above, "exclusiveMaximum": above + f64::from(more) / 8.0})
        }),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            (inner.clone(), 0usize..4, 0usize..3).prop_map(|(items, least, more)| {
                json!({"type": "array", "items": items, "minItems": least, "maxItems": least + more})
            }),
            prop::collection::btree_map("[a-e]", (inner.clone(), any::<bool>()), 0..5).prop_map(
                |properties| {
                    let required: Vec<&String> = properties
                        .iter()
                        .filter(|(_, (_, required))| *required)
                        .map(|(name, _)| name)
                        .collect();
                    let schemas: serde_json::Map<String, Value> = properties
                        .iter()
                        .map(|(name, (schema, _))| (name.clone(), schema.clone()))
                        .collect();
                    json!({"type": "object", "properties": schemas, "required": required, "additionalProperties": false})
                }
            ),
            prop::collection::vec(inner, 1..4).prop_map(|branches| json!({"anyOf": branches})),
        ]
    })
}

/// Whether `value` fits a schema of [`schemas`].
fn fits(schema: &Value, value: &Value) -> bool {
    if let Some(constant) = schema.get("const") {
        return value == constant;
    }
    if let Some(values) = schema.get("enum") {
        return values.as_array().unwrap().contains(value);
    }
    if let Some(branches) = schema.get("anyOf") {
        return branches
            .as_array()
            .unwrap()
            .iter()
            .any(|branch| fits(branch, value));
    }
    let number = |keyword: &str| schema[keyword].as_f64();
    let within = |size: usize, least: &str, most: &str| {
        number(least).unwrap() <= size as f64 && size as f64 <= number(most).unwrap()
    };
    match (schema["type"].as_str().unwrap(), value) {
        ("boolean", value) => value.is_boolean(),
        ("null", value) => value.is_null(),
        ("string", Value::String(text)) => within(text.chars().count(), "minLength", "maxLength"),
        ("integer", Value::Number(value)) => value.as_i64().is_some_and(|value| {
            number("minimum").unwrap() <= value as f64 && value as f64 <= number("maximum").unwrap()
        }),
        ("number", Value::Number(value)) => {
            let value = value.as_f64().unwrap();
            number("exclusiveMinimum").unwrap() < value
                && value < number("exclusiveMaximum").unwrap()
        }
        ("array", Value::Array(values)) => {
            within(values.len(), "minItems", "maxItems")
                && values.iter().all(|value| fits(&schema["items"], value))
        }
        ("object", Value::Object(object)) => {
            let properties = schema["properties"].as_object().unwrap();
            let required = schema["required"].as_array().unwrap();
            required
                .iter()
                .all(|name| object.contains_key(name.as_str().unwrap()))
                && object.iter().all(|(name, value)| {
                    properties
                        .get(name)
                        .is_some_and(|property| fits(property, value))
                })
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn examples_fit(schema in schemas(), said in "([a-e]|red|: |= |[0-9]|true| ){0,12}") {
        let made = example(&schema, &said);
        prop_assert!(made.as_ref().is_some_and(|value| fits(&schema, value)), "{schema} {made:?}");
    }
}
