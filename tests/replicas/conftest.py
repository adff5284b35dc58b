"""Several built programs over one PostgreSQL and one S3, which the tests take away from them.

The servers are started once, by whoever asks first. A test that breaks one mends it, so that the next one finds it whole; each test
has a database and replicas of its own, and an empty Redis.
"""

import pathlib
from typing import Callable, Iterator

import pytest
from harness.cluster import Cluster
from harness.services import S3, Postgres, Redis

pytest_plugins = ["harness.fixtures"]


@pytest.fixture(scope="session")
def the_postgres() -> Iterator[Postgres]:
    with Postgres() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def the_redis() -> Iterator[Redis]:
    with Redis() as redis:
        yield redis


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with S3() as s3:
        yield s3


@pytest.fixture
def postgres(the_postgres: Postgres) -> Postgres:
    if not the_postgres.is_running:
        the_postgres.start()
    return the_postgres


@pytest.fixture
def redis(the_redis: Redis) -> Redis:
    if not the_redis.is_running:
        the_redis.start()
    the_redis.clear()
    return the_redis


@pytest.fixture
def clusters(tmp_path: pathlib.Path, postgres, s3, openai_upstream) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters without a replica yet: `clusters(RUN_LEASE="10")`."""
    made: list[Cluster] = []

    def make(**settings: str) -> Cluster:
        folder = tmp_path / f"cluster-{len(made)}"
        folder.mkdir()
        made.append(Cluster(folder, postgres, s3, openai_upstream.url, **settings))
        return made[-1]

    yield make
    for cluster in made:
        cluster.stop()


@pytest.fixture
def cluster(clusters) -> Cluster:
    """Three replicas."""
    cluster = clusters()
    cluster.start(3)
    return cluster


@pytest.fixture
def provider(openai_provider):
    """One provider is enough here: what differs between providers is asked in tests/python."""
    return openai_provider
