//! The rate limit over all processes that share a Redis: a key for each client address, which is gone with its window.

use std::{net::IpAddr, sync::Arc, time::Duration};

use locum_engine::{
    limit::{Counter, Grant, SHARE},
    ports::{LimitsError, PortFuture},
};
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

/// What the keys begin with.
const PREFIX: &str = "locum:rate:";
/// How long connecting, and an answer, may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts at least one request, and a share of those that are left. `KEYS[1]`: the client; `ARGV`: the limit, the window's length
/// in milliseconds, [`SHARE`].
const GRANT: &str = "
local limit = tonumber(ARGV[1])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = 0
if used < limit then
    granted = math.max(1, math.floor((limit - used) / tonumber(ARGV[3])))
    used = redis.call('INCRBY', KEYS[1], granted)
end
local reset = redis.call('PTTL', KEYS[1])
if reset < 0 then
    reset = tonumber(ARGV[2])
    redis.call('PEXPIRE', KEYS[1], reset)
end
return {granted, math.max(0, limit - used), math.max(1, reset)}
";

/// Counts requests in a Redis.
#[derive(Clone)]
pub struct RedisCounter {
    connection: ConnectionManager,
    script: Arc<Script>,
    limit: u64,
    window: Duration,
}

impl RedisCounter {
    /// Counts `limit` requests in each `window`. `url`: `redis://…`, or `rediss://…` with TLS. The server need not be there yet.
    ///
    /// # Errors
    /// It is no such URL; the text holds nothing of it.
    pub fn new(url: &str, limit: u64, window: Duration) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self {
            connection,
            script: Arc::new(Script::new(GRANT)),
            limit,
            window,
        })
    }
}

impl Counter for RedisCounter {
    fn grant(&self, client: IpAddr) -> PortFuture<'static, Result<Grant, LimitsError>> {
        let mut this = self.clone();
        Box::pin(async move {
            let mut call = this.script.key(format!("{PREFIX}{client}"));
            call.arg(this.limit);
            call.arg(u64::try_from(this.window.as_millis()).unwrap_or(u64::MAX));
            call.arg(SHARE);
            let granted = call.invoke_async(&mut this.connection).await;
            let (permits, left, reset_ms) =
                granted.map_err(|error: RedisError| LimitsError(error.to_string()))?;
            Ok(Grant {
                permits,
                limit: this.limit,
                left,
                reset: Duration::from_millis(reset_ms),
            })
        })
    }
}
