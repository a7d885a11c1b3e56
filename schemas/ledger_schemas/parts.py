"""The parts of an event that are records themselves: personal data, audience, subject and their like."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ledger_schemas import limits
from ledger_schemas.field_types import AddressesText, Body, DataText, Detail, Id, Link, Name, Title


class Part(BaseModel):
    """A record inside an event: frozen, and closed to fields that the contract does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Personal(Part):
    """Everything that may identify a person. `data` is a JSON document, `addresses` a JSON object, as text."""

    title: Title | None = None
    body: Body | None = None
    body_formatted: Body | None = None
    link: Link | None = None
    data: DataText | None = None
    addresses: AddressesText | None = None
    detail: Detail | None = None
    subject_name: Name | None = None
    creator_name: Name | None = None
    creator_address: Name | None = None


class AudienceMember(Part):
    """One recipient of a notification, and the channels that it is meant to arrive over."""

    recipient_id: Id
    role: Id = "to"
    channels: Annotated[tuple[Id, ...], Field(max_length=limits.CHANNELS_PER_RECIPIENT_MAX, fail_fast=True)] = ()


class Group(Part):
    """A named group that the audience was drawn from: a team, a topic, an event, a company."""

    type: Id
    id: Id
    reference: Id | None = None


class Subject(Part):
    """The business object that a notification is about; its name is `Personal.subject_name`."""

    type: Id | None = None
    id: Id | None = None
    status: Id | None = None


class Creator(Part):
    """Whoever made the notification; name and address are in `Personal`."""

    type: Id | None = None
    id: Id | None = None


class Template(Part):
    """The template or workflow that a notification was made from."""

    id: Id | None = None
    name: Name | None = None
    version: Id | None = None


class Schedule(Part):
    """The schedule that fires a notification; `local_time` is ISO 8601 without an offset, in `time_zone` (IANA)."""

    id: Id | None = None
    name: Name | None = None
    local_time: Id | None = None
    time_zone: Id | None = None
    recurrence: Name | None = None


class Digest(Part):
    """How several notifications became one."""

    key: Id | None = None
    merged_into: Id | None = None
