"""Requests to the dialect of Novu: credentials, headers, the envelope, and every way to be refused."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

import pytest

from ledger_queries.dialects.dialect import Failure, Violation
from ledger_queries.dialects.novu.answer_types import Event, WrappedEvent
from ledger_queries.dialects.novu.failures import STATUSES, render_failure
from ledger_schemas.access import Role
from ledger_schemas.errors import DirectoryUnread, QueryTooLong

from .novu import ask, created, refused, retrieved
from .serving import NOVU, OTHER_TENANT, Served, credential, secret_of

FIRST: Final = "de3000000000000000000001"
IDA: Final = "subscriber-ida"
OTTO: Final = "subscriber-otto"

STATUSES_OF_THE_VENDOR: Final = [400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 429, 500, 503]


# --- Credentials (S3-01) ---------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S3-01")
def test_the_secret_comes_after_the_vendors_scheme(ledger: Served) -> None:
    """`Authorization: ApiKey <secret>`."""
    assert retrieved(ledger, FIRST, {"Authorization": f"ApiKey {secret_of(NOVU)}"})["_id"] == FIRST


@pytest.mark.acceptance("S3-01")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "ApiKey"},
        {"Authorization": "ApiKey wrong"},
        {"Authorization": secret_of(NOVU)},
        {"Authorization": f"Bearer {secret_of(NOVU)}"},
        {"X-Api-Key": secret_of(NOVU)},
    ],
    ids=str,
)
def test_a_missing_or_wrong_credential_is_told_before_any_other_error(ledger: Served, headers: dict[str, str]) -> None:
    """401, for an event that there is and for an id that is none."""
    for notification_id in (FIRST, "malformed"):
        refused(ask(ledger, notification_id, headers), 401)


@pytest.mark.acceptance("S3-01")
def test_a_ledger_without_keys_answers_nobody(empty_ledger: Served) -> None:
    """A dialect always needs a credential."""
    empty_ledger.callers.clear()
    refused(ask(empty_ledger, FIRST, {}), 401)


@pytest.mark.acceptance("S3-01")
@pytest.mark.parametrize("role", [Role.APPLICATION, Role.AUDITOR])
def test_applications_and_auditors_read_the_events_of_their_tenant(ledger: Served, role: Role) -> None:
    """Whoever the subscriber is."""
    assert retrieved(ledger, FIRST, credential("novu", role=role))["_id"] == FIRST


@pytest.mark.acceptance("S3-01")
@pytest.mark.parametrize("role", [Role.SERVICE, Role.ANALYST])
def test_other_roles_are_refused(ledger: Served, role: Role) -> None:
    """403, whatever the id."""
    for notification_id in (FIRST, "f" * 24):
        refused(ask(ledger, notification_id, credential("novu", role=role)), 403)


@pytest.mark.acceptance("S3-01")
def test_a_person_reads_their_own_events_alone(ledger: Served) -> None:
    """Another's is like a missing one."""
    own = credential("novu", user=IDA)
    assert retrieved(ledger, FIRST, own)["subscriber"]["subscriberId"] == IDA
    refused(ask(ledger, FIRST, credential("novu", user=OTTO)), 404)


# --- Tenants (S3-36) -------------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S3-36")
def test_the_environment_and_the_organization_are_settings_of_the_tenant(empty_ledger: Served) -> None:
    """They are read at every request."""
    empty_ledger.put(created())
    empty_ledger.settings[NOVU] = {"novu.environment_id": "e" * 24, "novu.organization_id": "0" * 24}
    answer = retrieved(empty_ledger)
    assert (answer["_environmentId"], answer["_organizationId"]) == ("e" * 24, "0" * 24)


@pytest.mark.acceptance("S3-36")
def test_decided_without_settings_both_ids_follow_from_the_tenants_id(empty_ledger: Served) -> None:
    """The first and the second 24 digits of its SHA-256."""
    empty_ledger.put(created())
    empty_ledger.settings.clear()
    answer = retrieved(empty_ledger)
    assert answer["_environmentId"] == "dca119e6ad8704dca43264e3"
    assert answer["_organizationId"] == "3b68e675541ff82b3927c092"


@pytest.mark.acceptance("S3-36")
def test_an_event_of_another_tenant_is_like_a_missing_one(ledger: Served) -> None:
    """In status, body and headers, but for the time and the id that was asked for."""
    foreign = credential("novu", tenant=OTHER_TENANT)
    there, missing = (ask(ledger, each, foreign) for each in (FIRST, "f" * 24))
    told = [
        json.dumps({**refused(answer, 404), "timestamp": ""}).replace(each, "")
        for answer, each in ((there, FIRST), (missing, "f" * 24))
    ]
    assert told[0] == told[1]
    assert {*there.headers} == {*missing.headers}


@pytest.mark.acceptance("S3-36")
def test_an_operators_key_belongs_to_no_environment(ledger: Served) -> None:
    """403: the path names no tenant."""
    secret = secret_of(None, role=Role.OPERATOR)
    refused(ask(ledger, FIRST, {"Authorization": f"ApiKey {secret}"}), 403)


# --- Headers (S3-03, S3-24) ------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S3-03")
@pytest.mark.parametrize("key", ["k1", "", "k" * 1000])
def test_an_idempotency_key_has_no_effect(ledger: Served, key: str) -> None:
    """Not on the answer, nor on a refusal, nor on another request with the same key."""
    headers = credential("novu") | {"idempotency-key": key}
    plain = ask(ledger, FIRST)
    first, second = (ask(ledger, FIRST, headers) for _ in range(2))
    assert first.text == second.text == plain.text
    refused(ask(ledger, "f" * 24, headers), 404)


@pytest.mark.acceptance("S3-24")
def test_decided_headers_of_limits_and_replays_are_absent(ledger: Served) -> None:
    """The ledger limits no rate, remembers no key, and replays nothing."""
    for notification_id in (FIRST, "f" * 24):
        answer = ask(ledger, notification_id, credential("novu") | {"idempotency-key": "k1"})
        names = {name.lower() for name in answer.headers}
        assert not {name for name in names if name.startswith(("ratelimit-", "idempotency-"))}
        assert names.isdisjoint({"retry-after", "link"})


@pytest.mark.acceptance("S3-24", "S3-23")
@pytest.mark.parametrize("error", [QueryTooLong("Too long."), DirectoryUnread("Not yet.")], ids=lambda e: e.code)
def test_a_ledger_that_cannot_answer_now_says_when_to_ask_again(
    ledger: Served, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """503 with Retry-After in seconds, which the vendor's clients heed."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ledger.directory, "authenticate", fail)
    answer = ask(ledger, FIRST)
    refused(answer, 503)
    assert answer.headers["Retry-After"] == "1"


# --- The envelope (S3-04) --------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S3-04")
@pytest.mark.parametrize("setting", [None, "bare", ""])
def test_decided_an_event_is_answered_bare(fresh_ledger: Served, setting: str | None) -> None:
    """As the document has it, unless the tenant asks for the envelope."""
    if setting is not None:
        fresh_ledger.settings[NOVU] = {**fresh_ledger.settings[NOVU], "novu.envelope": setting}
    Event.model_validate(ask(fresh_ledger, FIRST).json())


@pytest.mark.acceptance("S3-04")
def test_decided_a_tenant_may_ask_for_the_envelope_of_the_vendors_code(fresh_ledger: Served) -> None:
    """By the setting `novu.envelope` of its directory; errors have none."""
    bare = retrieved(fresh_ledger, FIRST)
    fresh_ledger.settings[NOVU] = {**fresh_ledger.settings[NOVU], "novu.envelope": "data"}
    wrapped = ask(fresh_ledger, FIRST).json()
    WrappedEvent.model_validate(wrapped)
    assert wrapped == {"data": bare}
    refused(ask(fresh_ledger, "f" * 24), 404)


# --- Errors (S3-23) --------------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S3-23")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_is_refused_with_those_that_there_are(ledger: Served, method: str) -> None:
    """405 in the vendor's shape."""
    answer = ledger.client.request(method, f"/novu/v1/notifications/{FIRST}", headers=credential("novu"))
    refused(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.acceptance("S3-23")
def test_a_path_that_there_is_not_is_not_found(ledger: Served) -> None:
    """404 in the vendor's shape, with the path that was asked."""
    answer = ledger.client.get("/novu/v1/nothing", headers=credential("novu"))
    assert refused(answer, 404)["path"] == "/novu/v1/nothing"


@pytest.mark.acceptance("S3-23")
def test_a_fault_of_the_server_has_an_id_and_tells_nothing(ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 with an errorId, a new one each time; no other status has one."""

    def fail(*_: object) -> None:
        message = "a secret"
        raise RuntimeError(message)

    monkeypatch.setattr(ledger.desk, "_reader", fail)
    answers = [ask(ledger, FIRST) for _ in range(2)]
    assert all("secret" not in answer.text for answer in answers)
    assert len({refused(answer, 500)["errorId"] for answer in answers}) == 2
    assert "errorId" not in refused(ask(ledger, FIRST, {}), 401)


@pytest.mark.acceptance("S3-23", over_http=False)
@pytest.mark.parametrize("status", STATUSES_OF_THE_VENDOR)
def test_every_status_of_the_vendor_has_its_body(status: int) -> None:
    """Also those that no route raises."""
    answer = render_failure(Failure(status, "/novu/x", "why", [Violation("a", "is wrong")], headers={"X": "1"}))
    body = json.loads(bytes(answer.body))
    extra = {500: {"errorId"}, 422: {"errors"}}.get(status, set())
    assert (answer.status_code, body["statusCode"], body["message"]) == (status, status, "why")
    assert {*body} == {"statusCode", "timestamp", "path", "message"} | extra
    assert answer.headers["X"] == "1"


@pytest.mark.acceptance("S3-23", over_http=False)
def test_a_rule_that_a_field_breaks_is_told_under_its_name() -> None:
    """422: the messages of each field; what was given is not told again."""
    broken = [Violation("channels", "is unknown"), Violation("page", "is negative")]
    body = json.loads(bytes(render_failure(Failure(422, "/novu/x", "why", broken)).body))
    assert body["errors"] == {
        "channels": {"messages": ["is unknown"], "value": None},
        "page": {"messages": ["is negative"], "value": None},
    }


@pytest.mark.acceptance("S3-23", over_http=False)
def test_the_documented_statuses_are_those_of_the_vendor() -> None:
    """No other is answered: what the ledger has besides becomes one of them."""
    assert [*STATUSES] == STATUSES_OF_THE_VENDOR
    became = {status: render_failure(Failure(status, "/", "why")).status_code for status in (406, 501, 504)}
    assert became == {406: 400, 501: 503, 504: 503}


@pytest.mark.acceptance("S3-23")
def test_the_openapi_document_has_the_operation_with_every_status(ledger: Served) -> None:
    """The vendor's operation, its parameters, its security scheme, and a schema for each status."""
    document = ledger.client.get("/novu/openapi.json", headers=credential("novu")).json()
    (operation,) = (found for path in document["paths"].values() for found in path.values())
    assert operation["operationId"] == "NotificationsController_getNotification"
    assert {*operation["responses"]} == {"200", *map(str, STATUSES_OF_THE_VENDOR)}
    for status, response in operation["responses"].items():
        schema = response["content"]["application/json"]["schema"]
        dto = "ValidationErrorDto" if status == str(HTTPStatus.UNPROCESSABLE_ENTITY) else "ErrorDto"
        if status != "200":
            assert schema == {"$ref": f"#/components/schemas/{dto}"}
    assert [(each["name"], each["in"], each["required"]) for each in operation["parameters"]] == [
        ("notificationId", "path", True),
        ("idempotency-key", "header", False),
    ]
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    assert document["components"]["schemas"]["ErrorDto"]["additionalProperties"] is False
