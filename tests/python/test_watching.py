"""What an operator sees: health, metrics, logs, traces. And what nobody sees: prompts and secrets."""

import http.server
import threading

import openai
import pytest
from harness.process import wait_until
from harness.server import KEY, UPSTREAM_KEY, routed_to

PROMPT = "the-prompt-nobody-may-log"
ANSWER = "the-answer-nobody-may-log"
MESSAGES = [{"role": "user", "content": PROMPT}]


@pytest.fixture
def both(start, openai_upstream, gemini_upstream):
    def start_with(**settings):
        return start(**routed_to(openai_upstream.url, gemini_upstream.url), **settings)

    return start_with


def test_health_says_what_traffic_met(both, openai_provider, gemini_provider):
    locum = both(PROVIDER_MAX_RETRIES="0", PROVIDER_FALLBACK_ENABLED="false")
    health = locum.http.get("/health").json()
    assert health["status"] == "ok"
    assert health["version"] and health["uptime_seconds"] >= 0
    assert health["providers"].keys() == {"openai", "gemini"}

    gemini_provider.upstream.script({"status": 503})
    locum.client().chat.completions.create(model=openai_provider.model, messages=MESSAGES)
    with pytest.raises(openai.InternalServerError):
        locum.client().chat.completions.create(model=gemini_provider.model, messages=MESSAGES)
    providers = locum.http.get("/health").json()["providers"]
    assert providers["openai"]["latency_ms"] > 0
    assert providers["openai"]["last_error"] is None
    assert providers["gemini"]["last_error"]
    assert providers["gemini"]["circuit"] == "closed"


@pytest.mark.complaints
def test_a_clients_own_fault_is_not_the_providers_illness(both, gemini_provider):
    locum = both(PROVIDER_MAX_RETRIES="0", PROVIDER_FALLBACK_ENABLED="false")
    for model in ("gemini-nonsense", gemini_provider.model):
        gemini_provider.upstream.script({"status": 404 if model == "gemini-nonsense" else 400})
        with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
            locum.client().chat.completions.create(model=model, messages=MESSAGES)
        assert locum.http.get("/health").json()["status"] == "ok"


def test_health_costs_no_upstream_call(both, openai_upstream, gemini_upstream):
    locum = both()
    for path in ("/health", "/health/live", "/health/ready"):
        assert locum.http.get(path).status_code == 200
    assert (openai_upstream.asked, gemini_upstream.asked) == (0, 0)


def test_metrics_count_requests_tokens_and_fallbacks(both, openai_provider, gemini_provider):
    locum = both(PROVIDER_MAX_RETRIES="1")
    locum.client().chat.completions.create(model=gemini_provider.model, messages=MESSAGES)
    openai_provider.upstream.script({"status": 503}, {"status": 503})
    gemini_provider.upstream.clear()
    gemini_provider.upstream.script(gemini_provider.text_stream("a", "b"))
    list(locum.client().chat.completions.create(model=openai_provider.model, messages=MESSAGES, stream=True))
    with pytest.raises(openai.NotFoundError):
        locum.client().chat.completions.create(model="no-such-model", messages=MESSAGES)

    text = locum.http.get("/metrics").text
    requests = "locum_requests_total"
    assert locum.metric(requests, route="/v1/chat/completions", status="200") == 2
    assert locum.metric(requests, route="/v1/chat/completions", status="404") == 1
    assert locum.metric("locum_fallbacks_total") == 1
    assert locum.metric("locum_retries_total", provider="openai") == 1
    assert locum.metric("locum_tokens_total", provider="gemini", direction="input") >= 11
    assert locum.metric("locum_tokens_total", provider="gemini", direction="output") >= 7
    assert locum.metric("locum_request_duration_seconds_count") >= 3
    assert locum.metric("locum_time_to_first_token_seconds_count") >= 1
    assert "locum_circuit_state" in text and "locum_requests_in_flight" in text
    assert PROMPT not in text


def test_labels_are_bounded_whatever_clients_send(both):
    locum = both()
    for number in range(30):
        locum.http.get(f"/v1/strange/{number}")
        locum.post("/v1/chat/completions", {"model": f"strange-{number}", "messages": MESSAGES})
    assert "strange" not in locum.http.get("/metrics").text


def test_metrics_are_prometheus_text(locum):
    response = locum.http.get("/metrics")
    assert response.headers["content-type"].startswith(("text/plain", "application/openmetrics-text"))
    for line in response.text.splitlines():
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0


def test_every_line_of_a_request_has_its_id(both, gemini_provider):
    locum = both()
    raw = locum.client().chat.completions.with_raw_response.create(model=gemini_provider.model, messages=MESSAGES)

    def lines():
        return [line for line in locum.log_lines if line.get("request_id") == raw.request_id]

    (end,) = wait_until(lambda: [line for line in lines() if line["message"] == "request"], what="the request's line")
    assert (end["path"], end["status"], end["provider"]) == ("/v1/chat/completions", 200, gemini_provider.name)
    assert any(line["level"] == "DEBUG" and gemini_provider.name in str(line) for line in lines()), "the decision"


def test_a_request_id_of_the_client_is_not_echoed_into_the_log_raw(both):
    locum = both()
    response = locum.http.get("/health", headers={"x-request-id": "a b\tc" + "d" * 500})
    assert len(response.headers["x-request-id"]) < 200


def test_logs_are_json_in_production_and_readable_in_development(both):
    production = both(NODE_ENV="production")
    wait_until(lambda: production.log_lines, what="a line of JSON")
    development = both(NODE_ENV="development")
    wait_until(lambda: development.url in development.output, what="a line of text")
    assert not development.log_lines


@pytest.mark.complaints
@pytest.mark.parametrize("environment", ["production", "development"])
def test_no_prompt_no_answer_and_no_secret_in_the_logs(both, openai_provider, gemini_provider, environment):
    locum = both(NODE_ENV=environment, LOG_LEVEL="trace", PROVIDER_MAX_RETRIES="0", RATE_LIMIT_BYPASS_KEY="sk-bypass")
    for provider in (openai_provider, gemini_provider):
        for script, stream in (
            (provider.text(ANSWER), False),
            (provider.text_stream(ANSWER), True),
            ({"status": 400}, False),
            ({"fault": "html"}, False),
        ):
            provider.upstream.clear()
            provider.upstream.script(script)
            body = {"model": provider.model, "messages": MESSAGES, "stream": stream}
            locum.post("/v1/chat/completions", body, headers={"x-ratelimit-bypass-key": "sk-bypass"})
    locum.post("/v1/chat/completions", {"model": "gpt-4.1-mini", "messages": [{"role": PROMPT}]})
    locum.http.get("/v1/models", headers={"authorization": "Bearer sk-somebody-elses"})
    locum.stop()
    for secret in (PROMPT, ANSWER, KEY, UPSTREAM_KEY, "sk-bypass", "sk-somebody-elses"):
        assert secret not in locum.output
    assert "/v1/chat/completions" in locum.output


def test_errors_name_no_upstream_secret_and_no_internals(both, gemini_provider):
    locum = both(PROVIDER_MAX_RETRIES="0", PROVIDER_FALLBACK_ENABLED="false")
    error = {"code": 403, "message": f"key {UPSTREAM_KEY} was reported as leaked", "status": "PERMISSION_DENIED"}
    gemini_provider.upstream.script({"status": 403, "body": {"error": error}})
    response = locum.post("/v1/chat/completions", {"model": gemini_provider.model, "messages": MESSAGES})
    assert response.status_code >= 400
    assert UPSTREAM_KEY not in response.text
    assert UPSTREAM_KEY not in locum.http.get("/health").text
    assert UPSTREAM_KEY not in locum.output


class Collector(http.server.ThreadingHTTPServer):
    """Takes traces over OTLP/HTTP and keeps them."""

    def __init__(self):
        self.received: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), Collector.Handler)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.received.append((self.path, body))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass


@pytest.fixture
def collector():
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    yield collector
    collector.shutdown()
    thread.join()
    collector.server_close()


def test_traces_go_to_the_collector_with_the_genai_conventions(both, collector, gemini_provider):
    locum = both(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}")
    gemini_provider.upstream.script(gemini_provider.text(ANSWER))
    locum.client().chat.completions.create(model=gemini_provider.model, messages=MESSAGES)
    assert locum.stop() == 0, "a clean stop sends what is left"
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    sent = b"".join(body for _, body in collector.received)
    for name in (
        b"gen_ai.operation.name",
        b"gen_ai.request.model",
        b"gen_ai.response.model",
        b"gen_ai.usage.input_tokens",
        b"gen_ai.usage.output_tokens",
        b"gemini-flash-latest",
        b"locum",
    ):
        assert name in sent, name
    for secret in (PROMPT, ANSWER, KEY, UPSTREAM_KEY):
        assert secret.encode() not in sent


def test_a_collector_that_is_away_harms_nobody(both, gemini_provider):
    locum = both(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    locum.client().chat.completions.create(model=gemini_provider.model, messages=MESSAGES)
    assert locum.stop() == 0
