//! What the front and the object have counted, on one page.
//!
//! Each sample says in its label `place` who has counted it. The two count different requests, so that a sum over `place` is
//! true; over several fronts nobody sums, since a scrape reaches one of them: docs/cloudflare.md says what that means.

use std::fmt::Write;

/// Puts pages of OpenMetrics together, each with the place that it comes from.
pub(crate) fn together(pages: &[(&str, &str)]) -> String {
    let mut families: Vec<(String, String)> = Vec::new();
    for (place, page) in pages {
        let mut family = 0;
        for line in page.lines().filter(|line| *line != "# EOF") {
            let Some(about) = line.strip_prefix("# ") else {
                if let Some((_, samples)) = families.get_mut(family) {
                    labelled(samples, line, place);
                }
                continue;
            };
            let head = |family: &(String, String)| family.0.lines().any(|known| known == line);
            match families.iter().position(head) {
                Some(known) => family = known,
                None if about.starts_with("HELP ") => {
                    families.push((format!("{line}\n"), String::new()));
                    family = families.len() - 1;
                }
                None => {
                    if let Some((heads, _)) = families.get_mut(family) {
                        let _ = writeln!(heads, "{line}");
                    }
                }
            }
        }
    }
    let mut page: String = families
        .into_iter()
        .map(|(heads, samples)| heads + &samples)
        .collect();
    page.push_str("# EOF\n");
    page
}

/// Appends a sample with its place.
fn labelled(to: &mut String, sample: &str, place: &str) {
    let Some((series, value)) = sample.rsplit_once(' ') else {
        return;
    };
    let _ = match series.strip_suffix('}') {
        Some(labels) if labels.ends_with('{') => {
            writeln!(to, "{labels}place=\"{place}\"}} {value}")
        }
        Some(labels) => writeln!(to, "{labels},place=\"{place}\"}} {value}"),
        None => writeln!(to, "{series}{{place=\"{place}\"}} {value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_comes_once_with_the_samples_of_both() {
        let front = "# HELP a First.\n# TYPE a counter\na_total 1\n# HELP b Second.\n# TYPE b gauge\nb{c=\"d e\"} 2\n# EOF\n";
        let object = "# HELP a First.\n# TYPE a counter\na_total 3\n# HELP n New.\n# TYPE n gauge\nn{} 5\n# EOF\n";
        let expected = "# HELP a First.\n# TYPE a counter\na_total{place=\"front\"} 1\na_total{place=\"object\"} 3\n\
                        # HELP b Second.\n# TYPE b gauge\nb{c=\"d e\",place=\"front\"} 2\n\
                        # HELP n New.\n# TYPE n gauge\nn{place=\"object\"} 5\n# EOF\n";
        assert_eq!(together(&[("front", front), ("object", object)]), expected);
    }
}
