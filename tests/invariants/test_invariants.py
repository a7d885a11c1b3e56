from __future__ import annotations

from dataclasses import replace

import pytest

from tests.invariants.matrix import BEGIN, END, PAGE, Guarantee, Invariant, faults_of, load, table, with_table

SELF = "tests/invariants/test_invariants.py::test_every_invariant_is_proven_by_tests_that_exist"
ROW = Invariant("a", Guarantee.SAFETY, "It holds.", "anything", (SELF,))


def test_every_invariant_is_proven_by_tests_that_exist() -> None:
    """No row has an empty cell, and each test that one names is there; both guarantees have rows."""
    invariants = load()
    assert list(faults_of(invariants)) == []
    assert {one.guarantee for one in invariants} == set(Guarantee)


def test_the_readme_has_the_table_as_it_is() -> None:
    """The table of the page is the one that the rows make."""
    text = PAGE.read_text(encoding="utf-8")
    assert with_table(text, load()) == text, "run `python -m tests.invariants --write`"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (replace(ROW, tests=()), "a: has an empty cell"),
        (replace(ROW, fault=""), "a: has an empty cell"),
        (replace(ROW, tests=(SELF, SELF)), "a: names a test twice"),
        (replace(ROW, tests=("tests/none.py::test_it",)), "a: there is no test tests/none.py::test_it"),
        (replace(ROW, tests=(SELF[:-1],)), f"a: there is no test {SELF[:-1]}"),
    ],
)
def test_a_row_without_proof_is_named(row: Invariant, fault: str) -> None:
    """An empty cell, a test twice and a test that does not exist are each told with the row's id."""
    assert list(faults_of([row])) == [fault]
    assert list(faults_of([ROW])) == []
    assert list(faults_of([ROW, ROW])) == ["a: stands twice"]


def test_the_table_takes_its_place_between_the_marks() -> None:
    """Safety comes before liveness, what stands around the marks stays, and without them there is no place for it."""
    later = replace(ROW, id="b", guarantee=Guarantee.LIVENESS, statement="It happens.")
    written = with_table(f"before {BEGIN} as it was {END} after", [later, ROW])
    assert written.startswith("before ")
    assert written.endswith(" after")
    assert table([ROW, later]) in written
    assert "as it was" not in written
    assert "[every invariant is proven by tests that exist](../../tests/invariants/test_invariants.py)" in written
    with pytest.raises(ValueError, match="has no part between"):
        with_table("no marks", [ROW])
