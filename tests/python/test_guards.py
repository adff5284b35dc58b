"""What stands before the API: keys, origins, limits, headers."""

import pytest
from harness.server import routed_to

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("path", ["GET /v1/models", "POST /v1/chat/completions", "POST /v1/embeddings", "GET /metrics"])
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sk-wrong", "Basic abc", "{key}", "Bearer {key}x"])
def test_the_key_is_asked_for(locum, path, header):
    method, path = path.split()
    response = locum.http.request(method, path, headers={"authorization": header.format(key=locum.key)})
    assert response.status_code == 401
    assert response.json()["error"]["message"]
    assert locum.key not in response.text


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_health_is_open(locum, path):
    assert locum.http.get(path, headers={"authorization": ""}).status_code == 200


def test_authentication_can_be_switched_off(start):
    locum = start(ENABLE_AUTH="false", PROVIDER_REHEARSAL_ENABLED="true")
    assert locum.http.get("/v1/models", headers={"authorization": ""}).status_code == 200


def test_the_metrics_key_opens_the_metrics_alone(start):
    locum = start(METRICS_KEY="sk-metrics-only", PROVIDER_REHEARSAL_ENABLED="true")
    headers = {"authorization": "Bearer sk-metrics-only"}
    assert locum.http.get("/metrics", headers=headers).status_code == 200
    assert locum.http.get("/v1/models", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/v1/nothing"])
def test_security_headers_on_everything(locum, path):
    headers = locum.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]


class TestOrigins:
    preflight = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,openai-beta,x-stainless-lang,x-stainless-arch",
    }

    def test_a_preflight_needs_no_key(self, locum):
        headers = self.preflight | {"authorization": ""}
        response = locum.http.options("/v1/chat/completions", headers=headers)
        assert response.status_code in {200, 204}
        assert response.headers["access-control-allow-origin"] in {"*", "https://app.example"}
        assert "POST" in response.headers["access-control-allow-methods"]
        allowed = response.headers["access-control-allow-headers"].lower()
        for name in self.preflight["access-control-request-headers"].split(","):
            assert name in allowed
        assert int(response.headers["access-control-max-age"]) > 0

    @pytest.mark.parametrize("key", ["right", "wrong"])
    def test_answers_and_errors_can_be_read(self, locum, key):
        authorization = f"Bearer {locum.key if key == 'right' else 'sk-wrong'}"
        headers = {"origin": "https://app.example", "authorization": authorization}
        response = locum.http.get("/v1/models", headers=headers)
        assert response.headers["access-control-allow-origin"] in {"*", "https://app.example"}
        assert "x-request-id" in response.headers["access-control-expose-headers"].lower()

    def test_other_origins_are_not_named(self, start):
        locum = start(CORS_ALLOWED_ORIGINS="https://a.example, https://b.example", PROVIDER_REHEARSAL_ENABLED="true")
        allowed = locum.http.get("/health", headers={"origin": "https://b.example"})
        assert allowed.headers["access-control-allow-origin"] == "https://b.example"
        assert "origin" in allowed.headers["vary"].lower()
        refused = locum.http.get("/health", headers={"origin": "https://c.example"})
        assert "access-control-allow-origin" not in refused.headers

    def test_cors_can_be_switched_off(self, start):
        locum = start(ENABLE_CORS="false", PROVIDER_REHEARSAL_ENABLED="true")
        response = locum.http.get("/health", headers={"origin": "https://app.example"})
        assert "access-control-allow-origin" not in response.headers


class TestRates:
    limits = {
        "ENABLE_RATE_LIMIT": "true",
        "PROVIDER_REHEARSAL_ENABLED": "true",
        "RATE_LIMIT_REQUESTS": "3",
        "RATE_LIMIT_WINDOW": "60000",
        "RATE_LIMIT_BYPASS_KEY": "sk-bypass",
    }

    def test_the_limit(self, start):
        locum = start(**self.limits)
        responses = [locum.http.get("/v1/models") for _ in range(4)]
        assert [response.status_code for response in responses] == [200, 200, 200, 429]
        assert responses[0].headers["x-ratelimit-limit-requests"] == "3"
        remaining = [response.headers["x-ratelimit-remaining-requests"] for response in responses]
        assert remaining == ["2", "1", "0", "0"]
        assert responses[0].headers["x-ratelimit-reset-requests"]
        assert 1 <= int(responses[3].headers["retry-after"]) <= 60
        assert responses[3].json()["error"]["code"] == "rate_limit_exceeded"
        locum.http.headers["x-ratelimit-bypass-key"] = "sk-bypass"
        assert locum.metric("locum_rate_limited_total") == 1

    def test_the_limit_comes_before_the_key(self, start):
        locum = start(**self.limits)
        wrong = {"authorization": "Bearer sk-guess"}
        statuses = [locum.http.get("/v1/models", headers=wrong).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]

    def test_the_bypass_key(self, start):
        locum = start(**self.limits)
        headers = {"x-ratelimit-bypass-key": "sk-bypass"}
        assert {locum.http.get("/v1/models", headers=headers).status_code for _ in range(6)} == {200}
        headers = {"x-ratelimit-bypass-key": "sk-guess"}
        assert 429 in {locum.http.get("/v1/models", headers=headers).status_code for _ in range(6)}

    def test_health_is_not_limited(self, start):
        locum = start(**self.limits)
        assert {locum.http.get("/health/live").status_code for _ in range(10)} == {200}

    def test_forwarded_addresses_of_strangers_are_not_believed(self, start):
        locum = start(**self.limits)
        statuses = [
            locum.http.get("/v1/models", headers={"x-forwarded-for": f"10.0.0.{number}"}).status_code
            for number in range(4)
        ]
        assert statuses == [200, 200, 200, 429]

    def test_forwarded_addresses_of_trusted_proxies_are_believed(self, start):
        locum = start(**self.limits, TRUSTED_PROXIES="127.0.0.0/8")
        statuses = [
            locum.http.get("/v1/models", headers={"x-forwarded-for": f"6.6.6.6, 10.0.0.{number}"}).status_code
            for number in range(4)
        ]
        assert statuses == [200] * 4
        same = [
            locum.http.get("/v1/models", headers={"x-forwarded-for": f"6.6.6.{number}, 10.1.1.1"}).status_code
            for number in range(4)
        ]
        assert same == [200, 200, 200, 429]


def test_the_limit_of_a_body_can_be_set(start, openai_upstream):
    locum = start(**routed_to(openai_upstream.url), MAX_BODY_BYTES="1KiB")
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "a" * 1024}]}
    response = locum.post("/v1/chat/completions", body)
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert openai_upstream.asked == 0
