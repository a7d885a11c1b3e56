"""The events that one document states: one envelope for all, ids that follow from what each says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from ledger_schemas import Event, Kind, derive_event_id, parse_event

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_IDENTITY: Final = ("recipient_id", "channel", "delivery_ref", "attempt_id")
"""With its kind and its time they tell a fact of a notification from every other."""


@dataclass(slots=True)
class Transcript:
    """Collects what a document states of one notification, in `events`."""

    tenant_id: str
    source: str
    notification_id: UUID
    correlation_id: str | None = None
    events: list[Event] = field(default_factory=list)

    def state(
        self,
        kind: Kind,
        at: datetime,
        *,
        personal: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        addresses: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
        **fields: Any,  # noqa: ANN401 - each kind has its own
    ) -> None:
        """State one fact that was true `at`; null and the empty text are not stated.

        `data`, `addresses` (recipient -> channel -> address) and `attributes` are JSON values; `data` and `addresses`
        become part of `personal`. The event id is derived, so that stating a fact again gives a duplicate. Raises
        ContractViolation when the contract has no room for a value.
        """
        identity = (fields.get(name) or "" for name in _IDENTITY)
        document = said(
            kind=kind,
            event_id=derive_event_id(at, self.tenant_id, str(self.notification_id), kind, *identity),
            tenant_id=self.tenant_id,
            notification_id=self.notification_id,
            occurred_at=at,
            source=self.source,
            correlation_id=self.correlation_id,
            personal=said(**(personal or {}), data=_json(data), addresses=_json(addresses)),
            attributes=_json(attributes),
            **fields,
        )
        self.events.append(parse_event(document or {}))


def said(**values: Any) -> dict[str, Any] | None:  # noqa: ANN401 - what a vendor says is any JSON
    """Return the values that say something, or None where none does.

    Null and the empty text are the vendors' words for "not there"; an empty object and an empty list are values.
    """
    return {name: value for name, value in values.items() if value is not None and value != ""} or None


def read_time(text: str) -> datetime:
    """Read a vendor's time; one without a zone is UTC. Raises ValueError when it is none of ISO 8601."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def read_milliseconds(milliseconds: int) -> datetime:
    """Read a time in milliseconds since 1970, UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _json(document: Mapping[str, Any] | None) -> str | None:
    return json.dumps(document, ensure_ascii=False) if document else None
