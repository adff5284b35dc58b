//! Who attends to runs: leases, claims and waiting.

use futures_util::future::join_all;
use locum_domain::run::{Open, Run};
use locum_engine::store::{Next, StoredRun};

use super::{
    bench::{Bench, DRIVEN, OWNER, message, step},
    sample::{self, MS},
};

/// When [`DRIVEN`] ends.
const LEASE_END: u64 = MS + 10_000;

fn driven_until(until_ms: u64) -> Next<'static> {
    Next::Driven {
        owner: OWNER,
        until_ms,
    }
}

async fn renew(bench: &Bench, owner: &str, until_ms: u64) {
    bench.store.renew_leases(owner, until_ms).await.unwrap();
}

async fn release(bench: &Bench, owner: Option<&str>, now_ms: u64) {
    bench.store.release_leases(owner, now_ms).await.unwrap();
}

async fn claim_whole(bench: &Bench, now_ms: u64, owner: &str) -> Vec<StoredRun> {
    let claimed = bench
        .store
        .claim_runs(now_ms, owner, now_ms + 10_000, 100)
        .await;
    claimed.unwrap()
}

pub(super) async fn the_next_claim_is_that_of_the_run_which_has_to_wait_least(bench: Bench) {
    let next = async || bench.store.next_claim().await.unwrap();
    assert_eq!(next().await, None);
    let late = bench.begin(1, driven_until(MS + 9)).await;
    let soon = bench.begin(2, driven_until(MS + 5)).await;
    assert_eq!(next().await, Some(MS + 5));
    let on = bench.load(&soon).await;
    assert!(bench.commit(&on, &soon, &[], Next::Waits(MS + 7)).await);
    assert_eq!(next().await, Some(MS + 7));
    bench.end(&soon).await;
    assert_eq!(next().await, Some(MS + 9));
    bench
        .store
        .delete_thread(&bench.project, &late.thread_id)
        .await
        .unwrap();
    assert_eq!(next().await, None);
}

pub(super) async fn a_lease_keeps_others_off_until_it_ends(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    for now_ms in [0, MS, LEASE_END - 1] {
        assert_eq!(bench.claim(now_ms, "host_2", 9).await, []);
    }
    let claimed = bench.claim(LEASE_END, "host_2", 9).await;
    assert_eq!(claimed, std::slice::from_ref(&run.id));
    let end = LEASE_END + 10_000;
    for owner in ["host_2", "host_3"] {
        assert_eq!(bench.claim(LEASE_END, owner, 9).await, []);
        assert_eq!(bench.claim(end - 1, owner, 9).await, []);
    }
    assert_eq!(bench.claim(end, "host_3", 9).await, [run.id]);
}

pub(super) async fn a_claim_makes_a_new_token_and_fences_off_the_old_one(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let before = bench.load(&run).await;
    let claimed = claim_whole(&bench, LEASE_END, "host_2").await;
    let expected = StoredRun {
        token: before.token + 1,
        ..before.clone()
    };
    assert_eq!(claimed, std::slice::from_ref(&expected));
    assert_eq!(bench.load(&run).await, expected);
    let writes = [message(&sample::begun_message(&run, 1))];
    assert!(!bench.commit(&before, &run, &writes, DRIVEN).await);
    assert!(!bench.commit(&before, &run, &writes, Next::Ended).await);
    assert_eq!(bench.messages(&run.thread_id).await, []);
    assert!(
        bench
            .commit(&expected, &run, &writes, driven_until(MS))
            .await
    );
    assert_eq!(bench.messages(&run.thread_id).await.len(), 1);
    let again = claim_whole(&bench, LEASE_END, OWNER).await;
    assert_eq!((again[0].token, again[0].version), (3, 2));
}

pub(super) async fn a_run_that_waits_is_claimed_when_its_time_has_come(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let on = bench.load(&run).await;
    assert!(
        bench
            .commit(&on, &run, &[], Next::Waits(MS + 600_000))
            .await
    );
    assert_eq!(bench.claim(LEASE_END, OWNER, 9).await, []);
    assert_eq!(bench.claim(MS + 599_999, "host_2", 9).await, []);
    let claimed = bench.claim(MS + 600_000, "host_2", 9).await;
    assert_eq!(claimed, [run.id]);
}

pub(super) async fn what_has_ended_or_gone_is_not_claimed(bench: Bench) {
    let ended = bench.begin(1, DRIVEN).await;
    let gone = bench.begin(2, Next::Waits(MS)).await;
    bench.end(&ended).await;
    let deleted = bench.store.delete_thread(&bench.project, &gone.thread_id);
    assert!(deleted.await.unwrap());
    assert_eq!(bench.claim(MS + 1_000_000, "host_2", 9).await, []);
    release(&bench, None, MS).await;
    assert_eq!(bench.claim(MS + 1_000_000, "host_2", 9).await, []);
    assert_eq!(bench.load(&ended).await.token, 1);
}

pub(super) async fn those_that_have_waited_longest_come_first(bench: Bench) {
    let stranger = bench.stranger();
    let third = bench.begin(1, driven_until(MS + 30)).await;
    let first = stranger.begin(2, Next::Waits(MS + 10)).await;
    let late = bench.begin(3, Next::Waits(MS + 50)).await;
    let second = bench.begin(4, driven_until(MS + 20)).await;
    let claimed = claim_whole(&bench, MS + 9, "host_2").await;
    assert_eq!(claimed, []);
    assert_eq!(
        bench.claim(MS + 40, "host_2", 2).await,
        [first.id.clone(), second.id]
    );
    assert_eq!(bench.claim(MS + 40, "host_2", 2).await, [third.id]);
    assert_eq!(bench.claim(MS + 40, "host_2", 2).await, []);
    assert_eq!(bench.claim(MS + 50, "host_2", 2).await, [late.id]);
    assert_eq!(stranger.load(&first).await.token, 2);
    let projects: Vec<_> = claim_whole(&bench, MS + 1_000_000, "host_3")
        .await
        .into_iter()
        .map(|stored| (stored.run.id, stored.project))
        .collect();
    assert!(projects.contains(&(first.id, stranger.project)));
    assert_eq!(projects.len(), 4);
}

pub(super) async fn of_racing_claims_each_run_goes_to_one(bench: Bench) {
    let mut runs = Vec::new();
    for n in 0..5 {
        runs.push(bench.begin(n, Next::Waits(MS)).await.id);
    }
    let owners: Vec<_> = (0..16).map(|n| format!("host_{n}")).collect();
    let racing = owners.iter().map(|owner| bench.claim(MS, owner, 2));
    let mut claimed: Vec<_> = join_all(racing).await.into_iter().flatten().collect();
    claimed.sort();
    assert_eq!(claimed, runs);
}

pub(super) async fn a_claim_loads_what_is_open(bench: Bench) {
    let (writing, calling) = (bench.begin(1, DRIVEN).await, bench.begin(2, DRIVEN).await);
    let begun = sample::begun_message(&writing, 1);
    let first = sample::writing_step(&writing, 1, &begun);
    let second = sample::calling_step(&calling, 2);
    bench
        .write(&writing, &[step(&first), message(&begun)])
        .await;
    bench.write(&calling, &[step(&second)]).await;
    bench.begin(3, DRIVEN).await;
    let mut claimed = claim_whole(&bench, LEASE_END, "host_2").await;
    claimed.sort_by(|a, b| a.run.id.cmp(&b.run.id));
    let open: Vec<_> = claimed.into_iter().map(|stored| stored.open).collect();
    let expected = [
        Some(Open {
            step: first,
            message: Some(begun),
        }),
        Some(Open {
            step: second,
            message: None,
        }),
        None,
    ];
    assert_eq!(open, expected);
}

/// One run that `OWNER` drives, one that `host_2` drives, and one that waits.
async fn three(bench: &Bench) -> [Run; 3] {
    let other = Next::Driven {
        owner: "host_2",
        until_ms: LEASE_END,
    };
    [
        bench.begin(1, DRIVEN).await,
        bench.begin(2, other).await,
        bench.begin(3, Next::Waits(LEASE_END)).await,
    ]
}

pub(super) async fn a_renewal_extends_ones_own_leases_alone(bench: Bench) {
    let [ours, theirs, waiting] = three(&bench).await;
    renew(&bench, OWNER, LEASE_END + 5_000).await;
    renew(&bench, "host_9", LEASE_END + 5_000).await;
    let mut claimed = bench.claim(LEASE_END + 4_999, "host_3", 9).await;
    claimed.sort();
    assert_eq!(claimed, [theirs.id, waiting.id]);
    // A lease that was lost is not renewed.
    renew(&bench, "host_2", LEASE_END + 99_000).await;
    let claimed = bench.claim(LEASE_END + 5_000, "host_3", 9).await;
    assert_eq!(claimed, [ours.id]);
    assert_eq!(bench.claim(LEASE_END + 20_000, "host_4", 9).await.len(), 3);
}

pub(super) async fn a_release_ends_ones_own_leases_alone(bench: Bench) {
    let [ours, theirs, waiting] = three(&bench).await;
    let before = bench.load(&ours).await;
    release(&bench, Some(OWNER), MS + 7).await;
    release(&bench, Some("host_9"), MS + 7).await;
    assert_eq!(bench.load(&ours).await, before);
    // What was released is nobody's, and so not renewed.
    renew(&bench, OWNER, LEASE_END + 99_000).await;
    assert_eq!(bench.claim(MS + 7, "host_3", 9).await, [ours.id]);
    let mut claimed = bench.claim(LEASE_END, "host_3", 9).await;
    claimed.sort();
    assert_eq!(claimed, [theirs.id, waiting.id]);
}

pub(super) async fn a_release_of_all_ends_all_leases(bench: Bench) {
    let [ours, theirs, waiting] = three(&bench).await;
    release(&bench, None, MS + 7).await;
    let mut claimed = bench.claim(MS + 7, "host_3", 9).await;
    claimed.sort();
    assert_eq!(claimed, [ours.id, theirs.id]);
    assert_eq!(bench.claim(LEASE_END - 1, "host_3", 9).await, []);
    assert_eq!(bench.claim(LEASE_END, "host_3", 9).await, [waiting.id]);
}

pub(super) async fn a_commit_may_hand_a_run_over(bench: Bench) {
    let run = bench.begin(1, DRIVEN).await;
    let on = bench.load(&run).await;
    let other = Next::Driven {
        owner: "host_2",
        until_ms: LEASE_END,
    };
    assert!(bench.commit(&on, &run, &[], other).await);
    renew(&bench, OWNER, LEASE_END + 99_000).await;
    assert_eq!(bench.claim(LEASE_END - 1, OWNER, 9).await, []);
    renew(&bench, "host_2", LEASE_END + 1_000).await;
    assert_eq!(bench.claim(LEASE_END, OWNER, 9).await, []);
    assert_eq!(bench.claim(LEASE_END + 1_000, OWNER, 9).await, [run.id]);
}

pub(super) async fn a_commit_may_leave_a_run_to_whoever_has_it(bench: Bench) {
    let driven = bench.begin(1, DRIVEN).await;
    let waiting = bench.begin(2, Next::Waits(LEASE_END + 5_000)).await;
    for run in [&driven, &waiting] {
        let on = bench.load(run).await;
        assert!(bench.commit(&on, run, &[], Next::Same).await);
        let now = bench.load(run).await;
        assert_eq!((now.version, now.token), (2, 1));
        assert!(!bench.commit(&on, run, &[], Next::Same).await);
    }
    assert_eq!(bench.claim(LEASE_END - 1, "host_2", 9).await, []);
    renew(&bench, OWNER, LEASE_END + 1_000).await;
    assert_eq!(bench.claim(LEASE_END + 999, "host_2", 9).await, []);
    let claimed = bench.claim(LEASE_END + 1_000, "host_2", 9).await;
    assert_eq!(claimed, [driven.id]);
    let claimed = bench.claim(LEASE_END + 5_000, "host_2", 9).await;
    assert_eq!(claimed, [waiting.id]);
}
