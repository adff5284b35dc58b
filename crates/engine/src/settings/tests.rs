use super::*;

fn read_from(pairs: &[(&str, &str)]) -> Result<Settings, SettingError> {
    Settings::from_lookup(&lookup_in(pairs))
}

fn lookup_in(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let found = |name: &str| pairs.iter().find(|(given, _)| *given == name);
    move |name| found(name).map(|(_, value)| (*value).to_owned())
}

/// The settings with one of them set.
#[track_caller]
fn with(name: &str, value: &str) -> Settings {
    read_from(&[("API_KEY", "k"), (name, value)]).unwrap()
}

/// The provider whose settings begin with `prefix`.
#[track_caller]
fn provider<'a>(settings: &'a Settings, prefix: &str) -> &'a ProviderSettings {
    let mut providers = settings.providers.iter();
    providers
        .find(|it| it.name.to_uppercase() == prefix)
        .unwrap()
}

/// The error when `name` holds `value`.
#[track_caller]
fn refusal(name: &str, value: &str) -> String {
    let pairs = [(name, value), ("API_KEY", "k")];
    read_from(&pairs).unwrap_err().to_string()
}

#[test]
fn nothing_but_a_key_must_be_set() {
    let settings = with("API_KEY", "k");
    assert_eq!(settings.api_key.as_ref().map(Secret::expose), Some("k"));
    assert_eq!(settings.port, 8787);
    assert_eq!(settings.max_body_bytes, 64 << 20);
    assert_eq!(settings.provider_timeout, Duration::from_secs(30));
    assert_eq!(settings.cors_allowed_origins, ["*"]);
    assert_eq!(settings.node_env, Environment::Development);
    assert!(settings.providers.iter().all(|provider| !provider.enabled));
}

#[test]
fn every_wrong_value_is_named_in_one_line() {
    for row in rows() {
        let error = refusal(&row.name, "\u{7}nonsense");
        assert!(
            error.starts_with(&format!("{} holds ", row.name)),
            "{error}"
        );
        assert!(
            error.ends_with(&format!("it takes {}", row.takes)),
            "{error}"
        );
        assert_eq!(error.contains("nonsense"), !row.secret, "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn every_default_is_a_value_of_its_own_kind() {
    for row in rows() {
        if let Some(default) = &row.default {
            with(&row.name, default);
        }
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = rows().into_iter().map(|row| row.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn what_errors_say() {
    assert_eq!(
        refusal("PORT", "http"),
        r#"PORT holds "http"; it takes a number from 0 to 65535"#
    );
    assert_eq!(
        refusal("LOG_LEVEL", "loud"),
        r#"LOG_LEVEL holds "loud"; it takes trace, debug, info, warn, error"#
    );
    assert_eq!(
        read_from(&[]).unwrap_err().to_string(),
        "API_KEY is not set; clients need a key to present, unless ENABLE_AUTH is false"
    );
    assert_eq!(
        refusal("PROVIDER_GEMINI_ENABLED", "true"),
        "GEMINI_API_KEY is not set; PROVIDER_GEMINI_ENABLED is true and needs it"
    );
}

#[test]
fn no_error_shows_a_secret() {
    let error = refusal("GEMINI_API_KEY", "AIza secret");
    assert!(
        error.starts_with("GEMINI_API_KEY holds a value that is not shown"),
        "{error}"
    );
    let error = refusal("OPENAI_BASE_URL", "https://me:secret@host/v1");
    assert!(!error.contains("secret"), "{error}");
    let error = refusal("OPENAI_BASE_URL", "https://host/v1?key=secret");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn nothing_shows_a_secret_that_is_right() {
    let names: Vec<_> = rows().into_iter().filter(|row| row.secret).collect();
    let pairs: Vec<_> = names
        .iter()
        .map(|row| (row.name.as_str(), "a=hush"))
        .collect();
    let lookup = lookup_in(&pairs);
    assert!(!format!("{:?}", survey(&lookup)).contains("hush"));
    assert!(!format!("{:?}", Settings::from_lookup(&lookup).unwrap()).contains("hush"));
}

#[test]
fn an_address_that_may_hold_a_secret_is_not_shown() {
    for (name, value) in [
        ("DATABASE_URL", "postgres://me:hush@host/locum"),
        ("STORAGE_URL", "s3://bucket/prefix?secret=hush"),
        ("OPENAI_BASE_URL", "https://me:hush@host/v1"),
    ] {
        let shown = format!("{:?}", survey(&lookup_in(&[(name, value)])));
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.contains("***"), "{shown}");
    }
    let plain = [("DATABASE_URL", "sqlite:/var/lib/locum.db")];
    assert!(format!("{:?}", survey(&lookup_in(&plain))).contains("locum.db"));
}

#[test]
fn what_is_kept_is_kept_in_one_folder_unless_it_is_said_where() {
    let settings = with("DATA_DIR", "/var/lib/locum");
    assert_eq!(settings.data_dir, "/var/lib/locum");
    assert_eq!((settings.database_url, settings.storage_url), (None, None));
    assert_eq!(with("API_KEY", "k").data_dir, "./data");
    let settings = with("DATABASE_URL", "sqlite:here.db");
    assert_eq!(settings.database_url.as_deref(), Some("sqlite:here.db"));
    let settings = with("STORAGE_URL", "file:there");
    assert_eq!(settings.storage_url.as_deref(), Some("file:there"));
}

#[test]
fn s3_has_the_names_that_aws_gives() {
    let aws = with("AWS_ENDPOINT_URL", "http://minio:9000/").aws;
    assert_eq!(aws.endpoint_url.as_deref(), Some("http://minio:9000"));
    assert_eq!((aws.region, aws.access_key_id), (None, None));
    let pairs = [
        ("AWS_ENDPOINT_URL", "http://minio:9000"),
        ("AWS_ENDPOINT_URL_S3", "https://s3.example"),
        ("AWS_REGION", "auto"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "hush/+="),
        ("AWS_SESSION_TOKEN", ""),
        ("API_KEY", "k"),
    ];
    let aws = Settings::from_lookup(&lookup_in(&pairs)).unwrap().aws;
    assert_eq!(aws.endpoint_url.as_deref(), Some("https://s3.example"));
    assert_eq!(aws.region.as_deref(), Some("auto"));
    assert_eq!(aws.access_key_id.as_deref(), Some("AKIA"));
    let secret = aws.secret_access_key.as_ref().map(Secret::expose);
    assert_eq!(secret, Some("hush/+="));
    assert_eq!(aws.session_token, None);
    let region = with("AWS_DEFAULT_REGION", "eu-west-1").aws.region;
    assert_eq!(region.as_deref(), Some("eu-west-1"));
    refusal("AWS_ENDPOINT_URL", "minio:9000");
    refusal("AWS_REGION", "eu west");
    refusal("AWS_ACCESS_KEY_ID", "schlüssel");
}

#[test]
fn runs_and_files_have_limits() {
    let settings = with("API_KEY", "k");
    assert_eq!(settings.run_expiry, Duration::from_secs(600));
    assert_eq!(settings.max_file_bytes, 512 << 20);
    assert!(settings.gc_admin_key.is_none());
    assert_eq!(
        with("RUN_EXPIRY", "86400").run_expiry,
        Duration::from_secs(86_400)
    );
    assert_eq!(with("MAX_FILE_BYTES", "8GiB").max_file_bytes, 8 << 30);
    for (name, text) in [
        ("RUN_EXPIRY", "0"),
        ("RUN_EXPIRY", "86401"),
        ("RUN_EXPIRY", "10m"),
        ("MAX_FILE_BYTES", "1023"),
        ("MAX_FILE_BYTES", "9GiB"),
    ] {
        refusal(name, text);
    }
}

#[test]
fn an_empty_value_counts_as_unset() {
    assert_eq!(with("PORT", " ").port, 8787);
    assert!(with("METRICS_KEY", "").metrics_key.is_none());
}

#[test]
fn without_authentication_no_key_is_needed() {
    assert!(read_from(&[("ENABLE_AUTH", "false")]).is_ok());
}

#[test]
fn switches_take_what_people_write() {
    for (text, on) in [
        ("1", true),
        ("Yes", true),
        ("ON", true),
        ("0", false),
        ("no", false),
        ("off", false),
    ] {
        assert_eq!(with("ENABLE_CORS", text).enable_cors, on, "{text}");
    }
}

#[test]
fn bytes_take_units() {
    for (text, bytes) in [
        ("4096", 4096),
        ("64MiB", 64 << 20),
        ("512KB", 512_000),
        ("1 gib", 1 << 30),
    ] {
        assert_eq!(with("MAX_BODY_BYTES", text).max_body_bytes, bytes, "{text}");
    }
    for text in ["64M", "MiB", "-1", "1.5MiB", "99999999999GiB", "1"] {
        assert!(
            refusal("MAX_BODY_BYTES", text).contains("1KiB to 4GiB"),
            "{text}"
        );
    }
}

#[test]
fn base_urls_are_addresses_of_the_web() {
    let settings = with("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/");
    let openai = provider(&settings, "OPENAI");
    assert_eq!(openai.config.base_url, "http://127.0.0.1:11434/v1");
    for text in [
        "localhost:11434",
        "ftp://host",
        "https://host/#here",
        "https://",
        "https://ho st",
    ] {
        refusal("OPENAI_BASE_URL", text);
    }
}

#[test]
fn lists_take_spaces_and_refuse_nonsense() {
    let settings = with(
        "CORS_ALLOWED_ORIGINS",
        "https://a.example, http://localhost:3000",
    );
    assert_eq!(settings.cors_allowed_origins.len(), 2);
    refusal("CORS_ALLOWED_ORIGINS", "https://a.example/path");
    refusal("CORS_ALLOWED_ORIGINS", "*, https://a.example");

    let settings = with("TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.7, ::1");
    let shown: Vec<_> = settings
        .trusted_proxies
        .iter()
        .map(IpNet::to_string)
        .collect();
    assert_eq!(shown, ["10.0.0.0/8", "192.168.1.7/32", "::1/128"]);
    refusal("TRUSTED_PROXIES", "10.0.0.0/99");
}

#[test]
fn the_operators_aliases_go_before_the_dead_names() {
    let settings = with(
        "MODEL_ALIASES",
        "gemini-pro = gpt-4.1, fast*=gemini-flash-latest",
    );
    let first = settings
        .model_aliases
        .iter()
        .find(|(name, _)| name == "gemini-pro");
    assert_eq!(first.unwrap().1, "gpt-4.1");
    refusal("MODEL_ALIASES", "a*b=c");
    refusal("MODEL_ALIASES", "a");
}

/// The model that a dead name leads to, as the first pattern that matches says.
fn living(name: &str) -> Option<&'static str> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => name == pattern,
    };
    DEAD_NAMES
        .iter()
        .find(|(pattern, _)| matches(pattern))
        .map(|(_, model)| *model)
}

#[test]
fn dead_names_lead_to_living_models_of_their_kind() {
    for (dead, alive) in [
        ("gemini-pro", Some("gemini-pro-latest")),
        ("gemini-1.5-pro-002", Some("gemini-pro-latest")),
        ("gemini-1.5-flash", Some("gemini-flash-latest")),
        ("gemini-1.5-flash-8b-001", Some("gemini-flash-lite-latest")),
        ("gemini-2.0-flash-001", Some("gemini-flash-latest")),
        ("gemini-2.0-flash-lite", Some("gemini-flash-lite-latest")),
        ("gemini-2.5-pro", None),
        ("gemini-pro-latest", None),
    ] {
        assert_eq!(living(dead), alive, "{dead}");
    }
}

#[test]
fn with_no_provider_on_there_is_nothing_to_serve() {
    let error = with("API_KEY", "k")
        .enabled_providers()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("PROVIDER_GEMINI_ENABLED is not set; at least one provider"),
        "{error}"
    );
    assert!(error.contains("PROVIDER_REHEARSAL_ENABLED"), "{error}");
    let settings = with("PROVIDER_REHEARSAL_ENABLED", "true");
    let enabled = provider(&settings, "REHEARSAL").name;
    assert_eq!(settings.enabled_providers().unwrap(), [enabled]);
}

#[test]
fn a_key_whose_provider_is_off_is_idle() {
    assert_eq!(
        with("GEMINI_API_KEY", "AIza").idle_keys(),
        ["GEMINI_API_KEY"]
    );
    assert!(with("API_KEY", "k").idle_keys().is_empty());
}

#[test]
fn the_script_is_a_file_for_the_host_to_read() {
    let settings = with("REHEARSAL_SCRIPT", "script.json");
    let rehearsal = provider(&settings, "REHEARSAL");
    assert_eq!(rehearsal.script_file.as_deref(), Some("script.json"));
    assert_eq!(rehearsal.script_setting(), "REHEARSAL_SCRIPT");
    assert!(rehearsal.config.script.is_none());
}

#[test]
fn the_documents_name_every_setting_and_no_other_default() {
    let (example, table) = (env_example(), markdown());
    for row in rows() {
        let default = row.default.unwrap_or_default();
        assert!(
            example.contains(&format!("\n#{}={default}\n", row.name)),
            "{}",
            row.name
        );
        assert!(
            table.contains(&format!("\n| `{}` | ", row.name)),
            "{}",
            row.name
        );
    }
}
