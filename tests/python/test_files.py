"""Files: any bytes, any name, streamed both ways."""

import hashlib
import os
import socket

import openai
import pytest
from harness.hosts import UPLOAD_BYTES
from harness.process import wait_until
from harness.server import KEY


@pytest.fixture
def files(client):
    return client.files


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n--boundary\r\n", os.urandom(300_000)], ids=["none", "odd", "many"])
def test_bytes_come_back_as_they_were(files, content):
    made = files.create(file=("data.bin", content), purpose="assistants")
    assert made.id.startswith("file-") and len(made.id) >= len("file-") + 24
    assert (made.object, made.bytes, made.filename, made.purpose) == ("file", len(content), "data.bin", "assistants")
    assert made.status == "processed"
    assert files.retrieve(made.id) == made
    assert files.content(made.id).content == content


@pytest.mark.parametrize("name", ["ünïcode 🙂.txt", 'with "quotes".txt', "../../etc/passwd", "a\\b;c=d.txt", "n" * 250])
def test_names_come_back_as_they_were(files, name):
    made = files.create(file=(name, b"x"), purpose="user_data")
    assert made.filename == name
    assert files.content(made.id).read() == b"x"


def test_listing_by_purpose(files):
    made = {purpose: files.create(file=("f", b"x"), purpose=purpose).id for purpose in ("vision", "user_data", "batch")}
    for purpose, id in made.items():
        listed = list(files.list(purpose=purpose))
        assert id in [each.id for each in listed]
        assert {each.purpose for each in listed} <= {purpose}
    ids = [each.id for each in files.list(order="asc", limit=2)]
    assert ids.index(made["vision"]) < ids.index(made["user_data"]) < ids.index(made["batch"])


def test_expiry_is_counted_from_the_making(files):
    made = files.create(file=("f", b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.expires_at == made.created_at + 3600
    assert files.create(file=("f", b"x"), purpose="batch").expires_at is not None
    assert files.create(file=("f", b"x"), purpose="assistants").expires_at is None


@pytest.mark.parametrize("seconds", [3599, 2_592_001])
def test_expiry_has_limits(files, seconds):
    with pytest.raises(openai.BadRequestError) as refused:
        files.create(file=("f", b"x"), purpose="vision", expires_after={"anchor": "created_at", "seconds": seconds})
    assert "expires_after" in refused.value.param


def test_a_purpose_that_is_none(files):
    with pytest.raises(openai.BadRequestError) as refused:
        files.create(file=("f", b"x"), purpose="poetry")
    assert refused.value.param == "purpose"


def test_deleting_takes_the_bytes(locum, files):
    marker = hashlib.sha256(os.urandom(8)).hexdigest().encode() * 64
    made = files.create(file=("f", marker), purpose="assistants")
    stored = [path for path in (locum.folder / "data").rglob("*") if path.is_file() and marker in path.read_bytes()]
    assert stored
    gone = files.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    assert not any(path.exists() for path in stored)
    for ask in (files.retrieve, files.content, files.delete):
        with pytest.raises(openai.NotFoundError) as refused:
            ask(made.id)
        assert refused.value.body["message"] == f"No file found with id '{made.id}'."


def test_memory_stays_flat(start):
    locum = start(PROVIDER_REHEARSAL_ENABLED="true", MAX_FILE_BYTES="200000000")
    size = 150_000_000
    chunk = os.urandom(1 << 20)
    with locum.client(timeout=120) as client:
        client.files.create(file=("warm", b"x" * 1_000_000), purpose="assistants")
        before = locum.rss_bytes

        class Endless:
            """A file that is never in memory as a whole."""

            name = "large.bin"
            left = size

            def read(self, count=-1):
                count = min(self.left, 1 << 20 if count < 0 else count)
                self.left -= count
                return chunk[:count]

        body = multipart_stream(Endless())
        made = locum.http.post("/v1/files", content=body[1], headers={"content-type": body[0]}, timeout=120).json()
        assert made["bytes"] == size
        assert locum.rss_bytes - before < UPLOAD_BYTES
        digest, expected, left = hashlib.sha256(), hashlib.sha256(), size
        with client.files.with_streaming_response.content(made["id"]) as answer:
            for part in answer.iter_bytes(1 << 20):
                digest.update(part)
        while left:
            expected.update(chunk[: min(left, 1 << 20)])
            left -= min(left, 1 << 20)
        assert digest.digest() == expected.digest()
        assert locum.rss_bytes - before < UPLOAD_BYTES


def multipart_stream(file):
    boundary = "black-box-boundary"

    def parts():
        yield f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'.encode()
        yield f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'.encode()
        while part := file.read(1 << 20):
            yield part
        yield f"\r\n--{boundary}--\r\n".encode()

    return f"multipart/form-data; boundary={boundary}", parts()


def test_a_file_that_is_too_large(start):
    locum = start(PROVIDER_REHEARSAL_ENABLED="true", MAX_FILE_BYTES="100000")
    with locum.client() as client:
        client.files.create(file=("f", b"x" * 100_000), purpose="assistants")
        with pytest.raises(openai.APIStatusError) as refused:
            client.files.create(file=("f", b"x" * 100_001), purpose="assistants")
        assert refused.value.status_code == 413
        assert len(client.files.list().data) == 1
    blobs = [path for path in (locum.folder / "data").rglob("*") if path.is_file() and path.stat().st_size == 100_001]
    assert not blobs


@pytest.mark.parametrize(
    ("content_type", "body", "param"),
    [
        ("application/json", b"{}", None),
        ("multipart/form-data", b"--x\r\n", None),
        ("multipart/form-data; boundary=x", b"", None),
        ("multipart/form-data; boundary=x", b"--x--\r\n", "file"),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nabc', None),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nabc\r\n--x--\r\n',
            "purpose",
        ),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nvision\r\n--x--\r\n', "file"),
    ],
)
def test_broken_forms_are_400(locum, content_type, body, param):
    refused = locum.http.post("/v1/files", content=body, headers={"content-type": content_type})
    assert refused.status_code == 400, refused.text
    if param:
        assert refused.json()["error"]["param"] == param


def test_an_upload_that_is_left_leaves_nothing(locum, files):
    def bytes_kept() -> set:
        return {path for path in (locum.folder / "data/files").rglob("*") if path.is_file()}

    before = bytes_kept()
    count = len(list(files.list()))
    with socket.create_connection(("127.0.0.1", locum.port)) as client:
        client.sendall(
            f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 1000000\r\n"
            "content-type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'.encode() + b"y" * 100_000
        )
    assert len(list(files.list())) == count

    wait_until(lambda: bytes_kept() == before, 5, "the end of what was left")
