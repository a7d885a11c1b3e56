"""Where a fact can be put: the small protocol that the write side offers and everybody else asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from ledger_schemas.events import Event
from ledger_schemas.positions import Position


@dataclass(frozen=True, slots=True)
class Receipt:
    """The log has the event: whose it is, and a position that every later read may ask for."""

    event_id: UUID
    notification_id: UUID
    position: Position


class FactSink(Protocol):
    """Takes facts into the log."""

    async def put(self, event: Event) -> Receipt:
        """Append one event and return when it is safe."""
        ...

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        """Append several events and return, in their order, when all are safe."""
        ...
