"""Function calling: calls, their results, and what must survive the way there and back."""

import json

import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
QUESTION = [{"role": "user", "content": "The weather in Paris and Oslo?"}]
PARIS = ("weather", {"city": "Paris"})
OSLO = ("weather", {"city": "Oslo"})


def ask(client, provider, messages=QUESTION, tools=(WEATHER,), **options):
    return client.chat.completions.create(model=provider.model, messages=messages, tools=list(tools), **options)


def test_a_call(client, provider):
    provider.upstream.script(provider.calls(PARIS))
    choice = ask(client, provider).choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert call.id.startswith("call_")
    assert choice.message.content is None


def test_parallel_calls(client, provider):
    provider.upstream.script(provider.calls(PARIS, OSLO))
    calls = ask(client, provider).choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Oslo"]
    assert len({call.id for call in calls}) == 2


def test_parallel_calls_in_a_stream_have_ids_and_indexes_of_their_own(client, provider):
    provider.upstream.script(provider.calls_stream(PARIS, OSLO))
    calls: dict[int, dict] = {}
    reasons = []
    for chunk in ask(client, provider, stream=True):
        for choice in chunk.choices:
            reasons.append(choice.finish_reason)
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"id": delta.id, "name": delta.function.name, "arguments": ""})
                call["arguments"] += delta.function.arguments or ""
    assert sorted(calls) == [0, 1]
    assert [json.loads(call["arguments"])["city"] for call in calls.values()] == ["Paris", "Oslo"]
    assert len({call["id"] for call in calls.values()}) == 2
    assert {call["name"] for call in calls.values()} == {"weather"}
    assert reasons[-1] == "tool_calls"


def test_the_stream_helper_accumulates_calls(client, provider):
    provider.upstream.script(provider.calls_stream(PARIS, OSLO))
    with client.chat.completions.stream(model=provider.model, messages=QUESTION, tools=[WEATHER]) as stream:
        done = [event.arguments for event in stream if event.type == "tool_calls.function.arguments.done"]
        answer = stream.get_final_completion()
    assert [json.loads(arguments)["city"] for arguments in done] == ["Paris", "Oslo"]
    assert len(answer.choices[0].message.tool_calls) == 2


def round_trip(client, provider, keep):
    """Calls, then results: `keep` makes the assistant's message that goes back from the one that came."""
    provider.upstream.script(provider.calls(PARIS, OSLO), provider.text("Rain, and snow."))
    message = ask(client, provider).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": weather}
        for call, weather in zip(message.tool_calls, ['{"sky": "rain"}', "snow"])
    ]
    answer = ask(client, provider, [*QUESTION, keep(message), *results])
    assert answer.choices[0].message.content == "Rain, and snow."
    assert provider.upstream.asked == 2
    return provider.upstream.last


def only_openais_fields(message):
    """The message as a client stores it that knows OpenAI's fields and no others."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in message.tool_calls
    ]
    return {"role": "assistant", "content": message.content, "tool_calls": calls}


@pytest.mark.parametrize("keep", [only_openais_fields, lambda message: message.to_dict()], ids=["known", "all"])
def test_results_go_back_to_gemini_in_one_turn_with_the_signature(client, gemini_provider, keep):
    body = round_trip(client, gemini_provider, keep)
    question, calls, results = body["contents"]
    assert (question["role"], calls["role"], results["role"]) == ("user", "model", "user")
    assert [part["functionCall"]["args"] for part in calls["parts"]] == [{"city": "Paris"}, {"city": "Oslo"}]
    assert calls["parts"][0]["thoughtSignature"] == "c2lnbmF0dXJlLW9mLXRoZS1maXJzdC1jYWxs"
    assert "thoughtSignature" not in calls["parts"][1]
    responses = [part["functionResponse"] for part in results["parts"]]
    assert [response["name"] for response in responses] == ["weather", "weather"]
    assert responses[0]["response"] == {"sky": "rain"}
    assert responses[1]["response"] == {"output": "snow"}


def test_results_go_back_to_openai_as_they_came(client, openai_provider):
    body = round_trip(client, openai_provider, only_openais_fields)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool", "tool"]
    assert body["messages"][1]["tool_calls"][0]["id"] == body["messages"][2]["tool_call_id"]


def test_a_foreign_call_gets_the_documented_stand_in_for_a_signature(client, gemini_provider):
    call = {"id": "call_x", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_x", "content": "sun"},
    ]
    ask(client, gemini_provider, messages)
    part = gemini_provider.upstream.last["contents"][1]["parts"][0]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "weather"}}, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
    ids=["auto", "none", "required", "named"],
)
def test_tool_choice_reaches_gemini(client, gemini_provider, choice, config):
    ask(client, gemini_provider, tools=[WEATHER, CLOCK], tool_choice=choice)
    assert gemini_provider.upstream.last["toolConfig"]["functionCallingConfig"] == config


def test_functions_without_arguments_are_declared_without(client, gemini_provider):
    ask(client, gemini_provider, tools=[WEATHER, CLOCK])
    (tool,) = gemini_provider.upstream.last["tools"]
    weather, clock = tool["functionDeclarations"]
    assert (weather["name"], clock["name"]) == ("weather", "clock")
    assert not clock.keys() & {"parameters", "parametersJsonSchema"}


def test_a_call_of_gemini_is_not_a_plain_stop(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.calls_stream(("clock", {})))
    chunks = list(ask(client, gemini_provider, tools=[CLOCK], stream=True))
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_upstream_that_is_strict_about_turns_takes_a_history_that_begins_with_a_call(client, gemini_provider):
    call = {"id": "call_x", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_x", "content": "noon"},
        {"role": "user", "content": "And now?"},
    ]
    answer = ask(client, gemini_provider, messages, tools=[CLOCK])
    assert answer.choices[0].message.content
    assert gemini_provider.upstream.last["contents"][0]["role"] == "user"
