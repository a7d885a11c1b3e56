"""Upcasting: what Avro's resolution cannot do to bring an event of an older schema to the current one.

Each rule is one function in `RULES`, under the fingerprint of the writer schema that it applies to, and has its test.
Version 1 of every kind needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger_schemas.shipped import WriterSchema

Rule = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes the values of one event, already resolved to the current schema, and returns them as they should be."""

RULES: Final[Mapping[bytes, Rule]] = {}


def upcast(schema: WriterSchema, values: dict[str, Any], rules: Mapping[bytes, Rule] = RULES) -> dict[str, Any]:
    """Return the values of an event that was written with `schema`, as they read today."""
    rule = rules.get(schema.fingerprint)
    return values if rule is None else rule(values)
