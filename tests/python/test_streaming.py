"""Streams: the same pieces, in the same order, as the official SDK's accumulators demand."""

import asyncio
import json
import socket
import struct

import openai
import pytest
from harness.hosts import IS_WORKER
from harness.process import wait_until

HELLO = [{"role": "user", "content": "Hello"}]


def text_of(chunks) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_a_stream(client, provider):
    provider.upstream.script(provider.text_stream("Good ", "day", "."))
    chunks = list(client.chat.completions.create(model=provider.model, messages=HELLO, stream=True))
    assert text_of(chunks) == "Good day."
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert reasons[-1] == "stop" and set(reasons[:-1]) == {None}


def test_usage_comes_last_when_it_is_asked_for(client, provider):
    provider.upstream.script(provider.text_stream("Good ", "day."))
    chunks = list(
        client.chat.completions.create(
            model=provider.model, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_usage_does_not_come_unasked(client, gemini_provider):
    gemini_provider.upstream.script(gemini_provider.text_stream("Good ", "day."))
    chunks = list(client.chat.completions.create(model=gemini_provider.model, messages=HELLO, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_a_stream_of_the_async_client(locum, provider):
    async def ask():
        async with locum.async_client() as client:
            stream = await client.chat.completions.create(model=provider.model, messages=HELLO, stream=True)
            return [chunk async for chunk in stream]

    provider.upstream.script(provider.text_stream("Good ", "day", "."))
    assert text_of(asyncio.run(ask())) == "Good day."


def test_the_stream_helper(client, provider):
    provider.upstream.script(provider.text_stream("Good ", "day", "."))
    with client.chat.completions.stream(model=provider.model, messages=HELLO) as stream:
        events = [event.type for event in stream if getattr(event, "delta", True)]
        answer = stream.get_final_completion()
    assert events.count("content.delta") == 3
    assert events.count("content.done") == 1
    assert answer.choices[0].message.content == "Good day."
    assert answer.choices[0].finish_reason == "stop"


def test_the_wire_is_server_sent_events(locum, provider):
    provider.upstream.script(provider.text_stream("Good ", "day."))
    body = {"model": provider.model, "messages": HELLO, "stream": True}
    response = locum.post("/v1/chat/completions", body)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-locum-provider"] == provider.name
    assert response.headers["x-request-id"]
    frames = [frame for frame in response.text.split("\n\n") if frame]
    assert all(frame.startswith("data: ") for frame in frames)
    assert frames[-1] == "data: [DONE]"
    assert response.text.count("[DONE]") == 1


def test_why_a_stream_ended(client, provider):
    provider.upstream.script(provider.text_stream("Good", finish="length"))
    chunks = client.chat.completions.create(model=provider.model, messages=HELLO, stream=True)
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"


def test_letters_of_every_alphabet_arrive_whole(client, provider):
    pieces = ["Grüße, ", "世界", " 👩‍👩‍👧‍👦 ", "\u0000\u2028\n\n\"data: \\"]
    provider.upstream.script(provider.text_stream(*pieces))
    chunks = client.chat.completions.create(model=provider.model, messages=HELLO, stream=True)
    assert text_of(chunks) == "".join(pieces)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_bytes_may_come_one_by_one(client, provider, stream):
    provider.upstream.script({"fault": "dribble", "after": 1})
    messages = [{"role": "user", "content": "Grüße an die 世界"}]
    answer = client.chat.completions.create(model=provider.model, messages=messages, stream=stream)
    text = text_of(answer) if stream else answer.choices[0].message.content
    assert "Grüße an die 世界" in text


def test_events_may_be_written_in_every_way_that_the_standard_allows(client, provider):
    script = provider.text_stream("Grüße, ", "wie ", "geht ", "es?")
    ways = [
        ": a comment\n\ndata: {}\n\n",
        "data:{}\n\n",
        "event: message\r\ndata: {}\r\n\r\n",
        "data: {}\nfurther: field\n\n",
    ]
    written = [json.dumps(chunk, ensure_ascii=False) for chunk in script["chunks"]]
    raw = [ways[number % len(ways)].replace("{}", text) for number, text in enumerate(written)]
    raw[-1] = "data: {\ndata: " + written[-1].removeprefix("{") + "\n\n"
    provider.upstream.script({"chunks": raw})
    chunks = client.chat.completions.create(model=provider.model, messages=HELLO, stream=True)
    assert text_of(chunks) == "Grüße, wie geht es?"


def test_many_streams_at_once_do_not_mix(locum, provider):
    async def ask(client, word):
        messages = [{"role": "user", "content": word}]
        stream = await client.chat.completions.create(model=provider.model, messages=messages, stream=True)
        return text_of([chunk async for chunk in stream])

    async def ask_all(words):
        async with locum.async_client() as client:
            return await asyncio.gather(*(ask(client, word) for word in words))

    words = [f"word-{number:03}" for number in range(60)]
    for word, text in zip(words, asyncio.run(ask_all(words))):
        assert word in text
        assert text.count("word-") == text.count(word)


def test_an_error_in_the_middle_of_geminis_stream_raises(client, gemini_provider):
    script = gemini_provider.text_stream("Good ", "day.")
    script["chunks"][1:] = [{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}]
    gemini_provider.upstream.script(script)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=gemini_provider.model, messages=HELLO, stream=True))


def test_an_error_in_the_middle_of_openais_stream_raises(client, openai_provider):
    script = openai_provider.text_stream("Good ", "day.")
    error = {"message": "The server had an error", "type": "server_error", "param": None, "code": None}
    script["chunks"][2:] = [{"error": error}]
    openai_provider.upstream.script(script)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=openai_provider.model, messages=HELLO, stream=True))


def test_a_client_that_hangs_up_cancels_the_upstream(client, provider):
    provider.upstream.script({"fault": "endless"})
    stream = client.chat.completions.create(model=provider.model, messages=HELLO, stream=True)
    for _, _chunk in zip(range(20), stream):
        pass
    stream.close()
    provider.upstream.wait_for_hangup()


def test_a_client_that_hangs_up_before_the_first_byte_cancels_the_upstream(locum, provider):
    provider.upstream.script({"fault": "silent"})
    body = json.dumps({"model": provider.model, "messages": HELLO}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {locum.key}\r\ncontent-length: {len(body)}"
    with socket.create_connection(("127.0.0.1", locum.port)) as client:
        if IS_WORKER:
            # The local runtime hears of a client that leaves only when the connection is reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(head.encode() + b"\r\n\r\n" + body)
        wait_until(lambda: provider.upstream.asked, what="the upstream's request")
    provider.upstream.wait_for_hangup()
    assert provider.upstream.asked == 1
