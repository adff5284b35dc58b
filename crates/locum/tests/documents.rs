//! The documents that are made of the settings' declarations are what is in the repository.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use locum_engine::settings::{env_example, markdown};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    fs::read_to_string(path).unwrap()
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
