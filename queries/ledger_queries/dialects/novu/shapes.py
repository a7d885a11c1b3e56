"""Shapes of recorded JSON: what of it has the form that Novu documents, in the vendor's order of keys.

An emitter may record any JSON. What has another form than the document says is left out, or stands as its default
where the document requires it, so that every answer is one that the vendor's clients can read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

ABSENT: Final = object()
"""Stands for a value that is left out."""

Shape = Callable[[Any], Any]
"""Takes a recorded value and returns it as Novu shows it, or ABSENT."""


def text(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return a text."""
    return value if isinstance(value, str) else ABSENT


def as_text(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return a text; of anything else its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def nullable_text(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return a text or null."""
    return value if value is None else text(value)


def flag(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return true or false."""
    return value if isinstance(value, bool) else ABSENT


def number(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return a number."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else ABSENT


def any_object(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
    """Return an object, whatever it holds."""
    return value if isinstance(value, Mapping) else ABSENT


def items(shape: Shape) -> Shape:
    """Return the shape of a list; items of another shape are left out."""

    def of_items(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
        if not isinstance(value, list):
            return ABSENT
        return [shaped for each in value if (shaped := shape(each)) is not ABSENT]

    return of_items


def record(fields: Mapping[str, Shape], defaults: Mapping[str, Any] = MappingProxyType({})) -> Shape:
    """Return the shape of an object with these keys, in their order; those with a default are always there."""

    def of_record(value: Any) -> Any:  # noqa: ANN401 - recorded JSON is anything
        if not isinstance(value, Mapping):
            return ABSENT
        shown = {}
        for name, shape in fields.items():
            shaped = shape(value[name]) if name in value else ABSENT
            if shaped is ABSENT:
                shaped = defaults.get(name, ABSENT)
            if shaped is not ABSENT:
                shown[name] = shaped
        return shown

    return of_record


def present(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return the values that are there: neither ABSENT nor None, in their order."""
    return {name: value for name, value in values.items() if value is not ABSENT and value is not None}
