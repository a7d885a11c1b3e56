"""The fields of the schemas as tables for people: type, default, whether personal, meaning, unit or limit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import current_schema

_LIMIT: Final = re.compile(
    r"(?:; |, |: )((?:at most|1 to|limits as of|a UUID of|microseconds since|a whole number).*)\.$"
)
"""How the doc of a field ends when its type does not tell its limit or unit."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def common_fields() -> list[dict[str, Any]]:
    """Return the fields that every kind begins with: the envelope."""
    every = [current_schema(kind).document["fields"] for kind in Kind]
    count = next(number for number, field in enumerate(every[0]) if any(field not in fields for fields in every))
    fields: list[dict[str, Any]] = every[0][:count]
    return fields


def added_fields(kind: Kind) -> list[dict[str, Any]]:
    """Return the fields that a kind has beyond the envelope."""
    fields: list[dict[str, Any]] = current_schema(kind).document["fields"]
    return fields[len(common_fields()) :]


def nested_records() -> dict[str, dict[str, Any]]:
    """Return every record that lies inside an event, by its name, in the order in which the kinds have them."""
    found: dict[str, dict[str, Any]] = {}
    for kind in Kind:
        for field in current_schema(kind).document["fields"]:
            inner = _present(field["type"])
            inner = inner.get("items", inner) if isinstance(inner, dict) else inner
            if isinstance(inner, dict) and inner["type"] == "record":
                found.setdefault(inner["name"], inner)
    return found


def fields_table(fields: Sequence[dict[str, Any]]) -> str:
    """Return the table of some fields."""
    return table(
        ("field", "type", "default", "personal", "meaning", "unit or limit"),
        [
            (
                f"`{field['name']}`",
                _type(field["type"]),
                _default(field),
                "yes" if field.get("personal") else "",
                *_meaning(field["doc"]),
            )
            for field in fields
        ],
    )


def record_anchor(name: str) -> str:
    """Return the anchor of the section of a nested record."""
    return name.lower()


def _present(node: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    return node[1] if isinstance(node, list) else node


def _type(node: Any) -> str:  # noqa: ANN401 - a schema is any JSON
    if isinstance(node, list):
        return f"null or {_type(node[1])}"
    if isinstance(node, str):
        return node
    if node["type"] == "array":
        return f"array of {_type(node['items'])}"
    if node["type"] == "map":
        return f"map of {_type(node['values'])}"
    if node["type"] == "record":
        return f"[{node['name']}](#{record_anchor(node['name'])})"
    return f"{node['type']} ({node['logicalType']})"


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "**required**"
    shown = {None: "null", True: "true", False: "false"}
    value = field["default"]
    return "`[]`" if value == [] else f"`{shown.get(value, value)}`"


def _meaning(doc: str) -> tuple[str, str]:
    text = doc.replace("|", "\\|")
    limit = _LIMIT.search(text)
    return (text, "") if limit is None else (f"{text[: limit.start()]}.", limit[1])
