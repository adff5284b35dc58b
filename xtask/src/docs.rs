//! `cargo xtask docs`: the files that are generated from the settings' declarations.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{command::Run, workspace::Workspace};

const BEGIN: &str = "<!-- settings:begin -->";
const END: &str = "<!-- settings:end -->";

/// Writes both files, or with `check` only says which of them are stale.
pub fn run(workspace: &Workspace, check: bool) -> Result<()> {
    workspace.cargo(&["build", "-p", "locum"]).check()?;
    let locum = workspace.built("debug", "locum");
    let env_example = Run::new(&locum)
        .args(["config", "--env-example"])
        .in_folder(&workspace.root)
        .read()?;
    let table = Run::new(&locum)
        .args(["config", "--markdown"])
        .in_folder(&workspace.root)
        .read()?;

    let readme = fs::read_to_string(workspace.root.join("README.md")).context("README.md")?;
    let stale: Vec<_> = [
        (".env.example", env_example),
        ("README.md", splice(&readme, &table)?),
    ]
    .into_iter()
    .filter(|(name, text)| {
        fs::read_to_string(workspace.root.join(name)).ok().as_ref() != Some(text)
    })
    .collect();
    for (name, text) in &stale {
        if check {
            eprintln!("stale: {name}");
        } else {
            fs::write(Path::new(&workspace.root).join(name), text)
                .with_context(|| name.to_string())?;
            eprintln!("written: {name}");
        }
    }
    if check && !stale.is_empty() {
        bail!("run `cargo xtask docs`");
    }
    Ok(())
}

/// `page` with `table` between the two marks.
fn splice(page: &str, table: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .with_context(|| format!("README.md lacks {BEGIN}"))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("README.md lacks {END}"))?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::splice;

    #[test]
    fn the_table_replaces_what_stood_between_the_marks() {
        let page = "a\n<!-- settings:begin -->\nold\n<!-- settings:end -->\nb\n";
        let spliced = splice(page, "| new |\n").unwrap();
        assert_eq!(
            spliced,
            "a\n<!-- settings:begin -->\n| new |\n<!-- settings:end -->\nb\n"
        );
        assert_eq!(splice(&spliced, "| new |\n").unwrap(), spliced);
    }

    #[test]
    fn a_page_without_marks_is_refused() {
        assert!(splice("nothing here", "").is_err());
    }
}
