"""What several Locums share: PostgreSQL, Redis and an S3, each of the test's own, in a folder that goes with it.

As a program (`python3 -m harness.services`) it starts all three, prints where they are as `NAME=value` lines and then `ready`, and
ends them when its standard input closes: so they do not outlive whoever started it. It needs nothing but Python itself.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from typing import Iterator

from .process import Process, children, free_port, has_ended, wait_until

BUCKET = "locum"
"""The bucket that every S3 here has."""


def postgres_program(name: str) -> str:
    """A program of PostgreSQL's: from where xtask says, else from the newest version that Debian has installed, else from the PATH."""
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    folder = os.environ.get("PG_BIN") or (folders and str(folders[-1]))
    return f"{folder}/{name}" if folder else name


class Server:
    """A server in a folder of its own that can be stopped, killed and started again where it was."""

    name = ""
    user: str | None = None
    """Whose process it is, where that is not ours."""
    stop_signal = signal.SIGTERM

    def __init__(self):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"locum-{self.name}-"))
        self.process: Process | None = None
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise

    def prepare(self):
        """What has to be done once, before the first start."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self):
        """Starts it, and returns once it answers."""
        self.process = Process(self.command(), self.folder, {}, user=self.user)
        wait_until(self._is_ready, 30, f"{self.name}'s start")

    def _is_ready(self) -> bool:
        assert self.process.is_running, f"{self.name} ended with {self.process.popen.returncode}:\n{self.process.output}"
        return self.is_ready()

    def stop(self, number: int | None = None):
        """Asks it to end, and returns once it has."""
        self.process.signal(number or self.stop_signal)
        try:
            self.process.exit_code(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """Ends it and all of its processes at once, as when the machine is switched off."""
        pids = [self.process.popen.pid, *children(self.process.popen.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.popen.wait()
        wait_until(lambda: all(map(has_ended, pids)), 10, f"{self.name}'s end")

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.is_running

    def close(self):
        """Ends it for good, and without ceremony: nothing of it is kept."""
        try:
            if self.is_running:
                self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Postgres(Server):
    """PostgreSQL. It refuses to be root's, so where we are root it is the user's that Debian's package makes."""

    name = "postgres"
    stop_signal = signal.SIGINT  # a fast shutdown: clients are hung up on

    def prepare(self):
        if os.geteuid() == 0:
            self.user = "postgres"
            shutil.chown(self.folder, "postgres", "postgres")
        initdb = ["--auth=trust", "-U", "locum", "--no-sync", "-E", "UTF8", "--locale=C", "-D", "data"]
        made = Process([postgres_program("initdb"), *initdb], self.folder, {}, user=self.user)
        assert made.exit_code(60) == 0, made.output

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [postgres_program("postgres"), "-D", str(self.folder / "data"), *options]

    def is_ready(self) -> bool:
        asked = [postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "locum", "-d", "postgres"]
        return subprocess.run(asked).returncode == 0

    def url(self, database: str, port: int | None = None) -> str:
        return f"postgres://locum@127.0.0.1:{port or self.port}/{database}"

    def create_database(self, name: str) -> str:
        """A new and empty database; its URL."""
        query(self.url("postgres"), f"CREATE DATABASE {name}")
        return self.url(name)


def query(url: str, sql: str) -> list[str]:
    """The lines that PostgreSQL answers, their columns separated by `|`."""
    asked = [postgres_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def ensure_database(url: str, name: str) -> str:
    """The URL of the database `name` at the server of `url`, which is made where it does not exist yet."""
    if not query(url, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        query(url, f"CREATE DATABASE {name}")
    return re.sub(r"/[^/]*$", f"/{name}", url)


class Redis(Server):
    """Redis, which keeps nothing on the disk."""

    name = "redis"

    def command(self) -> list[str]:
        program = os.environ.get("REDIS_SERVER", "redis-server")
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def is_ready(self) -> bool:
        return answers(self.port, b"PING\r\n", b"+PONG")

    def clear(self):
        """Has it forget everything."""
        assert answers(self.port, b"FLUSHALL\r\n", b"+OK")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


class S3(Server):
    """moto's S3, which keeps everything in memory, with one bucket in it."""

    name = "s3"

    def command(self) -> list[str]:
        return [os.environ.get("MOTO_SERVER", "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]

    def is_ready(self) -> bool:
        return answers(self.port, b"GET /moto-api/ HTTP/1.0\r\n\r\n", b"HTTP/1.")

    def start(self):
        super().start()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT"), timeout=10).close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answers(port: int, question: bytes, beginning: bytes) -> bool:
    """Whether who listens there answers `question` with what begins so."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as asked:
            asked.sendall(question)
            return asked.recv(64).startswith(beginning)
    except OSError:
        return False


def storage(s3_url: str, prefix: str) -> dict[str, str]:
    """The settings of a Locum that keeps its files below `prefix` in that S3."""
    return {
        "STORAGE_URL": f"s3://{BUCKET}/{prefix}",
        "AWS_ENDPOINT_URL": s3_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "locum",
        "AWS_SECRET_ACCESS_KEY": "locum-secret",
    }


@contextlib.contextmanager
def all_of_them() -> Iterator[dict[str, str]]:
    """All three, and the variables by which tests find them."""
    with Postgres() as postgres, Redis() as redis, S3() as s3:
        yield {
            "LOCUM_TEST_POSTGRES": postgres.url("postgres"),
            "LOCUM_TEST_REDIS": redis.url,
            "LOCUM_TEST_S3": s3.url,
        }


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.suppress(KeyboardInterrupt), all_of_them() as variables:
        for name, value in variables.items():
            print(f"{name}={value}")
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
