//! The world of one scenario: processes that come and go over one store, one upstream and one weather.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::future::{Either, pending, select};
use locum_domain::{error::ApiError, project::Project, time::Timestamp};
use locum_engine::{
    assistants::Assistants,
    gateway::Gateway,
    metrics::Metrics,
    ports::{Clock, Spawn, World},
    settings::Settings,
};
use locum_testkit::{
    FlakyStore, MemoryBlobs, MemoryStore, Odds, SeededEntropy, Tally, Tasks, UPSTREAM_KEY,
    VirtualClock, Weather,
};

use crate::upstream::Storm;

/// What goes wrong while the weather is bad.
const STORM: Odds = Odds {
    fails_before: 15,
    fails_after: 15,
    dies_before: 2,
    dies_after: 3,
    late: 40,
    latest: Duration::from_secs(14),
    goes_away: 2,
    longest_away: Duration::from_secs(20),
};

/// Where a scenario is played. Clones are the same.
#[derive(Clone)]
pub struct Stage(Arc<Inner>);

struct Inner {
    seed: u64,
    clock: VirtualClock,
    store: MemoryStore,
    blobs: MemoryBlobs,
    weather: Weather,
    upstream: Arc<Storm>,
    settings: Settings,
    dice: SeededEntropy,
    /// Clients and the operator: they outlive every process.
    outside: Tasks,
    slots: Mutex<Vec<Option<Process>>>,
    births: AtomicU64,
    is_calm: AtomicBool,
    log: Mutex<Vec<String>>,
    complaints: Mutex<Vec<String>>,
}

/// A process while it lives.
#[derive(Clone)]
pub struct Process {
    name: u64,
    tasks: Tasks,
    assistants: Arc<Assistants>,
}

impl Process {
    /// Completes when the process dies, as a connection to it breaks.
    pub fn death(&self) -> oneshot::Receiver<()> {
        let (alive, died) = oneshot::channel();
        self.tasks.spawn(Box::pin(async move {
            let _alive = alive;
            pending::<()>().await;
        }));
        died
    }
}

/// What a client hears of a request.
pub enum Reply<T> {
    Done(T),
    /// Nothing was done: it was wrong to ask for it.
    Refused(ApiError),
    /// It may have been done or not: the server failed, or is gone, or the client has left.
    Unsure,
}

impl Stage {
    pub fn new(seed: u64) -> Self {
        let dice = SeededEntropy::new(seed);
        let clock = VirtualClock::new();
        let expiry = if dice.chance(500) { "60" } else { "600" };
        let settings = Settings::from_lookup(&|name| {
            let value = match name {
                "ENABLE_AUTH" => "false",
                "PROVIDER_GEMINI_ENABLED" | "PROVIDER_OPENAI_ENABLED" => "true",
                "GEMINI_API_KEY" | "OPENAI_API_KEY" => UPSTREAM_KEY,
                "PROVIDER_MAX_RETRIES" => "1",
                "RUN_EXPIRY" => expiry,
                _ => return None,
            };
            Some(value.to_owned())
        });
        let processes = 1 + dice.below(3);
        let stage = Self(Arc::new(Inner {
            seed,
            store: MemoryStore::new(),
            blobs: MemoryBlobs::new(Arc::new(clock.clone())),
            weather: Weather::new(seed),
            upstream: Arc::new(Storm::new(seed, clock.clone())),
            settings: settings.unwrap(),
            dice,
            outside: clock.tasks(),
            slots: Mutex::new((0..processes).map(|_| None).collect()),
            births: AtomicU64::new(0),
            is_calm: AtomicBool::new(false),
            log: Mutex::default(),
            complaints: Mutex::default(),
            clock,
        }));
        stage.0.weather.set(STORM);
        stage.0.upstream.rage(true);
        for slot in 0..processes {
            let operator = stage.clone();
            let alone = processes == 1;
            stage.outside(async move { operator.keep_alive(slot as usize, alone).await });
        }
        stage
    }

    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// The store as it is, without the weather.
    pub fn store(&self) -> &MemoryStore {
        &self.0.store
    }

    /// The bytes as they are.
    pub fn blobs(&self) -> &MemoryBlobs {
        &self.0.blobs
    }

    pub fn project(&self) -> Project {
        Project::default()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.clock.unix())
    }

    pub fn run_expiry(&self) -> Duration {
        self.0.settings.run_expiry
    }

    /// Whether nothing goes wrong any more.
    pub fn is_calm(&self) -> bool {
        self.0.is_calm.load(Ordering::Relaxed)
    }

    /// How many processes there were.
    pub fn births(&self) -> u64 {
        self.0.births.load(Ordering::Relaxed)
    }

    /// What the weather has done.
    pub fn tally(&self) -> Tally {
        self.0.weather.tally()
    }

    /// Whether upstreams send bytes twice, so that answers are not what the model said.
    pub fn doubles_bytes(&self) -> bool {
        self.0.upstream.doubles_bytes()
    }

    pub async fn sleep_ms(&self, ms: u64) {
        self.0.clock.sleep(Duration::from_millis(ms)).await;
    }

    /// Runs a task that belongs to no process.
    pub fn outside(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.outside.spawn(Box::pin(task));
    }

    /// Nothing goes wrong from now on.
    pub fn calm(&self) {
        self.0.is_calm.store(true, Ordering::Relaxed);
        self.0.weather.calm();
        self.0.upstream.rage(false);
        self.log("the weather is fine");
    }

    /// Kills everything, so that nothing keeps the stage in memory.
    pub fn close(&self) {
        let processes: Vec<_> = self.0.slots.lock().unwrap().drain(..).flatten().collect();
        for process in processes {
            process.tasks.kill();
        }
        self.0.outside.kill();
    }

    pub fn log(&self, line: impl AsRef<str>) {
        let now = self.0.clock.now().as_secs_f64();
        let line = format!("{now:9.3} {}", line.as_ref());
        self.0.log.lock().unwrap().push(line);
    }

    /// Notes that something is not as it must be.
    pub fn complain(&self, what: impl AsRef<str>) {
        let what = what.as_ref();
        self.log(format!("WRONG: {what}"));
        self.0.complaints.lock().unwrap().push(what.to_owned());
    }

    pub fn complaints(&self) -> Vec<String> {
        self.0.complaints.lock().unwrap().clone()
    }

    pub fn log_lines(&self) -> Vec<String> {
        self.0.log.lock().unwrap().clone()
    }

    /// Has some process do something for a client, who may leave after `patience`; and which process that was.
    pub async fn call<T, F>(
        &self,
        patience: Option<Duration>,
        case: impl FnOnce(Arc<Assistants>) -> F,
    ) -> (Reply<T>, Process)
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let process = self.some_process().await;
        let (mut answer, answered) = oneshot::channel();
        let work = Box::pin(case(Arc::clone(&process.assistants)));
        process.tasks.spawn(Box::pin(async move {
            // As a server drops the work on a request whose connection has closed.
            let outcome = match select(work, answer.cancellation()).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => return,
            };
            let _ = answer.send(outcome);
        }));
        let leaving = async {
            match patience {
                Some(patience) => self.0.clock.sleep(patience).await,
                None => pending().await,
            }
        };
        let reply = match select(answered, pin!(leaving)).await {
            Either::Left((Ok(Ok(done)), _)) => Reply::Done(done),
            Either::Left((Ok(Err(error)), _)) if error.status < 500 => Reply::Refused(error),
            Either::Left(_) | Either::Right(_) => Reply::Unsure,
        };
        (reply, process)
    }

    async fn some_process(&self) -> Process {
        loop {
            let living: Vec<_> = {
                let slots = self.0.slots.lock().unwrap();
                let living = slots.iter().flatten();
                living
                    .filter(|process| !process.tasks.is_killed())
                    .cloned()
                    .collect()
            };
            if !living.is_empty() {
                let which = self.0.dice.below(living.len() as u64) as usize;
                return living[which].clone();
            }
            self.sleep_ms(200).await;
        }
    }

    /// Starts a process again and again; while the weather is bad, stops it at times, more or less kindly.
    async fn keep_alive(self, slot: usize, alone: bool) {
        loop {
            let (process, died) = self.start(alone);
            let name = process.name;
            self.0.slots.lock().unwrap()[slot] = Some(process.clone());
            self.log(format!("process {name} starts"));
            let stopping = async {
                self.sleep_ms(3_000 + self.0.dice.below(90_000)).await;
                if self.0.is_calm.load(Ordering::Relaxed) {
                    pending::<()>().await;
                }
            };
            let is_dead = matches!(select(died, pin!(stopping)).await, Either::Left(_));
            self.0.slots.lock().unwrap()[slot] = None;
            if is_dead {
                self.log(format!("process {name} has died"));
            } else if self.0.dice.chance(500) {
                self.log(format!("process {name} is killed"));
            } else {
                self.log(format!("process {name} is stopped"));
                self.hand_over(&process).await;
            }
            process.tasks.kill();
            self.sleep_ms(self.0.dice.below(6_000)).await;
        }
    }

    async fn hand_over(&self, process: &Process) {
        let (done, told) = oneshot::channel();
        let grace = Duration::from_millis(self.0.dice.below(5_000));
        let assistants = Arc::clone(&process.assistants);
        process.tasks.spawn(Box::pin(async move {
            assistants.hand_over(grace).await;
            let _ = done.send(());
        }));
        // It may die over this.
        let _ = told.await;
    }

    fn start(&self, alone: bool) -> (Process, oneshot::Receiver<()>) {
        let Inner {
            seed,
            clock,
            store,
            blobs,
            weather,
            upstream,
            settings,
            births,
            ..
        } = &*self.0;
        let name = births.fetch_add(1, Ordering::Relaxed);
        let tasks = clock.tasks();
        let store = FlakyStore::new(
            Arc::new(store.clone()),
            weather.clone(),
            clock.clone(),
            tasks.clone(),
        );
        let world = World {
            transport: Arc::clone(upstream) as _,
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new((seed << 16) + name)),
            spawn: Arc::new(tasks.clone()),
            store: Arc::new(store),
            blobs: Arc::new(blobs.clone()),
            limits: None,
            analytics: None,
        };
        let metrics = Arc::new(Metrics::new());
        let gateway = Gateway::new(world.clone(), settings, Arc::clone(&metrics)).unwrap();
        let assistants = Assistants::new(world, Arc::new(gateway), metrics, settings);
        tasks.spawn(Box::pin(Arc::clone(&assistants).attend(alone)));
        let process = Process {
            name,
            tasks,
            assistants,
        };
        let died = process.death();
        (process, died)
    }
}
