from __future__ import annotations

from ledger_queries.dialects.realtimeregister.failures import ROUTING, STATUSES
from ledger_queries.dialects.realtimeregister.fields import DEFAULTS

from .guides import GUIDES, requests_of
from .serving import REALTIMEREGISTER, Served, secret_of


def test_the_requests_of_the_guide_answer_what_it_shows(ledger: Served) -> None:
    """Run as they stand, with a key of the samples' tenant."""
    for answered, shown in requests_of("realtimeregister", ledger, secret_of(REALTIMEREGISTER)):
        assert shown == answered


def test_the_guide_names_every_default_and_error() -> None:
    """Each required field without a recorded fact, and each error that a route can raise."""
    page = (GUIDES / "realtimeregister.md").read_text(encoding="utf-8")
    named = {"InvalidMessage", "ObjectDoesNotExist", "InternalSRSError", "ProviderUnavailable", *ROUTING.values()}
    assert named - set(ROUTING.values()) <= STATUSES.keys()
    for name in {*named, *DEFAULTS}:
        assert f"| `{name}` |" in page, name
