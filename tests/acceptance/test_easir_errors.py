from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest
from httpx2 import Response
from pydantic import TypeAdapter

from ledger_queries.dialects.easir.failures import ErrorBody
from ledger_schemas.access import Role
from ledger_schemas.errors import OutcomeUnknown, QueryTooLong
from tests.queries.builder import numbered

from .serving import EASIR, Served, credential, secret_of

PATH: Final = "/easir/notifications"
ROUTES: Final = (
    ("GET", PATH),
    ("POST", PATH),
    ("PUT", f"{PATH}/read"),
    ("PUT", f"{PATH}/{numbered(9)}/read"),
    ("POST", f"{PATH}/devices/abc"),
    ("DELETE", f"{PATH}/devices/abc"),
)
_BODY: Final = TypeAdapter(ErrorBody)


def refused(answer: Response, status: int) -> ErrorBody:
    """Return the body of an error, which must have this status and the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = _BODY.validate_python(answer.json(), strict=True, extra="forbid")
    assert [*answer.json()] == ["message", "errors"]
    assert body["message"]
    return body


@pytest.mark.acceptance("S5-01", "S5-20")
@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}])
def test_a_missing_or_wrong_token_is_refused_first(
    ledger: Served, method: str, path: str, headers: Mapping[str, str]
) -> None:
    """401 on every route, before a word about the parameters or the body, which are wrong as well."""
    answer = ledger.client.request(method, path, params={"page": "x"}, content=b"{", headers=headers)
    assert refused(answer, 401)["errors"] == {}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.acceptance("S5-20", "S5-22")
@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.PERSON, Role.OPERATOR}])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_token_that_is_no_persons_is_forbidden(ledger: Served, method: str, path: str, role: Role) -> None:
    """403: there is no user whose notifications these are."""
    refused(ledger.client.request(method, path, headers=credential("easir", role=role)), 403)


@pytest.mark.acceptance("S5-22")
def test_an_operator_is_no_user(ledger: Served) -> None:
    """403 likewise."""
    secret = secret_of(None, role=Role.OPERATOR)
    refused(ledger.client.get(PATH, headers={"Authorization": f"Bearer {secret}"}), 403)


@pytest.mark.acceptance("S5-01")
def test_a_ledger_without_keys_refuses_everybody(empty_ledger: Served) -> None:
    """Where the native API takes a caller from loopback for the operator, a dialect has no such caller."""
    empty_ledger.callers.clear()
    refused(empty_ledger.client.get(PATH), 401)


@pytest.mark.acceptance("S5-21")
def test_decided_an_error_has_a_message_and_the_fields(ledger: Served) -> None:
    """Decide: every field that is wrong with its messages; an empty object where none is."""
    headers = credential("easir", user="54")
    answer = ledger.client.get(PATH, params={"page": "x", "per_page": "0"}, headers=headers)
    assert refused(answer, 422) == {
        "message": "page: must be a whole number in decimal digits",
        "errors": {
            "page": ["must be a whole number in decimal digits"],
            "per_page": ["Input should be greater than or equal to 1"],
        },
    }
    missing = ledger.client.put(f"{PATH}/{numbered(9)}/read", headers=headers)
    assert refused(missing, 404) == {"message": "The user has no such notification.", "errors": {}}


@pytest.mark.acceptance("S5-21")
@pytest.mark.parametrize(
    "content", [b"{", b"{'message': 1}", b"\xff", b'{"message": NaN}', b'{"a": 1,}', b"[" * 100_000]
)
def test_malformed_json_is_a_bad_request(empty_ledger: Served, content: bytes) -> None:
    """400 wherever a body is read, and nothing is written."""
    headers = credential("easir", user="54")
    for path in (PATH, f"{PATH}/devices/abc"):
        assert refused(empty_ledger.client.post(path, content=content, headers=headers), 400)["errors"] == {}
    assert not empty_ledger.events
    assert not empty_ledger.directory_events


@pytest.mark.acceptance("S5-21")
def test_a_name_twice_in_a_body_is_refused(empty_ledger: Served) -> None:
    """Readers of JSON differ on which of the two counts."""
    body = b'{"message": "a", "message": "b", "notify": {"users": [54]}}'
    answer = empty_ledger.client.post(PATH, content=body, headers=credential("easir", user="54"))
    assert [*refused(answer, 422)["errors"]] == ["message"]
    assert not empty_ledger.events


@pytest.mark.acceptance("S5-21")
def test_a_body_over_the_limit_is_refused(empty_ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """413, wherever a body is read; one of just that size passes."""
    body = json.dumps({"message": "x", "notify": {"users": [54]}, "further": "y" * 20_000}).encode()
    headers = credential("easir", user="54")
    monkeypatch.setattr("ledger_schemas.limits.INGEST_BYTES_MAX", len(body))
    for path in (PATH, f"{PATH}/devices/abc"):
        refused(empty_ledger.client.post(path, content=body + b" ", headers=headers), 413)
    assert not empty_ledger.events
    assert empty_ledger.client.post(PATH, content=body, headers=headers).status_code == 202


@pytest.mark.acceptance("S5-21")
def test_other_mistakes_of_a_request_have_the_same_shape(ledger: Served) -> None:
    """An unknown path, a method that a path has not, an unknown encoding, a path that is no text."""
    headers = credential("easir", user="54")
    refused(ledger.client.get("/easir/nothing", headers=headers), 404)
    other = ledger.client.patch(PATH, headers=headers)
    refused(other, 405)
    assert other.headers["Allow"] == "GET, POST"
    encoded = ledger.client.post(PATH, content=b"x", headers={**headers, "Content-Encoding": "br"})
    refused(encoded, 415)
    refused(ledger.client.put(f"{PATH}/%FF/read", headers=headers), 400)
    newline = ledger.client.put(f"{PATH}/a%0Ab/read", headers=headers)
    refused(newline, 404)


@pytest.mark.acceptance("S5-20")
def test_faults_of_the_ledger_have_the_same_shape(ledger: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the time to repeat after, 504 where the outcome is unknown, 500 without a word of the cause."""
    headers = credential("easir", user="54")

    def take_long() -> None:
        raise QueryTooLong("It took too long.")

    def fail() -> None:
        message = "a secret"
        raise RuntimeError(message)

    async def lose(_: object) -> None:
        raise OutcomeUnknown("The broker did not answer.", events=[])

    monkeypatch.setattr(ledger.desk, "_reader", take_long)
    answer = ledger.client.get(PATH, headers=headers)
    refused(answer, 503)
    assert answer.headers["Retry-After"] == "1"
    monkeypatch.setattr(ledger.desk, "_reader", fail)
    assert "secret" not in refused(ledger.client.get(PATH, headers=headers), 500)["message"]
    monkeypatch.setattr(ledger.desk, "append", lose)
    body = {"message": "x", "notify": {"users": [54]}}
    refused(ledger.client.post(PATH, json=body, headers=headers), 504)


@pytest.mark.acceptance("S5-20")
def test_the_openapi_document_names_every_error(ledger: Served) -> None:
    """Per operation those that its route can answer with, all of one shape."""
    document = ledger.client.get("/easir/openapi.json", headers=credential("easir")).json()
    common = {"400", "401", "403", "413", "415", "422", "500", "503"}
    expected = {
        ("get", "/notifications"): {"200", *common},
        ("post", "/notifications"): {"202", "504", *common},
        ("put", "/notifications/read"): {"204", "504", *common},
        ("put", "/notifications/{notification_id}/read"): {"204", "404", "504", *common},
        ("post", "/notifications/devices/{token}"): {"204", "504", *common},
        ("delete", "/notifications/devices/{token}"): {"204", "504", *common},
    }
    found = {
        (method, path): set(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert expected == found
    assert document["servers"] == [{"url": "/easir"}]
    assert secret_of(EASIR, user="54") not in json.dumps(document)
