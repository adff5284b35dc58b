"""The official Python SDK, strict, against the built program."""

from harness.hosts import leave_out

pytest_plugins = ["harness.fixtures"]


def pytest_collection_modifyitems(items):
    leave_out(items)
