//! The documents that are made of the declarations.

use super::{SettingRow, rows};

/// `.env.example`: every setting, commented out, with its meaning and its default.
pub fn env_example() -> String {
    let mut page = String::from(
        "# Locum's settings. Copy this file to `.env` and set what you need; what stays commented out has the value shown.\n\
         # The real environment goes before `.env`. `locum config` shows what counts.\n",
    );
    let mut section = "";
    for row in rows() {
        if row.section != section {
            section = row.section;
            page.push_str(&format!("\n## {section}\n"));
        }
        let SettingRow {
            name,
            default,
            takes,
            meaning,
            ..
        } = row;
        let default = default.unwrap_or_default();
        page.push_str(&format!(
            "\n# {meaning}\n# takes {takes}\n#{name}={default}\n"
        ));
    }
    page
}

/// The README's table.
pub fn markdown() -> String {
    let mut page = String::from("| Name | Default | Takes | Meaning |\n|---|---|---|---|\n");
    for row in rows() {
        let default = row
            .default
            .map_or_else(|| "–".to_owned(), |text| format!("`{text}`"));
        let cells = [format!("`{}`", row.name), default, row.takes, row.meaning];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page
}
