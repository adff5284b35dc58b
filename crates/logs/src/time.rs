//! Times as RFC 3339 writes them.

use std::{ops::Deref, str, time::Duration};

const DAY_SECONDS: u64 = 86_400;
const PATTERN: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// `2026-08-26T12:34:56.789Z`, of years with four digits.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3339([u8; PATTERN.len()]);

impl Rfc3339 {
    /// A time since 1970.
    pub fn at(since: Duration) -> Self {
        let (day, second) = (since.as_secs() / DAY_SECONDS, since.as_secs() % DAY_SECONDS);
        let (year, month, day) = civil(day);
        let mut text = *PATTERN;
        for (end, mut number) in [
            (4, year),
            (7, month),
            (10, day),
            (13, second / 3600),
            (16, second / 60 % 60),
            (19, second % 60),
            (23, u64::from(since.subsec_millis())),
        ] {
            for digit in text[..end]
                .iter_mut()
                .rev()
                .take_while(|digit| digit.is_ascii_digit())
            {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Self(text)
    }
}

impl Deref for Rfc3339 {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The year, month and day of a day since 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is a year's last, and in eras of 400 such years, which are
/// all equally long.
fn civil(day: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    // From 0000-03-01 to 1970-01-01.
    let day = day + 719_468;
    let (era, day) = (day / ERA_DAYS, day % ERA_DAYS);
    // Every 4th year has a day more, but not every 100th; the era's last one has it after all.
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA_DAYS - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // March to July, and August to December, take 153 days each.
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unix_ms: u64, expected: &str) {
        assert_eq!(&*Rfc3339::at(Duration::from_millis(unix_ms)), expected);
    }

    #[test]
    fn times_known_from_elsewhere() {
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(951_868_800_000, "2000-03-01T00:00:00.000Z");
        check(1_709_164_800_000, "2024-02-29T00:00:00.000Z");
        check(1_735_689_599_123, "2024-12-31T23:59:59.123Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let month_days = |year: u64, month: u64| match month {
            2 if is_leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1970, 1, 1);
        for day in 0..365 * 500 {
            assert_eq!(civil(day), expected);
            let (year, month, of_month) = expected;
            expected = match (month, of_month) {
                (12, 31) => (year + 1, 1, 1),
                _ if of_month == month_days(year, month) => (year, month + 1, 1),
                _ => (year, month, of_month + 1),
            };
        }
    }
}
