"""Where rows lie, in memory: what was put is found, whatever the hashes are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_projectors.store.locations import Locations
from tests.projectors.building import open_model, records_of, rows
from tests.properties.strategies import NOTIFICATION_IDS, audience, said

FEW_HASHES = st.integers(0, 5) | st.integers(0, 2**64 - 1)


@given(batches=st.lists(st.lists(FEW_HASHES, max_size=20), max_size=12), asked=st.lists(FEW_HASHES, max_size=20))
def test_find_returns_every_number_of_the_hashes_and_no_other(batches: list[list[int]], asked: list[int]) -> None:
    """However many notifications share a hash, and in whatever batches they came."""
    locations, hash_of = Locations(), dict[int, int]()
    for batch in batches:
        numbers = range(len(hash_of) + 1, len(hash_of) + len(batch) + 1)
        hash_of.update(zip(numbers, batch, strict=True))
        locations.add(np.array(batch, np.uint64), np.array(numbers, np.int64))
    expected = [number for number, its_hash in hash_of.items() if its_hash in asked]
    assert locations.find(np.array(asked, np.uint64)).tolist() == expected
    assert locations.last_number == len(hash_of)


def test_versions_are_those_that_were_put_last() -> None:
    """A row that replaces another has a version of its own; a notification without a row has none."""
    locations = Locations()
    locations.add(np.array([7, 8, 9], np.uint64), np.array([1, 2, 3]))
    locations.put_versions(np.array([1, 2]), np.array([10, 11]))
    locations.put_entry_versions(np.array([1]), np.array([12]))
    locations.put_versions(np.array([2]), np.array([13]))
    assert locations.versions(np.array([1, 2, 3])).tolist() == [10, 13, 0]
    assert locations.entry_versions(np.array([1])).tolist() == [12]
    assert locations.last_version == 13


def test_notifications_with_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ids with the same 64 bits are two notifications, each with its own rows, in memory and from the file."""
    first, second = NOTIFICATION_IDS[0], NOTIFICATION_IDS[1]
    monkeypatch.setattr("ledger_projectors.store.folded_rows._hashes", lambda frame: np.zeros(frame.height, np.uint64))
    created = [
        said("created", "10:00:00", notification_id=one, audience=audience(ann=("email",))) for one in (first, second)
    ]
    read = said("read", "10:00:01", notification_id=second, recipient_id="ann")
    records = records_of(*created, read, said("read", "10:00:02", notification_id=first, recipient_id="ann"))
    for record in records:
        with open_model(tmp_path) as model:
            model.apply([record])
    with open_model(tmp_path) as model:
        found = rows(model, "SELECT notification_id, strftime(first_read_at, '%H:%M:%S') FROM notification_rows")
    assert dict(found) == {first: "10:00:02", second: "10:00:01"}
