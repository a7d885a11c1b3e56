from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest
from httpx2 import Response

from ledger_queries.dialects.realtimeregister.failures import STATUSES
from ledger_schemas.access import Role
from ledger_schemas.errors import QueryTooLong

from .serving import OTHER_TENANT, REALTIMEREGISTER, Served, credential, event

FIRST: Final = 1203344

STATUSES_OF_THE_VENDOR: Final = {
    "AuthenticationError": 401,
    "AuthenticationRatelimitedError": 429,
    "AuthorizationError": 403,
    "ConstraintViolationException": 400,
    "InternalSRSError": 500,
    "InvalidMessage": 400,
    "ObjectDoesNotExist": 400,
    "ObjectExists": 400,
    "ObjectStatusProhibitsOperation": 400,
    "ProcessError": 400,
    "TooManyRequests": 429,
    "UnrecognizedPropertyException": 400,
    "ValidationError": 400,
    "ProviderConnectionError": 502,
    "ProviderUnavailable": 503,
}


def ask(
    ledger: Served,
    number: object = FIRST,
    customer: str = REALTIMEREGISTER,
    headers: Mapping[str, str] | None = None,
    **params: str,
) -> Response:
    """Ask for a notification, with the application's key unless other headers are given."""
    return ledger.client.get(
        f"/realtimeregister/v2/customers/{customer}/notifications/{number}",
        params=params,
        headers=credential("realtimeregister") if headers is None else headers,
    )


def refused(answer: Response, status: int, name: str) -> dict[str, object]:
    """Return the body of an error, which must have this status and name."""
    body: dict[str, object] = answer.json()
    assert (answer.status_code, body["type"]) == (status, name), answer.text
    assert body["message"]
    return body


@pytest.mark.acceptance("S2-01")
@pytest.mark.parametrize("customer", ["ab", "a" * 41, "a b", "caf\u00e9", "a+b+c", "abc%0A"])
def test_a_customer_that_breaks_the_rule_is_a_violation(ledger: Served, customer: str) -> None:
    """Three to forty letters, digits, and - _ @ dot."""
    body = refused(ask(ledger, customer=customer), 400, "ConstraintViolationException")
    assert [violation["field"] for violation in body["violations"]] == ["customer"]  # type: ignore[attr-defined]


@pytest.mark.acceptance("S2-01")
@pytest.mark.parametrize("customer", ["abc", "a" * 40, "A-1_b@c.d"])
def test_a_customer_that_keeps_the_rule_is_looked_up(ledger: Served, customer: str) -> None:
    """At both limits of length, and with every sign."""
    refused(ask(ledger, customer=customer), 400, "ObjectDoesNotExist")


@pytest.mark.acceptance("S2-02")
@pytest.mark.parametrize("number", ["x", "1.0", "1e3", "0x1", "+1", "01", "-1", "1_0", "9" * 17, "\u0661"])
def test_an_id_that_is_no_integer_is_a_violation(ledger: Served, number: str) -> None:
    """What a lenient reader would take for a number too."""
    body = refused(ask(ledger, number), 400, "ConstraintViolationException")
    assert [violation["field"] for violation in body["violations"]] == ["notificationId"]  # type: ignore[attr-defined]


@pytest.mark.acceptance("S2-03")
def test_fields_select_and_the_id_is_always_there(ledger: Served) -> None:
    """In the vendor's order, whatever the order of the request."""
    answer = ask(ledger, fields="message,fireDate")
    assert [*answer.json()] == ["id", "fireDate", "message"]
    assert [*ask(ledger, fields="id").json()] == ["id"]


@pytest.mark.acceptance("S2-03")
def test_every_field_can_be_selected_alone(ledger: Served) -> None:
    """With the value that it has in the whole notification."""
    for name, value in ask(ledger).json().items():
        assert ask(ledger, fields=name).json() == {"id": FIRST, name: value}


@pytest.mark.acceptance("S2-03")
def test_a_selected_field_without_a_value_is_omitted(ledger: Served) -> None:
    """Of a notification that was never read."""
    assert ask(ledger, 1203346, fields="readDate").json() == {"id": 1203346}


@pytest.mark.acceptance("S2-03")
@pytest.mark.parametrize("fields", ["nosuch", "message,nosuch", "", "message,", " message", "Message"])
def test_decided_an_unknown_field_is_refused(ledger: Served, fields: str) -> None:
    """Decide: 400, with the parameter named."""
    body = refused(ask(ledger, fields=fields), 400, "ConstraintViolationException")
    assert [violation["field"] for violation in body["violations"]] == ["fields"]  # type: ignore[attr-defined]


@pytest.mark.acceptance("S2-20")
def test_decided_a_missing_object_is_a_bad_request(ledger: Served) -> None:
    """Decide: 400 as on the vendor's error page, where another of its pages has 404."""
    refused(ask(ledger, 999), 400, "ObjectDoesNotExist")


@pytest.mark.acceptance("S2-20", over_http=False)
def test_the_generic_errors_have_the_vendors_names_and_statuses() -> None:
    """Those that no route raises too."""
    assert STATUSES_OF_THE_VENDOR == STATUSES


@pytest.mark.acceptance("S2-20")
def test_a_ledger_that_cannot_answer_is_an_unavailable_provider(
    ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that takes too long is stopped: 503, with the time after which to repeat it."""

    def take_long() -> None:
        raise QueryTooLong("It took too long.")

    monkeypatch.setattr(ledger.desk, "_reader", take_long)
    answer = ask(ledger)
    refused(answer, 503, "ProviderUnavailable")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.acceptance("S2-20")
def test_a_fault_of_the_server_is_an_internal_error(ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing of what went wrong."""

    def fail() -> None:
        message = "a secret"
        raise RuntimeError(message)

    monkeypatch.setattr(ledger.desk, "_reader", fail)
    answer = ask(ledger)
    assert "secret" not in answer.text
    refused(answer, 500, "InternalSRSError")


@pytest.mark.acceptance("S2-20")
def test_a_path_or_method_that_there_is_not_has_the_same_shape(ledger: Served) -> None:
    """404 and 405 under names of the ledger's own; a 405 says what is allowed."""
    headers = credential("realtimeregister")
    unknown = ledger.client.get("/realtimeregister/v2/nothing", headers=headers)
    refused(unknown, 404, "PathDoesNotExist")
    path = f"/realtimeregister/v2/customers/{REALTIMEREGISTER}/notifications/{FIRST}"
    other = ledger.client.delete(path, headers=headers)
    refused(other, 405, "MethodNotAllowed")
    assert other.headers["Allow"] == "GET"


@pytest.mark.acceptance("S2-21", "S2-36")
def test_another_tenants_notification_is_answered_like_a_missing_one(ledger: Served) -> None:
    """The same status, body and headers, but for the time."""
    missing = ask(ledger, 999)
    foreign = ask(ledger, headers=credential("realtimeregister", tenant=OTHER_TENANT))
    own = ask(ledger, customer=OTHER_TENANT)
    assert missing.status_code == foreign.status_code == own.status_code == 400
    assert missing.text == foreign.text == own.text
    bare = [{**answer.headers, "date": ""} for answer in (missing, foreign, own)]
    assert bare[0] == bare[1] == bare[2]


@pytest.mark.acceptance("S2-34")
def test_the_key_stands_behind_the_word_apikey(ledger: Served) -> None:
    """As the vendor documents it; the word in any case (RFC 9110)."""
    secret = credential("realtimeregister")["Authorization"].removeprefix("ApiKey ")
    for scheme in ("ApiKey", "apikey"):
        assert ask(ledger, headers={"Authorization": f"{scheme} {secret}"}).status_code == 200


@pytest.mark.acceptance("S2-34")
@pytest.mark.parametrize("value", [None, "ApiKey wrong", "ApiKey", "Bearer key-of-realtimeregister-demo"])
def test_a_missing_or_wrong_key_is_refused_first(ledger: Served, value: str | None) -> None:
    """401 before a word about the parameters, which are wrong as well."""
    headers = {} if value is None else {"Authorization": value}
    answer = ask(ledger, "x", customer="a", headers=headers, fields="nosuch")
    assert {"type", "message"} == refused(answer, 401, "AuthenticationError").keys()
    assert answer.headers["WWW-Authenticate"] == "ApiKey"


@pytest.mark.acceptance("S2-34")
def test_a_ledger_without_keys_refuses_everybody(empty_ledger: Served) -> None:
    """Where the native API takes a caller from loopback for the operator, a dialect has no such caller."""
    empty_ledger.callers.clear()
    refused(ask(empty_ledger, headers={}), 401, "AuthenticationError")


@pytest.mark.acceptance("S2-34")
@pytest.mark.parametrize("role", [Role.SERVICE, Role.ANALYST])
def test_roles_that_read_no_inbox_are_not_authorized(ledger: Served, role: Role) -> None:
    """Services emit, analysts count."""
    refused(ask(ledger, headers=credential("realtimeregister", role=role)), 403, "AuthorizationError")


@pytest.mark.acceptance("S2-36")
@pytest.mark.parametrize("role", [Role.APPLICATION, Role.AUDITOR])
def test_the_customer_is_the_tenant(ledger: Served, role: Role) -> None:
    """Its application and its auditor read it, and so does the operator, of any tenant."""
    assert ask(ledger, headers=credential("realtimeregister", role=role)).status_code == 200
    operator = {"Authorization": "ApiKey operator-key-of-None"}
    assert ask(ledger, headers=operator).json() == ask(ledger).json()


@pytest.mark.acceptance("S2-36")
def test_the_customer_is_the_recipient(ledger: Served, empty_ledger: Served) -> None:
    """A person reads it who is that recipient; what another recipient of the tenant has is missing."""
    person = credential("realtimeregister", user=REALTIMEREGISTER)
    assert ask(ledger, headers=person).status_code == 200
    other = credential("realtimeregister", user="54")
    refused(ask(ledger, headers=other), 400, "ObjectDoesNotExist")
    empty_ledger.put(
        event("created", REALTIMEREGISTER, 1, number=7, audience=[{"recipient_id": "54"}]),
        event("fired", REALTIMEREGISTER, 1),
    )
    refused(ask(empty_ledger, 7), 400, "ObjectDoesNotExist")


@pytest.mark.acceptance("S2-21")
def test_a_deleted_notification_is_missing(empty_ledger: Served) -> None:
    """As for its recipient, who removed it from view."""
    empty_ledger.put(
        event("created", REALTIMEREGISTER, 1, number=7, audience=[{"recipient_id": REALTIMEREGISTER}]),
        event("fired", REALTIMEREGISTER, 1),
        event("deleted", REALTIMEREGISTER, 1, recipient_id=REALTIMEREGISTER),
    )
    refused(ask(empty_ledger, 7), 400, "ObjectDoesNotExist")


@pytest.mark.acceptance("S2-35")
def test_decided_an_error_is_a_type_and_a_message(ledger: Served) -> None:
    """Decide: and of constraint violations each with its field."""
    answer = ask(ledger, "x", fields="nosuch")
    assert json.loads(answer.text) == {
        "type": "ConstraintViolationException",
        "message": "notificationId: must be a whole number in decimal digits",
        "violations": [
            {"field": "notificationId", "message": "must be a whole number in decimal digits"},
            {"field": "fields", "message": "must be names of fields with commas between them"},
        ],
    }
    assert ask(ledger, 999).json() == {"type": "ObjectDoesNotExist", "message": "The notification does not exist."}


@pytest.mark.acceptance("S2-35")
def test_bytes_that_are_no_text_have_the_same_shape(ledger: Served) -> None:
    """A path or query that is not UTF-8, and a body in an unknown encoding, which no GET needs."""
    path = f"/realtimeregister/v2/customers/{REALTIMEREGISTER}/notifications/{FIRST}"
    headers = credential("realtimeregister")
    refused(ledger.client.get(f"{path}?fields=%FF", headers=headers), 400, "ConstraintViolationException")
    encoded = ledger.client.request("GET", path, content=b"x", headers={**headers, "Content-Encoding": "br"})
    refused(encoded, 400, "InvalidMessage")
