"""Chat completions, plain: the same through the SDK whichever provider answers."""

import asyncio
import base64

import pytest
from harness.server import UPSTREAM_KEY

HELLO = [{"role": "user", "content": "Hello"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="


def test_an_answer(client, provider):
    provider.upstream.script(provider.text("Good day."))
    answer = client.chat.completions.create(model=provider.model, messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert len(answer.choices) == 1
    choice = answer.choices[0]
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.content == "Good day."
    assert choice.message.refusal is None
    assert not choice.message.tool_calls
    assert provider.upstream.asked == 1


def test_an_answer_of_the_async_client(locum, provider):
    async def ask():
        async with locum.async_client() as client:
            return await asyncio.gather(
                *(client.chat.completions.create(model=provider.model, messages=HELLO) for _ in range(5))
            )

    provider.upstream.script(*[provider.text("Good day.")] * 5)
    answers = asyncio.run(ask())
    assert [answer.choices[0].message.content for answer in answers] == ["Good day."] * 5
    assert provider.upstream.asked == 5


def test_usage_adds_up_and_includes_thinking(client, provider):
    provider.upstream.script(provider.text("Good day."))
    usage = client.chat.completions.create(model=provider.model, messages=HELLO).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)


def test_thinking_tokens_are_told_apart(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text("Good day."))
    usage = client.chat.completions.create(model=gemini_provider.model, messages=HELLO).usage
    assert usage.completion_tokens_details.reasoning_tokens == 3


def test_the_answer_says_who_gave_it(client, provider):
    provider.upstream.script(provider.text("Good day."))
    raw = client.chat.completions.with_raw_response.create(model=provider.model, messages=HELLO)
    assert raw.headers["x-locum-provider"] == provider.name
    assert raw.headers["x-locum-model"] == raw.parse().model
    assert "x-locum-fallback" not in raw.headers
    assert raw.request_id and raw.request_id == raw.headers["x-request-id"]
    assert raw.headers["openai-version"] == "2020-10-01"
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.headers["content-type"].startswith("application/json")


def test_the_provider_can_be_named_outright(client, provider):
    provider.upstream.script(provider.text("Good day."))
    client.chat.completions.create(model=f"{provider.name}/{provider.model}", messages=HELLO)
    assert provider.upstream.asked == 1


def test_a_dead_name_is_an_alias_of_a_living_one(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text("Good day."))
    client.chat.completions.create(model="gemini-pro", messages=HELLO)
    assert "gemini-pro:" not in gemini_provider.upstream.requests[0]["path"]


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_why_an_answer_ended(client, provider, finish):
    provider.upstream.script(provider.text("Good", finish=finish))
    choice = client.chat.completions.create(model=provider.model, messages=HELLO).choices[0]
    assert (choice.finish_reason, choice.message.content) == (finish, "Good")


def test_two_answers(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text("One."), gemini_provider.text("Two."))
    answer = client.chat.completions.create(model=gemini_provider.model, messages=HELLO, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert sorted(choice.message.content for choice in answer.choices) == ["One.", "Two."]
    assert answer.usage.completion_tokens == 14
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 14


def test_the_upstream_gets_its_own_key_and_not_the_clients(client, locum, provider):
    client.chat.completions.create(model=provider.model, messages=HELLO)
    (request,) = provider.upstream.requests
    sent = " ".join(f"{name}: {value}" for name, value in request["headers"].items()) + request["path"]
    assert locum.key not in sent
    name = {"openai": "authorization", "gemini": "x-goog-api-key"}[provider.name]
    assert request["headers"][name].endswith(UPSTREAM_KEY)


@pytest.mark.complaints
def test_to_openai_the_body_goes_as_it_came(client, openai_provider):
    """Fields that are newer than Locum too, for the upstream to judge."""
    openai_provider.upstream.script(openai_provider.text("Good day."))
    client.chat.completions.create(
        model="openai/gpt-4.1-mini",
        messages=HELLO,
        extra_body={"metadata": {"a": "b"}, "some_new_field": {"deep": [1, 2.50, None]}},
    )
    body = openai_provider.upstream.last
    assert body["model"] == "gpt-4.1-mini"
    assert body["messages"] == HELLO
    assert body["some_new_field"] == {"deep": [1, 2.50, None]}


def test_several_system_messages_all_reach_gemini(client, gemini_provider):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be polite."},
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": "Speak French."},
        {"role": "user", "content": "Again"},
    ]
    client.chat.completions.create(model=gemini_provider.model, messages=messages)
    body = gemini_provider.upstream.last
    system = " ".join(part["text"] for part in body["systemInstruction"]["parts"])
    assert "Be brief." in system and "Be polite." in system
    assert "Speak French." in str(body)


def test_an_image_reaches_gemini(client, gemini_provider):
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    client.chat.completions.create(model=gemini_provider.model, messages=[{"role": "user", "content": content}])
    parts = gemini_provider.upstream.last["contents"][0]["parts"]
    assert parts[0] == {"text": "What is this?"}
    assert parts[1]["inlineData"] == {"mimeType": "image/png", "data": PIXEL}


def test_sound_and_a_document_reach_gemini(client, gemini_provider):
    sound = base64.b64encode(b"RIFF....WAVE").decode()
    pdf = base64.b64encode(b"%PDF-1.7").decode()
    content = [
        {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{pdf}"}},
    ]
    client.chat.completions.create(model=gemini_provider.model, messages=[{"role": "user", "content": content}])
    parts = gemini_provider.upstream.last["contents"][0]["parts"]
    assert parts[0]["inlineData"] == {"mimeType": "audio/wav", "data": sound}
    assert parts[1]["inlineData"] == {"mimeType": "application/pdf", "data": pdf}


def test_parameters_reach_gemini(client, gemini_provider):
    client.chat.completions.create(
        model="gemini-2.5-flash",
        messages=HELLO,
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=100,
        stop=["END"],
        seed=7,
        reasoning_effort="low",
    )
    config = gemini_provider.upstream.last["generationConfig"]
    assert (config["temperature"], config["topP"]) == (0.5, 0.9)
    assert (config["maxOutputTokens"], config["stopSequences"], config["seed"]) == (100, ["END"], 7)
    assert config["thinkingConfig"]["thinkingBudget"] == 1024


def test_nothing_is_injected(client, gemini_provider):
    client.chat.completions.create(model=gemini_provider.model, messages=HELLO)
    config = gemini_provider.upstream.last.get("generationConfig", {})
    assert not config.keys() & {"temperature", "topP", "topK", "maxOutputTokens", "thinkingConfig"}


def test_a_blocked_prompt_is_a_content_filter_answer(client, gemini_provider):
    gemini_provider.upstream.script(
        {"body": {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}}}
    )
    answer = client.chat.completions.create(model=gemini_provider.model, messages=HELLO)
    assert answer.choices[0].finish_reason == "content_filter"
    assert not answer.choices[0].message.content
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (4, 4)


def test_answers_of_reasoning_alone_keep_their_reason(client, gemini_provider):
    candidate = {"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}
    usage = {"promptTokenCount": 4, "thoughtsTokenCount": 16, "totalTokenCount": 20}
    gemini_provider.upstream.script({"body": {"candidates": [candidate], "usageMetadata": usage}})
    answer = client.chat.completions.create(model=gemini_provider.model, messages=HELLO, max_tokens=16)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 16
