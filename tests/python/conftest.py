"""The official Python SDK, strict, against the built program."""

pytest_plugins = ["harness.fixtures"]
