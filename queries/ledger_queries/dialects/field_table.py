"""A dialect's table of fields: what reads each field of the vendor, and the answer that the table makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_Recorded = TypeVar("_Recorded")


def answer_of(
    fields: Mapping[str, Callable[[_Recorded], Any]], defaults: Mapping[str, Any], recorded: _Recorded
) -> dict[str, Any]:
    """Return the answer, its keys in the order of `fields`.

    A field that reads None was never recorded: its default stands for it, and without a default it is left out.
    """
    values = ((name, read(recorded)) for name, read in fields.items())
    return {
        name: defaults[name] if value is None else value
        for name, value in values
        if value is not None or name in defaults
    }


def member(document: object, name: str, *json_types: type) -> Any:  # noqa: ANN401 - what was recorded is any JSON
    """Return a member of a recorded JSON object if it has one of these types; None where it has none of them."""
    value = document.get(name) if isinstance(document, dict) else None
    # By identity: to Python, true is an int.
    return value if type(value) in json_types else None
