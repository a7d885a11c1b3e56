from pathlib import Path
from typing import Any

import pytest

from .answer_fields import AnswerField, answer_fields
from .mapping import VENDORS
from .pretending import run_command, run_pretended

MODULE = "tests.acceptance.mutation"


def test_every_field_that_no_test_misses_is_named(tmp_path: Path) -> None:
    """Of each field it is said which test falls without it, or that all pass, or that none is answered with it."""
    tests = """
@pytest.mark.acceptance("S1-27")
def test_title(client):
    assert event(client)["title"] == "t"

@pytest.mark.acceptance("S1-15", "S1-23")
def test_ids(client):
    assert event(client)["eventID"] == "e1"
    assert event(client)["createdBy"] == {"name": "n"}
"""
    names = ["title", "eventID", "createdBy.name", "channels[]", "partner"]
    options = [text for name in names for text in ("--field", name)]
    finished = run_pretended(tmp_path, tests, "--dialect", "suger", *options, module=MODULE)
    assert finished.returncode == 1, finished.stderr
    assert set(finished.stdout.splitlines()) == {
        "suger  title  found by ::test_title",
        "suger  eventID  found by ::test_ids",
        "suger  createdBy.name  found by ::test_ids",
        "suger  channels[]  NOT FOUND: every test passes without it",
        "suger  partner  NOT FOUND: no test is answered with it",
        "suger: 3 of 5 fields found",
    }


def test_fixtures_of_a_module_are_made_again_for_each_field(tmp_path: Path) -> None:
    """What a module asks once is asked without the field too, and is not kept for the next field."""
    tests = """
@pytest.fixture(scope="module")
def first(client):
    assert "eventID" in event(client)
    return event(client)

@pytest.mark.acceptance("S1-27")
def test_title(client, first):
    assert event(client)
    assert first["title"] == "t"
"""
    names = ["title", "eventID", "channels[]"]
    options = [text for name in names for text in ("--field", name)]
    finished = run_pretended(tmp_path, tests, "--dialect", "suger", *options, module=MODULE)
    assert set(finished.stdout.splitlines()) == {
        "suger  title  found by ::test_title",
        "suger  eventID  found by ::test_title",
        "suger  channels[]  NOT FOUND: every test passes without it",
        "suger: 2 of 3 fields found",
    }


def test_nothing_is_said_of_tests_that_fail_as_they_are(tmp_path: Path) -> None:
    """They would fall without any field."""
    tests = '@pytest.mark.acceptance("S1-27")\ndef test_fails(client):\n    assert event(client) is None\n'
    finished = run_pretended(tmp_path, tests, "--dialect", "suger", module=MODULE)
    assert finished.returncode == 2
    assert "suger  FAILS AS IT IS: ::test_fails\n" in finished.stdout


def test_nothing_is_said_without_tests_that_run(tmp_path: Path) -> None:
    """Of a file that cannot be read, and of a field that there is not: neither is a field that was not found."""
    finished = run_pretended(tmp_path, "syntax error", "--dialect", "suger", module=MODULE)
    assert (finished.returncode, finished.stdout) == (2, "")
    finished = run_command(MODULE, "--dialect", "suger", "--field", "titel")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "no answer of suger has a field 'titel'" in finished.stderr


def test_a_field_of_a_dialect_is_found() -> None:
    """The command on the real tests of one dialect, for one field; for all fields it is a command of minutes."""
    finished = run_command(MODULE, "--dialect", "suger", "--field", "entityName")
    assert finished.returncode == 0, finished.stdout
    assert "suger  entityName  found by tests/acceptance/test_suger" in finished.stdout


@pytest.mark.parametrize(
    ("paths", "answer", "left"),
    [
        ([("a",)], {"a": 1, "b": 2}, {"b": 2}),
        ([("a", "b")], {"a": {"b": None}}, {"a": {}}),
        ([("a", "[]", "b")], {"a": [{"b": 1}, {"c": 2}, {"b": 3, "c": 4}]}, {"a": [{}, {"c": 2}, {"c": 4}]}),
        ([("[]", "a")], [{"a": 1}], [{}]),
        ([("a",), ("data", "a")], {"data": {"a": 1}}, {"data": {}}),
        ([("a", "b")], {"a": ["b"]}, None),
        ([("a",)], ["a"], None),
        ([("a",)], {}, None),
    ],
)
def test_a_field_is_taken_out_wherever_it_stands(paths: list[tuple[str, ...]], answer: Any, left: Any) -> None:  # noqa: ANN401 - any JSON
    """Of every item of a list; where it does not stand, nothing changes and that is said."""
    taken = AnswerField("a", tuple(paths))
    stood = left is not None
    assert taken.stands_in(answer) is stood
    before = repr(answer)
    assert taken.take_out_of(answer) is stood
    assert not taken.stands_in(answer)
    assert answer == left if stood else repr(answer) == before


def test_the_fields_are_those_of_the_documented_endpoints() -> None:
    """Mapped by a row or below one; those of requests and of siblings are no part of these answers."""
    names = {dialect: {each.name for each in answer_fields(dialect)} for dialect in VENDORS}
    assert {"eventID", "trackEvents[].contactId", "list/nextOffset"} <= names["suger"]
    assert {"customer", "negativeSoftLimit"} <= names["realtimeregister"]
    assert {"jobs[].step.filters[].children[].operator", "_environmentId"} <= names["novu"]
    assert {"create/queued", "data.rank.icon", "list/pagination.urls.next"} <= names["easir"]
    assert "emailParams[].key" in names["nextinteract"]
    every = {name for each in names.values() for name in each}
    assert not {"message/info.subject", "path/customer", "create/message", "device/token", "poll/count"} & every
    assert all(each.paths[0] for dialect in VENDORS for each in answer_fields(dialect))
