import json
from typing import Any

from ledger_queries.dialects.suger.answer_types import CreatedBy, NotificationEvent
from ledger_queries.dialects.suger.fields import CREATED_BY, DEFAULTS, FIELDS

from .guides import GUIDES, requests_of
from .serving import SUGER, Served, credential, secret_of


def document(served: Served) -> dict[str, Any]:
    """Return the OpenAPI document."""
    found: dict[str, Any] = served.client.get("/suger/openapi.json", headers=credential("suger")).json()
    return found


def test_the_openapi_document_has_the_one_path_and_its_statuses(ledger: Served) -> None:
    """Every status that can come, each error as a JSON string; none of the framework's own shapes."""
    found = document(ledger)
    assert found["servers"] == [{"url": "/suger"}]
    assert list(found["paths"]) == ["/org/{orgId}/notificationEvent"]
    (operation,) = found["paths"]["/org/{orgId}/notificationEvent"].values()
    assert operation["security"] == [{"APIKeyAuth": []}, {"BearerAuth": []}]
    assert list(operation["responses"]) == ["200", "400", "401", "404", "500"]
    for status in ("400", "401", "404", "500"):
        assert operation["responses"][status]["content"]["application/json"]["schema"] == {"type": "string"}
    assert set(found["components"]["schemas"]) == {"CreatedBy", "NotificationEvent", "NotificationEvents", "TrackEvent"}


def test_the_openapi_document_has_the_vendor_s_parameters_with_their_bounds(ledger: Served) -> None:
    """By the names and limits that the application holds them to."""
    (operation,) = document(ledger)["paths"]["/org/{orgId}/notificationEvent"].values()
    bounds = ("type", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "default")
    found = {
        each["name"]: {name: each["schema"][name] for name in bounds if name in each["schema"]}
        for each in operation["parameters"]
    }
    word = " *(LOW|MEDIUM|HIGH|CRITICAL)? *"
    assert found == {
        "orgId": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[^\x00-\x1f\x7f]+$"},
        "startDate": {"type": "string", "format": "date"},
        "endDate": {"type": "string", "format": "date"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000},
        "offset": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 0},
        "priorities": {"type": "string", "pattern": f"^{word}(,{word})*$", "default": ""},
    }


def test_the_models_have_the_fields_of_the_mapping_in_its_order() -> None:
    """And a field that the document requires is never absent: it has a default, or it is always read."""
    assert list(NotificationEvent.model_fields) == list(FIELDS)
    assert list(CreatedBy.model_fields) == list(CREATED_BY)
    assert [name for name, field in NotificationEvent.model_fields.items() if not field.is_required()] == ["info"]


def test_the_requests_of_the_guide_answer_what_it_shows(ledger: Served) -> None:
    """Run as they stand, with a key of the samples' organization."""
    for answered, shown in requests_of("suger", ledger, secret_of(SUGER)):
        assert shown == answered


def test_the_guide_has_the_defaults() -> None:
    """All of them, with their values."""
    page = (GUIDES / "suger.md").read_text(encoding="utf-8")
    for name, value in DEFAULTS.items():
        assert f"| `{name}` | `{json.dumps(value)}` |" in page, name
