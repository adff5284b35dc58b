//! The invariants of ARCHITECTURE.md that a compiler does not check.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Who may depend on whom inside the workspace, in a release.
const ALLOWED: &[(&str, &[&str])] = &[
    ("locum-domain", &[]),
    ("locum-providers", &["locum-domain"]),
    ("locum-engine", &["locum-domain", "locum-providers"]),
    ("locum-store-sql", &["locum-domain", "locum-engine"]),
    ("locum-api", &["locum-domain", "locum-engine"]),
    (
        "locum",
        &[
            "locum-api",
            "locum-domain",
            "locum-engine",
            "locum-logs",
            "locum-providers",
            "locum-store-sql",
        ],
    ),
    ("locum-logs", &["locum-engine"]),
    (
        "locum-worker",
        &[
            "locum-api",
            "locum-domain",
            "locum-engine",
            "locum-logs",
            "locum-store-sql",
            // For its trials alone: a feature that no release has.
            "locum-testkit",
        ],
    ),
];

/// Crates that must do without a runtime, a server, files and sockets.
const CORE: [&str; 6] = ["domain", "providers", "engine", "store-sql", "api", "logs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The direct dependencies of every crate of the workspace, those of its tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned());
            (
                package["name"].as_str().unwrap().to_owned(),
                normal.collect(),
            )
        })
        .collect()
}

/// The source files of a crate, each up to its tests, and those without that are nothing but tests.
fn sources(name: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("crates").join(name).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                files.push((path, code.to_owned()));
            }
        }
    }
    assert!(!files.is_empty());
    files
}

#[test]
fn dependencies_point_one_way() {
    let dependencies = dependencies();
    for (name, allowed) in ALLOWED {
        for dependency in dependencies[*name]
            .iter()
            .filter(|d| dependencies.contains_key(*d))
        {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} depends on {dependency}"
            );
        }
    }
}

#[test]
fn the_core_has_no_runtime_no_server_and_no_sockets() {
    let dependencies = dependencies();
    for name in CORE {
        for absent in ["tokio", "hyper", "hyper-util", "reqwest", "rusqlite"] {
            assert!(
                !dependencies[&format!("locum-{name}")].contains(absent),
                "{name} depends on {absent}"
            );
        }
    }
    for (name, absent) in [
        ("locum-engine", "serde"),
        ("locum-engine", "serde_json"),
        ("locum-engine", "axum"),
        ("locum-providers", "tracing"),
        ("locum-store-sql", "axum"),
        ("locum-store-sql", "http"),
        ("locum-store-sql", "locum-providers"),
    ] {
        assert!(
            !dependencies[name].contains(absent),
            "{name} depends on {absent}"
        );
    }
}

/// Objects are stored as serde writes them; what a store, a client or a provider does with that is its own affair.
#[test]
fn the_domain_writes_no_json() {
    for (path, code) in sources("domain") {
        for word in ["serde_json::to_", "serde_json::from_", "serde_json::json!"] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn only_the_store_contains_sql() {
    let others = CORE.iter().filter(|name| **name != "store-sql");
    for (path, code) in others
        .chain(&["locum", "worker"])
        .flat_map(|name| sources(name))
    {
        for words in ["SELECT ", "INSERT INTO", "DELETE FROM", "CREATE TABLE"] {
            assert!(!code.contains(words), "{}: {words}", path.display());
        }
    }
}

#[test]
fn the_core_knows_no_target() {
    for (path, code) in CORE.iter().flat_map(|name| sources(name)) {
        assert!(!code.contains("target_arch"), "{}", path.display());
    }
}

#[test]
fn only_the_table_names_providers() {
    for (path, code) in ["domain", "engine", "api", "logs", "locum", "worker"]
        .iter()
        .flat_map(|name| sources(name))
    {
        for line in code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for name in ["\"gemini\"", "\"openai\"", "\"rehearsal\""] {
                assert!(!line.contains(name), "{}: {line}", path.display());
            }
        }
    }
}
