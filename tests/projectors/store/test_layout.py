"""How a file is laid out: what SQL says by name agrees with the contract, and rows lie where they are looked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import pytest

from ledger_projectors.store.read_model import ReadModel
from ledger_schemas.kinds import Kind
from tests.projectors.building import demo_events, open_model, records_of, rows
from tests.properties.layout import BROKEN, KEYS, check_layout, faults
from tests.properties.strategies import NOON_MS, Recorded, audience, said

KINDS: Final = [str(kind) for kind in Kind]
NOT_TOLD_BELOW: Final = {"created", "amended", "audience_added", "retracted", "observed"}
BY_MACHINES: Final = {"automated_opened", "automated_clicked"}
FURTHER_FACTS: Final = {*BY_MACHINES, "failed_permanently"}
"""Facts that are not named as a kind is; that an audience is declared is a row, not a fact that is marked."""

DAMAGE: Final = {
    "a notification has one number": "INSERT INTO directory SELECT * REPLACE (n + 100 AS n) FROM directory LIMIT 1",
    "numbers were given": "UPDATE numbering SET notifications = 1",
    "there is one numbering": "INSERT INTO numbering FROM numbering",
    "a notification has events": "DELETE FROM event_rows WHERE n = 1",
    "events lie where the directory says": "UPDATE event_rows SET touched_in = touched_in + 1",
    "events were written before they moved": "UPDATE event_rows SET written_in = 9",
    "contents lie where their event was written": "UPDATE event_contents SET written_in = 9",
    "details lie where their event was written": "UPDATE event_details SET written_in = 9",
    "rows of notifications lie where the directory says": "UPDATE notification_rows SET touched_in = 9",
    "rows of inbox entries lie where the directory says": "UPDATE inbox_entry_rows SET tenant_id = 'x'",
    "rows of deliveries lie where the directory says": "UPDATE delivery_rows SET n = n + 1",
    "contents are of notifications": "UPDATE content_rows SET n = n + 100",
    "a delivery is of an inbox entry, and that of a notification": "DELETE FROM notification_rows WHERE n = 1",
    "a place in the log is told of once": "UPDATE event_rows SET log_offset = 0",
    "counts are those of the rows": "UPDATE recipient_count_rows SET unseen = unseen + 1",
    **{f"no key stands twice in {table}": f"INSERT INTO {table} FROM {table}" for table in KEYS},
}
"""What breaks each rule of the layout."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a file in several batches, for each test to have a copy of."""
    folder = tmp_path_factory.mktemp("filled")
    records = records_of(*(Recorded(event, NOON_MS) for event in demo_events(12)))
    with open_model(folder) as model:
        for start in range(0, len(records), 25):
            model.apply(records[start : start + 25])
    return folder


@pytest.fixture
def model(tmp_path: Path, filled: Path) -> Iterator[ReadModel]:
    """Give a file with rows in every table, of several batches."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with open_model(tmp_path) as opened:
        yield opened


def test_kinds_and_marks_are_in_the_order_of_the_contract(model: ReadModel) -> None:
    """A mark's first symbols are those of the kinds: the bit of a kind is found by its number, in both types."""
    ((kinds, marks),) = rows(model, "SELECT enum_range(NULL::event_kind)::VARCHAR[], enum_range(NULL::mark)::VARCHAR[]")
    assert kinds == KINDS
    assert marks[: len(KINDS)] == KINDS
    assert marks[len(KINDS) :] == [*dict.fromkeys(marks[len(KINDS) :])]
    assert len(marks) < 63  # bits of a BIGINT, without its sign


def test_every_fact_has_a_bit_of_its_own(model: ReadModel) -> None:
    """Each that a kind is named for, and the further ones; none of them is another's."""
    facts = [*KINDS, *sorted(FURTHER_FACTS)]
    bits = [rows(model, f"SELECT mark_of('{fact}')")[0][0] for fact in facts]
    assert len(facts) == len({*bits})
    assert {1} == {bit.bit_count() for bit in bits}
    told = {fact for (fact,) in rows(model, "SELECT DISTINCT fact FROM facts")}
    assert "failed" in told
    assert told - {"declared"} <= {*facts}


def test_rows_tell_of_every_kind(model: ReadModel) -> None:
    """A notification of each that folds to something, entries and deliveries of each that is told below."""
    told = {
        view: {
            name.removesuffix("_count")
            for (name,) in rows(model, f"SELECT column_name FROM (DESCRIBE {view})")  # noqa: S608 - our own names
            if name.endswith("_count")
        }
        for view in ("notifications", "inbox_entries", "deliveries")
    }
    assert told["notifications"] == {*KINDS, *BY_MACHINES} - {"observed"}
    assert told["inbox_entries"] == told["deliveries"] == {*KINDS, *BY_MACHINES} - NOT_TOLD_BELOW


def test_sql_compares_kinds_with_kinds() -> None:
    """Every kind that a statement names is one: a name that nothing is called by would be found nowhere, silently."""
    named = [name for text in _statements() for name in _kinds_named(text)]
    assert [name for name in named if name not in KINDS] == []
    assert {"created", "fired", "read", "retracted", "observed"} <= {*named}


def test_what_applies_downward_is_the_same_in_rows_and_views() -> None:
    """Facts of the whole reach entries and deliveries by a mark, and are told of them by their kind: the same four."""
    texts = list(_statements())
    (macro,) = (found for text in texts for found in re.findall(r"MACRO downward_marks\(\) AS(.*?);", text, re.DOTALL))
    assert {"fired", "cancelled", "expired", "failed", "failed_permanently"} == {*re.findall(r"'(\w+)'", macro)}
    lists = [found for text in texts for found in re.findall(r"kind IN \(([^)]*'fired'[^)]*)\)", text)]
    assert lists
    assert {("cancelled", "expired", "failed", "fired")} == {
        tuple(sorted(re.findall(r"'(\w+)'", one))) for one in lists
    }


def test_rows_lie_where_they_are_looked_for(model: ReadModel) -> None:
    """After batches that touch the same notifications again, all rows of one are in the batch that touched it last."""
    check_layout(model)
    ((batches, moved),) = rows(
        model, "SELECT count(DISTINCT touched_in), count(*) FILTER (written_in < touched_in) FROM event_rows"
    )
    assert batches > 1
    assert moved > 0


def test_a_number_is_kept(tmp_path: Path) -> None:
    """A notification is found under the same number whatever comes later, and its rows leave the older batch."""
    other = "019ca7a1-0000-7000-8000-000000000009"
    created = said("created", "10:00:00", audience=audience(ann=("email",)))
    history = records_of(
        created, said("created", "10:00:00", notification_id=other), said("read", "10:00:01", recipient_id="ann")
    )
    with open_model(tmp_path) as model:
        for record in history:
            model.apply([record])
        assert rows(model, "SELECT n, touched_in FROM directory ORDER BY n") == [(1, 3), (2, 2)]
        assert rows(model, "SELECT n, written_in, touched_in FROM event_rows ORDER BY ALL") == [
            (1, 1, 3),
            (1, 3, 3),
            (2, 2, 2),
        ]
        assert rows(model, "FROM numbering") == [(3, 2)]
        check_layout(model)


def test_a_broken_layout_is_found(model: ReadModel) -> None:
    """Whoever checks a file is told which rule is broken, for each of them, and of nothing in a file that is right."""
    assert {*BROKEN, *(f"no key stands twice in {table}" for table in KEYS)} == DAMAGE.keys()
    connection = model._connection
    for rule, damage in DAMAGE.items():
        connection.execute("BEGIN")
        connection.execute(damage)
        assert any(line.startswith(f"{rule}, but not [") for line in faults(connection)), rule
        connection.execute("ROLLBACK")
    check_layout(model)


def _statements() -> Iterator[str]:
    """Return the text of every statement file, without its comments."""
    yield from (re.sub(r"--.*", "", one.read_text(encoding="utf-8")) for one in _sql_files(files("ledger_projectors")))


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _sql_files(one)
        elif one.name.endswith(".sql"):
            yield one


def _kinds_named(text: str) -> Iterator[str]:
    for listed in re.findall(r"\bkind (?:NOT )?IN \(([^)]*)\)", text):
        yield from re.findall(r"'(\w+)'", listed)
    yield from re.findall(r"\bkind (?:=|<>) '(\w+)'", text)
