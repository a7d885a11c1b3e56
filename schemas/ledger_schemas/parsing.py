"""Documents to events: what an emitter or a caller states, checked, with errors that name field, limit and size."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from ledger_schemas import limits
from ledger_schemas.errors import ContractViolation
from ledger_schemas.events import AS_RECORDED, Event
from ledger_schemas.json_texts import PATH_SHOWN_CHARS, NotJsonError, check_widths, load_json
from ledger_schemas.kinds import Kind

_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])

_CHARS_LIMITS: Final = {
    "title": "TITLE_CHARS_MAX",
    "subject_name": "NAME_CHARS_MAX",
    "creator_name": "NAME_CHARS_MAX",
    "creator_address": "NAME_CHARS_MAX",
    "name": "NAME_CHARS_MAX",
    "recurrence": "NAME_CHARS_MAX",
    "body": "BODY_CHARS_MAX",
    "body_formatted": "BODY_CHARS_MAX",
    "link": "LINK_CHARS_MAX",
    "detail": "DETAIL_CHARS_MAX",
}
"""Every other text is an id."""

_HASHABLE: Final = ("id", "_ref", "reference")
"""How the names of fields end that may hold the id of a provider or of a device, of any length."""

_ITEMS_LIMITS: Final = {
    "audience": "RECIPIENTS_PER_EVENT_MAX",
    "channels": "CHANNELS_PER_RECIPIENT_MAX",
    "groups": "GROUPS_PER_EVENT_MAX",
    "tags": "TAGS_PER_EVENT_MAX",
    "contexts": "CONTEXTS_PER_EVENT_MAX",
    "cleared": "TAGS_PER_EVENT_MAX",
}


def parse_event(document: dict[str, Any] | str | bytes) -> Event:
    """Return the event that a JSON document (or its already parsed form) states; its `kind` says which model.

    Raises ContractViolation that names the field, what was wrong, and what is allowed. The offending value is not
    repeated, only its size: it may be personal.
    """
    try:
        if not isinstance(document, dict):
            document = load_json(document)
            check_widths(document)
        return _ANY_EVENT.validate_python(document)
    except NotJsonError as error:
        raise ContractViolation(f"event: {error}.", hint="Send one event object.", field="event") from None
    except ValidationError as error:
        raise violation(error, kind_leads=True) from None


def parse_recorded(values: dict[str, Any]) -> Event:
    """Return the event that the values of a record state. Raises ContractViolation."""
    try:
        return _ANY_EVENT.validate_python(values, context=AS_RECORDED)
    except ValidationError as error:
        raise violation(error, kind_leads=True) from None


def violation(error: ValidationError, *, kind_leads: bool = False) -> ContractViolation:
    """Return the first finding of a pydantic error as a ContractViolation without the offending value.

    `kind_leads` says that the places of the findings begin with the kind, as those of a union do.
    """
    findings = error.errors(include_url=False)
    first = findings[0]
    place = first["loc"][1:] if kind_leads else first["loc"]
    path = ".".join(map(str, place))[:PATH_SHOWN_CHARS] or "event"
    wrong = first["msg"].removeprefix("Value error, ") + _measured(first["type"], place, first["input"])
    if first["type"].startswith("union_tag"):  # pydantic's own message repeats what stood there.
        path, wrong = "kind", f"must be one of {', '.join(Kind)}"
    hint = "Correct the field and send the event again; nothing was written."
    if first["type"] == "string_too_long" and _name_in(place).endswith(_HASHABLE):
        hint = (
            "Hash a longer id with ledger_producers.hash_id (the guide to emitting shows it in other languages). An "
            "address or a push token itself belongs in personal.addresses."
        )
    # A default that depends on an invalid field is no finding of its own.
    more = sum(found["type"] != "default_factory_not_called" for found in findings) - 1
    suffix = f" ({more} more)" if more else ""
    return ContractViolation(
        f"{path}: {wrong}{suffix}.",
        hint=hint,
        field=path,
    )


def _measured(finding: str, place: tuple[int | str, ...], value: Any) -> str:  # noqa: ANN401 - it is what was sent
    """Name the limit that was passed, and by what."""
    name = _name_in(place)
    if finding == "string_too_long":
        limit = _CHARS_LIMITS.get(name, "ID_CHARS_MAX")
        return f", {limit} = {getattr(limits, limit)}; it has {len(value)}"
    if finding == "too_long" and name in _ITEMS_LIMITS:
        limit = _ITEMS_LIMITS[name]
        return f", {limit} = {getattr(limits, limit)}"
    return ""


def _name_in(place: tuple[int | str, ...]) -> str:
    """Return the innermost field name of a place such as ("audience", 0, "recipient_id")."""
    return next((part for part in reversed(place) if isinstance(part, str)), "")
