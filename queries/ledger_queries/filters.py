"""What a list or a count may ask for: one filter for both, checked against the grain that it is asked of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError

from ledger_queries.content_filter import ContentFilter, Instant
from ledger_schemas.errors import BadRequest, ContractViolation
from ledger_schemas.field_types import Id
from ledger_schemas.kinds import OF_NOTIFICATIONS, Kind


class Grain(StrEnum):
    """What one row stands for."""

    NOTIFICATION = "notification"
    INBOX_ENTRY = "inbox_entry"
    DELIVERY = "delivery"


class GroupBy(StrEnum):
    """What a count may be grouped by."""

    RECIPIENT = "recipient"
    CHANNEL = "channel"
    KIND = "kind"


_EVERYWHERE: Final = tuple(kind for kind in Kind if kind not in {*OF_NOTIFICATIONS, Kind.OBSERVED})

KINDS: Final[Mapping[Grain, tuple[Kind, ...]]] = MappingProxyType(
    {
        Grain.NOTIFICATION: tuple(kind for kind in Kind if kind is not Kind.OBSERVED),
        Grain.INBOX_ENTRY: _EVERYWHERE,
        Grain.DELIVERY: _EVERYWHERE,
    }
)
"""The kinds that a row of each grain can have reached: `observed` folds to nothing, and some speak of a
notification alone."""

STATES: Final = ("seen", "read", "archived", "snoozed", "deleted")
"""What an inbox entry and a delivery is or is not, now."""


class NotificationFilter(ContentFilter):
    """What can be asked of every grain. All conditions must hold; times are half-open: from <= listed_at < before.

    At the notification grain `recipient` and `channel` mean: has such an inbox entry, has such a delivery; both
    together: that recipient has a delivery over that channel.
    """

    tenant: Id = Field(description="Whose notifications; required always.", examples=["acme"])
    recipient: Id | None = Field(None, description="Only what this recipient has.", examples=["ann"])
    channel: Id | None = Field(None, description="Only what goes over this channel.", examples=["email"])
    reached: tuple[Kind, ...] = Field(
        (), description="Only rows that reached this kind, ever. May be repeated; all must hold.", examples=[["opened"]]
    )
    not_reached: tuple[Kind, ...] = Field(
        (), description="Only rows that never reached this kind. May be repeated; all must hold.", examples=[["read"]]
    )
    created_from: Instant | None = Field(
        None, description="Only rows with listed_at at or after this time.", examples=["2026-01-01T00:00:00Z"]
    )
    created_before: Instant | None = Field(
        None, description="Only rows with listed_at before this time.", examples=["2026-02-01T00:00:00Z"]
    )

    def as_filter(self) -> Filter:
        """Return the filter alone, without whatever a subclass adds."""
        return Filter.model_validate({name: getattr(self, name, None) for name in Filter.model_fields})


class Filter(NotificationFilter):
    """A filter with everything that inbox entries and deliveries can be asked for."""

    inbox_entry_id: UUID | None = Field(None, description="Only the inbox entry with this id; of inbox entries alone.")
    seen: bool | None = Field(None, description="Only rows that a person has seen (true) or has not (false).")
    read: bool | None = Field(
        None, description="Only rows that are read now (true) or are not (false).", examples=[False]
    )
    archived: bool | None = Field(None, description="Only rows that are archived now (true) or are not (false).")
    snoozed: bool | None = Field(
        None, description="Only rows that are snoozed now (true) or are not (false), whatever time they are due at."
    )
    deleted: bool | None = Field(None, description="Only rows that were deleted (true) or were not (false).")

    def checked(self, grain: Grain) -> Self:
        """Return the filter when rows of `grain` can answer it. Raises BadRequest that names the field."""
        for name in STATES:
            if getattr(self, name) is not None and grain is Grain.NOTIFICATION:
                raise BadRequest(
                    f"{name}: is a state of inbox entries and deliveries; a notification has none.",
                    hint=f"Ask for inbox entries, or for notifications with reached={name}.",
                    field=name,
                )
        if self.inbox_entry_id is not None and grain is not Grain.INBOX_ENTRY:
            raise BadRequest(
                f"inbox_entry_id: names an inbox entry, not a {grain}.",
                hint="Ask for inbox entries.",
                field="inbox_entry_id",
            )
        for name, kinds in (("reached", self.reached), ("not_reached", self.not_reached)):
            for kind in kinds:
                if kind not in KINDS[grain]:
                    raise BadRequest(
                        f"{name}: {grain} rows do not reach {kind}.",
                        hint=f"Use one of {', '.join(KINDS[grain])}.",
                        field=name,
                    )
        for kind in self.reached:
            if kind in self.not_reached:
                raise BadRequest(
                    f"not_reached: {kind} is also in reached, so no row can answer.",
                    hint="Leave one of the two out.",
                    field="not_reached",
                )
        self._check_pairs()
        return self

    def _check_pairs(self) -> None:
        for name in ("created", "due"):
            begin, end = getattr(self, f"{name}_from"), getattr(self, f"{name}_before")
            if begin and end and begin > end:
                raise BadRequest(
                    f"{name}_before: lies before {name}_from, so no row can answer.",
                    hint=f"The span begins with {name}_from and ends before {name}_before.",
                    field=f"{name}_before",
                )
        if (self.data_path is None) != (self.data_value is None):
            raise BadRequest(
                "data_value: goes with data_path, and data_path with it.", hint="State both.", field="data_value"
            )

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the filter statements: only those that were asked for."""
        named: dict[str, object | None] = {
            "tenant": self.tenant,
            "recipient": self.recipient,
            "channel": self.channel,
            **self._span_of_id(),
            **{name: getattr(self, name) for name in STATES},
            "created_from": self.created_from,
            "created_before": self.created_before,
            **self.content_parameters(),
        }
        named |= {f"reached_{kind}": True for kind in self.reached}
        named |= {f"reached_{kind}": False for kind in self.not_reached}
        return {name: value for name, value in named.items() if value is not None}

    def _span_of_id(self) -> dict[str, object]:
        """Return the id of an inbox entry, and between which ids its notification's lies: both begin alike."""
        if self.inbox_entry_id is None:
            return {}
        begin = self.inbox_entry_id.int >> _ID_REST_BITS << _ID_REST_BITS
        return {
            "inbox_entry_id": self.inbox_entry_id,
            "inbox_entry_id_from": UUID(int=begin),
            "inbox_entry_id_to": UUID(int=begin | (1 << _ID_REST_BITS) - 1),
        }

    def digest(self) -> str:
        """Return what a cursor keeps of the filter: the same for two filters that ask for the same rows."""
        lines = [f"{name}={value!r}" for name, value in sorted(self.parameters().items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGEST_CHARS]


_DIGEST_CHARS: Final = 32
_ID_REST_BITS: Final = 80
"""Of an id of 128 bits, what stands behind its milliseconds."""

Model = TypeVar("Model", bound=BaseModel)


def checked_model(model: Callable[..., Model], **values: object) -> Model:
    """Build a query model from unchecked values. Raises BadRequest that names the first field that is wrong."""
    try:
        return model(**values)
    except ValidationError as error:
        raise refusal(error.errors(include_input=False, include_url=False)) from None


def refusal(findings: Iterable[Mapping[str, Any]]) -> BadRequest:
    """Return pydantic's first finding as a BadRequest; the offending value is not repeated."""
    first, *more = findings
    where, *path = first["loc"] or ("request",)
    if where not in {"query", "path", "body"}:
        path = [where, *path]
    # An index into a repeated parameter says nothing to its caller; one into a body does.
    name = ".".join(str(part) for part in path if where == "body" or isinstance(part, str)) or str(where)
    rule = "is required" if first["type"] == "missing" else str(first["msg"]).removeprefix("Value error, ")
    suffix = f" ({len(more)} more)" if more else ""
    error = ContractViolation if where == "body" else BadRequest
    hint = "Correct it and ask again; /openapi.json has every parameter and its form."
    if first["type"] == "string_too_long":
        hint = "An id that was too long was stated as its hash: ask for that (hash_id of ledger_producers)."
    return error(
        f"{name}: {rule[:1].lower()}{rule[1:]}{suffix}.",
        hint=hint,
        field=name,
    )
