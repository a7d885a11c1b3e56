"""The Rust decoder is trusted with nothing: what it is given, what it may do, and what it may not get wrong."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import pyarrow as pa
import pyruhvro
import pytest
from fastavro import schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_projectors.decode import group
from ledger_projectors.decode.batch import decode_records
from ledger_projectors.decode.group import (
    CHUNK_RECORDS_MAX,
    COLUMNS_MAX,
    PIECE_RECORDS_MIN,
    PIECES,
    Decoded,
    decode_group,
    plan_of,
)
from ledger_projectors.log.records import LogRecord
from ledger_schemas import Kind, encode_event
from ledger_schemas.framing import FrameFormat, SchemaReference, header_of
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import WriterSchema, current_schema, shipped_schemas, writer_schema
from tests.projectors.decode.decoding import (
    KEY,
    NOT_ALONE,
    assert_as_reference,
    frame_with,
    full_values,
    known_with,
    log_of,
)
from tests.schemas.strategies import events

READ: Final = current_schema(Kind.READ)
GOOD: Final = frame_with(READ, full_values(Kind.READ))
PARTITIONS: Final = 6


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_batch_says_what_the_reference_says(kind: Kind, data: st.DataObject) -> None:
    """Any events of any kind, some of them cut short or followed by more: rows and rejections are the reference's."""
    drawn = data.draw(st.lists(events(kind), min_size=1, max_size=4))
    frames = [(encode_event(event), str(event.notification_id).encode()) for event in drawn]
    cuts = data.draw(st.lists(st.integers(-3, 3), max_size=4))
    frames += [(frame[:cut] if cut < 0 else frame + bytes(cut), key) for cut, (frame, key) in zip(cuts, frames)]  # noqa: B905 - as many as there are
    assert_as_reference(log_of(frames * (NOT_ALONE // len(frames) + 1), PARTITIONS), PARTITIONS, KnownSchemas())


@pytest.mark.parametrize("schema", shipped_schemas().values(), ids=lambda schema: f"{schema.kind}-v{schema.version}")
def test_the_batch_decoder_can_be_given_every_shipped_schema(schema: WriterSchema) -> None:
    """No version of any kind is left to fastavro alone, which would make a replay of it ten times slower."""
    assert plan_of(schema) is not None


@pytest.mark.parametrize("kind", Kind)
def test_a_good_batch_is_the_batch_decoders_alone(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """No check on whole columns leaves a good record, whatever its fields hold, to the reference: it would be slow."""
    judged: list[LogRecord] = []
    monkeypatch.setattr("ledger_projectors.decode.batch.decode_one", lambda record, *_: judged.append(record))
    frame = frame_with(current_schema(kind), full_values(kind))
    table, rejections = decode_records(log_of([(frame, KEY)] * NOT_ALONE, PARTITIONS), PARTITIONS)
    assert (table.num_rows, rejections, judged) == (NOT_ALONE, [], [])


def _longer(value: int, more: int = 1) -> bytes:
    """Return a zigzag number of one byte in some bytes more than it needs."""
    return bytes([value << 1 | 0x80, *[0x80] * (more - 1), 0])


LEGAL: Final[dict[str, tuple[bytes, bytes]]] = {
    "a length that takes two bytes": (b"\x1eany", _longer(15) + b"any"),
    "a length that takes nine bytes": (b"\x1eany", _longer(15, 8) + b"any"),
    "a list in two blocks": (b"\x04\x02a\x02b\x00", b"\x02\x02a\x02\x02b\x00"),
    "a list in a block with its size": (b"\x04\x02a\x02b\x00", b"\x03\x08\x02a\x02b\x00"),
    "an end of a list that takes two bytes": (b"\x04\x02a\x02b\x00", b"\x04\x02a\x02b\x80\x00"),
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_longer_encoding_is_legal(name: str) -> None:
    """Avro lets a writer spend more bytes than it needs: the record is doubted, and then applied with its values."""
    schema = current_schema(Kind.CREATED)
    usual = frame_with(schema, full_values(Kind.CREATED) | {"actor": "any-actor-there", "tags": ["a", "b"]})
    short, long = LEGAL[name]
    assert usual.count(short) == 1
    frames = [usual, usual.replace(short, long)] * NOT_ALONE
    (decoded,) = _decoded(schema, frames)
    assert decoded.doubtful.tolist() == [False, True] * NOT_ALONE
    rows = assert_as_reference(log_of([(frame, KEY) for frame in frames], PARTITIONS), PARTITIONS, KnownSchemas())
    assert len(frames) == rows.num_rows
    assert rows["tags"].to_pylist() == [["a", "b"]] * len(frames)


DEEPEST: Final = {"type": "record", "name": "Deep", "fields": [{"name": "text", "type": ["null", "string"]}]}
NOT_FOR_BATCHES: Final[dict[str, tuple[Any, Any]]] = {
    "bytes": ("bytes", b"any"),
    "fixed": ({"type": "fixed", "name": "Four", "size": 4}, b"four"),
    "enum": ({"type": "enum", "name": "Mood", "symbols": ["GLAD", "SAD"]}, "SAD"),
    "int": ("int", 7),
    "double": ("double", 0.5),
    "map": ({"type": "map", "values": "string"}, {"any": "text"}),
    "null": ("null", None),
    "union of three": (["null", "string", "long"], 7),
    "union of one": (["string"], "any"),
    "record without fields": ({"type": "record", "name": "Empty", "fields": []}, {}),
    "list of nullable records": ({"type": "array", "items": ["null", DEEPEST]}, [None, {"text": "any"}]),
    "list of records with nullable records": (
        {
            "type": "array",
            "items": {"type": "record", "name": "Outer", "fields": [{"name": "in", "type": ["null", DEEPEST]}]},
        },
        [{"in": None}],
    ),
    "too many columns": (
        {
            "type": "record",
            "name": "Wide",
            "fields": [{"name": f"text_{number}", "type": "string"} for number in range(COLUMNS_MAX)],
        },
        {f"text_{number}": "" for number in range(COLUMNS_MAX)},
    ),
}


@pytest.mark.parametrize("name", NOT_FOR_BATCHES)
def test_a_schema_that_is_not_for_batches_is_read_by_fastavro(name: str) -> None:
    """A writer's field of a type that the batch decoder lacks, misreads or cannot bound: fastavro reads all of it."""
    node, value = NOT_FOR_BATCHES[name]
    schema = _with_field(node)
    assert plan_of(schema) is None
    frame = frame_with(schema, full_values(Kind.READ) | {"news": value})
    log = log_of([(frame, KEY), (frame[:-1], KEY), (GOOD, KEY)] * NOT_ALONE, PARTITIONS)
    rows = assert_as_reference(log, PARTITIONS, known_with(schema))
    assert rows.num_rows >= 2 * NOT_ALONE


@pytest.mark.parametrize("name", ["frame_magic", "frame_fingerprint"])
def test_a_field_may_be_called_like_a_part_of_the_frame(name: str) -> None:
    """The frame is decoded as two fields of the decoder's own; a writer who has one of that name loses nothing."""
    document = READ.document
    document["fields"].append({"name": name, "type": "string"})
    schema = writer_schema(json.dumps(document))
    frame = frame_with(schema, full_values(Kind.READ) | {name: "any"})
    rows = assert_as_reference(log_of([(frame, KEY)] * NOT_ALONE, PARTITIONS), PARTITIONS, known_with(schema))
    assert rows.num_rows == NOT_ALONE


@pytest.fixture
def panic() -> BaseException:
    """Give a panic of Rust, as it comes out of the decoder: its class has no name that could be imported."""
    schema = json.dumps({"type": "record", "name": "Any", "fields": [{"name": "data", "type": "bytes"}]})
    try:
        pyruhvro.deserialize_array([b"\x00"], schema)
    except BaseException as error:  # noqa: BLE001 - it is no Exception: that is the point
        return error
    raise AssertionError("pyruhvro has learnt bytes: another panic is needed here")


def test_a_panic_of_the_decoder_is_a_refusal(monkeypatch: pytest.MonkeyPatch, panic: BaseException) -> None:
    """A panic is no Exception and yet stops nothing: fastavro decodes the records, and so it does those that follow."""
    assert not isinstance(panic, Exception)
    plan_of(READ)
    monkeypatch.setattr(pyruhvro, "deserialize_array", _raising(panic))
    rows = assert_as_reference(log_of([(GOOD, KEY)] * NOT_ALONE, PARTITIONS), PARTITIONS, KnownSchemas())
    assert rows.num_rows == NOT_ALONE
    monkeypatch.undo()
    (decoded,) = _decoded(READ, [GOOD] * NOT_ALONE)
    assert len(decoded.indexes) == NOT_ALONE


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, MemoryError])
def test_what_stops_the_process_is_not_taken_for_a_panic(
    monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    """Only what the decoder says of the bytes is a refusal; everything else goes up."""
    plan_of(READ)
    monkeypatch.setattr(pyruhvro, "deserialize_array", _raising(stop()))
    with pytest.raises(stop):
        decode_records(log_of([(GOOD, KEY)] * NOT_ALONE, PARTITIONS), PARTITIONS)


class CountingDecoder:
    """The decoder, counting what it is asked for."""

    def __init__(self) -> None:
        """Begin with none."""
        self.calls = 0
        self.records = 0
        self._decode: Callable[[Sequence[bytes], str], pa.RecordBatch] = pyruhvro.deserialize_array

    def __call__(self, frames: Sequence[bytes], schema: str) -> pa.RecordBatch:
        """Decode, and count."""
        self.calls += 1
        self.records += len(frames)
        return self._decode(frames, schema)


@pytest.mark.parametrize("bad_share", [0, 0.0002, 0.01, 0.3, 1])
def test_bad_records_cost_a_bounded_number_of_calls(monkeypatch: pytest.MonkeyPatch, bad_share: float) -> None:
    """However many records are bad, each is read at most four times, and the good ones far from them are kept."""
    rng = Random(7)  # noqa: S311 - the same bad records every time
    good = [rng.random() >= bad_share for _ in range(CHUNK_RECORDS_MAX)]
    frames = [GOOD if fine else GOOD[:-1] for fine in good]
    plan_of(READ)
    counting = CountingDecoder()
    monkeypatch.setattr(pyruhvro, "deserialize_array", counting)
    parts = _decoded(READ, frames)
    assert counting.records <= 4 * len(frames)
    assert counting.calls <= len(frames) / PIECE_RECORDS_MIN * PIECES / (PIECES - 1) + 1
    kept = {place for part in parts for place in part.indexes.tolist()}
    assert kept <= {place for place, fine in enumerate(good) if fine}
    assert len(kept) >= len(frames) - good.count(False) * PIECE_RECORDS_MIN * PIECES


def test_a_large_group_is_decoded_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk ends with its last record or its last byte that may be; a record above the bytes is a chunk alone."""
    monkeypatch.setattr(group, "CHUNK_RECORDS_MAX", 2 * NOT_ALONE)
    monkeypatch.setattr(group, "CHUNK_BYTES_MAX", NOT_ALONE * len(GOOD) + 1)
    parts = _decoded(READ, [GOOD] * (2 * NOT_ALONE + PIECE_RECORDS_MIN))
    assert [len(part.indexes) for part in parts] == [NOT_ALONE, NOT_ALONE, PIECE_RECORDS_MIN]
    monkeypatch.setattr(group, "CHUNK_BYTES_MAX", 4 * NOT_ALONE * len(GOOD))
    parts = _decoded(READ, [GOOD] * 5 * NOT_ALONE)
    assert [len(part.indexes) for part in parts] == [2 * NOT_ALONE, 2 * NOT_ALONE, NOT_ALONE]
    monkeypatch.setattr(group, "CHUNK_BYTES_MAX", len(GOOD) - 1)
    assert _decoded(READ, [GOOD] * NOT_ALONE) == []


def test_the_frame_is_read_as_fields_of_its_own() -> None:
    """The headers of both frames are two Avro values each, whatever they hold: no record needs its header cut off."""
    body = io.BytesIO()
    schemaless_writer(body, READ.parsed, full_values(Kind.READ))
    for reference in (
        SchemaReference.to_fingerprint(bytes(8)),
        SchemaReference.to_fingerprint(b"\xff" * 8),
        SchemaReference.to_registry_id(0),
        SchemaReference.to_registry_id(2**32 - 1),
    ):
        plan = plan_of(READ)
        assert plan is not None
        frame = header_of(reference) + body.getvalue()
        (decoded,) = decode_group(plan, reference.format, [frame] * PIECE_RECORDS_MIN)
        assert not decoded.doubtful.any()
        assert decoded.rows["event_id"].to_pylist() == [full_values(Kind.READ)["event_id"]] * PIECE_RECORDS_MIN


def _decoded(schema: WriterSchema, frames: Sequence[bytes]) -> list[Decoded]:
    plan = plan_of(schema)
    assert plan is not None
    return [*decode_group(plan, FrameFormat.SINGLE_OBJECT, frames)]


def _with_field(node: object) -> WriterSchema:
    """Return the schema of somebody ahead of us, who has one field more."""
    document = READ.document
    document["fields"].append({"name": "news", "type": node})
    return writer_schema(json.dumps(document))


def _raising(error: BaseException) -> Callable[..., pa.RecordBatch]:
    def decode(*_: object) -> pa.RecordBatch:
        raise error

    return decode
