"""The questions that every store is asked, asked inside of Durable Objects."""

import os
from typing import Iterator

import pytest
from harness.server import Locum

PATH = "/.object/contract/"


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> Iterator[Locum]:
    """A Worker that has the questions in it."""
    settings = {"PROVIDER_REHEARSAL_ENABLED": "true", "LOCUM_TRIAL": "true", "LOG_LEVEL": "error"}
    folder = tmp_path_factory.mktemp("contract")
    with Locum(folder, program=os.environ["LOCUM_CONTRACT_WORKER"], **settings) as locum:
        yield locum


def test_every_question_is_answered_right(suite):
    names = suite.http.get(PATH).raise_for_status().text.splitlines()
    assert len(names) > 50
    wrong = []
    for name in names:
        answer = suite.http.get(PATH + name, timeout=60)
        if (answer.status_code, answer.text) != (200, "answered right"):
            wrong.append(name)
    assert wrong == [], suite.output[-4000:]
    print(f"{len(names)} questions")
