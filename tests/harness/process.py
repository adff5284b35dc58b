"""Processes that a test starts, and ends by their id."""

import os
import pathlib
import signal
import socket
import subprocess
import time
from typing import Callable

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def program(variable: str, name: str) -> str:
    """The path of a built program: what xtask says in the environment, else cargo's usual place."""
    target = os.environ.get("CARGO_TARGET_DIR", str(REPOSITORY / "target"))
    return os.environ.get(variable) or f"{target}/debug/{name}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition: Callable[[], object], within: float = 10.0, what: str = "the condition"):
    """Polls until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {within} s")
        time.sleep(0.01)


def session(leader: int) -> list[int]:
    """The processes of a session."""
    pids = (int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdecimal())

    def is_in(pid: int) -> bool:
        try:
            return os.getsid(pid) == leader
        except ProcessLookupError:
            return False

    return list(filter(is_in, pids))


def children(pid: int) -> list[int]:
    """The processes that this one has started itself."""
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_ended(pid: int) -> bool:
    """Whether the process is gone, though nobody may have taken note of it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def resident_bytes(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


class Process:
    """One running program with those that it has started itself; its output goes to a file that can be read at any time.

    `user`: whose process it is, where that is not ours.
    """

    def __init__(self, command: list[str], folder: pathlib.Path, env: dict[str, str], user: str | None = None):
        self.folder = folder
        self.output_path = folder / f"output-{time.monotonic_ns()}.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with open(self.output_path, "wb") as output:
            self.popen = subprocess.Popen(
                command,
                cwd=folder,
                env=kept | env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )

    @property
    def output(self) -> str:
        return self.output_path.read_text(errors="replace")

    @property
    def rss_bytes(self) -> int:
        return sum(map(resident_bytes, session(self.popen.pid)))

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: int = signal.SIGTERM):
        if self.is_running:
            os.killpg(self.popen.pid, number)

    def exit_code(self, within: float = 15.0) -> int:
        return self.popen.wait(within)

    def stop(self) -> int:
        """Asks it to end, and ends it when it does not."""
        if self.is_running:
            self.signal()
            try:
                return self.exit_code(5)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
        return self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
