"""Locum, started as a user starts it: the built program, settings from the environment."""

import json
import pathlib
from typing import Any

import httpx2
import openai

from .hosts import kept_elsewhere, locum_command
from .process import Process, free_port, wait_until

KEY = "sk-locum-black-box-0123456789"
UPSTREAM_KEY = "upstream-key"
"""The one key that a scripted upstream accepts."""


class Locum(Process):
    def __init__(
        self, folder: pathlib.Path, *arguments: str, wait: bool = True, program: str | None = None, **settings: str
    ):
        self.port = int(settings.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = settings.get("API_KEY") or KEY
        defaults = {
            "API_KEY": KEY,
            "DATA_DIR": str(folder / "data"),
            "ENABLE_RATE_LIMIT": "false",
            "HOST": "127.0.0.1",
            "LOG_LEVEL": "debug",
            "NODE_ENV": "production",
            "PORT": str(self.port),
        }
        arguments = arguments or ("serve",)
        settings = defaults | kept_elsewhere(arguments, defaults | settings) | settings
        super().__init__(locum_command(*arguments, program=program), folder, settings)
        self.http = httpx2.Client(base_url=self.url, timeout=20, headers={"authorization": f"Bearer {self.key}"})
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.stop()
                raise

    def wait_ready(self):
        wait_until(self._is_live, 15, "GET /health/live")

    def _is_live(self) -> bool:
        assert self.is_running, f"locum ended with {self.popen.returncode}:\n{self.output}"
        try:
            return self.http.get("/health/live").status_code == 200
        except httpx2.TransportError:
            return False

    def client(self, **options: Any) -> openai.OpenAI:
        """The official client, which takes no answer that departs from OpenAI's schema."""
        return openai.OpenAI(**self._client_options(options))

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(**self._client_options(options))

    def _client_options(self, options: dict[str, Any]) -> dict[str, Any]:
        defaults = {
            "base_url": f"{self.url}/v1",
            "api_key": self.key,
            "max_retries": 0,
            "timeout": 20,
            "_strict_response_validation": True,
        }
        return defaults | options

    def post(self, path: str, body: Any, **options: Any) -> httpx2.Response:
        return self.http.post(path, json=body, **options)

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """The structured lines of the log; without one that is being written."""
        whole = self.output.rpartition("\n")[0]
        lines = (line for line in whole.splitlines() if line.startswith("{"))
        return [json.loads(line) for line in lines]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of `name` whose labels include `labels`."""
        total = 0.0
        for line in self.http.get("/metrics").raise_for_status().text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{label}="{text}"' in series for label, text in labels.items()):
                total += float(value)
        return total


def routed_to(openai_url: str | None = None, gemini_url: str | None = None) -> dict[str, str]:
    """The settings that switch on the providers whose upstreams are given."""
    settings = {}
    if openai_url:
        settings |= {
            "PROVIDER_OPENAI_ENABLED": "true",
            "OPENAI_API_KEY": UPSTREAM_KEY,
            "OPENAI_BASE_URL": f"{openai_url}/v1",
        }
    if gemini_url:
        settings |= {
            "PROVIDER_GEMINI_ENABLED": "true",
            "GEMINI_API_KEY": UPSTREAM_KEY,
            "GEMINI_BASE_URL": gemini_url,
        }
    return settings


def frames(response) -> list[tuple[str, str]]:
    """The raw events of a stream, each with its name and its data."""
    found = []
    for frame in response.read().decode().split("\n\n"):
        lines = [line for line in frame.split("\n") if line and not line.startswith(":")]
        if lines:
            (event, name), (data, text) = (line.split(": ", 1) for line in lines)
            assert (event, data) == ("event", "data")
            found.append((name, text))
    return found
