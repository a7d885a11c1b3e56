import hashlib
import time
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger_schemas import derive_notification_id, new_id
from ledger_schemas.ids import CANONICAL_UUID

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TRIPLES = st.tuples(TEXTS, TEXTS, TEXTS)


def by_hand(*texts: str) -> UUID:
    """Return a UUIDv8 of SHA-256 over the texts, each behind its length, made from the RFC's picture of the bits."""
    hashed = hashlib.sha256(
        b"".join(len(text.encode()).to_bytes(4, "big") + text.encode() for text in texts)
    ).hexdigest()
    variant = "89ab"[int(hashed[16], 16) % 4]
    return UUID(f"{hashed[:8]}-{hashed[8:12]}-8{hashed[13:16]}-{variant}{hashed[17:20]}-{hashed[20:32]}")


@pytest.mark.parametrize(
    ("texts", "derived"),
    [
        (("acme", "shop", "order-1"), "02167578-48d2-8f80-b467-804ac7627d63"),
        (("acme", "shop", "order-2"), "9985d6e4-8e2c-8501-a9ea-228092325518"),
        (("acme", "", "é\U0001f4e6"), "c7d68d5d-8924-8461-bd6d-eebdde12ca81"),
    ],
)
def test_a_derived_id_is_fixed_for_ever(texts: tuple[str, str, str], derived: str) -> None:
    """Written down once: another release must derive the same, or a notification would split in two."""
    assert UUID(derived) == derive_notification_id(*texts)


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
        derive_notification_id(*texts) for texts in (("ab", "c", ""), ("a", "bc", ""), ("a", "b", "c"), ("", "", "abc"))
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
