"""Runs of assistants, with LiteLLM in the place of OpenAI and of Gemini."""

import json

import pytest
from test_litellm import BOTH, WEATHER


@pytest.fixture
def threads(client):
    return client.beta.threads


@pytest.fixture
def thread(threads):
    return threads.create(messages=[{"role": "user", "content": "Hello"}])


@BOTH
def test_a_polled_run(client, threads, thread, provider, model, text):
    assistant = client.beta.assistants.create(model=model, instructions="Be kind.")
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
    assert run.status == "completed", run.last_error
    assert threads.messages.list(thread.id).data[0].content[0].text.value == text
    (step,) = threads.runs.steps.list(run.id, thread_id=thread.id).data
    assert step.metadata["locum_provider"] == provider


@BOTH
def test_a_watched_run(client, threads, thread, provider, model, text):
    assistant = client.beta.assistants.create(model=model, instructions="Be kind.")
    with threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as watching:
        assert "".join(watching.text_deltas) == text
        assert watching.get_final_run().status == "completed"


@pytest.mark.parametrize("model", ["gpt-limited", "gpt-broken"])
def test_the_other_provider_answers_when_one_fails(client, threads, thread, model):
    assistant = client.beta.assistants.create(model=model)
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
    assert run.status == "completed", run.last_error
    (step,) = threads.runs.steps.list(run.id, thread_id=thread.id).data
    assert (step.metadata["locum_provider"], step.metadata["locum_fallback"]) == ("gemini", "true")


@pytest.mark.parametrize("watched", [False, True], ids=["polled", "watched"])
@pytest.mark.parametrize("model", ["gpt-translated", "gemini-translated"])
def test_a_function_tool(client, threads, thread, openai_provider, model, watched):
    """Behind LiteLLM a scripted OpenAI calls the function and hears its outputs, whichever protocol Locum speaks."""
    calls = (("weather", {"city": "Paris"}), ("weather", {"city": "Oslo"}))
    openai_provider.upstream.script(openai_provider.calls_stream(*calls), openai_provider.text_stream("Rain, ", "and snow."))
    assistant = client.beta.assistants.create(model=model, tools=[WEATHER])
    at = {"thread_id": thread.id}
    if watched:
        with threads.runs.stream(assistant_id=assistant.id, **at) as watching:
            run = watching.get_final_run()
    else:
        run = threads.runs.create_and_poll(assistant_id=assistant.id, poll_interval_ms=20, **at)
    assert run.status == "requires_action", run.last_error
    made = run.required_action.submit_tool_outputs.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in made] == ["Paris", "Oslo"]
    outputs = [{"tool_call_id": call.id, "output": weather} for call, weather in zip(made, ["rain", "snow"])]
    at |= {"run_id": run.id, "tool_outputs": outputs}
    if watched:
        with threads.runs.submit_tool_outputs_stream(**at) as watching:
            assert "".join(watching.text_deltas) == "Rain, and snow."
            run = watching.get_final_run()
    else:
        run = threads.runs.submit_tool_outputs_and_poll(poll_interval_ms=20, **at)
    assert run.status == "completed", run.last_error
    assert threads.messages.list(thread.id).data[0].content[0].text.value == "Rain, and snow."
    heard = openai_provider.upstream.last["messages"]
    assert [message["role"] for message in heard] == ["user", "assistant", "tool", "tool"]
    assert "rain" in str(heard[2]["content"]) and "snow" in str(heard[3]["content"])
