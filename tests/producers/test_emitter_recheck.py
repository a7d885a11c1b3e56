"""What was copied or constructed passes no check of its own: the emitter checks it, in the words of the contract."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_producers import Emitter
from ledger_producers.recheck import recheck
from ledger_schemas import AudienceMember, Personal, Receipt, Subject, encode_event, limits, new_id
from ledger_schemas.errors import ContractViolation
from ledger_schemas.events import Event, NotificationCreated
from ledger_schemas.kinds import Kind
from ledger_schemas.parsing import parse_event
from tests.conftest import Kafka
from tests.schemas.strategies import events

from .the_log import TENANT, Record, fired, log_of, with_topic

LINES: Final = "\n" * 5_000
CREATED: Final = {"kind": "created", "tenant_id": TENANT, "notification_id": new_id(), "source": "test"}
LONG: Final = "x" * (limits.TITLE_CHARS_MAX + 1)
ANN: Final = AudienceMember(recipient_id="ann")

UNCHECKED: Final[list[tuple[dict[str, Any], dict[str, Any], str]]] = [
    ({"tenant_id": LINES}, {"tenant_id": LINES}, "ID_CHARS_MAX = 128; it has 5000"),
    ({"tenant_id": "\n"}, {"tenant_id": "\n"}, "tenant_id: "),
    ({"source": 7}, {"source": 7}, "source: "),
    ({"notification_id": UUID(int=0)}, {"notification_id": UUID(int=0)}, "RFC 9562"),
    ({"occurred_at": datetime(2026, 1, 1)}, {"occurred_at": datetime(2026, 1, 1)}, "occurred_at: "),  # noqa: DTZ001 - what is refused
    ({"delivery_ref": "step-1"}, {"delivery_ref": "step-1"}, "needs channel"),
    ({"attributes": "[]"}, {"attributes": "[]"}, "must be a JSON object"),
    ({"nickname": "x"}, {"nickname": "x"}, "nickname: "),
    ({"kind": "sent"}, {"kind": "sent"}, "kind: must be one of created, fired"),
    ({"personal": {"title": LONG}}, {"personal": {"title": LONG}}, "TITLE_CHARS_MAX = 1000; it has 1001"),
    ({"personal": Personal.model_construct(title=LONG)}, {"personal": {"title": LONG}}, "TITLE_CHARS_MAX"),
    ({"personal": "x"}, {"personal": "x"}, "personal: "),
    ({"subject": Subject().model_copy(update={"id": LINES})}, {"subject": {"id": LINES}}, "subject.id: "),
    ({"audience": (ANN, ANN)}, {"audience": [{"recipient_id": "ann"}] * 2}, "must name a recipient once"),
    ({"audience": [ANN, {}]}, {"audience": [{"recipient_id": "ann"}, {}]}, "audience.1.recipient_id: "),
    ({"tags": ("",)}, {"tags": [""]}, "tags.0: "),
]
"""What is sneaked into a model, what says the same in a document, and a part of what is said of it."""


@pytest.mark.parametrize(("sneaked", "stated", "told"), UNCHECKED)
def test_a_copy_is_refused_in_the_words_for_a_document(
    sneaked: dict[str, Any], stated: dict[str, Any], told: str
) -> None:
    """Field, limit and size: an emitter's error and that of the document which says the same are one."""
    with pytest.raises(ContractViolation) as of_document:
        parse_event({**CREATED, **stated})
    copied: Event = NotificationCreated.model_validate(CREATED).model_copy(update=sneaked)
    constructed: Event = NotificationCreated.model_construct(**{**CREATED, **sneaked})
    # A construction leaves out a field that its model does not have.
    for event in [copied] if "nickname" in sneaked else [copied, constructed]:
        with pytest.raises(ContractViolation) as refused:
            recheck(event)
        assert of_document.value.message == refused.value.message
        assert of_document.value.field == refused.value.field
    assert told in of_document.value.message


def test_a_construction_without_a_field_is_refused() -> None:
    """A field that every event needs is not made up."""
    fields: dict[str, Any] = {"notification_id": new_id(), "source": "test"}
    with pytest.raises(ContractViolation, match=r"^tenant_id: Field required"):
        recheck(NotificationCreated.model_construct(**fields))


@given(st.sampled_from(Kind).flatmap(events))
def test_a_valid_event_is_put_unchanged(event: Event) -> None:
    """Equal, of the same kind, and the same bytes: its id and its time too."""
    again = recheck(event)
    assert event == again
    assert type(event) is type(again)
    assert encode_event(event) == encode_event(again)


def test_what_a_projector_would_quarantine_gets_no_receipt(kafka: Kafka, topic_name: str) -> None:
    """The field begins with the index where there are several; nothing is written; a valid copy is."""

    async def scenario() -> tuple[list[Record], list[Record], list[Event]]:
        spec = await with_topic(kafka, topic_name, 1)
        sneaked: Event = fired().model_copy(update={"tenant_id": LINES})
        as_document: Event = fired().model_copy(update={"personal": {"detail": "250 OK"}})
        valid: Event = fired(occurred_at=datetime(2020, 1, 1, tzinfo=UTC)).model_copy(update={"actor": "user-1"})
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            with pytest.raises(ContractViolation, match=r"^1\.tenant_id: String should have at most 128") as refused:
                await emitter.put_many([fired(), sneaked])
            assert refused.value.field == "1.tenant_id"
            with pytest.raises(ContractViolation, match=r"^tenant_id: String should have at most 128") as refused:
                await emitter.put(sneaked)
            assert refused.value.field == "tenant_id"
            empty = await log_of(kafka, spec)
            await emitter.put_many([valid, as_document])
        return empty, await log_of(kafka, spec), [valid, recheck(as_document)]

    empty, log, stated = asyncio.run(scenario())
    assert empty == []
    assert [record.event for record in log] == stated
    assert stated[1].personal == Personal(detail="250 OK")


def test_a_receipt_has_the_ids_that_the_log_has(kafka: Kafka, topic_name: str) -> None:
    """An id that a copy holds as text is an id in the receipt, in the one spelling of the contract."""
    event_id = new_id()

    async def scenario() -> tuple[Receipt, list[Record]]:
        spec = await with_topic(kafka, topic_name, 1)
        as_text: Event = fired().model_copy(update={"event_id": str(event_id).upper()})
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            receipt = await emitter.put(as_text)
        return receipt, await log_of(kafka, spec)

    receipt, log = asyncio.run(scenario())
    assert event_id == receipt.event_id
    assert [event_id] == [record.event.event_id for record in log]


def test_a_kind_that_is_none_is_refused_before_anything_is_asked(kafka: Kafka, topic_name: str) -> None:
    """Also of a copied model: neither a registry nor the schema topic hears of it."""

    async def scenario() -> None:
        spec = await with_topic(kafka, topic_name, 1)
        nonsense: Event = fired().model_copy(update={"kind": "teleported"})
        async with Emitter(kafka.connection, source="shop", topic=spec) as emitter:
            with pytest.raises(ContractViolation, match=r"^kind: must be one of created"):
                await emitter.put(nonsense)

    asyncio.run(scenario())
