import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger_schemas import derive_event_id, derive_inbox_entry_id, derive_notification_id, new_id
from ledger_schemas.errors import ContractViolation
from ledger_schemas.ids import CANONICAL_UUID, derive_created_id, hash_id

VECTORS = Path(__file__).parents[2] / "schemas/contract/id_vectors.json"

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TRIPLES = st.tuples(TEXTS, TEXTS, TEXTS)


def vectors(of: str) -> list[dict[str, Any]]:
    """Return the published known answers of one sort of id."""
    found: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))[of]["vectors"]
    assert found
    return found


def by_hand(*texts: str, prefix: str = "") -> UUID:
    """Return a UUIDv8 of a prefix in hex, then SHA-256 over the texts, from the RFC's picture of the bits."""
    hashed = hashlib.sha256(
        b"".join(len(text.encode()).to_bytes(4, "big") + text.encode() for text in texts)
    ).hexdigest()
    hashed = prefix + hashed
    variant = "89ab"[int(hashed[16], 16) % 4]
    return UUID(f"{hashed[:8]}-{hashed[8:12]}-8{hashed[13:16]}-{variant}{hashed[17:20]}-{hashed[20:32]}")


def test_the_vectors_hold_for_notification_ids() -> None:
    """Written down once: another release must derive the same, or a notification would split in two."""
    for vector in vectors("notification_id"):
        texts = (vector["tenant_id"], vector["source"], vector["external_id"])
        assert UUID(vector["id"]) == derive_notification_id(*texts) == by_hand(*texts)


def test_the_vectors_hold_for_the_notification_ids_of_created() -> None:
    """Another release, or another language, must derive the same, or a retry would make a second notification."""
    for vector in vectors("created_id"):
        event_id = vector["event_id"]
        prefix = event_id.replace("-", "")[:12]
        assert UUID(vector["id"]) == derive_created_id(vector["tenant_id"], UUID(event_id))
        assert UUID(vector["id"]) == by_hand(vector["tenant_id"], event_id, prefix=prefix)


def test_the_vectors_hold_for_hashed_ids() -> None:
    """Another language must hash the same, or a delivery would be two."""
    for vector in vectors("hashed_id"):
        assert vector["id"] == hash_id(vector["text"])
        assert vector["id"] == f"sha256:{hashlib.sha256(vector['text'].encode()).hexdigest()}"


def test_the_vectors_hold_for_event_ids() -> None:
    """Another release, or another language, must derive the same, or a redelivered fact would count twice."""
    for vector in vectors("event_id"):
        occurred_at = datetime.fromisoformat(vector["occurred_at"])
        assert UUID(vector["id"]) == derive_event_id(occurred_at, *vector["identity"])
        prefix = f"{max(0, vector['milliseconds']):012x}"
        assert UUID(vector["id"]) == by_hand(str(vector["milliseconds"]), *vector["identity"], prefix=prefix)


def test_the_vectors_hold_for_inbox_entry_ids() -> None:
    """Another release must derive the same, or a link to an inbox entry would lead nowhere."""
    for vector in vectors("inbox_entry_id"):
        texts = (vector["tenant_id"], vector["notification_id"], vector["recipient_id"])
        derived = derive_inbox_entry_id(texts[0], UUID(texts[1]), texts[2])
        assert UUID(vector["id"]) == derived == by_hand(*texts, prefix=derived.hex[:12])
        assert UUID(vector["notification_id"]).bytes[:6] == derived.bytes[:6]


@given(texts=TRIPLES)
def test_a_derived_id_is_sha_256_with_version_and_variant(texts: tuple[str, str, str]) -> None:
    """The first 16 bytes of SHA-256 over the length-prefixed texts; version 8, the variant of RFC 9562."""
    derived = derive_notification_id(*texts)
    assert by_hand(*texts) == derived
    assert (derived.version, derived.variant) == (8, RFC_4122)
    assert CANONICAL_UUID.fullmatch(str(derived))


@given(texts=TRIPLES, others=TRIPLES)
def test_different_texts_give_different_ids(texts: tuple[str, str, str], others: tuple[str, str, str]) -> None:
    """Whatever the three texts are: the same id means the same three."""
    assume(texts != others)
    assert derive_notification_id(*texts) != derive_notification_id(*others)


def test_moving_a_boundary_gives_another_id() -> None:
    """("ab", "c") and ("a", "bc") are different emitters' ids, although they join to the same text."""
    ids = {
        derive_notification_id(*texts)
        for texts in (("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd"), ("abc", "d", "d"))
    }
    assert len(ids) == 4


def test_a_new_id_is_a_uuid_v7_of_this_millisecond() -> None:
    """Version 7, the variant of RFC 9562, the time in the first 48 bits."""
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after
    assert CANONICAL_UUID.fullmatch(str(made))


def test_new_ids_increase() -> None:
    """Also those of one millisecond: ids of one process are in the order in which they were made."""
    made = [new_id() for _ in range(20_000)]
    assert len({one.int >> 80 for one in made}) < len(made)
    assert all(one.int < next_one.int for one, next_one in pairwise(made))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.datetimes(EPOCH.replace(tzinfo=None), timezones=st.just(UTC))
IDENTITIES = st.lists(TEXTS | st.just(""), min_size=1, max_size=4).filter(any)


@given(time=TIMES, identity=IDENTITIES)
def test_an_event_id_is_a_uuid_v8_of_the_facts_own_millisecond(time: datetime, identity: list[str]) -> None:
    """The same for every redelivery; version 8, the variant of RFC 9562, the time where a UUIDv7 has it."""
    derived = derive_event_id(time, *identity)
    assert derived == derive_event_id(time, *identity)
    assert (derived.version, derived.variant) == (8, RFC_4122)
    assert (time - EPOCH) // timedelta(milliseconds=1) == derived.int >> 80
    assert CANONICAL_UUID.fullmatch(str(derived))


@given(time=TIMES, identity=IDENTITIES, other=IDENTITIES)
def test_another_identity_gives_another_event_id(time: datetime, identity: list[str], other: list[str]) -> None:
    """Also one that joins to the same text: ("a", "b") is not ("ab",)."""
    assume(identity != other)
    assert derive_event_id(time, *identity) != derive_event_id(time, *other)


@given(time=TIMES, other=TIMES, identity=IDENTITIES, others=IDENTITIES)
def test_event_ids_are_in_the_order_of_their_times(
    time: datetime, other: datetime, identity: list[str], others: list[str]
) -> None:
    """To the millisecond: duplicates are looked for where their time says that they are."""
    earlier, later = sorted((time, other))
    assume((later - EPOCH) // timedelta(milliseconds=1) > (earlier - EPOCH) // timedelta(milliseconds=1))
    assert derive_event_id(earlier, *identity) < derive_event_id(later, *others)


def test_an_event_id_depends_on_the_instant_and_not_on_its_spelling() -> None:
    """Another offset and microseconds that a provider adds at its next try change nothing; a millisecond does."""
    time = datetime.fromisoformat("2026-01-02T03:04:05.678Z")
    same = [datetime.fromisoformat("2026-01-02T05:04:05.678+02:00"), time + timedelta(microseconds=999)]
    assert {derive_event_id(time, "a")} == {derive_event_id(one, "a") for one in same}
    assert derive_event_id(time, "a") != derive_event_id(time + timedelta(milliseconds=1), "a")


def test_before_1970_facts_have_ids_of_their_own() -> None:
    """The time in front is 0 for all of them, the time in the hash is not."""
    times = [EPOCH - timedelta(milliseconds=past) for past in (0, 1, 10**12)]
    ids = {derive_event_id(time, "a") for time in times}
    assert len(ids) == 3
    assert {derived.int >> 80 for derived in ids} == {0}


@pytest.mark.parametrize(
    ("derive", "field"),
    [
        (lambda: derive_notification_id("", "shop", "order-1"), "tenant_id"),
        (lambda: derive_notification_id("acme", "shop", ""), "external_id"),
        (lambda: derive_notification_id("acme", "shop", "\ud800"), None),
        (lambda: derive_event_id(EPOCH, ""), "identity"),
        (lambda: derive_event_id(EPOCH, "", ""), "identity"),
        (lambda: derive_event_id(EPOCH.replace(tzinfo=None), "a"), "occurred_at"),
        (lambda: derive_inbox_entry_id("acme", UUID(int=0), ""), "recipient_id"),
    ],
)
def test_what_has_no_name_has_no_id(derive: Callable[[], UUID], field: str | None) -> None:
    """Everything without a name would share one id: refused, with the field."""
    with pytest.raises(ContractViolation) as refused:
        derive()
    assert field == refused.value.field


@given(tenant=TEXTS, notification=st.uuids(), recipient=TEXTS, other=TEXTS)
def test_an_inbox_entry_has_an_id_per_tenant_notification_and_recipient(
    tenant: str, notification: UUID, recipient: str, other: str
) -> None:
    """Derived, so that everybody names it alike; as ordered by time as the notification's own id."""
    derived = derive_inbox_entry_id(tenant, notification, recipient)
    assert derived == derive_inbox_entry_id(tenant, notification, recipient)
    assert (derived.version, derived.bytes[:6]) == (8, notification.bytes[:6])
    assume(other != recipient)
    assert derived != derive_inbox_entry_id(tenant, notification, other)
    assert (tenant == other) == (derived == derive_inbox_entry_id(other, notification, recipient))
