//! Ids as clients write them.

use std::borrow::Cow;

/// As many characters as are kept of what should be an id. Real ones are far shorter.
const MAX: usize = 256;

/// `text` as it may be looked up and repeated: not too long, and without control characters, which some databases choke
/// on. An id of an object comes back as it is; what was changed finds nothing, as it would have before.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let kept = match text.char_indices().nth(MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    if kept.contains(char::is_control) {
        Cow::Owned(kept.replace(char::is_control, "\u{fffd}"))
    } else {
        Cow::Borrowed(kept)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_stay_as_they_are() {
        for id in ["asst_0123456789abcdefABCDEF", "file-1", "", "../x", "é"] {
            assert_eq!(harmless(id), id);
        }
    }

    #[test]
    fn nothing_long_and_nothing_odd_is_kept() {
        assert_eq!(harmless(&"é".repeat(10_000)), "é".repeat(MAX));
        assert_eq!(harmless("run_\0\n1"), "run_\u{fffd}\u{fffd}1");
    }

    proptest! {
        #[test]
        fn whatever_comes(text: String) {
            let kept = harmless(&text);
            prop_assert!(kept.chars().count() <= MAX);
            prop_assert!(!kept.contains(char::is_control));
            prop_assert_eq!(harmless(&kept), &*kept);
        }
    }
}
