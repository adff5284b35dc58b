"""Assistants, as the official SDK makes, finds, changes, lists and deletes them."""

import openai
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": False,
    },
}
ANSWER = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {"x": {"type": "number"}}}},
}


@pytest.fixture
def assistants(client):
    return client.beta.assistants


def test_every_field_is_kept(assistants):
    fields = {
        "model": "gpt-4.1-mini",
        "name": "Tütör",
        "description": "Explains things.",
        "instructions": "Be brief. 🙂",
        "tools": [WEATHER],
        "metadata": {"zeta": "1", "alpha": "2"},
        "temperature": 0.5,
        "top_p": 0.25,
        "response_format": ANSWER,
    }
    made = assistants.create(**fields)
    assert made.id.startswith("asst_") and len(made.id) >= len("asst_") + 24
    assert made.object == "assistant"
    for answer in (made, assistants.retrieve(made.id)):
        shown = answer.to_dict()
        assert list(shown["metadata"]) == ["zeta", "alpha"]
        for name in fields.keys() - {"response_format"}:
            assert shown[name] == fields[name], name
        schema = shown["response_format"]["json_schema"]
        assert (schema["name"], schema["schema"]) == ("answer", ANSWER["json_schema"]["schema"])


def test_what_was_not_said_has_openais_defaults(assistants):
    shown = assistants.create(model="gpt-4.1-mini").to_dict()
    assert {name: shown[name] for name in ("name", "description", "instructions")} == {
        "name": None,
        "description": None,
        "instructions": None,
    }
    assert (shown["tools"], shown["metadata"], shown["response_format"]) == ([], {}, "auto")
    assert (shown["temperature"], shown["top_p"]) == (1.0, 1.0)


def test_modifying_leaves_what_it_does_not_name(assistants):
    made = assistants.create(
        model="gpt-4.1-mini", name="One", instructions="Stay.", tools=[WEATHER], metadata={"a": "1", "b": "2"}
    )
    changed = assistants.update(made.id, name="Two", metadata={"c": "3"})
    assert (changed.name, changed.instructions, changed.metadata) == ("Two", "Stay.", {"c": "3"})
    assert [tool.type for tool in changed.tools] == ["function"]
    cleared = assistants.update(made.id, name=None, tools=[])
    assert (cleared.name, cleared.tools, cleared.instructions) == (None, [], "Stay.")
    assert cleared.created_at == made.created_at


def test_deleting(assistants):
    made = assistants.create(model="gpt-4.1-mini")
    gone = assistants.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "assistant.deleted", True)
    for ask in (assistants.retrieve, assistants.delete, lambda id: assistants.update(id, name="x")):
        with pytest.raises(openai.NotFoundError) as refused:
            ask(made.id)
        assert refused.value.body["message"] == f"No assistant found with id '{made.id}'."


def test_lists_page_in_both_orders_and_both_directions(start, openai_upstream):
    locum = start(PROVIDER_REHEARSAL_ENABLED="true")
    with locum.client() as client:
        assistants = client.beta.assistants
        made = [assistants.create(model="rehearsal", name=str(n)).id for n in range(25)]
        assert [each.id for each in assistants.list()] == made[::-1], "the SDK pages to the end, newest first"
        assert [each.id for each in assistants.list(order="asc", limit=7)] == made
        page = assistants.list(order="asc", limit=5, after=made[4])
        assert [each.id for each in page.data] == made[5:10] and page.has_more
        page = assistants.list(order="asc", limit=5, before=made[10])
        assert [each.id for each in page.data] == made[5:10]
        page = assistants.list(order="desc", limit=5, before=made[10])
        assert [each.id for each in page.data] == made[11:16][::-1]
        page = assistants.list(order="asc", limit=100, after=made[2], before=made[5])
        assert [each.id for each in page.data] == made[3:5]
        assistants.delete(made[4])
        page = assistants.list(order="asc", limit=2, after=made[4])
        assert [each.id for each in page.data] == made[5:7], "a cursor outlives what it names"
        page = locum.http.get("/v1/assistants", params={"limit": 2, "order": "asc"}).json()
        assert (page["object"], page["first_id"], page["last_id"]) == ("list", made[0], made[1])


def test_deleting_while_iterating_misses_none(start):
    locum = start(PROVIDER_REHEARSAL_ENABLED="true")
    with locum.client() as client:
        for n in range(45):
            client.beta.assistants.create(model="rehearsal", name=str(n))
        for assistant in client.beta.assistants.list(limit=20):
            client.beta.assistants.delete(assistant.id)
        assert client.beta.assistants.list().data == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"name": "n" * 257}, "name"),
        ({"description": "d" * 513}, "description"),
        ({"instructions": "i" * 256_001}, "instructions"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: ""}}, None),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"tools": [WEATHER] * 2}, "tools[1]"),
        ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "file_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "code_interpreter"}]}, "tools[0].type"),
        ({"tools": [{"type": "telepathy"}]}, "tools[0].type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_by_name(assistants, change, param):
    for attempt in (
        lambda: assistants.create(**({"model": "gpt-4.1-mini"} | change)),
        lambda: assistants.update(assistants.create(model="gpt-4.1-mini").id, **change),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            attempt()
        if param:
            assert refused.value.param == param
        assert refused.value.type == "invalid_request_error"


def test_what_is_at_a_limit_is_taken(assistants):
    tools = [WEATHER | {"function": WEATHER["function"] | {"name": f"weather_{n}"}} for n in range(128)]
    made = assistants.create(
        model="gpt-4.1-mini",
        name="n" * 256,
        description="ü" * 512,
        instructions="🙂" * 256_000,
        tools=tools,
        metadata={f"{n:064}": "v" * 512 for n in range(16)},
        temperature=2,
        top_p=0,
    )
    assert len(assistants.retrieve(made.id).instructions) == 256_000
    assert len(made.tools) == 128 and len(made.metadata) == 16


@pytest.mark.parametrize(("query", "param"), [("limit=0", "limit"), ("limit=101", "limit"), ("order=up", "order")])
def test_lists_refuse_what_makes_no_sense(locum, query, param):
    refused = locum.http.get(f"/v1/assistants?{query}")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param


def test_ids_of_other_kinds_and_tricks_find_nothing(locum, client):
    thread = client.beta.threads.create()
    for id in (thread.id, "asst_", "..%2F..%2Fetc%2Fpasswd", "%00", "asst_" + "a" * 5000, "'%20OR%201=1"):
        answer = locum.http.get(f"/v1/assistants/{id}")
        assert answer.status_code == 404, id
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert len(answer.content) < 2000
