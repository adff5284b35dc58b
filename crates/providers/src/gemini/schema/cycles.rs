//! Gemini follows a reference back to where it came from through properties that are not required, only: such properties
//! stop being required.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

const PREFIX: &str = "#/$defs/";

/// Makes every property of `definitions` optional through which a definition comes back to itself.
pub(super) fn relax(definitions: &mut Map<String, Value>) {
    let edges: HashMap<&str, HashSet<&str>> = definitions
        .iter()
        .map(|(name, definition)| {
            let mut targets = HashSet::new();
            collect(definition, &mut targets);
            (name.as_str(), targets)
        })
        .collect();
    let cyclic: HashMap<String, HashSet<String>> = definitions
        .keys()
        .map(|name| (name.clone(), leading_back(name, &edges)))
        .filter(|(_, back)| !back.is_empty())
        .collect();
    for (name, back) in &cyclic {
        if let Some(definition) = definitions.get_mut(name) {
            relax_in(definition, back);
        }
    }
}

/// The definitions that `name` refers to and from which it can be reached again.
fn leading_back(name: &str, edges: &HashMap<&str, HashSet<&str>>) -> HashSet<String> {
    let Some(direct) = edges.get(name) else {
        return HashSet::new();
    };
    direct
        .iter()
        .filter(|target| reaches(target, name, edges))
        .map(|&target| target.to_owned())
        .collect()
}

fn reaches(from: &str, to: &str, edges: &HashMap<&str, HashSet<&str>>) -> bool {
    let mut seen = HashSet::from([from]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        let next = edges.get(at).into_iter().flatten();
        open.extend(next.filter(|&&target| seen.insert(target)));
    }
    false
}

fn collect<'a>(schema: &'a Value, targets: &mut HashSet<&'a str>) {
    match schema {
        Value::Object(map) => {
            if let Some(target) = target(map) {
                targets.insert(target);
            }
            map.values().for_each(|value| collect(value, targets));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, targets)),
        _ => {}
    }
}

fn target(map: &Map<String, Value>) -> Option<&str> {
    map.get("$ref")?.as_str()?.strip_prefix(PREFIX)
}

/// Takes from every list of required properties those that hold a reference into `back`; says whether `schema` holds one.
fn relax_in(schema: &mut Value, back: &HashSet<String>) -> bool {
    match schema {
        Value::Object(map) => {
            let mut holds = target(map).is_some_and(|target| back.contains(target));
            let mut optional = HashSet::new();
            if let Some(Value::Object(properties)) = map.get_mut("properties") {
                for (name, property) in properties.iter_mut() {
                    if relax_in(property, back) {
                        optional.insert(name.clone());
                    }
                }
            }
            holds |= !optional.is_empty();
            for (_, value) in map.iter_mut().filter(|(key, _)| *key != "properties") {
                holds |= relax_in(value, back);
            }
            if let Some(Value::Array(required)) = map.get_mut("required") {
                required.retain(|name| name.as_str().is_none_or(|name| !optional.contains(name)));
                if required.is_empty() {
                    map.shift_remove("required");
                }
            }
            holds
        }
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |holds, item| relax_in(item, back) | holds),
        _ => false,
    }
}
