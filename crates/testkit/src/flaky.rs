//! A store that fails: before it has done what it was asked or after, late, for a while, and together with the process that
//! asked it.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use locum_domain::{
    assistant::Assistant,
    file::{File, Purpose},
    id::{AssistantId, FileId, MessageId, RunId, StepId, ThreadId},
    message::Message,
    page::PageQuery,
    project::Project,
    run::{Run, Step},
    thread::Thread,
};
use locum_engine::{
    ports::{Clock, Store},
    store::{
        Added, AssistantStore, FileStore, Housekeeping, MaybePage, MessageStore, RowCounts,
        RunCommit, RunInsert, RunStore, StoreError, Stored, StoredRun, ThreadStore, Versioned,
    },
};

use crate::{SeededEntropy, Tasks, VirtualClock};

/// What happens to calls, each so many times in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odds {
    /// It fails, and nothing is done.
    pub fails_before: u64,
    /// It is done, but the answer is lost.
    pub fails_after: u64,
    /// The process dies, and nothing is done.
    pub dies_before: u64,
    /// It is done, and the process dies.
    pub dies_after: u64,
    /// It is late, before it is done or after.
    pub late: u64,
    /// How late at most.
    pub latest: Duration,
    /// The store is away for everybody from now on.
    pub goes_away: u64,
    /// For how long at most.
    pub longest_away: Duration,
}

/// What has happened to calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// They failed, and nothing was done.
    pub failures: u64,
    /// They were done, but the answer was lost.
    pub lost_answers: u64,
    /// The process died, and nothing was done.
    pub deaths_before: u64,
    /// They were done, and the process died.
    pub deaths_after: u64,
}

/// The odds, and the dice. Clones are the same weather, over all processes that share a store.
#[derive(Debug, Clone)]
pub struct Weather {
    sky: Arc<Mutex<Sky>>,
}

#[derive(Debug)]
struct Sky {
    odds: Odds,
    dice: SeededEntropy,
    away_until: Duration,
    /// Of the coming changes of runs, whether their answer is lost.
    losing: VecDeque<bool>,
    run_writes: usize,
    tally: Tally,
}

/// What happens to one call.
struct Fate {
    before: Duration,
    what: What,
    after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Fine,
    FailsBefore,
    FailsAfter,
    DiesBefore,
    DiesAfter,
}

impl Weather {
    /// Fine weather. The same seed gives the same fates.
    pub fn new(seed: u64) -> Self {
        Self {
            sky: Arc::new(Mutex::new(Sky {
                odds: Odds::default(),
                dice: SeededEntropy::new(seed),
                away_until: Duration::ZERO,
                losing: VecDeque::new(),
                run_writes: 0,
                tally: Tally::default(),
            })),
        }
    }

    /// Has it be like this from now on.
    pub fn set(&self, odds: Odds) {
        self.sky().odds = odds;
    }

    /// Nothing goes wrong from now on.
    pub fn calm(&self) {
        let mut sky = self.sky();
        sky.odds = Odds::default();
        sky.away_until = Duration::ZERO;
    }

    /// The store is away for every call until this moment of the clock.
    pub fn away_until(&self, moment: Duration) {
        self.sky().away_until = moment;
    }

    /// Of the coming calls that add a run or change one, those that are `true` are done, but their answer is lost.
    pub fn lose_answers(&self, which: &[bool]) {
        self.sky().losing.extend(which);
    }

    /// How often something of runs was written, leases included.
    pub fn run_writes(&self) -> usize {
        self.sky().run_writes
    }

    /// What has happened up to now.
    pub fn tally(&self) -> Tally {
        self.sky().tally
    }

    fn count(&self, what: What) {
        let mut sky = self.sky();
        let tally = &mut sky.tally;
        match what {
            What::Fine => {}
            What::FailsBefore => tally.failures += 1,
            What::FailsAfter => tally.lost_answers += 1,
            What::DiesBefore => tally.deaths_before += 1,
            What::DiesAfter => tally.deaths_after += 1,
        }
    }

    /// What happens to a call of the port's method `call`.
    fn fate(&self, now: Duration, call: &str) -> Fate {
        let mut sky = self.sky();
        let odds = sky.odds;
        let some = |dice: &SeededEntropy, most: Duration| {
            let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
            Duration::from_millis(dice.below(most.saturating_add(1)))
        };
        if sky.dice.chance(odds.goes_away) {
            sky.away_until = now + some(&sky.dice, odds.longest_away);
        }
        let is_late = sky.dice.chance(odds.late);
        let late = some(&sky.dice, odds.latest);
        let (before, after) = match (is_late, sky.dice.chance(500)) {
            (false, _) => (Duration::ZERO, Duration::ZERO),
            (true, true) => (late, Duration::ZERO),
            (true, false) => (Duration::ZERO, late),
        };
        let mut roll = sky.dice.below(1000);
        let mut what = What::Fine;
        for (odds, outcome) in [
            (odds.fails_before, What::FailsBefore),
            (odds.fails_after, What::FailsAfter),
            (odds.dies_before, What::DiesBefore),
            (odds.dies_after, What::DiesAfter),
        ] {
            if roll < odds {
                what = outcome;
                break;
            }
            roll -= odds;
        }
        if now < sky.away_until && what == What::Fine {
            what = What::FailsBefore;
        }
        let changes_run = matches!(call, "insert_run" | "commit_run");
        if what == What::Fine && changes_run && sky.losing.pop_front() == Some(true) {
            what = What::FailsAfter;
        }
        if what != What::FailsBefore
            && (changes_run || matches!(call, "renew_leases" | "release_leases"))
        {
            sky.run_writes += 1;
        }
        Fate {
            before,
            what,
            after,
        }
    }

    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.sky.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store as one process has it in some weather.
pub struct FlakyStore {
    inner: Arc<dyn Store>,
    weather: Weather,
    clock: VirtualClock,
    process: Tasks,
}

impl FlakyStore {
    /// `inner`, as `process` has it.
    pub fn new(
        inner: Arc<dyn Store>,
        weather: Weather,
        clock: VirtualClock,
        process: Tasks,
    ) -> Self {
        Self {
            inner,
            weather,
            clock,
            process,
        }
    }

    async fn meet<T>(&self, name: &str, call: impl Future<Output = Stored<T>> + Send) -> Stored<T> {
        let fate = self.weather.fate(self.clock.now(), name);
        if !fate.before.is_zero() {
            self.clock.sleep(fate.before).await;
        }
        match fate.what {
            What::FailsBefore => {
                self.weather.count(fate.what);
                return Err(away());
            }
            What::DiesBefore => {
                self.weather.count(fate.what);
                return self.die().await;
            }
            What::Fine | What::FailsAfter | What::DiesAfter => {}
        }
        let outcome = call.await;
        self.weather.count(fate.what);
        if !fate.after.is_zero() {
            self.clock.sleep(fate.after).await;
        }
        match fate.what {
            What::FailsAfter => Err(away()),
            What::DiesAfter => self.die().await,
            What::Fine | What::FailsBefore | What::DiesBefore => outcome,
        }
    }

    /// Nobody hears of this call again: its task is gone with the process.
    async fn die<T>(&self) -> T {
        self.process.kill();
        pending().await
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("the weather is bad".to_owned())
}

/// Exposes the calls of one part of the port to the weather.
macro_rules! exposed {
    ($part:ident { $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+ }) => {
        #[async_trait]
        impl $part for FlakyStore {
            $(async fn $name(&self, $($arg: $type),*) -> Stored<$answer> {
                self.meet(stringify!($name), self.inner.$name($($arg),*)).await
            })+
        }
    };
}

exposed!(AssistantStore {
    fn insert_assistant(project: &Project, assistant: &Assistant) -> ();
    fn assistant(project: &Project, id: &AssistantId) -> Option<Versioned<Assistant>>;
    fn assistants(project: &Project, query: &PageQuery) -> MaybePage<Assistant>;
    fn update_assistant(project: &Project, assistant: &Versioned<Assistant>) -> bool;
    fn delete_assistant(project: &Project, id: &AssistantId) -> bool;
});

exposed!(ThreadStore {
    fn insert_thread(project: &Project, thread: &Thread, messages: &[Message]) -> ();
    fn thread(project: &Project, id: &ThreadId) -> Option<Versioned<Thread>>;
    fn threads(project: &Project, query: &PageQuery) -> MaybePage<Thread>;
    fn update_thread(project: &Project, thread: &Versioned<Thread>) -> bool;
    fn delete_thread(project: &Project, id: &ThreadId) -> bool;
});

exposed!(MessageStore {
    fn insert_message(project: &Project, message: &Message) -> Added;
    fn message(project: &Project, thread: &ThreadId, id: &MessageId) -> Option<Versioned<Message>>;
    fn messages(project: &Project, thread: &ThreadId, run: Option<&RunId>, query: &PageQuery) -> MaybePage<Message>;
    fn update_message(project: &Project, message: &Versioned<Message>) -> bool;
    fn delete_message(project: &Project, thread: &ThreadId, id: &MessageId) -> bool;
});

exposed!(RunStore {
    fn insert_run(project: &Project, insert: RunInsert<'_>) -> Added;
    fn run(project: &Project, thread: &ThreadId, id: &RunId) -> Option<StoredRun>;
    fn runs(project: &Project, thread: &ThreadId, query: &PageQuery) -> MaybePage<Run>;
    fn commit_run(project: &Project, commit: RunCommit<'_>) -> bool;
    fn claim_runs(now_ms: u64, owner: &str, until_ms: u64, limit: u32) -> Vec<StoredRun>;
    fn next_claim() -> Option<u64>;
    fn renew_leases(owner: &str, until_ms: u64) -> ();
    fn release_leases(owner: Option<&str>, now_ms: u64) -> ();
    fn step(project: &Project, thread: &ThreadId, run: &RunId, id: &StepId) -> Option<Step>;
    fn steps(project: &Project, thread: &ThreadId, run: &RunId, query: &PageQuery) -> MaybePage<Step>;
    fn steps_of_runs(project: &Project, thread: &ThreadId, runs: &[RunId]) -> Vec<Step>;
});

exposed!(FileStore {
    fn insert_file(project: &Project, file: &File) -> ();
    fn file(project: &Project, id: &FileId) -> Option<File>;
    fn files(project: &Project, purpose: Option<Purpose>, query: &PageQuery) -> MaybePage<File>;
    fn delete_file(project: &Project, id: &FileId) -> bool;
});

exposed!(Housekeeping {
    fn expired_files(now: u64, limit: u32) -> Vec<(Project, File)>;
    fn overdue_runs(now: u64) -> u64;
    fn deleted_rows() -> RowCounts;
    fn purge(limit: u32) -> RowCounts;
    fn take_turn(name: &str, now_ms: u64, next_ms: u64) -> bool;
    fn known_files(ids: &[String]) -> Vec<String>;
    fn check() -> ();
});

#[cfg(test)]
mod tests {
    use locum_domain::time::Timestamp;
    use locum_engine::ports::Spawn;

    use super::*;
    use crate::MemoryStore;

    fn file() -> File {
        File {
            id: FileId::from("file-1"),
            created_at: Timestamp(0),
            size_bytes: 0,
            filename: "a.txt".to_owned(),
            purpose: Purpose::Assistants,
            expires_at: None,
        }
    }

    fn store(odds: Odds) -> (VirtualClock, Tasks, MemoryStore, Arc<FlakyStore>) {
        let (clock, inner, weather) = (VirtualClock::new(), MemoryStore::new(), Weather::new(7));
        let process = clock.tasks();
        weather.set(odds);
        let (beneath, asked_by) = (Arc::new(inner.clone()), process.clone());
        let flaky = FlakyStore::new(beneath, weather, clock.clone(), asked_by);
        (clock, process, inner, Arc::new(flaky))
    }

    /// Files a file in a task of the process; what it was told, and whether the file is there.
    fn insert(odds: Odds) -> (Option<Stored<()>>, bool, Duration) {
        let (clock, process, inner, flaky) = store(odds);
        let file = file();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let inserted = file.clone();
        process.spawn(Box::pin(async move {
            let told = flaky.insert_file(&Project::default(), &inserted).await;
            let _ = sender.send(told);
        }));
        let told = clock.run(receiver).ok();
        let found = clock.run(inner.file(&Project::default(), &file.id));
        (told, found.unwrap().is_some(), clock.now())
    }

    #[test]
    fn in_fine_weather_it_is_the_store() {
        let (told, there, _) = insert(Odds::default());
        assert_eq!((told, there), (Some(Ok(())), true));
    }

    #[test]
    fn a_call_fails_before_or_after() {
        let mut odds = Odds {
            fails_before: 1000,
            ..Odds::default()
        };
        let (told, there, _) = insert(odds);
        assert_eq!((told, there), (Some(Err(away())), false));
        odds = Odds {
            fails_after: 1000,
            ..Odds::default()
        };
        let (told, there, _) = insert(odds);
        assert_eq!((told, there), (Some(Err(away())), true));
    }

    #[test]
    fn a_process_dies_before_or_after() {
        let mut odds = Odds {
            dies_before: 1000,
            ..Odds::default()
        };
        let (told, there, _) = insert(odds);
        assert_eq!((told, there), (None, false));
        odds = Odds {
            dies_after: 1000,
            ..Odds::default()
        };
        let (told, there, _) = insert(odds);
        assert_eq!((told, there), (None, true));
    }

    #[test]
    fn a_store_may_be_late_or_away() {
        let seconds = Duration::from_secs;
        let (told, there, now) = insert(Odds {
            late: 1000,
            latest: seconds(9),
            ..Odds::default()
        });
        assert_eq!((told, there), (Some(Ok(())), true));
        assert!(now > Duration::ZERO && now <= seconds(9));
        let (told, there, _) = insert(Odds {
            goes_away: 1000,
            longest_away: seconds(9),
            ..Odds::default()
        });
        assert_eq!((told, there), (Some(Err(away())), false));
    }
}
