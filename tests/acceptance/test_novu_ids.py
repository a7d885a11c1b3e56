"""Which event an id of Novu's names, over HTTP: the emitter's own, else a derived one, and never one of two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from ledger_queries import reading
from ledger_queries.dialects.novu import lookup
from ledger_schemas.ids import derive_inbox_entry_id
from ledger_schemas.limits import RECIPIENTS_PER_EVENT_MAX
from tests.queries.builder import NOON, numbered

from .novu import EXTERNAL_ID, ask, created, derived_ids, refused, retrieved
from .serving import NOVU, Served, event

FIRST: Final = "de3000000000000000000001"
BOTH: Final = ({"recipient_id": "ann"}, {"recipient_id": "bob"})


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
def test_decided_an_emitters_id_that_is_the_derived_one_of_another_event_is_not_found(empty_ledger: Served) -> None:
    """It fits two: nobody who was given the derived one is shown the other event under it."""
    (derived,) = derived_ids("ann")
    empty_ledger.put(created(external_id=None))
    assert retrieved(empty_ledger, derived)["subscriber"]["subscriberId"] == "ann"
    empty_ledger.put(event("created", NOVU, 2, audience=[{"recipient_id": "cid"}], external_id=derived))
    refused(ask(empty_ledger, derived), 404)


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
