from __future__ import annotations

from ledger_queries.dialects.easir import creating
from ledger_queries.dialects.easir.failures import responses

from .guides import GUIDES, requests_of
from .serving import EASIR, Served, secret_of


def test_the_requests_of_the_guide_answer_what_it_shows(fresh_ledger: Served) -> None:
    """Run as they stand, in their order, with the key of the user whose list the document shows."""
    for answered, shown in requests_of("easir", fresh_ledger, secret_of(EASIR, user="54")):
        assert shown == answered


def test_the_guide_names_every_error_and_limit() -> None:
    """The statuses of the OpenAPI document, and how many users and teams a request may have."""
    page = (GUIDES / "easir.md").read_text(encoding="utf-8")
    for status in responses(404, 405, 504):
        assert f"| {status} |" in page, status
    assert f"{creating.USERS_MAX:,} users" in page
    assert f"{creating.RECIPIENTS_MAX:,} users" in page
    assert f"last {creating.REQUEST_KEY_HOURS_MAX} hours" in page
