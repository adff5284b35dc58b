//! The page about the translation and the tests name the same.

use std::{collections::BTreeSet, fs, path::Path};

/// The names of the tests in a source file.
fn tests_in(source: &str, names: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ")
            && std::mem::take(&mut is_test)
        {
            names.extend(rest.split('(').next().map(str::to_owned));
        }
    }
}

#[test]
fn every_rule_is_tested_and_every_test_is_a_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for file in fs::read_dir(root.join("tests/gemini")).unwrap() {
        tests_in(
            &fs::read_to_string(file.unwrap().path()).unwrap(),
            &mut tests,
        );
    }
    let schema = root.join("src/gemini/schema/tests.rs");
    tests_in(&fs::read_to_string(schema).unwrap(), &mut tests);

    let page = fs::read_to_string(root.join("../../docs/gemini-translation.md")).unwrap();
    let named: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix('|')?.rsplit('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    let untested: Vec<_> = named.difference(&tests).collect();
    let undocumented: Vec<_> = tests
        .difference(&named)
        .filter(|name| *name != "every_rule_is_tested_and_every_test_is_a_rule")
        .collect();
    assert!(
        untested.is_empty(),
        "named on the page, but no test: {untested:?}"
    );
    assert!(
        undocumented.is_empty(),
        "tests that the page does not name: {undocumented:?}"
    );
}
