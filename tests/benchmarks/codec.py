"""How fast events become bytes and bytes become events, for each kind, beside the libraries that do the work."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from typing import Any, Final

import pyruhvro
from fastavro import schemaless_reader, schemaless_writer

from ledger_projectors.decode.batch import decode_records
from ledger_projectors.decode.group import decode_group, plan_of
from ledger_projectors.log.records import LogRecord
from ledger_schemas import Event, Kind, encode_event
from ledger_schemas.codec import decode_wire, wire_values
from ledger_schemas.framing import SINGLE_OBJECT_HEADER_BYTES, FrameFormat
from ledger_schemas.shipped import WriterSchema, current_schema
from tests.benchmarks.measuring import events_a_second
from tests.benchmarks.usual_events import usual_event
from tests.projectors.decode.decoding import log_of

PARTITIONS: Final = 6
EVENTS_DEFAULT: Final = 20_000
ROUNDS_DEFAULT: Final = 3

WAYS: Final = {
    "encode": "encode_event: a model to framed bytes",
    "encode_fastavro": "fastavro alone, plain values to bytes",
    "decode": "decode_wire: framed bytes to plain values, with all checks",
    "decode_fastavro": "fastavro alone, one by one",
    "batch": "decode_records: log records to the table of events, with all checks, key and partition included",
    "batch_decoder": "the group decoder in it: columns, UTF-8 and bytes left over checked",
    "batch_pyruhvro": "pyruhvro alone, unchecked",
}
"""What is measured, by the name that it has in the output."""

RATIOS: Final = {
    "encode": ("encode", "encode_fastavro"),
    "decode": ("decode", "decode_fastavro"),
    "batch": ("batch", "decode_fastavro"),
    "batch_decoder": ("batch_decoder", "decode_fastavro"),
}
"""Ours over fastavro alone: above 1 it is faster."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--events", type=int, default=EVENTS_DEFAULT, help="of each kind (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS_DEFAULT, help="whose median counts (default: %(default)s)")
    parser.add_argument("--kinds", nargs="*", type=Kind, default=[*Kind], help="which kinds (default: all)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; return events a second, and what they are figures of."""
    measured = measure(options.kinds, options.events, options.rounds)
    about = {"events": options.events, "rounds": options.rounds, "unit": "events a second"}
    return {**about, "ways": WAYS, "kinds": measured}


def text(found: dict[str, Any]) -> str:
    """Return what `run` found as a table, with what it means."""
    head = f"thousands of events a second, medians of {found['rounds']} rounds of {found['events']:,} events"
    return f"{head}\n\n{table(found['kinds'])}"


def measure(kinds: Sequence[Kind], events: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each kind its bytes (a frame, on average), events a second of each way, and ratios to fastavro."""
    return {kind.value: _measure_kind(kind, events, rounds) for kind in kinds}


def table(measured: dict[str, dict[str, float]]) -> str:
    """Return the figures as text: thousands of events a second, and ratios."""
    head = (
        f"{'':18}{'bytes':>6} |{'encode':>9}{'fastavro':>9}{'ratio':>6} |{'decode':>9}{'fastavro':>9}{'ratio':>6} |"
        f"{'batch':>9}{'ratio':>6}{'decoder':>9}{'ratio':>6}{'pyruhvro':>9}"
    )
    lines = [head, "-" * len(head)]
    for kind, found in measured.items():
        cells = {name: f"{found[name] / 1_000:>9,.0f}" for name in WAYS}
        ratios = {name: f"{found[f'{name}_ratio']:>6.1f}" for name in RATIOS}
        lines.append(
            f"{kind:18}{found['bytes']:>6.0f} |{cells['encode']}{cells['encode_fastavro']}{ratios['encode']} |"
            f"{cells['decode']}{cells['decode_fastavro']}{ratios['decode']} |"
            f"{cells['batch']}{ratios['batch']}{cells['batch_decoder']}{ratios['batch_decoder']}"
            f"{cells['batch_pyruhvro']}"
        )
    return "\n".join([*lines, "", *(f"{name:16}{meaning}" for name, meaning in WAYS.items())])


def _measure_kind(kind: Kind, events: int, rounds: int) -> dict[str, float]:
    schema = current_schema(kind)
    plan = plan_of(schema)
    assert plan is not None
    made = [usual_event(kind, number) for number in range(events)]
    values = [wire_values(event) for event in made]
    frames = [encode_event(event) for event in made]
    bodies = [frame[SINGLE_OBJECT_HEADER_BYTES:] for frame in frames]
    framed = plan.texts[FrameFormat.SINGLE_OBJECT]
    log = _log(made, frames)
    found = events_a_second(
        {
            "encode": lambda: [encode_event(event) for event in made],
            "encode_fastavro": lambda: _write_all(schema, values),
            "decode": lambda: [decode_wire(frame) for frame in frames],
            "decode_fastavro": lambda: _read_all(schema, bodies),
            "batch": lambda: decode_records(log, PARTITIONS),
            "batch_decoder": lambda: [*decode_group(plan, FrameFormat.SINGLE_OBJECT, frames)],
            "batch_pyruhvro": lambda: pyruhvro.deserialize_array(frames, framed),
        },
        events,
        rounds,
    )
    ratios = {f"{name}_ratio": found[ours] / found[theirs] for name, (ours, theirs) in RATIOS.items()}
    return {"bytes": sum(map(len, frames)) / len(frames), **found, **ratios}


def _write_all(schema: WriterSchema, values: Sequence[dict[str, Any]]) -> None:
    for value in values:
        schemaless_writer(io.BytesIO(), schema.parsed, value)


def _read_all(schema: WriterSchema, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        schemaless_reader(io.BytesIO(body), schema.parsed, None)


def _log(events: Sequence[Event], frames: Sequence[bytes]) -> list[LogRecord]:
    keys = [str(event.notification_id).encode() for event in events]
    return log_of([*zip(frames, keys, strict=True)], PARTITIONS)
