//! `locum serve`: puts the parts together, runs them, and takes them apart in order.

use std::{env, io, net::SocketAddr, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use anyhow::{Context, anyhow};
use axum::Router;
use locum_api::App;
use locum_domain::id::RunId;
use locum_engine::{
    limit::SharedLimits,
    ports::Limits,
    settings::{SettingError, Settings},
};
use locum_store_sql::SqlCounter;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    runtime::{self, Handle},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tracing::{info, warn};

use crate::{
    clock::SystemClock,
    exit::{Exit, Failure},
    postgres::Heard,
    redis::RedisCounter,
    server::{self, Ended, Server},
    signals,
    storage::{Database, Places, Storage},
    tasks::Tasks,
    telemetry,
    transport::HttpTransport,
    variables::Variables,
    world::world,
};

/// How long the last traces have to get out.
const LAST_TRACES: Duration = Duration::from_secs(3);
/// The same, once somebody has asked twice to stop.
const LAST_TRACES_AT_ONCE: Duration = Duration::from_millis(500);

/// How long runs that have been told to stop have to be left behind in order.
const LAST_COMMITS: Duration = Duration::from_secs(2);

/// How many connections to the database are for counting requests.
const COUNTING: usize = 2;

/// Serves until it is asked to stop.
pub fn run(variables: &Variables) -> Result<Exit, Failure> {
    let settings = variables.settings().map_err(Failure::misused)?;
    run_with(settings, "serve", |_, _| Ok(()))
}

/// Serves until it is asked to stop. `greet` is called once it listens; `command` is what the operator typed.
pub fn run_with(
    settings: Settings,
    command: &str,
    greet: impl FnOnce(&Settings, SocketAddr) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    settings.enabled_providers().map_err(Failure::misused)?;
    let places = Places::of(&settings).map_err(Failure::misused)?;
    let files = raise_file_limit();
    let runtime = runtime().context("no runtime").map_err(Failure::failed)?;
    let transport = HttpTransport::new(settings.provider_connect_timeout);
    let telemetry = telemetry::start(&settings, &transport, runtime.handle())
        .context("no telemetry")
        .map_err(Failure::failed)?;
    if let Err(error) = files {
        warn!(%error, "the limit of open files stays as it is");
    }
    let ended = runtime.block_on(serve(settings, &places, transport, command, greet));
    let last_traces = match ended {
        Ok(Exit::Done) => LAST_TRACES,
        _ => LAST_TRACES_AT_ONCE,
    };
    // Sending the last traces takes a runtime that runs.
    let finishing = runtime.spawn_blocking(move || telemetry.finish(last_traces));
    let _ = runtime.block_on(finishing);
    // What is still running then is cut off.
    runtime.shutdown_background();
    ended
}

/// A runtime with as many workers as there are processors, or as tokio's own `TOKIO_WORKER_THREADS` says. A single one
/// needs none of what keeps several in step.
pub(super) fn runtime() -> io::Result<runtime::Runtime> {
    let said = env::var("TOKIO_WORKER_THREADS")
        .ok()
        .and_then(|count| count.parse().ok());
    let workers = said.or_else(|| thread::available_parallelism().ok());
    let mut builder = match workers {
        Some(NonZeroUsize::MIN) => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

async fn serve(
    settings: Settings,
    places: &Places,
    transport: HttpTransport,
    command: &str,
    greet: impl FnOnce(&Settings, SocketAddr) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let stops = signals::stops().map_err(Failure::failed)?;
    let wanted = SocketAddr::new(settings.host, settings.port);
    let storage = Storage::open(places, &transport).await?;
    let tasks = Tasks::new(Handle::current());
    let limits = shared_limits(&settings, &storage)?;
    let app = App::new(settings, world(transport, &storage, &tasks, limits))
        .map_err(|error| Failure::misused(anyhow!(error)))?;
    let app = Arc::new(app);
    let settings = &app.settings;
    let listener = TcpListener::bind(wanted).await;
    let listener = listener.map_err(|error| cannot_listen(wanted, command, error))?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    let limits = server::Limits {
        max_header_bytes: settings.max_header_bytes,
        max_connections: settings.max_connections,
        request_timeout: settings.request_timeout,
    };
    let server = Server::new(listener, locum_api::router(Arc::clone(&app)), limits);
    greet(settings, address)?;
    announce(settings, address);

    let alone = storage.is_alone();
    let attending = tokio::spawn(Arc::clone(&app.assistants).attend(alone));
    let listening = listen(&storage, &app);
    let ended = run_until_stopped(server, &app, stops).await;
    attending.abort();
    if let Some(listening) = listening {
        listening.abort();
    }
    let left = tasks.end(LAST_COMMITS).await;
    if left > 0 {
        warn!(tasks = left, "stopped before these had ended");
    }
    storage.close().await;
    Ok(match ended {
        Ended::Answered => {
            info!("stopped");
            Exit::Done
        }
        Ended::CutOff(answers) => {
            warn!(answers, "stopped before these were finished");
            Exit::CutOff
        }
    })
}

/// Who counts requests for all processes: the store that the settings name, or the database, if others may use it too.
fn shared_limits(
    settings: &Settings,
    storage: &Storage,
) -> Result<Option<Arc<dyn Limits>>, Failure> {
    if !settings.enable_rate_limit {
        return Ok(None);
    }
    let (limit, window) = (settings.rate_limit_requests, settings.rate_limit_window);
    let clock = Arc::new(SystemClock::new());
    if let Some(url) = &settings.rate_limit_store {
        let counter = RedisCounter::new(url, limit, window).map_err(|error| {
            let takes = format!("redis://HOST:PORT or rediss://HOST:PORT ({error})");
            Failure::misused(SettingError::wrong("RATE_LIMIT_STORE", url, takes))
        })?;
        return Ok(Some(Arc::new(SharedLimits::new(counter, clock))));
    }
    let Database::Postgres(postgres) = &storage.database else {
        return Ok(None);
    };
    let apart = postgres.beside(COUNTING).map_err(Failure::failed)?;
    let counter = SqlCounter::new(apart, limit, window);
    Ok(Some(Arc::new(SharedLimits::new(counter, clock))))
}

/// Hears what other processes say that serve the same database.
fn listen(storage: &Storage, app: &App) -> Option<JoinHandle<()>> {
    let assistants = Arc::clone(&app.assistants);
    let hear = move |heard| match heard {
        Heard::Run(run) => assistants.run_was_changed(&RunId::from(run)),
        Heard::Left => assistants.runs_were_left(),
        Heard::Missed => assistants.any_run_was_changed(),
    };
    match &storage.database {
        Database::Sqlite(_) => None,
        Database::Postgres(postgres) => Some(tokio::spawn(postgres.clone().listen(hear))),
    }
}

/// Serves until somebody asks to stop; then lets answers and runs end until the grace is over, or somebody asks again.
async fn run_until_stopped(
    server: Server<Router>,
    app: &App,
    stops: watch::Receiver<u32>,
) -> Ended {
    let grace = app.settings.shutdown_grace;
    // Where nobody can ask any more, nobody does.
    let asked = async |times: u32| {
        let mut stops = stops.clone();
        let _ = stops.wait_for(|&asked| asked >= times).await;
    };
    let stop = async {
        asked(1).await;
        app.drain();
        info!("stopping; running answers are finished first");
    };
    let give_up = async {
        let _ = timeout(grace, asked(2)).await;
    };
    let hand_over = async {
        asked(1).await;
        tokio::select! {
            () = app.assistants.hand_over(grace) => {}
            () = asked(2) => app.assistants.hand_over(Duration::ZERO).await,
        }
    };
    let (ended, ()) = tokio::join!(server.run(stop, give_up), hand_over);
    ended
}

/// Says what there is now, and what there is not although it looks as if it should be.
fn announce(settings: &Settings, address: SocketAddr) {
    let providers = settings.enabled_providers().unwrap_or_default().join(", ");
    let authentication = if settings.enable_auth { "on" } else { "off" };
    info!(providers, authentication, "listening on http://{address}");
    for key in settings.idle_keys() {
        warn!("{key} is set, but its provider is not enabled");
    }
    if !settings.enable_auth && !address.ip().is_loopback() {
        warn!("ENABLE_AUTH is false: whoever reaches {address} spends the providers' money");
    }
}

fn cannot_listen(address: SocketAddr, command: &str, error: io::Error) -> Failure {
    let port = address.port();
    Failure::failed(match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "{address} is taken: another program listens there. Choose another port: PORT={} locum {command}",
            port.checked_add(1).unwrap_or(port - 1)
        ),
        io::ErrorKind::PermissionDenied => anyhow!(
            "this user may not listen on {address}. Choose a port above 1023: PORT=8787 locum {command}"
        ),
        io::ErrorKind::AddrNotAvailable => anyhow!(
            "{} is no address of this machine; HOST takes one of its own, 0.0.0.0 or ::",
            address.ip()
        ),
        _ => anyhow!(error).context(format!("{address} cannot be listened on")),
    })
}

/// Allows as many open files, which connections are, as the system lets this user have.
fn raise_file_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return Ok(());
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
