"""A schema that somebody published cannot make a reader loop or recurse without end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from fastavro import parse_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_schemas import schema_bounds
from ledger_schemas.errors import LimitExceeded, SchemaUnusable
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.schema_bounds import (
    FREE_NODES_MAX,
    FREE_NODES_PER_ITEM_MAX,
    SCHEMA_DEPTH_MAX,
    SCHEMA_NAME_CHARS_MAX,
    check_bounded,
)
from ledger_schemas.shipped import current_schema, shipped_schemas, writer_schema

from .decoder_steps import steps

EMPTY: Final = {"type": "record", "name": "Empty", "fields": []}
OWN_NAME: Final = "notifications.lifecycle.NotificationRead"
LEAF: Final = {"type": "record", "name": "Leaf", "fields": [{"name": "text", "type": "string"}]}
STEPS_MAX: Final = FREE_NODES_MAX + SCHEMA_DEPTH_MAX * FREE_NODES_PER_ITEM_MAX
STEPS_PER_BYTE_MAX: Final = 2 + FREE_NODES_PER_ITEM_MAX


def _array(items: object) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: object) -> dict[str, Any]:
    return {"type": "map", "values": values}


def _fixed(size: object) -> dict[str, Any]:
    return {"type": "fixed", "name": "Fixed", "size": size}


def _fields(*types: object) -> list[dict[str, Any]]:
    return [{"name": f"news_{number}", "type": node} for number, node in enumerate(types)]


def _record(name: str, *types: object, **attributes: object) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": _fields(*types), **attributes}


def _doubled(leaf: object, times: int) -> list[dict[str, Any]]:
    """Return R0, which holds a leaf, and records of which each holds the one before it twice."""
    return [_record("R0", leaf), *(_record(f"R{n}", f"R{n - 1}", f"R{n - 1}") for n in range(1, times + 1))]


def _chain(length: int) -> list[dict[str, Any]]:
    """Return records of which each holds the one before it, the first a boolean: length + 1 types deep."""
    return [_record("R1", "boolean"), *(_record(f"R{n}", f"R{n - 1}") for n in range(2, length + 1))]


def _schema_text(*types: object, **attributes: object) -> str:
    """Return the schema of `read` with further fields of these types."""
    document = current_schema(Kind.READ).document
    document["fields"] += _fields(*types)
    return json.dumps(document | attributes)


UNBOUNDED: Final[dict[str, tuple[Sequence[Any], str]]] = {
    "an array of null": ([_array("null")], "take no bytes"),
    "an array of records without fields": ([_array(EMPTY)], "take no bytes"),
    "an array of records of null": ([_array(_record("Nulls", "null", EMPTY))], "take no bytes"),
    "an array of a record without fields, by its name": ([EMPTY, _array("Empty")], "take no bytes"),
    "an array of null in an array": ([_array(_array("null"))], "take no bytes"),
    "an array of null in a map": ([_map(_array("null"))], "take no bytes"),
    "an array of nothing of fixed size": ([_array(_fixed(0))], "size of the fixed"),
    "an array of less than nothing": ([_array(_fixed(-1))], "size of the fixed"),
    "a fixed of no size": ([_fixed(0)], "size of the fixed"),
    "a fixed of true": ([_fixed(size=True)], "size of the fixed"),
    "a fixed of a text": ([_fixed("8")], "size of the fixed"),
    "a fixed of half a byte": ([_fixed(0.5)], "size of the fixed"),
    "itself": ([["null", OWN_NAME]], "contains itself"),
    "itself in an array": ([_array(OWN_NAME)], "contains itself"),
    "itself in a record": ([_record("Other", _array(OWN_NAME))], "contains itself"),
    "itself in a map": ([_map(OWN_NAME)], "contains itself"),
    "records doubled to 2^60 nulls": (_doubled("null", 60), "more than FREE_NODES_MAX"),
    "records doubled to 2^800 nulls": (_doubled("null", 800), "lie more than SCHEMA_DEPTH_MAX"),
    "records doubled before a text that pays for none": ([*_doubled("null", 30), "string"], "more than FREE_NODES_MAX"),
    "an array of a boolean and 2^11 nulls": (
        [_record("Empty"), *_doubled("null", 11), _array(_record("Item", "boolean", "R11"))],
        "more than FREE_NODES_PER_ITEM_MAX",
    ),
    "a map of 2^11 nulls": ([*_doubled("null", 11), _map("R11")], "more than FREE_NODES_PER_ITEM_MAX"),
    "an array of a union of 2^11 nulls": (
        [*_doubled("null", 11), _array(["long", "R11"])],
        "more than FREE_NODES_PER_ITEM_MAX",
    ),
    "records inside one another by their names": (_chain(SCHEMA_DEPTH_MAX), "SCHEMA_DEPTH_MAX"),
    "a type by a word of Avro's": (
        [_record("union", namespace=""), _record("n", "union", namespace="")],
        "named union, a word",
    ),
}
"""What makes a schema unusable: further fields of `read`, and what the error says."""


@pytest.mark.parametrize("name", UNBOUNDED)
def test_a_schema_without_bounds_is_unusable(name: str) -> None:
    """A few bytes of such a schema state more items, or nest more deeply, than any reader could bear."""
    types, told = UNBOUNDED[name]
    text = _schema_text(*types)
    with pytest.raises(SchemaUnusable, match=told) as refused:
        writer_schema(text)
    assert len(refused.value.message) < 200
    known, reference = KnownSchemas(), SchemaReference.to_registry_id(1)
    assert not known.learn(reference, text)
    assert reference not in known


def test_a_schema_with_bounds_is_usable() -> None:
    """Types by name, maps of null, whose keys take bytes, and records inside records are as good as any."""
    types = [LEAF, _array("Leaf"), _map("null"), _array(["null", "Leaf"]), "null", EMPTY]
    assert writer_schema(_schema_text(*types)).kind == Kind.READ


def test_bytes_pay_for_as_many_nodes_as_there_are() -> None:
    """2,000 texts and 2,000 nullable ones in each item are no danger: a record with fewer bytes ends before them."""
    wide = _record("Wide", *["string", ["null", "string"]] * 2_000)
    assert writer_schema(_schema_text(_array(["null", wide]), _array("Wide"), _map("Wide"))).kind == Kind.READ


@pytest.mark.parametrize(
    ("just", "too_much"),
    [
        # The event itself is a node, and so is the record of the item.
        (["null"] * (FREE_NODES_MAX - 1), ["null"] * FREE_NODES_MAX),
        (
            [_array(_record("Item", "boolean", *["null"] * (FREE_NODES_PER_ITEM_MAX - 1)))],
            [_array(_record("Item", "boolean", *["null"] * FREE_NODES_PER_ITEM_MAX))],
        ),
        # A union has the free nodes of one branch; it is a type in the event, around the records.
        ([_chain(SCHEMA_DEPTH_MAX - 3)], [_chain(SCHEMA_DEPTH_MAX - 2)]),
        ([_fixed(1)], [_fixed(0)]),
    ],
    ids=["free nodes", "free nodes of an item", "depth", "fixed"],
)
def test_a_schema_may_have_as_much_as_the_limit_says(just: list[Any], too_much: list[Any]) -> None:
    """And nothing more."""
    assert writer_schema(_schema_text(*just)).kind == Kind.READ
    with pytest.raises(SchemaUnusable):
        writer_schema(_schema_text(*too_much))


def test_types_inside_one_another_in_the_text_are_as_deep_as_those_by_name() -> None:
    """The event, 62 arrays and a text; a parser, which recurses, never sees one more."""
    node: Any = "string"
    for _ in range(SCHEMA_DEPTH_MAX - 2):
        node = _array(node)
    assert writer_schema(_schema_text(node)).kind == Kind.READ
    with pytest.raises(SchemaUnusable, match="SCHEMA_DEPTH_MAX"):
        writer_schema(_schema_text(_array(node)))


def test_a_name_is_not_written_out_without_end() -> None:
    """100,000 characters of namespace before each of 10,000 names would be a gigabyte of canonical form."""
    names = ["b"] * 10_000
    bomb = _record("A", [{"type": "fixed", "name": "b", "size": 1}, *names], namespace="n" * 100_000)
    with pytest.raises(SchemaUnusable, match="SCHEMA_NAME_CHARS_MAX"):
        writer_schema(_schema_text(bomb))
    bomb["namespace"] = "n" * SCHEMA_NAME_CHARS_MAX
    with pytest.raises(LimitExceeded, match="canonical form"):
        writer_schema(_schema_text(bomb))
    with pytest.raises(SchemaUnusable, match="SCHEMA_NAME_CHARS_MAX"):
        writer_schema(_schema_text(_record("A", "string", namespace=["n"] * 10_000)))


def test_a_text_cannot_pass_for_what_the_parser_made() -> None:
    """The parser takes its own mark at its word, and the types beside it unread: one that contains itself, too."""
    own = _record("Own", ["null", "Own"])
    parsed_already = {"__fastavro_parsed": True, "__named_schemas": {"Own": own}}
    with pytest.raises(SchemaUnusable):
        writer_schema(_schema_text("Own", **parsed_already))
    assert writer_schema(_schema_text(**parsed_already)).parsed == current_schema(Kind.READ).parsed


@pytest.mark.parametrize(
    "name", ["SCHEMA_DEPTH_MAX", "FREE_NODES_MAX", "FREE_NODES_PER_ITEM_MAX", "SCHEMA_NAME_CHARS_MAX"]
)
def test_the_evolution_guide_says_each_limit(name: str) -> None:
    """Whoever writes with a schema of their own reads there what a reader takes."""
    guide = (Path(__file__).parents[2] / "infra" / "guides" / "evolution.md").read_text(encoding="utf-8")
    assert f"| {getattr(schema_bounds, name):,} | `{name}` |" in guide


def test_shipped_schemas_are_far_from_the_limits() -> None:
    """Of an event of ours each node but the event itself has a byte, or shares one with the union that it is in."""
    for schema in shipped_schemas().values():
        body = bytes(1_000)
        assert sum(1 for _ in steps(schema.parsed, body)) <= 1 + 2 * len(body)


MOST: Final[dict[str, tuple[list[Any], bytes, int]]] = {
    "nothing but free nodes": (["null"] * (FREE_NODES_MAX - 1), b"", FREE_NODES_MAX),
    "an item for each byte": (
        [_array(_record("Item", "boolean", *["null"] * (FREE_NODES_PER_ITEM_MAX - 1)))],
        b"\xd0\x0f" + bytes(1_000) + b"\x00",
        2 + 1_000 * (1 + FREE_NODES_PER_ITEM_MAX),
    ),
    "an item for each index": (
        [_array([_record("Item", *["null"] * FREE_NODES_PER_ITEM_MAX)])],
        b"\xd0\x0f" + bytes(1_000) + b"\x00",
        2 + 1_000 * STEPS_PER_BYTE_MAX,
    ),
}


@pytest.mark.parametrize("name", MOST)
def test_a_byte_costs_at_most_so_many_steps(name: str) -> None:
    """The costliest records that the limits allow, counted: 18 steps for each byte."""
    types, body, count = MOST[name]
    parsed = parse_schema(_record("Event", *types))
    check_bounded(parsed)
    assert count == sum(1 for _ in steps(parsed, body))
    assert count <= STEPS_MAX + STEPS_PER_BYTE_MAX * len(body)


@st.composite
def _schemas(draw: st.DrawFn) -> dict[str, Any]:
    """Return records of which each holds others by name, in arrays, maps and unions; the last holds them all."""
    names = ["boolean", "string", "null"]
    records: list[dict[str, Any]] = []
    for number in range(draw(st.integers(2, 4))):
        # Often what came last, so that records grow.
        simple = st.sampled_from([names[-1]] * 2 + names)
        inner = simple | simple | simple.map(_array) | simple.map(_map) | st.lists(simple, min_size=1, max_size=2)
        fields = draw(st.lists(st.tuples(inner, st.sampled_from([1, 4, 10])), min_size=1, max_size=3))
        types: list[Any] = [node for node, times in fields for _ in range(times)]
        records.append(_record(f"R{number}", *types))
        names.append(f"R{number}")
    return _record("Event", *records)


@settings(max_examples=100)
@given(schema=_schemas(), body=st.lists(st.sampled_from([0, 0, 2, 4, 100]), max_size=40).map(bytes) | st.binary())
def test_no_bytes_cost_more_steps_than_stated(schema: dict[str, Any], body: bytes) -> None:
    """Of whatever schema is let through, and whatever the bytes are; with small limits, which are met more often."""
    parsed = parse_schema(schema)
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in (("FREE_NODES_MAX", 30), ("FREE_NODES_PER_ITEM_MAX", 3), ("SCHEMA_DEPTH_MAX", 6)):
            patch.setattr(schema_bounds, name, limit)
        try:
            check_bounded(parsed)
        except SchemaUnusable:
            return
    steps_max = 30 + 6 * 3 + (2 + 3) * len(body)
    for number, _ in enumerate(steps(parsed, body)):
        assert number < steps_max
