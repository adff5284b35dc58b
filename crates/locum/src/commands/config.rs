//! `locum config`: the settings as they are, and the documents that are made of their declarations.

use locum_engine::settings::{self, Entry};

use super::say;
use crate::{
    exit::{Exit, Failure},
    variables::{Origin, Variables},
};

/// Where the remark behind a value stands.
const REMARK_COLUMN: usize = 56;

/// Shows all settings; what is wrong with them is the error.
pub fn show(variables: &Variables) -> Result<Exit, Failure> {
    let mut page = String::new();
    let mut section = "";
    for entry in settings::survey(&|name| variables.value(name)) {
        if entry.row.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = entry.row.section;
            page.push_str(&format!("{gap}## {section}\n"));
        }
        page.push_str(&line(&entry, variables));
    }
    say(&page)?;
    let settings = variables.settings().map_err(Failure::misused)?;
    settings.enabled_providers().map_err(Failure::misused)?;
    Ok(Exit::Done)
}

fn line(entry: &Entry, variables: &Variables) -> String {
    let row = &entry.row;
    let remark = match (&entry.given, &row.default, variables.origin(&row.name)) {
        (Some(_), _, Origin::Environment) => "",
        (Some(_), _, Origin::File) => "from .env",
        (None, Some(_), _) => "default",
        (None, None, _) => "not set",
    };
    let value = entry.given.as_ref().or(row.default.as_ref());
    let setting = format!("{}={}", row.name, value.map_or("", String::as_str));
    if remark.is_empty() {
        return format!("{setting}\n");
    }
    format!("{setting:REMARK_COLUMN$} # {remark}\n")
}

/// Prints `.env.example`.
pub fn env_example() -> Result<Exit, Failure> {
    say(&settings::env_example())?;
    Ok(Exit::Done)
}

/// Prints the README's table.
pub fn markdown() -> Result<Exit, Failure> {
    say(&settings::markdown())?;
    Ok(Exit::Done)
}
