"""Embeddings: vectors of either provider, in either encoding."""

import math

import openai
import pytest


@pytest.fixture
def client(locum):
    """The SDK validates vectors before it decodes them, so that strict validation fails for OpenAI's own answers."""
    with locum.client(_strict_response_validation=False) as client:
        yield client


def test_the_sdks_default_is_base64_and_gives_floats(client, provider):
    provider.upstream.script(provider.embeddings([0.6, -0.8, 0.0]))
    answer = client.embeddings.create(model=provider.embedding_model, input="Hello")
    assert answer.object == "list"
    assert answer.data[0].index == 0
    assert answer.data[0].embedding == pytest.approx([0.6, -0.8, 0.0], abs=1e-6)
    assert answer.usage.total_tokens >= answer.usage.prompt_tokens >= 0


def test_floats_when_they_are_asked_for(locum, provider):
    client = locum.client()
    provider.upstream.script(provider.embeddings([0.6, -0.8, 0.0]))
    answer = client.embeddings.create(model=provider.embedding_model, input="Hello", encoding_format="float")
    assert answer.data[0].embedding == pytest.approx([0.6, -0.8, 0.0], abs=1e-6)


def test_base64_on_the_wire_is_text(locum, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.embeddings([1.0, 0.0]))
    body = {"model": gemini_provider.embedding_model, "input": "Hello", "encoding_format": "base64"}
    data = locum.post("/v1/embeddings", body).raise_for_status().json()["data"]
    assert data[0]["embedding"] == "AACAPwAAAAA="


def test_several_inputs_keep_their_order(client, provider):
    provider.upstream.script(provider.embeddings([1.0, 0.0], [0.0, 1.0]))
    answer = client.embeddings.create(model=provider.embedding_model, input=["One", "Two"])
    assert [item.index for item in answer.data] == [0, 1]
    assert [item.embedding for item in answer.data] == [[1.0, 0.0], [0.0, 1.0]]


def test_dimensions_reach_gemini_and_short_vectors_have_unit_length(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.embeddings([3.0] * 768))
    answer = client.embeddings.create(model=gemini_provider.embedding_model, input="Hello", dimensions=768)
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1.0, abs=1e-4)
    assert "768" in str(gemini_provider.upstream.last)


def test_more_inputs_than_one_request_of_geminis_holds(client, gemini_provider):
    answer = client.embeddings.create(model=gemini_provider.embedding_model, input=[f"text {i}" for i in range(150)])
    assert [item.index for item in answer.data] == list(range(150))
    assert gemini_provider.upstream.asked == 2


def test_token_arrays_cannot_be_translated(client, gemini_provider):
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model=gemini_provider.embedding_model, input=[[1, 2, 3]])
    assert refused.value.param == "input"
    assert gemini_provider.upstream.asked == 0


def test_token_arrays_reach_openai(client, openai_provider):
    client.embeddings.create(model=openai_provider.embedding_model, input=[[1, 2, 3]])
    assert openai_provider.upstream.last["input"] == [[1, 2, 3]]
