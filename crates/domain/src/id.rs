//! Ids: OpenAI's prefix and 27 characters of `[A-Za-z0-9]` that sort by creation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the type of one kind of object's ids.
macro_rules! id_types {
    ($($(#[doc = $doc:literal])+ $name:ident = $prefix:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new one.
            pub fn next(ids: &mut Ids) -> Self {
                Self(ids.next($prefix))
            }

            /// The id as programs know it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// Whatever a client or a store gave: what is no id of an object finds none.
        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

id_types! {
    /// `asst_…`
    AssistantId = "asst_";
    /// `thread_…`
    ThreadId = "thread_";
    /// `msg_…`
    MessageId = "msg_";
    /// `run_…`
    RunId = "run_";
    /// `step_…`
    StepId = "step_";
    /// `file-…`
    FileId = "file-";
}

/// Makes ids out of a time and entropy that it is given.
///
/// One value serves one request: the ids it makes differ, and sort in the order in which they were made. The same
/// arguments give the same ids, so that tests repeat.
#[derive(Debug, Clone)]
pub struct Ids {
    unix_ms: u64,
    entropy: u128,
    made: u64,
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Base-62 digits of the time: enough for milliseconds until the year 8000.
const TIME_DIGITS: usize = 8;
/// Base-62 digits of the count of ids made before.
const COUNT_DIGITS: usize = 3;
/// Base-62 digits of each half of the entropy: 95 bits together.
const HALF_DIGITS: usize = 8;

impl Ids {
    /// `unix_ms`: now, milliseconds since 1970. `entropy`: unpredictable bits, fresh for every value made.
    pub fn new(unix_ms: u64, entropy: u128) -> Self {
        Self {
            unix_ms,
            entropy,
            made: 0,
        }
    }

    /// The next id, `prefix` first: `next("call_")` gives `call_` and 27 characters.
    pub fn next(&mut self, prefix: &str) -> String {
        let mut id =
            String::with_capacity(prefix.len() + TIME_DIGITS + COUNT_DIGITS + 2 * HALF_DIGITS);
        id.push_str(prefix);
        push_base62::<TIME_DIGITS>(&mut id, self.unix_ms);
        push_base62::<COUNT_DIGITS>(&mut id, self.made);
        push_base62::<HALF_DIGITS>(&mut id, mix((self.entropy >> 64) as u64, self.made));
        push_base62::<HALF_DIGITS>(&mut id, mix(self.entropy as u64, self.made));
        self.made += 1;
        id
    }
}

/// Appends the last `DIGITS` base-62 digits of `value`.
fn push_base62<const DIGITS: usize>(to: &mut String, mut value: u64) {
    let mut digits = [b'0'; DIGITS];
    for place in digits.iter_mut().rev() {
        *place = ALPHABET[(value % 62) as usize];
        value /= 62;
    }
    to.extend(digits.iter().map(|&digit| char::from(digit)));
}

/// Spreads `entropy` so that two counts give unrelated digits (the finalizer of SplitMix64).
fn mix(entropy: u64, count: u64) -> u64 {
    let mut z = entropy.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_of_one_request_differ_and_sort(unix_ms in 0u64..1 << 46, entropy: u128) {
            let mut ids = Ids::new(unix_ms, entropy);
            let made: Vec<String> = (0..300).map(|_| ids.next("call_")).collect();
            let mut sorted = made.clone();
            sorted.sort();
            sorted.dedup();
            prop_assert_eq!(&made, &sorted);
            prop_assert!(made.iter().all(|id| id.len() == 32 && id["call_".len()..].bytes().all(|b| b.is_ascii_alphanumeric())));
        }

        #[test]
        fn later_ids_sort_after_earlier_ones(unix_ms in 0u64..1 << 46, later in 1u64..1000, a: u128, b: u128) {
            prop_assert!(Ids::new(unix_ms, a).next("x") < Ids::new(unix_ms + later, b).next("x"));
        }
    }
}
