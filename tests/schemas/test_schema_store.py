"""The schema store on a real topic: first one wins, forgeries are passed over, and it stays current."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from structlog.testing import capture_logs

from ledger_schemas import KafkaConnection, TopicSpec, limits
from ledger_schemas.errors import BrokerUnavailable, KindUnknown, TopicMisconfigured
from ledger_schemas.framing import SchemaReference
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.schema_topic import Skip, binding_of
from ledger_schemas.shipped import WriterSchema, current_schema, fingerprint_of_text, writer_schema
from ledger_schemas.topic import ensure_topic, schemas_topic_spec
from tests.conftest import Kafka

CREATED = current_schema(Kind.CREATED)

Record = tuple[bytes | None, bytes | None]


def ahead(field: str = "mood") -> WriterSchema:
    """Return a schema of a kind that this distribution does not ship: one more field, nullable."""
    document = CREATED.document
    document["fields"].append({"name": field, "type": ["null", "string"], "default": None})
    return writer_schema(json.dumps(document))


AHEAD = ahead()
BOUND: Record = (binding_of(AHEAD).key, binding_of(AHEAD).value)
REFERENCE = SchemaReference.to_fingerprint(AHEAD.fingerprint)


async def with_topic(kafka: Kafka, name: str, *records: Record) -> TopicSpec:
    """Make a schema topic and append the records, as anybody might."""
    spec = schemas_topic_spec(name)
    await ensure_topic(kafka.connection, spec)
    await append(kafka, spec, records)
    return spec


async def append(kafka: Kafka, spec: TopicSpec, records: Sequence[Record], **options: str) -> None:
    """Append the records."""
    async with AIOKafkaProducer(**kafka.connection.client_options(), acks="all", **options) as producer:
        for key, value in records:
            await producer.send_and_wait(spec.name, value, key=key)


def test_it_reads_the_topic_from_its_beginning_and_stays_current(kafka: Kafka, topic_name: str) -> None:
    """Entering reads what is there, refreshing what came since; what is shipped is known without the topic."""

    async def work() -> None:
        spec = await with_topic(kafka, topic_name, BOUND)
        other = ahead("temper")
        async with SchemaStore(kafka.connection, spec) as store:
            assert {REFERENCE: AHEAD.text} == dict(store.bound)
            assert (AHEAD.text, Kind.CREATED) == (store.known.find(REFERENCE).text, store.known.find(REFERENCE).kind)
            assert SchemaReference.to_fingerprint(CREATED.fingerprint) in store.known
            assert SchemaReference.to_fingerprint(other.fingerprint) not in store.known
            await append(kafka, spec, [(binding_of(other).key, binding_of(other).value)])
            await store.refresh()
            assert SchemaReference.to_fingerprint(other.fingerprint) in store.known
            assert store.learnt == 2

    asyncio.run(work())


def test_what_binds_nothing_is_passed_over_counted_and_logged_once_by_name(kafka: Kafka, topic_name: str) -> None:
    """Forged keys, no JSON, no Avro, tombstones, values too large: the true schema behind them is found."""
    marker = b"MARKER-OF-THE-CONTENT"
    forgeries: list[Record] = [
        (BOUND[0], CREATED.text.encode()),
        (BOUND[0], marker),
        (BOUND[0], marker),
        (BOUND[0], b'"string"'),
        (BOUND[0], None),
        (BOUND[0], b" " * (limits.SCHEMA_BYTES_MAX + 1)),
        (marker, AHEAD.text.encode()),
        (None, AHEAD.text.encode()),
    ]

    async def work() -> None:
        spec = await with_topic(kafka, topic_name, *forgeries, BOUND)
        async with SchemaStore(kafka.connection, spec) as store:
            assert AHEAD.text == store.known.find(REFERENCE).text
            assert dict(store.skipped) == {
                Skip.FORGED_FINGERPRINT: 1,
                Skip.NOT_A_SCHEMA: 3,
                Skip.NO_VALUE: 1,
                Skip.TOO_LARGE: 1,
                Skip.KEY_UNREADABLE: 2,
            }

    with capture_logs() as logs:
        asyncio.run(work())
    skipped = [line for line in logs if line["event"] == "schema_store.record_skipped"]
    assert sorted(line["reason"] for line in skipped) == sorted(
        ["forged_fingerprint", "not_a_schema", "no_value", "too_large", "key_unreadable"]
    )
    assert "MARKER" not in str(logs)


def test_the_first_that_binds_a_reference_wins(kafka: Kafka, topic_name: str) -> None:
    """Of two texts with one fingerprint, and of two schemas under one registry id, the earlier one stands."""
    twin = json.dumps(AHEAD.document | {"doc": "The same fingerprint."})
    records: list[Record] = [
        BOUND,
        (BOUND[0], twin.encode()),
        BOUND,
        (b"registry-id:7", b"no schema"),
        (b"registry-id:7", AHEAD.text.encode()),
        (b"registry-id:7", CREATED.text.encode()),
    ]

    async def work() -> None:
        spec = await with_topic(kafka, topic_name, *records)
        async with SchemaStore(kafka.connection, spec) as store:
            seventh = SchemaReference.to_registry_id(7)
            assert {REFERENCE: AHEAD.text, seventh: AHEAD.text} == dict(store.bound)
            assert AHEAD.text == store.known.find(seventh).text
            assert dict(store.skipped) == {Skip.BOUND_BEFORE: 2, Skip.NOT_A_SCHEMA: 1}

    asyncio.run(work())


def test_a_schema_of_no_kind_of_ours_is_known_as_such(kafka: Kafka, topic_name: str) -> None:
    """It is not unknown: waiting for it would be of no use."""
    text = json.dumps(CREATED.document | {"name": "NotificationTeleported"})
    reference = SchemaReference.to_fingerprint(fingerprint_of_text(text))

    async def work() -> None:
        spec = await with_topic(kafka, topic_name, (reference.value.hex().encode(), text.encode()))
        async with SchemaStore(kafka.connection, spec) as store:
            assert reference in store.known
            with pytest.raises(KindUnknown):
                store.known.find(reference)

    asyncio.run(work())


def test_what_it_did_not_know_before_counts_as_learnt_and_nothing_else(kafka: Kafka, topic_name: str) -> None:
    """Neither a shipped schema nor one that no decoder can be given: nothing would be released or looked for again."""
    document = CREATED.document
    document["fields"].append({"name": "nothings", "type": {"type": "array", "items": "null"}, "default": []})
    text = json.dumps(document)
    unusable: Record = (fingerprint_of_text(text).hex().encode(), text.encode())

    async def work() -> None:
        spec = await with_topic(kafka, topic_name, (binding_of(CREATED).key, binding_of(CREATED).value), unusable)
        async with SchemaStore(kafka.connection, spec) as store:
            assert list(store.bound) == [binding_of(CREATED).reference]
            assert (store.learnt, dict(store.skipped)) == (0, {Skip.UNUSABLE: 1})
            await append(kafka, spec, [BOUND])
            await store.refresh()
            assert store.learnt == 1

    with capture_logs() as logs:
        asyncio.run(work())
    assert [line["reason"] for line in logs if line["event"] == "schema_store.record_skipped"] == ["unusable"]


def test_a_transaction_that_somebody_left_open_hides_nothing(kafka: Kafka, topic_name: str) -> None:
    """Records are read uncommitted: a binding proves itself, whoever wrote it."""

    async def work() -> None:
        spec = await with_topic(kafka, topic_name)
        options = kafka.connection.client_options()
        async with AIOKafkaProducer(**options, transactional_id=topic_name) as stranger:
            await stranger.begin_transaction()
            await stranger.send_and_wait(spec.name, b"left open", key=b"left open")
            await append(kafka, spec, [BOUND])
            async with SchemaStore(kafka.connection, spec) as store:
                assert REFERENCE in store.known
            await stranger.abort_transaction()
        async with SchemaStore(kafka.connection, spec) as store:
            assert REFERENCE in store.known
            await store.refresh()

    asyncio.run(work())


def test_compressed_records_are_read(kafka: Kafka, topic_name: str) -> None:
    """Publishers in other languages compress."""

    async def work() -> None:
        spec = await with_topic(kafka, topic_name)
        await append(kafka, spec, [BOUND], compression_type="zstd")
        async with SchemaStore(kafka.connection, spec) as store:
            assert REFERENCE in store.known

    asyncio.run(work())


def test_while_it_is_steady_nothing_is_learnt(kafka: Kafka, topic_name: str) -> None:
    """Whoever refreshes meanwhile waits, and learns when the context is left."""

    async def work() -> None:
        spec = await with_topic(kafka, topic_name)
        async with SchemaStore(kafka.connection, spec) as store:
            async with store.steady():
                await append(kafka, spec, [BOUND])
                refreshing = asyncio.create_task(store.refresh())
                await asyncio.sleep(0.5)
                assert REFERENCE not in store.known
                assert not refreshing.done()
            await refreshing
            assert REFERENCE in store.known

    asyncio.run(work())


def test_a_refresh_that_is_cancelled_loses_nothing(kafka: Kafka, topic_name: str) -> None:
    """What was read and not learnt is read again."""

    async def work() -> None:
        spec = await with_topic(kafka, topic_name)
        async with SchemaStore(kafka.connection, spec) as store:
            async with store.steady():
                await append(kafka, spec, [BOUND])
                refreshing = asyncio.create_task(store.refresh())
                await asyncio.sleep(0.5)
                refreshing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await refreshing
            await store.refresh()
            assert REFERENCE in store.known

    asyncio.run(work())


def test_a_topic_that_is_wrong_or_missing_is_told_at_the_start(kafka: Kafka, topic_name: str) -> None:
    """As for the lifecycle topic: it must be there, in one partition."""

    async def work() -> None:
        with pytest.raises(TopicMisconfigured, match="does not exist"):
            await SchemaStore(kafka.connection, schemas_topic_spec(topic_name)).__aenter__()
        await ensure_topic(kafka.connection, TopicSpec(topic_name, 2))
        with pytest.raises(TopicMisconfigured, match="2 partitions, not 1"):
            await SchemaStore(kafka.connection, schemas_topic_spec(topic_name)).__aenter__()

    asyncio.run(work())


def test_a_broker_that_does_not_answer_makes_it_unreachable() -> None:
    """A refresh ends within its bound, with an error that may be retried and names the topic."""

    async def work(connection: KafkaConnection) -> BrokerUnavailable:
        store = SchemaStore(connection, timeout_seconds=0.5)
        with pytest.raises(BrokerUnavailable, match=r"notifications\.schemas\.v1") as unavailable:
            await store.refresh()
        with pytest.raises(BrokerUnavailable):
            await store.refresh()
        return unavailable.value

    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = asyncio.run(work(KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}")))
    assert error.retryable


def test_a_record_that_the_client_cannot_read_hides_nothing_behind_it(
    kafka: Kafka, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiokafka fails on a header name that is not UTF-8, again and again: the record is passed over and counted."""
    getmany = AIOKafkaConsumer.getmany

    async def fails_on_the_first(consumer: AIOKafkaConsumer, *places: TopicPartition, **options: int) -> object:
        if await consumer.position(*places) == 0:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return await getmany(consumer, *places, **options)

    async def work() -> None:
        spec = await with_topic(kafka, topic_name, (b"x", b"x"), BOUND)
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", fails_on_the_first)
        async with SchemaStore(kafka.connection, spec) as store:
            assert REFERENCE in store.known
            assert dict(store.skipped) == {Skip.HEADERS_UNREADABLE: 1}

    asyncio.run(work())
