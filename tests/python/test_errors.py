"""Errors: always OpenAI's shape, always the SDK's right class, and the field at fault named."""

import openai
import pytest

HELLO = [{"role": "user", "content": "Hello"}]


def error_of(response) -> dict:
    """The error of an answer that is in OpenAI's shape."""
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    assert response.headers["x-request-id"]
    return body["error"]


def test_no_key(locum):
    response = locum.http.post("/v1/chat/completions", json={}, headers={"authorization": ""})
    assert response.status_code == 401
    assert error_of(response)["type"] == "invalid_request_error"


def test_a_wrong_key(locum, provider):
    with pytest.raises(openai.AuthenticationError) as refused:
        locum.client(api_key="sk-wrong").chat.completions.create(model=provider.model, messages=HELLO)
    assert refused.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(refused.value)
    assert provider.upstream.asked == 0


def test_an_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


def test_an_unknown_path(locum):
    response = locum.http.get("/v1/no/such/path")
    assert response.status_code == 404
    assert error_of(response)["type"] == "invalid_request_error"


def test_an_unknown_method(locum):
    response = locum.http.put("/v1/chat/completions")
    assert response.status_code == 405
    assert "POST" in response.headers["allow"]
    error_of(response)


IMAGE_OF_NOTHING = [{"type": "image_url", "image_url": {}}]
ORPHAN = [{"role": "tool", "tool_call_id": "call_nowhere", "content": "4"}]

WRONG_FIELDS = [
    ("temperature", {"temperature": 9}),
    ("temperature", {"temperature": "hot"}),
    ("top_p", {"top_p": 2}),
    ("n", {"n": 0}),
    ("messages", {"messages": []}),
    ("messages", {"messages": "Hello"}),
    ("messages", {"messages": None}),
    ("messages[0].role", {"messages": [{"role": "wizard", "content": "Hello"}]}),
    ("messages[1].content", {"messages": [HELLO[0], {"role": "user", "content": 5}]}),
    ("messages[2].content", {"messages": [HELLO[0], HELLO[0], {"role": "user", "content": None}]}),
    ("messages[1]", {"messages": [HELLO[0], *ORPHAN]}),
    ("messages[0].content[0]", {"messages": [{"role": "user", "content": [{"type": "smell"}]}]}),
    ("messages[0].content[0].image_url", {"messages": [{"role": "user", "content": IMAGE_OF_NOTHING}]}),
    ("tools[0]", {"tools": [{"type": "function"}]}),
    ("tools[0].function.name", {"tools": [{"type": "function", "function": {"name": "no spaces allowed"}}]}),
    ("tool_choice", {"tool_choice": "perhaps"}),
    ("response_format", {"response_format": {"type": "poem"}}),
    ("stream", {"stream": "yes"}),
    ("max_tokens", {"max_tokens": -1}),
]


@pytest.mark.parametrize(("param", "change"), WRONG_FIELDS)
def test_the_field_at_fault_is_named(client, gemini_provider, param, change):
    body = {"model": gemini_provider.model, "messages": HELLO} | change
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/chat/completions", body=body, cast_to=object)
    assert (refused.value.param or "").startswith(param), refused.value
    assert refused.value.type == "invalid_request_error"
    assert gemini_provider.upstream.asked == 0


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_field_is_named(client, field):
    body = {"model": "gemini-flash-latest", "messages": HELLO}
    del body[field]
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/chat/completions", body=body, cast_to=object)
    assert refused.value.param == field


def test_what_the_provider_calls_the_callers_fault_is_told_as_such(client, provider):
    provider.upstream.script({"status": 400})
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=provider.model, messages=HELLO)
    assert refused.value.type == "invalid_request_error"
    assert provider.upstream.asked == 1


def test_too_long_a_prompt(client, gemini_provider):
    message = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."
    error = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
    gemini_provider.upstream.script({"status": 400, "body": error})
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=gemini_provider.model, messages=HELLO)
    assert refused.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "gemini-embedding-001"}),
        ("/v1/embeddings", {"model": "gemini-embedding-001", "input": []}),
        ("/v1/completions", {"model": "gemini-flash-latest", "prompt": 5}),
        ("/v1/completions", {"prompt": "Hello"}),
    ],
)
def test_other_endpoints_name_the_field_too(locum, path, body):
    response = locum.post(path, body)
    assert response.status_code == 400
    assert error_of(response)["param"] in {"input", "prompt", "model"}
