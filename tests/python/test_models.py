"""The list of models: merged, cached, and alive when a provider is down."""

import openai
import pytest
from harness.process import free_port
from harness.server import routed_to

OPENAI_LIST = {
    "body": {
        "object": "list",
        "data": [{"id": "gpt-4.1-mini", "object": "model", "created": 1744316542, "owned_by": "system"}],
    }
}
GEMINI_LIST = {
    "body": {
        "models": [
            {"name": "models/gemini-3.8-flash", "supportedGenerationMethods": ["generateContent"]},
            {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
            {"name": "models/aqa", "supportedGenerationMethods": ["generateAnswer"]},
        ]
    }
}


@pytest.fixture
def both(start, openai_upstream, gemini_upstream):
    openai_upstream.script(OPENAI_LIST)
    gemini_upstream.script(GEMINI_LIST)
    return start(**routed_to(openai_upstream.url, gemini_upstream.url))


def test_the_lists_of_the_providers_are_merged(both):
    models = {model.id: model for model in both.client().models.list()}
    assert {"gpt-4.1-mini", "gemini-3.8-flash", "gemini-embedding-001"} <= models.keys()
    assert "aqa" not in models
    assert models["gemini-3.8-flash"].owned_by == "google"
    assert {model.object for model in models.values()} == {"model"}


def test_the_list_is_cached(both, openai_upstream, gemini_upstream):
    first = [model.id for model in both.client().models.list()]
    assert [model.id for model in both.client().models.list()] == first
    assert (openai_upstream.asked, gemini_upstream.asked) == (1, 1)


@pytest.mark.parametrize("name", ["gemini-3.8-flash", "gpt-4.1-mini", "models/gemini-3.8-flash"])
def test_one_model(both, name):
    assert both.client().models.retrieve(name).id.endswith(name.removeprefix("models/"))


def test_an_unknown_model(both):
    with pytest.raises(openai.NotFoundError) as missing:
        both.client().models.retrieve("no-such-model")
    assert missing.value.code == "model_not_found"


def test_the_list_lives_when_a_provider_is_down(start, openai_upstream, gemini_upstream):
    gemini_upstream.script(GEMINI_LIST)
    locum = start(
        **routed_to(f"http://127.0.0.1:{free_port()}", gemini_upstream.url), PROVIDER_MAX_RETRIES="0"
    )
    assert "gemini-3.8-flash" in {model.id for model in locum.client().models.list()}


@pytest.mark.complaints
def test_a_name_that_no_rule_claims_goes_to_the_provider_that_lists_it(start, openai_provider, gemini_upstream):
    openai_upstream = openai_provider.upstream
    listed = {"id": "llama-9", "object": "model", "created": 1, "owned_by": "me"}
    listing = {"body": {"object": "list", "data": [listed]}}
    openai_upstream.script(listing, openai_provider.text("Good day."))
    locum = start(**routed_to(openai_upstream.url, gemini_upstream.url))
    locum.client().chat.completions.create(model="llama-9", messages=[{"role": "user", "content": "Hello"}])
    assert openai_upstream.last["model"] == "llama-9"
