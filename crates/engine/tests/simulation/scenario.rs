//! One scenario: bad weather while clients live, then fine weather, and a look at what is left.

use std::{
    collections::BTreeMap,
    num::NonZero,
    panic::AssertUnwindSafe,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, available_parallelism},
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::future::join_all;

use locum_testkit::Tally;

use crate::{
    audit::{Endings, audit, endings},
    client::Client,
    ledger::Ledger,
    settle::settle,
    stage::Stage,
};

/// How many seeds are played where nobody says.
const SEEDS: u64 = 300;
/// How long a scenario may take in its own time.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What came of a seed.
struct Played {
    log: Vec<String>,
    complaints: Vec<String>,
    figures: Figures,
}

/// How much happened.
#[derive(Default)]
struct Figures {
    processes: u64,
    mishaps: Tally,
    /// How often a run was claimed by somebody else than who made it.
    claims: u64,
    endings: Endings,
}

impl Figures {
    fn add(&mut self, more: Self) {
        self.processes += more.processes;
        self.claims += more.claims;
        self.mishaps.failures += more.mishaps.failures;
        self.mishaps.lost_answers += more.mishaps.lost_answers;
        self.mishaps.deaths_before += more.mishaps.deaths_before;
        self.mishaps.deaths_after += more.mishaps.deaths_after;
        for (ending, count) in more.endings {
            *self.endings.entry(ending).or_default() += count;
        }
    }
}

fn play(seed: u64) -> Played {
    let stage = Stage::new(seed);
    let clock = stage.clock().clone();
    let played =
        std::panic::catch_unwind(AssertUnwindSafe(|| clock.run_for(LIMIT, all_of_it(&stage))));
    match played {
        Ok(Some(())) => {}
        Ok(None) => stage.complain("it does not come to an end"),
        Err(_) => stage.complain("something panics"),
    }
    stage.close();
    let (endings, claims) = clock.run(endings(&stage));
    Played {
        figures: Figures {
            processes: stage.births(),
            mishaps: stage.tally(),
            claims,
            endings,
        },
        log: stage.log_lines(),
        complaints: stage.complaints(),
    }
}

async fn all_of_it(stage: &Stage) {
    let ledger = Ledger::default();
    stage.outside(audit(stage.clone()));
    let clients = (1..=3).map(|name| {
        let (done, gone_home) = oneshot::channel::<()>();
        let client = Client::new(stage.clone(), ledger.clone(), name);
        stage.outside(async move {
            client.live().await;
            let _ = done.send(());
        });
        gone_home
    });
    let clients: Vec<_> = clients.collect();
    join_all(clients).await;
    stage.calm();
    settle(stage, &ledger).await;
}

/// Plays many seeds at once: those that went wrong with what did, and how much happened in all of them.
fn play_all(seeds: u64) -> (BTreeMap<u64, Vec<String>>, Figures) {
    let next = AtomicU64::new(0);
    let sum = Mutex::new((BTreeMap::new(), Figures::default()));
    let play_some = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds {
            return;
        }
        let played = play(seed);
        let mut sum = sum.lock().unwrap();
        sum.1.add(played.figures);
        if !played.complaints.is_empty() {
            sum.0.insert(seed, played.complaints);
        }
    };
    let threads = available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(play_some);
        }
    });
    sum.into_inner().unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how much is played is the tester's choice, not a setting"
)]
fn chosen<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_that_was_told_is_lost_and_every_run_comes_to_one_end() {
    if let Some(seed) = chosen("SIMULATION_SEED") {
        let played = play(seed);
        println!("{}", played.log.join("\n"));
        assert!(played.complaints.is_empty(), "{:#?}", played.complaints);
        return;
    }
    let seeds = chosen("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let (wrong, figures) = play_all(seeds);
    let Figures {
        processes,
        mishaps,
        claims,
        endings,
    } = figures;
    println!(
        "{seeds} seeds: {processes} processes, {mishaps:?}, {claims} runs claimed, runs by ending: {endings:?}"
    );
    for (seed, complaints) in &wrong {
        println!("SIMULATION_SEED={seed}: {complaints:#?}");
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} of {seeds} seeds went wrong");
}

#[test]
fn the_same_seed_plays_the_same_scenario() {
    for seed in 0..8 {
        let (first, second) = (play(seed).log, play(seed).log);
        let differ = first.iter().zip(&second).find(|(a, b)| a != b);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}
