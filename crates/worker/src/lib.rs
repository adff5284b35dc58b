//! The Cloudflare host: everything of Locum that touches the Workers platform, and no decision.
//!
//! A request comes to the [`front`], of which there are as many as Cloudflare likes. It answers what needs nothing but a
//! provider, and hands the rest to the [`object`] of the request's project: a Durable Object in which the engine runs whole,
//! over its SQLite ([`sql`]) and R2 ([`blobs`]). An alarm wakes the object as long as it has runs to carry ([`alarm`]).
//!
//! Read in this order: this page (the platform's events), [`front`] and [`elsewhere`] (what it does not have), [`object`],
//! [`alarm`], [`sql`], [`blobs`], [`limits`] (the rate limit, over all fronts), [`exchange`] (requests and responses as the
//! platform has them) and [`glue`], then the other ports: [`transport`], [`clock`], [`entropy`], [`tasks`], [`analytics`]; [`settings`],
//! [`telemetry`] and [`metrics`].

mod alarm;
mod analytics;
mod blobs;
mod clock;
#[cfg(feature = "contract-suite")]
mod contract;
mod elsewhere;
mod entropy;
mod exchange;
mod front;
mod glue;
mod limits;
mod metrics;
mod object;
mod settings;
mod sql;
mod tasks;
mod telemetry;
mod transport;
mod world;

use worker::{Context, Env, ScheduleContext, ScheduledEvent, event, web_sys};

/// A request from outside.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    _: Context,
) -> worker::Result<web_sys::Response> {
    front::answer(request, env).await
}

/// Cron: garbage is collected, and runs are looked after that nobody has woken an object for.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    front::look_after(&env).await;
}
