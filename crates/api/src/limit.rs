//! How long a rate limit's window still lasts, in OpenAI's words.

use std::time::Duration;

use http::HeaderValue;

/// A duration as Go prints it and OpenAI writes it: `120ms`, `1s`, `8.64s`, `6m0s`, `1h0m5s`.
pub(crate) fn go_duration(duration: Duration) -> HeaderValue {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let fraction = match millis {
        0 => String::new(),
        millis => format!(".{millis:03}").trim_end_matches('0').to_owned(),
    };
    let text = match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{}ms", millis.max(1)),
        (0, 0, seconds) => format!("{seconds}{fraction}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}{fraction}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("1s"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn durations_are_as_go_prints_them(millis in 1u64..100_000_000) {
            let text = go_duration(Duration::from_millis(millis));
            let text = text.to_str().unwrap();
            let mut total = 0.0;
            let mut number = String::new();
            let mut rest = text.chars().peekable();
            while let Some(c) = rest.next() {
                let unit = match c {
                    'h' => 3.6e6,
                    'm' if rest.next_if_eq(&'s').is_some() => 1.0,
                    'm' => 6e4,
                    's' => 1e3,
                    digit => {
                        number.push(digit);
                        continue;
                    }
                };
                total += std::mem::take(&mut number).parse::<f64>().unwrap() * unit;
            }
            prop_assert!((total - millis as f64).abs() < 0.5, "{text} for {millis}");
        }
    }

    #[test]
    fn durations_that_openai_shows() {
        let check = |millis, expected: &str| {
            assert_eq!(go_duration(Duration::from_millis(millis)), expected);
        };
        check(120, "120ms");
        check(1000, "1s");
        check(8640, "8.64s");
        check(360_000, "6m0s");
        check(3_605_000, "1h0m5s");
        check(0, "1ms");
    }
}
