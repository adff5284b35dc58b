"""Several Locums over one PostgreSQL and one S3."""

import contextlib
import itertools
import pathlib
import signal
from typing import Iterator

from . import services
from .server import Locum, routed_to


class Cluster:
    """Replicas of one Locum, in front of one upstream. A lease is short unless the test says otherwise."""

    _numbers = itertools.count()

    def __init__(self, folder: pathlib.Path, postgres: services.Postgres, s3: services.S3, upstream_url: str, **settings: str):
        self.folder = folder
        self.name = f"cluster_{next(self._numbers)}"
        self.database = postgres.create_database(self.name)
        self.settings = (
            routed_to(upstream_url)
            | services.storage(s3.url, self.name)
            | {"DATABASE_URL": self.database, "RUN_LEASE": "2"}
            | settings
        )
        self.replicas: list[Locum] = []
        self._started = 0

    def start(self, count: int = 3, **settings: str) -> list[Locum]:
        """Starts so many replicas at once, and returns when all of them answer."""
        begun = [self.begin(**settings) for _ in range(count)]
        self.replicas += begun
        for replica in begun:
            replica.wait_ready()
        return begun

    def restart(self, replica: Locum) -> Locum:
        """Starts a replica that has ended again, at the same address and with the same settings."""
        again = self.begin(**(replica.own_settings | {"PORT": str(replica.port)}))
        self.replicas[self.replicas.index(replica)] = again
        again.wait_ready()
        return again

    def begin(self, **settings: str) -> Locum:
        """Begins to start a replica, which is not one of the cluster's yet."""
        folder = self.folder / f"replica-{self._started}"
        folder.mkdir()
        self._started += 1
        replica = Locum(folder, wait=False, **(self.settings | settings))
        replica.own_settings = settings
        return replica

    def others(self, replica: Locum) -> list[Locum]:
        return [each for each in self.replicas if each is not replica]

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all replicas."""
        return sum(replica.metric(name, **labels) for replica in self.replicas)

    def stop(self):
        for replica in self.replicas:
            # A stopped process does not hear that it should end.
            replica.signal(signal.SIGCONT)
            replica.signal(signal.SIGTERM)
        for replica in self.replicas:
            replica.stop()


@contextlib.contextmanager
def frozen(replica: Locum) -> Iterator[None]:
    """Meanwhile the replica does nothing at all, as a machine that hangs."""
    replica.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        replica.signal(signal.SIGCONT)


def kill(replica: Locum):
    replica.signal(signal.SIGKILL)
    replica.exit_code()
