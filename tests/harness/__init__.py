"""What the black-box suites share: starting Locum, scripting its upstreams, talking raw HTTP."""
