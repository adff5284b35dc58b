use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MAX_DEPTH, Repair, SchemaError, clean::is_clean, parameters, response};

#[track_caller]
fn check(schema: Value, repaired: Value) {
    assert_eq!(*response(&schema).unwrap(), repaired);
    assert_eq!(violation(&repaired), None);
    assert_eq!(*response(&repaired).unwrap(), repaired, "a second repair");
}

#[test]
fn a_clean_schema_is_not_copied() {
    let schema = json!({"type": "object", "properties": {
        "city": {"type": "string", "description": "where", "enum": ["Paris", "Rome"]},
        "days": {"type": "integer", "minimum": 1, "enum": [1, 3, 7]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    }, "required": ["city"], "additionalProperties": false});
    assert!(matches!(
        response(&schema).unwrap(),
        std::borrow::Cow::Borrowed(_)
    ));
}

#[test]
fn const_becomes_a_one_value_enum() {
    check(
        json!({"const": "cat"}),
        json!({"type": "string", "enum": ["cat"]}),
    );
    check(
        json!({"type": "integer", "const": 3}),
        json!({"type": "integer", "enum": [3]}),
    );
    check(json!({"const": null}), json!({"type": "null"}));
    check(json!({"const": true}), json!({"type": "boolean"}));
}

#[test]
fn integer_enums_are_kept() {
    check(
        json!({"type": "integer", "enum": [1, 2, 3], "default": 1}),
        json!({"type": "integer", "enum": [1, 2, 3]}),
    );
    check(
        json!({"enum": [1, 2]}),
        json!({"type": "integer", "enum": [1, 2]}),
    );
}

#[test]
fn a_list_of_types_becomes_any_of() {
    check(
        json!({"type": ["string", "null"], "description": "d", "minLength": 1}),
        json!({"description": "d", "anyOf": [{"type": "string"}, {"type": "null"}]}),
    );
    check(
        json!({"type": ["array", "integer"], "items": {"type": "string"}, "minimum": 2}),
        json!({"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "integer", "minimum": 2},
        ]}),
    );
    check(json!({"type": ["string"]}), json!({"type": "string"}));
    check(
        json!({"type": ["string", "null"], "enum": ["a", null]}),
        json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
    );
    check(
        json!({"type": ["string", "null"], "enum": ["a"]}),
        json!({"type": "string", "enum": ["a"]}),
    );
}

#[test]
fn nullable_of_openapi_becomes_any_of() {
    check(
        json!({"type": "STRING", "nullable": true}),
        json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
    );
    check(
        json!({"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": true}),
        json!({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}),
    );
}

#[test]
fn any_of_is_kept_and_one_of_reads_the_same() {
    check(
        json!({"title": "T", "anyOf": [{"type": "string"}, {"type": "null"}], "default": null}),
        json!({"title": "T", "anyOf": [{"type": "string"}, {"type": "null"}]}),
    );
    check(
        json!({"oneOf": [{"type": "string"}, {"const": 1}], "discriminator": {"propertyName": "x"}}),
        json!({"anyOf": [{"type": "string"}, {"type": "integer", "enum": [1]}]}),
    );
    check(
        json!({"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": true}}),
        json!({"type": "object", "properties": {"a": {}}}),
    );
}

#[test]
fn exclusive_bounds_become_inclusive() {
    check(
        json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}),
        json!({"type": "integer", "minimum": 1, "maximum": 9}),
    );
    check(
        json!({"type": "integer", "exclusiveMinimum": 0.5}),
        json!({"type": "integer", "minimum": 1}),
    );
    check(
        json!({"type": "number", "exclusiveMinimum": 0, "minimum": -1}),
        json!({"type": "number", "minimum": 0}),
    );
    check(
        json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true}),
        json!({"type": "integer", "minimum": 1}),
    );
    check(
        json!({"type": "integer", "exclusiveMinimum": i64::MAX}),
        json!({"type": "integer", "minimum": i64::MAX as f64}),
    );
}

#[test]
fn definitions_become_defs_and_references_stand_alone() {
    check(
        json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"a": {"$ref": "#/definitions/A"}, "b": {"$ref": "#/definitions/A"}},
            "definitions": {"A": {"type": "string", "pattern": "x"}, "unused": {}},
        }),
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"type": "string"}},
        }),
    );
}

#[test]
fn a_reference_with_company_is_written_out() {
    check(
        json!({
            "type": "object",
            "properties": {
                "a": {"$ref": "#/$defs/A", "description": "mine"},
                "b": {"allOf": [{"$ref": "#/$defs/A"}], "default": "x"},
            },
            "$defs": {"A": {"type": "string", "description": "theirs", "enum": ["x"]}},
        }),
        json!({
            "type": "object",
            "properties": {
                "a": {"type": "string", "description": "mine", "enum": ["x"]},
                "b": {"$ref": "#/$defs/A"},
            },
            "$defs": {"A": {"type": "string", "description": "theirs", "enum": ["x"]}},
        }),
    );
}

#[test]
fn a_reference_at_the_root_is_followed() {
    check(
        json!({
            "$ref": "#/definitions/Args",
            "definitions": {"Args": {"type": "object", "properties": {"x": {"type": "string"}}}},
        }),
        json!({"type": "object", "properties": {"x": {"type": "string"}}}),
    );
}

#[test]
fn references_anywhere_in_the_schema_are_moved_to_defs() {
    check(
        json!({"type": "object", "properties": {
            "from": {"type": "object", "properties": {"at~1/x": {"type": "string"}}},
            "to": {"$ref": "#/properties/from"},
            "via": {"$ref": "#/properties/from/properties/at~01~1x"},
            "lost": {"$ref": "#/nowhere"},
            "abroad": {"$ref": "https://x.example/schema"},
        }}),
        json!({
            "type": "object",
            "properties": {
                "from": {"type": "object", "properties": {"at~1/x": {"type": "string"}}},
                "to": {"$ref": "#/$defs/from"},
                "via": {"$ref": "#/$defs/at_01_1x"},
                "lost": {},
                "abroad": {},
            },
            "$defs": {
                "from": {"type": "object", "properties": {"at~1/x": {"type": "string"}}},
                "at_01_1x": {"type": "string"},
            },
        }),
    );
}

#[test]
fn cycles_lead_through_optional_properties_only() {
    let node = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/root"}},
        },
        "required": ["name"],
    });
    let mut root = node.clone();
    root["required"] = json!(["name", "children"]);
    root["$defs"] = json!({"root": node});
    check(
        json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#"}},
            },
            "required": ["name", "children"],
        }),
        root,
    );
    check(
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "required": ["a"],
            "$defs": {
                "A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}, "required": ["b"]},
                "B": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A", "description": "again"}}, "required": ["a"]},
            },
        }),
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}},
            "required": ["a"],
            "$defs": {
                "A": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}, "required": ["b"]},
                "B": {"type": "object", "properties": {"a": {
                    "type": "object", "description": "again",
                    "properties": {"b": {"$ref": "#/$defs/B"}},
                }}},
            },
        }),
    );
}

#[test]
fn all_of_is_merged() {
    check(
        json!({
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "number", "minimum": 1}}, "required": ["a"]},
                {"$ref": "#/$defs/B"},
                {"required": ["a", "b"]},
            ],
            "$defs": {"B": {"properties": {"b": {"type": "string"}, "a": {"type": "integer", "minimum": 0}}}},
        }),
        json!({
            "type": "object",
            "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "string"}},
            "required": ["a", "b"],
        }),
    );
}

#[test]
fn what_has_no_word_is_left_out() {
    check(
        json!({
            "$schema": "x", "$id": "y", "$comment": "z", "$anchor": "a",
            "type": "object",
            "properties": {
                "a": {"type": "string", "pattern": "^a", "minLength": 2, "not": {"const": "b"}},
                "never": false,
                "anything": true,
                "list": {"type": "array", "items": [{"type": "string"}, true], "additionalItems": {"type": "null"}, "uniqueItems": true, "minItems": 1},
            },
            "required": ["a", "never", "unknown"],
            "patternProperties": {"^x": {}},
            "additionalProperties": false,
            "if": {}, "then": {}, "else": {}, "examples": [], "default": {},
        }),
        json!({
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "anything": {},
                "list": {"type": "array", "prefixItems": [{"type": "string"}, {}], "items": {"type": "null"}, "minItems": 1},
            },
            "required": ["a"],
        }),
    );
}

#[test]
fn a_function_without_arguments_has_no_parameters() {
    for schema in [
        json!({}),
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}}),
        json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false, "$schema": "x"}),
        json!(true),
        json!(null),
    ] {
        assert_eq!(parameters(&schema).unwrap(), None, "{schema}");
    }
    let free = json!({"type": "object", "additionalProperties": true});
    assert_eq!(parameters(&free).unwrap().as_deref(), Some(&free));
}

#[test]
fn depth_and_size_are_bounded() {
    let mut deep = json!({"type": "string"});
    for _ in 0..=MAX_DEPTH {
        deep = json!({"type": "array", "items": deep});
    }
    assert_eq!(response(&deep), Err(SchemaError::TooDeep));

    let wide: Vec<Value> = (0..50_000).map(|_| json!({"type": "string"})).collect();
    assert_eq!(
        response(&json!({"anyOf": wide})),
        Err(SchemaError::TooLarge)
    );

    let names: Vec<String> = (0..600).map(|n| format!("D{n}")).collect();
    let many = json!({
        "anyOf": names.iter().map(|name| json!({"$ref": format!("#/$defs/{name}")})).collect::<Vec<_>>(),
        "$defs": names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect::<serde_json::Map<_, _>>(),
    });
    assert_eq!(response(&many), Err(SchemaError::TooLarge));
}

#[test]
fn references_cannot_make_a_small_schema_large() {
    let mut definitions = serde_json::Map::new();
    definitions.insert("D0".to_owned(), json!({"type": "string"}));
    for n in 1..40 {
        let double = json!({"$ref": format!("#/$defs/D{}", n - 1), "description": "d"});
        definitions.insert(
            format!("D{n}"),
            json!({"properties": {"a": double, "b": double}}),
        );
    }
    let bomb = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/D39", "description": "d"}}, "$defs": definitions});
    assert_eq!(response(&bomb), Err(SchemaError::TooLarge));
}

/// The first thing about `schema` that Gemini does not take.
fn violation(schema: &Value) -> Option<String> {
    let definitions = schema.get("$defs").and_then(Value::as_object);
    let defined = |name: &str| definitions.is_some_and(|all| all.contains_key(name));
    let own = violation_in(schema, &defined);
    own.or_else(|| {
        definitions?
            .values()
            .find_map(|schema| violation_in(schema, &defined))
    })
}

fn violation_in(schema: &Value, defined: &dyn Fn(&str) -> bool) -> Option<String> {
    let Value::Object(map) = schema else {
        return Some(format!("no object: {schema}"));
    };
    if let Some(reference) = map.get("$ref") {
        let name = reference
            .as_str()
            .and_then(|text| text.strip_prefix("#/$defs/"));
        if !name.is_some_and(defined) {
            return Some(format!("a reference to nothing: {reference}"));
        }
        return map
            .keys()
            .find(|key| !key.starts_with('$'))
            .map(|key| format!("{key} beside $ref"));
    }
    map.iter().find_map(|(key, value)| {
        let list = |value: &Value| {
            let Value::Array(items) = value else {
                return Some(format!("{key} is no list"));
            };
            items.iter().find_map(|item| violation_in(item, defined))
        };
        let wrong = |fits: bool| (!fits).then(|| format!("{key}: {value}"));
        match key.as_str() {
            "$defs" => wrong(value.is_object()),
            "type" | "format" | "title" | "description" => wrong(value.is_string()),
            "enum" => wrong(value.as_array().is_some_and(|values| {
                !values.is_empty()
                    && values
                        .iter()
                        .all(|value| value.is_string() || value.is_number())
            })),
            "items" => violation_in(value, defined),
            "prefixItems" | "anyOf" | "oneOf" => list(value),
            "minItems" | "maxItems" => wrong(value.is_u64()),
            "minimum" | "maximum" => wrong(value.is_number()),
            "additionalProperties" if value.is_boolean() => None,
            "additionalProperties" => violation_in(value, defined),
            "properties" => value.as_object().map_or_else(
                || Some("properties are no object".to_owned()),
                |properties| {
                    properties
                        .values()
                        .find_map(|property| violation_in(property, defined))
                },
            ),
            "required" => wrong(value.as_array().is_some_and(|names| {
                names.iter().all(|name| {
                    name.as_str()
                        .is_some_and(|name| map["properties"].get(name).is_some())
                })
            })),
            _ => Some(format!("unknown keyword {key}")),
        }
    })
}

/// Schemas of all sorts: sound, strange and broken.
fn schemas() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        (-2.0..2.0f64).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        prop::sample::select(vec![
            "string", "integer", "number", "object", "array", "null", "BOOLEAN"
        ])
        .prop_map(Value::from),
        prop::sample::select(vec![
            "#",
            "#/$defs/a",
            "#/$defs/b",
            "#/definitions/a",
            "#/properties/a",
            "#/properties/b/items",
            "#x"
        ])
        .prop_map(Value::from),
    ];
    let key = || {
        prop::sample::select(vec![
            "type",
            "type",
            "properties",
            "properties",
            "items",
            "required",
            "enum",
            "const",
            "anyOf",
            "oneOf",
            "allOf",
            "$ref",
            "$ref",
            "$defs",
            "definitions",
            "description",
            "title",
            "nullable",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "minimum",
            "maximum",
            "minItems",
            "prefixItems",
            "additionalProperties",
            "additionalItems",
            "patternProperties",
            "not",
            "format",
            "default",
            "a",
            "b",
        ])
        .prop_map(str::to_owned)
    };
    scalar.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((key(), inner.clone()), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_the_vocabulary_goes_out(schema in schemas()) {
        if let Ok(repaired) = response(&schema) {
            prop_assert_eq!(violation(&repaired), None, "{}", repaired);
        }
    }

    #[test]
    fn a_repair_needs_no_repair(schema in schemas()) {
        if let Ok(repaired) = response(&schema) {
            let again = response(&repaired).unwrap();
            prop_assert_eq!(violation(&again), None, "{}", again);
        }
    }

    #[test]
    fn what_is_clean_a_repair_leaves_alone(schema in schemas()) {
        for schema in [response(&schema).map(|schema| schema.into_owned()).unwrap_or_default(), schema] {
            if is_clean(&schema) {
                prop_assert_eq!(Repair::new(&schema).run().unwrap(), schema);
            }
        }
    }
}
