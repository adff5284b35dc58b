"""The older text completions: prompts in, texts out, over chat models."""

import openai
import pytest


def test_a_completion(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text("a time."))
    answer = client.completions.create(model=gemini_provider.model, prompt="Once upon", max_tokens=5)
    assert answer.object == "text_completion"
    assert answer.id.startswith("cmpl-")
    (choice,) = answer.choices
    assert (choice.index, choice.text, choice.finish_reason) == (0, "a time.", "stop")
    assert answer.usage.total_tokens == 18
    assert gemini_provider.upstream.last["contents"][0]["parts"][0]["text"] == "Once upon"


def test_several_prompts_with_several_answers_each(client, gemini_provider):
    answer = client.completions.create(model=gemini_provider.model, prompt=["One", "Two"], n=2)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert all(choice.text for choice in answer.choices)


def test_a_streamed_completion(locum, gemini_provider):
    # OpenAI's own streams have finish_reason null here, which the SDK's type does not allow.
    client = locum.client(_strict_response_validation=False)
    gemini_provider.upstream.script(gemini_provider.text_stream("a ", "time."))
    chunks = list(client.completions.create(model=gemini_provider.model, prompt="Once upon", stream=True))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "a time."
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert len({chunk.id for chunk in chunks}) == 1
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons[-1] == "stop"


def test_stop_reaches_the_model(client, gemini_provider):
    client.completions.create(model=gemini_provider.model, prompt="Once upon", stop=["\n"])
    assert gemini_provider.upstream.last["generationConfig"]["stopSequences"] == ["\n"]


def test_a_suffix_is_refused_clearly(client, gemini_provider):
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=gemini_provider.model, prompt="Once upon", suffix="The end.")
    assert refused.value.param == "suffix"
    assert gemini_provider.upstream.asked == 0


def test_an_echo_comes_before_the_answer(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text(" a time."))
    answer = client.completions.create(model=gemini_provider.model, prompt="Once upon", echo=True)
    assert answer.choices[0].text == "Once upon a time."
