"""What is asked: each published OpenAPI document, its credential, values that exist, and what no check may expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ledger_infra.demo.samples import VENDORS, sample_events, vendor_samples
from ledger_infra.demo.transcripts import Vendor, tenant_of
from ledger_queries.dialects.novu.object_ids import is_object_id
from tests.acceptance.serving import SUGER, USERS, credential, secret_of

NATIVE: Final = "native"
Name = Vendor | Literal["native"]
NAMES: Final[tuple[Name, ...]] = (NATIVE, *VENDORS)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Statuses that one check also takes at one operation, beside its own, and why."""

    operation: str
    check: str
    statuses: Sequence[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Api:
    """One document, below a path. `values` are of parameters, by place and name: most requests have one of them."""

    name: str
    mount: str
    headers: Mapping[str, str]
    values: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    allowances: Sequence[Allowance] = ()


ACCEPTED: Final = ("2xx", "3xx", "401", "403", "404", "409", "429", "5xx")
"""What schemathesis lets an answer to a valid request be."""

FAULTLESS: Final = ("2xx", "3xx", "4xx")
"""What schemathesis takes for no fault of a server."""

_POSITION: Final = "`at_least` may have the form of a position and name none that this ledger gave out."
_BEHIND: Final = "`at_least` may name a position that the read model does not reach in time."
_AT_LEAST: Final = (
    "GET /v1/notifications",
    "GET /v1/notifications/count",
    "GET /v1/notifications/{notification_id}",
    "GET /v1/inbox",
    "GET /v1/inbox/count",
    "GET /v1/inbox/badge",
    "GET /v1/deliveries",
    "GET /v1/deliveries/count",
)

ALLOWANCES: Final[Mapping[Name, Sequence[Allowance]]] = {
    NATIVE: (
        *(Allowance(each, "positive_data_acceptance", (*ACCEPTED, "400"), _POSITION) for each in _AT_LEAST),
        *(Allowance(each, "not_a_server_error", (*FAULTLESS, "503"), _BEHIND) for each in _AT_LEAST),
        Allowance(
            "POST /v1/inbox/marks",
            "positive_data_acceptance",
            (*ACCEPTED, "422"),
            "Rules between fields: ids or all, a filter with all alone, the time of a snooze with a snooze.",
        ),
    ),
    "suger": (
        Allowance(
            "GET /org/{orgId}/notificationEvent",
            "positive_data_acceptance",
            (*ACCEPTED, "400"),
            "`startDate` may lie after `endDate`.",
        ),
    ),
    "nextinteract": (
        Allowance(
            "GET /rest/notification/sent",
            "positive_data_acceptance",
            (*ACCEPTED, "400"),
            "A type or a schedule must be named, and types GT, GE and GA need a parameter of their own.",
        ),
    ),
    "realtimeregister": (
        Allowance(
            "GET /v2/customers/{customer}/notifications/{notificationId}",
            "positive_data_acceptance",
            (*ACCEPTED, "400"),
            "The vendor documents 400 for a notification that does not exist.",
        ),
    ),
}
"""By name of the API. No check is left out; each entry is of one operation."""


def api_of(name: Name) -> Api:
    """Return one of NAMES."""
    if name == NATIVE:
        headers = {"Authorization": f"Bearer {secret_of(SUGER)}"}
        return Api(name, "", headers, _values_of(name), ALLOWANCES[name])
    headers = credential(name, user=USERS[0] if name == "easir" else None)
    return Api(name, f"/{name}", headers, _values_of(name), ALLOWANCES.get(name, ()))


def _values_of(name: Name) -> Mapping[str, Sequence[str | int]]:
    """Return values that the samples have, for what a request cannot guess."""
    if name == NATIVE:
        events = sample_events("suger")
        recipients = {event.recipient_id for event in events if event.recipient_id is not None}
        return {
            "query.tenant": [SUGER],
            "query.recipient": sorted(recipients),
            "path.notification_id": sorted({str(event.notification_id) for event in events}),
        }
    rows = [sample.row for sample in vendor_samples(name)]
    if name == "suger":
        return {"path.orgId": [SUGER]}
    if name == "realtimeregister":
        return {"path.customer": [tenant_of(name)], "path.notificationId": [row["id"] for row in rows]}
    if name == "novu":
        return {"path.notificationId": [row["_id"] for row in rows if is_object_id(row["_id"])]}
    if name == "easir":
        return {"path.id": [row["id"] for row in rows], "path.user": [USERS[0]]}
    return {"query.companyId": sorted({row["companyId"] for row in rows})}
