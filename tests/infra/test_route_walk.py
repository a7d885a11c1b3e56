"""Every route of the application, dialects included, asked without a key, with a wrong one, and with another's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp

from ledger_infra.api import Parts, app_of
from ledger_infra.settings import load_settings
from ledger_projectors.directory.mirror import DirectoryMirror
from ledger_projectors.progress import Progress
from ledger_projectors.store.read_model import ReadModel
from ledger_queries.access import OPEN_ROUTES, RULES
from ledger_queries.dialects.dialect import Mounts
from ledger_schemas import Event, Position, Receipt
from ledger_schemas.access import Caller, Directory, Role
from ledger_schemas.directory_events import DirectoryEvent
from ledger_schemas.errors import DirectoryUnread
from ledger_schemas.known_schemas import KnownSchemas
from tests.directories import StatedDirectory
from tests.projectors.building import records_of
from tests.properties.strategies import NOON_MS, NOTIFICATION_IDS, Recorded, audience, clock, said

OWNER: Final = "acme"
"""The tenant of the events that the read model holds."""

RECIPIENT: Final = "ann-who-is-walked"

CALLERS: Final = {
    "operator": Caller(Role.OPERATOR, key_id="operator"),
    **{
        f"{role}-{tenant}": Caller(role, tenant, RECIPIENT if role is Role.PERSON else None, f"{role}-{tenant}")
        for role in Role
        if role is not Role.OPERATOR
        for tenant in (OWNER, "other")
    },
}
"""Callers by the secret that they send: each role, of the owner and of a tenant without any event."""

DELIVERED: Final = said("delivered", "10:00:01", recipient_id=RECIPIENT, channel="email")

KNOWN: Final = str(NOTIFICATION_IDS[0])
UNKNOWN: Final = "019b7c1f-9999-7000-8000-000000000999"
TENANT_PARAMETER: Final = re.compile(r"\{(orgId|customer)\}")
"""Parameters of paths that say whose the notifications are."""

SCHEMES: Final = {
    "/novu": ("Authorization", "ApiKey "),
    "/realtimeregister": ("Authorization", "ApiKey "),
    "/nextinteract": ("x-nextinteract-authtoken", ""),
}
"""How a dialect takes a credential, where it is not as a bearer's."""

MISSING: Final = frozenset({401, 403})
"""What a request without a credential is answered with; a dialect may have either."""


@dataclass(frozen=True)
class Walked:
    """One route: where it is mounted, its method and path template."""

    prefix: str
    method: str
    path: str

    def url(self, value: str) -> str:
        """Return a path of it; tenant, notification and place in quarantine are all known, or all unknown."""
        known = value == KNOWN
        filled = self.path.replace("{partition}", "0").replace("{offset}", "2" if known else "7")
        filled = TENANT_PARAMETER.sub(OWNER if known else "nobody", filled)
        return self.prefix + re.sub(r"\{[^}]+\}", value, filled)

    def key(self, secret: str) -> dict[str, Any]:
        """Return the options of a request with a credential, in the way of the vendor."""
        header, scheme = SCHEMES.get(self.prefix, ("Authorization", "Bearer "))
        return {"headers": {header: f"{scheme}{secret}"}}


class _Projector:
    """What the API asks of a projector."""

    def progress(self) -> Progress:
        return Progress(
            Position(), Position(), caught_up=True, behind=0, applied=0, duplicates=0, quarantined=0, retrying=False
        )

    async def wait_for(self, position: Position, timeout_seconds: float) -> None:
        """Nothing is waited for."""

    async def retry(self, _: object) -> object:
        raise AssertionError("nobody of this walk may")


class _Schemas:
    known = KnownSchemas()


class _Sink:
    """Takes what is the asker's own, and refuses what would be the owner's."""

    async def put_many(self, events: Sequence[Event]) -> list[Receipt]:
        assert {event.tenant_id for event in events} <= {"other"}
        return [Receipt(event.event_id, event.notification_id, Position()) for event in events]

    async def put_directory(self, events: Sequence[DirectoryEvent]) -> Position:
        assert {event.tenant_id for event in events} <= {"other"}
        return Position()


def application(folder: Path, model: ReadModel, directory: Directory) -> FastAPI:
    """Put the whole application together, as the service does."""
    settings = load_settings(data_dir=folder)
    stubs = cast("Any", (_Projector(), _Schemas(), directory, _Sink(), _Sink()))
    return app_of(Parts(settings, model, *stubs))


def walk(app: ASGIApp, prefix: str = "") -> Iterator[Walked]:
    """Yield every route of an application and of what is mounted in it."""
    assert isinstance(app, FastAPI)
    for route in iter_route_contexts(app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield Walked(prefix, method, str(route.path))
    for middleware in app.user_middleware:
        if cast("Any", middleware.cls) is Mounts:
            for mounted, dialect in cast("Any", middleware.kwargs["dialects"]).items():
                yield from walk(dialect, prefix + mounted)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Give the application over one notification of the owner, and a record of the owner's in quarantine."""
    folder = tmp_path_factory.mktemp("walk")
    with ReadModel.create_or_open(folder / "read_model.duckdb", topic="t", partitions=1) as model:
        model.apply(
            records_of(
                said("created", "10:00:00", audience=audience(**{RECIPIENT: ("email",)}), source="shop"),
                DELIVERED,
                Recorded(DELIVERED.event.model_copy(update={"occurred_at": clock("11:00:00")}), NOON_MS),
            )
        )
        yield application(folder, model, StatedDirectory(CALLERS))


def ask(app: FastAPI, walked: Walked, value: str = KNOWN, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's own
    """Ask a route, with the notification that is known in each parameter of its path."""

    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            body: dict[str, Any] = {"json": {}} if walked.method != "GET" else {}
            return await client.request(walked.method, walked.url(value), **body, **options)

    return asyncio.run(run())


def closed(app: FastAPI) -> list[Walked]:
    """Return every route but those for health."""
    return [one for one in walk(app) if one.prefix or (one.method, one.path) not in OPEN_ROUTES]


def test_every_native_route_has_a_rule_and_every_rule_a_route(app: FastAPI) -> None:
    """A route that nobody thought of is refused to everyone, and a rule without a route guards nothing."""
    native = {(one.method, one.path) for one in walk(app) if not one.prefix}
    assert native == {*RULES, *OPEN_ROUTES}


def test_health_answers_without_a_key(app: FastAPI) -> None:
    """Whoever watches the process needs no credential."""
    for method, path in OPEN_ROUTES:
        assert ask(app, Walked("", method, path)).status_code == 200


def test_before_the_directory_was_read_nothing_but_health_answers(tmp_path: Path) -> None:
    """503 with the code directory_unread, whatever the request has; a dialect says it in its own way."""
    with ReadModel.create_or_open(tmp_path / "read_model.duckdb", topic="t", partitions=1) as model:
        unread = application(tmp_path, model, DirectoryMirror())
        for one in closed(unread):
            for options in ({}, one.key("wrong")):
                answer = ask(unread, one, **options)
                if one.prefix:
                    assert answer.status_code in MISSING or answer.is_server_error, (one, answer.text)
                else:
                    assert (answer.status_code, answer.json()["code"]) == (503, DirectoryUnread.code), one
        for method, path in OPEN_ROUTES:
            assert ask(unread, Walked("", method, path)).status_code == 200


def test_every_route_asks_for_a_key(app: FastAPI) -> None:
    """Without a credential, with a wrong one, and with one that is none: 401, and the native API tells none apart."""
    for one in closed(app):
        given: tuple[dict[str, Any], ...] = (
            {},
            one.key("wrong"),
            one.key("nl_a_b"),
            {"headers": {"Authorization": "x"}},
        )
        answers = [ask(app, one, **options) for options in given]
        for answer in answers:
            assert answer.status_code in ({401} if not one.prefix else MISSING), (one, answer.text)
            if not one.prefix:
                assert answer.content == answers[0].content, one
                assert answer.headers["www-authenticate"] == "Bearer"


def test_every_native_route_asks_for_the_role(app: FastAPI) -> None:
    """A role that is not in its rule gets 403, of the owner's tenant too; one that is in it gets something else."""
    for one in closed(app):
        for secret, caller in CALLERS.items() if not one.prefix else ():
            allowed = caller.role in RULES[one.method, one.path].roles
            if allowed and one.method == "POST":
                continue  # It would write.
            answer = ask(app, one, **one.key(secret), params={"tenant": OWNER, "recipient": RECIPIENT})
            assert (answer.status_code != 403) == allowed, (one, secret, answer.text)


def test_a_role_that_no_dialect_is_for_reads_nothing(app: FastAPI) -> None:
    """A service emits: what it asks of a dialect is refused. The description of an API is for every role."""
    for one in closed(app):
        if one.prefix and one.path != "/openapi.json":
            answer = ask(app, one, **one.key(f"service-{OWNER}"))
            assert answer.status_code >= 400, (one, answer.text)


def test_another_tenants_key_finds_nothing(app: FastAPI) -> None:
    """The owner's id and tenant are answered as those that nobody has: status, body and headers, byte for byte."""
    for one in closed(app):
        if one.method != "GET" and not one.prefix:
            continue
        for role in Role:
            if role is Role.OPERATOR:
                continue
            options = one.key(f"{role}-other")
            for known, unknown in (
                ({"tenant": OWNER}, {"tenant": "nobody"}),
                ({"tenant": OWNER, "recipient": RECIPIENT}, {"tenant": "nobody", "recipient": "nobody"}),
                ({}, {}),
            ):
                theirs = ask(app, one, KNOWN, params=_taken(one, known), **options)
                nobodys = ask(app, one, UNKNOWN, params=_taken(one, unknown), **options)
                is_dialect = bool(one.prefix)
                assert _told(theirs, KNOWN, is_dialect=is_dialect) == _told(nobodys, UNKNOWN, is_dialect=is_dialect), (
                    one,
                    role,
                )
                assert RECIPIENT not in theirs.text, (one, role)


def test_the_owners_key_finds_it_without_naming_the_tenant(app: FastAPI) -> None:
    """What is hidden from others is there: the walk above would pass over an empty read model, too."""
    one = Walked("", "GET", "/v1/notifications/{notification_id}")
    assert ask(app, one, **one.key(f"application-{OWNER}")).json()["notification"]["notification_id"] == KNOWN
    listed = ask(app, Walked("", "GET", "/v1/inbox"), **one.key(f"person-{OWNER}")).json()
    assert [row["recipient_id"] for row in listed["rows"]] == [RECIPIENT]
    shown = Walked("", "GET", "/v1/operator/quarantine/{partition}/{offset}")
    assert ask(app, shown, **one.key(f"auditor-{OWNER}")).json()["record"]["tenant_id"] == OWNER


def test_each_dialect_answers_the_owner(app: FastAPI) -> None:
    """The keys of the walk are sent in the way of each vendor: refusals above are not for a wrong scheme."""
    reads = [one for one in closed(app) if one.prefix and one.method == "GET"]
    answered = {
        one.prefix
        for one in reads
        for role in (Role.APPLICATION, Role.PERSON)
        if ask(app, one, **one.key(f"{role}-{OWNER}")).status_code not in MISSING
    }
    assert answered == {one.prefix for one in closed(app) if one.prefix}


def _taken(one: Walked, parameters: dict[str, str]) -> dict[str, str]:
    rule = RULES.get((one.method, one.path)) if not one.prefix else None
    takes_recipient = rule is not None and "recipient" in rule.decided
    return {name: value for name, value in parameters.items() if name != "recipient" or takes_recipient}


def _told(answer: httpx2.Response, value: str, *, is_dialect: bool) -> tuple[int, dict[str, str], str]:
    """Return all that an answer tells, but for the id that was asked for."""
    text = answer.text.replace(value, "ID")
    text = text.replace(OWNER, "TENANT").replace("nobody", "TENANT")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "NOW", re.sub(r"\b[27]\b", "OFFSET", text))
    headers = {name: value for name, value in answer.headers.items() if name != "content-length" or not is_dialect}
    return answer.status_code, headers, text
