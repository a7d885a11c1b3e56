"""The steps of one batch, named: what logs, fault tests and the invariant tests call them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """What has just been done; a process that dies between two of them loses and doubles nothing."""

    FETCHED = "fetched"
    DECODED = "decoded"
    BEGUN = "begun"
    STAGED = "staged"
    DEDUPLICATED = "deduplicated"
    HISTORY_WRITTEN = "history_written"
    FOLDED = "folded"
    QUARANTINED = "quarantined"
    POSITIONED = "positioned"
    COMMITTED = "committed"
    CHECKPOINTED = "checkpointed"


StepObserver = Callable[[Step], None]
"""Told of each step as soon as it is done, on the thread that did it."""


def unobserved(step: Step) -> None:
    """Observe nothing."""
