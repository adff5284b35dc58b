"""A project's object: restarted, woken twice, without its bucket, expiring, collecting; and what is told of it."""

import json
import os
import signal
import time

import openai
import pytest
from harness.process import wait_until
from harness.server import Locum, routed_to

GC = {"authorization": "Bearer gc-key-0123456789"}
ENDED = {"completed", "failed", "cancelled", "expired", "incomplete"}


@pytest.fixture
def trial(start, openai_upstream, gemini_upstream):
    """Starts a Worker that can be broken; `data` is kept over the next start."""

    def start_with(**settings: str) -> Locum:
        routes = routed_to(openai_upstream.url, gemini_upstream.url)
        return start(**routes, LOCUM_TRIAL="true", GC_ADMIN_KEY="gc-key-0123456789", **settings)

    return start_with


def begin(locum: Locum, model: str, stream: bool = False, **more):
    """A run, and its thread and assistant with it."""
    runs = locum.client().beta.threads
    assistant = locum.client().beta.assistants.create(model=model)
    thread = {"messages": [{"role": "user", "content": "Hello"}]}
    if stream:
        return runs.create_and_run(assistant_id=assistant.id, thread=thread, stream=True, **more)
    return runs.create_and_run(assistant_id=assistant.id, thread=thread, **more)


def status(locum: Locum, run) -> str:
    return locum.client().beta.threads.runs.retrieve(run.id, thread_id=run.thread_id).status


def said(locum: Locum, thread_id: str) -> list[str]:
    messages = locum.client().beta.threads.messages.list(thread_id, order="asc")
    return ["".join(part.text.value for part in message.content) for message in messages]


def restart_object(locum: Locum):
    """The platform lets go of the object, as it may at any moment; whoever waits for it is told."""
    assert locum.http.get("/.trial/restart").status_code == 500


def test_an_object_that_is_restarted_goes_on_with_its_runs(trial, openai_provider):
    locum = trial()
    openai_provider.upstream.script({"fault": "stall", "after": 3}, openai_provider.text_stream("After ", "it."))
    run = begin(locum, openai_provider.model)
    wait_until(lambda: status(locum, run) == "in_progress" and len(said(locum, run.thread_id)) == 2, what="the answer's begin")
    restart_object(locum)
    wait_until(lambda: status(locum, run) == "completed", 15, "the run's end")
    assert said(locum, run.thread_id) == ["Hello", "After it."]
    assert openai_provider.upstream.asked == 2


def test_its_alarm_goes_on_without_anybody_asking(trial, openai_provider):
    locum = trial()
    openai_provider.upstream.script({"fault": "stall", "after": 3}, openai_provider.text_stream("By itself."))
    run = begin(locum, openai_provider.model)
    wait_until(lambda: openai_provider.upstream.asked == 1, what="the first try")
    restart_object(locum)
    # Nobody asks for anything meanwhile.
    wait_until(lambda: openai_provider.upstream.asked == 2, 20, "the second try")
    wait_until(lambda: status(locum, run) == "completed", what="the run's end")
    assert said(locum, run.thread_id) == ["Hello", "By itself."]


def test_a_stream_out_of_an_object_that_is_gone_ends_with_an_error(trial, openai_provider):
    locum = trial()
    openai_provider.upstream.script({"fault": "stall", "after": 3}, openai_provider.text_stream("Read it later."))
    events = []
    with pytest.raises(openai.APIError) as broken:
        for event in begin(locum, openai_provider.model, stream=True):
            events.append(event)
            if event.event == "thread.message.delta":
                restart_object(locum)
    assert not isinstance(broken.value, openai.APIConnectionError), "an event of the stream, not a broken connection"
    assert "The run goes on" in str(broken.value)
    names = [event.event for event in events]
    assert "thread.run.completed" not in names and "done" not in names
    run = next(event.data for event in events if event.event == "thread.run.created")
    wait_until(lambda: status(locum, run) == "completed", 15, "the run's end")
    assert said(locum, run.thread_id) == ["Hello", "Read it later."]


def test_a_kill_in_the_middle_of_a_run_costs_a_delay(start, openai_provider, tmp_path):
    settings = routed_to(openai_provider.upstream.url) | {"DATA_DIR": str(tmp_path / "data")}
    locum = start(**settings)
    openai_provider.upstream.script({"fault": "stall", "after": 3}, openai_provider.text_stream("Said ", "once."))
    run = begin(locum, openai_provider.model)
    wait_until(lambda: len(said(locum, run.thread_id)) == 2, what="the answer's begin")
    locum.signal(signal.SIGKILL)
    locum.exit_code()
    killed = time.monotonic()
    locum = start(**settings)
    # The alarm fires by itself: nobody has asked for the object yet.
    wait_until(lambda: openai_provider.upstream.asked == 2, 30, "the second try")
    resumed = time.monotonic()
    wait_until(lambda: status(locum, run) == "completed", what="the run's end")
    assert said(locum, run.thread_id) == ["Hello", "Said once."]
    lines = [line for line in locum.log_lines if line.get("run") == run.id]
    assert [line.get("to") for line in lines if "to" in line][-1] == "completed"
    print(f"asked again {resumed - killed:.2f} s after the kill, start included")
    for line in lines:
        print(json.dumps(line))


def test_an_alarm_that_comes_twice_answers_once(trial, openai_provider):
    locum = trial()
    openai_provider.upstream.script(
        {"fault": "stall", "after": 3}, openai_provider.text_stream("One ", "answer.") | {"delay_ms": 200}
    )
    run = begin(locum, openai_provider.model)
    wait_until(lambda: openai_provider.upstream.asked == 1, what="the first try")
    restart_object(locum)
    assert locum.http.get("/.trial/alarms", timeout=60).text == "twice"
    wait_until(lambda: status(locum, run) == "completed", 15, "the run's end")
    assert said(locum, run.thread_id) == ["Hello", "One answer."]
    assert openai_provider.upstream.asked == 2


def test_a_run_that_waits_expires_by_alarm(trial, openai_provider):
    locum = trial(RUN_EXPIRY="2")
    openai_provider.upstream.script(openai_provider.calls_stream(("get_weather", {"city": "Paris"})))
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
    run = begin(locum, openai_provider.model, tools=[tool])
    wait_until(lambda: status(locum, run) == "requires_action", what="the call")
    # Nobody asks for the object meanwhile: its own log says when the run has expired.
    expired = lambda: [line for line in locum.log_lines if line.get("run") == run.id and line.get("to") == "expired"]
    wait_until(expired, 15, "the expiry")
    assert status(locum, run) == "expired"


def test_many_pieces_are_stored_with_few_writes(trial, openai_provider):
    locum = trial()
    count = lambda: int(locum.http.get("/.trial/transactions").text)
    for pieces in (2, 200):
        openai_provider.upstream.script(
            openai_provider.text_stream(*(f"{number} " for number in range(pieces))) | {"delay_ms": 5}
        )
        before = count()
        run = begin(locum, openai_provider.model)
        wait_until(lambda: status(locum, run) == "completed", 20, "the run's end")
        written = count() - before
        print(f"{pieces} pieces: {written} transactions")
        assert written <= 12, "assistant, thread and run, the run's steps to its end, a renewal of its lease"


def test_an_answer_that_is_too_large_to_be_stored_fails_the_run(trial, openai_provider):
    locum = trial()
    answer = openai_provider.text_stream(*("x" * 20_000 for _ in range(600)))
    openai_provider.upstream.script(*[answer] * 20)
    run = begin(locum, openai_provider.model)
    wait_until(lambda: status(locum, run) in ENDED, 60, "the run's end")
    assert status(locum, run) == "failed"
    assert openai_provider.upstream.asked <= 6
    openai_provider.upstream.clear()
    # Its thread is free again, and nothing of it stays behind.
    assert said(locum, run.thread_id) == ["Hello"]


def test_an_object_that_is_too_large_to_be_stored_is_refused(trial):
    locum = trial()
    parts = [{"type": "text", "text": "€" * 250_000} for _ in range(16)]
    with pytest.raises(openai.BadRequestError) as refused:
        locum.client().beta.threads.create(messages=[{"role": "user", "content": parts}])
    assert "larger than this server can store" in str(refused.value)


def test_a_run_does_not_wait_for_a_slow_reader(trial, openai_provider):
    locum = trial()
    openai_provider.upstream.script(openai_provider.text_stream(*(f"{n:04} " + "slow " * 300 for n in range(1000))))
    stream = begin(locum, openai_provider.model, stream=True)
    created = next(event.data for event in stream if event.event == "thread.run.created")
    # Nobody reads on, and the run ends all the same.
    slowest = 0.0
    deadline = time.monotonic() + 20
    while status(locum, created) not in ENDED and time.monotonic() < deadline:
        begun = time.monotonic()
        locum.client().beta.threads.retrieve(created.thread_id)
        slowest = max(slowest, time.monotonic() - begun)
    assert status(locum, created) == "completed"
    assert len(said(locum, created.thread_id)[1]) == 1000 * 1505
    assert slowest < 1
    stream.close()


class TestWithoutR2:
    def test_an_upload_fails_and_leaves_nothing(self, trial):
        locum = trial()
        files = locum.client().files
        kept = files.create(file=("kept", b"k" * 1000), purpose="assistants")
        assert locum.http.get("/.trial/files?are=broken").text == "broken"
        for size in (10, 12_000_000):
            with pytest.raises(openai.InternalServerError) as failed:
                files.create(file=("lost", b"l" * size), purpose="assistants")
            assert "somewhere inside" not in str(failed.value)
        with pytest.raises(openai.InternalServerError):
            files.content(kept.id)
        assert [file.id for file in files.list()] == [kept.id]
        assert any("somewhere inside" in json.dumps(line) for line in locum.log_lines), "the operator is told"
        # What needs no bytes goes on.
        assert locum.client().beta.threads.create().id
        locum.http.get("/.trial/files?are=well")
        assert files.content(kept.id).read() == b"k" * 1000

    def test_a_file_is_deleted_all_the_same(self, trial):
        locum = trial()
        files = locum.client().files
        made = files.create(file=("f", b"x"), purpose="assistants")
        locum.http.get("/.trial/files?are=broken")
        assert files.delete(made.id).deleted
        with pytest.raises(openai.NotFoundError):
            files.retrieve(made.id)


def test_parts_of_any_size_come_back_whole(trial):
    """An upload becomes parts of R2's; its edges are where mistakes are."""
    files = trial().client(timeout=60).files
    part = 5 << 20
    for size in (0, 1, part - 1, part, part + 1, 2 * part, 2 * part + 17):
        content = os.urandom(size)
        made = files.create(file=("f", content), purpose="assistants")
        assert made.bytes == size
        assert files.content(made.id).read() == content


def test_garbage_is_collected_by_cron(trial):
    locum = trial()
    client = locum.client()
    thread = client.beta.threads.create(messages=[{"role": "user", "content": str(number)} for number in range(5)])
    client.beta.threads.delete(thread.id)
    rehearsed = locum.http.post("/admin/gc?dry_run=true", headers=GC).json()
    assert rehearsed["deleted_rows"]["total"] == 6
    assert locum.http.get("/.trial/cron").text == "cron"
    left = lambda: locum.http.post("/admin/gc?dry_run=true", headers=GC).json()["deleted_rows"]["total"]
    wait_until(lambda: left() == 0, what="the collection")


def test_one_data_point_for_each_request_and_each_run(trial, openai_provider):
    locum = trial()
    secret = "a prompt that nobody may keep"
    openai_provider.upstream.script(openai_provider.text("Fine."), openai_provider.text_stream("Good."))
    locum.client().chat.completions.create(
        model=openai_provider.model, messages=[{"role": "user", "content": secret}]
    )
    run = begin(locum, openai_provider.model)
    wait_until(lambda: status(locum, run) == "completed", what="the run's end")

    def points(kind: str) -> list[dict]:
        lines = (line for line in locum.output.splitlines() if line.startswith("POINT "))
        points = (json.loads(line.removeprefix("POINT ")) for line in lines)
        return [point for point in points if point["indexes"] == [kind]]

    (of_run,) = wait_until(lambda: points("run"), what="the run's point")
    assert of_run["blobs"] == ["completed", "", "", "openai", openai_provider.model, "run", ""]
    assert of_run["doubles"][1] > 0 and of_run["doubles"][3:5] == [11, 7]
    chat = [point for point in points("request") if point["blobs"][0] == "/v1/chat/completions"]
    assert len(chat) == 1
    assert chat[0]["blobs"] == [
        "/v1/chat/completions", "POST", "", "openai", openai_provider.model, "chat", "",
    ]
    assert chat[0]["doubles"][0] == 200 and chat[0]["doubles"][3:] == [11, 7, 1]
    routes = [point["blobs"][0] for point in points("request")]
    assert routes.count("/v1/threads/runs") == 1 and routes.count("/v1/assistants") == 1
    assert secret not in locum.output and "Good." not in locum.output


def test_metrics_are_of_both_places(trial, openai_provider):
    locum = trial()
    openai_provider.upstream.script(openai_provider.text_stream("Good."))
    run = begin(locum, openai_provider.model)
    wait_until(lambda: status(locum, run) == "completed", what="the run's end")
    locum.client().models.list()
    assert locum.metric("locum_runs_total", place="object", status="completed") == 1
    assert locum.metric("locum_requests_total", place="front", route="/v1/models") == 1
    assert locum.metric("locum_requests_total", place="object", route="/v1/threads/runs") == 1
    assert locum.metric("locum_requests_total", place="front", route="/v1/threads/runs") == 0


def test_the_rate_limit_is_one_for_all_places(trial):
    locum = trial(ENABLE_RATE_LIMIT="true", RATE_LIMIT_REQUESTS="4")
    # The front answers the first and the third, the object the others.
    paths = ["/v1/models", "/v1/threads", "/v1/models", "/v1/threads", "/v1/models", "/v1/threads"]
    answers = [locum.http.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    remaining = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert remaining == ["3", "2", "1", "0", "0", "0"]
    # It holds although the object and its memory are new.
    restart_object(locum)
    assert locum.http.get("/v1/threads").status_code == 429


def test_what_the_object_is_asked_by_the_front_nobody_asks_from_outside(trial):
    locum = trial()
    for path in ("/.object/check", "/.object/collect", "/.object/metrics", "//.object/check", "/v1/threads/../../.object/check"):
        assert locum.http.get(path).status_code == 404, path


def test_wrong_settings_are_told_to_the_operator_alone(start):
    locum = start(wait=False, PROVIDER_REHEARSAL_ENABLED="true", API_KEY="two words", RATE_LIMIT_REQUESTS="many")
    answer = wait_until(lambda: asked(locum), 15, "an answer")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "misconfigured"
    assert "RATE_LIMIT_REQUESTS" not in answer.text and "API_KEY" not in answer.text
    wait_until(lambda: "API_KEY" in locum.output, what="the log's line")
    assert "two words" not in locum.output


def asked(locum: Locum):
    try:
        return locum.http.get("/v1/models")
    except Exception:
        return None


def test_a_body_beyond_the_limit_is_413(trial):
    locum = trial(MAX_BODY_BYTES="1MiB", MAX_FILE_BYTES="2MB")
    body = b'{"messages": [{"role": "user", "content": "' + b"x" * (2 << 20) + b'"}]}'
    answer = locum.http.post("/v1/threads", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    with pytest.raises(openai.APIStatusError) as refused:
        locum.client().files.create(file=("large", b"x" * 3_000_000), purpose="assistants")
    assert refused.value.status_code == 413
    assert locum.client().files.list().data == []
