"""What only the Worker has: its objects, alarms and bindings, asked under workerd. All else of it is asked by tests/python."""

pytest_plugins = ["harness.fixtures"]
