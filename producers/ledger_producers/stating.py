"""What the methods of the emitter share: an event is made of keyword arguments, and put."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from ledger_schemas.events import Event
from ledger_schemas.facts import Receipt
from ledger_schemas.parsing import violation


class Stating(ABC):
    """Makes events from keyword arguments; whoever inherits it says where they go."""

    def __init__(self, source: str) -> None:
        """Take the name of the service that states the facts: the default of every event's `source`."""
        self._source = source

    @abstractmethod
    async def put(self, event: Event) -> Receipt:
        """Put one event where facts go."""

    async def state(
        self, model: type[Event], tenant_id: str, notification_id: UUID | None, fields: Mapping[str, Any]
    ) -> Receipt:
        """Make an event of `model` and put it; without `notification_id`, the model's default stands."""
        known = {} if notification_id is None else {"notification_id": notification_id}
        try:
            event = model.model_validate({"source": self._source, "tenant_id": tenant_id, **known, **fields})
        except ValidationError as error:
            raise violation(error) from None
        return await self.put(event)
