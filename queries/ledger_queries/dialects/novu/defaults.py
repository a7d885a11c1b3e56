"""Fields that Novu's document requires, and what stands there when nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "template": {"name": "", "triggers": []},
        "template.triggers[]": {"type": "event", "identifier": "", "variables": []},
        "template.triggers[].variables[]": {"name": ""},
        "jobs[]": {"providerId": "novu", "status": "pending"},
        "jobs[].digest": {"type": "regular"},
        "jobs[].executionDetails[]": {
            "status": "Pending",
            "detail": "",
            "isRetry": False,
            "isTest": False,
            "source": "Internal",
        },
        "jobs[].step": {"_id": "", "active": True, "filters": [], "_templateId": ""},
        "jobs[].step.filters[]": {"isNegated": False, "type": "GROUP", "value": "AND", "children": []},
        "jobs[].step.filters[].children[]": {"field": "", "value": "", "operator": "EQUAL", "on": "payload"},
    }
)
"""By object. Subscriber variables are as variables, and variants as steps."""

DERIVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "_environmentId": "digits 1 to 24 of the SHA-256 of the tenant's id",
        "_organizationId": "digits 25 to 48 of the same",
        "_subscriberId": "the first 24 digits of the SHA-256 of the recipient's id",
        "transactionId": "the notification's id in the ledger",
        "subscriber._id": "as `_subscriberId`",
        "template.name": "the template's id, else the empty text",
        "topics[]._topicId": "the first 24 digits of the SHA-256 of the topic's key",
        "jobs[]._id": "24 digits of the SHA-256 of the inbox entry's id and the channel",
        "jobs[].step": "a step without conditions that has the job's id and the template's",
        "jobs[].executionDetails[]._id": "24 digits of the SHA-256 of the attempt's event id",
    }
)
"""What follows from other recorded facts, in words."""
