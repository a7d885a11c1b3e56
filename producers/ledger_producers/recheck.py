"""Checks an event once more before it is written: a model that was copied or constructed was never checked."""

from __future__ import annotations

from typing import Any

from ledger_schemas.events import Event
from ledger_schemas.parsing import parse_event
from ledger_schemas.parts import Part


def recheck(event: Event) -> Event:
    """Return the event as the contract reads what it holds: an equal one, where it was valid.

    `model_copy(update=...)` and `model_construct` of the models check nothing, and what a projector would quarantine
    must not get a receipt. Raises ContractViolation, word for word that of `parse_event`.
    """
    return parse_event({name: _plain(value) for name, value in event.__dict__.items()})


def _plain(value: Any) -> Any:  # noqa: ANN401 - nothing is known yet of what a field holds
    # A part that is a model would count as checked. Most fields hold none: whether a value is a model is slow to ask.
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Part):
        return value.__dict__
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
