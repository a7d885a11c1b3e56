"""What the benchmarks measure with is a log as it is in life: sound events of every kind, in their shares."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from ledger_projectors.decode.batch import decode_records
from ledger_schemas import Event, Kind, decode_event
from tests.benchmarks.workload import Workload, make_workload, uuid_time_ms

RECORDS: Final = 3_000


@pytest.fixture(scope="module")
def workload() -> Workload:
    """Make one for all tests: nothing changes it."""
    return make_workload(RECORDS)


@pytest.fixture(scope="module")
def events(workload: Workload) -> list[Event]:
    """Return the events that its records hold, copies included."""
    return [decode_event(value) for value in workload.values]


def test_one_seed_gives_one_log(workload: Workload) -> None:
    """The same bytes in the same order from the same seed, and others from another."""
    again = make_workload(RECORDS)
    assert (workload.keys, workload.values) == (again.keys, again.values)
    assert workload.values != make_workload(RECORDS, seed=1).values


def test_every_record_is_an_event_in_its_place(workload: Workload) -> None:
    """Nothing of it is refused: not for its bytes, its key, or its partition."""
    records = workload.records()
    table, rejections = decode_records(records, workload.partitions)
    assert not rejections
    assert RECORDS == table.num_rows == len(workload)
    assert {(one.partition, one.offset) for one in records} == {
        (partition, offset)
        for partition, count in Counter(workload.partition.tolist()).items()
        for offset in range(count)
    }


def test_every_kind_is_there(events: list[Event]) -> None:
    """All kinds, in a log that is too short for their shares, too; a retracted names an event of its notification."""
    assert {*Kind} == {event.kind for event in events}
    stated = {(event.notification_id, event.event_id) for event in events}
    retractions = [event for event in events if event.kind is Kind.RETRACTED]
    assert stated > {(event.notification_id, event.retracted_event_id) for event in retractions}


def test_the_shares_are_those_of_life(workload: Workload, events: list[Event]) -> None:
    """Copies, late events, derived ids, audiences and events of a notification are as many as they claim to be."""
    identities = Counter((event.notification_id, event.event_id) for event in events)
    assert RECORDS - len(identities) == workload.facts["duplicates"]
    assert 0.03 < 1 - len(identities) / RECORDS < 0.07
    derived = {event.notification_id for event in events if event.notification_id.version == 8}
    notifications = {event.notification_id for event in events}
    assert len(notifications) == workload.facts["notifications"]
    assert 0.15 < len(derived) / len(notifications) < 0.25
    audiences = {event.notification_id: len(event.audience) for event in events if event.kind is Kind.CREATED}
    assert 2 < sum(audiences.values()) / len(audiences) < 4
    assert 1 in audiences.values()
    assert max(audiences.values()) > 10


def test_ids_of_events_tell_when_they_occurred(events: list[Event]) -> None:
    """Every event id begins with the milliseconds of its event, late ones lying back with it."""
    for event in events:
        assert int(event.occurred_at.timestamp() * 1_000) == pytest.approx(
            uuid_time_ms(str(event.event_id).encode()), abs=1
        )
    times = [event.occurred_at for event in events]
    back = sum(earlier > later for earlier, later in zip(times[:-200], times[200:], strict=True))
    assert back > RECORDS * 0.03
