"""A database that goes away and comes back: clients are told to come again, nothing acknowledged is lost, runs go on."""

import time

import pytest
from harness.cluster import Cluster
from harness.process import wait_until
from harness.services import Postgres

from load import PATIENCE, Load, assert_unlocked, begin_run, look, new_assistant, path_of, verify_run
from test_losses import SLOW


def take_away(postgres: Postgres, how: str):
    postgres.kill() if how == "kill" else postgres.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_is_restarted_under_load(cluster: Cluster, postgres, provider, how):
    assistant = new_assistant(cluster.replicas[0], provider.model)
    provider.upstream.script(SLOW)
    with Load(cluster, assistant) as load:
        for seconds in (0.0, 3.0):
            load.wait_for(8)
            take_away(postgres, how)
            if seconds:
                refused = load.outcomes[503]
                wait_until(lambda: load.outcomes[503] > refused + 10, 10, f"refusals: {load}")
                assert [replica.http.get("/health/live").status_code for replica in cluster.replicas] == [200] * 3
                time.sleep(seconds)
            postgres.start()
            load.wait_for(8)
    assert load.outcomes[503] > 0, load
    assert load.slowest < PATIENCE, load
    load.verify()


def test_a_run_goes_on_where_it_was(cluster: Cluster, postgres, provider):
    """The model answers while there is no database: the answer is kept until there is one."""
    driver, second, _ = cluster.replicas
    provider.upstream.script(provider.text_stream("Patience.") | {"delay_ms": 1000}, provider.text_stream("Patience."))
    run = begin_run(driver, new_assistant(driver, provider.model))
    wait_until(lambda: provider.upstream.asked == 1, what="the request")
    postgres.stop()
    time.sleep(1.5)  # the answer comes into the gap
    postgres.start()
    wait_until(lambda: second.http.get(path_of(run)).status_code == 200, what="the database's return")
    verify_run(second, run["thread_id"], run["id"], "x", "Patience.")
    assert_unlocked(driver, run["thread_id"])


def test_waiting_for_functions_outlasts_it(cluster: Cluster, postgres, provider):
    driver, second, third = cluster.replicas
    provider.upstream.script(provider.calls_stream(("weather", {"city": "Paris"})))
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    run = begin_run(driver, new_assistant(driver, provider.model, tools=[weather]))
    wait_until(lambda: look(second, path_of(run))["status"] == "requires_action", what="the calls")
    postgres.kill()
    postgres.start()
    wait_until(lambda: third.http.get(path_of(run)).status_code == 200, what="the database's return")
    waiting = look(third, path_of(run))
    assert waiting["status"] == "requires_action"
    (call,) = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
    provider.upstream.script(provider.text_stream("Wet."))
    outputs = {"tool_outputs": [{"tool_call_id": call["id"], "output": "rain"}]}
    taken = wait_until(lambda: answered(second.post(f"{path_of(run)}/submit_tool_outputs", outputs)), what="the outputs' way")
    assert taken.status_code == 200, taken.text
    wait_until(lambda: look(driver, path_of(run))["status"] == "completed", what="the run's end")
    assert_unlocked(driver, run["thread_id"])


def answered(answer):
    """The answer, unless it says to come again."""
    return None if answer.status_code == 503 else answer


def test_a_start_without_it_is_told_in_one_line(clusters, postgres):
    cluster = clusters()
    postgres.stop()
    replica = cluster.begin()
    try:
        # It either waits for the database or says that it is not there; it does not serve without it.
        wait_until(lambda: not replica.is_running or "postgres" in replica.output.lower(), 20, "a word about it")
    finally:
        replica.stop()
        postgres.start()
    assert "locum@" not in replica.output, "addresses of databases hold passwords"
