"""Threads and their messages, as the official SDK makes, finds, changes, lists and deletes them."""

import base64

import openai
import pytest

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def threads(client):
    return client.beta.threads


@pytest.fixture
def thread(threads):
    return threads.create()


class TestThreads:
    def test_an_empty_one(self, locum, threads):
        shown = threads.create().to_dict()
        assert shown["id"].startswith("thread_") and shown["object"] == "thread"
        assert (shown["metadata"], shown["tool_resources"]) == ({}, None)
        assert locum.http.post("/v1/threads").status_code == 200, "no body at all is none to complain about"

    def test_with_messages_and_resources(self, threads):
        made = threads.create(
            messages=[
                {"role": "user", "content": "One", "metadata": {"n": "1"}},
                {"role": "assistant", "content": [{"type": "text", "text": "Two"}]},
            ],
            metadata={"a": "b"},
            tool_resources={"code_interpreter": {"file_ids": []}, "file_search": {"vector_store_ids": ["vs_1"]}},
        )
        found = threads.retrieve(made.id)
        assert found == made
        assert found.metadata == {"a": "b"}
        assert found.tool_resources.file_search.vector_store_ids == ["vs_1"]
        messages = threads.messages.list(made.id, order="asc").data
        assert [(each.role, each.content[0].text.value) for each in messages] == [("user", "One"), ("assistant", "Two")]
        assert messages[0].metadata == {"n": "1"}

    def test_modifying(self, threads):
        made = threads.create(
            metadata={"a": "1"}, tool_resources={"file_search": {"vector_store_ids": ["vs_1"]}}
        )
        changed = threads.update(made.id, metadata={"b": "2"})
        assert changed.metadata == {"b": "2"}
        assert changed.tool_resources.file_search.vector_store_ids == ["vs_1"]
        assert threads.update(made.id, tool_resources=None).tool_resources is None

    def test_deleting_takes_everything_with_it(self, threads):
        made = threads.create(messages=[{"role": "user", "content": "x"}])
        (message,) = threads.messages.list(made.id).data
        gone = threads.delete(made.id)
        assert (gone.object, gone.deleted) == ("thread.deleted", True)
        for ask in (
            lambda: threads.retrieve(made.id),
            lambda: threads.messages.list(made.id),
            lambda: threads.messages.retrieve(message.id, thread_id=made.id),
            lambda: threads.messages.create(made.id, role="user", content="y"),
            lambda: threads.runs.list(made.id),
        ):
            with pytest.raises(openai.NotFoundError) as refused:
                ask()
            assert refused.value.body["message"] == f"No thread found with id '{made.id}'."

    def test_they_can_be_listed_which_openai_cannot(self, start):
        locum = start(PROVIDER_REHEARSAL_ENABLED="true")
        with locum.client() as client:
            made = [client.beta.threads.create().id for _ in range(3)]
        page = locum.http.get("/v1/threads", params={"limit": 2}).json()
        assert [each["id"] for each in page["data"]] == made[:0:-1]
        assert page["has_more"] is True
        rest = locum.http.get("/v1/threads", params={"after": page["last_id"]}).json()
        assert [each["id"] for each in rest["data"]] == made[:1]


class TestMessages:
    def test_every_field_is_there(self, threads, thread):
        made = threads.messages.create(thread.id, role="user", content="Hello", metadata={"k": "v"})
        shown = made.to_dict()
        assert shown["id"].startswith("msg_") and shown["object"] == "thread.message"
        assert shown["thread_id"] == thread.id
        assert shown["content"] == [{"type": "text", "text": {"value": "Hello", "annotations": []}}]
        assert (shown["role"], shown["status"], shown["attachments"]) == ("user", "completed", [])
        for absent in ("assistant_id", "run_id", "incomplete_at", "incomplete_details"):
            assert shown[absent] is None
        assert threads.messages.retrieve(made.id, thread_id=thread.id) == made

    def test_all_kinds_of_content(self, client, threads, thread):
        file = client.files.create(file=("dot.png", PNG), purpose="vision")
        data_url = "data:image/png;base64," + base64.b64encode(PNG).decode()
        made = threads.messages.create(
            thread.id,
            role="user",
            content=[
                {"type": "text", "text": "What is this?"},
                {"type": "image_file", "image_file": {"file_id": file.id, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "image_url", "image_url": {"url": data_url, "detail": "high"}},
            ],
            attachments=[{"file_id": file.id, "tools": [{"type": "file_search"}]}],
        )
        text, image, url, data = made.content
        assert text.text.value == "What is this?"
        assert (image.image_file.file_id, image.image_file.detail) == (file.id, "low")
        assert (url.image_url.url, url.image_url.detail) == ("https://example.com/a.png", "auto")
        assert data.image_url.url == data_url
        assert made.attachments[0].file_id == file.id

    def test_modifying_and_deleting(self, threads, thread):
        made = threads.messages.create(thread.id, role="user", content="x", metadata={"a": "1"})
        changed = threads.messages.update(made.id, thread_id=thread.id, metadata={"b": "2"})
        assert changed.metadata == {"b": "2"}
        gone = threads.messages.delete(made.id, thread_id=thread.id)
        assert (gone.object, gone.deleted) == ("thread.message.deleted", True)
        with pytest.raises(openai.NotFoundError) as refused:
            threads.messages.retrieve(made.id, thread_id=thread.id)
        assert refused.value.body["message"] == f"No message found with id '{made.id}'."

    def test_order_is_stable_within_a_second(self, threads):
        texts = [str(n) for n in range(120)]
        thread = threads.create(messages=[{"role": "user", "content": text} for text in texts])
        listed = [each.content[0].text.value for each in threads.messages.list(thread.id, order="asc", limit=50)]
        assert listed == texts
        listed = [each.content[0].text.value for each in threads.messages.list(thread.id, limit=33)]
        assert listed == texts[::-1]

    def test_messages_of_other_threads_are_not_found(self, threads, thread):
        other = threads.create(messages=[{"role": "user", "content": "x"}])
        (message,) = threads.messages.list(other.id).data
        with pytest.raises(openai.NotFoundError):
            threads.messages.retrieve(message.id, thread_id=thread.id)

    def test_the_largest_message(self, threads, thread):
        text = "ä" * 256_000
        made = threads.messages.create(thread.id, role="user", content=text)
        assert threads.messages.retrieve(made.id, thread_id=thread.id).content[0].text.value == text

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"content": "x"}, "role"),
            ({"role": "system", "content": "x"}, "role"),
            ({"role": "user"}, "content"),
            ({"role": "user", "content": []}, "content"),
            ({"role": "user", "content": ""}, "content"),
            ({"role": "user", "content": "x" * 256_001}, "content"),
            ({"role": "user", "content": [{"type": "sound"}]}, "content[0].type"),
            ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}, "content[0].image_url.url"),
            ({"role": "user", "content": "x", "metadata": []}, "metadata"),
            ({"role": "user", "content": "x", "attachments": {}}, "attachments"),
        ],
    )
    def test_what_is_wrong_is_named(self, locum, thread, body, param):
        refused = locum.post(f"/v1/threads/{thread.id}/messages", body)
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == param

    def test_files_must_be_there(self, threads, thread):
        with pytest.raises(openai.NotFoundError) as refused:
            threads.messages.create(
                thread.id,
                role="user",
                content=[{"type": "image_file", "image_file": {"file_id": "file-nowhere"}}],
            )
        assert refused.value.body["message"] == "No file found with id 'file-nowhere'."
