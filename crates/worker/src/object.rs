//! A project's object: a Durable Object in which the engine runs whole.
//!
//! The platform sees to it that there is one of each, wherever requests come from. It is let go of when nothing has happened
//! for a while, and may be gone at any moment; what it has stored is not, and its alarm wakes it again.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use axum::Router;
use locum_api::App;
use locum_domain::project::Project;
use locum_store_sql::SqlStore;
use tower::ServiceExt;
use worker::{
    DurableObject, Env, Error, Request, Response, State, Stub, durable_object,
    wasm_bindgen_futures::spawn_local,
};

use crate::{
    alarm::Alarm,
    blobs::R2,
    clock::since_1970,
    exchange::{self, Head},
    settings,
    sql::ObjectSql,
    tasks::Tasks,
    telemetry,
    world::world,
};

/// The binding of the objects.
const OBJECTS: &str = "PROJECTS";
/// The front asks for these; from outside they cannot be asked for, since no route is called so.
const COLLECT: &str = "/.object/collect";
const CHECK: &str = "/.object/check";
const METRICS: &str = "/.object/metrics";
/// An alarm's handler is ended by the platform after 15 minutes.
const LONGEST_ALARM: Duration = Duration::from_secs(13 * 60);
/// When to look again, where the store could not tell what there is to do.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The object of a project.
pub(crate) fn of(env: &Env, project: &Project) -> worker::Result<Stub> {
    env.durable_object(OBJECTS)?.get_by_name(project.as_str())
}

/// Whether storage works.
pub(crate) async fn check(env: &Env) -> worker::Result<()> {
    ask(env, CHECK).await.map(drop)
}

/// Has garbage collected.
pub(crate) async fn collect(env: &Env) -> worker::Result<()> {
    ask(env, COLLECT).await.map(drop)
}

/// What the object has counted since it woke up, for Prometheus.
pub(crate) async fn metrics(env: &Env) -> worker::Result<String> {
    ask(env, METRICS).await?.text().await
}

async fn ask(env: &Env, path: &str) -> worker::Result<Response> {
    let object = of(env, &Project::default())?;
    let response = object
        .fetch_with_str(&format!("https://object{path}"))
        .await?;
    match response.status_code() {
        200 => Ok(response),
        status => Err(Error::RustError(format!("the object answered {status}"))),
    }
}

/// See the module.
#[durable_object(alarm)]
pub struct ProjectObject {
    state: State,
    env: Env,
    /// `None` until the first event.
    opened: RefCell<Option<Rc<Opened>>>,
}

/// An object that is awake.
struct Opened {
    app: Arc<App>,
    router: Router,
    alarm: Arc<Alarm>,
}

impl DurableObject for ProjectObject {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            opened: RefCell::default(),
        }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        let object = self.opened().await?;
        let head = Head::of(request.inner());
        #[cfg(feature = "contract-suite")]
        if let Some(answer) = crate::contract::answer(&object.app.world.store, &head.target).await {
            return answer;
        }
        // Whatever an earlier life of the object has left is looked for.
        object.alarm.set_if_unknown(since_1970());
        match &*head.target {
            CHECK => object.check().await,
            COLLECT => object.collect(),
            METRICS => object.metrics(),
            _ => object.answer(head, request).await,
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let object = self.opened().await?;
        object.alarm.fired();
        let attending = Arc::clone(&object.app.assistants);
        match attending.attend_while_driving(LONGEST_ALARM).await {
            Ok(Some(next_ms)) => object.alarm.set(Duration::from_millis(next_ms)),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the store could not do what runs need");
                object.alarm.set(since_1970() + LOOK_AGAIN);
            }
        }
        Response::empty()
    }
}

impl ProjectObject {
    /// The object, awake. Other events wait while it wakes up.
    async fn opened(&self) -> worker::Result<Rc<Opened>> {
        if let Some(opened) = &*self.opened.borrow() {
            return Ok(Rc::clone(opened));
        }
        let (sql, alarm) = (self.state.storage(), self.state.storage());
        let opening = open(ObjectSql::new(sql), Alarm::new(alarm), self.env.clone());
        let opened = self.state.block_concurrency_while(opening).await?;
        // Of two events that came at once the first one's stays.
        let mut kept = self.opened.borrow_mut();
        Ok(Rc::clone(kept.get_or_insert(Rc::new(opened))))
    }
}

async fn open(sql: ObjectSql, alarm: Alarm, env: Env) -> worker::Result<Opened> {
    let settings = settings::read(&env).map_err(|error| Error::RustError(error.to_string()))?;
    telemetry::start(settings.log_level);
    let store = SqlStore::open(sql).await;
    let store = store.map_err(|error| Error::RustError(error.to_string()))?;
    let alarm = Arc::new(alarm);
    let tasks = Tasks {
        alarm: Some(Arc::clone(&alarm)),
    };
    let world = world(&env, tasks, Arc::new(store), Arc::new(R2::new(env.clone())));
    let app = Arc::new(App::new(settings, world).map_err(Error::RustError)?);
    // No other object of this project is alive, so that every lease is one of an earlier life.
    let released = app.assistants.release_all().await;
    released.map_err(|error| Error::RustError(error.to_string()))?;
    Ok(Opened {
        router: locum_api::router(Arc::clone(&app)),
        app,
        alarm,
    })
}

impl Opened {
    async fn answer(&self, head: Head, request: Request) -> worker::Result<Response> {
        let signal = request.inner().signal();
        let request = head.with_body(Clone::clone(request.inner()))?;
        let answering = self.router.clone().oneshot(request);
        match exchange::unless_left(signal, answering).await {
            Some(Ok(response)) => Ok(exchange::outgoing(response).await?.into()),
            Some(Err(never)) => match never {},
            None => {
                // It may have begun a run that nobody drives now: that is looked for.
                self.alarm.set(since_1970());
                Response::empty()
            }
        }
    }

    async fn check(&self) -> worker::Result<Response> {
        if self.app.storage_is_fine().await {
            Response::empty()
        } else {
            Response::error("storage does not work", 503)
        }
    }

    fn metrics(&self) -> worker::Result<Response> {
        // Circuits change with the time: looking at them brings their gauges up to date.
        self.app.gateway.health();
        Response::ok(self.app.metrics.encode())
    }

    /// Begins to collect; what comes of it is logged.
    fn collect(&self) -> worker::Result<Response> {
        let assistants = Arc::clone(&self.app.assistants);
        spawn_local(async move {
            // What went wrong is logged where it did.
            let _ = assistants.collect_garbage(false).await;
        });
        Response::empty()
    }
}
