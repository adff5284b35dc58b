//! What an operator may set: every setting declared once, and everything else made of the declarations.
//!
//! Parsing, `.env.example`, the README's table and `locum config` all come from the one declaration. There is no I/O here:
//! the environment is a lookup function. Read in this order: [`Settings`] (what the program gets), `declare` (the
//! declarations), `form` (what a declaration does), `kind` (what values there are), `value` (their types), `page` (the
//! generated documents).

mod declare;
mod form;
mod kind;
mod page;
mod value;

use std::{fmt, net::IpAddr, time::Duration};

use ipnet::IpNet;
use locum_providers::{Key, ProviderConfig, TABLE};

use self::{declare::read, form::Form};
pub use self::{
    form::{Entry, Lookup, SettingError, SettingRow},
    page::{env_example, markdown},
    value::{Environment, LogLevel, Secret},
};

/// The operator's settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What clients present as a bearer; there whenever `enable_auth` is.
    pub api_key: Option<Secret>,
    /// A request that carries it is not rate limited.
    pub rate_limit_bypass_key: Option<Secret>,
    /// Opens `/metrics` alone.
    pub metrics_key: Option<Secret>,
    /// Opens `/admin/gc`; without it nobody collects garbage by request.
    pub gc_admin_key: Option<Secret>,
    /// Whether requests must be authenticated.
    pub enable_auth: bool,
    /// Whether browsers of other origins may ask.
    pub enable_cors: bool,
    /// `*` alone: any origin.
    pub cors_allowed_origins: Vec<String>,
    /// Whether requests are limited per client address.
    pub enable_rate_limit: bool,
    /// How many requests a client address has in a window.
    pub rate_limit_requests: u64,
    /// How long such a window is.
    pub rate_limit_window: Duration,
    /// Where several processes count together; `None`: in the database, if they share one.
    pub rate_limit_store: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// All providers, enabled or not, in the order of [`TABLE`].
    pub providers: Vec<ProviderSettings>,
    /// Time to a response's first byte, and between two bytes of a stream.
    pub provider_timeout: Duration,
    /// Time to connect.
    pub provider_connect_timeout: Duration,
    /// More tries at one provider after the first.
    pub provider_max_retries: u32,
    /// Whether another provider is asked when one fails.
    pub provider_fallback_enabled: bool,
    /// Pattern (which may end in `*`) and model, first match first: the operator's, then names that died.
    pub model_aliases: Vec<(String, String)>,
    /// Where the host listens.
    pub host: IpAddr,
    /// Where the host listens; 0 for any free port.
    pub port: u16,
    /// How large a request's body may be.
    pub max_body_bytes: u64,
    /// How large an uploaded file may be.
    pub max_file_bytes: u64,
    /// How large a request's head may be.
    pub max_header_bytes: usize,
    /// How many clients may be connected at once.
    pub max_connections: usize,
    /// Time a client has to send its request's head, and as much again for its body.
    pub request_timeout: Duration,
    /// Time that running answers have once the program is asked to stop.
    pub shutdown_grace: Duration,
    /// The folder of what is stored, where the next two say nothing else.
    pub data_dir: String,
    /// Where objects are kept; `None`: in a file in `data_dir`.
    pub database_url: Option<String>,
    /// Where files' bytes are kept; `None`: in a folder in `data_dir`.
    pub storage_url: Option<String>,
    /// How many connections to a database server are kept at most.
    pub database_connections: usize,
    /// How S3 is reached, where `storage_url` names a bucket.
    pub aws: AwsSettings,
    /// Time after which a run that has not ended expires.
    pub run_expiry: Duration,
    /// Time after which others take over the runs of a process that says nothing.
    pub run_lease: Duration,
    /// How much of its inside the program shows.
    pub node_env: Environment,
    /// What is logged.
    pub log_level: LogLevel,
    /// Where traces go.
    pub traces: TraceSettings,
}

/// One provider's settings.
#[derive(Clone)]
pub struct ProviderSettings {
    /// As in [`TABLE`].
    pub name: &'static str,
    /// Whether it is asked at all.
    pub enabled: bool,
    /// What it is made of. Its `script` is for the host to fill in from `script_file`.
    pub config: ProviderConfig,
    /// The file whose text is the script.
    pub script_file: Option<String>,
}

/// Where traces go: OpenTelemetry's usual variables.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// The collector; `/v1/traces` is added.
    pub endpoint: Option<String>,
    /// The collector's whole address for traces; it goes before `endpoint`.
    pub traces_endpoint: Option<String>,
    /// `name=value` pairs for the collector.
    pub headers: Option<Secret>,
    /// What this program is called there.
    pub service_name: String,
}

impl TraceSettings {
    /// Whether traces are made at all.
    pub fn is_enabled(&self) -> bool {
        self.endpoint.is_some() || self.traces_endpoint.is_some()
    }
}

/// How S3 is reached: the usual variables of AWS, for every server that speaks S3.
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// The server; `None`: AWS's own in the region.
    pub endpoint_url: Option<String>,
    /// The region; `None`: `us-east-1`.
    pub region: Option<String>,
    /// Who asks. Without it the host looks for a role, as AWS's environment says.
    pub access_key_id: Option<String>,
    /// The key's secret half.
    pub secret_access_key: Option<Secret>,
    /// Of a key that was given for a while.
    pub session_token: Option<Secret>,
}

/// Dead names that old programs still send, and living models of their kind; the more special pattern first.
const DEAD_NAMES: &[(&str, &str)] = &[
    ("gemini-1.5-flash-8b*", "gemini-flash-lite-latest"),
    ("gemini-2.0-flash-lite*", "gemini-flash-lite-latest"),
    ("gemini-1.5-flash*", "gemini-flash-latest"),
    ("gemini-2.0-flash*", "gemini-flash-latest"),
    ("gemini-pro", "gemini-pro-latest"),
    ("gemini-pro-vision", "gemini-pro-latest"),
    ("gemini-1.0-pro*", "gemini-pro-latest"),
    ("gemini-1.5-pro*", "gemini-pro-latest"),
    ("gemini-2.0-pro*", "gemini-pro-latest"),
];

impl Settings {
    /// Reads and checks the settings; an empty value counts as unset.
    ///
    /// # Errors
    /// The first setting that is wrong or missing.
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, SettingError> {
        let mut form = Form::new(lookup);
        let settings = read(&mut form);
        form.finish()?;
        settings.check()?;
        Ok(settings)
    }

    /// The enabled providers' names.
    ///
    /// # Errors
    /// None is enabled, so that there is nothing to serve.
    pub fn enabled_providers(&self) -> Result<Vec<&'static str>, SettingError> {
        let names: Vec<_> = self
            .providers
            .iter()
            .filter(|provider| provider.enabled)
            .map(|provider| provider.name)
            .collect();
        if names.is_empty() {
            let mut switches = TABLE.iter().map(|row| switch_name(row.name));
            let first = switches.next().unwrap_or_default();
            let others = switches.collect::<Vec<_>>().join(" or ");
            return Err(SettingError::missing(
                first,
                format!("at least one provider must be on, with this or {others} set to true"),
            ));
        }
        Ok(names)
    }

    /// The names of keys that are set while their provider is off.
    pub fn idle_keys(&self) -> Vec<String> {
        self.providers
            .iter()
            .filter(|provider| !provider.enabled && !provider.config.api_key.is_empty())
            .map(|provider| key_name(provider.name))
            .collect()
    }

    /// What no setting can tell alone.
    fn check(&self) -> Result<(), SettingError> {
        if self.enable_auth && self.api_key.is_none() {
            return Err(SettingError::missing(
                "API_KEY",
                "clients need a key to present, unless ENABLE_AUTH is false",
            ));
        }
        for (row, provider) in TABLE.iter().zip(&self.providers) {
            if provider.enabled && row.key == Key::Required && provider.config.api_key.is_empty() {
                return Err(SettingError::missing(
                    key_name(row.name),
                    format!("{} is true and needs it", switch_name(row.name)),
                ));
            }
        }
        Ok(())
    }
}

/// All settings' declarations, in the order of their documents.
pub fn rows() -> Vec<SettingRow> {
    survey(&|_| None)
        .into_iter()
        .map(|entry| entry.row)
        .collect()
}

/// All settings with what each is set to, right or wrong.
pub fn survey(lookup: Lookup<'_>) -> Vec<Entry> {
    let mut form = Form::new(lookup);
    read(&mut form);
    form.into_entries()
}

/// `PROVIDER_GEMINI_ENABLED`.
fn switch_name(provider: &str) -> String {
    format!("PROVIDER_{}_ENABLED", provider.to_uppercase())
}

/// `GEMINI_API_KEY`.
fn key_name(provider: &str) -> String {
    named(provider, "API_KEY")
}

/// `GEMINI_…`.
fn named(provider: &str, what: &str) -> String {
    format!("{}_{what}", provider.to_uppercase())
}

impl ProviderSettings {
    /// The name of the setting that holds `script_file`.
    pub fn script_setting(&self) -> String {
        named(self.name, "SCRIPT")
    }
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .field("base_url", &self.config.base_url)
            .field("default_model", &self.config.default_model)
            .field("script_file", &self.script_file)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
