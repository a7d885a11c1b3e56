"""What NextInteract's request may ask for: its parameters, which of them go together, and the filter that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import Request
from pydantic import AfterValidator, Field, WithJsonSchema

from ledger_queries.dialects.nextinteract.answer_types import BROADCAST_TYPES
from ledger_queries.dialects.nextinteract.failures import INVALID_PARAMETER, UNSUPPORTED_VERSION, WsError
from ledger_queries.dialects.nextinteract.fields import BROCHURE, COMPANY, EVENT
from ledger_queries.dialects.numerals import DecimalText
from ledger_queries.filters import Filter
from ledger_schemas import limits
from ledger_schemas.field_types import Id
from ledger_schemas.kinds import Kind

VERSION: Final = 1
LONG_MIN: Final = -(2**63)
LONG_MAX: Final = 2**63 - 1

NAMES: Final = ("version", "broadcastType", "companyId", "eventUUID", "notificationScheduleId", "brochureId")

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"ET": "GE"})
"""Other words for a broadcast type: the document's own example of event notifications asks for ET."""

REQUIRED: Final[Mapping[str, str]] = MappingProxyType({"GT": "companyId", "GE": "eventUUID", "GA": "brochureId"})
"""The parameter that a broadcast type needs."""

_ASKED_TYPES: Final = (*BROADCAST_TYPES, *ALIASES)


def _check_type(value: str | None) -> str | None:
    if value not in _ASKED_TYPES:
        message = f"must be one of {', '.join(BROADCAST_TYPES)}"
        raise ValueError(message)
    return value


Version = Annotated[int, WithJsonSchema({"type": "integer", "format": "int64", "enum": [VERSION]}), DecimalText]
Long = Annotated[
    Annotated[int, Field(ge=LONG_MIN, le=LONG_MAX)] | None,
    DecimalText,
    WithJsonSchema({"type": "integer", "format": "int64", "minimum": LONG_MIN, "maximum": LONG_MAX}),
]
EventId = Annotated[
    Id | None,
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": limits.ID_CHARS_MAX, "pattern": r"^[^\x00-\x1f\x7f]+$"}
    ),
]
BroadcastType = Annotated[
    str | None, AfterValidator(_check_type), WithJsonSchema({"type": "string", "enum": list(_ASKED_TYPES)})
]


async def require_version(request: Request) -> None:
    """Refuse another version than 1 before anything else of the query, which that version may have in another form.

    Raises WsError. A version that is missing or no number is left to the check of the parameters.
    """
    version = request.query_params.get("version", "")
    if version.removeprefix("-").isdecimal() and version.isascii() and version != str(VERSION):
        raise WsError(UNSUPPORTED_VERSION, f"version: {VERSION} is the only one.")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which sent notifications are asked for: by type or schedule, and all of the groups that are named."""

    broadcast_type: str | None
    schedule_id: int | None
    groups: Mapping[str, str]

    @classmethod
    def of(
        cls,
        broadcast_type: str | None,
        schedule_id: int | None,
        company_id: int | None,
        event_uuid: str | None,
        brochure_id: int | None,
    ) -> Asked:
        """Return what the parameters ask for. Raises WsError when one is missing that another needs."""
        kind = None if broadcast_type is None else ALIASES.get(broadcast_type, broadcast_type)
        if kind is None and schedule_id is None:
            raise WsError(INVALID_PARAMETER, "broadcastType: is required without notificationScheduleId.")
        # The narrowest first: the read model is asked for it.
        named = {"eventUUID": event_uuid, "brochureId": brochure_id, "companyId": company_id}
        needed = REQUIRED.get(kind or "")
        if needed and named[needed] is None:
            raise WsError(INVALID_PARAMETER, f"{needed}: is required with broadcastType {broadcast_type}.")
        types = {"eventUUID": EVENT, "brochureId": BROCHURE, "companyId": COMPANY}
        groups = {types[name]: str(value) for name, value in named.items() if value is not None}
        return cls(kind, schedule_id, groups)

    def filter(self, tenant_id: str) -> Filter:
        """Return the filter of the read model: of several groups it has one, the rest is left to the reader."""
        group_type, group_id = next(iter(self.groups.items()), (None, None))
        return Filter(
            tenant=tenant_id,
            reached=(Kind.FIRED,),
            type=(self.broadcast_type,) if self.broadcast_type else (),
            schedule_id=None if self.schedule_id is None else str(self.schedule_id),
            group_type=group_type,
            group_id=group_id,
        )
