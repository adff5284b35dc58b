"""One vocabulary for what an upstream answers, said in each provider's own JSON.

A test that is written against `Dialect` runs once per provider and must see the same through OpenAI's SDK.
"""

import json
from typing import Any, Protocol

from .upstream import Upstream

Call = tuple[str, dict[str, Any]]
"""A function's name and its arguments."""


class Dialect(Protocol):
    """A provider: the model that routes to it, its upstream, and its way to say an answer."""

    name: str
    model: str
    upstream: Upstream

    def text(self, text: str, finish: str = "stop") -> dict[str, Any]:
        """A whole answer of text, with 11 prompt and 7 completion tokens."""

    def calls(self, *calls: Call) -> dict[str, Any]:
        """A whole answer of parallel calls."""

    def text_stream(self, *texts: str, finish: str = "stop") -> dict[str, Any]:
        """An answer of text, one chunk for each piece."""

    def calls_stream(self, *calls: Call) -> dict[str, Any]:
        """An answer of parallel calls, streamed."""

    def embeddings(self, *vectors: list[float]) -> dict[str, Any]:
        """The vectors of a batch."""


class OpenAi:
    """The upstream speaks as OpenAI does."""

    name = "openai"
    model = "gpt-4.1-mini"
    embedding_model = "text-embedding-3-small"
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

    def __init__(self, upstream: Upstream):
        self.upstream = upstream

    def text(self, text: str, finish: str = "stop") -> dict[str, Any]:
        return self._whole({"role": "assistant", "content": text, "refusal": None}, finish)

    def calls(self, *calls: Call) -> dict[str, Any]:
        tool_calls = [self._call(index, *call) for index, call in enumerate(calls)]
        message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": tool_calls}
        return self._whole(message, "tool_calls")

    def text_stream(self, *texts: str, finish: str = "stop") -> dict[str, Any]:
        return self._stream([{"content": text} for text in texts], finish)

    def calls_stream(self, *calls: Call) -> dict[str, Any]:
        deltas: list[dict[str, Any]] = []
        for index, (name, arguments) in enumerate(calls):
            call = self._call(index, name, arguments)
            text = call["function"]["arguments"]
            head = call | {"index": index, "function": {"name": name, "arguments": ""}}
            deltas.append({"tool_calls": [head]})
            for part in (text[: len(text) // 2], text[len(text) // 2 :]):
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        return self._stream(deltas, "tool_calls")

    def embeddings(self, *vectors: list[float]) -> dict[str, Any]:
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return {"body": {"object": "list", "data": data, "model": self.embedding_model, "usage": usage}}

    def _call(self, index: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"id": f"call_upstream{index}", "type": "function", "function": function}

    def _whole(self, message: dict[str, Any], finish: str) -> dict[str, Any]:
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-upstream", "object": "chat.completion", "created": 1790000000, "model": self.model}
        return {"body": head | {"choices": [choice], "usage": self.usage}}

    def _stream(self, deltas: list[dict[str, Any]], finish: str) -> dict[str, Any]:
        head = {
            "id": "chatcmpl-upstream",
            "object": "chat.completion.chunk",
            "created": 1790000000,
            "model": self.model,
        }
        steps = [({"role": "assistant", "content": ""}, None), *((delta, None) for delta in deltas), ({}, finish)]
        chunks = [
            head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
            for delta, reason in steps
        ]
        return {"chunks": [*chunks, head | {"choices": [], "usage": self.usage}]}


class Gemini:
    """The upstream speaks as Gemini does."""

    name = "gemini"
    model = "gemini-flash-latest"
    embedding_model = "gemini-embedding-001"
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 4, "thoughtsTokenCount": 3, "totalTokenCount": 18}
    _finish = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}

    def __init__(self, upstream: Upstream):
        self.upstream = upstream

    def text(self, text: str, finish: str = "stop") -> dict[str, Any]:
        return {"body": self._answer([{"text": text}], self._finish[finish], usage=True)}

    def calls(self, *calls: Call) -> dict[str, Any]:
        return {"body": self._answer(self._parts(calls), "STOP", usage=True)}

    def text_stream(self, *texts: str, finish: str = "stop") -> dict[str, Any]:
        chunks = [self._answer([{"text": text}]) for text in texts]
        return {"chunks": [*chunks, self._answer([{"text": ""}], self._finish[finish], usage=True)]}

    def calls_stream(self, *calls: Call) -> dict[str, Any]:
        chunks = [self._answer([part]) for part in self._parts(calls)]
        return {"chunks": [*chunks, self._answer([{"text": ""}], "STOP", usage=True)]}

    def embeddings(self, *vectors: list[float]) -> dict[str, Any]:
        return {"body": {"embeddings": [{"values": vector} for vector in vectors]}}

    def _parts(self, calls: tuple[Call, ...]) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [{"functionCall": {"name": name, "args": args}} for name, args in calls]
        parts[0]["thoughtSignature"] = "c2lnbmF0dXJlLW9mLXRoZS1maXJzdC1jYWxs"
        return parts

    def _answer(self, parts: list[dict[str, Any]], finish: str | None = None, usage: bool = False) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-3.8-flash", "responseId": "r1"}
        if usage:
            answer["usageMetadata"] = self.usage
        return answer
