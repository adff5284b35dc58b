"""Replicas that are killed, hang, lose the database, or are asked to stop: the others go on with what they did."""

import datetime
import signal
import time

import pytest
from harness.cluster import Cluster, frozen, kill
from harness.process import wait_until
from harness.proxy import Proxy
from harness.server import Locum

from load import Load, assert_unlocked, begin_run, logged, look, meanwhile, message_texts, new_assistant, path_of, verify_run
from test_sharing import last_message, stream, told_text

SLOW = {"fault": "good", "delay_ms": 400, "times": 100_000}
"""Answers that take a while, so that there are always some runs at work."""


def taken_over_at(replicas: list[Locum], run: str) -> float | None:
    """When the log of one of these says that it has taken the run over."""
    lines = [line for replica in replicas for line in logged(replica, "a run is taken over", run=run)]
    return min((datetime.datetime.fromisoformat(line["time"]).timestamp() for line in lines), default=None)


def taken_over(replicas: list[Locum], runs: list[str], within: float) -> dict[str, float]:
    """When each of the runs was taken over by one of these replicas."""
    found: dict[str, float] = {}

    def all_found() -> bool:
        for run in runs:
            if run not in found and (at := taken_over_at(replicas, run)):
                found[run] = at
        return len(found) == len(runs)

    try:
        wait_until(all_found, within, "taking over")
    except TimeoutError:
        raise AssertionError(f"taken over within {within} s: {len(found)} of {len(runs)}") from None
    return found


class TestKilled:
    def test_others_take_over_in_time_and_answer_once(self, clusters, provider):
        """With the lease that is the default."""
        lease = 10
        cluster = clusters(RUN_LEASE=str(lease))
        cluster.start(3)
        victim, *others = cluster.replicas
        assistant = new_assistant(victim, provider.model)
        stalled = 5
        provider.upstream.script({"fault": "stall", "after": 3, "times": stalled})
        runs = [begin_run(victim, assistant, f"stalled {n}") for n in range(stalled)]
        for run in runs:
            wait_until(lambda: look(victim, f"{path_of(run)}/steps")["data"], what="the first step")
        provider.upstream.script(SLOW)
        with Load(cluster, assistant) as load:
            load.wait_for(15)
            killed = time.time()
            kill(victim)
            load.avoided.add(victim.port)
            took = {run: at - killed for run, at in taken_over(others, [run["id"] for run in runs], lease + 5).items()}
            load.wait_for(5)
        cluster.replicas.remove(victim)
        assert max(took.values()) <= lease + 2, f"taken over after {sorted(took.values())} s"
        load.verify()
        for n, run in enumerate(runs):
            verify_run(others[0], run["thread_id"], run["id"], f"stalled {n}", f"echo: stalled {n}")
            assert_unlocked(others[1], run["thread_id"])
        again = sum(replica.metric("locum_run_takeovers_total") for replica in others)
        assert again >= stalled

    def test_one_after_the_other_under_load(self, cluster: Cluster, provider):
        assistant = new_assistant(cluster.replicas[0], provider.model)
        provider.upstream.script(SLOW)
        with Load(cluster, assistant) as load:
            for replica in list(cluster.replicas):
                load.wait_for(8)
                kill(replica)
                load.wait_for(8)
                cluster.restart(replica)
        load.verify()


class TestFrozen:
    def test_a_late_writer_is_refused(self, cluster: Cluster, provider):
        """A replica hangs while its model answers. Another one answers meanwhile; what the first one has got comes too late."""
        late, second, third = cluster.replicas
        provider.upstream.script(provider.text_stream("Too late.") | {"delay_ms": 2000}, provider.text_stream("The only answer."))
        run = begin_run(late, new_assistant(late, provider.model))
        wait_until(lambda: provider.upstream.asked == 1, what="the first request")
        with frozen(late):
            taken_over([second, third], [run["id"]], 5)
            verify_run(second, run["thread_id"], run["id"], "x", "The only answer.")
        wait_until(lambda: late.metric("locum_runs_driven") == 0, what="the late driver's end")
        verify_run(late, run["thread_id"], run["id"], "x", "The only answer.")
        lost = late.metric("locum_run_leases_lost_total") + len(logged(late, "the run is somebody else's now"))
        assert lost >= 1, late.output
        assert cluster.metric("locum_runs_total", status="completed") == 1
        assert_unlocked(late, run["thread_id"])

    @pytest.mark.parametrize("shown", [False, True])
    def test_its_watcher_is_told_the_truth(self, cluster: Cluster, provider, shown):
        """The client of the replica that hung is shown what another one did, unless a part of another answer was shown to it before:
        then its stream ends with an error, because no answer may be made of two."""
        late, second, third = cluster.replicas
        assistant = new_assistant(late, provider.model)
        begun = {"fault": "stall", "after": 3} if shown else {"fault": "silent"}
        provider.upstream.script(begun, provider.text_stream("The only ", "answer."))
        body = {"assistant_id": assistant, "thread": {"messages": [{"role": "user", "content": "x"}]}, "stream": True}
        watcher = meanwhile(lambda: stream(late, "POST", "/v1/threads/runs", body))
        wait_until(lambda: provider.upstream.asked == 1, what="the first request")
        thread = look(second, "/v1/threads")["data"][0]["id"]
        run = look(second, f"/v1/threads/{thread}/runs")["data"][0]
        if shown:
            wait_until(lambda: look(second, f"{path_of(run)}/steps")["data"], what="the first step")
        with frozen(late):
            taken_over([second, third], [run["id"]], 5)
            verify_run(third, thread, run["id"], "x", "The only answer.")
        watched = watcher.result(15)
        names = [name for name, _ in watched]
        if shown:
            assert names[-1] == "error" and "done" not in names, watched[-3:]
            assert "The run goes on" in watched[-1][1]
        else:
            assert names[-2:] == ["thread.run.completed", "done"], watched[-3:]
            assert told_text(watched) == last_message(watched) == "The only answer.", names
        assert_unlocked(late, thread)

    def test_a_replica_that_hangs_under_load(self, cluster: Cluster, provider):
        assistant = new_assistant(cluster.replicas[0], provider.model)
        victim = cluster.replicas[0]
        provider.upstream.script(SLOW)
        with Load(cluster, assistant) as load:
            load.wait_for(10)
            load.avoided.add(victim.port)
            with frozen(victim):
                load.wait_for(10)
                wait_until(lambda: sum(each.metric("locum_run_takeovers_total") for each in cluster.others(victim)) >= 1, 8, "taking over")
            load.avoided.clear()
            load.wait_for(10)
        # What was sent to it when it froze waited for longer than a client does.
        load.surprises = [each for each in load.surprises if f"at {victim.port}: ReadTimeout" not in each]
        load.verify()


class TestCutOff:
    @pytest.fixture
    def apart(self, clusters, postgres):
        """Three replicas, the first of which reaches the database through a proxy."""
        cluster = clusters()
        proxy = Proxy(postgres.port)
        cluster.start(1, DATABASE_URL=postgres.url(cluster.name, proxy.port))
        cluster.start(2)
        yield cluster, proxy
        proxy.close()

    @pytest.mark.parametrize("fault", ["stop", "cut"])
    def test_its_runs_go_to_the_others_and_its_clients_are_told(self, apart, provider, fault):
        cluster, proxy = apart
        alone, second, third = cluster.replicas
        assistant = new_assistant(second, provider.model)
        provider.upstream.script({"fault": "stall", "after": 3})
        run = begin_run(alone, assistant, "stalled")
        wait_until(lambda: look(second, f"{path_of(run)}/steps")["data"], what="the first step")
        provider.upstream.script(SLOW)
        with Load(cluster, assistant) as load:
            load.wait_for(5)
            getattr(proxy, fault)()
            taken_over([second, third], [run["id"]], 6)
            begun = time.monotonic()
            asked = [
                meanwhile(lambda: alone.http.get(path_of(run))),
                meanwhile(lambda: alone.post("/v1/threads", {})),
                meanwhile(lambda: alone.post("/v1/threads/runs", {"assistant_id": assistant})),
            ]
            answers = [each.result() for each in asked]
            waited = time.monotonic() - begun
            for refused in answers:
                assert refused.status_code == 503, refused.text
                assert int(refused.headers["retry-after"]) >= 1
                assert set(refused.json()["error"]) == {"message", "type", "param", "code"}
            assert alone.http.get("/health/ready").status_code == 503
            assert alone.http.get("/health/live").status_code == 200
            # Now that this is known, at most one at a time waits for it in earnest.
            *most, _ = sorted(each.result() for each in [meanwhile(lambda: refused_after(alone, run)) for _ in range(12)])
            assert most[-1] < 2.5, most
            load.wait_for(5)
            proxy.resume()
            wait_until(lambda: alone.http.get("/health/ready").status_code == 200, 15, "the replica's recovery")
            served = len(load.runs)
            wait_until(lambda: any(each.replica is alone for each in load.runs[served:]), 15, f"runs at it again: {load}")
        assert waited < 6, f"it took {waited:.1f} s to say that the database is away"
        verify_run(alone, run["thread_id"], run["id"], "stalled", "echo: stalled")
        load.verify()
        assert load.outcomes[503] > 0


def refused_after(replica, run) -> float:
    """How many seconds it takes to be refused."""
    begun = time.monotonic()
    answer = replica.http.get(path_of(run))
    assert answer.status_code == 503, answer.text
    return time.monotonic() - begun


class TestStopping:
    def test_one_after_the_other_under_load(self, clusters, provider):
        """As a new version is brought out: nobody is refused but at the door, streams are finished, runs go on."""
        cluster = clusters(RUN_LEASE="10", SHUTDOWN_GRACE="8000")
        cluster.start(3)
        assistant = new_assistant(cluster.replicas[0], provider.model)
        words = [f"{n} " for n in range(8)]
        # For the watchers that come first; what is scripted behind it is the load's.
        provider.upstream.script({**provider.text_stream(*words), "pace_ms": 300, "times": 3})
        body = {"assistant_id": assistant, "thread": {"messages": [{"role": "user", "content": "x"}]}, "stream": True}
        watchers = [meanwhile(lambda at=replica: stream(at, "POST", "/v1/threads/runs", body)) for replica in cluster.replicas]
        wait_until(lambda: provider.upstream.asked == 3, what="the watchers' requests")
        provider.upstream.script(SLOW)
        ended = []
        with Load(cluster, assistant) as load:
            for replica in list(cluster.replicas):
                load.wait_for(5)
                begun = time.monotonic()
                replica.signal(signal.SIGTERM)
                assert replica.exit_code(12) == 0, replica.output
                ended.append(time.monotonic() - begun)
                cluster.restart(replica)
                load.wait_for(3)
        for watcher in watchers:
            events = watcher.result(20)
            assert [name for name, _ in events][-2:] == ["thread.run.completed", "done"]
            assert last_message(events) == "".join(words)
        allowed = {200, 503, "ConnectError"}
        assert set(load.outcomes) <= allowed, f"{load}; they ended after {ended} s"
        load.verify()

    def test_what_does_not_end_in_time_is_handed_over_at_once(self, clusters, provider):
        cluster = clusters(RUN_LEASE="30", SHUTDOWN_GRACE="500")
        cluster.start(2)
        first, second = cluster.replicas
        provider.upstream.script({"fault": "stall", "after": 3})
        run = begin_run(first, new_assistant(first, provider.model))
        wait_until(lambda: look(second, f"{path_of(run)}/steps")["data"], what="the first step")
        begun = time.monotonic()
        first.signal(signal.SIGTERM)
        assert first.exit_code(6) in (0, 3)
        verify_run(second, run["thread_id"], run["id"], "x", "echo: x", within=10)
        assert time.monotonic() - begun < 6, "long before the lease ends"
        assert message_texts(second, run["thread_id"]) == ["x", "echo: x"]
        assert_unlocked(second, run["thread_id"])
