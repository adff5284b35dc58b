"""Fixtures of every suite: two scripted upstreams, one Locum in front of them, clients, and Locums of one's own."""

import pathlib
from typing import Callable, Iterator

import openai
import pytest

from .dialects import Dialect, Gemini, OpenAi
from .server import Locum, routed_to
from .upstream import Upstream


@pytest.fixture(scope="session")
def upstreams(tmp_path_factory) -> Iterator[tuple[Upstream, Upstream]]:
    with Upstream(tmp_path_factory.mktemp("openai")) as first, Upstream(tmp_path_factory.mktemp("gemini")) as second:
        yield first, second


@pytest.fixture
def openai_upstream(upstreams, request) -> Iterator[Upstream]:
    """OpenAI as far as Locum knows, with nothing scripted and no request seen."""
    yield from lent(upstreams[0], request)


@pytest.fixture
def gemini_upstream(upstreams, request) -> Iterator[Upstream]:
    """Gemini as far as Locum knows, with nothing scripted and no request seen."""
    yield from lent(upstreams[1], request)


def lent(upstream: Upstream, test: pytest.FixtureRequest) -> Iterator[Upstream]:
    """The upstream for one test. Whatever it was told to answer, it must have found every request to be right."""
    upstream.clear()
    yield upstream
    if "complaints" not in test.keywords:
        assert [request["complaint"] for request in upstream.requests if request["complaint"]] == []


@pytest.fixture(scope="session")
def shared_locum(upstreams, tmp_path_factory) -> Iterator[Locum]:
    first, second = upstreams
    settings = routed_to(first.url, second.url)
    with Locum(tmp_path_factory.mktemp("locum"), **settings) as locum:
        yield locum


@pytest.fixture
def locum(shared_locum, openai_upstream, gemini_upstream) -> Locum:
    """The Locum that all tests share which leave no trace in it: no broken upstream, no limit."""
    return shared_locum


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Callable[..., Locum]]:
    """Starts Locums of the test's own, ended after it: `start("serve", PORT="1234")`."""
    started: list[Locum] = []

    def start(*arguments: str, wait: bool = True, **settings: str) -> Locum:
        folder = tmp_path / f"locum-{len(started)}"
        folder.mkdir()
        started.append(Locum(folder, *arguments, wait=wait, **settings))
        return started[-1]

    yield start
    for locum in started:
        locum.stop()


@pytest.fixture
def client(locum: Locum) -> Iterator[openai.OpenAI]:
    """The official client with strict validation of every answer."""
    with locum.client() as client:
        yield client


@pytest.fixture(params=["openai", "gemini"])
def provider(request, openai_upstream, gemini_upstream) -> Dialect:
    """Each provider in turn: what holds for one must hold for the other."""
    return OpenAi(openai_upstream) if request.param == "openai" else Gemini(gemini_upstream)


@pytest.fixture
def openai_provider(openai_upstream) -> OpenAi:
    return OpenAi(openai_upstream)


@pytest.fixture
def gemini_provider(gemini_upstream) -> Gemini:
    return Gemini(gemini_upstream)
