//! `locum demo`: everything works in a minute, without a key of anybody's.

use std::net::SocketAddr;

use locum_engine::{
    ports::Entropy,
    settings::{Secret, Settings},
};
use locum_providers::{Key, Row, TABLE};

use super::{say, serve};
use crate::{
    entropy::SystemEntropy,
    exit::{Exit, Failure},
    storage::Places,
    variables::Variables,
};

/// Serves the providers that need no upstream, and those that are set up.
pub fn run(mut variables: Variables) -> Result<Exit, Failure> {
    for row in TABLE {
        let name = row.name.to_uppercase();
        let lacks_key = row.key == Key::Required && !variables.is_set(&format!("{name}_API_KEY"));
        if is_offline(row) {
            variables.fix(format!("PROVIDER_{name}_ENABLED"), "true");
        } else if lacks_key {
            variables.fix(format!("PROVIDER_{name}_ENABLED"), "false");
        }
    }
    let made_key = (!variables.is_set("API_KEY")).then(|| {
        let key = format!("sk-locum-{:032x}", SystemEntropy.bits());
        variables.fix("API_KEY", key.clone());
        Secret::new(key)
    });
    let settings = variables.settings().map_err(Failure::misused)?;
    let places = Places::of(&settings).map_err(Failure::misused)?;
    let kept = places.database.to_string();
    serve::run_with(settings, "demo", |settings, address| {
        say(&greeting(settings, address, made_key.as_ref(), &kept))
    })
}

fn is_offline(row: &Row) -> bool {
    row.base_url.is_none()
}

/// What a newcomer is told; `kept`: where conversations are. A key that was made for the occasion is shown; the operator's own is not.
fn greeting(
    settings: &Settings,
    address: SocketAddr,
    made_key: Option<&Secret>,
    kept: &str,
) -> String {
    let key = match made_key {
        Some(key) => key.expose(),
        None if settings.enable_auth => "$API_KEY",
        None => "none",
    };
    let python_key = match made_key {
        None if settings.enable_auth => "os.environ[\"API_KEY\"]".to_owned(),
        _ => format!("\"{key}\""),
    };
    let import = if python_key.starts_with("os.") {
        "import os; "
    } else {
        ""
    };
    let model = TABLE
        .iter()
        .find(|row| is_offline(row))
        .map_or("", |row| row.default_model);
    let url = format!("http://{address}/v1");
    format!(
        "\
Locum is rehearsing: an offline stand-in answers, no model is asked and nothing costs.

    base URL  {url}
    key       {key}

Ask it with curl:

curl {url}/chat/completions \\
  -H \"Authorization: Bearer {key}\" \\
  -H \"Content-Type: application/json\" \\
  -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello, who are you?\"}}]}}'

or with OpenAI's SDK for Python (pip install openai):

python3 -c '{import}from openai import OpenAI; client = OpenAI(base_url=\"{url}\", api_key={python_key}); \
print(client.chat.completions.create(model=\"{model}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}]).choices[0].message.content)'

Assistants, threads and runs work as well, and are kept in {kept}: `locum threads list` shows them.
Ctrl-C ends it. `locum --help` says how to serve real models.

"
    )
}
