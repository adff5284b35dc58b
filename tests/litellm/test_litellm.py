"""The basics once more, with LiteLLM in the place of OpenAI and of Gemini."""

import json

import pytest
from conftest import GEMINI_TEXT, OPENAI_TEXT

HELLO = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
BOTH = pytest.mark.parametrize(
    ("provider", "model", "text"),
    [("openai", "gpt-4.1-mini", OPENAI_TEXT), ("gemini", "gemini-flash-latest", GEMINI_TEXT)],
    ids=["openai", "gemini"],
)


@BOTH
def test_an_answer(client, provider, model, text):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=HELLO)
    answer = raw.parse()
    assert raw.headers["x-locum-provider"] == provider
    assert answer.choices[0].message.content == text
    assert answer.choices[0].finish_reason == "stop"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 20, 30)


@BOTH
def test_a_stream(client, provider, model, text):
    chunks = list(client.chat.completions.create(model=model, messages=HELLO, stream=True))
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == text
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert reasons == ["stop"]


@BOTH
def test_the_stream_helper(client, provider, model, text):
    with client.chat.completions.stream(model=model, messages=HELLO) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == text


@BOTH
def test_sampling_and_stop(client, provider, model, text):
    answer = client.chat.completions.create(
        model=model, messages=HELLO, temperature=0.2, top_p=0.9, max_completion_tokens=50, stop=["END"], seed=1
    )
    assert answer.choices[0].message.content == text


@BOTH
def test_a_completion(client, provider, model, text):
    answer = client.completions.create(model=model, prompt="Hello")
    assert answer.choices[0].text == text


def test_embeddings(client):
    answer = client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert answer.data[0].embedding == pytest.approx([0.25, -0.5, 0.75])


def test_models(client):
    assert "gpt-4.1-mini" in {model.id for model in client.models.list()}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", ["gpt-limited", "gpt-broken"])
def test_the_other_provider_answers_when_one_fails(client, model, stream):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=HELLO, stream=stream)
    if stream:
        chunks = list(raw.parse())
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    else:
        text = raw.parse().choices[0].message.content
    assert text == GEMINI_TEXT
    assert raw.headers["x-locum-provider"] == "gemini"


class TestTranslated:
    """Locum says it in Gemini's protocol, LiteLLM understands it, and a scripted OpenAI hears what was meant."""

    def test_a_conversation(self, client, openai_provider):
        openai_provider.upstream.script(openai_provider.text("Bonjour."))
        messages = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": "In French?"},
        ]
        answer = client.chat.completions.create(model="gemini-translated", messages=messages)
        assert answer.choices[0].message.content == "Bonjour."
        heard = openai_provider.upstream.last["messages"]
        assert [message["role"] for message in heard] == ["system", "user", "assistant", "user"]
        assert [text_of(message) for message in heard] == ["Be kind.", "Hello", "Hi.", "In French?"]

    def test_parallel_calls_and_their_results(self, client, openai_provider):
        calls = (("weather", {"city": "Paris"}), ("weather", {"city": "Oslo"}))
        openai_provider.upstream.script(openai_provider.calls(*calls), openai_provider.text("Rain, and snow."))
        messages = [{"role": "user", "content": "The weather in Paris and Oslo?"}]
        asked = {"model": "gemini-translated", "tools": [WEATHER]}
        choice = client.chat.completions.create(messages=messages, **asked).choices[0]
        assert choice.finish_reason == "tool_calls"
        made = choice.message.tool_calls
        assert [json.loads(call.function.arguments)["city"] for call in made] == ["Paris", "Oslo"]
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": weather}
            for call, weather in zip(made, ["rain", "snow"])
        ]
        answer = client.chat.completions.create(messages=[*messages, choice.message.to_dict(), *results], **asked)
        assert answer.choices[0].message.content == "Rain, and snow."

        function = openai_provider.upstream.last["tools"][0]["function"]
        assert function["name"] == "weather"
        assert function["parameters"]["required"] == ["city"]
        heard = openai_provider.upstream.last["messages"]
        assert [message["role"] for message in heard] == ["user", "assistant", "tool", "tool"]
        assert "rain" in str(heard[2]["content"]) and "snow" in str(heard[3]["content"])

    def test_a_streamed_answer(self, client, openai_provider):
        openai_provider.upstream.script(openai_provider.text_stream("Bon", "jour", "."))
        chunks = list(
            client.chat.completions.create(
                model="gemini-translated", messages=[{"role": "user", "content": "Hello"}], stream=True
            )
        )
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == "Bonjour."


def text_of(message: dict) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
