"""What was acknowledged is there, whatever happens to the process; runs are taken up and answered once."""

import json
import os
import pathlib
import signal
import threading
import time

import httpx2
import pytest
from harness.process import wait_until
from harness.server import Locum, routed_to

from test_runs import CALLS, WEATHER


@pytest.fixture
def restart(tmp_path: pathlib.Path, openai_provider):
    """Starts Locum over one and the same folder, again and again."""
    running: list[Locum] = []

    def start(**settings: str) -> Locum:
        folder = tmp_path / f"locum-{len(running)}"
        folder.mkdir()
        defaults = routed_to(openai_provider.upstream.url) | {"DATA_DIR": str(tmp_path / "data")}
        running.append(Locum(folder, **(defaults | settings)))
        return running[-1]

    yield start
    for locum in running:
        locum.stop()


def kill(locum: Locum):
    locum.signal(signal.SIGKILL)
    locum.exit_code()


def begin_run(locum: Locum, model: str, **more) -> dict:
    assistant = locum.post("/v1/assistants", {"model": model, "tools": [WEATHER]}).json()
    body = {"assistant_id": assistant["id"], "thread": {"messages": [{"role": "user", "content": "x"}]}} | more
    answer = locum.post("/v1/threads/runs", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def look(locum: Locum, run: dict, path: str = "") -> dict:
    return locum.http.get(f"/v1/threads/{run['thread_id']}/runs/{run['id']}{path}").json()


def test_acknowledged_messages_survive_sigkill(restart):
    for round in range(3):
        locum = restart()
        thread = locum.post("/v1/threads", {}).json()["id"]
        acknowledged: list[str] = []

        def append(worker: int):
            with httpx2.Client(base_url=locum.url, headers=dict(locum.http.headers)) as http:
                for n in range(10_000):
                    try:
                        answer = http.post(f"/v1/threads/{thread}/messages", json={"role": "user", "content": f"{worker}-{n}"})
                    except httpx2.TransportError:
                        return
                    assert answer.status_code == 200, answer.text
                    acknowledged.append(f"{worker}-{n}")

        workers = [threading.Thread(target=append, args=(n,)) for n in range(8)]
        for worker in workers:
            worker.start()
        wait_until(lambda: len(acknowledged) > 100 * (round + 1), what="some messages")
        kill(locum)
        for worker in workers:
            worker.join()
        locum = restart()
        with locum.client() as client:
            kept = {each.content[0].text.value for each in client.beta.threads.messages.list(thread, limit=100)}
        missing = set(acknowledged) - kept
        assert not missing, f"{len(missing)} of {len(acknowledged)} are lost"
        assert len(kept) <= len(acknowledged) + 8
        locum.stop()


def test_a_run_in_flight_is_taken_up_and_answered_once(restart, openai_provider):
    locum = restart()
    openai_provider.upstream.script({"fault": "stall", "after": 3})
    run = begin_run(locum, openai_provider.model)
    wait_until(lambda: look(locum, run, "/steps")["data"], what="the first step")
    kill(locum)
    openai_provider.upstream.script(openai_provider.text_stream("The only answer."))
    locum = restart()
    wait_until(lambda: look(locum, run)["status"] == "completed", what="the run's end")
    messages = locum.http.get(f"/v1/threads/{run['thread_id']}/messages").json()["data"]
    assert [each["content"][0]["text"]["value"] for each in messages] == ["The only answer.", "x"]
    steps = look(locum, run, "/steps")["data"]
    assert [(step["status"], step["type"]) for step in steps] == [("completed", "message_creation")]
    locum.http.post(f"/v1/threads/{run['thread_id']}/messages", json={"role": "user", "content": "y"}).raise_for_status()


def test_a_run_that_waits_for_tools_goes_on_waiting(restart, openai_provider):
    locum = restart()
    openai_provider.upstream.script(openai_provider.calls_stream(*CALLS))
    run = begin_run(locum, openai_provider.model)
    wait_until(lambda: look(locum, run)["status"] == "requires_action", what="the calls")
    kill(locum)
    locum = restart()
    waiting = look(locum, run)
    assert waiting["status"] == "requires_action"
    calls = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
    openai_provider.upstream.script(openai_provider.text_stream("Done."))
    outputs = [{"tool_call_id": call["id"], "output": "x"} for call in calls]
    path = f"/v1/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
    assert locum.post(path, {"tool_outputs": outputs}).json()["status"] == "queued"
    wait_until(lambda: look(locum, run)["status"] == "completed", what="the run's end")
    assert locum.post(path, {"tool_outputs": outputs}).status_code == 400


def test_a_run_that_was_being_cancelled_ends_cancelled(restart, openai_provider):
    locum = restart()
    openai_provider.upstream.script({"fault": "stall", "after": 3})
    run = begin_run(locum, openai_provider.model)
    wait_until(lambda: look(locum, run, "/steps")["data"], what="the first step")
    cancelling = locum.post(f"/v1/threads/{run['thread_id']}/runs/{run['id']}/cancel", {}).json()
    kill(locum)
    assert cancelling["status"] == "cancelling"
    locum = restart()
    wait_until(lambda: look(locum, run)["status"] == "cancelled", what="the run's end")


def test_a_run_that_is_overdue_expires_at_the_next_start(restart, openai_provider):
    locum = restart(RUN_EXPIRY="1")
    openai_provider.upstream.script(openai_provider.calls_stream(*CALLS))
    run = begin_run(locum, openai_provider.model)
    wait_until(lambda: look(locum, run)["status"] in ("requires_action", "expired"), what="the calls")
    kill(locum)
    time.sleep(1.1)
    locum = restart(RUN_EXPIRY="1")
    wait_until(lambda: look(locum, run)["status"] == "expired", what="the expiry")


def test_a_clean_stop_hands_runs_over(restart, openai_provider):
    locum = restart(SHUTDOWN_GRACE="300")
    openai_provider.upstream.script({"fault": "stall", "after": 3})
    run = begin_run(locum, openai_provider.model)
    wait_until(lambda: look(locum, run, "/steps")["data"], what="the first step")
    begun = time.monotonic()
    locum.signal(signal.SIGTERM)
    assert locum.exit_code(5) in (0, 3)
    assert time.monotonic() - begun < 4
    openai_provider.upstream.script(openai_provider.text_stream("From the next one."))
    locum = restart()
    wait_until(lambda: look(locum, run)["status"] == "completed", what="the run's end")


def test_two_do_not_serve_one_folder(restart, tmp_path):
    restart()
    with pytest.raises(AssertionError) as refused:
        restart()
    assert str(tmp_path / "data") in str(refused.value)


def test_a_wrong_place_for_data_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "run"
    folder.mkdir()
    for settings in (
        {"DATA_DIR": str(tmp_path / "file" / "data")},
        {"DATABASE_URL": "mysql://somewhere"},
        {"STORAGE_URL": "ftp://somewhere"},
    ):
        ((name, value),) = settings.items()
        locum = Locum(folder, wait=False, PROVIDER_REHEARSAL_ENABLED="true", **settings)
        assert locum.exit_code(5) in (1, 2)
        lines = [line for line in locum.output.splitlines() if line]
        assert len(lines) == 1 and value in lines[0], locum.output


def test_the_log_tells_transitions_and_no_prompt(restart, openai_provider):
    locum = restart()
    openai_provider.upstream.script(openai_provider.text_stream("A secret answer."))
    run = begin_run(locum, openai_provider.model, instructions="A secret instruction.")
    wait_until(lambda: look(locum, run)["status"] == "completed", what="the run's end")

    def transitions() -> list[str]:
        return [line["to"] for line in locum.log_lines if line.get("run") == run["id"] and "to" in line]

    wait_until(lambda: transitions() == ["queued", "in_progress", "completed"], what="the log's lines")
    assert "secret" not in locum.output
    assert locum.metric("locum_runs_total", status="completed") == 1


class TestGarbage:
    def test_what_nobody_needs_goes(self, restart, tmp_path):
        key = {"authorization": "Bearer gc-key-0123456789"}
        locum = restart(GC_ADMIN_KEY="gc-key-0123456789")
        with locum.client() as client:
            thread = client.beta.threads.create(messages=[{"role": "user", "content": str(n)} for n in range(50)])
            kept = client.files.create(file=("kept", b"k" * 1000), purpose="assistants")
            assistant = client.beta.assistants.create(model="gpt-4.1-mini")
            client.beta.threads.delete(thread.id)
            client.beta.assistants.delete(assistant.id)
        blob = next(path for path in (tmp_path / "data").rglob("*") if path.name == kept.id)
        orphan = blob.parent.with_name("file-orph") / "file-orphan000000000000000000"
        orphan.parent.mkdir()
        orphan.write_bytes(b"o" * 500)
        os.utime(orphan, (time.time() - 7200, time.time() - 7200))
        young = blob.with_name("file-young0000000000000000000")
        young.write_bytes(b"y")
        rehearsed = locum.http.post("/admin/gc?dry_run=true", headers=key).json()
        assert (rehearsed["dry_run"], rehearsed["orphaned_blobs"], rehearsed["freed_bytes"]) == (True, 1, 500)
        assert orphan.exists()
        collected = locum.http.post("/admin/gc", headers=key).json()
        assert collected == rehearsed | {"dry_run": False}
        assert collected["deleted_rows"]["total"] == 52
        assert not orphan.exists() and young.exists() and blob.exists()
        again = locum.http.post("/admin/gc", headers=key).json()
        assert (again["deleted_rows"]["total"], again["orphaned_blobs"]) == (0, 0)

    def test_it_needs_its_key(self, restart):
        locum = restart(GC_ADMIN_KEY="gc-key-0123456789")
        assert locum.http.post("/admin/gc").status_code == 401
        locum.stop()
        locum = restart()
        refused = locum.http.post("/admin/gc")
        assert refused.status_code == 404
