//! Where settings come from: the Worker's variables and secrets.

use js_sys::Reflect;
use locum_engine::settings::{SettingError, Settings};
use worker::{Env, wasm_bindgen::JsValue};

/// The settings. `REHEARSAL_SCRIPT` holds the script itself here, since there are no files.
///
/// # Errors
/// What is wrong with the first of them that is wrong. The error shows no secret.
pub(crate) fn read(env: &Env) -> Result<Settings, SettingError> {
    let mut settings = Settings::from_lookup(&|name| value(env, name))?;
    settings.enabled_providers()?;
    for provider in settings.providers.iter_mut().filter(|it| it.enabled) {
        provider.config.script = provider.script_file.clone();
    }
    Ok(settings)
}

/// A variable's value. What `wrangler.toml` writes as a number or a boolean is one here.
fn value(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if let Some(switch) = value.as_bool() {
        return Some(switch.to_string());
    }
    value
        .as_f64()
        .map(|number| number.to_string())
        .or_else(|| value.as_string())
}
