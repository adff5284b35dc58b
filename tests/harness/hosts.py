"""The hosts that Locum runs on. The same tests are for both: `LOCUM_HOST` says which one is asked, `native` or `worker`."""

import os

import pytest

from .process import REPOSITORY, program

IS_WORKER = os.environ.get("LOCUM_HOST") == "worker"


def locum_command(*arguments: str) -> list[str]:
    """The command line that starts Locum. The Worker has none of its own: the script that serves it takes no arguments."""
    if not IS_WORKER:
        return [program("LOCUM_BIN", "locum"), *arguments]
    assert arguments == ("serve",), f"the Worker has no `{arguments[0]}`"
    return [os.environ["NODE_BIN"], str(REPOSITORY / "tests/worker/serve.mjs"), os.environ["LOCUM_WORKER"]]


NOT_ON_THE_WORKER: dict[str, str] = {}
"""Tests that the Worker is not asked, by the beginning of their names, and why."""


def leave_out(items: list[pytest.Item]):
    """Marks what is not asked of this host."""
    for item in items:
        name = item.nodeid.partition("::")[2]
        for start, reason in NOT_ON_THE_WORKER.items():
            if IS_WORKER and name.startswith(start):
                item.add_marker(pytest.mark.skip(reason=reason))
