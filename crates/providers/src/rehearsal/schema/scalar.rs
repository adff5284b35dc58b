//! Texts and numbers that fit a schema.

use serde_json::{Map, Number, Value};

use super::{super::words, count, pattern, types};

/// Longer texts are not made.
const MAX_LENGTH: usize = 10_000;

/// The value that the user's text gives for the property `name`, where it fits.
pub(super) fn said(schema: &Map<String, Value>, text: &str, name: &str) -> Option<Value> {
    if name.is_empty() {
        return None;
    }
    let given = words::value_after(text, name)?;
    types(schema).into_iter().find_map(|kind| {
        let value = match kind {
            "string" => Value::from(given),
            "integer" => Value::from(given.parse::<i64>().ok()?),
            "number" => json_number(given.parse().ok()?)?,
            "boolean" => Value::from(given.to_ascii_lowercase().parse::<bool>().ok()?),
            _ => return None,
        };
        fits(schema, &value).then_some(value)
    })
}

/// Whether a value fits what the schema says of texts and numbers. Of objects and arrays only the type is looked at, and a
/// text never fits a `pattern` or a `format`, because neither is understood here.
pub(super) fn fits(schema: &Map<String, Value>, value: &Value) -> bool {
    if schema.contains_key("type")
        && !types(schema)
            .into_iter()
            .any(|kind| is_of_type(value, kind))
    {
        return false;
    }
    match value {
        Value::String(text) => {
            let length = text.chars().count();
            !schema.contains_key("pattern")
                && !schema.contains_key("format")
                && count(schema, "minLength").is_none_or(|least| length >= least)
                && count(schema, "maxLength").is_none_or(|most| length <= most)
        }
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|number| Bounds::of(schema).hold(number)),
        _ => true,
    }
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
        Value::Number(number) => {
            kind == "number"
                || kind == "integer" && number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
    }
}

/// A text that fits; `None` where the lengths contradict each other, or the pattern is not understood.
pub(super) fn string(schema: &Map<String, Value>, name: &str, variant: usize) -> Option<Value> {
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(text) = format.and_then(|format| of_format(format, variant)) {
        return Some(text.into());
    }
    let least = count(schema, "minLength").unwrap_or(0);
    let most = count(schema, "maxLength").unwrap_or(MAX_LENGTH);
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        return pattern::text(pattern, least, most, variant).map(Value::from);
    }
    if least > most || least > MAX_LENGTH {
        return None;
    }
    let mut text = match name {
        "" => "example".to_owned(),
        name => format!("example {}", name.replace('_', " ")),
    };
    if variant > 0 {
        // In front, so that no limit of length cuts it off.
        text = format!("{} {text}", variant + 1);
    }
    let length = text.chars().count();
    if length < least {
        text.extend(std::iter::repeat_n('x', least - length));
    }
    Some(text.chars().take(most).collect::<String>().into())
}

fn of_format(format: &str, variant: usize) -> Option<String> {
    // Two digits that make the values of a set differ.
    let nn = variant % 60;
    Some(match format {
        "date-time" => format!("2026-01-01T00:00:{nn:02}Z"),
        "date" => format!("2026-01-{:02}", 1 + variant % 28),
        "time" => format!("00:00:{nn:02}Z"),
        "duration" => format!("PT{}S", 1 + variant),
        "email" | "idn-email" => format!("rehearsal{variant}@example.com"),
        "hostname" | "idn-hostname" => format!("host{variant}.example.com"),
        "ipv4" => format!("192.0.2.{}", 1 + variant % 250),
        "ipv6" => format!("2001:db8::{:x}", 1 + variant % 0xffff),
        "uri" | "url" | "iri" | "uri-reference" | "iri-reference" => {
            format!("https://example.com/{variant}")
        }
        "uuid" => format!("00000000-0000-4000-8000-{variant:012x}"),
        "json-pointer" => format!("/{variant}"),
        "regex" => format!("a{{{}}}", 1 + variant),
        _ => return None,
    })
}

/// A number that fits; 1 where it may be.
pub(super) fn number(schema: &Map<String, Value>, whole: bool, variant: usize) -> Option<Value> {
    let bounds = Bounds::of(schema);
    let step = match bounds.multiple_of {
        Some(step) if whole => whole_step(step),
        Some(step) => step,
        None => 1.0,
    };
    let grid = whole || bounds.multiple_of.is_some();
    let start = if bounds.hold_range(1.0) {
        1.0
    } else if bounds.least.is_finite() {
        bounds.least
    } else {
        bounds.most
    };
    let mut candidates = Vec::new();
    if grid {
        let up = (start / step).ceil();
        let down = (start / step).floor();
        let offset = variant as f64;
        for place in [
            up + offset,
            up + 1.0 + offset,
            down - offset,
            down - 1.0 - offset,
        ] {
            candidates.push(place * step);
        }
    } else {
        let offset = variant as f64;
        candidates.extend([
            start + offset,
            start + offset + 0.5,
            start - offset,
            start - offset - 0.5,
        ]);
        if bounds.least.is_finite() && bounds.most.is_finite() {
            let width = bounds.most - bounds.least;
            candidates.push(bounds.least + width * (offset + 1.0) / (offset + 2.0));
        }
    }
    candidates
        .into_iter()
        .find(|&number| bounds.hold(number) && (!whole || number.fract() == 0.0))
        .and_then(json_number)
}

/// The smallest whole number that is a multiple of `step`, where there is a small one.
fn whole_step(step: f64) -> f64 {
    (1..=1000)
        .map(|times| step * f64::from(times))
        .find(|multiple| multiple.fract() == 0.0)
        .unwrap_or(step)
}

/// Whole numbers without a point.
fn json_number(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

/// What a schema says of a number.
struct Bounds {
    least: f64,
    above: f64,
    most: f64,
    below: f64,
    multiple_of: Option<f64>,
}

impl Bounds {
    fn of(schema: &Map<String, Value>) -> Self {
        let number = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let minimum = number("minimum").unwrap_or(f64::NEG_INFINITY);
        let maximum = number("maximum").unwrap_or(f64::INFINITY);
        // Older drafts wrote `exclusiveMinimum: true` beside the minimum.
        let excludes = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
        let above = number("exclusiveMinimum").unwrap_or(if excludes("exclusiveMinimum") {
            minimum
        } else {
            f64::NEG_INFINITY
        });
        let below = number("exclusiveMaximum").unwrap_or(if excludes("exclusiveMaximum") {
            maximum
        } else {
            f64::INFINITY
        });
        Self {
            least: minimum.max(above),
            above,
            most: maximum.min(below),
            below,
            multiple_of: number("multipleOf").filter(|step| *step > 0.0),
        }
    }

    fn hold_range(&self, number: f64) -> bool {
        number >= self.least && number > self.above && number <= self.most && number < self.below
    }

    fn hold(&self, number: f64) -> bool {
        let is_multiple = |step: f64| {
            let times = number / step;
            (times - times.round()).abs() < 1e-9
        };
        number.is_finite() && self.hold_range(number) && self.multiple_of.is_none_or(is_multiple)
    }
}
