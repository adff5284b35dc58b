"""Assistants where it gets hard: what is large, what is wrong, what fails, and what happens at the same time."""

import concurrent.futures
import json
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time
from typing import Any, Iterator

import pytest
from harness.dialects import Dialect
from harness.hosts import ALONE
from harness.process import wait_until
from harness.server import Locum, routed_to

from test_run_streams import frames, stream
from test_runs import CALLS, WEATHER

PROMPT = "one two three four five six seven eight"
ENDED = {"completed", "failed", "cancelled", "incomplete", "expired"}
ERROR_KEYS = {"message", "type", "param", "code"}


@pytest.fixture(autouse=True)
def never_a_conflict(shared_locum):
    """409 is no answer of OpenAI's: the SDKs would try again."""
    yield
    assert shared_locum.metric("locum_http_requests_total", status="409") == 0


def routed(provider: Dialect) -> dict[str, str]:
    """The settings that know this provider alone."""
    return routed_to(**{f"{provider.name}_url": provider.upstream.url})


def make_assistant(locum: Locum, provider: Dialect, **more: Any) -> str:
    answer = locum.post("/v1/assistants", {"model": provider.model} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def make_thread(locum: Locum, *texts: str) -> str:
    messages = [{"role": "user", "content": text} for text in texts]
    answer = locum.post("/v1/threads", {"messages": messages})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def begin(locum: Locum, thread: str, assistant: str, **more: Any) -> str:
    """The path of a new run."""
    answer = locum.post(f"/v1/threads/{thread}/runs", {"assistant_id": assistant} | more)
    assert answer.status_code == 200, answer.text
    return f"/v1/threads/{thread}/runs/{answer.json()['id']}"


def look(locum: Locum, path: str) -> dict[str, Any]:
    return locum.http.get(path).raise_for_status().json()


def settled(locum: Locum, path: str, within: float = 10) -> dict[str, Any]:
    """The run once it has ended or waits for outputs."""

    def run():
        found = look(locum, path)
        return found if found["status"] in ENDED | {"requires_action"} else None

    return wait_until(run, within, "the run's end")


def newest_text(locum: Locum, thread: str) -> str:
    return look(locum, f"/v1/threads/{thread}/messages?limit=1")["data"][0]["content"][0]["text"]["value"]


def check_error(answer, *statuses: int):
    assert answer.status_code in statuses, (answer.request.method, str(answer.request.url)[:200], answer.text[:300])
    assert set(answer.json()["error"]) == ERROR_KEYS
    assert len(answer.content) < 2000


def in_parallel(count: int, act) -> list:
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


class TestLarge:
    def test_a_thread_of_ten_thousand_messages(self, locum, provider):
        texts = [f"{n:05} " + "some words " * 50 for n in range(10_000)]
        thread = make_thread(locum, *texts)
        path = begin(locum, thread, make_assistant(locum, provider))
        assert settled(locum, path, 20)["status"] == "completed"
        sent = provider.upstream.last
        turns = sent["messages"] if provider.name == "openai" else sent["contents"]
        said = json.dumps(turns)
        first = next(n for n in range(10_000) if f"{n:05} some" in said)
        assert 0 < first < 9_000, "what does not fit is left out, and no more than that"
        assert all(f"{n:05} some" in said for n in range(first, 10_000, 97)) and "09999 some" in said
        assert len(said) / 4 < 1_100_000
        seen, after, begun = [], "", time.monotonic()
        while page := look(locum, f"/v1/threads/{thread}/messages?limit=100&order=asc{after}"):
            seen += [message["content"][0]["text"]["value"] for message in page["data"]]
            after = f"&after={page['last_id']}"
            if not page["has_more"]:
                break
        assert seen[:-1] == texts
        assert time.monotonic() - begun < 10

    def test_a_message_as_long_as_it_may_be(self, locum, provider):
        text = "ä" * 255_999 + "Ω"
        thread = make_thread(locum, text)
        provider.upstream.script(provider.text_stream("Long."))
        assert settled(locum, begin(locum, thread, make_assistant(locum, provider)))["status"] == "completed"
        assert text in json.dumps(provider.upstream.last, ensure_ascii=False)
        assert newest_text(locum, thread) == "Long."

    def test_128_tools(self, locum, provider):
        tools = [{"type": "function", "function": WEATHER["function"] | {"name": f"weather_{n}"}} for n in range(128)]
        assistant = make_assistant(locum, provider, tools=tools)
        provider.upstream.script(provider.calls_stream(("weather_127", {"city": "Paris"})))
        run = settled(locum, begin(locum, make_thread(locum, "x"), assistant))
        (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        assert call["function"]["name"] == "weather_127"
        assert all(f'"weather_{n}"' in json.dumps(provider.upstream.last) for n in range(128))
        refused = locum.post("/v1/assistants", {"model": provider.model, "tools": [*tools, WEATHER]})
        check_error(refused, 400)
        assert refused.json()["error"]["param"] == "tools"

    def test_as_many_parallel_calls(self, locum, provider):
        cities = [f"City {n}" for n in range(128)]
        provider.upstream.script(provider.calls_stream(*(("weather", {"city": city}) for city in cities)))
        path = begin(locum, make_thread(locum, "x"), make_assistant(locum, provider, tools=[WEATHER]))
        calls = settled(locum, path)["required_action"]["submit_tool_outputs"]["tool_calls"]
        assert [json.loads(call["function"]["arguments"])["city"] for call in calls] == cities
        outputs = [{"tool_call_id": call["id"], "output": "x" * 1000} for call in calls]
        assert locum.post(f"{path}/submit_tool_outputs", {"tool_outputs": outputs}).status_code == 200
        assert settled(locum, path)["status"] == "completed"

    def test_metadata_at_its_limits(self, locum, openai_provider):
        full = {f"ü{n:063}": "ü" * 512 for n in range(16)}
        assistant = make_assistant(locum, openai_provider)
        thread = make_thread(locum, "x")
        message = look(locum, f"/v1/threads/{thread}/messages")["data"][0]["id"]
        run = begin(locum, thread, assistant)
        settled(locum, run)
        for path in (f"/v1/assistants/{assistant}", f"/v1/threads/{thread}", f"/v1/threads/{thread}/messages/{message}", run):
            assert locum.post(path, {"metadata": full}).json()["metadata"] == full
            for wrong in (full | {"more": ""}, {"k" * 65: ""}, {"k": "v" * 513}, {"k": 1}, ["k"], "k"):
                refused = locum.post(path, {"metadata": wrong})
                check_error(refused, 400)
                assert refused.json()["error"]["param"].startswith("metadata")
            assert look(locum, path)["metadata"] == full


ROUTES = [
    ("GET", "/v1/assistants/{assistant}", None),
    ("POST", "/v1/assistants/{assistant}", {"metadata": {"changed": "yes"}}),
    ("DELETE", "/v1/assistants/{assistant}", None),
    ("GET", "/v1/threads/{thread}", None),
    ("POST", "/v1/threads/{thread}", {"metadata": {"changed": "yes"}}),
    ("DELETE", "/v1/threads/{thread}", None),
    ("GET", "/v1/threads/{thread}/messages", None),
    ("POST", "/v1/threads/{thread}/messages", {"role": "user", "content": "changed"}),
    ("GET", "/v1/threads/{thread}/messages/{message}", None),
    ("POST", "/v1/threads/{thread}/messages/{message}", {"metadata": {"changed": "yes"}}),
    ("DELETE", "/v1/threads/{thread}/messages/{message}", None),
    ("GET", "/v1/threads/{thread}/runs", None),
    ("POST", "/v1/threads/{thread}/runs", {"assistant_id": "{assistant}"}),
    ("GET", "/v1/threads/{thread}/runs/{run}", None),
    ("POST", "/v1/threads/{thread}/runs/{run}", {"metadata": {"changed": "yes"}}),
    ("POST", "/v1/threads/{thread}/runs/{run}/cancel", {}),
    ("POST", "/v1/threads/{thread}/runs/{run}/submit_tool_outputs", {"tool_outputs": []}),
    ("GET", "/v1/threads/{thread}/runs/{run}/steps", None),
    ("GET", "/v1/threads/{thread}/runs/{run}/steps/{step}", None),
    ("GET", "/v1/files/{file}", None),
    ("DELETE", "/v1/files/{file}", None),
    ("GET", "/v1/files/{file}/content", None),
]
TRICKS = [
    "..%2F..%2F..%2Fetc%2Fpasswd",
    "%2e%2e",
    "%2e%2e%5c%2e%2e",
    "%00",
    "'%20OR%20'1'='1",
    "%25s%25n",
    "a" * 5000,
    "%F0%9F%99%82",
    "%0d%0aset-cookie:%20a=b",
    "null",
]


class TestIds:
    @pytest.fixture
    def objects(self, locum, openai_provider) -> dict[str, str]:
        """One object of each kind that is there."""
        return self.make(locum, openai_provider)

    def make(self, locum: Locum, provider: Dialect) -> dict[str, str]:
        ids = {"assistant": make_assistant(locum, provider), "thread": make_thread(locum, "x")}
        ids["message"] = look(locum, f"/v1/threads/{ids['thread']}/messages")["data"][0]["id"]
        run = begin(locum, ids["thread"], ids["assistant"])
        settled(locum, run)
        ids["run"] = run.rsplit("/", 1)[1]
        ids["step"] = look(locum, f"{run}/steps")["data"][0]["id"]
        form = {"files": {"file": ("f", b"content")}, "data": {"purpose": "assistants"}}
        ids["file"] = locum.http.post("/v1/files", **form).json()["id"]
        return ids

    def test_what_is_no_id_of_the_kind_is_not_found(self, locum, openai_provider, objects):
        gone = self.make(locum, openai_provider)
        for path in (f"/v1/assistants/{gone['assistant']}", f"/v1/threads/{gone['thread']}", f"/v1/files/{gone['file']}"):
            assert locum.http.delete(path).json()["deleted"] is True
        of_another_thread = self.make(locum, openai_provider)
        paths = sorted({template.format(**objects) for method, template, _ in ROUTES if method == "GET"})
        before = {path: locum.http.get(path).text for path in paths}
        asked = openai_provider.upstream.asked
        count = 0
        for method, template, body in ROUTES:
            kinds = [part.strip("{}") for part in template.split("/") if part.startswith("{")]
            body = None if body is None else json.loads(json.dumps(body).replace("{assistant}", objects["assistant"]))
            for kind in kinds:
                wrong = [*TRICKS, gone[kind], *(id for other, id in objects.items() if other != kind)]
                wrong += [objects[kind] + "0", objects[kind][:-1], objects[kind].upper(), objects[kind] + "%20"]
                if kind in ("message", "run", "step"):
                    wrong.append(of_another_thread[kind])
                for id in wrong:
                    path = template.format(**(objects | {kind: id}))
                    check_error(locum.http.request(method, path, json=body), 404)
                    count += 1
        assert count > 600
        check_error(locum.http.get("/v1/threads/%ff"), 400, 404)
        assert {path: locum.http.get(path).text for path in paths} == before
        assert openai_provider.upstream.asked == asked

    def test_wrong_bodies(self, locum, openai_provider, objects):
        bodies = {
            "an array": b"[]",
            "null": b"null",
            "a number": b"17",
            "a text": b'"x"',
            "invalid UTF-8": b'{"metadata":{"k":"\xff\xfe"}}',
            "half": b'{"metadata":{',
            "brackets": b"[" * 100_000,
            "brackets in a field": b'{"metadata":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "braces": b'{"a":' * 100_000,
            "nothing": b"",
        }
        takes_nothing = {"/v1/threads", "/v1/threads/{thread}", "/v1/threads/{thread}/messages/{message}"}
        takes_nothing |= {"/v1/assistants/{assistant}", "/v1/threads/{thread}/runs/{run}"}
        posts = [template for method, template, _ in ROUTES if method == "POST"]
        for template in ["/v1/assistants", "/v1/threads", "/v1/threads/runs", "/v1/files", *posts]:
            for name, body in bodies.items():
                begun = time.monotonic()
                headers = {"content-type": "application/json"} | ALONE
                answer = locum.http.post(template.format(**objects), content=body, headers=headers)
                if name == "nothing" and template in takes_nothing and answer.status_code == 200:
                    continue
                check_error(answer, 400)
                assert time.monotonic() - begun < 1


def test_a_body_that_nobody_reads_is_told_of(locum):
    """The connection cannot go on after it; a client that is not told would send its next request there."""
    for path in ("/v1/files", "/v1/threads/thread_x/runs/run_x/cancel"):
        answer = locum.http.post(path, content=b"x" * 200_000, headers={"content-type": "text/plain"})
        check_error(answer, 400, 404)
        assert answer.headers.get("connection") == "close"
    for content in (b"{}", (piece for piece in (b"{", b"}"))):
        answer = locum.http.post("/v1/threads", content=content)
        assert answer.status_code == 200 and "connection" not in answer.headers


@pytest.fixture
def small_disk(tmp_path) -> Iterator[pathlib.Path]:
    """A file system of some MB with a ballast in it, whose removal makes room."""
    mount = tmp_path / "disk"
    mount.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as refused:
        pytest.skip(f"NO FULL DISK WAS TESTED: this user may not mount a small file system ({refused})")
    try:
        (mount / "ballast").write_bytes(b"b" * 2_000_000)
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", mount], check=True)


class TestFullDisk:
    @pytest.fixture
    def cramped(self, small_disk, start, openai_provider) -> Iterator[Locum]:
        locum = start(**routed(openai_provider), DATA_DIR=str(small_disk / "data"))
        yield locum
        locum.stop()

    def test_messages(self, cramped, small_disk, start, openai_provider):
        assistant = make_assistant(cramped, openai_provider)
        thread, other = make_thread(cramped), make_thread(cramped, "x")
        path = f"/v1/threads/{thread}/messages"
        kept, refused = [], 0
        for size in (20_000, 1_000, 1):
            for n in range(2_000):
                text = f"{size}-{n} " + "m" * size
                answer = cramped.post(path, {"role": "user", "content": text})
                if answer.status_code != 200:
                    check_error(answer, 500)
                    refused += 1
                    break
                kept.append(text)
        assert refused == 3 and len(kept) > 20
        check_error(cramped.post(f"/v1/threads/{other}/runs", {"assistant_id": assistant}), 500)

        def health() -> dict | None:
            answer = cramped.http.get("/health")
            return answer.json() if answer.status_code == 503 else None

        assert wait_until(health, 5, "/health's notice")["storage"] == {"status": "down"}
        assert self.texts(cramped, path) == kept
        (small_disk / "ballast").unlink()
        assert cramped.post(path, {"role": "user", "content": "There is room."}).status_code == 200
        kept.append("There is room.")
        wait_until(lambda: cramped.http.get("/health").status_code == 200, 5, "/health's good news")
        run = begin(cramped, other, assistant)
        assert settled(cramped, run)["status"] == "completed"
        assert cramped.stop() == 0
        with sqlite3.connect(small_disk / "data" / "locum.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
        with start(**routed(openai_provider), DATA_DIR=str(small_disk / "data")) as again:
            assert self.texts(again, path) == kept

    def texts(self, locum: Locum, path: str) -> list[str]:
        texts, after = [], ""
        for _ in range(100):
            page = look(locum, f"{path}?limit=100&order=asc{after}")
            texts += [message["content"][0]["text"]["value"] for message in page["data"]]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        return texts

    def test_an_upload(self, cramped, small_disk):
        def upload(size: int):
            form = {"files": {"file": ("f", b"u" * size)}, "data": {"purpose": "assistants"}}
            return cramped.http.post("/v1/files", **form)

        kept = upload(100_000).json()["id"]
        check_error(upload(5_000_000), 500)
        assert [file["id"] for file in look(cramped, "/v1/files")["data"]] == [kept]
        assert cramped.http.get(f"/v1/files/{kept}/content").content == b"u" * 100_000
        assert not list((small_disk / "data" / "files" / ".incoming").iterdir()), "the half of it gives its room back"
        (small_disk / "ballast").unlink()
        large = upload(1_000_000).json()
        assert large["bytes"] == len(cramped.http.get(f"/v1/files/{large['id']}/content").content) == 1_000_000

    def test_a_run_at_work(self, cramped, small_disk, openai_provider):
        thread = make_thread(cramped, PROMPT)
        assistant = make_assistant(cramped, openai_provider)
        openai_provider.upstream.script(openai_provider.text_stream("Too late.") | {"delay_ms": 500})
        path = begin(cramped, thread, assistant)
        with open(small_disk / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"f" * 512):
                    pass
            except OSError:
                pass
        for _ in range(50):
            if cramped.post("/v1/threads", {"messages": [{"role": "user", "content": "m" * 1000}]}).status_code != 200:
                break
        time.sleep(0.7)
        assert look(cramped, path)["status"] in ("queued", "in_progress", "failed")
        (small_disk / "filler").unlink()
        run = settled(cramped, path, 25)
        assert run["status"] in ("completed", "failed")
        begin(cramped, thread, assistant)


class Reader:
    """A client that watches a run on a socket of its own, and reads when it likes."""

    def __init__(self, locum: Locum, path: str, body: dict[str, Any], receive_buffer: int | None = None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", locum.port))
        content = json.dumps(body | {"stream": True}).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {locum.key}\r\ncontent-type: application/json\r\n"
        self.socket.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)

    def until(self, mark: bytes) -> bytes:
        """What comes up to `mark`, or up to the answer's end."""
        received = bytearray()
        try:
            while mark not in received and not received.endswith(b"\r\n0\r\n\r\n") and (data := self.socket.recv(1 << 20)):
                received += data
        except ConnectionResetError:
            pass
        return bytes(received)


def test_a_slow_reader_hurts_nobody(start, openai_provider):
    locum = start(**routed(openai_provider), REQUEST_TIMEOUT="20000")
    thread, assistant = make_thread(locum, "x"), make_assistant(locum, openai_provider)
    pieces = [f"{n:04} " + "slow " * 4_000 for n in range(600)]
    openai_provider.upstream.script(openai_provider.text_stream(*pieces) | {"delay_ms": 100})
    before = locum.rss_bytes
    reader = Reader(locum, f"/v1/threads/{thread}/runs", {"assistant_id": assistant}, 4096)
    run = wait_until(lambda: look(locum, f"/v1/threads/{thread}/runs")["data"], what="the run")[0]
    slowest, peak = 0.0, 0
    deadline = time.monotonic() + 20
    while look(locum, f"/v1/threads/{thread}/runs/{run['id']}")["status"] not in ENDED and time.monotonic() < deadline:
        begun = time.monotonic()
        assert locum.http.get(f"/v1/threads/{thread}").status_code == 200
        slowest, peak = max(slowest, time.monotonic() - begun), max(peak, locum.rss_bytes)
    assert look(locum, f"/v1/threads/{thread}/runs/{run['id']}")["status"] == "completed"
    assert newest_text(locum, thread) == "".join(pieces)
    assert slowest < 0.5
    assert peak - before < 128 << 20
    seen = reader.until(b"event: done")
    assert b"event: done" not in seen and b"thread.run.completed" not in seen
    assert b"event: thread.message.delta" in seen and b"event: error" in seen


BEFORE = [
    {"status": 500},
    {"status": 503},
    {"status": 429},
    {"fault": "refuse_reset"},
    {"fault": "silent"},
    {"fault": "html"},
    {"fault": "broken_json"},
    *({"fault": fault, "after": 0} for fault in ("cut", "stall", "truncate", "malformed_chunk", "error_chunk")),
]
WITHIN = [{"fault": fault, "after": 3} for fault in ("cut", "stall", "truncate", "malformed_chunk", "error_chunk")]


class TestUpstreamFaults:
    @pytest.fixture
    def alone(self, start, provider) -> Locum:
        """This provider alone, asked once."""
        return start(**routed(provider), PROVIDER_MAX_RETRIES="0", PROVIDER_TIMEOUT="400")

    def calm(self, locum: Locum, assistant: str):
        """A run that goes well, so that no circuit opens."""
        run = settled(locum, begin(locum, make_thread(locum, "x"), assistant, tools=[]))
        assert run["status"] == "completed", run

    def check_failed(self, events: list[tuple[str, str]], behaviour: dict[str, Any]):
        run = json.loads(events[-2][1])
        code = "rate_limit_exceeded" if behaviour.get("status") == 429 else "server_error"
        assert (run["status"], run["last_error"]["code"]) == ("failed", code), behaviour
        assert run["last_error"]["message"] and run["failed_at"]

    def test_before_the_answer(self, alone, provider):
        assistant = make_assistant(alone, provider)
        for behaviour in BEFORE:
            self.calm(alone, assistant)
            thread = make_thread(alone, PROMPT)
            provider.upstream.script(behaviour)
            events = stream(alone, f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
            names = [name.removeprefix("thread.run.") for name, _ in events]
            assert names == ["created", "queued", "in_progress", "failed", "done"], behaviour
            self.check_failed(events, behaviour)
            assert alone.post(f"/v1/threads/{thread}/messages", {"role": "user", "content": "y"}).status_code == 200

    def test_in_a_text(self, alone, provider):
        assistant = make_assistant(alone, provider)
        for behaviour in WITHIN:
            self.calm(alone, assistant)
            thread = make_thread(alone, PROMPT)
            provider.upstream.script(behaviour)
            events = stream(alone, f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
            if self.went_unseen(events, behaviour):
                continue
            self.check_failed_in_text(events, behaviour)
            (message,) = look(alone, f"/v1/threads/{thread}/messages?limit=1")["data"]
            assert message["status"] == "incomplete" and message["content"][0]["text"]["value"] in f"echo: {PROMPT}"

    def went_unseen(self, events: list[tuple[str, str]], behaviour: dict[str, Any]) -> bool:
        """Whether the beginning of the answer got lost together with the connection, or was not shown yet when the fault
        came: the run then asks again, and its watcher is none the wiser. One that stalls is seen in any case."""
        names = [name for name, _ in events]
        if names[-2] != "thread.run.completed":
            return False
        assert behaviour.get("fault") != "stall"
        assert names.count("thread.run.step.created") == names.count("thread.run.step.in_progress") == 1
        assert names[-4:-2] == ["thread.message.completed", "thread.run.step.completed"]
        return True

    def check_failed_in_text(self, events: list[tuple[str, str]], behaviour: dict[str, Any]):
        names = [name for name, _ in events]
        ending = ["thread.message.incomplete", "thread.run.step.failed", "thread.run.failed", "done"]
        assert names[-4:] == ending, (behaviour, names)
        self.check_failed(events, behaviour)
        message, step, _ = (json.loads(data) for _, data in events[-4:-1])
        deltas = [json.loads(data) for name, data in events if name == "thread.message.delta"]
        shown = "".join(delta["delta"]["content"][0]["text"]["value"] for delta in deltas)
        assert shown and message["content"][0]["text"]["value"] == shown
        assert message["incomplete_details"] == {"reason": "run_failed"} and message["incomplete_at"]
        assert step["last_error"]["code"] == "server_error" and step["failed_at"]

    def test_in_the_arguments_of_a_call(self, alone, provider):
        assistant = make_assistant(alone, provider, tools=[WEATHER])
        begun = provider.calls_stream(*CALLS)["chunks"][: 3 if provider.name == "openai" else 1]
        garbage = ["", 'data: {"choices": [{"ind\n\n', "data: <html>\n\n", "\x00\x01\x02\n\n", "data: []\n\n"]
        # Gemini's calls come whole, so that there is no middle to stall in.
        stalled = {"fault": "stall", "after": 3}
        stalls = [stalled] if provider.name == "openai" else []
        for behaviour in [*({"chunks": [*begun, text]} for text in garbage), *stalls]:
            self.calm(alone, assistant)
            thread = make_thread(alone, PROMPT)
            provider.upstream.script(behaviour)
            body = {"assistant_id": assistant, "tool_choice": "required" if behaviour == stalled else "auto"}
            events = stream(alone, f"/v1/threads/{thread}/runs", body)
            if self.went_unseen(events, behaviour):
                continue
            names = [name for name, _ in events]
            assert names[-3:] == ["thread.run.step.failed", "thread.run.failed", "done"], (behaviour, names)
            assert not [name for name in names if "message" in name or "requires_action" in name]
            self.check_failed(events, behaviour)
            run = look(alone, f"/v1/threads/{thread}/runs")["data"][0]
            assert run["required_action"] is None
            (step,) = look(alone, f"/v1/threads/{thread}/runs/{run['id']}/steps")["data"]
            assert (step["type"], step["status"]) == ("tool_calls", "failed")

    def test_after_the_outputs(self, alone, provider):
        assistant = make_assistant(alone, provider, tools=[WEATHER])
        for behaviour in ({"status": 500}, {"fault": "silent"}, *WITHIN):
            self.calm(alone, assistant)
            thread = make_thread(alone, PROMPT)
            provider.upstream.script(provider.calls_stream(*CALLS), behaviour)
            path = begin(alone, thread, assistant)
            calls = settled(alone, path)["required_action"]["submit_tool_outputs"]["tool_calls"]
            outputs = [{"tool_call_id": call["id"], "output": PROMPT} for call in calls]
            events = stream(alone, f"{path}/submit_tool_outputs", {"tool_outputs": outputs})
            names = [name for name, _ in events]
            assert names[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
            if "after" in behaviour:
                if not self.went_unseen(events, behaviour):
                    self.check_failed_in_text(events, behaviour)
            else:
                assert names[3:] == ["thread.run.failed", "done"], behaviour
                self.check_failed(events, behaviour)

    def test_what_nobody_watches_is_tried_again(self, start, provider):
        locum = start(**routed(provider), PROVIDER_MAX_RETRIES="1", PROVIDER_TIMEOUT="400")
        assistant = make_assistant(locum, provider)
        for behaviour in [{"status": 503}, {"fault": "refuse_reset"}, {"fault": "silent"}, *WITHIN]:
            self.calm(locum, assistant)
            thread = make_thread(locum, PROMPT)
            provider.upstream.script(behaviour, provider.text_stream("Second ", "try."))
            run = settled(locum, begin(locum, thread, assistant))
            assert run["status"] == "completed", (behaviour, run["last_error"])
            messages = look(locum, f"/v1/threads/{thread}/messages")["data"]
            assert [message["content"][0]["text"]["value"] for message in messages] == ["Second try.", PROMPT], behaviour

    def test_what_nobody_watches_is_had_elsewhere(self, start, openai_provider, gemini_provider):
        urls = openai_provider.upstream.url, gemini_provider.upstream.url
        locum = start(**routed_to(*urls), PROVIDER_MAX_RETRIES="0", PROVIDER_TIMEOUT="400")
        for first, second in ((openai_provider, gemini_provider), (gemini_provider, openai_provider)):
            assistant = make_assistant(locum, first)
            for behaviour in [*BEFORE, *WITHIN]:
                self.calm(locum, assistant)
                thread = make_thread(locum, PROMPT)
                first.upstream.script(behaviour)
                second.upstream.script(second.text_stream("From ", "elsewhere."))
                path = begin(locum, thread, assistant)
                run = settled(locum, path)
                assert run["status"] == "completed", (behaviour, run["last_error"])
                assert newest_text(locum, thread) == "From elsewhere.", behaviour
                (step,) = look(locum, f"{path}/steps")["data"]
                assert (step["metadata"]["locum_provider"], step["metadata"]["locum_fallback"]) == (second.name, "true")


class TestRaces:
    def test_outputs_eight_times(self, locum, provider):
        assistant = make_assistant(locum, provider, tools=[WEATHER])
        for _ in range(5):
            provider.upstream.script(provider.calls_stream(*CALLS), provider.text_stream("Once."))
            thread = make_thread(locum, "x")
            path = begin(locum, thread, assistant)
            calls = settled(locum, path)["required_action"]["submit_tool_outputs"]["tool_calls"]
            outputs = [{"tool_call_id": call["id"], "output": "x"} for call in calls]
            answers = in_parallel(8, lambda _: locum.post(f"{path}/submit_tool_outputs", {"tool_outputs": outputs}))
            assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
            assert settled(locum, path)["status"] == "completed"
            messages = look(locum, f"/v1/threads/{thread}/messages")["data"]
            assert [message["content"][0]["text"]["value"] for message in messages] == ["Once.", "x"]

    def test_cancelling_at_the_end(self, locum, provider):
        assistant = make_assistant(locum, provider)
        for n in range(24):
            thread = make_thread(locum, "x")
            provider.upstream.script(provider.text_stream("a", "b") | {"delay_ms": n % 12})
            path = begin(locum, thread, assistant)
            answers = in_parallel(3, lambda _: locum.post(f"{path}/cancel", {}))
            codes = {answer.status_code for answer in answers}
            assert codes <= {200, 400}
            run = settled(locum, path)
            assert run["status"] in ("cancelled", "completed")
            assert 200 in codes or run["status"] == "completed", "nobody else cancels"
            provider.upstream.clear()
            assert locum.post(f"/v1/threads/{thread}/messages", {"role": "user", "content": "y"}).status_code == 200

    @pytest.mark.parametrize("watched", [False, True], ids=["polled", "watched"])
    def test_a_thread_is_deleted_under_its_run(self, start, provider, watched):
        locum = start(**routed(provider))
        assistant, thread = make_assistant(locum, provider), make_thread(locum, PROMPT)
        provider.upstream.script({"fault": "stall", "after": 3})
        runs = f"/v1/threads/{thread}/runs"
        if watched:
            reader = Reader(locum, runs, {"assistant_id": assistant})
            reader.until(b"thread.message.delta")
        else:
            begin(locum, thread, assistant)
        path = f"{runs}/{wait_until(lambda: look(locum, runs)['data'])[0]['id']}"
        wait_until(lambda: look(locum, f"{path}/steps")["data"], what="the first step")
        assert locum.http.delete(f"/v1/threads/{thread}").json()["deleted"] is True
        for gone in (f"/v1/threads/{thread}", runs, path, f"{path}/steps", f"/v1/threads/{thread}/messages"):
            check_error(locum.http.get(gone), 404)
        provider.upstream.wait_for_hangup()
        if watched:
            assert b"thread.run.completed" not in reader.until(b"event: done")
        assert not [line for line in locum.log_lines if line["level"].lower() == "error"]
        thread = make_thread(locum, "x")
        assert settled(locum, begin(locum, thread, assistant))["status"] == "completed"


class TestStopping:
    def test_a_watched_run_is_shown_to_its_end(self, start, provider):
        locum = start(**routed(provider), SHUTDOWN_GRACE="8000")
        assistant, thread = make_assistant(locum, provider), make_thread(locum, "x")
        provider.upstream.script(provider.text_stream("To ", "the ", "end.") | {"delay_ms": 1000})
        reader = Reader(locum, f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
        reader.until(b"event: thread.run.in_progress")
        begun = time.monotonic()
        locum.signal(signal.SIGTERM)
        seen = reader.until(b"event: done")
        assert b"To the end." in seen and b"event: thread.run.completed" in seen and b"event: done" in seen
        assert locum.exit_code(5) == 0
        assert time.monotonic() - begun < 4

    def test_a_watched_run_that_does_not_end_is_handed_over(self, start, provider, tmp_path):
        settings = routed(provider) | {"DATA_DIR": str(tmp_path / "data")}
        locum = start(**settings, SHUTDOWN_GRACE="300")
        assistant, thread = make_assistant(locum, provider), make_thread(locum, PROMPT)
        provider.upstream.script({"fault": "stall", "after": 3})
        reader = Reader(locum, f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
        reader.until(b"event: thread.message.delta")
        locum.signal(signal.SIGTERM)
        seen = reader.until(b"event: done")
        assert b"event: done" not in seen and b"thread.run.failed" not in seen
        locum.exit_code(5)
        again = start(**settings)
        path = f"/v1/threads/{thread}/runs"
        path = f"{path}/{look(again, path)['data'][0]['id']}"
        assert settled(again, path)["status"] in ("completed", "failed")

    def test_an_upload_that_a_kill_broke_off(self, start, tmp_path, openai_provider):
        settings = routed(openai_provider) | {"DATA_DIR": str(tmp_path / "data"), "GC_ADMIN_KEY": "gc-key-0123456789"}
        locum = start(**settings)
        incoming = tmp_path / "data" / "files" / ".incoming"
        client = socket.create_connection(("127.0.0.1", locum.port))
        client.sendall(
            f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {locum.key}\r\ncontent-length: 9000000\r\n"
            "content-type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
            '--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'.encode() + b"y" * 2_000_000
        )
        wait_until(lambda: any(path.stat().st_size > 500_000 for path in incoming.iterdir()), what="half of the file")
        locum.signal(signal.SIGKILL)
        locum.exit_code()
        client.close()
        assert list(incoming.iterdir())
        again = start(**settings)
        assert look(again, "/v1/files")["data"] == []
        key = {"authorization": "Bearer gc-key-0123456789"}
        collected = again.http.post("/admin/gc", headers=key).json()
        assert (collected["orphaned_blobs"], collected["expired_files"]) == (0, 0)
        left = [path for path in (tmp_path / "data" / "files").rglob("*") if path.is_file() and path.name != ".lock"]
        assert left == [], "the start itself has swept"
