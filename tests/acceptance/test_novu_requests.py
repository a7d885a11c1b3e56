"""Requests to the dialect of Novu: credentials, ids, headers, the envelope, and every way to be refused."""

from __future__ import annotations

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import pytest

from ledger_queries import reading
from ledger_queries.dialects.dialect import Failure, Violation
from ledger_queries.dialects.novu import lookup
from ledger_queries.dialects.novu.answer_types import Event, WrappedEvent
from ledger_queries.dialects.novu.failures import STATUSES, render_failure
from ledger_schemas.access import Role
from ledger_schemas.errors import DirectoryUnread, QueryTooLong
from ledger_schemas.ids import derive_inbox_entry_id
from ledger_schemas.limits import RECIPIENTS_PER_EVENT_MAX
from tests.queries.builder import NOON, numbered

from .novu import EXTERNAL_ID, ask, created, derived_ids, refused, retrieved
from .serving import NOVU, OTHER_TENANT, Served, credential, event, secret_of

FIRST: Final = "de3000000000000000000001"
IDA: Final = "subscriber-ida"
OTTO: Final = "subscriber-otto"

STATUSES_OF_THE_VENDOR: Final = [400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 429, 500, 503]

BOTH: Final = ({"recipient_id": "ann"}, {"recipient_id": "bob"})


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


# --- Ids (S3-02, S3-22) ----------------------------------------------------------------------------------------------


@pytest.mark.acceptance("S3-02")
@pytest.mark.parametrize(
    "notification_id", ["string", "f" * 24 + "%0A", "f" * 23, "f" * 25, "g" * 24, "\u0661" * 24, "%20" + "f" * 23]
)
def test_an_id_that_is_not_of_24_hexadecimal_digits_is_malformed(ledger: Served, notification_id: str) -> None:
    """400; the placeholder of the document among them."""
    assert "notificationId" in refused(ask(ledger, notification_id), 400)["message"]


@pytest.mark.acceptance("S3-02")
def test_an_id_may_be_written_in_capitals(ledger: Served) -> None:
    """It comes back as it was recorded."""
    assert retrieved(ledger, FIRST.upper())["_id"] == FIRST


@pytest.mark.acceptance("S3-02")
@pytest.mark.parametrize("external_id", [None, "order-17", "f" * 23, "f" * 25])
def test_an_event_of_another_emitter_has_a_derived_id(empty_ledger: Served, external_id: str | None) -> None:
    """Of the inbox entry's time and hash; it is found by it, in capitals too."""
    empty_ledger.put(created(external_id=external_id))
    (derived,) = derived_ids("ann")
    assert derived[:8] == "019a0000"
    assert retrieved(empty_ledger, derived)["_id"] == derived
    assert retrieved(empty_ledger, derived.upper())["_id"] == derived


@pytest.mark.acceptance("S3-02")
def test_each_recipient_of_a_notification_has_an_event(empty_ledger: Served) -> None:
    """An id of the emitter that fits both is nobody's: each has the derived one."""
    empty_ledger.put(created(audience=BOTH))
    shown = [(retrieved(empty_ledger, each)["_id"], each) for each in derived_ids("ann", "bob")]
    assert all(answered == asked for answered, asked in shown)
    assert len({*shown}) == 2


@pytest.mark.acceptance("S3-02")
def test_the_derived_id_of_an_event_that_has_one_of_its_emitter_finds_nothing(empty_ledger: Served) -> None:
    """An event has one id."""
    empty_ledger.put(created())
    assert retrieved(empty_ledger)["_id"] == EXTERNAL_ID
    (derived,) = derived_ids("ann")
    refused(ask(empty_ledger, derived), 404)


@pytest.mark.acceptance("S3-02")
def test_an_id_of_an_emitter_wins_over_a_derived_one(empty_ledger: Served) -> None:
    """Where the one of another notification happens to be the same."""
    (derived,) = derived_ids("ann")
    empty_ledger.put(created(external_id=None))
    empty_ledger.put(event("created", NOVU, 2, audience=[{"recipient_id": "cid"}], external_id=derived))
    assert retrieved(empty_ledger, derived)["subscriber"]["subscriberId"] == "cid"


@pytest.mark.acceptance("S3-02", "S3-22")
def test_decided_an_id_that_fits_two_events_is_not_found(empty_ledger: Served) -> None:
    """Of one emitter's id, and of a derived one."""
    for number in (1, 2):
        audience = [{"recipient_id": "ann"}]
        empty_ledger.put(event("created", NOVU, number, audience=audience, external_id=EXTERNAL_ID))
    refused(ask(empty_ledger), 404)


@pytest.mark.acceptance("S3-02", "S3-22")
def test_decided_a_derived_id_that_fits_two_events_is_not_found(
    empty_ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids whose hashes are the same: here all are."""
    (derived,) = derived_ids("ann")
    empty_ledger.put(created(external_id=None))
    monkeypatch.setattr(lookup, "id_of_entry", lambda _: derived)
    assert retrieved(empty_ledger, derived)
    empty_ledger.put(event("created", NOVU, 2, audience=[{"recipient_id": "bob"}]))
    refused(ask(empty_ledger, derived), 404)


@pytest.mark.acceptance("S3-02", "S3-22")
def test_a_derived_id_is_found_among_all_entries_of_a_broadcast(empty_ledger: Served) -> None:
    """Of 12,000 the first, the last and one between, by id and by recipient; an id that begins as theirs is 404."""
    everyone = _put_broadcast(empty_ledger, 12_000)
    for recipient in (everyone[0], everyone[5_999], everyone[-1], min(everyone), max(everyone)):
        (derived,) = derived_ids(recipient)
        shown = retrieved(empty_ledger, derived)
        assert (shown["_id"], shown["subscriber"]["subscriberId"]) == (derived, recipient)
    refused(ask(empty_ledger, derived[:8] + "0" * 16), 404)


@pytest.mark.acceptance("S3-02", "S3-24")
def test_a_search_for_a_derived_id_that_takes_too_long_says_so(
    empty_ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, and no 404, which would say that there is no such event."""
    everyone = _put_broadcast(empty_ledger, 12_000)
    (derived,) = derived_ids(everyone[-1])
    assert retrieved(empty_ledger, derived)["_id"] == derived
    monkeypatch.setattr(reading, "INTERRUPT_SECONDS", 0.0005)
    monkeypatch.setattr(empty_ledger.desk, "_query_seconds_max", 0.001)
    answer = ask(empty_ledger, derived)
    refused(answer, 503)
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.acceptance("S3-02")
def test_an_event_of_a_broadcast_shows_what_was_told_of_its_recipient_alone(empty_ledger: Served) -> None:
    """Its jobs have the notification's `fired` and the recipient's own attempts, and `updatedAt` is theirs."""
    empty_ledger.put(created(audience=BOTH, external_id=None))
    empty_ledger.put(event("fired", NOVU, 1, NOON + timedelta(seconds=1), channel="email", data={"payload": {"a": 1}}))
    for seconds, recipient in ((2, "ann"), (3, "bob")):
        at = NOON + timedelta(seconds=seconds)
        stated: dict[str, Any] = {"attempt_id": f"try-{recipient}", "status": "Success"}
        empty_ledger.put(event("attempted", NOVU, 1, at, recipient_id=recipient, channel="email", **stated))
    for recipient, derived in zip(("ann", "bob"), derived_ids("ann", "bob"), strict=True):
        shown = retrieved(empty_ledger, derived)
        (job,) = shown["jobs"]
        assert job["payload"] == {"a": 1}
        assert [detail["_id"] for detail in job["executionDetails"]] == [f"try-{recipient}"]
        assert shown["updatedAt"] == f"2026-01-02T12:00:0{2 if recipient == 'ann' else 3}.000Z"


@pytest.mark.acceptance("S3-22")
def test_decided_an_unknown_id_is_not_found(ledger: Served) -> None:
    """Decide: 404 with an ErrorDto, where older code of the vendor answered null."""
    body = refused(ask(ledger, "f" * 24), 404)
    assert [*body] == ["statusCode", "timestamp", "path", "message"]
    assert body["path"] == f"/novu/v1/notifications/{'f' * 24}"


@pytest.mark.acceptance("S3-22")
def test_an_event_whose_created_has_not_come_is_not_found(empty_ledger: Served) -> None:
    """It is found from the moment that it comes."""
    empty_ledger.put(event("read", NOVU, 1, NOON + timedelta(seconds=1), recipient_id="ann"))
    (derived,) = derived_ids("ann")
    refused(ask(empty_ledger, derived), 404)
    empty_ledger.put(created(external_id=None))
    assert retrieved(empty_ledger, derived)["updatedAt"] == "2026-01-02T12:00:01.000Z"


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


def _put_broadcast(ledger: Served, recipients: int) -> list[str]:
    """Record a notification to so many recipients; return them in the order of their inbox entries' ids."""
    everyone = [f"user-{number}" for number in range(recipients)]
    members = [{"recipient_id": each} for each in everyone]
    first, *more = (
        members[at : at + RECIPIENTS_PER_EVENT_MAX] for at in range(0, recipients, RECIPIENTS_PER_EVENT_MAX)
    )
    added = (event("audience_added", NOVU, 1, audience=part) for part in more)
    ledger.put(created(audience=first, external_id=None), *added)
    return sorted(everyone, key=lambda each: derive_inbox_entry_id(NOVU, numbered(1), each))
