"""A ledger behind a real socket, for the tests of the dialects: a read model, a directory, and the whole application.

Fixtures (conftest.py)

- `ledger`: all vendors' samples, served once per module. Ask it, and put nothing into it: the module's other tests
  would see that.
- `fresh_ledger`: the samples again, for one test that changes something.
- `empty_ledger`: nothing, for one test that states a history of its own.

Each is a `Served`. A test asks as a client of the vendor does, with the headers that the vendor documents:

    @pytest.mark.acceptance("S1-15")
    def test_an_event_names_its_entity(ledger: Served) -> None:
        answer = ledger.client.get("/suger/org/suger-demo/notificationEvent", headers=credential("suger"))

    @pytest.mark.acceptance("S5-12")
    def test_a_second_read_keeps_the_first_time(empty_ledger: Served) -> None:
        empty_ledger.put(event("created", EASIR, 1, audience=[{"recipient_id": "54"}]), event("fired", EASIR, 1))
        empty_ledger.client.put(f"/easir/notifications/{numbered(1)}/read", headers=credential("easir", user="54"))
        (stated,) = empty_ledger.events  # What the API put into the log.

- `put(*events)` applies events at once, recorded when they occurred. `event(...)` makes one; `sample_events("suger")`,
  `vendor_samples("suger")` have the vendors' own. `documents.FURTHER` are documents that have what no sample shows; put
  `transcribe(document)` of them beside the samples. All DOCUMENTS together have every field that the vendors list.
- `events` and `directory_events` are what the application put, in order. An event is in the read model before the
  application goes on: waiting ends at once. The directory stays as it is stated here, whatever is put.
- Credentials: `secret_of(tenant, ...)` for every tenant of the samples and for OTHER_TENANT, of which the ledger knows
  nothing: one of each role, and one of each person. `credential(dialect, ...)` is the header of that vendor's scheme.
  `callers`, `settings` and `teams` may be added to, also while it is served.

A marked test shows its rows over HTTP: one that asked its dialect nothing fails (rows.py).

These fixtures are for speed: no Kafka, no emitter, no process of its own. That the same holds from end to end, over a
real broker and through the directory's topic, is shown by `up` and the demo, in tests/infra.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2

from ledger_infra.demo.samples import VENDORS, sample_events, vendor_samples
from ledger_infra.demo.transcripts import tenant_of
from ledger_queries.api import create_app
from ledger_queries.desk import Desk
from ledger_queries.health import Readiness
from ledger_schemas import Event, NotificationCreated, parse_event
from ledger_schemas.access import Caller, Role
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.facts import Receipt
from ledger_schemas.positions import Position
from tests.directories import StatedDirectory
from tests.loopback import Servers
from tests.queries.builder import NOON, SOURCE, TOPIC, Model, numbered

from .answers import Answers

SUGER: Final = tenant_of("suger")
REALTIMEREGISTER: Final = tenant_of("realtimeregister")
NOVU: Final = tenant_of("novu")
NEXTINTERACT: Final = tenant_of("nextinteract")
EASIR: Final = tenant_of("easir")
OTHER_TENANT: Final = "other-demo"
"""A tenant with keys and without a notification."""

USERS: Final = ("54", "23", "7", "8", "9")
"""Persons of EASI'R who have keys: the first two have the samples."""

TEAMS: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    (EASIR, "1"): ("7", "8"),
    (EASIR, "2"): ("8", "9", "54"),
}

SCHEMES: Final[Mapping[str, tuple[str, str]]] = {
    "suger": ("Authorization", "Key "),
    "realtimeregister": ("Authorization", "ApiKey "),
    "novu": ("Authorization", "ApiKey "),
    "nextinteract": ("x-nextinteract-authtoken", ""),
    "easir": ("Authorization", "Bearer "),
}
"""Header of each vendor's credential, and what stands before the secret."""


class Served:
    """A ledger that answers over HTTP, and what it is made of."""

    def __init__(self, model: Model, answers: Answers, servers: Servers) -> None:
        """Serve the model."""
        self.model = model
        self.events: list[Event] = []
        self.directory_events: list[DirectoryEvent] = []
        self.callers: MutableMapping[str, Caller] = dict(_callers())
        self.settings: MutableMapping[str, Mapping[str, str]] = {NOVU: _novu_settings()}
        self.teams: MutableMapping[tuple[str, str], Sequence[str]] = dict(TEAMS)
        self.directory = StatedDirectory(self.callers, self.settings, self.teams)
        self._applying = threading.Lock()
        self.desk = Desk(
            model.cursor, directory=self.directory, wait_for=_wait_for, sink=_Sink(self), directory_sink=_Sink(self)
        )
        self.client: httpx2.Client = servers.serve(answers.around(create_app(self.desk, readiness=self._ready)))

    def put(self, *events: Event) -> None:
        """Record events when they occurred, and apply them in one transaction."""
        with self._applying:
            self.model.append(events)

    def position(self) -> Position:
        """Return where the read model stands."""
        return Position({(TOPIC, number): offset for number, offset in enumerate(self.model.next_offsets())})

    def _ready(self) -> Readiness:
        return Readiness(ready=True, position=self.position())


class _Sink:
    """Puts into the read model what the application puts into the log; what goes into the directory is kept."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def put(self, event: Event) -> Receipt:
        (receipt,) = await self.put_many([event])
        return receipt

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        await asyncio.to_thread(self._served.put, *events)
        self._served.events += events
        position = self._served.position()
        return [Receipt(event.event_id, event.notification_id, position) for event in events]

    async def put_directory(self, events: Sequence[DirectoryEvent]) -> Position:
        self._served.directory_events += events
        return Position()


@contextmanager
def serving(path: Path, answers: Answers) -> Iterator[Served]:
    """Serve the read model file at `path`, which is made if there is none, until the block ends."""
    model = Model(path)
    try:
        with Servers() as servers:
            yield Served(model, answers, servers)
    finally:
        model.close()


def secret_of(tenant: str | None, *, user: str | None = None, role: Role = Role.APPLICATION) -> str:
    """Return the secret of a tenant's application; with `user` of that person, with `role` of that role.

    The operator's has no tenant.
    """
    if user is not None:
        return f"key-of-{tenant}/{user}"
    return f"key-of-{tenant}" if role is Role.APPLICATION else f"{role}-key-of-{tenant}"


def credential(
    dialect: str, *, tenant: str | None = None, user: str | None = None, role: Role = Role.APPLICATION
) -> dict[str, str]:
    """Return the vendor's header with a secret of the tenant (default: that of the vendor's samples)."""
    name, before = SCHEMES[dialect]
    return {name: before + secret_of(tenant or f"{dialect}-demo", user=user, role=role)}


def event(
    kind: str,
    tenant: str,
    notification: UUID | int,
    at: datetime = NOON,
    *,
    data: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401 - each kind has its own
) -> Event:
    """Return an event of a notification (an integer: `numbered` of it), with `data` and `attributes` as JSON texts."""
    said = {**(personal or {}), **({"data": json.dumps(data)} if data is not None else {})}
    return parse_event(
        {
            "kind": kind,
            "tenant_id": tenant,
            "notification_id": numbered(notification) if isinstance(notification, int) else notification,
            "occurred_at": at,
            "source": SOURCE,
            **({"personal": said} if said else {}),
            **({"attributes": json.dumps(attributes)} if attributes is not None else {}),
            **fields,
        }
    )


def _callers() -> Iterator[tuple[str, Caller]]:
    """Yield a caller of each role for each tenant, each person of the samples, and the operator."""
    operator = secret_of(None, role=Role.OPERATOR)
    yield operator, Caller(Role.OPERATOR, key_id="operator")
    persons = {(EASIR, user) for user in USERS}
    for each in sample_events():
        if isinstance(each, NotificationCreated):
            persons |= {(each.tenant_id, member.recipient_id) for member in each.audience}
    for tenant in (*(tenant_of(vendor) for vendor in VENDORS), OTHER_TENANT):
        for role in set(Role) - {Role.PERSON, Role.OPERATOR}:
            yield secret_of(tenant, role=role), Caller(role, tenant, key_id=f"{role} of {tenant}")
        persons.add((tenant, "54"))
    for tenant, user in persons:
        yield secret_of(tenant, user=user), Caller(Role.PERSON, tenant, user, key_id=f"{user} of {tenant}")


def _novu_settings() -> dict[str, str]:
    """Return what the directory knows of Novu's tenant: the ids that the samples show."""
    row = vendor_samples("novu")[0].row
    return {"novu.environment_id": row["_environmentId"], "novu.organization_id": row["_organizationId"]}


async def _wait_for(position: Position, seconds: float) -> None:
    """Return: what was put is applied already."""
