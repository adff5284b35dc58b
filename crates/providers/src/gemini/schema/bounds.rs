//! Bounds of numbers: Gemini has inclusive ones only. For integers an exclusive bound is moved by one; for others it
//! stays where it is, wider by one point.

use serde_json::{Map, Number, Value};

/// Copies `minimum` and `maximum`, and the exclusive ones as inclusive ones: `whole` for integers.
pub(super) fn copy(whole: bool, map: &Map<String, Value>, out: &mut Map<String, Value>) {
    let ends = [
        ("minimum", "exclusiveMinimum", 1),
        ("maximum", "exclusiveMaximum", -1),
    ];
    for (key, exclusive_key, inwards) in ends {
        let inclusive = map.get(key).and_then(Value::as_number).cloned();
        let exclusive = match map.get(exclusive_key) {
            Some(Value::Number(bound)) => Some(bound.clone()),
            // Draft 4: a flag that makes the bound beside it exclusive.
            Some(Value::Bool(true)) => inclusive.clone(),
            _ => None,
        };
        let exclusive = exclusive.map(|bound| if whole { step(&bound, inwards) } else { bound });
        let bound = match (inclusive, exclusive) {
            (Some(a), Some(b)) => Some(tighter(a, b, inwards)),
            (a, b) => a.or(b),
        };
        if let Some(bound) = bound {
            out.insert(key.to_owned(), Value::Number(bound));
        }
    }
}

/// The next whole number from `bound` inwards.
fn step(bound: &Number, inwards: i64) -> Number {
    if let Some(next) = bound.as_i64().and_then(|whole| whole.checked_add(inwards)) {
        return next.into();
    }
    let float = bound.as_f64().unwrap_or_default();
    let next = if inwards > 0 {
        float.floor() + 1.0
    } else {
        float.ceil() - 1.0
    };
    // Whole floats within the exact range are written as integers.
    if next.abs() < 9e15 {
        return Number::from(next as i64);
    }
    Number::from_f64(next).unwrap_or_else(|| bound.clone())
}

fn tighter(a: Number, b: Number, inwards: i64) -> Number {
    let b_is_inside = if inwards > 0 {
        b.as_f64() > a.as_f64()
    } else {
        b.as_f64() < a.as_f64()
    };
    if b_is_inside { b } else { a }
}
