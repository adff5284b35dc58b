"""One limit over all replicas: counted in Redis, in the database, and where that is away, by each for itself."""

import concurrent.futures
import time

import httpx2
import pytest
from harness.cluster import Cluster
from harness.process import wait_until
from harness.server import Locum

from load import logged

LIMIT = 60
HOUR = "3600000"


def limited(clusters, **settings: str) -> Cluster:
    cluster = clusters(
        ENABLE_RATE_LIMIT="true", RATE_LIMIT_REQUESTS=str(LIMIT), RATE_LIMIT_BYPASS_KEY="bypass-0123456789", **settings
    )
    for replica in cluster.start(3):
        # For all that is asked beside the requests that are counted.
        replica.http.headers["x-ratelimit-bypass-key"] = "bypass-0123456789"
    return cluster


def ask(replica: Locum) -> httpx2.Response:
    """A request that is counted."""
    answer = replica.http.get("/v1/assistants?limit=1", headers={"x-ratelimit-bypass-key": "not this one"})
    assert answer.status_code in (200, 429), answer.text
    if answer.status_code == 429:
        assert int(answer.headers["retry-after"]) >= 1
    return answer


def burst(cluster: Cluster, count: int) -> tuple[int, float]:
    """How many of so many requests to all replicas are allowed; and how long the slowest took, in seconds."""

    def timed(n: int) -> tuple[int, float]:
        begun = time.monotonic()
        status = ask(cluster.replicas[n % 3]).status_code
        return status, time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(timed, range(count)))
    return sum(status == 200 for status, _ in answers), max(took for _, took in answers)


@pytest.mark.parametrize("store", ["redis", "postgres"])
def test_it_is_one_for_all(clusters, redis, store):
    where = {"RATE_LIMIT_STORE": redis.url} if store == "redis" else {}
    cluster = limited(clusters, RATE_LIMIT_WINDOW=HOUR, **where)
    allowed, _ = burst(cluster, 4 * LIMIT)
    assert LIMIT * 0.9 <= allowed <= LIMIT, f"{allowed} of {LIMIT} were allowed"
    assert cluster.metric("locum_rate_limit_counted_alone_total") == 0


def test_a_window_ends_for_all(clusters, redis):
    cluster = limited(clusters, RATE_LIMIT_WINDOW="2000", RATE_LIMIT_STORE=redis.url)
    burst(cluster, 4 * LIMIT)
    wait_until(lambda: all(ask(replica).status_code == 200 for replica in cluster.replicas), what="a new window")


def test_without_redis_each_counts_alone(clusters, redis):
    cluster = limited(clusters, RATE_LIMIT_WINDOW="4000", RATE_LIMIT_STORE=redis.url)
    allowed, _ = burst(cluster, 10)
    assert allowed == 10
    redis.kill()
    allowed, slowest = burst(cluster, 2 * LIMIT)
    assert allowed >= LIMIT * 0.9, f"{allowed} were allowed"
    assert slowest < 2, f"the slowest answer took {slowest} s"
    assert cluster.metric("locum_rate_limit_counted_alone_total") > 0
    assert any(logged(replica, "requests are counted by this process alone") for replica in cluster.replicas)
    redis.start()

    def is_shared() -> bool:
        # All begin the same window together, so that what is left of the last one is not counted.
        time.sleep(4.1)
        return burst(cluster, 4 * LIMIT)[0] <= LIMIT

    wait_until(is_shared, 25, "counting together again")
