"""The Worker as its developers start it: `npm run dev`, with the configuration that is deployed."""

import os
import re
from typing import Iterator

import httpx2
import openai
import pytest
from harness.process import REPOSITORY, Process, free_port, wait_until

PACKAGE = REPOSITORY / "crates/worker"
KEY = "sk-wrangler-0123456789"


@pytest.fixture(scope="module")
def dev(tmp_path_factory) -> Iterator[str]:
    """The address of a `wrangler dev`."""
    folder, port = tmp_path_factory.mktemp("wrangler"), free_port()
    command = [os.environ["NODE_BIN"], os.environ["WRANGLER_BIN"], "--cwd", str(PACKAGE), "dev"]
    command += ["--ip", "127.0.0.1", "--port", str(port), "--persist-to", str(folder / "state")]
    command += ["--var", f"API_KEY:{KEY}", "--var", "ENABLE_RATE_LIMIT:false"]
    env = {"WORKER_IS_BUILT": "true", "WRANGLER_SEND_METRICS": "false", "CI": "true"}
    node = os.path.dirname(os.environ["NODE_BIN"])
    with Process(command, folder, env | {"PATH": f"{node}:{os.environ['PATH']}"}) as wrangler:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert wrangler.is_running, wrangler.output
            try:
                return httpx2.get(f"{url}/health/live", timeout=5).status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(answers, 60, "wrangler's first answer")
        yield url


def test_it_answers_with_every_binding_of_the_configuration(dev):
    client = openai.OpenAI(base_url=f"{dev}/v1", api_key=KEY, max_retries=0)
    model = next(iter(client.models.list())).id
    assistant = client.beta.assistants.create(model=model)
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Hello"}]}
    )
    assert run.status == "completed"
    made = client.files.create(file=("f", b"bytes"), purpose="assistants")
    assert client.files.content(made.id).read() == b"bytes"
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{dev}/v1", api_key="sk-wrong", max_retries=0).models.list()


def test_the_static_files_are_served_and_hide_no_route(dev):
    assert httpx2.get(f"{dev}/robots.txt").text.startswith("User-agent: *")
    page = httpx2.get(f"{dev}/welcome.html")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert httpx2.get(f"{dev}/favicon.svg").headers["content-type"].startswith("image/svg")
    assert httpx2.get(f"{dev}/").headers["content-type"] == "application/json"
    assert httpx2.get(f"{dev}/nothing.html", headers={"authorization": f"Bearer {KEY}"}).status_code == 404


def test_what_the_two_packages_need_is_the_same():
    """The tests use the versions with which the Worker is deployed."""
    ours = (REPOSITORY / "tests/worker/package.json").read_text()
    deployed = (PACKAGE / "package.json").read_text()
    version = re.compile(r'"wrangler": "([^"]+)"')
    assert version.findall(ours) == version.findall(deployed)
