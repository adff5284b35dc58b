"""Answers in a given form: JSON mode and JSON Schema, through the SDK's own parser."""

import json

import openai
import pydantic
import pytest

QUESTION = [{"role": "user", "content": "Who discovered radium, and when?"}]


class Discovery(pydantic.BaseModel):
    people: list[str]
    year: int


ANSWER = Discovery(people=["Marie Curie", "Pierre Curie"], year=1898)


def test_parse(client, provider):
    provider.upstream.script(provider.text(ANSWER.model_dump_json()))
    answer = client.chat.completions.parse(model=provider.model, messages=QUESTION, response_format=Discovery)
    assert answer.choices[0].message.parsed == ANSWER


def test_the_schema_reaches_gemini(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text(ANSWER.model_dump_json()))
    client.chat.completions.parse(model=gemini_provider.model, messages=QUESTION, response_format=Discovery)
    config = gemini_provider.upstream.last["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    schema = config.get("responseJsonSchema") or config["responseSchema"]
    assert sorted(schema["properties"]) == ["people", "year"]
    assert sorted(schema["required"]) == ["people", "year"]


def test_parse_a_stream(client, provider):
    text = ANSWER.model_dump_json()
    provider.upstream.script(provider.text_stream(*(text[start : start + 7] for start in range(0, len(text), 7))))
    options = {"model": provider.model, "messages": QUESTION, "response_format": Discovery}
    with client.chat.completions.stream(**options) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()
    assert answer.choices[0].message.parsed == ANSWER


def test_parse_notices_an_answer_that_was_cut_short(client, provider):
    provider.upstream.script(provider.text('{"people": ["Mar', finish="length"))
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=provider.model, messages=QUESTION, response_format=Discovery)


def test_parse_arguments_of_a_call(client, provider):
    provider.upstream.script(provider.calls(("Discovery", ANSWER.model_dump())))
    tools = [openai.pydantic_function_tool(Discovery)]
    answer = client.chat.completions.parse(model=provider.model, messages=QUESTION, tools=tools)
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.parsed_arguments == ANSWER


def test_json_mode(client, provider):
    provider.upstream.script(provider.text('{"year": 1898}'))
    answer = client.chat.completions.create(
        model=provider.model,
        messages=[{"role": "user", "content": "The year, as JSON"}],
        response_format={"type": "json_object"},
    )
    assert json.loads(answer.choices[0].message.content) == {"year": 1898}
    if provider.name == "gemini":
        assert provider.upstream.last["generationConfig"]["responseMimeType"] == "application/json"
