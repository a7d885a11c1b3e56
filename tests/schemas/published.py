"""The published schemas as documents, and walks over them: what every kind has, and what lies where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, get_args

from ledger_schemas.events import Event
from ledger_schemas.kinds import Kind
from ledger_schemas.parts import Part
from ledger_schemas.shipped import schema_text

MODELS: Final[dict[Kind, type[Part]]] = {model.model_fields["kind"].default: model for model in get_args(Event)}

ENVELOPE: Final = (
    *("event_id", "tenant_id", "notification_id", "occurred_at", "recipient_id", "channel", "delivery_ref"),
    *("attempt_id", "source", "actor", "correlation_id", "causation_id"),
)
COMMON: Final = (*ENVELOPE, "personal", "personal_key_id", "attributes")
"""The envelope, the personal record with its key id, and the attributes: every event begins with these."""


def document(kind: Kind, version: int | None = None) -> dict[str, Any]:
    """Return the published schema of one kind as JSON."""
    found: dict[str, Any] = json.loads(schema_text(kind, version))
    return found


def present(node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return the type of a field that is there: the branch of a union that is not null."""
    return next(branch for branch in node if branch != "null") if isinstance(node, list) else node


def nodes(schema: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    """Walk over every type in a schema, itself first."""
    yield schema
    match schema:
        case list():
            for branch in schema:
                yield from nodes(branch)
        case {"type": "record", "fields": fields}:
            for field in fields:
                yield from nodes(field["type"])
        case {"type": "array", "items": items}:
            yield from nodes(items)


def records(schema: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as above
    """Walk over every record in a schema, itself first."""
    return (node for node in nodes(schema) if isinstance(node, dict) and node["type"] == "record")


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk over every field of a record with its dotted path; the items of a list are at the path of the list."""
    for field in schema["fields"]:
        here = f"{path}{field['name']}"
        yield here, field
        inner = present(field["type"])
        if isinstance(inner, dict) and inner["type"] == "array":
            inner = present(inner["items"])
        if isinstance(inner, dict) and inner["type"] == "record":
            yield from fields(inner, f"{here}.")
