"""LiteLLM's proxy as the upstream of both protocols: a server that none of us wrote."""

import json
import os
import pathlib
from typing import Iterator

import httpx2
import pytest
from harness.process import Process, free_port, wait_until
from harness.server import UPSTREAM_KEY, Locum
from harness.upstream import Upstream

pytest_plugins = ["harness.fixtures"]

KEY = "sk-litellm-master"
OPENAI_TEXT = "Hello from LiteLLM, as OpenAI."
GEMINI_TEXT = "Hello from LiteLLM, as Gemini."


def model(name: str, **parameters) -> dict:
    """A model of LiteLLM's that never leaves this machine. Those with a mock answer need no base."""
    return {"model_name": name, "litellm_params": {"model": "openai/gpt-4.1-mini", "api_key": "none"} | parameters}


def config(scripted_url: str) -> dict:
    vectors = {"model": "openai/text-embedding-3-small", "mock_response": [0.25, -0.5, 0.75]}
    return {
        "model_list": [
            model("gpt-4.1-mini", mock_response=OPENAI_TEXT),
            model("gpt-limited", mock_response="litellm.RateLimitError"),
            model("gpt-broken", mock_response="litellm.InternalServerError"),
            model("gemini-flash-latest", mock_response=GEMINI_TEXT),
            # LiteLLM itself reads Gemini's protocol here, asks in OpenAI's, and says the answer in Gemini's.
            model("gemini-translated", api_base=f"{scripted_url}/v1", api_key=UPSTREAM_KEY),
            model("gpt-translated", api_base=f"{scripted_url}/v1", api_key=UPSTREAM_KEY),
            model("text-embedding-3-small", **vectors),
        ],
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }


@pytest.fixture(scope="session")
def litellm(tmp_path_factory, upstreams: tuple[Upstream, Upstream]) -> Iterator[str]:
    """The proxy's address."""
    folder: pathlib.Path = tmp_path_factory.mktemp("litellm")
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config(upstreams[0].url)))
    port = free_port()
    command = [os.environ["LITELLM_BIN"], "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with Process(command, folder, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}) as process:
        url = f"http://127.0.0.1:{port}"

        def is_live() -> bool:
            assert process.is_running, f"LiteLLM ended:\n{process.output}"
            try:
                return httpx2.get(f"{url}/health/liveliness").status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(is_live, 60, "LiteLLM's start")
        yield url


@pytest.fixture(scope="session")
def shared_locum(litellm: str, tmp_path_factory) -> Iterator[Locum]:
    settings = {
        "PROVIDER_OPENAI_ENABLED": "true",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{litellm}/v1",
        "PROVIDER_GEMINI_ENABLED": "true",
        "GEMINI_API_KEY": KEY,
        "GEMINI_BASE_URL": litellm,
        "PROVIDER_MAX_RETRIES": "1",
    }
    with Locum(tmp_path_factory.mktemp("locum"), **settings) as locum:
        yield locum
