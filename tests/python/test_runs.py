"""Runs that are polled: the whole life, over both providers."""

import concurrent.futures
import time

import httpx2
import openai
import pytest
from harness.process import wait_until
from harness.server import routed_to

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALLS = [("weather", {"city": "Paris"}), ("weather", {"city": "Oslo"})]


@pytest.fixture
def threads(client):
    return client.beta.threads


@pytest.fixture
def assistant(client, provider):
    return client.beta.assistants.create(model=provider.model, instructions="Be brief.", tools=[WEATHER])


@pytest.fixture
def thread(threads):
    return threads.create(messages=[{"role": "user", "content": "How is the weather?"}])


def texts(threads, thread) -> list[str]:
    return [each.content[0].text.value for each in threads.messages.list(thread.id, order="asc")]


def test_a_run_answers(threads, assistant, thread, provider):
    provider.upstream.script(provider.text_stream("Good ", "day", "."))
    run = threads.runs.create(thread.id, assistant_id=assistant.id, metadata={"k": "v"})
    assert (run.status, run.object, run.usage, run.metadata) == ("queued", "thread.run", None, {"k": "v"})
    assert run.expires_at == run.created_at + 600
    run = threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20)
    assert run.status == "completed"
    assert (run.completed_at >= run.started_at >= run.created_at) and run.expires_at is None
    usage = run.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)
    assert (run.model, run.instructions) == (provider.model, "Be brief.")
    assert texts(threads, thread) == ["How is the weather?", "Good day."]
    (message,) = threads.messages.list(thread.id, run_id=run.id).data
    assert (message.role, message.status, message.run_id, message.assistant_id) == (
        "assistant",
        "completed",
        run.id,
        assistant.id,
    )
    (step,) = threads.runs.steps.list(run.id, thread_id=thread.id).data
    assert (step.type, step.status, step.usage.total_tokens) == ("message_creation", "completed", 18)
    assert step.step_details.message_creation.message_id == message.id
    assert step.metadata["locum_provider"] == provider.name
    assert threads.runs.steps.retrieve(step.id, run_id=run.id, thread_id=thread.id) == step
    assert [each.id for each in threads.runs.list(thread.id)] == [run.id]


def test_a_conversation_goes_on(threads, assistant, thread, provider):
    provider.upstream.script(provider.text_stream("Rain."), provider.text_stream("Sun."))
    assert threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20).status == "completed"
    threads.messages.create(thread.id, role="user", content="And tomorrow?")
    assert threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20).status == "completed"
    assert texts(threads, thread) == ["How is the weather?", "Rain.", "And tomorrow?", "Sun."]
    sent = str(provider.upstream.last)
    assert sent.index("How is the weather?") < sent.index("Rain.") < sent.index("And tomorrow?")


def test_create_and_run(threads, assistant, provider):
    provider.upstream.script(provider.text_stream("Hello!"))
    run = threads.create_and_run_poll(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "Hi"}], "metadata": {"a": "b"}},
        poll_interval_ms=20,
    )
    assert run.status == "completed"
    thread = threads.retrieve(run.thread_id)
    assert thread.metadata == {"a": "b"}
    assert texts(threads, thread) == ["Hi", "Hello!"]


def test_what_a_run_overrides(client, threads, thread, openai_provider):
    assistant = client.beta.assistants.create(
        model="gpt-4o", instructions="Be brief.", temperature=0.25, tools=[WEATHER], metadata={"not": "taken"}
    )
    openai_provider.upstream.script(openai_provider.text_stream("ok"))
    run = threads.runs.create_and_poll(
        thread_id=thread.id,
        assistant_id=assistant.id,
        model="gpt-4.1-mini",
        instructions="Be kind, in JSON.",
        additional_instructions="Say please.",
        additional_messages=[{"role": "user", "content": "Also this."}],
        tools=[],
        temperature=0.75,
        top_p=0.5,
        max_completion_tokens=300,
        max_prompt_tokens=1000,
        response_format={"type": "json_object"},
        tool_choice="none",
        parallel_tool_calls=False,
        truncation_strategy={"type": "last_messages", "last_messages": 1},
        poll_interval_ms=20,
    )
    assert (run.status, run.model, run.tools, run.temperature, run.top_p) == ("completed", "gpt-4.1-mini", [], 0.75, 0.5)
    assert run.instructions.startswith("Be kind, in JSON.") and run.instructions.endswith("Say please.")
    assert (run.max_completion_tokens, run.max_prompt_tokens, run.parallel_tool_calls) == (300, 1000, False)
    assert (run.truncation_strategy.type, run.truncation_strategy.last_messages) == ("last_messages", 1)
    assert (run.response_format.type, run.tool_choice, run.metadata) == ("json_object", "none", {})
    sent = openai_provider.upstream.last
    assert (sent["model"], sent["temperature"], sent["top_p"]) == ("gpt-4.1-mini", 0.75, 0.5)
    assert sent.get("max_completion_tokens", sent.get("max_tokens")) == 300
    assert sent["response_format"] == {"type": "json_object"}
    assert "tools" not in sent
    assert [message["role"] for message in sent["messages"]] == ["system", "user"], "the last message alone"
    assert sent["messages"][1]["content"] == "Also this."
    assert texts(threads, thread)[1] == "Also this.", "it was added to the thread"


class TestTools:
    def begin(self, threads, assistant, thread, provider):
        provider.upstream.script(provider.calls_stream(*CALLS))
        run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
        assert run.status == "requires_action"
        return run

    def test_parallel_calls_and_their_outputs(self, threads, assistant, thread, provider):
        run = self.begin(threads, assistant, thread, provider)
        calls = run.required_action.submit_tool_outputs.tool_calls
        assert [(call.function.name, call.function.arguments.replace(" ", "")) for call in calls] == [
            ("weather", '{"city":"Paris"}'),
            ("weather", '{"city":"Oslo"}'),
        ]
        (step,) = threads.runs.steps.list(run.id, thread_id=thread.id).data
        assert (step.type, step.status, step.usage) == ("tool_calls", "in_progress", None)
        provider.upstream.script(provider.text_stream("Rain and snow."))
        run = threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=thread.id,
            tool_outputs=[
                {"tool_call_id": calls[1].id, "output": "snow"},
                {"tool_call_id": calls[0].id, "output": '{"sky": "rain"}'},
            ],
            poll_interval_ms=20,
        )
        assert run.status == "completed" and run.required_action is None
        assert run.usage.total_tokens == 36, "both calls of the model"
        answer, tools = threads.runs.steps.list(run.id, thread_id=thread.id).data
        assert (tools.status, answer.status) == ("completed", "completed")
        outputs = [call.function.output for call in tools.step_details.tool_calls]
        assert outputs == ['{"sky": "rain"}', "snow"]
        assert texts(threads, thread)[-1] == "Rain and snow."

    def test_the_next_run_still_knows_the_calls(self, client, threads, thread, gemini_provider):
        assistant = client.beta.assistants.create(model=gemini_provider.model, tools=[WEATHER])
        run = self.begin(threads, assistant, thread, gemini_provider)
        calls = run.required_action.submit_tool_outputs.tool_calls
        gemini_provider.upstream.script(gemini_provider.text_stream("Wet."), gemini_provider.text_stream("Wetter."))
        threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=thread.id,
            tool_outputs=[{"tool_call_id": call.id, "output": "rain"} for call in calls],
            poll_interval_ms=20,
        )
        threads.messages.create(thread.id, role="user", content="And now?")
        threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
        contents = gemini_provider.upstream.last["contents"]
        assert [content["role"] for content in contents] == ["user", "model", "user", "model", "user"]
        parts = contents[1]["parts"]
        assert [part["functionCall"]["args"]["city"] for part in parts] == ["Paris", "Oslo"]
        assert parts[0]["thoughtSignature"] == "c2lnbmF0dXJlLW9mLXRoZS1maXJzdC1jYWxs"

    def test_outputs_that_do_not_fit(self, threads, assistant, thread, provider):
        run = self.begin(threads, assistant, thread, provider)
        first, second = (call.id for call in run.required_action.submit_tool_outputs.tool_calls)

        def refused(*ids: str) -> str:
            outputs = [{"tool_call_id": id, "output": "x"} for id in ids]
            with pytest.raises(openai.BadRequestError) as error:
                threads.runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=outputs)
            return error.value.body["message"]

        expected = f"Expected tool outputs for call_ids ['{first}', '{second}'], got "
        assert refused(first) == f"{expected}['{first}']"
        assert refused(first, "call_unknown") == f"{expected}['{first}', 'call_unknown']"
        assert refused(first, first, second) == f"{expected}['{first}', '{first}', '{second}']"
        assert threads.runs.retrieve(run.id, thread_id=thread.id).status == "requires_action"

    def test_the_thread_is_locked_meanwhile(self, threads, assistant, thread, provider):
        run = self.begin(threads, assistant, thread, provider)
        with pytest.raises(openai.BadRequestError) as refused:
            threads.messages.create(thread.id, role="user", content="x")
        assert refused.value.body["message"] == f"Can't add messages to {thread.id} while a run {run.id} is active."
        with pytest.raises(openai.BadRequestError) as refused:
            threads.runs.create(thread.id, assistant_id=assistant.id)
        assert refused.value.body["message"] == f"Thread {thread.id} already has an active run {run.id}."
        cancelled = threads.runs.cancel(run.id, thread_id=thread.id)
        assert cancelled.status == "cancelling"
        run = threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20)
        assert run.status == "cancelled" and run.cancelled_at
        threads.messages.create(thread.id, role="user", content="x")
        with pytest.raises(openai.BadRequestError) as refused:
            threads.runs.cancel(run.id, thread_id=thread.id)
        assert refused.value.body["message"] == "Cannot cancel run with status 'cancelled'."
        with pytest.raises(openai.BadRequestError) as refused:
            threads.runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=[])
        assert refused.value.body["message"] == 'Runs in status "cancelled" do not accept tool outputs.'

    def test_a_deleted_assistant_leaves_its_run_alone(self, client, threads, assistant, thread, provider):
        run = self.begin(threads, assistant, thread, provider)
        client.beta.assistants.delete(assistant.id)
        calls = run.required_action.submit_tool_outputs.tool_calls
        provider.upstream.script(provider.text_stream("Fine."))
        run = threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=thread.id,
            tool_outputs=[{"tool_call_id": call.id, "output": "x"} for call in calls],
            poll_interval_ms=20,
        )
        assert run.status == "completed"


class TestEndings:
    def test_a_limit_of_tokens(self, threads, assistant, thread, provider):
        provider.upstream.script(provider.text_stream("Too lo", finish="length"))
        run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
        assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_completion_tokens")
        (message,) = threads.messages.list(thread.id, run_id=run.id).data
        assert (message.status, message.incomplete_details.reason) == ("incomplete", "max_tokens")
        assert message.content[0].text.value == "Too lo"

    def test_completion_tokens_are_summed_over_the_calls_of_the_model(self, start, openai_provider):
        locum = start(**routed_to(openai_provider.upstream.url))
        big = openai_provider.calls_stream(CALLS[0])
        big["chunks"][-1]["usage"] = {"prompt_tokens": 11, "completion_tokens": 300, "total_tokens": 311}
        openai_provider.upstream.script(big)
        with locum.client() as client:
            assistant = client.beta.assistants.create(model=openai_provider.model, tools=[WEATHER])
            run = client.beta.threads.create_and_run_poll(
                assistant_id=assistant.id,
                thread={"messages": [{"role": "user", "content": "x"}]},
                max_completion_tokens=300,
                poll_interval_ms=20,
            )
            (call,) = run.required_action.submit_tool_outputs.tool_calls
            run = client.beta.threads.runs.submit_tool_outputs_and_poll(
                run_id=run.id,
                thread_id=run.thread_id,
                tool_outputs=[{"tool_call_id": call.id, "output": "x"}],
                poll_interval_ms=20,
            )
        assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_completion_tokens")

    def test_the_provider_fails(self, start, openai_provider):
        locum = start(**routed_to(openai_provider.upstream.url), PROVIDER_MAX_RETRIES="0")
        cases = [({"status": 500}, "server_error"), ({"status": 429}, "rate_limit_exceeded"), ({"status": 400}, "invalid_prompt")]
        with locum.client() as client:
            assistant = client.beta.assistants.create(model=openai_provider.model)
            for behaviour, code in cases:
                openai_provider.upstream.script(behaviour)
                run = client.beta.threads.create_and_run_poll(
                    assistant_id=assistant.id,
                    thread={"messages": [{"role": "user", "content": "x"}]},
                    poll_interval_ms=20,
                )
                assert (run.status, run.last_error.code) == ("failed", code)
                assert run.failed_at and run.last_error.message
                assert client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data == []

    def test_an_answer_that_breaks_off_unseen_is_had_elsewhere(self, client, threads, thread, openai_provider, gemini_provider):
        assistant = client.beta.assistants.create(model=openai_provider.model)
        openai_provider.upstream.script({"fault": "cut", "after": 3})
        gemini_provider.upstream.script(gemini_provider.text_stream("From elsewhere."))
        run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
        assert run.status == "completed"
        assert texts(threads, thread)[-1] == "From elsewhere."
        (step,) = threads.runs.steps.list(run.id, thread_id=thread.id).data
        assert step.metadata["locum_provider"] == "gemini" and step.metadata["locum_fallback"] == "true"

    def test_a_run_expires(self, start, openai_provider):
        locum = start(**routed_to(openai_provider.upstream.url), RUN_EXPIRY="2")
        openai_provider.upstream.script(openai_provider.calls_stream(*CALLS), {"fault": "stall", "after": 3})
        with locum.client() as client:
            assistant = client.beta.assistants.create(model=openai_provider.model, tools=[WEATHER])
            runs = [
                client.beta.threads.create_and_run(
                    assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "x"}]}
                )
                for _ in range(2)
            ]

            def ended(run):
                run = client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
                return run if run.status == "expired" else None

            waiting, writing = (wait_until(lambda: ended(run), 8, "the run's expiry") for run in runs)
            with pytest.raises(openai.BadRequestError) as refused:
                client.beta.threads.runs.submit_tool_outputs(waiting.id, thread_id=waiting.thread_id, tool_outputs=[])
            assert refused.value.body["message"] == 'Runs in status "expired" do not accept tool outputs.'
            (step,) = client.beta.threads.runs.steps.list(writing.id, thread_id=writing.thread_id).data
            assert step.status == "expired" and step.expired_at
            (message,) = client.beta.threads.messages.list(writing.thread_id, run_id=writing.id).data
            assert (message.status, message.incomplete_details.reason) == ("incomplete", "run_expired")

    def test_cancelling_a_run_that_writes(self, threads, assistant, thread, provider):
        provider.upstream.script({"fault": "stall", "after": 3})
        run = threads.runs.create(thread.id, assistant_id=assistant.id)
        wait_until(lambda: threads.messages.list(thread.id, run_id=run.id).data, what="the message's beginning")
        begun = time.monotonic()
        assert threads.runs.cancel(run.id, thread_id=thread.id).status == "cancelling"
        run = threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20)
        assert run.status == "cancelled"
        assert time.monotonic() - begun < 2
        (message,) = threads.messages.list(thread.id, run_id=run.id).data
        assert (message.status, message.incomplete_details.reason) == ("incomplete", "run_cancelled")


def test_sixteen_race_for_one_thread(locum, threads, assistant, thread, provider):
    provider.upstream.script(provider.calls_stream(*CALLS))

    def ask(_) -> httpx2.Response:
        return locum.post(f"/v1/threads/{thread.id}/runs", {"assistant_id": assistant.id})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    (won,) = (answer.json() for answer in answers if answer.status_code == 200)
    lost = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in lost} == {400}
    sentences = {answer.json()["error"]["message"] for answer in lost}
    assert sentences == {f"Thread {thread.id} already has an active run {won['id']}."}


def test_images_reach_the_model(client, threads, assistant, provider):
    png = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
    file = client.files.create(file=("dot.png", png), purpose="vision")
    thread = threads.create(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_file", "image_file": {"file_id": file.id}},
                ],
            }
        ]
    )
    provider.upstream.script(provider.text_stream("A dot."))
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
    assert run.status == "completed"
    assert "iVBORw0KGgo" in str(provider.upstream.last) and "image/png" in str(provider.upstream.last)


def test_polling_headers(locum, threads, assistant, thread, provider):
    provider.upstream.script(provider.calls_stream(*CALLS))
    run = threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
    answer = locum.http.get(f"/v1/threads/{thread.id}/runs/{run.id}")
    assert 0 < int(answer.headers["openai-poll-after-ms"]) <= 1000
    assert answer.headers["x-locum-provider"] == provider.name


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"assistant_id": None}, "assistant_id"),
        ({"max_prompt_tokens": 255}, "max_prompt_tokens"),
        ({"max_completion_tokens": 1}, "max_completion_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"truncation_strategy": {"type": "last_messages", "last_messages": 0}}, "truncation_strategy.last_messages"),
        ({"truncation_strategy": {"type": "guess"}}, "truncation_strategy.type"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"tools": [{"type": "code_interpreter"}]}, "tools[0].type"),
        ({"additional_messages": [{"role": "user"}]}, "additional_messages[0].content"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_what_is_wrong_is_named(locum, thread, change, param):
    refused = locum.post(f"/v1/threads/{thread.id}/runs", {"assistant_id": "asst_x"} | change)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param


def test_what_is_not_there(threads, assistant, thread):
    missing = [
        (lambda: threads.runs.create("thread_x", assistant_id=assistant.id), "No thread found with id 'thread_x'."),
        (lambda: threads.runs.create(thread.id, assistant_id="asst_x"), "No assistant found with id 'asst_x'."),
        (lambda: threads.runs.retrieve("run_x", thread_id=thread.id), "No run found with id 'run_x'."),
        (lambda: threads.runs.cancel("run_x", thread_id=thread.id), "No run found with id 'run_x'."),
        (lambda: threads.runs.steps.list("run_x", thread_id=thread.id), "No run found with id 'run_x'."),
    ]
    for ask, sentence in missing:
        with pytest.raises(openai.NotFoundError) as refused:
            ask()
        assert refused.value.body["message"] == sentence
