"""Who may do what: what a credential decides of a question, and what is refused before anything is parsed."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import pytest
from fastapi import APIRouter, Request

from ledger_queries import Desk, Readiness, create_app
from ledger_queries.access import NOBODY, asking
from ledger_schemas import Position
from ledger_schemas.access import Caller, Role, caller_of
from ledger_schemas.errors import BadRequest
from tests.directories import OPEN, StatedDirectory

from .builder import Entry, Model, Notification, insert, numbered
from .conftest import Serve

CALLERS: Final = {
    "application": Caller(Role.APPLICATION, "acme", None, "k1"),
    "other": Caller(Role.APPLICATION, "other", None, "k2"),
    "ann": Caller(Role.PERSON, "acme", "ann", "k3"),
    "operator": Caller(Role.OPERATOR, None, None, "k4"),
}
READY: Final = Readiness(ready=True, position=Position(), behind=0)


@pytest.fixture
def client(model: Model, serve: Serve) -> httpx2.Client:
    """Serve two notifications of acme, for ann and for bob, and one of other."""
    insert(
        model,
        [
            Notification(numbered(1), entries=[Entry("ann")]),
            Notification(numbered(2), entries=[Entry("bob")]),
            Notification(numbered(3), tenant="other", entries=[Entry("ann")]),
        ],
    )
    return serve(create_app(Desk(model.cursor, directory=StatedDirectory(CALLERS)), readiness=lambda: READY))


def get(client: httpx2.Client, secret: str, path: str, **parameters: str) -> httpx2.Response:
    """Ask with a credential."""
    return client.get(path, params=parameters, headers={"Authorization": f"Bearer {secret}"})


def seen(response: httpx2.Response) -> set[tuple[str, str]]:
    """Return tenant and recipient of each row."""
    return {(row["tenant_id"], row["recipient_id"]) for row in response.json()["rows"]}


def test_the_tenant_is_the_credentials(client: httpx2.Client) -> None:
    """It may be left out or named; another's gives an empty list; an operator must name one."""
    acme = {("acme", "ann"), ("acme", "bob")}
    assert (
        acme
        == seen(get(client, "application", "/v1/inbox"))
        == seen(get(client, "application", "/v1/inbox", tenant="acme"))
    )
    assert seen(get(client, "application", "/v1/inbox", tenant="other")) == set()
    assert seen(get(client, "other", "/v1/inbox")) == {("other", "ann")}
    assert seen(get(client, "operator", "/v1/inbox", tenant="acme")) == acme
    unnamed = get(client, "operator", "/v1/inbox")
    assert (unnamed.status_code, unnamed.json()["field"]) == (400, "tenant")


def test_a_persons_inbox_is_theirs(client: httpx2.Client) -> None:
    """The recipient may be left out; another's inbox is empty, and its badge has nothing on it."""
    assert seen(get(client, "ann", "/v1/inbox")) == {("acme", "ann")}
    assert seen(get(client, "ann", "/v1/inbox", recipient="bob")) == set()
    assert get(client, "ann", "/v1/inbox/badge").json()["total"] == 1
    assert get(client, "ann", "/v1/inbox/badge", recipient="bob").json()["total"] == 0
    assert get(client, "ann", "/v1/inbox/count", tenant="other").json()["total"] == 0
    assert get(client, "ann", f"/v1/notifications/{numbered(1)}").status_code == 403


@pytest.mark.parametrize("malformed", ["", "a\tb", "a" * 129])
def test_what_is_no_id_is_refused_as_it_is_without_a_credential(client: httpx2.Client, malformed: str) -> None:
    """The credential decides whose rows are seen, not whether a parameter has its form."""
    for secret, name in (("application", "tenant"), ("ann", "recipient"), ("operator", "tenant")):
        answer = get(client, secret, "/v1/inbox", **{name: malformed})
        assert (answer.status_code, answer.json()["field"]) == (400, name)


def test_a_parameter_that_is_given_twice_is_refused(client: httpx2.Client) -> None:
    """Neither the first nor the last decides: a credential is no way around it."""
    for query in ("tenant=acme&tenant=other", "tenant=other&tenant=acme", "tenant=acme&tenant=acme"):
        answer = client.get(f"/v1/inbox?{query}", headers={"Authorization": "Bearer application"})
        assert (answer.status_code, answer.json()["field"]) == (400, "tenant")


@pytest.mark.parametrize("name", ["Tenant", "tenant ", "%74enant", "tenant%00"])
def test_no_spelling_of_a_parameter_gets_around_the_credential(client: httpx2.Client, name: str) -> None:
    """What the application reads as the tenant, the middleware does, too; anything else is no parameter."""
    answer = client.get(f"/v1/inbox?{name}=other", headers={"Authorization": "Bearer application"})
    assert answer.status_code == 400 or seen(answer) == set()


def test_pages_follow_on_one_another_without_a_tenant(client: httpx2.Client) -> None:
    """The link to the next page leads there, with the same credential."""
    first = get(client, "application", "/v1/inbox", limit="1")
    link = first.headers["link"].partition(">")[0].removeprefix("<")
    second = client.get(link, headers={"Authorization": "Bearer application"})
    assert seen(first) | seen(second) == {("acme", "ann"), ("acme", "bob")}
    assert NOBODY not in first.headers["link"]


def test_a_credential_is_judged_before_the_body_and_the_parameters(client: httpx2.Client) -> None:
    """A malformed question of somebody unknown is answered like any other: 401."""
    for answer in (
        client.get("/v1/inbox?limit=none&misspelt=1"),
        client.post("/v1/events", content=b"{", headers={"Content-Type": "application/json"}),
        client.get("/v1/nothing"),
        client.request("DELETE", "/v1/inbox"),
    ):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "values", [["Bearer application", "Bearer other"], ["bearer"], ["Basic application"], ["application"]]
)
def test_what_is_no_bearer_credential_is_refused(client: httpx2.Client, values: list[str]) -> None:
    """Two of them, another scheme, or none in it; the scheme may be in any case."""
    assert client.get("/v1/inbox", headers=[("Authorization", value) for value in values]).status_code == 401
    assert client.get("/v1/inbox", headers={"Authorization": "bEARER application"}).status_code == 200


def test_unknown_paths_and_methods_are_told_to_those_who_may_ask(client: httpx2.Client) -> None:
    """404 and 405 as ever; HEAD is asked for its role like GET."""
    assert get(client, "application", "/v1/nothing").status_code == 404
    headers = {"Authorization": "Bearer application"}
    assert client.request("DELETE", "/v1/inbox", headers=headers).status_code == 405
    assert client.head("/v1/inbox", headers=headers).status_code == 200
    assert client.head("/v1/inbox").status_code == 401
    assert client.head("/v1/notifications", headers={"Authorization": "Bearer ann"}).status_code == 403


def test_a_route_without_a_rule_is_refused_to_everyone(model: Model, serve: Serve) -> None:
    """Also while there are no keys, when everybody is the operator: a new route is noticed at once."""
    router = APIRouter()

    @router.get("/v1/new")
    async def new(request: Request) -> str:
        return str(asking(request))

    for directory in (OPEN, StatedDirectory(CALLERS)):
        app = create_app(Desk(model.cursor, directory=directory), readiness=lambda: READY, routers=[router])
        secret: dict[str, Any] = {} if directory is OPEN else {"headers": {"Authorization": "Bearer operator"}}
        answer = serve(app).get("/v1/new", **secret)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("role", "tenant", "recipient", "field"),
    [
        ("owner", "acme", None, "role"),
        ("operator", "acme", None, "tenant"),
        ("service", None, None, "tenant"),
        ("person", "acme", None, "recipient"),
        ("auditor", "acme", "ann", "recipient"),
    ],
)
def test_a_wrong_combination_is_refused_with_its_field(
    role: str, tenant: str | None, recipient: str | None, field: str
) -> None:
    """An operator has no tenant, a person has a recipient, and every other role has a tenant alone."""
    with pytest.raises(BadRequest) as refused:
        caller_of(role, tenant, recipient)
    assert refused.value.field == field
