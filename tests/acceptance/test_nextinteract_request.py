import json

import pytest

from ledger_queries.dialects.nextinteract import app
from ledger_queries.dialects.nextinteract.answer_types import BROADCAST_TYPES, SentNotification
from ledger_queries.dialects.nextinteract.failures import EXCEPTIONS, RESPONSES
from ledger_queries.dialects.nextinteract.fields import DEFAULTS, FIELDS
from ledger_schemas.access import Caller, Role
from ledger_schemas.errors import DirectoryUnread, QueryTooLong
from tests.queries.builder import NOON

from .guides import GUIDES, requests_of
from .nextinteract import EVENT_UUID, PATH, ask, group, invalid, made, messages, put, refused, sent
from .serving import NEXTINTERACT, OTHER_TENANT, SUGER, Served, credential, event, secret_of

HEADER = "x-nextinteract-authtoken"


@pytest.mark.acceptance("S4-01")
@pytest.mark.parametrize(
    "headers", [{}, {HEADER: ""}, {HEADER: "wrong"}, {"Authorization": f"Bearer {secret_of(NEXTINTERACT)}"}]
)
@pytest.mark.parametrize("params", [None, {"version": 2}, {"companyId": "none"}, {"unknown": 1}])
def test_without_a_token_nobody_is_let_in(ledger: Served, headers: dict[str, str], params: dict[str, object]) -> None:
    """Whatever else is wrong with the request: a stranger learns no parameter."""
    refused(ask(ledger, params, headers=headers), 401, "WSInvalidAuthTokenException", 1006)


@pytest.mark.acceptance("S4-01")
def test_a_ledger_without_keys_lets_nobody_in(fresh_ledger: Served) -> None:
    """The vendor has no access without a token, so the dialect has none on loopback either."""
    fresh_ledger.callers.clear()
    refused(ask(fresh_ledger, headers={}), 401, "WSInvalidAuthTokenException", 1006)


@pytest.mark.acceptance("S4-01", "S4-21")
@pytest.mark.parametrize("role", [Role.SERVICE, Role.ANALYST])
def test_roles_that_do_not_read_notifications_lack_the_privilege(ledger: Served, role: Role) -> None:
    """Decided: 401; the code is not known."""
    headers = credential("nextinteract", role=role)
    refused(ask(ledger, headers=headers), 401, "WSInsufficientPrivilegesException", 0)


@pytest.mark.acceptance("S4-21", "S4-27")
def test_who_has_one_inbox_or_no_tenant_lacks_the_privilege(ledger: Served) -> None:
    """A row is of everybody that it went to, so not a person's; and the operator's token names no tenant."""
    for headers in (credential("nextinteract", user="54"), {HEADER: secret_of(None, role=Role.OPERATOR)}):
        refused(ask(ledger, headers=headers), 401, "WSInsufficientPrivilegesException", 0)


@pytest.mark.acceptance("S4-27")
def test_the_token_names_the_tenant(ledger: Served) -> None:
    """An auditor's too. Another tenant's company, event or schedule of the same id is nothing here."""
    assert len(sent(ledger, headers=credential("nextinteract", role=Role.AUDITOR))) == 1
    for tenant in (SUGER, OTHER_TENANT):
        headers = credential("nextinteract", tenant=tenant)
        assert sent(ledger, headers=headers) == []
        assert sent(ledger, {"broadcastType": "GE", "eventUUID": EVENT_UUID}, headers=headers) == []
        assert sent(ledger, {"notificationScheduleId": 123}, headers=headers) == []


@pytest.mark.acceptance("S4-27")
def test_two_tenants_have_companies_of_the_same_id(empty_ledger: Served) -> None:
    """Each sees its own: the id is a recorded fact and no authority."""
    put(empty_ledger, made(1))
    empty_ledger.put(
        event("created", OTHER_TENANT, 2, type="GT", groups=[group("company", 3)], personal={"body": "other"}),
        event("fired", OTHER_TENANT, 2),
    )
    assert messages(sent(empty_ledger)) == ["1"]
    assert messages(sent(empty_ledger, headers=credential("nextinteract", tenant=OTHER_TENANT))) == ["other"]


@pytest.mark.acceptance("S4-02")
@pytest.mark.parametrize("version", ["0", "2", "-1", "01", "9" * 30])
def test_another_version_is_unsupported(ledger: Served, version: str) -> None:
    """Before anything else of the query, which it may have in another form."""
    for params in (
        {"version": version},
        {"version": version, "broadcastType": "GT", "companyId": 3},
        {"version": version, "new": 1},
    ):
        refused(ask(ledger, params), 400, "WSUnsupportedVersionException", 0)


@pytest.mark.acceptance("S4-02")
@pytest.mark.parametrize("version", [None, "", "one", "1.0", "+1", " 1", "\u0661"])
def test_a_version_that_is_missing_or_no_number_is_an_invalid_parameter(ledger: Served, version: str | None) -> None:
    """It is required."""
    assert invalid(ask(ledger, {"version": version, "broadcastType": "GT", "companyId": 3})).startswith("version: ")


@pytest.mark.acceptance("S4-03")
@pytest.mark.parametrize("kind", ["GT", "GE", "JN", "GA", "UN"])
def test_a_broadcast_type_selects_the_rows_of_that_type(empty_ledger: Served, kind: str) -> None:
    """Of all that went to the same company, event and asset."""
    groups = [group("company", 3), group("event", "e"), group("brochure", 17)]
    put(
        empty_ledger,
        *(made(number, type=each, groups=groups) for number, each in enumerate(["GT", "GE", "JN", "GA", "UN"])),
    )
    (row,) = sent(empty_ledger, {"broadcastType": kind, "companyId": 3, "eventUUID": "e", "brochureId": 17})
    assert row["type"] == kind


@pytest.mark.acceptance("S4-03")
@pytest.mark.parametrize("kind", ["JN", "UN"])
def test_types_that_need_no_group_list_all_of_the_tenant(empty_ledger: Served, kind: str) -> None:
    """JN and user notifications."""
    put(empty_ledger, made(1, type=kind, groups=None), made(2, type=kind), made(3, type="GT"))
    assert messages(sent(empty_ledger, {"broadcastType": kind})) == ["2", "1"]


@pytest.mark.acceptance("S4-03", "S4-06")
def test_a_broadcast_type_is_required_without_a_schedule(ledger: Served) -> None:
    """Also where a group is named."""
    for params in ({}, {"companyId": 3}, {"eventUUID": EVENT_UUID}, {"brochureId": 17}):
        assert invalid(ask(ledger, params)).startswith("broadcastType: ")


@pytest.mark.acceptance("S4-04")
def test_team_notifications_need_a_company(empty_ledger: Served) -> None:
    """They are those of that company alone; with a schedule too."""
    put(empty_ledger, made(1), made(2, groups=[group("company", 4)]), made(3, groups=[group("company", "03")]))
    assert messages(sent(empty_ledger, {"broadcastType": "GT", "companyId": 3})) == ["1"]
    for params in ({}, {"eventUUID": EVENT_UUID}, {"notificationScheduleId": 123}):
        assert invalid(ask(empty_ledger, {"broadcastType": "GT", **params})).startswith("companyId: ")


@pytest.mark.acceptance("S4-04")
@pytest.mark.parametrize("company", ["", "three", "3.0", "+3", "03", "1e3", str(2**63), str(-(2**63) - 1), "9" * 400])
def test_a_company_that_is_no_long_is_refused(ledger: Served, company: str) -> None:
    """The largest and the smallest one are companies like others."""
    assert invalid(ask(ledger, {"broadcastType": "GT", "companyId": company})).startswith("companyId: ")
    assert sent(ledger, {"broadcastType": "GT", "companyId": 2**63 - 1}) == []
    assert sent(ledger, {"broadcastType": "GT", "companyId": -(2**63)}) == []


@pytest.mark.acceptance("S4-05")
def test_event_notifications_need_an_event(empty_ledger: Served) -> None:
    """They are those of that event alone. With the company too, both must hold."""
    in_3, in_4 = ([group("event", "e"), group("company", company)] for company in (3, 4))
    put(
        empty_ledger,
        made(1, type="GE", groups=in_3),
        made(2, type="GE", groups=in_4),
        made(3, type="GE", groups=[group("event", "f")]),
    )
    assert messages(sent(empty_ledger, {"broadcastType": "GE", "eventUUID": "e"})) == ["2", "1"]
    assert messages(sent(empty_ledger, {"broadcastType": "GE", "eventUUID": "e", "companyId": 3})) == ["1"]
    assert invalid(ask(empty_ledger, {"broadcastType": "GE"})).startswith("eventUUID: ")
    assert invalid(ask(empty_ledger, {"broadcastType": "GE", "eventUUID": ""})).startswith("eventUUID: ")
    assert invalid(ask(empty_ledger, {"broadcastType": "GE", "eventUUID": "e" * 129})).startswith("eventUUID: ")


@pytest.mark.acceptance("S4-06")
def test_a_schedule_narrows_to_all_of_its_rows(ledger: Served) -> None:
    """Decided: without a broadcast type both sample rows, which carry 123; with one, that one."""
    assert [row["type"] for row in sent(ledger, {"notificationScheduleId": 123})] == ["GE", "GT"]
    assert [
        row["type"] for row in sent(ledger, {"notificationScheduleId": 123, "broadcastType": "GT", "companyId": 3})
    ] == ["GT"]
    assert [row["type"] for row in sent(ledger, {"notificationScheduleId": 123, "eventUUID": EVENT_UUID})] == ["GE"]
    assert sent(ledger, {"notificationScheduleId": 124}) == []


@pytest.mark.acceptance("S4-07")
def test_a_brochure_selects_asset_notifications(empty_ledger: Served) -> None:
    """Of that asset; another type with the asset is another row."""
    of_17, of_18 = ([group("brochure", asset), group("company", 3)] for asset in (17, 18))
    put(
        empty_ledger, made(1, type="GA", groups=of_17), made(2, type="GA", groups=of_18), made(3, groups=of_17), made(4)
    )
    assert messages(sent(empty_ledger, {"broadcastType": "GA", "brochureId": 17})) == ["1"]
    assert messages(sent(empty_ledger, {"broadcastType": "GT", "companyId": 3, "brochureId": 17})) == ["3"]


@pytest.mark.acceptance("S4-08")
def test_asset_notifications_need_a_brochure(ledger: Served) -> None:
    """Decided: 400."""
    assert invalid(ask(ledger, {"broadcastType": "GA"})).startswith("brochureId: ")
    assert invalid(ask(ledger, {"broadcastType": "GA", "companyId": 3})).startswith("brochureId: ")


@pytest.mark.acceptance("S4-08")
@pytest.mark.parametrize("kind", ["XX", "gt", "", "GT,GE", "TE"])
def test_an_unknown_broadcast_type_is_refused(ledger: Served, kind: str) -> None:
    """Decided: 400, with a schedule too."""
    assert invalid(ask(ledger, {"broadcastType": kind, "companyId": 3})).startswith("broadcastType: ")
    assert invalid(ask(ledger, {"broadcastType": kind, "notificationScheduleId": 123})).startswith("broadcastType: ")


@pytest.mark.acceptance("S4-08")
def test_the_document_s_own_example_of_ge_lacks_its_event(ledger: Served) -> None:
    """Decided: `broadcastType=GE&companyId=3` is refused."""
    assert invalid(ask(ledger, {"broadcastType": "GE", "companyId": 3})).startswith("eventUUID: ")


@pytest.mark.acceptance("S4-08")
def test_the_document_s_own_example_asks_for_et_which_is_ge(ledger: Served) -> None:
    """Decided: rows of type GE; it needs an event as GE does."""
    assert [row["type"] for row in sent(ledger, {"broadcastType": "ET", "eventUUID": EVENT_UUID})] == ["GE"]
    assert sent(ledger, {"broadcastType": "ET", "eventUUID": "MY-d79f-EVENT-hdea67-UUID"}) == []
    assert invalid(ask(ledger, {"broadcastType": "ET"})).startswith("eventUUID: ")


@pytest.mark.acceptance("S4-08")
@pytest.mark.parametrize("query", ["notificationScheduleId", "notificationScheduleId="])
def test_the_document_s_own_example_has_a_schedule_without_a_value(ledger: Served, query: str) -> None:
    """Decided: 400."""
    answer = ledger.client.get(f"{PATH}?version=1&{query}", headers=credential("nextinteract"))
    assert invalid(answer).startswith("notificationScheduleId: ")


@pytest.mark.acceptance("S4-21")
@pytest.mark.parametrize(
    "params",
    [
        {"broadcastType": "GE", "eventUUID": "nowhere"},
        {"broadcastType": "GT", "companyId": 4711},
        {"broadcastType": "GA", "brochureId": 4711},
    ],
)
def test_an_id_that_no_notification_names_is_an_empty_array(ledger: Served, params: dict[str, object]) -> None:
    """Decided: 200, not WSEventNotFoundException."""
    assert sent(ledger, params) == []


@pytest.mark.acceptance("S4-21", "S4-26")
def test_a_parameter_that_the_document_lacks_is_refused(ledger: Served) -> None:
    """Such as one misspelt, one given twice, and one that is not UTF-8."""
    assert "'companyID'" in invalid(ask(ledger, {"broadcastType": "UN", "companyID": 3}))
    for query in ("version=1&broadcastType=UN&broadcastType=JN", "version=1&broadcastType=%FF"):
        answer = ledger.client.get(f"{PATH}?{query}", headers=credential("nextinteract"))
        assert invalid(answer).startswith("broadcastType: ")


@pytest.mark.acceptance("S4-21", "S4-26")
def test_faults_of_the_ledger_are_exceptions_of_its_services(
    fresh_ledger: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of an unexpected one is told; one that may pass says when to ask again."""

    def fault(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    def busy(*_: object) -> None:
        raise QueryTooLong("The question took too long.")

    def unread(_: str | None) -> None:
        raise DirectoryUnread("The directory is not read yet.")

    monkeypatch.setattr(fresh_ledger.desk, "read", fault)
    assert refused(ask(fresh_ledger), 500, "WSNotificationServiceException", 0) == "Internal server error"
    monkeypatch.setattr(fresh_ledger.desk, "read", busy)
    answer = ask(fresh_ledger)
    assert refused(answer, 500, "WSNotificationServiceException", 0) == "The question took too long."
    assert answer.headers["Retry-After"] == "1"
    monkeypatch.setattr(fresh_ledger.directory, "authenticate", unread)
    answer = ask(fresh_ledger)
    assert refused(answer, 500, "WSCacheServiceException", 2027) == "The directory is not read yet."
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.acceptance("S4-21", over_http=False)
def test_the_exceptions_of_the_document_have_statuses_and_codes() -> None:
    """Decided where the vendor's could not be found: code 0, and statuses by the page's pattern."""
    assert {name: tuple(meaning) for name, meaning in EXCEPTIONS.items()} == {
        "WSInvalidParameterException": (400, 1002),
        "WSUnsupportedVersionException": (400, 0),
        "WSInvalidAuthTokenException": (401, 1006),
        "WSCacheServiceException": (500, 2027),
        "WSInsufficientPrivilegesException": (401, 0),
        "WSEventCancelledException": (400, 0),
        "WSEventNotFoundException": (400, 0),
        "WSEventServiceException": (500, 0),
        "WSNotificationServiceException": (500, 0),
    }


@pytest.mark.acceptance("S4-26")
def test_an_error_has_a_name_a_code_and_a_text(ledger: Served) -> None:
    """Decided: in this order."""
    answer = ask(ledger, {"broadcastType": "GT"})
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json().items()) == [
        ("errorName", "WSInvalidParameterException"),
        ("errorCode", 1002),
        ("errorMessage", "companyId: is required with broadcastType GT."),
    ]


@pytest.mark.acceptance("S4-26")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_method_that_the_document_lacks_is_refused(ledger: Served, method: str) -> None:
    """With the methods that there are; a path that there is not likewise."""
    answer = ledger.client.request(method, PATH)
    refused(answer, 405, "WSInvalidParameterException", 1002)
    assert answer.headers["Allow"] == "GET, HEAD"
    refused(ledger.client.request(method, f"{PATH}/1"), 404, "WSInvalidParameterException", 1002)


@pytest.mark.acceptance("S4-09")
@pytest.mark.parametrize("page_rows", [1, 2, 3, 4])
def test_an_answer_has_a_named_limit_of_rows(
    empty_ledger: Served, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    """Decided: one row more is a WSInvalidParameterException, which a narrower question mends; none is left out."""
    monkeypatch.setattr(app, "NOTIFICATIONS_SENT_ROWS_MAX", 4)
    monkeypatch.setattr(app, "PAGE_ROWS", page_rows)
    put(empty_ledger, *(made(number, NOON) for number in range(4)), made(9, groups=[group("company", 4)]))
    assert messages(sent(empty_ledger)) == ["3", "2", "1", "0"]
    put(empty_ledger, made(4, schedule={"id": "5"}))
    assert "NOTIFICATIONS_SENT_ROWS_MAX = 4" in invalid(ask(empty_ledger))
    assert messages(sent(empty_ledger, {"notificationScheduleId": 5})) == ["4"]


def test_the_openapi_document_is_exact(ledger: Served) -> None:
    """The parameters with their bounds, the token, every status with its shape, and none of the framework's own."""
    document = ledger.client.get("/nextinteract/openapi.json", headers=credential("nextinteract")).json()
    assert document["servers"] == [{"url": "/nextinteract"}]
    assert list(document["paths"]) == ["/rest/notification/sent"]
    (operation,) = document["paths"]["/rest/notification/sent"].values()
    long: dict[str, object] = {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
    text: dict[str, object] = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[^\x00-\x1f\x7f]+$"}
    schemas: dict[str, dict[str, object]] = {
        "version": {"type": "integer", "format": "int64", "enum": [1]},
        "broadcastType": {"type": "string", "enum": ["GT", "GE", "JN", "GA", "UN", "ET"]},
        "companyId": long,
        "eventUUID": text,
        "notificationScheduleId": long,
        "brochureId": long,
    }
    assert {each["name"]: (each["required"], each["schema"]) for each in operation["parameters"]} == {
        name: (name == "version", {**schema, "title": name.capitalize()}) for name, schema in schemas.items()
    }
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", HEADER)
    assert list(operation["responses"]) == ["200", *map(str, RESPONSES)]
    assert set(document["components"]["schemas"]) == {"EmailParam", "ErrorBody", "SentNotification"}


def test_the_model_has_the_fields_of_the_mapping_in_its_order() -> None:
    """And a field that it requires is never absent: it has a default, or it follows from the facts."""
    assert list(SentNotification.model_fields) == list(FIELDS)
    assert BROADCAST_TYPES == ("GT", "GE", "JN", "GA", "UN")
    required = {name for name, field in SentNotification.model_fields.items() if field.is_required()}
    derived = {"successful", "totalNotificationsSent", "notificationCreated", "notificationModified"}
    assert required == {*DEFAULTS, *derived}


def test_the_requests_of_the_guide_answer_what_it_shows(ledger: Served) -> None:
    """Run as they stand, with a key of the samples' tenant."""
    for answered, shown in requests_of("nextinteract", ledger, secret_of(NEXTINTERACT)):
        assert shown == answered


def test_the_guide_names_every_default_and_error() -> None:
    """Each default with its value, each exception with its status and code."""
    page = (GUIDES / "nextinteract.md").read_text(encoding="utf-8")
    for name, value in DEFAULTS.items():
        assert f"| `{name}` | `{json.dumps(value)}` |" in page, name
    for name, (status, code) in EXCEPTIONS.items():
        assert f"| {status} | {code} | `{name}` |" in page, name


def test_a_key_without_a_tenant_lacks_the_privilege(fresh_ledger: Served) -> None:
    """Whatever role it has."""
    fresh_ledger.callers["none"] = Caller(Role.APPLICATION)
    refused(ask(fresh_ledger, headers={HEADER: "none"}), 401, "WSInsufficientPrivilegesException", 0)
