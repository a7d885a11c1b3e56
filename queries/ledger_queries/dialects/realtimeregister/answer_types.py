"""Realtime Register's notification as its document has it: what its OpenAPI document shows."""

from __future__ import annotations

from typing import Any, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict


class _Optional(TypedDict):
    """What every notification has, and what it has when something is recorded of it."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # as pydantic documents it

    id: int
    readDate: NotRequired[str]
    acknowledgeDate: NotRequired[str]
    deliveryDate: NotRequired[str]
    reason: NotRequired[str]
    process: NotRequired[int]
    payload: NotRequired[dict[str, Any]]
    processIdentifier: NotRequired[str]
    processType: NotRequired[str]
    transferType: NotRequired[str]
    domainName: NotRequired[str]
    hostName: NotRequired[str]
    requestedDate: NotRequired[str]
    actionDate: NotRequired[str]
    createdDate: NotRequired[str]
    expiryDate: NotRequired[str]
    startDate: NotRequired[str]
    endDate: NotRequired[str]
    certificateId: NotRequired[int]
    provider: NotRequired[str]
    providerId: NotRequired[int]
    product: NotRequired[str]
    validationType: NotRequired[str]
    currency: NotRequired[str]
    watermark: NotRequired[float]
    balance: NotRequired[float]
    negativeSinceDate: NotRequired[str]
    negativeCurrency: NotRequired[str]
    negativeLimit: NotRequired[float]
    negativeSoftLimit: NotRequired[float]
    subjectStatus: NotRequired[str]
    statusDetail: NotRequired[str]


class Notification(_Optional):
    """A notification whole."""

    fireDate: str
    message: str
    eventType: str
    notificationType: str
    isAsync: bool
    customer: str


class SelectedFields(_Optional):
    """What `fields` left of a notification."""

    fireDate: NotRequired[str]
    message: NotRequired[str]
    eventType: NotRequired[str]
    notificationType: NotRequired[str]
    isAsync: NotRequired[bool]
    customer: NotRequired[str]
