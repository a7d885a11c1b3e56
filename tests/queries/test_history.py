"""Every event that a read model holds can be had again, whole: what was emitted is what is walked over."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_projectors.log.records import LogRecord
from ledger_projectors.store.read_model import ReadModel
from ledger_queries import history
from ledger_queries.history import HistoryEvent, count_history, walk_history
from ledger_queries.reading import open_reading
from ledger_schemas import LIFECYCLE_TOPIC, Event, encode_event, parse_event
from ledger_schemas.codec import WireEvent, decode_wire, encode_wire
from ledger_schemas.kinds import Kind
from tests.projectors.building import open_model
from tests.projectors.decode.decoding import full_values
from tests.schemas.land import GOLDEN
from tests.schemas.strategies import events

RECORDED_AT_MS: Final = 1_772_366_400_123
GOLDEN_FILES: Final = sorted(GOLDEN.rglob("*.bin"))
ANY_HISTORY: Final = st.tuples(*(events(kind) for kind in Kind)).flatmap(st.permutations)
"""An event of every kind, with any values, in any order."""


def walked(frames: Sequence[bytes], folder: Path) -> list[HistoryEvent]:
    """Apply these as the records of a log of one partition, and return what the file says that it holds."""
    records = [
        LogRecord(
            LIFECYCLE_TOPIC, 0, offset, RECORDED_AT_MS, decode_wire(frame).values["notification_id"].encode(), frame
        )
        for offset, frame in enumerate(frames)
    ]
    with open_model(folder) as model:
        assert model.apply(records).applied == len(frames)
        return walk(model)


def walk(model: ReadModel) -> list[HistoryEvent]:
    """Return all that is walked over."""
    with open_reading(model.reader) as reading:
        return list(walk_history(reading))


def numbered(frame: bytes, number: int) -> WireEvent:
    """Return what a record says; a created that states no number states this one."""
    wire = decode_wire(frame)
    if wire.kind is Kind.CREATED and wire.values["number"] is None:
        return WireEvent(wire.kind, {**wire.values, "number": number})
    return wire


def assert_whole(frames: Sequence[bytes], folder: Path) -> None:
    """Check that a file that applied these gives each of them again."""
    found = walked(frames, folder)
    assert [one.event for one in found] == [numbered(frame, offset) for offset, frame in enumerate(frames)]
    assert [decode_wire(encode_wire(one.event)) for one in found] == [one.event for one in found]
    assert [(one.topic, one.partition, one.offset, one.recorded_at_ms) for one in found] == [
        (LIFECYCLE_TOPIC, 0, offset, RECORDED_AT_MS) for offset in range(len(frames))
    ]


def with_event_id(frame: bytes, number: int) -> bytes:
    """Return a record under an event id of its own, so that none is a copy of another."""
    wire = decode_wire(frame)
    event_id = f"019ca7a1-0000-7000-8000-{number:012x}"
    return encode_wire(WireEvent(wire.kind, {**wire.values, "event_id": event_id}))


def test_every_field_of_every_kind_comes_back(tmp_path: Path) -> None:
    """All kinds, each with every field set."""
    frames = [encode_wire(WireEvent(kind, full_values(kind))) for kind in Kind]
    assert len(frames) == 27
    assert_whole([with_event_id(frame, number) for number, frame in enumerate(frames)], tmp_path)


def test_every_golden_record_comes_back(tmp_path: Path) -> None:
    """Full, minimal, and at the limits: whatever was written once, in any version."""
    frames = [with_event_id(path.read_bytes(), number) for number, path in enumerate(GOLDEN_FILES)]
    assert_whole(frames, tmp_path)


@settings(max_examples=10)
@given(ANY_HISTORY)
def test_any_event_comes_back(drawn: Sequence[Event]) -> None:
    """decode(walk(apply(encode(event)))) is the event, but for the number of a created that states none."""
    with tempfile.TemporaryDirectory() as folder:
        frames = [with_event_id(encode_event(event), number) for number, event in enumerate(drawn)]
        assert_whole(frames, Path(folder))


def test_it_is_in_log_order_whatever_lies_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partition by partition, offsets rising, over gaps of any length; copies and quarantine are only counted."""
    monkeypatch.setattr(history, "WALK_OFFSETS", 4)
    places = [(0, 3), (0, 4), (0, 1_000_000_007), (1, 0), (1, 9)]
    records = [_created_in(partition, offset) for partition, offset in places]
    copy = LogRecord(LIFECYCLE_TOPIC, 0, 1_000_000_008, RECORDED_AT_MS, records[0].key, records[0].value)
    poison = LogRecord(LIFECYCLE_TOPIC, 1, 10, RECORDED_AT_MS, b"key", b"poison")
    with ReadModel.create_or_open(tmp_path / "two.duckdb", topic=LIFECYCLE_TOPIC, partitions=2) as model:
        # Later batches touch what earlier ones wrote, so that rows of one notification lie apart from its neighbours.
        for record in (*records, copy, poison):
            model.apply([record])
        found = walk(model)
        with open_reading(model.reader) as reading:
            counts = count_history(reading)
    applied = [(one.partition, one.offset) for one in found]
    assert applied == places
    assert (counts.events, counts.duplicates, counts.quarantined) == (len(places), 1, 1)
    assert all(one.event.values["number"] == one.offset * 2 + one.partition for one in found)


def test_an_empty_file_has_no_history(tmp_path: Path) -> None:
    """Nothing applied, nothing walked over."""
    with open_model(tmp_path) as model:
        assert walk(model) == []


def _created_in(partition: int, offset: int) -> LogRecord:
    """Return a created whose key belongs to a partition of two, at an offset of it."""
    while True:
        event = parse_event({"kind": "created", "tenant_id": "acme", "source": "shop", "type": f"at {offset}"})
        key = str(event.notification_id).encode()
        if DefaultPartitioner()(key, [0, 1], [0, 1]) == partition:
            return LogRecord(LIFECYCLE_TOPIC, partition, offset, RECORDED_AT_MS, key, encode_event(event))
