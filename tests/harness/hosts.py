"""The hosts that Locum runs on. The same tests are for all: `LOCUM_HOST` says which one is asked.

`native`: the program with its folder. `postgres`: the same program over PostgreSQL and an S3. `worker`: the Worker.
"""

import hashlib
import os

import pytest

from . import process, services

HOST = os.environ.get("LOCUM_HOST", "native")
IS_WORKER = HOST == "worker"
UPLOAD_BYTES = 40_000_000 if HOST == "postgres" else 16_000_000
"""How much memory a large upload or download may take: to S3 it goes in parts of 5 MiB, of which there are three at a time."""


ALONE = {"connection": "close"} if IS_WORKER else {}
"""Headers of a request whose body may go unread. The Worker's runtime then hangs up without a word, which only its edge, who
has the client's connection, would notice."""


def locum_command(*arguments: str, program: str | None = None) -> list[str]:
    """The command line that starts Locum, or another build of it. The Worker has none of its own: the script that serves it takes no arguments."""
    if not IS_WORKER:
        return [program or process.program("LOCUM_BIN", "locum"), *arguments]
    assert arguments == ("serve",), f"the Worker has no `{arguments[0]}`"
    script = process.REPOSITORY / "tests/worker/serve.mjs"
    return [os.environ["NODE_BIN"], str(script), program or os.environ["LOCUM_WORKER"]]


def kept_elsewhere(arguments: tuple[str, ...], settings: dict[str, str]) -> dict[str, str]:
    """The settings of a Locum that keeps nothing in its folder, where that is the host: a database and a prefix of its own. It finds both
    again when it is started again over the same `DATA_DIR`. A short lease, because here nobody knows at once that it was killed."""
    if HOST != "postgres" or arguments != ("serve",):
        return {}
    own = "locum_" + hashlib.sha256(settings["DATA_DIR"].encode()).hexdigest()[:24]
    database = services.ensure_database(os.environ["LOCUM_TEST_POSTGRES"], own)
    return {"DATABASE_URL": database, "RUN_LEASE": "2"} | services.storage(os.environ["LOCUM_TEST_S3"], own)


NOT_ON_THE_WORKER = {
    "TestCommandLine::": "a Worker has no command line; its settings are asked for in tests/worker",
    "TestStart::": "a Worker does not listen, and starts with its first request",
    "TestStop::": "nobody asks a Worker to stop",
    "TestStopping::": "nobody asks a Worker to stop; restarts are in tests/worker",
    "TestDemo::": "`locum demo` is a command of the native program",
    "TestFullDisk::": "a Worker has no disk",
    "TestGarbage::test_what_nobody_needs_goes": "it looks into the folder of blobs; tests/worker collects on the Worker",
    "test_a_header_that_never_ends": "heads are read by the platform",
    "test_headers_that_never_end": "heads are read by the platform",
    "test_slow_senders_do_not_hold_a_connection_for_ever[head]": "heads are read by the platform",
    "test_a_body_that_nobody_reads_is_told_of": "connections are the platform's",
    "test_an_answer_without_end_does_not_fill_the_memory": "what workerd keeps of memory is not what the program holds",
    "test_a_slow_reader_hurts_nobody": "an object stores no text of 12 MB; tests/worker asks with a shorter one",
    "test_memory_stays_flat": "the simulated R2 is in the same process, and keeps what it is given in memory",
    "test_a_clean_stop_hands_runs_over": "nobody asks a Worker to stop",
    "test_two_do_not_serve_one_folder": "the platform sees to it that there is one of each object",
    "test_a_wrong_place_for_data_stops_the_start": "where a Worker keeps its data is no setting",
    "test_logs_are_json_in_production_and_readable_in_development": "a Worker's logs are JSON always",
    "test_traces_go_to_the_collector": "a Worker makes no traces",
    "test_a_collector_that_is_away_harms_nobody": "a Worker makes no traces",
}
"""Tests that the Worker is not asked, by the beginning of their names, and why."""

IN_THE_FOLDER = "it looks into the folder of blobs; S3 is asked in crates/locum/tests/services"
NOT_OVER_POSTGRES = {
    "TestDemo::": "`locum demo` keeps what it has in a folder, always",
    "TestFullDisk::": "the database and the files are on another's disk",
    "TestGarbage::test_what_nobody_needs_goes": IN_THE_FOLDER,
    "test_deleting_takes_the_bytes": IN_THE_FOLDER,
    "TestStopping::test_an_upload_that_a_kill_broke_off": IN_THE_FOLDER,
    "test_two_do_not_serve_one_folder": "any number serve one database: tests/replicas",
    "test_a_wrong_place_for_data_stops_the_start": "it is about the folder",
}
"""Tests that the program is not asked while it keeps everything in PostgreSQL and S3, and why."""

LEFT_OUT = {"worker": NOT_ON_THE_WORKER, "postgres": NOT_OVER_POSTGRES}


def leave_out(items: list[pytest.Item]):
    """Marks what is not asked of this host."""
    for item in items:
        name = item.nodeid.partition("::")[2]
        for start, reason in LEFT_OUT.get(HOST, {}).items():
            if name.startswith(start):
                item.add_marker(pytest.mark.skip(reason=reason))
