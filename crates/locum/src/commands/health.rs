//! `locum health`: whether a Locum takes requests, for whoever starts it and has no other program to ask with.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, anyhow};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{Request, StatusCode};
use locum_engine::{
    ports::{Transport, TransportError},
    settings::Settings,
};
use tokio::time::timeout;

use super::{say, serve::runtime};
use crate::{
    exit::{Exit, Failure},
    transport::HttpTransport,
    variables::Variables,
};

/// What is asked.
const ENDPOINT: &str = "/health/ready";
/// How long the answer may take. A Locum says within two seconds that its database does not answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// How much of an answer is shown.
const LONGEST_ANSWER: usize = 1 << 10;

/// Asks the Locum at `url`, or the one that these settings would start.
pub fn run(mut variables: Variables, url: Option<String>) -> Result<Exit, Failure> {
    let url = match url {
        Some(url) => url,
        None => {
            // It asks for no key, and whether the rest is right is not its question.
            variables.fix("ENABLE_AUTH", "false");
            url_of(&variables.settings().map_err(Failure::misused)?)
        }
    };
    let url = format!("{}{ENDPOINT}", url.trim_end_matches('/'));
    let request = Request::get(&url).body(Bytes::new());
    let request = request
        .with_context(|| {
            format!("{url} is no address; --url takes one such as http://127.0.0.1:8787")
        })
        .map_err(Failure::misused)?;
    let runtime = runtime().context("no runtime").map_err(Failure::failed)?;
    let answered = runtime.block_on(async {
        let transport = HttpTransport::new(PATIENCE);
        timeout(PATIENCE, ask(&transport, request)).await
    });
    let answered = answered.map_err(|_| {
        let seconds = PATIENCE.as_secs();
        Failure::failed(anyhow!("{url} does not answer within {seconds} seconds"))
    })?;
    let (status, body) = answered
        .with_context(|| format!("{url} does not answer"))
        .map_err(Failure::failed)?;
    if status != StatusCode::OK {
        let status = status.as_u16();
        return Err(Failure::failed(anyhow!("{url} answers {status}: {body}")));
    }
    say(&format!("{body}\n"))?;
    Ok(Exit::Done)
}

/// Where the Locum of these settings is asked from its own machine.
fn url_of(settings: &Settings) -> String {
    let host = match settings.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    format!("http://{}", SocketAddr::new(host, settings.port))
}

/// The answer's status, and its beginning on one line.
async fn ask(
    transport: &HttpTransport,
    request: Request<Bytes>,
) -> Result<(StatusCode, String), TransportError> {
    let response = transport.send(request).await?;
    let status = response.status();
    let mut pieces = response.into_body();
    let mut body = BytesMut::new();
    while body.len() < LONGEST_ANSWER
        && let Some(piece) = pieces.next().await
    {
        body.extend_from_slice(&piece?);
    }
    body.truncate(LONGEST_ANSWER);
    let body = String::from_utf8_lossy(&body);
    let line: Vec<_> = body.split_whitespace().collect();
    Ok((status, line.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_is_asked_at_the_machines_own() {
        for (host, url) in [
            ("127.0.0.1", "http://127.0.0.1:4321"),
            ("0.0.0.0", "http://127.0.0.1:4321"),
            ("::", "http://[::1]:4321"),
            ("10.1.2.3", "http://10.1.2.3:4321"),
        ] {
            let settings = Settings::from_lookup(&|name| match name {
                "ENABLE_AUTH" => Some("false".to_owned()),
                "HOST" => Some(host.to_owned()),
                "PORT" => Some("4321".to_owned()),
                _ => None,
            });
            assert_eq!(url_of(&settings.unwrap()), url);
        }
    }
}
