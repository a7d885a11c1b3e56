from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger_infra.demo.transcripts import Sample, transcribe
from ledger_queries.dialects.suger import vocabulary
from ledger_schemas.limits import DATA_DEPTH_MAX
from tests.queries.builder import NOON, numbered

from .documents import FURTHER
from .serving import SUGER, Served, event
from .suger import OF_NOON, OF_THE_SAMPLES, created, events, listed, samples

CONTACTS = [{"recipient_id": "ann"}, {"recipient_id": "bob", "role": "cc"}, {"recipient_id": "cy", "role": "to_cc"}]


def one(served: Served) -> dict[str, Any]:
    """Return the only event of the day of NOON."""
    (found,) = events(served)
    return found


@pytest.mark.acceptance("S1-15", "S1-27")
def test_the_samples_come_back_whole(ledger: Served) -> None:
    """Every field of every sample, in value, in type and in the document's order."""
    found = events(ledger, OF_THE_SAMPLES)
    for expected, got in zip(samples(), found, strict=True):
        assert expected == got
        assert list(expected) == list(got)
        assert list(expected["createdBy"]) == list(got["createdBy"])
        assert [list(each) for each in expected["trackEvents"]] == [list(each) for each in got["trackEvents"]]


@pytest.mark.acceptance("S1-16", "S1-22")
@pytest.mark.parametrize(
    "document", [each for each in FURTHER if each.vendor == "suger"], ids=lambda each: each.heading
)
def test_what_no_sample_has_comes_back_whole(empty_ledger: Served, document: Sample) -> None:
    """A contact in both lists; an event of which nobody stated what became."""
    empty_ledger.put(*transcribe(document))
    assert events(empty_ledger, OF_THE_SAMPLES) == [document.row]


@pytest.mark.acceptance("S1-15")
def test_what_was_never_recorded_has_suger_s_empty_values(empty_ledger: Served) -> None:
    """A `created` that says nothing, of an audience of nobody: its id is then the notification's."""
    empty_ledger.put(event("created", SUGER, 1))
    assert one(empty_ledger) == {
        "action": "",
        "ccContactIds": [],
        "channels": [],
        "contactEmails": [],
        "contactIds": [],
        "createdBy": {"email": "", "entityId": "", "entityType": "", "name": ""},
        "customFields": {},
        "entityID": "",
        "entityName": "",
        "entityStatus": "",
        "entityType": "",
        "eventID": str(numbered(1)),
        "eventStatus": "",
        "isActionItem": False,
        "lastUpdateTime": "2026-01-02T12:00:00.000Z",
        "message": "",
        "organizationID": SUGER,
        "partner": "",
        "priority": "",
        "requireAudit": False,
        "timestamp": "2026-01-02T12:00:00.000Z",
        "title": "",
        "trackEvents": [],
    }


@pytest.mark.acceptance("S1-15", "S1-27")
def test_an_amended_title_and_status_are_shown(empty_ledger: Served) -> None:
    """The latest that was said of it."""
    empty_ledger.put(
        created(1, personal={"title": "Old", "body": "Old"}, subject={"type": "OFFER", "id": "o", "status": "DRAFT"}),
        event(
            "amended",
            SUGER,
            1,
            NOON + timedelta(seconds=1),
            personal={"title": "New", "body": "Newer"},
            subject={"type": "OFFER", "id": "o", "status": "ACCEPTED"},
        ),
    )
    found = one(empty_ledger)
    assert [found[name] for name in ("title", "message", "entityStatus")] == ["New", "Newer", "ACCEPTED"]


STATUSES = ["", "SCHEDULED", "PENDING", "DONE", "FAILED"]


@pytest.mark.acceptance("S1-16")
@pytest.mark.parametrize("status", [*STATUSES[1:], "ON_HOLD"])
def test_a_stated_event_status_is_shown(empty_ledger: Served, status: str) -> None:
    """As the emitter stated it, whatever the facts say."""
    empty_ledger.put(created(1, attributes={"eventStatus": status}), event("delivered", SUGER, 1, channel="SLACK"))
    assert one(empty_ledger)["eventStatus"] == status


FIRED = event("fired", SUGER, 1)
DELIVERED = event("delivered", SUGER, 1, channel="EMAIL")
FAILED = event("failed", SUGER, 1, channel="EMAIL", permanent=True)
FAILED_FOR_NOW = event("failed", SUGER, 1, channel="EMAIL")


@pytest.mark.acceptance("S1-16")
@pytest.mark.parametrize(
    ("fields", "facts", "status"),
    [
        ({}, [], ""),
        ({"scheduled_at": NOON}, [], "SCHEDULED"),
        ({"scheduled_at": NOON}, [FIRED], "PENDING"),
        ({}, [FIRED], "PENDING"),
        ({}, [FIRED, FAILED_FOR_NOW], "PENDING"),
        ({}, [FIRED, FAILED], "FAILED"),
        ({}, [FIRED, DELIVERED], "DONE"),
        ({}, [FIRED, FAILED, DELIVERED], "DONE"),
    ],
)
def test_an_event_status_that_nobody_stated_follows_from_the_facts(
    empty_ledger: Served, fields: dict[str, Any], facts: list[Any], status: str
) -> None:
    """Scheduled, then handed over, then delivered or failed for good."""
    empty_ledger.put(created(1, **fields), *facts)
    assert one(empty_ledger)["eventStatus"] == status


WORDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "action": (37, ("", *vocabulary.ACTIONS)),
    "entityType": (26, ("", *vocabulary.ENTITY_TYPES)),
    "createdBy": (26, ("", *vocabulary.ENTITY_TYPES)),
    "partner": (22, ("", *vocabulary.PARTNERS)),
    "priority": (5, ("", *vocabulary.PRIORITIES)),
    "channels": (8, vocabulary.CHANNELS),
}


def stating(field: str, word: str) -> dict[str, Any]:
    """Return the part of a `created` in which a word of Suger's is recorded; the empty word is not recorded."""
    stated: dict[str, dict[str, Any]] = {
        "action": {"action": word},
        "entityType": {"subject": {"type": word}},
        "createdBy": {"creator": {"type": word}},
        "partner": {"attributes": {"partner": word}},
        "priority": {"priority": word},
        "channels": {"channels": [word]},
    }
    return stated[field] if word else {}


def shown(found: dict[str, Any], field: str) -> str:
    """Return the word that an event shows in a field."""
    value = found[field]
    word: str = value["entityType"] if field == "createdBy" else value[0] if field == "channels" else value
    return word


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("action", marks=pytest.mark.acceptance("S1-17")),
        pytest.param("channels", marks=pytest.mark.acceptance("S1-18")),
        pytest.param("entityType", marks=pytest.mark.acceptance("S1-19")),
        pytest.param("createdBy", marks=pytest.mark.acceptance("S1-19")),
        pytest.param("partner", marks=pytest.mark.acceptance("S1-20")),
        pytest.param("priority", marks=pytest.mark.acceptance("S1-21")),
    ],
)
def test_each_word_of_the_document_comes_back(empty_ledger: Served, field: str) -> None:
    """As many words as the document lists, and each is shown as it was recorded."""
    count, words = WORDS[field]
    assert count == len(set(words))
    empty_ledger.put(*(created(number, **stating(field, word)) for number, word in enumerate(words)))
    found = {each["eventID"]: shown(each, field) for each in events(empty_ledger)}
    assert found == {f"event-{number}": word for number, word in enumerate(words)}


@pytest.mark.acceptance("S1-31")
@pytest.mark.parametrize("field", WORDS)
def test_a_word_that_the_document_lacks_comes_back_as_recorded(empty_ledger: Served, field: str) -> None:
    """Vocabularies drift: no answer fails for it."""
    words = ["PENDING_PARTNER_ACTION", "ARCHIVE", "Größe 9", "low"]
    empty_ledger.put(*(created(number, **stating(field, word)) for number, word in enumerate(words)))
    assert words[::-1] == [shown(each, field) for each in events(empty_ledger)]


@pytest.mark.acceptance("S1-31")
def test_recorded_data_of_other_types_gives_the_empty_values(empty_ledger: Served) -> None:
    """Another application's flags, fields and statuses never break Suger's types."""
    empty_ledger.put(
        created(
            1,
            attributes={"eventStatus": 7, "isActionItem": "yes", "requireAudit": 1, "partner": ["AWS"]},
            data={"customFields": [1], "info": "text"},
        ),
        created(2, personal={"data": "[1, 2]"}),
    )
    for found in events(empty_ledger):
        assert found["eventStatus"] == ""
        assert found["isActionItem"] is False
        assert found["requireAudit"] is False
        assert found["partner"] == ""
        assert found["customFields"] == {}
        assert "info" not in found


@pytest.mark.acceptance("S1-18")
def test_channels_that_only_recipients_name_are_the_event_s(empty_ledger: Served) -> None:
    """Where the event states no list of its own, it is sent over those of its deliveries."""
    empty_ledger.put(created(1, audience=[{"recipient_id": "ann", "channels": ["SMS", "EMAIL"]}]))
    assert one(empty_ledger)["channels"] == ["EMAIL", "SMS"]


@pytest.mark.acceptance("S1-22")
def test_contacts_are_told_apart_from_copies(empty_ledger: Served) -> None:
    """A contact in both lists is in both; an audience that grows later grows them; another role is told too."""
    more = [{"recipient_id": "dan", "role": "cc"}, {"recipient_id": "eve", "role": "follower"}]
    empty_ledger.put(created(1, audience=CONTACTS), event("audience_added", SUGER, 1, audience=more))
    found = one(empty_ledger)
    assert found["contactIds"] == ["ann", "cy", "eve"]
    assert found["ccContactIds"] == ["bob", "cy", "dan"]
    assert found["contactEmails"] == []


@pytest.mark.acceptance("S1-22")
def test_an_address_alone_is_an_email_and_no_contact(empty_ledger: Served) -> None:
    """The made id of its member is shown nowhere; one whose address is unknown is left out."""
    members = [{"recipient_id": f"made-{number}", "role": "to_address"} for number in (1, 2)]
    addresses = '{"made-1": {"EMAIL": "ann@example.com", "SMS": "+49"}, "ann": {"EMAIL": "hidden@example.com"}}'
    empty_ledger.put(
        created(1, audience=[*members, {"recipient_id": "ann"}], personal={"addresses": addresses}),
        event("opened", SUGER, 1, recipient_id="made-1", channel="EMAIL"),
    )
    found = one(empty_ledger)
    assert found["contactIds"] == ["ann"]
    assert found["contactEmails"] == ["ann@example.com"]
    assert found["trackEvents"] == [{"action": "OPEN_EMAIL", "timestamp": "2026-01-02T12:00:00.000Z"}]


@pytest.mark.acceptance("S1-23")
def test_the_creator_has_four_fields(empty_ledger: Served) -> None:
    """An API client without a mail address as well as a user."""
    personal = {"creator_name": "Sam", "creator_address": "sam@example.com"}
    empty_ledger.put(
        created(1, creator={"type": "USER", "id": "u-1"}, personal=personal),
        created(2, creator={"type": "API_CLIENT", "id": "c-1"}),
    )
    found = {each["eventID"]: each["createdBy"] for each in events(empty_ledger)}
    assert found == {
        "event-1": {"email": "sam@example.com", "entityId": "u-1", "entityType": "USER", "name": "Sam"},
        "event-2": {"email": "", "entityId": "c-1", "entityType": "API_CLIENT", "name": ""},
    }


ANY_JSON = {"a": [1, 0.5, True, None, {"b": {}}], "Größe": '\u2028 \U0001f600 \\ "', "": [], "n": -0.1, "big": 2**53}


@pytest.mark.acceptance("S1-24")
def test_custom_fields_come_back_unchanged(empty_ledger: Served) -> None:
    """Whatever JSON they hold, in its order."""
    empty_ledger.put(created(1, data={"customFields": ANY_JSON}))
    found = one(empty_ledger)["customFields"]
    assert found == ANY_JSON
    assert list(found) == list(ANY_JSON)


@pytest.mark.acceptance("S1-24")
def test_the_deepest_document_comes_back_whole(empty_ledger: Served) -> None:
    """One as deep as the contract lets in, with a number that no float holds, inside a page of events."""
    deepest: dict[str, Any] = {"n": 10**300 + 1}
    for _ in range(DATA_DEPTH_MAX - 2):  # The document itself and the number's object are levels, too.
        deepest = {"a": deepest}
    empty_ledger.put(created(1, data={"customFields": deepest}))
    assert one(empty_ledger)["customFields"] == deepest


@pytest.mark.acceptance("S1-25")
@pytest.mark.parametrize("info", [{}, ANY_JSON])
def test_info_comes_back_unchanged(empty_ledger: Served, info: dict[str, Any]) -> None:
    """An empty one too; an event without any has none."""
    empty_ledger.put(created(1, data={"info": info}), created(2))
    with_info, without = sorted(events(empty_ledger), key=lambda each: str(each["eventID"]))
    assert with_info["info"] == info
    assert "info" not in without


@pytest.mark.acceptance("S1-26")
@pytest.mark.parametrize(("action_item", "audit"), [(True, False), (False, True)])
def test_flags_are_booleans(empty_ledger: Served, action_item: bool, audit: bool) -> None:  # noqa: FBT001
    """Each as it was recorded."""
    empty_ledger.put(created(1, attributes={"isActionItem": action_item, "requireAudit": audit}))
    found = one(empty_ledger)
    assert (found["isActionItem"], found["requireAudit"]) == (action_item, audit)


@pytest.mark.acceptance("S1-28")
def test_times_are_in_milliseconds_and_never_later_than_they_were(empty_ledger: Served) -> None:
    """What is finer is cut."""
    empty_ledger.put(
        created(1, NOON + timedelta(microseconds=1_999)),
        event("read", SUGER, 1, NOON + timedelta(microseconds=999_999)),
    )
    found = one(empty_ledger)
    assert found["timestamp"] == "2026-01-02T12:00:00.001Z"
    assert found["lastUpdateTime"] == "2026-01-02T12:00:00.999Z"


@pytest.mark.acceptance("S1-28")
def test_the_timestamp_is_when_it_is_scheduled_else_created(empty_ledger: Served) -> None:
    """The update of a scheduled event that nothing happened to is its creation."""
    empty_ledger.put(created(1, scheduled_at=datetime(2026, 1, 2, 23, 59, 59, 999_999, UTC)))
    found = one(empty_ledger)
    assert found["timestamp"] == "2026-01-02T23:59:59.999Z"
    assert found["lastUpdateTime"] == "2026-01-02T12:00:00.000Z"


@pytest.mark.acceptance("S1-28")
def test_openings_update_nothing(empty_ledger: Served) -> None:
    """Decided: neither by people, which trackEvents has, nor by machines; any other fact does."""
    later = [NOON + timedelta(minutes=minute) for minute in range(1, 4)]
    empty_ledger.put(
        created(1),
        event("acknowledged", SUGER, 1, later[0]),
        event("opened", SUGER, 1, later[1], channel="EMAIL"),
        event("opened", SUGER, 1, later[2], channel="EMAIL", automated=True),
    )
    assert one(empty_ledger)["lastUpdateTime"] == "2026-01-02T12:01:00.000Z"


@pytest.mark.acceptance("S1-29")
def test_track_events_are_openings_of_the_mail_by_people(empty_ledger: Served) -> None:
    """Every one, oldest first; not by machines, over other channels, or taken back."""
    minutes = [NOON + timedelta(minutes=minute) for minute in range(8)]
    taken_back = event("opened", SUGER, 1, minutes[3], recipient_id="ann", channel="EMAIL")
    empty_ledger.put(
        created(1, audience=CONTACTS, channels=["EMAIL", "SLACK"]),
        event("opened", SUGER, 1, minutes[5], channel="email"),
        event("opened", SUGER, 1, minutes[4], recipient_id="ann", channel="EMAIL"),
        event("opened", SUGER, 1, minutes[2], recipient_id="bob", channel="EMAIL"),
        event("opened", SUGER, 1, minutes[1], recipient_id="ann", channel="EMAIL"),
        taken_back,
        event("retracted", SUGER, 1, minutes[6], retracted_event_id=taken_back.event_id),
        event("opened", SUGER, 1, minutes[6], recipient_id="ann", channel="EMAIL", automated=True),
        event("opened", SUGER, 1, minutes[7], recipient_id="ann", channel="SLACK"),
        event("opened", SUGER, 1, minutes[7], recipient_id="ann"),
        created(2),
    )
    second, first = listed(empty_ledger, OF_NOON)["notificationEvents"]
    assert first["trackEvents"] == [
        {"action": "OPEN_EMAIL", "contactId": "ann", "timestamp": "2026-01-02T12:01:00.000Z"},
        {"action": "OPEN_EMAIL", "contactId": "bob", "timestamp": "2026-01-02T12:02:00.000Z"},
        {"action": "OPEN_EMAIL", "contactId": "ann", "timestamp": "2026-01-02T12:04:00.000Z"},
        {"action": "OPEN_EMAIL", "timestamp": "2026-01-02T12:05:00.000Z"},
    ]
    assert second["trackEvents"] == []
