//! Where settings come from: the environment, and `.env` in the working folder for what the environment does not have.

use std::{collections::HashMap, env, path::Path};

use anyhow::{Context, bail};
use locum_engine::settings::{SettingError, Settings};

/// The settings' variables.
#[derive(Debug, Default)]
pub struct Variables {
    file: HashMap<String, String>,
    /// Values that go before all others.
    fixed: HashMap<String, String>,
}

/// Where a variable's value is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The environment.
    Environment,
    /// The file.
    File,
}

impl Variables {
    /// Reads `path`, which need not exist.
    ///
    /// # Errors
    /// It cannot be read, or holds something else than `NAME=value` lines. The error shows no value.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let pairs = match dotenvy::from_path_iter(path) {
            Ok(pairs) => pairs,
            Err(error) if error.not_found() => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
        };
        let mut file = HashMap::new();
        for pair in pairs {
            match pair {
                Ok((name, value)) => file.insert(name, value),
                Err(dotenvy::Error::LineParse(line, _)) => {
                    let start = line.split('=').next().unwrap_or_default().trim();
                    bail!("{shown} holds a line that is no NAME=value; it begins with {start:?}");
                }
                Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
            };
        }
        Ok(Self {
            file,
            fixed: HashMap::new(),
        })
    }

    /// Sets a value that goes before all others.
    pub fn fix(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.fixed.insert(name.into(), value.into());
    }

    /// A variable's value.
    pub fn value(&self, name: &str) -> Option<String> {
        let fixed = self.fixed.get(name).cloned();
        let set = || env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        fixed.or_else(set).or_else(|| self.file.get(name).cloned())
    }

    /// Whether a variable has a value that counts.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| !value.trim().is_empty())
    }

    /// Where a variable's value is from.
    pub fn origin(&self, name: &str) -> Origin {
        if env::var_os(name).is_none() && self.file.contains_key(name) {
            Origin::File
        } else {
            Origin::Environment
        }
    }

    /// The settings, and the texts of the files they name.
    ///
    /// # Errors
    /// What is wrong with the first of them that is wrong.
    pub fn settings(&self) -> Result<Settings, SettingError> {
        let mut settings = Settings::from_lookup(&|name| self.value(name))?;
        for provider in settings.providers.iter_mut().filter(|it| it.enabled) {
            if let Some(path) = &provider.script_file {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let takes = format!("a file that can be read ({error})");
                    SettingError::wrong(provider.script_setting(), path, takes)
                })?;
                provider.config.script = Some(text);
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_need_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::load(&folder.path().join(".env")).unwrap();
        assert_eq!(variables.value("LOCUM_TEST_NOWHERE_SET"), None);
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(
            &path,
            "# a comment\nPATH=elsewhere\nexport LOCUM_TEST_PORT='8 # 9'\n",
        )
        .unwrap();
        let mut variables = Variables::load(&path).unwrap();
        assert_eq!(variables.value("PATH"), env::var("PATH").ok());
        assert_eq!(variables.origin("PATH"), Origin::Environment);
        assert_eq!(variables.value("LOCUM_TEST_PORT").as_deref(), Some("8 # 9"));
        assert_eq!(variables.origin("LOCUM_TEST_PORT"), Origin::File);
        variables.fix("PATH", "fixed");
        assert_eq!(variables.value("PATH").as_deref(), Some("fixed"));
    }

    #[test]
    fn a_wrong_line_is_named_without_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "API_KEY='hush\n").unwrap();
        let error = format!("{:#}", Variables::load(&path).unwrap_err());
        assert!(
            error.contains("API_KEY") && !error.contains("hush"),
            "{error}"
        );
    }

    #[test]
    fn a_script_that_cannot_be_read_names_its_setting() {
        let mut variables = Variables::default();
        variables.fix("ENABLE_AUTH", "false");
        variables.fix("PROVIDER_REHEARSAL_ENABLED", "true");
        variables.fix("REHEARSAL_SCRIPT", "/nowhere/script.json");
        let error = variables.settings().unwrap_err().to_string();
        assert!(
            error.starts_with("REHEARSAL_SCRIPT holds \"/nowhere/script.json\"; it takes a file"),
            "{error}"
        );
    }
}
