"""What a notification says, as `get` answers it: typed, free-form parts parsed where that loses nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, Self
from uuid import UUID

from pydantic import Field
from pydantic_core import to_json

from ledger_queries.answer_types import Answer, Time
from ledger_schemas import limits


class SubjectAnswer(Answer):
    """The business object that the notification is about."""

    type: str | None
    id: str | None
    status: str | None


class AudienceAnswer(Answer):
    """One member of the audience, as it was named first."""

    recipient_id: str
    role: str
    channels: list[str]


class GroupAnswer(Answer):
    """A named group that the audience was drawn from."""

    type: str
    id: str
    reference: str | None


class CreatorAnswer(Answer):
    """Whoever made the notification."""

    type: str | None
    id: str | None


class TemplateAnswer(Answer):
    """The template or workflow that it was made from."""

    id: str | None
    name: str | None
    version: str | None


class ScheduleAnswer(Answer):
    """The schedule that fires it."""

    id: str | None
    name: str | None
    local_time: str | None
    time_zone: str | None
    recurrence: str | None


class DigestAnswer(Answer):
    """How it was merged with others."""

    key: str | None
    merged_into: str | None


class Content(Answer):
    """What the notification says: per field, what its latest `amended` made of the value of its earliest `created`."""

    source: str | None
    actor: str | None
    creator: CreatorAnswer | None
    parent_notification_id: UUID | None
    external_id: str | None
    number: int | None = Field(description="An integer id, from its place in the log unless its `created` states one.")
    attributes: Any = Field(description="Free-form data that identifies nobody, parsed; see data.")
    audience: list[AudienceAnswer] | None
    channels: list[str] | None = Field(description="Channels that it is meant to go over without naming a recipient.")
    groups: list[GroupAnswer] | None
    type: str | None
    category: str | None
    action: str | None
    reason: str | None
    priority: str | None
    severity: str | None
    subject: SubjectAnswer | None
    template: TemplateAnswer | None
    schedule: ScheduleAnswer | None
    scheduled_at: Time | None
    expires_at: Time | None
    digest: DigestAnswer | None
    tags: list[str] | None
    contexts: list[str] | None
    title: str | None
    body: str | None
    body_formatted: str | None
    link: str | None
    data: Any = Field(description="Free-form data, parsed; a text when it is not a JSON document that can be shown.")
    subject_name: str | None
    creator_name: str | None
    personal_key_id: str | None = Field(
        description="The key that title, body, link, data and names are encrypted with, if any."
    )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the content of a row whose `data` and `attributes` are JSON documents as text."""
        documents = {name: parsed(row[name]) for name in ("data", "attributes")}
        return cls.model_validate({**row, **documents})


def parsed(text: str | None) -> Any:  # noqa: ANN401 - a JSON document is anything
    """Return the document; the text itself where it is none, or none that JSON can carry again without loss."""
    if text is None:
        return None
    try:
        document = _DECODER.decode(text)
        to_json(document)
    except (ValueError, RecursionError):
        return text
    # The contract's own depth; a foreign writer may pass it, and readers of our answer would then fail.
    return document if _is_shallow(document, text) else text


def _is_shallow(document: object, text: str) -> bool:
    # It cannot be deeper than it has opening brackets: most documents are not walked through.
    if text.count("{") + text.count("[") <= limits.DATA_DEPTH_MAX:
        return True
    level = [document]
    for _ in range(limits.DATA_DEPTH_MAX):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return True
    return False


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is not JSON"
    raise ValueError(message)


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        _refuse(text)
    return number


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
"""Made once: a page of a dialect parses thousands of documents."""
