import json
import subprocess
from pathlib import Path
from typing import Any

from .mapping import VENDORS, acceptance_ids
from .pretending import run_command, run_pretended
from .rows import table


def states(finished: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the state of each row by what the command printed in JSON."""
    assert finished.returncode in {0, 1}, finished.stderr
    return {row["id"]: row["state"] for row in json.loads(finished.stdout)["rows"]}


def collected() -> dict[str, Any]:
    """Return the rows of the table by id, with the tests of this folder."""
    finished = run_command("tests.acceptance", "--collect", "--json")
    assert finished.returncode in {0, 1}, finished.stderr
    return {row["id"]: row for row in json.loads(finished.stdout)["rows"]}


def test_every_row_that_must_work_has_a_test() -> None:
    """Over HTTP, never skipped, and passing, since one that fails fails the suite."""
    assert [row_id for row_id, row in collected().items() if row["required"] and row["state"] == "no test"] == []


def test_the_table_names_the_rows_that_must_work() -> None:
    """Those of the documented endpoints, of each dialect; siblings are not among them."""
    required = [row.id for row in table() if row.required]
    assert len(required) == 33 + 25 + 24 + 23 + 22
    assert not [row for row in table() if row.required and row.observable.startswith("Sibling")]
    assert acceptance_ids() == [row.id for row in table()]
    assert {row.dialect for row in table()} == set(VENDORS)


def test_the_command_says_what_works_fails_and_has_no_test(tmp_path: Path) -> None:
    """A row works when all its tests pass; one that fails, in its fixture, its body or its end, is enough."""
    tests = """
@pytest.mark.acceptance("S1-15", "S1-27")
def test_passes(client):
    assert client.get("/suger/x").json()["notificationEvents"][0]["title"] == "t"

@pytest.mark.acceptance("S1-27")
def test_fails(client):
    assert client.get("/suger/x").status_code == 404

@pytest.fixture
def ends_badly():
    yield
    assert False

@pytest.mark.acceptance("S1-18")
def test_ends_badly(client, ends_badly):
    client.get("/suger/x")
"""
    finished = run_pretended(tmp_path, tests, "--dialect", "suger", "--json")
    assert finished.returncode == 1
    of = states(finished)
    assert (of["S1-15"], of["S1-27"], of["S1-18"], of["S1-01"]) == ("works", "fails", "fails", "no test")
    assert set(of) == {row.id for row in table() if row.dialect == "suger"}
    printed = run_pretended(tmp_path, tests, "--dialect", "suger").stdout
    assert "S1-15  works             1  suger: Event identity\n" in printed
    assert "   ::test_fails\n" in printed
    assert printed.endswith("Of 33 rows that must work: 1 works, 2 fails, 30 no test.\n")


def test_the_command_succeeds_when_every_row_works(tmp_path: Path) -> None:
    """Of the dialects that are chosen, the rows that must work; further rows may be without a test."""
    ids = [row.id for row in table() if row.dialect == "easir" and row.required]
    params = ", ".join(f'pytest.param(marks=pytest.mark.acceptance("{row_id}"))' for row_id in ids)
    tests = f"""
@pytest.mark.parametrize((), [{params}])
def test_all(client):
    client.get("/easir/notifications")
"""
    finished = run_pretended(tmp_path, tests, "--dialect", "easir", "--json")
    assert finished.returncode == 0, finished.stderr
    assert {row_id for row_id, state in states(finished).items() if state == "works"} == set(ids)
    assert states(finished)["S5-23"] == "no test"


def test_a_marked_test_that_shows_nothing_fails(tmp_path: Path) -> None:
    """It asked another dialect, or skipped itself, or failed as it expected to."""
    tests = """
@pytest.mark.acceptance("S1-15")
def test_asks_another(client):
    client.get("/novu/x")

@pytest.mark.acceptance("S1-16")
def test_skips(client):
    client.get("/suger/x")
    pytest.skip("not today")

@pytest.mark.acceptance("S1-17")
def test_expects_to_fail(client):
    client.get("/suger/x")
    pytest.xfail("not yet")
"""
    finished = run_pretended(tmp_path, tests, "--json")
    of = states(finished)
    assert (of["S1-15"], of["S1-16"], of["S1-17"]) == ("fails", "fails", "fails")
    assert "asked nothing of suger" in finished.stderr
    assert "may not be skipped" in finished.stderr


def test_what_no_route_can_raise_needs_another_test_besides(tmp_path: Path) -> None:
    """A test that says that it asks nothing may; alone it shows no row."""
    tests = """
@pytest.mark.acceptance("S1-30", "S1-06", over_http=False)
def test_names_and_statuses():
    pass

@pytest.mark.acceptance("S1-30")
def test_asks(client):
    client.get("/suger/x")
"""
    of = states(run_pretended(tmp_path, tests, "--json"))
    assert (of["S1-30"], of["S1-06"]) == ("works", "no test")


REFUSED = {
    "three": ('@pytest.mark.acceptance("S1-15", "S1-16", "S1-17")', "3 ids; one or two are allowed"),
    "two_markers": ('@pytest.mark.acceptance("S1-15")\n@pytest.mark.acceptance("S1-16", "S1-17")', "3 ids"),
    "none": ("@pytest.mark.acceptance()", "0 ids"),
    "unknown": ('@pytest.mark.acceptance("S1-99")', "'S1-99' is no row of acceptance.md"),
    "skip": ('@pytest.mark.skip\n@pytest.mark.acceptance("S1-15")', "a test that shows a row may not be marked skip"),
    "xfail": (
        '@pytest.mark.xfail\n@pytest.mark.acceptance("S1-15")',
        "a test that shows a row may not be marked xfail",
    ),
}
"""Markers by the name of their test, and what is said of them."""


def test_markers_that_say_nothing_of_the_table_are_refused(tmp_path: Path) -> None:
    """All at once, when tests are collected, before any of them runs."""
    tests = "\n".join(f"{markers}\ndef test_{name}():\n    pass\n" for name, (markers, _) in REFUSED.items())
    finished = run_pretended(tmp_path, tests)
    assert finished.returncode == 2
    assert not finished.stdout
    for name, (_, said) in REFUSED.items():
        assert f"::test_{name}: {said}" in finished.stderr
