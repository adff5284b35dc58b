//! The rate limit over all fronts: clients are counted in Durable Objects, each of which counts its share of them.
//!
//! An isolate is granted some requests of a client in advance, so that not each of them costs a question. The counts are in
//! memory, as on the native host. The platform lets go of an object that nobody has asked for a minute or
//! two, and its counts with it.

use std::{
    cell::OnceCell,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    time::Duration,
};

use locum_engine::{
    limit::{Counter, Grant, Limiter},
    ports::{Clock, LimitsError, PortFuture},
};
use worker::{DurableObject, Env, Request, Response, State, durable_object, send::SendFuture};

use crate::{clock::PlatformClock, exchange, settings};

/// The binding of the objects that count.
const OBJECTS: &str = "LIMITS";
/// Over how many objects clients are spread.
const SHARES: u64 = 64;

/// Counts for all fronts.
pub(crate) struct Objects {
    env: Env,
}

impl Objects {
    /// The objects that are bound to the Worker.
    pub(crate) fn new(env: Env) -> Self {
        Self { env }
    }
}

impl Counter for Objects {
    fn grant(&self, client: IpAddr) -> PortFuture<'static, Result<Grant, LimitsError>> {
        let env = self.env.clone();
        Box::pin(SendFuture::new(async move {
            let grant = ask(&env, client).await;
            grant.map_err(|error| LimitsError(error.to_string()))
        }))
    }
}

async fn ask(env: &Env, client: IpAddr) -> worker::Result<Grant> {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    let share = format!("{}", hasher.finish() % SHARES);
    let object = env.durable_object(OBJECTS)?.get_by_name(&share)?;
    let mut counted = object
        .fetch_with_str(&format!("https://limits/{client}"))
        .await?;
    let said = counted.text().await?;
    parse(&said).ok_or_else(|| worker::Error::RustError(format!("no count: {said}")))
}

/// `permits limit left reset_ms`.
fn parse(said: &str) -> Option<Grant> {
    let mut numbers = said.split(' ').map(|number| number.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    Some(Grant {
        permits: next()?,
        limit: next()?,
        left: next()?,
        reset: Duration::from_millis(next()?),
    })
}

fn write(grant: &Grant) -> String {
    format!(
        "{} {} {} {}",
        grant.permits,
        grant.limit,
        grant.left,
        grant.reset.as_millis()
    )
}

/// Counts its share of the clients.
#[durable_object]
pub struct LimitsObject {
    env: Env,
    limiter: OnceCell<Limiter>,
}

impl DurableObject for LimitsObject {
    fn new(_: State, env: Env) -> Self {
        Self {
            env,
            limiter: OnceCell::new(),
        }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        if self.limiter.get().is_none() {
            let settings = settings::read(&self.env);
            let settings = settings.map_err(|error| worker::Error::RustError(error.to_string()))?;
            let (requests, window) = (settings.rate_limit_requests, settings.rate_limit_window);
            let _ = self.limiter.set(Limiter::new(requests, window));
        }
        let url = request.inner().url();
        let address = exchange::target(&url).trim_start_matches('/');
        let grant = match (self.limiter.get(), address.parse()) {
            (Some(limiter), Ok(client)) => limiter.grant(client, PlatformClock.now()),
            _ => return Response::error("no address", 400),
        };
        Response::ok(write(&grant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_comes_back_as_it_was_told() {
        let grant = Grant {
            permits: 3,
            limit: 60,
            left: 57,
            reset: Duration::from_millis(59_876),
        };
        assert_eq!(parse(&write(&grant)), Some(grant));
        for wrong in ["", "1", "1 60 59", "1 60 59 x", "no address"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
