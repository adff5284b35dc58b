"""Failing over: what the client gets, and how often each upstream was asked."""

import openai
import pytest
from harness.dialects import Gemini, OpenAi
from harness.process import free_port, wait_until
from harness.server import routed_to
from harness.upstream import Upstream

HELLO = [{"role": "user", "content": "Hello"}]
QUICK = {"PROVIDER_MAX_RETRIES": "1", "PROVIDER_TIMEOUT": "700"}
PER_DAY = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
            }
        ],
    }
}
BAD_GEMINI_KEY = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    }
}
NO_CREDIT = {
    "error": {
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
}


def ask(locum, model, **options):
    return locum.client().chat.completions.with_raw_response.create(model=model, messages=HELLO, **options)


def ask_stream(locum, model):
    """The stream's text and its response headers."""
    raw = ask(locum, model, stream=True)
    chunks = list(raw.parse())
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices), raw.headers


# What OpenAI's upstream does before its first byte; how often it and Gemini's are asked.
BEFORE_THE_FIRST_BYTE = [
    ("reset", {"fault": "refuse_reset"}, 1, 1),
    ("silent", {"fault": "silent"}, 1, 1),
    ("html", {"fault": "html"}, 1, 1),
    ("broken_json", {"fault": "broken_json"}, 1, 1),
    ("bad_key", {"status": 401}, 1, 1),
    ("no_such_model", {"status": 404}, 1, 1),
    ("no_credit", {"status": 429, "body": NO_CREDIT}, 1, 1),
    ("long_wait", {"status": 429, "retry_after": 3600}, 1, 1),
    ("busy_for_long", {"status": 503}, 2, 1),
    ("broken_for_long", {"status": 500}, 2, 1),
]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("fault", "asked", "other_asked"), [row[1:] for row in BEFORE_THE_FIRST_BYTE],
                         ids=[row[0] for row in BEFORE_THE_FIRST_BYTE])
def test_the_other_provider_answers(start, openai_provider, gemini_provider, fault, asked, other_asked, stream):
    upstream, other = openai_provider.upstream, gemini_provider.upstream
    locum = start(**routed_to(upstream.url, other.url), **QUICK)
    upstream.script(*[fault] * 5)
    if stream:
        other.script(gemini_provider.text_stream("From ", "Gemini."))
        text, headers = ask_stream(locum, openai_provider.model)
    else:
        other.script(gemini_provider.text("From Gemini."))
        raw = ask(locum, openai_provider.model)
        text, headers = raw.parse().choices[0].message.content, raw.headers
        assert raw.parse().model == headers["x-locum-model"]
    assert text == "From Gemini."
    assert headers["x-locum-provider"] == "gemini"
    assert headers["x-locum-fallback"]
    assert (upstream.asked, other.asked) == (asked, other_asked)


def test_a_refused_connection_is_answered_by_the_other_provider(start, gemini_provider):
    locum = start(**routed_to(f"http://127.0.0.1:{free_port()}", gemini_provider.upstream.url), **QUICK)
    gemini_provider.upstream.script(gemini_provider.text("From Gemini."))
    raw = ask(locum, "gpt-4.1-mini")
    assert raw.parse().choices[0].message.content == "From Gemini."
    assert gemini_provider.upstream.asked == 1


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429, "body": PER_DAY}, {"status": 400, "body": BAD_GEMINI_KEY}],
    ids=["busy", "quota_per_day", "bad_key_as_400"],
)
def test_openai_answers_for_gemini(start, openai_provider, gemini_provider, fault):
    locum = start(**routed_to(openai_provider.upstream.url, gemini_provider.upstream.url), **QUICK)
    gemini_provider.upstream.script(*[fault] * 5)
    openai_provider.upstream.script(openai_provider.text("From OpenAI."))
    raw = ask(locum, gemini_provider.model)
    assert raw.parse().choices[0].message.content == "From OpenAI."
    assert raw.headers["x-locum-provider"] == "openai"
    assert openai_provider.upstream.last["model"] == "gpt-4.1-mini"
    assert gemini_provider.upstream.asked == (2 if fault == {"status": 503} else 1)


def test_the_models_that_a_fallback_asks_for_can_be_set(start, openai_provider, gemini_provider):
    settings = routed_to(openai_provider.upstream.url, gemini_provider.upstream.url) | QUICK
    locum = start(**settings, OPENAI_DEFAULT_MODEL="gpt-4.1")
    gemini_provider.upstream.script({"fault": "html"})
    ask(locum, gemini_provider.model)
    assert openai_provider.upstream.last["model"] == "gpt-4.1"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_never_on_the_callers_own_fault(start, openai_provider, gemini_provider, stream):
    locum = start(**routed_to(openai_provider.upstream.url, gemini_provider.upstream.url), **QUICK)
    openai_provider.upstream.script({"status": 400})
    with pytest.raises(openai.BadRequestError):
        ask(locum, openai_provider.model, stream=stream)
    assert (openai_provider.upstream.asked, gemini_provider.upstream.asked) == (1, 0)


def test_fallback_can_be_switched_off(start, openai_provider, gemini_provider):
    settings = routed_to(openai_provider.upstream.url, gemini_provider.upstream.url) | QUICK
    locum = start(**settings, PROVIDER_FALLBACK_ENABLED="false")
    openai_provider.upstream.script(*[{"status": 503}] * 5)
    with pytest.raises(openai.InternalServerError) as failed:
        ask(locum, openai_provider.model)
    assert failed.value.status_code == 503
    assert (openai_provider.upstream.asked, gemini_provider.upstream.asked) == (2, 0)


# With no other provider: what it does, the status that the client gets, how often it is asked.
ALONE = [
    ("reset", {"fault": "refuse_reset"}, 502, 2),
    ("silent", {"fault": "silent"}, 504, 2),
    ("html", {"fault": "html"}, 502, 1),
    ("broken_json", {"fault": "broken_json"}, 502, 1),
    ("broken", {"status": 500}, 502, 2),
    ("busy", {"status": 503}, 503, 2),
    ("limited", {"status": 429}, 429, 2),
    ("limited_for_long", {"status": 429, "retry_after": 3600}, 429, 1),
    ("bad_key", {"status": 401}, 503, 1),
]


@pytest.mark.parametrize("dialect", [OpenAi, Gemini])
@pytest.mark.parametrize(("fault", "status", "asked"), [row[1:] for row in ALONE], ids=[row[0] for row in ALONE])
def test_an_upstream_fault_without_another_provider(start, openai_upstream, dialect, fault, status, asked):
    provider = dialect(openai_upstream)
    locum = start(**routed_to(**{f"{provider.name}_url": openai_upstream.url}), **QUICK)
    openai_upstream.script(*[fault] * 5)
    with pytest.raises(openai.APIStatusError) as failed:
        ask(locum, provider.model)
    assert failed.value.status_code == status
    assert failed.value.body.keys() == {"message", "type", "param", "code"}
    assert openai_upstream.asked == asked


def test_a_refused_connection_without_another_provider(start):
    locum = start(**routed_to(f"http://127.0.0.1:{free_port()}"), **QUICK)
    with pytest.raises(openai.InternalServerError) as failed:
        ask(locum, "gpt-4.1-mini")
    assert failed.value.status_code == 502


def test_a_hint_that_is_not_obeyed_is_passed_on(start, openai_provider):
    locum = start(**routed_to(openai_provider.upstream.url), **QUICK)
    openai_provider.upstream.script(*[{"status": 429, "retry_after": 50}] * 5)
    with pytest.raises(openai.RateLimitError) as limited:
        ask(locum, openai_provider.model)
    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 50


def test_geminis_retry_info_becomes_retry_after(start, gemini_provider):
    locum = start(**routed_to(gemini_url=gemini_provider.upstream.url), **QUICK)
    retry_info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "41.5s"}
    error = {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": [retry_info]}
    gemini_provider.upstream.script(*[{"status": 429, "body": {"error": error}}] * 5)
    with pytest.raises(openai.RateLimitError) as limited:
        ask(locum, gemini_provider.model)
    assert limited.value.response.headers["retry-after"] in {"41", "42"}


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"status": 429, "retry_after": 1}, {"status": 429}])
def test_one_bad_moment_is_retried_and_not_noticed(start, openai_provider, gemini_provider, fault):
    locum = start(**routed_to(openai_provider.upstream.url, gemini_provider.upstream.url))
    openai_provider.upstream.script(fault, openai_provider.text("From OpenAI."))
    raw = ask(locum, openai_provider.model)
    assert raw.parse().choices[0].message.content == "From OpenAI."
    assert "x-locum-fallback" not in raw.headers
    assert (openai_provider.upstream.asked, gemini_provider.upstream.asked) == (2, 0)


@pytest.mark.parametrize("fault", ["cut", "stall", "malformed_chunk", "truncate", "error_chunk"])
def test_a_stream_that_breaks_before_any_content_falls_back_unseen(start, openai_provider, gemini_provider, fault):
    locum = start(**routed_to(openai_provider.upstream.url, gemini_provider.upstream.url), **QUICK)
    openai_provider.upstream.script(*[{"fault": fault, "after": 1}] * 5)
    gemini_provider.upstream.script(gemini_provider.text_stream("From ", "Gemini."))
    text, headers = ask_stream(locum, openai_provider.model)
    assert text == "From Gemini."
    assert headers["x-locum-provider"] == "gemini"


@pytest.mark.parametrize("fault", ["cut", "stall", "truncate"])
def test_half_an_answer_is_none(start, openai_provider, gemini_provider, fault):
    locum = start(**routed_to(openai_provider.upstream.url, gemini_provider.upstream.url), **QUICK)
    openai_provider.upstream.script(*[{"fault": fault, "after": 1}] * 5)
    gemini_provider.upstream.script(gemini_provider.text("From Gemini."))
    assert ask(locum, openai_provider.model).parse().choices[0].message.content == "From Gemini."


@pytest.mark.parametrize("dialect", [OpenAi, Gemini])
@pytest.mark.parametrize("fault", ["cut", "stall", "malformed_chunk", "truncate", "error_chunk"])
def test_a_stream_that_breaks_after_content_raises(start, openai_upstream, gemini_upstream, dialect, fault):
    """No answer passes for whole that is not: the SDK raises, and nobody else is asked."""
    openai_provider, gemini_provider = OpenAi(openai_upstream), Gemini(gemini_upstream)
    asked, other = (
        (openai_provider, gemini_provider) if dialect is OpenAi else (gemini_provider, openai_provider)
    )
    locum = start(**routed_to(openai_upstream.url, gemini_upstream.url), **QUICK)
    # OpenAI's first chunk holds the role alone.
    asked.upstream.script({"fault": fault, "after": 3 if dialect is OpenAi else 2})
    chunks = []
    with pytest.raises(openai.APIError) as broken:
        for chunk in locum.client().chat.completions.create(model=asked.model, messages=HELLO, stream=True):
            chunks.append(chunk)
    assert not isinstance(broken.value, openai.APIConnectionError), "an event of the stream, not a broken connection"
    assert any(choice.delta.content for chunk in chunks for choice in chunk.choices)
    assert not any(choice.finish_reason for chunk in chunks for choice in chunk.choices)
    assert broken.value.type == "server_error"
    assert (asked.upstream.asked, other.upstream.asked) == (1, 0)


def test_a_finished_stream_without_done_is_whole(start, openai_provider):
    locum = start(**routed_to(openai_provider.upstream.url), **QUICK)
    openai_provider.upstream.script({"fault": "no_done"})
    raw = locum.post(
        "/v1/chat/completions", {"model": openai_provider.model, "messages": HELLO, "stream": True}
    )
    assert raw.text.rstrip().endswith("data: [DONE]")
    assert "error" not in raw.text


@pytest.mark.parametrize("dialect", [OpenAi, Gemini])
def test_an_answer_without_end_does_not_fill_the_memory(start, openai_upstream, dialect):
    provider = dialect(openai_upstream)
    locum = start(**routed_to(**{f"{provider.name}_url": openai_upstream.url}), **QUICK)
    before = locum.rss_bytes
    openai_upstream.script(*[{"fault": "endless"}] * 5)
    with pytest.raises(openai.InternalServerError) as failed:
        ask(locum, provider.model)
    assert failed.value.status_code == 502
    assert locum.rss_bytes - before < 100 * 2**20
    openai_upstream.wait_for_hangup()


def test_an_upstream_that_was_restarted_is_asked_over_a_new_connection(start, tmp_path):
    """Connections are kept warm; one that died in between is nobody's failure."""
    port = free_port()
    locum = start(**routed_to(f"http://127.0.0.1:{port}"), PROVIDER_MAX_RETRIES="0")
    for _ in range(3):
        with Upstream(tmp_path, port) as upstream:
            for _ in range(2):
                assert ask(locum, "gpt-4.1-mini").parse().choices[0].message.content
            assert upstream.asked == 2


def test_a_circuit_opens_and_spares_a_dead_upstream(start, openai_provider, gemini_provider):
    settings = routed_to(openai_provider.upstream.url, gemini_provider.upstream.url)
    locum = start(**settings, PROVIDER_MAX_RETRIES="0")
    openai_provider.upstream.script(*[{"fault": "refuse_reset"}] * 100)
    for _ in range(30):
        assert ask(locum, openai_provider.model).headers["x-locum-provider"] == "gemini"
    assert openai_provider.upstream.asked < 15, "an open circuit asks no more"
    assert gemini_provider.upstream.asked == 30
    health = locum.http.get("/health").json()
    assert health["status"] == "degraded"
    assert health["providers"]["openai"]["circuit"] == "open"
    assert health["providers"]["gemini"]["circuit"] == "closed"


def test_a_circuit_closes_when_the_upstream_is_well_again(start, openai_provider, gemini_provider):
    settings = routed_to(openai_provider.upstream.url, gemini_provider.upstream.url)
    locum = start(**settings, PROVIDER_MAX_RETRIES="0")
    openai_provider.upstream.script({"fault": "refuse_reset", "times": 100})
    wait_until(lambda: ask(locum, openai_provider.model) and circuit_of(locum, "openai") == "open", what="the opening")
    openai_provider.upstream.clear()
    wait_until(
        lambda: ask(locum, openai_provider.model).headers["x-locum-provider"] == "openai", 30, "OpenAI's return"
    )
    assert circuit_of(locum, "openai") == "closed"
    assert locum.http.get("/health").json()["status"] == "ok"


def circuit_of(locum, provider):
    return locum.http.get("/health").json()["providers"][provider]["circuit"]
