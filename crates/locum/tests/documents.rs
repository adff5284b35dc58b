//! The documents that are made of the settings' declarations are what is in the repository, and what operators are given names
//! only what there is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use locum_engine::settings::{env_example, markdown, rows};

/// What operators are given beside the program.
const FOR_OPERATORS: [&str; 4] = ["compose.yaml", "Dockerfile", "deploy", "docs/operating.md"];

/// Variables that are not Locum's own.
const OF_OTHERS: [&str; 8] = [
    "MC_HOST",
    "MINIO_ROOT_PASSWORD",
    "MINIO_ROOT_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "STORE_PASSWORD",
    "TOKIO_WORKER_THREADS",
];

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

fn file(name: &str) -> String {
    fs::read_to_string(place(name)).unwrap()
}

/// The texts of a file, or of all files in a folder and below it, with their places.
fn texts(path: PathBuf) -> Vec<(PathBuf, String)> {
    if path.is_file() {
        let text = fs::read_to_string(&path).unwrap();
        return vec![(path, text)];
    }
    let entries = fs::read_dir(path).unwrap();
    entries
        .flat_map(|entry| texts(entry.unwrap().path()))
        .collect()
}

/// The words of a text that consist of such letters.
fn words(text: &str, is_letter: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    text.split(move |letter| !is_letter(letter))
        .map(|word| word.trim_matches('_'))
}

#[test]
fn env_example_is_not_stale() {
    assert_eq!(
        file(".env.example"),
        env_example(),
        "run `cargo xtask docs`"
    );
}

#[test]
fn the_readmes_table_is_not_stale() {
    let readme = file("README.md");
    let (_, rest) = readme.split_once("<!-- settings:begin -->").unwrap();
    let (table, _) = rest.split_once("<!-- settings:end -->").unwrap();
    assert_eq!(table.trim(), markdown().trim(), "run `cargo xtask docs`");
}

#[test]
fn operators_are_told_of_settings_that_exist() {
    let settings: BTreeSet<_> = rows().into_iter().map(|row| row.name).collect();
    let is_letter =
        |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    let mut found = BTreeSet::new();
    for (path, text) in FOR_OPERATORS.iter().flat_map(|name| texts(place(name))) {
        for word in words(&text, is_letter).filter(|word| word.contains('_')) {
            found.insert(word.to_owned());
            let is_known = settings.contains(word) || OF_OTHERS.contains(&word);
            assert!(
                is_known || word == "RUST_VERSION",
                "{word} in {}",
                path.display()
            );
        }
    }
    for name in [
        "DATABASE_URL",
        "STORAGE_URL",
        "TRUSTED_PROXIES",
        "RUN_LEASE",
    ] {
        assert!(found.contains(name), "{name}");
    }
}

/// The names under which metrics are registered, with the prefix that all of them have.
fn metrics() -> BTreeSet<String> {
    ["metrics.rs", "metrics/runs.rs"]
        .iter()
        .flat_map(|name| {
            let source = file(&format!("crates/engine/src/{name}"));
            let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
            let calls = source.split("registry.register(").skip(1);
            let names = calls.map(|call| format!("locum_{}", call.split('"').nth(1).unwrap()));
            names.collect::<Vec<_>>()
        })
        .collect()
}

/// The metric that samples of this name belong to.
fn metric(sample: &str) -> &str {
    let ends = ["_total", "_info", "_bucket", "_sum", "_count"];
    let metric = ends.iter().find_map(|end| sample.strip_suffix(end));
    metric.unwrap_or(sample)
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    words(text, is_letter)
        .filter(|word| word.starts_with("locum_"))
        .map(|word| metric(word).to_owned())
        .collect()
}

#[test]
fn every_metric_is_explained_and_none_is_that_does_not_exist() {
    let metrics = metrics();
    assert!(metrics.contains("locum_requests") && metrics.contains("locum_runs"));
    // Of those that have samples from the start on it can be seen that the sources were read as they are meant.
    let page = locum_engine::metrics::Metrics::new().encode();
    assert!(named(&page).is_subset(&metrics), "{page}");
    let mut explained = named(&file("docs/operating.md"));
    // A database of the examples.
    explained.remove("locum_restored");
    assert_eq!(explained, metrics);
    let alerts = named(&file("deploy/prometheus/alerts.yaml"));
    assert!(alerts.is_subset(&metrics), "{alerts:?}");
}
