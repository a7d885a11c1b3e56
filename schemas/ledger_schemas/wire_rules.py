"""The rules of a decoded event that Avro cannot state and that the fold depends on."""

from __future__ import annotations

from typing import Any, Final

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation
from ledger_schemas.ids import CANONICAL_UUID
from ledger_schemas.kinds import Kind
from ledger_schemas.shapes import Shape, shape_of

REQUIRED_IDS: Final = ("tenant_id", "source")
OPTIONAL_IDS: Final = ("recipient_id", "channel", "delivery_ref")
"""The ids that rows are keyed and filtered by; the others may be whatever their emitter wrote."""

_ID_RULE: Final = f"must be 1 to {limits.ID_CHARS_MAX} characters without control characters"


def check_wire(kind: Kind, values: dict[str, Any]) -> None:
    """Check one event's plain values. Raises ContractViolation that names the field and the rule.

    Looser than the models on purpose: a foreign writer's long title harms nobody once it is in the log, but an id
    that is not an id, or a time that no calendar has, would.
    """
    shape = shape_of(kind)
    _check_uuids(shape, values)
    for name in REQUIRED_IDS:
        if not _is_id(values[name]):
            raise _broken(name, _ID_RULE)
    for name in OPTIONAL_IDS:
        value = values[name]
        if value is not None and not _is_id(value):
            raise _broken(name, _ID_RULE)
    if values["delivery_ref"] is not None and values["channel"] is None:
        raise _broken("delivery_ref", "needs channel")
    for name in shape.times:
        if values[name] is not None:
            _check_time(name, values[name])
    if "audience" in values:
        _check_audience(values["audience"])


def _check_uuids(shape: Shape, values: dict[str, Any]) -> None:
    for name in shape.uuids:
        value = values[name]
        if value is not None and not CANONICAL_UUID.fullmatch(value):
            raise _broken(name, "must be a UUID of RFC 9562 in lower case, 36 characters")


def _check_audience(audience: list[dict[str, Any]]) -> None:
    if len(audience) > limits.RECIPIENTS_PER_EVENT_MAX:
        raise _broken("audience", f"must name at most {limits.RECIPIENTS_PER_EVENT_MAX} recipients")
    for member in audience:
        if not _is_id(member["recipient_id"]):
            raise _broken("audience.recipient_id", _ID_RULE)
        channels = member["channels"]
        if len(channels) > limits.CHANNELS_PER_RECIPIENT_MAX or not all(map(_is_id, channels)):
            raise _broken("audience.channels", f"must be ids, at most {limits.CHANNELS_PER_RECIPIENT_MAX}")
    if len({member["recipient_id"] for member in audience}) != len(audience):
        raise _broken("audience", "must name a recipient once")


def _check_time(name: str, microseconds: int) -> None:
    if not limits.OCCURRED_AT_MICROSECONDS_MIN <= microseconds <= limits.OCCURRED_AT_MICROSECONDS_MAX:
        raise _broken(name, "must lie in the years 1 to 9999, in microseconds since 1970")


def _is_id(text: str) -> bool:
    # isprintable alone would refuse spaces of other scripts; control characters are what harms.
    return 0 < len(text) <= limits.ID_CHARS_MAX and (
        text.isprintable() or not any(c < " " or c == "\x7f" for c in text)
    )


def _broken(field: str, rule: str) -> ContractViolation:
    return ContractViolation(f"{field}: {rule}.", hint="See the published contract.", field=field)
