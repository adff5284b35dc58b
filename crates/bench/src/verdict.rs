//! Whether a figure meets its aim.

/// The aim as text, and whether the value meets it as both are printed.
pub fn verdict(
    value: f64,
    aim: Option<f64>,
    show: impl Fn(f64) -> String,
) -> (String, &'static str) {
    match aim {
        None => ("–".to_owned(), ""),
        Some(aim) => (
            format!("≤ {}", show(aim)),
            if (value * 100.0).round() <= (aim * 100.0).round() {
                "met"
            } else {
                "**missed**"
            },
        ),
    }
}
