"""The scripted upstream: speaks OpenAI's and Gemini's protocols, and misbehaves as it is told."""

import pathlib
import re
from typing import Any

import httpx2

from .process import Process, program, wait_until


class Upstream(Process):
    def __init__(self, folder: pathlib.Path, port: int = 0):
        command = [program("SCRIPTED_UPSTREAM_BIN", "scripted-upstream"), "--port", str(port)]
        super().__init__(command, folder, {})
        match = wait_until(
            lambda: re.search(r"listening on (127\.0\.0\.1:\d+)\n", self.output) or self._must_run(),
            what="the upstream's first line",
        )
        self.url = f"http://{match[1]}"
        self.control = httpx2.Client(base_url=self.url, timeout=10)

    def _must_run(self):
        assert self.is_running, f"the upstream ended:\n{self.output}"

    def script(self, *behaviours: dict[str, Any]):
        """What the coming requests get, one behaviour each; after them the default good answer."""
        self.control.post("/__script", json=list(behaviours)).raise_for_status()

    def clear(self):
        self.control.delete("/__requests").raise_for_status()

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self.control.get("/__requests").raise_for_status().json()

    @property
    def asked(self) -> int:
        return len(self.requests)

    @property
    def last(self) -> dict[str, Any]:
        """The body of the newest request."""
        return self.requests[-1]["body"]

    def wait_for_hangup(self):
        """Returns once the asker of the newest request has hung up."""
        wait_until(lambda: self.requests and self.requests[-1]["cancelled"], 10, "the upstream request's cancellation")
