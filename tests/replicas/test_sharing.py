"""Replicas that all are well: each answers for all."""

import concurrent.futures
import json
import os
import time

import openai
import pytest
from harness.cluster import Cluster
from harness.process import wait_until
from harness.server import Locum, frames

from load import assert_unlocked, begin_run, look, meanwhile, message_texts, new_assistant, path_of, verify_run

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALLS = [("weather", {"city": "Paris"}), ("weather", {"city": "Oslo"})]


@pytest.fixture
def sdks(cluster):
    """The official client of each replica."""
    clients = [replica.client() for replica in cluster.replicas]
    yield clients
    for client in clients:
        client.close()


def status(replica: Locum, run: dict) -> str:
    return look(replica, path_of(run))["status"]


def wait_for(replica: Locum, run: dict, wanted: str):
    wait_until(lambda: status(replica, run) == wanted, what=f"{wanted} at {replica.port}")


def stream(replica: Locum, method: str, path: str, body: dict | None = None) -> list[tuple[str, str]]:
    with replica.http.stream(method, path, json=body, timeout=30) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        return frames(response)


def attach(replica: Locum, run: dict) -> list[tuple[str, str]]:
    """Watches a run that is there already, to its end."""
    return stream(replica, "GET", f"{path_of(run)}?stream=true")


def told_text(events: list[tuple[str, str]]) -> str:
    """The text that the pieces make."""
    deltas = [json.loads(data)["delta"]["content"] for name, data in events if name == "thread.message.delta"]
    return "".join(part["text"]["value"] for delta in deltas for part in delta)


def last_message(events: list[tuple[str, str]]) -> str:
    (message,) = [json.loads(data) for name, data in events if name == "thread.message.completed"]
    return message["content"][0]["text"]["value"]


class TestObjects:
    def test_what_one_makes_the_others_have(self, sdks, provider):
        first, second, third = sdks
        assistant = first.beta.assistants.create(model=provider.model, name="a")
        assert second.beta.assistants.update(assistant.id, name="b").name == "b"
        assert [each.name for each in third.beta.assistants.list()] == ["b"]
        thread = second.beta.threads.create(messages=[{"role": "user", "content": "one"}])
        message = third.beta.threads.messages.create(thread.id, role="user", content="two")
        assert first.beta.threads.messages.update(message.id, thread_id=thread.id, metadata={"k": "v"}).metadata == {"k": "v"}
        listed = second.beta.threads.messages.list(thread.id, order="asc").data
        assert [each.content[0].text.value for each in listed] == ["one", "two"]
        assert first.beta.threads.delete(thread.id).deleted
        for ask in (second.beta.threads.retrieve, third.beta.threads.retrieve):
            with pytest.raises(openai.NotFoundError):
                ask(thread.id)
        assert third.beta.assistants.delete(assistant.id).deleted
        with pytest.raises(openai.NotFoundError):
            first.beta.assistants.retrieve(assistant.id)

    @pytest.mark.parametrize("size", [0, 1, 9_000_000])
    def test_files(self, sdks, size):
        first, second, third = sdks
        content = os.urandom(size)
        made = first.files.create(file=("data.bin", content), purpose="assistants")
        assert second.files.retrieve(made.id).bytes == size
        assert third.files.content(made.id).content == content
        assert second.files.delete(made.id).deleted
        for client in sdks:
            with pytest.raises(openai.NotFoundError):
                client.files.content(made.id)

    def test_a_run_is_polled_elsewhere(self, sdks, provider):
        first, second, third = sdks
        assistant = first.beta.assistants.create(model=provider.model)
        thread = second.beta.threads.create(messages=[{"role": "user", "content": "Good day"}])
        run = third.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
        run = first.beta.threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20)
        assert run.status == "completed"
        (message,) = second.beta.threads.messages.list(thread.id, run_id=run.id).data
        assert message.content[0].text.value == "echo: Good day"


def test_three_begin_at_once_with_an_empty_database(clusters, provider):
    for round in range(4):
        cluster = clusters()
        replicas = cluster.start(3)
        made = {new_assistant(replica, provider.model) for replica in replicas}
        for replica in replicas:
            assert {each["id"] for each in look(replica, "/v1/assistants")["data"]} == made, f"round {round}"
        cluster.stop()


class TestCancelling:
    def test_is_heard_at_once_by_whoever_drives(self, cluster, provider):
        driver, second, third = cluster.replicas
        assistant = new_assistant(driver, provider.model)
        took = []
        for asked in (second, third, second):
            provider.upstream.clear()
            provider.upstream.script({"fault": "stall", "after": 3})
            run = begin_run(driver, assistant)
            wait_until(lambda: look(asked, f"{path_of(run)}/steps")["data"], what="the first step")
            begun = time.monotonic()
            assert asked.post(f"{path_of(run)}/cancel", {}).json()["status"] == "cancelling"
            provider.upstream.wait_for_hangup()
            took.append(time.monotonic() - begun)
            wait_for(third, run, "cancelled")
            assert_unlocked(second, run["thread_id"])
        assert max(took) < 1.5, f"the model was hung up on after {took} s"

    def test_while_functions_are_waited_for(self, cluster, provider):
        driver, second, third = cluster.replicas
        provider.upstream.script(provider.calls_stream(*CALLS))
        run = begin_run(driver, new_assistant(driver, provider.model, tools=[WEATHER]))
        wait_for(second, run, "requires_action")
        assert second.post(f"{path_of(run)}/cancel", {}).status_code == 200
        wait_for(third, run, "cancelled")
        assert_unlocked(driver, run["thread_id"])


class TestTools:
    @pytest.fixture
    def waiting(self, cluster, provider) -> dict:
        """A run of the first replica's that waits for the outputs of two functions, as the second one tells it."""
        driver, second, _ = cluster.replicas
        provider.upstream.script(provider.calls_stream(*CALLS))
        run = begin_run(driver, new_assistant(driver, provider.model, tools=[WEATHER]))
        wait_for(second, run, "requires_action")
        return look(second, path_of(run))

    def outputs(self, run: dict) -> dict:
        calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        return {"tool_outputs": [{"tool_call_id": call["id"], "output": "rain"} for call in calls]}

    def test_outputs_are_taken_elsewhere(self, cluster, provider, waiting):
        driver, second, third = cluster.replicas
        provider.upstream.script(provider.text_stream("Wet."))
        answer = second.post(f"{path_of(waiting)}/submit_tool_outputs", self.outputs(waiting))
        assert answer.status_code == 200, answer.text
        wait_for(third, waiting, "completed")
        assert message_texts(driver, waiting["thread_id"]) == ["x", "Wet."]

    def test_outputs_are_taken_elsewhere_and_the_answer_is_watched(self, cluster, provider, waiting):
        _, second, third = cluster.replicas
        provider.upstream.script(provider.text_stream("Wet ", "and ", "cold."))
        path = f"{path_of(waiting)}/submit_tool_outputs"
        events = stream(second, "POST", path, self.outputs(waiting) | {"stream": True})
        names = [name for name, _ in events]
        assert names[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
        assert names[-2:] == ["thread.run.completed", "done"]
        assert told_text(events) == last_message(events) == "Wet and cold."
        assert status(third, waiting) == "completed"

    def test_one_wins_where_all_take_outputs_at_once(self, cluster, provider, waiting):
        provider.upstream.script(provider.text_stream("Wet.") | {"delay_ms": 300})
        path = f"{path_of(waiting)}/submit_tool_outputs"

        def submit(replica: Locum):
            return replica.post(path, self.outputs(waiting))

        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            answers = list(pool.map(submit, cluster.replicas * 3))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [400] * 8, [answer.text for answer in answers]
        sentences = {answer.json()["error"]["message"] for answer in answers if answer.status_code == 400}
        allowed = {f'Runs in status "{status}" do not accept tool outputs.' for status in ("queued", "in_progress", "completed")}
        assert sentences <= allowed
        wait_for(cluster.replicas[2], waiting, "completed")
        assert message_texts(cluster.replicas[0], waiting["thread_id"]) == ["x", "Wet."]
        assert provider.upstream.asked == 2, "the model was asked for each answer once"


def test_one_wins_where_all_make_a_run_of_one_thread(cluster, provider):
    assistant = new_assistant(cluster.replicas[0], provider.model)
    for _ in range(3):
        provider.upstream.clear()
        provider.upstream.script(provider.text_stream("The only answer.") | {"delay_ms": 500})
        thread = cluster.replicas[0].post("/v1/threads", {"messages": [{"role": "user", "content": "x"}]}).json()["id"]

        def create(replica: Locum, thread: str = thread):
            return replica.post(f"/v1/threads/{thread}/runs", {"assistant_id": assistant})

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(create, cluster.replicas * 4))
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(won) == 1, [answer.text for answer in answers]
        lost = {(answer.status_code, answer.json()["error"]["message"]) for answer in answers if answer.status_code != 200}
        assert lost == {(400, f"Thread {thread} already has an active run {won[0]['id']}.")}
        verify_run(cluster.replicas[1], thread, won[0]["id"], "x", "The only answer.")
        assert provider.upstream.asked == 1
        assert_unlocked(cluster.replicas[2], thread)


class TestAttaching:
    WORDS = ["One ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight."]

    def check(self, events: list[tuple[str, str]]):
        names = [name for name, _ in events]
        assert names[-2:] == ["thread.run.completed", "done"], names
        text = "".join(self.WORDS)
        assert last_message(events) == text, names
        assert told_text(events) and text.endswith(told_text(events)), f"{told_text(events)!r}, {names}"

    def test_a_run_is_watched_from_everywhere(self, cluster, provider):
        driver = cluster.replicas[0]
        provider.upstream.script(provider.text_stream(*self.WORDS) | {"pace_ms": 200})
        run = begin_run(driver, new_assistant(driver, provider.model))
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for events in pool.map(lambda replica: attach(replica, run), cluster.replicas * 2):
                self.check(events)

    def test_one_comes_in_the_middle(self, cluster, provider):
        driver, second, third = cluster.replicas
        provider.upstream.script(provider.text_stream(*self.WORDS) | {"pace_ms": 250})
        run = begin_run(driver, new_assistant(driver, provider.model))
        wait_until(lambda: look(third, f"{path_of(run)}/steps")["data"], what="the first step")
        time.sleep(0.6)  # a few words later
        self.check(attach(second, run))

    def test_a_run_that_is_cancelled(self, cluster, provider):
        driver, second, third = cluster.replicas
        provider.upstream.script({"fault": "stall", "after": 3})
        run = begin_run(driver, new_assistant(driver, provider.model), "one two three four five six")
        watcher = meanwhile(lambda: attach(second, run))
        wait_until(lambda: look(third, f"{path_of(run)}/steps")["data"], what="the first step")
        assert third.post(f"{path_of(run)}/cancel", {}).status_code == 200
        watched = watcher.result(10)
        assert [name for name, _ in watched][-2:] == ["thread.run.cancelled", "done"], watched

    def test_a_run_that_has_ended(self, cluster, provider):
        driver, second, _ = cluster.replicas
        run = begin_run(driver, new_assistant(driver, provider.model))
        wait_for(second, run, "completed")
        names = [name for name, _ in attach(second, run)]
        assert names[-2:] == ["thread.run.completed", "done"], names

    def test_a_run_that_waits_for_functions(self, cluster, provider):
        driver, second, _ = cluster.replicas
        provider.upstream.script(provider.calls_stream(*CALLS) | {"delay_ms": 500})
        run = begin_run(driver, new_assistant(driver, provider.model, tools=[WEATHER]))
        names = [name for name, _ in attach(second, run)]
        assert names[-2:] == ["thread.run.requires_action", "done"], names

    def test_a_run_that_is_not_there(self, cluster):
        for replica in cluster.replicas:
            answer = replica.http.get("/v1/threads/thread_x/runs/run_x?stream=true")
            assert answer.status_code == 404, answer.text


def test_a_watcher_of_one_replica_sees_what_another_takes_over(cluster: Cluster, provider):
    """The driver is killed while somebody watches at another replica: the answer is given again, by a third or by this one."""
    driver, second, _ = cluster.replicas
    provider.upstream.script({"fault": "stall", "after": 3}, provider.text_stream("The only ", "answer."))
    run = begin_run(driver, new_assistant(driver, provider.model))
    wait_until(lambda: look(second, f"{path_of(run)}/steps")["data"], what="the first step")
    watcher = meanwhile(lambda: attach(second, run))
    time.sleep(0.3)  # the watcher has come
    driver.popen.kill()
    watched = watcher.result(15)
    names = [name for name, _ in watched]
    assert names[-2:] == ["thread.run.completed", "done"], names
    assert last_message(watched) == "The only answer.", names
    verify_run(second, run["thread_id"], run["id"], "x", "The only answer.")
