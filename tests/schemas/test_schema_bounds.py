"""A schema that somebody published cannot make a reader loop or recurse without end."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from ledger_schemas.errors import SchemaUnusable
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.known_schemas import KnownSchemas
from ledger_schemas.shipped import current_schema, writer_schema

EMPTY: Final = {"type": "record", "name": "Empty", "fields": []}
OWN_NAME: Final = "notifications.lifecycle.NotificationRead"
LEAF: Final = {"type": "record", "name": "Leaf", "fields": [{"name": "text", "type": "string"}]}


def _array(items: object) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _fields(*types: object) -> list[dict[str, Any]]:
    return [{"name": f"news_{number}", "type": node} for number, node in enumerate(types)]


def _schema_text(*types: object) -> str:
    """Return the schema of `read` with further fields of these types."""
    document = current_schema(Kind.READ).document
    document["fields"] += _fields(*types)
    return json.dumps(document)


UNBOUNDED: Final[dict[str, tuple[tuple[Any, ...], str]]] = {
    "an array of null": ((_array("null"),), "take no bytes"),
    "an array of records without fields": ((_array(EMPTY),), "take no bytes"),
    "an array of records of null": (
        (_array({"type": "record", "name": "Nulls", "fields": _fields("null", EMPTY)}),),
        "take no bytes",
    ),
    "an array of a record without fields, by its name": ((EMPTY, _array("Empty")), "take no bytes"),
    "an array of nothing of fixed size": ((_array({"type": "fixed", "name": "None", "size": 0}),), "take no bytes"),
    "an array of null in an array": ((_array(_array("null")),), "take no bytes"),
    "an array of null in a map": (({"type": "map", "values": _array("null")},), "take no bytes"),
    "itself": ((["null", OWN_NAME],), "contains itself"),
    "itself in an array": ((_array(OWN_NAME),), "contains itself"),
    "itself in a record": (
        ({"type": "record", "name": "Other", "fields": _fields(_array(OWN_NAME))},),
        "contains itself",
    ),
    "itself in a map": (({"type": "map", "values": OWN_NAME},), "contains itself"),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_a_schema_without_bounds_is_unusable(name: str) -> None:
    """A few bytes of such a schema state more items, or nest more deeply, than any reader could bear."""
    types, told = UNBOUNDED[name]
    text = _schema_text(*types)
    with pytest.raises(SchemaUnusable, match=told):
        writer_schema(text)
    known, reference = KnownSchemas(), SchemaReference.to_registry_id(1)
    assert not known.learn(reference, text)
    assert reference not in known


def test_a_schema_with_bounds_is_usable() -> None:
    """Types by name, maps of null, whose keys take bytes, and records inside records are as good as any."""
    types = [LEAF, _array("Leaf"), {"type": "map", "values": "null"}, _array(["null", "Leaf"]), "null", EMPTY]
    assert writer_schema(_schema_text(*types)).kind == Kind.READ
