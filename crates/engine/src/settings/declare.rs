//! The declarations: each setting once, with its name, its default, its kind and its meaning.
//!
//! A setting that is added here is parsed, checked, documented and shown. The order is that of the documents.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use locum_providers::{Key, ProviderConfig, Row, TABLE};

use super::{
    AwsSettings, DEAD_NAMES, Environment, LogLevel, ProviderSettings, Secret, Settings,
    TraceSettings, form::Form, key_name, kind::Kind, named, switch_name,
};

/// Reads all settings, right or wrong.
pub(super) fn read(form: &mut Form<'_>) -> Settings {
    form.section("Who may ask");
    let enable_auth = form.value(
        "ENABLE_AUTH",
        true,
        Kind::switch(),
        "whether clients must present a key",
    );
    let api_key = form.secret(
        "API_KEY",
        "what clients present as `Authorization: Bearer`; required while `ENABLE_AUTH`",
    );
    let metrics_key = form.secret(
        "METRICS_KEY",
        "a bearer key that opens `/metrics` alone; `API_KEY` opens it too",
    );
    let gc_admin_key = form.secret(
        "GC_ADMIN_KEY",
        "the bearer key of `POST /admin/gc`; without it that endpoint answers 404",
    );
    let enable_cors = form.value(
        "ENABLE_CORS",
        true,
        Kind::switch(),
        "whether browsers of other origins may ask",
    );
    let cors_allowed_origins = form.value(
        "CORS_ALLOWED_ORIGINS",
        vec!["*".to_owned()],
        Kind::origins(),
        "which origins; `*` for any",
    );
    let enable_rate_limit = form.value(
        "ENABLE_RATE_LIMIT",
        true,
        Kind::switch(),
        "whether each client address is limited",
    );
    let rate_limit_requests = form.value(
        "RATE_LIMIT_REQUESTS",
        60,
        Kind::number(1..=1_000_000_000),
        "requests per client address in a window",
    );
    let rate_limit_window = form.value(
        "RATE_LIMIT_WINDOW",
        Duration::from_mins(1),
        Kind::millis(1..=86_400_000),
        "the window",
    );
    let rate_limit_store = form.optional(
        "RATE_LIMIT_STORE",
        Kind::text(),
        "where several processes count together, as `redis://HOST` or `rediss://HOST`; else in the database, if that is PostgreSQL",
    );
    let rate_limit_bypass_key = form.secret(
        "RATE_LIMIT_BYPASS_KEY",
        "a request with this in `x-ratelimit-bypass-key` is not limited",
    );
    let trusted_proxies = form.value(
        "TRUSTED_PROXIES",
        Vec::new(),
        Kind::networks(),
        "whose `X-Forwarded-For` is believed; from anyone else it is ignored",
    );

    form.section("Providers");
    let providers = TABLE.iter().map(|row| read_provider(form, row)).collect();

    form.section("Failing over");
    let provider_timeout = form.value(
        "PROVIDER_TIMEOUT",
        Duration::from_secs(30),
        Kind::millis(1..=3_600_000),
        "time to a response's first byte, and between two bytes of a stream",
    );
    let provider_connect_timeout = form.value(
        "PROVIDER_CONNECT_TIMEOUT",
        Duration::from_secs(5),
        Kind::millis(1..=600_000),
        "time to connect to a provider",
    );
    let provider_max_retries = form.value(
        "PROVIDER_MAX_RETRIES",
        3,
        Kind::number(0..=20),
        "more tries at one provider, with backoff and jitter; a short `Retry-After` is obeyed",
    );
    let provider_fallback_enabled = form.value(
        "PROVIDER_FALLBACK_ENABLED",
        true,
        Kind::switch(),
        "whether the next enabled provider is asked when one fails",
    );
    let mut model_aliases = form.value(
        "MODEL_ALIASES",
        Vec::new(),
        Kind::aliases(),
        "other names for models, the name may end in `*`; dead names such as `gemini-pro` and `gemini-1.5-*` lead to \
         living models already",
    );
    model_aliases.extend(
        DEAD_NAMES
            .iter()
            .map(|(name, model)| ((*name).to_owned(), (*model).to_owned())),
    );

    form.section("The server");
    let host = form.value(
        "HOST",
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        Kind::address(),
        "where it listens; `0.0.0.0` or `::` for every interface",
    );
    let port = form.value(
        "PORT",
        8787,
        Kind::number(0..=65_535),
        "where it listens; 0 for any free port",
    );
    let max_body_bytes = form.value(
        "MAX_BODY_BYTES",
        64 << 20,
        Kind::bytes(1 << 10..=4 << 30),
        "how large a request's body may be; beyond: 413",
    );
    let max_file_bytes = form.value(
        "MAX_FILE_BYTES",
        512 << 20,
        Kind::bytes(1 << 10..=8 << 30),
        "how large an uploaded file may be; beyond: 413",
    );
    let max_header_bytes = form.value(
        "MAX_HEADER_BYTES",
        64 << 10,
        Kind::bytes(8 << 10..=1 << 20),
        "how large a request's head may be; beyond: 431",
    );
    let max_connections = form.value(
        "MAX_CONNECTIONS",
        10_000,
        Kind::number(1..=1_000_000),
        "how many clients may be connected at once; beyond: 503",
    );
    let request_timeout = form.value(
        "REQUEST_TIMEOUT",
        Duration::from_secs(30),
        Kind::millis(10..=3_600_000),
        "time a client has to send its request's head, and again for its body; beyond: 408. One that takes nothing of its \
         answer for as long is hung up on",
    );
    let shutdown_grace = form.value(
        "SHUTDOWN_GRACE",
        Duration::from_secs(30),
        Kind::millis(0..=3_600_000),
        "time that running answers have when the program is asked to stop",
    );

    form.section("What is kept");
    let data_dir = form.value(
        "DATA_DIR",
        "./data".to_owned(),
        Kind::folder(),
        "the folder of the database and of uploaded files",
    );
    let database_url = form.optional(
        "DATABASE_URL",
        Kind::text(),
        "where objects are kept, as `sqlite:PATH`, or as `postgres://USER:PASSWORD@HOST/DATABASE` for several processes; else in \
         `DATA_DIR`",
    );
    let storage_url = form.optional(
        "STORAGE_URL",
        Kind::text(),
        "where files' bytes are kept, as `file:PATH` or `s3://BUCKET/PREFIX`; else in `DATA_DIR`",
    );
    let database_connections = form.value(
        "DATABASE_CONNECTIONS",
        16,
        Kind::number(1..=1000),
        "how many connections to PostgreSQL each process keeps at most",
    );
    let aws = read_aws(form);
    let run_expiry = Duration::from_secs(form.value(
        "RUN_EXPIRY",
        600,
        Kind::number(1..=86_400),
        "seconds after which a run that has not ended expires",
    ));
    let run_lease = Duration::from_secs(form.value(
        "RUN_LEASE",
        10,
        Kind::number(2..=3600),
        "seconds after which other processes take over the runs of one that says nothing",
    ));

    form.section("Watching it");
    let node_env = form.value(
        "NODE_ENV",
        Environment::Development,
        Kind::one_of(Environment::ALL),
        "`production`: logs in JSON, errors without internals",
    );
    let log_level = form.value(
        "LOG_LEVEL",
        LogLevel::Info,
        Kind::one_of(LogLevel::ALL),
        "what is logged",
    );
    let traces = TraceSettings {
        endpoint: form.optional(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            Kind::web_address(),
            "an OpenTelemetry collector (OTLP over HTTP); traces are made only when it is set",
        ),
        traces_endpoint: form.optional(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            Kind::web_address(),
            "the same, as the whole address for traces",
        ),
        headers: form.secret_of(
            "OTEL_EXPORTER_OTLP_HEADERS",
            Kind::pairs(),
            "headers for the collector",
        ),
        service_name: form.value(
            "OTEL_SERVICE_NAME",
            "locum".to_owned(),
            Kind::text(),
            "what this program is called in traces",
        ),
    };

    Settings {
        api_key,
        rate_limit_bypass_key,
        metrics_key,
        gc_admin_key,
        enable_auth,
        enable_cors,
        cors_allowed_origins,
        enable_rate_limit,
        rate_limit_requests,
        rate_limit_window,
        rate_limit_store,
        trusted_proxies,
        providers,
        provider_timeout,
        provider_connect_timeout,
        provider_max_retries,
        provider_fallback_enabled,
        model_aliases,
        host,
        port,
        max_body_bytes,
        max_file_bytes,
        max_header_bytes,
        max_connections,
        request_timeout,
        shutdown_grace,
        data_dir,
        database_url,
        storage_url,
        database_connections,
        aws,
        run_expiry,
        run_lease,
        node_env,
        log_level,
        traces,
    }
}

/// The declarations of what S3 needs, under the names that AWS's own programs read.
fn read_aws(form: &mut Form<'_>) -> AwsSettings {
    let endpoint_url = form.optional(
        "AWS_ENDPOINT_URL",
        Kind::web_address(),
        "the server of `s3://`: MinIO, Cloudflare R2 or another; else AWS's own",
    );
    let s3_endpoint_url = form.optional(
        "AWS_ENDPOINT_URL_S3",
        Kind::web_address(),
        "the same; it goes before `AWS_ENDPOINT_URL`",
    );
    let region = form.optional(
        "AWS_REGION",
        Kind::word(),
        "the bucket's region, `auto` for R2; else `us-east-1`",
    );
    let default_region = form.optional(
        "AWS_DEFAULT_REGION",
        Kind::word(),
        "the same, where `AWS_REGION` is not set",
    );
    AwsSettings {
        endpoint_url: s3_endpoint_url.or(endpoint_url),
        region: region.or(default_region),
        access_key_id: form.optional(
            "AWS_ACCESS_KEY_ID",
            Kind::word(),
            "the key for `s3://`; without it the role that the machine, the container or `AWS_WEB_IDENTITY_TOKEN_FILE` gives",
        ),
        secret_access_key: form.secret("AWS_SECRET_ACCESS_KEY", "the secret half of that key"),
        session_token: form.secret("AWS_SESSION_TOKEN", "the token of a key that expires"),
    }
}

/// The declarations of one provider, as its row in the table has them.
fn read_provider(form: &mut Form<'_>, row: &Row) -> ProviderSettings {
    let mut config = ProviderConfig {
        default_model: row.default_model.to_owned(),
        ..ProviderConfig::default()
    };
    let enabled = form.value(
        switch_name(row.name),
        false,
        Kind::switch(),
        format!("switch for {}", row.title),
    );
    if row.key != Key::None {
        let meaning = format!("the key for it; required while `{}`", switch_name(row.name));
        let key = form.secret(key_name(row.name), meaning);
        config.api_key = key.map(Secret::into_inner).unwrap_or_default();
    }
    if let Some(base_url) = row.base_url {
        config.base_url = form.value(
            named(row.name, "BASE_URL"),
            base_url.to_owned(),
            Kind::web_address(),
            "where its API is",
        );
    }
    config.default_model = form.value(
        named(row.name, "DEFAULT_MODEL"),
        config.default_model,
        Kind::text(),
        "what a fallback asks of it",
    );
    let script_file = row.script.then(|| {
        form.optional(
            named(row.name, "SCRIPT"),
            Kind::path(),
            "a JSON file of expected texts and answers for it",
        )
    });
    ProviderSettings {
        name: row.name,
        enabled,
        config,
        script_file: script_file.flatten(),
    }
}
