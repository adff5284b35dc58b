"""Input that wants to break something: each answered within a second, in OpenAI's shape, memory flat."""

import json
import re
import socket
import time

import pytest

CHAT = "/v1/chat/completions"
MIB = 1024 * 1024


class Raw:
    """One connection on which anything can be sent."""

    def __init__(self, locum):
        self.socket = socket.create_connection(("127.0.0.1", locum.port), timeout=20)
        self.locum = locum

    def head(self, path: str, *lines: str) -> bytes:
        fixed = (f"POST {path} HTTP/1.1", f"host: {self.locum.url[7:]}", f"authorization: Bearer {self.locum.key}")
        return "\r\n".join([*fixed, "content-type: application/json", *lines, "", ""]).encode()

    def send(self, data: bytes):
        """Sends as much as the other side takes; it may hang up before the end."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self) -> tuple[int, dict]:
        """The status and the error of the response."""
        received = b""
        try:
            while data := self.socket.recv(65536):
                received += data
                head, separator, body = received.partition(b"\r\n\r\n")
                if separator and self.is_whole(head, body):
                    break
        except ConnectionResetError:
            pass
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 "), f"no answer: {received[:200]!r}"
        return int(head.split()[1]), json.loads(body)["error"]

    @staticmethod
    def is_whole(head: bytes, body: bytes) -> bool:
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return bool(lengths) and len(body) >= int(lengths[0])


@pytest.fixture
def raw(locum):
    connection = Raw(locum)
    yield connection
    connection.socket.close()


@pytest.fixture
def flat(locum):
    """Fails the test when Locum's memory has grown by more than a few MiB in it."""
    before = locum.rss_bytes
    yield
    assert locum.rss_bytes - before < 12 * MIB


@pytest.fixture(autouse=True)
def alive_after(locum):
    yield
    assert locum.is_running
    assert locum.http.get("/health/live").status_code == 200


def timed(raw: Raw, data: bytes) -> tuple[int, dict]:
    started = time.monotonic()
    raw.send(data)
    answer = raw.answer()
    assert time.monotonic() - started < 1
    return answer


def post(raw: Raw, body: bytes, path: str = CHAT) -> tuple[int, dict]:
    return timed(raw, raw.head(path, f"content-length: {len(body)}") + body)


OPEN_BRACKETS = b"[" * 100_000
MESSAGE = b'{"model":"gemini-flash-latest","messages":[{"role":"user","content":"%s"}]}'
MALFORMED = {
    "nothing": b"",
    "no json": b"hello",
    "half of it": b'{"model": "gpt-4.1-mini", "messages": [',
    "more than json": MESSAGE % b"a" + b"}",
    "no object": b"[1, 2, 3]",
    "open brackets": OPEN_BRACKETS,
    "open brackets in a field": b'{"model":"gpt-4.1-mini","messages":' + OPEN_BRACKETS,
    "open braces": b'{"a":' * 100_000,
    "deep and closed": b'{"model":"gpt-4.1-mini","messages":' + OPEN_BRACKETS + b"]" * 100_000 + b"}",
    "invalid UTF-8": MESSAGE % b"\xff\xfe",
    "half a surrogate": MESSAGE % b"\\ud800",
    "a control character": MESSAGE % b"\n",
    "not a number": b'{"model":"gemini-flash-latest","messages":[],"temperature":NaN}',
    "a number without end": b'{"model":"gemini-flash-latest","messages":[],"seed":' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/embeddings"])
def test_malformed_json(raw, flat, openai_upstream, gemini_upstream, path, body):
    status, error = post(raw, body, path)
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert (openai_upstream.asked, gemini_upstream.asked) == (0, 0)


def test_a_body_of_100_mb_that_says_so(raw, flat):
    status, error = timed(raw, raw.head(CHAT, f"content-length: {100 * MIB}") + b"{")
    assert status == 413
    assert error["type"] == "invalid_request_error"


def test_a_body_of_100_mb_that_does_not_say_so(locum, raw):
    chunk = b"x" * MIB
    raw.send(raw.head(CHAT, "transfer-encoding: chunked") + b"".join(b"100000\r\n" + chunk + b"\r\n" for _ in range(100)))
    status, error = raw.answer()
    assert status in {400, 413}
    assert error["type"] == "invalid_request_error"


def test_a_body_of_100_mb_of_a_stranger_is_not_read(locum, raw, flat):
    head = raw.head(CHAT, f"content-length: {100 * MIB}").replace(locum.key.encode(), b"sk-stranger")
    status, _ = timed(raw, head + b"{")
    assert status in {401, 413}


def test_a_header_that_never_ends(raw, flat):
    started = time.monotonic()
    raw.send(raw.head(CHAT)[:-2] + b"x-endless: " + b"a" * (4 * MIB))
    status, error = raw.answer()
    assert status == 431
    assert error["type"] == "invalid_request_error"
    assert time.monotonic() - started < 1


def test_headers_that_never_end(raw, flat):
    lines = b"".join(b"x-%d: a\r\n" % number for number in range(100_000))
    started = time.monotonic()
    raw.send(raw.head(CHAT)[:-2] + lines)
    status, _ = raw.answer()
    assert status == 431
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http(raw, data):
    raw.send(data + b"\r\n\r\n")
    try:
        received = raw.socket.recv(65536)
    except ConnectionResetError:
        received = b""
    assert received == b"" or received.startswith(b"HTTP/1.1 4")


def test_two_lengths_are_refused(raw):
    raw.send(raw.head(CHAT, "content-length: 2", "content-length: 3") + b"{}}")
    status = int(raw.socket.recv(65536).split()[1])
    assert status == 400


def test_a_strange_content_type_is_no_reason_to_fail_as_500(locum):
    response = locum.http.post(CHAT, content=b"model=gpt", headers={"content-type": "application/x-www-form-urlencoded"})
    assert response.status_code in {400, 415}
    assert response.json()["error"]["message"]


STRANGE_NAMES = ["../../etc/passwd", "a" * 100_000, "gemini-\u0000", "models/../x", "gemini-x?key=1#y", "gemini/a/b c\r\nx: y"]


@pytest.mark.complaints
@pytest.mark.parametrize("name", STRANGE_NAMES, ids=range(len(STRANGE_NAMES)))
def test_strange_names_of_models_never_become_paths(locum, gemini_upstream, openai_upstream, name):
    response = locum.post(CHAT, {"model": name, "messages": [{"role": "user", "content": "Hello"}]})
    assert response.status_code in {200, 400, 404}
    for request in gemini_upstream.requests:
        assert re.fullmatch(r"/v1beta/models(/[A-Za-z0-9._%-]+:generateContent|\?.*)", request["path"])
    for request in openai_upstream.requests:
        assert request["path"] in {CHAT, "/v1/models"}


@pytest.mark.parametrize("part", ["head", "body"])
def test_slow_senders_do_not_hold_a_connection_for_ever(start, part):
    locum = start(PROVIDER_REHEARSAL_ENABLED="true", REQUEST_TIMEOUT="700")
    raw = Raw(locum)
    raw.send(raw.head(CHAT)[:-2] if part == "head" else raw.head(CHAT, "content-length: 100") + b"{")
    status, error = raw.answer()
    assert status == 408
    assert error["message"]
    raw.socket.close()


def test_many_idle_connections_do_not_keep_others_out(locum):
    idle = [Raw(locum) for _ in range(200)]
    assert locum.http.get("/health/live").status_code == 200
    for raw in idle:
        raw.socket.close()
