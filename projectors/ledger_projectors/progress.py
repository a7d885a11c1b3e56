"""How far a projector is, at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_schemas.alarms import Alarm
from ledger_schemas.positions import Position


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a projector is. Counts are records since this run began; `behind` is records to the log's known end.

    `retrying`: the batch in hand failed whole (a full disk), or its schemas are out of reach, and it is tried again;
    nothing moves meanwhile. `alarms`: what an operator must look at.
    """

    position: Position
    end: Position
    caught_up: bool
    behind: int
    applied: int
    duplicates: int
    quarantined: int
    retrying: bool
    alarms: tuple[Alarm, ...] = ()
