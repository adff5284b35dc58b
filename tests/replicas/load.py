"""Clients that ask any replica, again and again, and remember what they were told; and whether it was true."""

import collections
import concurrent.futures
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable

import httpx2
from harness.cluster import Cluster
from harness.process import wait_until
from harness.server import KEY, Locum

FINAL = {"completed", "failed", "cancelled", "expired", "incomplete"}
PATIENCE = 10.0
"""Seconds within which a client has to be answered, whatever is broken."""


@dataclass
class Begun:
    """A run that a client was told of."""

    id: str
    thread: str
    question: str
    replica: Locum
    at: float


@dataclass
class Load:
    """Talkers add messages to a thread of their own; askers make runs and look at them until they have ended.

    Each request goes to the next replica of `cluster` that is not among `avoided`, by a connection of its own. A client that is refused
    goes on after a moment with the next replica and with something else.
    """

    cluster: Cluster
    assistant: str
    talkers: int = 3
    askers: int = 6
    avoided: set[int] = field(default_factory=set)
    """Ports of replicas that are not asked."""
    said: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    """The acknowledged messages of each thread."""
    tried: int = 0
    """How many messages were sent, acknowledged or not."""
    runs: list[Begun] = field(default_factory=list)
    outcomes: collections.Counter = field(default_factory=collections.Counter)
    """How often each status was answered, and each way to get no answer was met."""
    surprises: list[str] = field(default_factory=list)
    """Answers that nobody should get."""
    slowest: float = 0.0

    def __enter__(self):
        self._stopped = threading.Event()
        self._turn = itertools.count()
        self._lock = threading.Lock()
        # Each request has a connection of its own, so that none is lost only because an idle connection was closed.
        self._http = httpx2.Client(
            timeout=PATIENCE,
            headers={"authorization": f"Bearer {KEY}"},
            limits=httpx2.Limits(max_keepalive_connections=0),
        )
        self._threads = [threading.Thread(target=self._talk, args=[n]) for n in range(self.talkers)]
        self._threads += [threading.Thread(target=self._ask, args=[n]) for n in range(self.askers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._http.close()

    def wait_for(self, runs: int, within: float = 20):
        """Returns when so many more runs have been begun and so many more messages been acknowledged."""
        begun, said = len(self.runs), self.messages
        wait_until(lambda: len(self.runs) >= begun + runs and self.messages >= said + runs, within, f"some load: {self}")

    @property
    def messages(self) -> int:
        return sum(map(len, list(self.said.values())))

    def __str__(self) -> str:
        return (
            f"{len(self.runs)} runs, {self.messages} of {self.tried} messages, answers: {dict(self.outcomes)}, "
            f"slowest {self.slowest:.1f} s, surprises: {self.surprises[:5]}"
        )

    def _request(self, method: str, path: str, body: Any = None) -> tuple[Locum, httpx2.Response | None]:
        """The next replica, and what it answered, if it did."""
        replicas = [each for each in self.cluster.replicas if each.port not in self.avoided]
        replica = replicas[next(self._turn) % len(replicas)]
        begun = time.monotonic()
        answer = None
        try:
            answer = self._http.request(method, replica.url + path, json=body)
        except httpx2.TransportError as error:
            outcome: str | int = type(error).__name__
        else:
            outcome = answer.status_code
        took = time.monotonic() - begun
        with self._lock:
            self.outcomes[outcome] += 1
            self.slowest = max(self.slowest, took)
            what = f"{method} {path} at {replica.port}"
            if answer is None and "Timeout" in str(outcome):
                self.surprises.append(f"{what}: {outcome} after {took:.1f} s")
            if answer is not None and answer.status_code not in (200, 503):
                self.surprises.append(f"{what}: {answer.status_code} {answer.text[:200]}")
            if answer is not None and answer.status_code == 503 and not answer.headers.get("retry-after", "").isdecimal():
                self.surprises.append(f"{what}: 503 with Retry-After {answer.headers.get('retry-after')}: {answer.text[:200]}")
        if answer is None or answer.status_code != 200:
            self._stopped.wait(0.05)
            return replica, None
        return replica, answer

    def _talk(self, number: int):
        thread = None
        for n in itertools.count():
            if self._stopped.is_set():
                return
            if thread is None:
                _, made = self._request("POST", "/v1/threads", {})
                thread = made and made.json()["id"]
                continue
            text = f"{number}-{n}"
            with self._lock:
                self.tried += 1
            _, added = self._request("POST", f"/v1/threads/{thread}/messages", {"role": "user", "content": text})
            if added:
                self.said[thread].append(text)

    def _ask(self, number: int):
        for n in itertools.count():
            if self._stopped.is_set():
                return
            question = f"question {number}-{n}"
            body = {"assistant_id": self.assistant, "thread": {"messages": [{"role": "user", "content": question}]}}
            replica, made = self._request("POST", "/v1/threads/runs", body)
            if not made:
                continue
            run = made.json()
            self.runs.append(Begun(run["id"], run["thread_id"], question, replica, time.time()))
            while not self._stopped.is_set():
                _, seen = self._request("GET", f"/v1/threads/{run['thread_id']}/runs/{run['id']}")
                if seen and seen.json()["status"] in FINAL:
                    break
                self._stopped.wait(0.1)

    def verify(self, within: float = 20):
        """Nothing acknowledged is lost, every run ends, with one answer, and no thread stays locked."""
        print(self)
        assert not self.surprises, f"{len(self.surprises)} surprises: {self}"
        replica = self.cluster.replicas[-1]
        deadline = time.monotonic() + within
        for run in self.runs:
            left = max(deadline - time.monotonic(), 0.1)
            verify_run(replica, run.thread, run.id, run.question, f"echo: {run.question}", left)
        for thread, acknowledged in self.said.items():
            texts = message_texts(replica, thread)
            missing = set(acknowledged) - set(texts)
            assert not missing, f"{len(missing)} of {len(acknowledged)} messages are lost, such as {sorted(missing)[:5]}: {self}"
            twice = [text for text, count in collections.Counter(texts).items() if count > 1]
            assert not twice, f"stored more than once: {twice}: {self}"
        assert sum(len(message_texts(replica, thread)) for thread in self.said) <= self.tried
        for thread in [*self.said, *(run.thread for run in self.runs)]:
            assert_unlocked(replica, thread)


def look(replica: Locum, path: str) -> Any:
    answer = replica.http.get(path)
    assert answer.status_code == 200, f"{path} at {replica.port}: {answer.status_code} {answer.text}"
    return answer.json()


def message_texts(replica: Locum, thread: str) -> list[str]:
    """The texts of a thread, in their order."""
    found: list[str] = []
    after = ""
    while True:
        page = look(replica, f"/v1/threads/{thread}/messages?order=asc&limit=100{after}")
        found += [message["content"][0]["text"]["value"] for message in page["data"] if message["content"]]
        if not page["has_more"]:
            return found
        after = f"&after={page['last_id']}"


def verify_run(replica: Locum, thread: str, run: str, question: str, answer: str, within: float = 20):
    """The run completes, with that answer, given once."""
    path = f"/v1/threads/{thread}/runs/{run}"
    seen: dict[str, Any] = {}

    def ended() -> bool:
        seen.update(look(replica, path))
        return seen["status"] in FINAL

    try:
        wait_until(ended, within, "the run's end")
    except TimeoutError:
        raise AssertionError(f"{run} does not end: it is {seen['status']}") from None
    assert seen["status"] == "completed", f"{run}: {seen['status']}, {seen['last_error']}"
    texts = message_texts(replica, thread)
    assert texts == [question, answer], f"{run}: {texts}"
    steps = [(step["type"], step["status"]) for step in look(replica, f"{path}/steps")["data"]]
    assert steps == [("message_creation", "completed")], f"{run}: {steps}"


def assert_unlocked(replica: Locum, thread: str):
    added = replica.post(f"/v1/threads/{thread}/messages", {"role": "user", "content": "Is anybody there?"})
    assert added.status_code == 200, f"{thread} stays locked: {added.text}"


def new_assistant(replica: Locum, model: str, **more: Any) -> str:
    made = replica.post("/v1/assistants", {"model": model} | more)
    assert made.status_code == 200, made.text
    return made.json()["id"]


def begin_run(replica: Locum, assistant: str, question: str = "x", **more: Any) -> dict[str, Any]:
    """A run in a thread of its own, as it was acknowledged."""
    body = {"assistant_id": assistant, "thread": {"messages": [{"role": "user", "content": question}]}} | more
    made = replica.post("/v1/threads/runs", body)
    assert made.status_code == 200, made.text
    return made.json()


def path_of(run: dict[str, Any]) -> str:
    return f"/v1/threads/{run['thread_id']}/runs/{run['id']}"


def logged(replica: Locum, message: str, **fields: Any) -> list[dict[str, Any]]:
    """The lines of the log with that message and those fields."""
    return [
        line
        for line in replica.log_lines
        if line.get("message") == message and all(line.get(name) == value for name, value in fields.items())
    ]


def meanwhile(do: Callable[[], Any]) -> concurrent.futures.Future:
    """Does something in the background; what comes of it, a failure too, comes out of the future's `result`."""
    future: concurrent.futures.Future = concurrent.futures.Future()

    def work():
        try:
            future.set_result(do())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future
