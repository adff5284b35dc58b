"""Runs that are watched: OpenAI's events in OpenAI's order, through the SDK's own helpers."""

import asyncio
import json
import socket
import time

import openai
import pytest
from harness.process import wait_until
from harness.server import KEY, frames, routed_to
from openai import AssistantEventHandler, AsyncAssistantEventHandler

from test_runs import CALLS, WEATHER


@pytest.fixture
def threads(client):
    return client.beta.threads


@pytest.fixture
def assistant(client, provider):
    return client.beta.assistants.create(model=provider.model, tools=[WEATHER])


@pytest.fixture
def thread(threads):
    return threads.create(messages=[{"role": "user", "content": "How is the weather?"}])


TEXT_EVENTS = [
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.message.created",
    "thread.message.in_progress",
    *["thread.message.delta"] * 3,
    "thread.message.completed",
    "thread.run.step.completed",
    "thread.run.completed",
    "done",
]


def stream(locum, path: str, body: dict) -> list[tuple[str, str]]:
    with locum.http.stream("POST", path, json=body | {"stream": True}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        return frames(response)


def test_the_order_of_a_text_run(locum, assistant, thread, provider):
    provider.upstream.script(provider.text_stream("Good ", "day", "."))
    events = stream(locum, f"/v1/threads/{thread.id}/runs", {"assistant_id": assistant.id})
    assert [name for name, _ in events if name != "thread.message.delta"] == [
        name for name in TEXT_EVENTS if name != "thread.message.delta"
    ]
    assert events[-1][1] == "[DONE]"
    objects = {name: json.loads(data) for name, data in events[:-1]}
    assert objects["thread.run.created"]["status"] == "queued"
    assert objects["thread.message.created"]["content"] == []
    assert objects["thread.run.step.created"]["step_details"]["message_creation"]["message_id"].startswith("msg_")
    assert objects["thread.message.completed"]["content"][0]["text"]["value"] == "Good day."
    assert objects["thread.run.completed"]["usage"]["total_tokens"] == 18
    assert objects["thread.run.completed"]["expires_at"] is None
    deltas = [json.loads(data)["delta"]["content"][0] for name, data in events if name == "thread.message.delta"]
    assert "".join(delta["text"]["value"] for delta in deltas) == "Good day."
    assert deltas[0]["text"]["annotations"] == [] and all("annotations" not in delta["text"] for delta in deltas[1:])
    assert {delta["index"] for delta in deltas} == {0}


def test_create_and_run_begins_with_the_thread(locum, assistant, provider):
    provider.upstream.script(provider.text_stream("Hi."))
    body = {"assistant_id": assistant.id, "thread": {"messages": [{"role": "user", "content": "x"}]}}
    names = [name for name, _ in stream(locum, "/v1/threads/runs", body)]
    assert names[:2] == ["thread.created", "thread.run.created"]
    assert names[-2:] == ["thread.run.completed", "done"]


def test_the_order_of_a_run_with_tools(locum, threads, assistant, thread, provider):
    provider.upstream.script(provider.calls_stream(*CALLS))
    events = stream(locum, f"/v1/threads/{thread.id}/runs", {"assistant_id": assistant.id})
    names = [name for name, _ in events]
    assert names[:5] == [*TEXT_EVENTS[:5]]
    assert names[-2:] == ["thread.run.requires_action", "done"]
    assert set(names[5:-2]) == {"thread.run.step.delta"}
    calls: dict[int, dict] = {}
    for name, data in events:
        if name == "thread.run.step.delta":
            (call,) = json.loads(data)["delta"]["step_details"]["tool_calls"]
            known = calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            known["id"] += call.get("id", "")
            known["name"] += call["function"].get("name", "")
            known["arguments"] += call["function"].get("arguments", "")
    assert [json.loads(calls[index]["arguments"])["city"] for index in (0, 1)] == ["Paris", "Oslo"]
    run = json.loads(events[-2][1])
    required = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert [call["id"] for call in required] == [calls[0]["id"], calls[1]["id"]]

    provider.upstream.script(provider.text_stream("Rain."))
    outputs = [{"tool_call_id": call["id"], "output": "rain"} for call in required]
    events = stream(locum, f"/v1/threads/{thread.id}/runs/{run['id']}/submit_tool_outputs", {"tool_outputs": outputs})
    names = [name for name, _ in events if name != "thread.message.delta"]
    assert names[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
    assert names[3:] == [name for name in TEXT_EVENTS[3:] if name != "thread.message.delta"]
    completed = json.loads(events[0][1])
    assert [call["function"]["output"] for call in completed["step_details"]["tool_calls"]] == ["rain", "rain"]


class Recorder(AssistantEventHandler):
    def __init__(self):
        super().__init__()
        self.seen: list[str] = []

    def on_text_created(self, text):
        self.seen.append("text created")

    def on_text_delta(self, delta, snapshot):
        self.seen.append(delta.value)

    def on_text_done(self, text):
        self.seen.append(f"done: {text.value}")

    def on_tool_call_created(self, tool_call):
        self.seen.append(f"call: {tool_call.function.name}")

    def on_tool_call_done(self, tool_call):
        self.seen.append(f"called: {tool_call.function.arguments}".replace(" ", ""))

    def on_end(self):
        self.seen.append("end")


def test_an_event_handler_sees_it_all(threads, assistant, thread, provider):
    provider.upstream.script(provider.calls_stream(*CALLS))
    recorder = Recorder()
    with threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=recorder) as watching:
        run = watching.get_final_run()
    assert run.status == "requires_action"
    assert recorder.seen == [
        "call: weather",
        'called:{"city":"Paris"}',
        "call: weather",
        'called:{"city":"Oslo"}',
        "end",
    ]
    provider.upstream.script(provider.text_stream("Rain ", "and snow."))
    recorder = Recorder()
    calls = run.required_action.submit_tool_outputs.tool_calls
    with threads.runs.submit_tool_outputs_stream(
        run_id=run.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "x"} for call in calls],
        event_handler=recorder,
    ) as watching:
        watching.until_done()
        (message,) = watching.get_final_messages()
        (step,) = watching.get_final_run_steps()
        assert watching.get_final_run().status == "completed"
    assert message.content[0].text.value == "Rain and snow."
    assert step.type == "message_creation"
    assert "".join(recorder.seen[1:-2]) == "Rain and snow."
    assert recorder.seen[0] == "text created" and recorder.seen[-2:] == ["done: Rain and snow.", "end"]


def test_the_helper_for_text(threads, assistant, thread, provider):
    provider.upstream.script(provider.text_stream("a", "b", "c"))
    with threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as watching:
        assert "".join(watching.text_deltas) == "abc"
    provider.upstream.script(provider.text_stream("d"))
    with threads.create_and_run_stream(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "x"}]}
    ) as watching:
        watching.until_done()
        assert watching.get_final_run().status == "completed"


def test_the_asynchronous_client(locum, assistant, thread, provider):
    provider.upstream.script(provider.text_stream("a", "b"))

    async def watch() -> tuple[str, str]:
        async with locum.async_client() as client:
            handler = AsyncAssistantEventHandler()
            async with client.beta.threads.runs.stream(
                thread_id=thread.id, assistant_id=assistant.id, event_handler=handler
            ) as watching:
                text = "".join([part async for part in watching.text_deltas])
                return text, (await watching.get_final_run()).status

    assert asyncio.run(watch()) == ("ab", "completed")


def test_plain_iteration_with_stream_true(threads, assistant, thread, provider):
    provider.upstream.script(provider.text_stream("a"))
    events = list(threads.runs.create(thread.id, assistant_id=assistant.id, stream=True))
    assert events[0].event == "thread.run.created"
    assert events[-1].event == "thread.run.completed"


def test_a_failure_in_the_middle_keeps_what_was_shown(locum, openai_provider, start):
    locum = start(**routed_to(openai_provider.upstream.url), PROVIDER_MAX_RETRIES="0", PROVIDER_TIMEOUT="700")
    # It falls silent: one that broke off at once might do so before anybody was shown anything, and be asked again.
    openai_provider.upstream.script({"fault": "stall", "after": 4})
    with locum.client() as client:
        assistant = client.beta.assistants.create(model=openai_provider.model)
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "one two three four five six"}])
        events = stream(locum, f"/v1/threads/{thread.id}/runs", {"assistant_id": assistant.id})
    names = [name for name, _ in events]
    assert names[-4:] == ["thread.message.incomplete", "thread.run.step.failed", "thread.run.failed", "done"]
    message, _, run = (json.loads(data) for _, data in events[-4:-1])
    shown = "".join(
        json.loads(data)["delta"]["content"][0]["text"]["value"] for name, data in events if name == "thread.message.delta"
    )
    assert shown and message["content"][0]["text"]["value"] == shown
    assert message["incomplete_details"] == {"reason": "run_failed"}
    assert run["last_error"]["code"] == "server_error"


def test_cancelling_while_somebody_watches(locum, threads, assistant, thread, provider):
    provider.upstream.script({"fault": "stall", "after": 3})
    names = []
    for event in threads.runs.create(thread.id, assistant_id=assistant.id, stream=True):
        names.append(event.event)
        if event.event == "thread.message.delta" and names.count(event.event) == 1:
            threads.runs.cancel(event_run(names, threads, thread), thread_id=thread.id)
    assert names[-4:] == [
        "thread.run.cancelling",
        "thread.message.incomplete",
        "thread.run.step.cancelled",
        "thread.run.cancelled",
    ]


def event_run(_names, threads, thread) -> str:
    return threads.runs.list(thread.id).data[0].id


def test_a_client_that_leaves_does_not_stop_the_run(locum, threads, assistant, thread, provider):
    provider.upstream.script(provider.text_stream(*["word "] * 50) | {"delay_ms": 300})
    body = json.dumps({"assistant_id": assistant.id, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", locum.port)) as leaver:
        leaver.sendall(
            f"POST /v1/threads/{thread.id}/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )
        leaver.recv(200)

    def ended():
        runs = threads.runs.list(thread.id).data
        return runs and runs[0].status == "completed"

    wait_until(ended, what="the run's end")
    assert threads.messages.list(thread.id).data[0].content[0].text.value == "word " * 50


def test_pauses_are_filled(start, openai_provider):
    locum = start(**routed_to(openai_provider.upstream.url))
    openai_provider.upstream.script(openai_provider.text_stream("late") | {"delay_ms": 11_500})
    with locum.client() as client:
        assistant = client.beta.assistants.create(model=openai_provider.model)
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "x"}])
    begun = time.monotonic()
    with locum.http.stream(
        "POST", f"/v1/threads/{thread.id}/runs", json={"assistant_id": assistant.id, "stream": True}
    ) as response:
        text = response.read().decode()
    assert time.monotonic() - begun > 10
    assert "\n: keepalive" in text or text.startswith(": keepalive")
    assert text.endswith("event: done\ndata: [DONE]\n\n")


def test_errors_before_the_stream_are_ordinary(threads, assistant):
    with pytest.raises(openai.NotFoundError):
        with threads.runs.stream(thread_id="thread_x", assistant_id=assistant.id):
            pass
