//! By whom and where S3 is asked: Locum's settings, and those variables of AWS that are none.
//!
//! The latter say where a role's credentials come from, and what a bucket demands of those who write to it, such as
//! `AWS_SERVER_SIDE_ENCRYPTION`; which there are is `object_store`'s business.

use std::env;

use locum_engine::settings::{AwsSettings, SettingError};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

/// A client of all that is set, which has no bucket yet.
///
/// # Errors
/// A key is set without its other half.
pub(super) fn builder(settings: &AwsSettings) -> Result<AmazonS3Builder, SettingError> {
    let mut builder = AmazonS3Builder::new();
    for (name, value) in env::vars_os() {
        if let (Some(key), Some(value)) = (name.to_str().and_then(key), value.to_str())
            && !value.is_empty()
        {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint_url) = &settings.endpoint_url {
        builder = builder.with_endpoint(endpoint_url);
    }
    match (&settings.access_key_id, &settings.secret_access_key) {
        (None, None) => {}
        (Some(id), Some(secret)) => {
            builder = builder
                .with_access_key_id(id)
                .with_secret_access_key(secret.expose());
            if let Some(token) = &settings.session_token {
                builder = builder.with_token(token.expose());
            }
        }
        (Some(_), None) => return Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        (None, Some(_)) => return Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    }
    Ok(builder)
}

/// What a variable of AWS says something of; `None` where that is for Locum's settings or the URL to say, or for nobody.
fn key(name: &str) -> Option<Key> {
    if !name.starts_with("AWS_") {
        return None;
    }
    let key = name.to_ascii_lowercase().parse().ok()?;
    let is_ours = matches!(
        key,
        Key::AccessKeyId
            | Key::SecretAccessKey
            | Key::Token
            | Key::Region
            | Key::DefaultRegion
            | Key::Endpoint
            | Key::S3Endpoint
            | Key::Bucket
    );
    (!is_ours).then_some(key)
}

fn half(missing: &str, set: &str) -> SettingError {
    SettingError::missing(missing, format!("{set} is set and needs it"))
}

#[cfg(test)]
mod tests {
    use locum_engine::settings::Secret;

    use super::*;

    #[test]
    fn what_is_no_setting_comes_from_the_environment() {
        assert_eq!(key("AWS_ROLE_ARN"), Some(Key::RoleArn));
        let style = Some(Key::VirtualHostedStyleRequest);
        assert_eq!(key("AWS_VIRTUAL_HOSTED_STYLE_REQUEST"), style);
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_ENDPOINT_URL_S3",
            "AWS_BUCKET",
            "AWS_PROFILE",
            "ROLE_ARN",
        ] {
            assert_eq!(key(name), None, "{name}");
        }
    }

    #[test]
    fn half_a_key_is_none() {
        let settings = AwsSettings {
            access_key_id: Some("id".to_owned()),
            ..AwsSettings::default()
        };
        let error = builder(&settings).map(drop).unwrap_err().to_string();
        assert_eq!(
            error,
            "AWS_SECRET_ACCESS_KEY is not set; AWS_ACCESS_KEY_ID is set and needs it"
        );
        let settings = AwsSettings {
            secret_access_key: Some(Secret::new("hush")),
            ..AwsSettings::default()
        };
        let error = builder(&settings).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("AWS_ACCESS_KEY_ID is not set"), "{error}");
    }
}
