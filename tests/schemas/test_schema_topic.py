"""The records of the schema topic: keys, values, and what binds nothing."""

from __future__ import annotations

import json

import pytest

from ledger_schemas import limits
from ledger_schemas.framing import SchemaReference, header_of
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_topic import SchemaBinding, Skip, binding_of, is_ours, read_binding, read_key
from ledger_schemas.shipped import current_schema, fingerprint_of_text, shipped_schemas, writer_schema
from ledger_schemas.topic import SCHEMAS_TOPIC, schemas_topic_spec

CREATED = current_schema(Kind.CREATED)
KEY = CREATED.fingerprint.hex().encode()
VALUE = CREATED.text.encode()


def test_the_key_is_the_fingerprint_as_it_stands_in_the_frame() -> None:
    """16 lower-case hexadecimal characters: the very bytes between the magic and the body."""
    for schema in shipped_schemas().values():
        binding = binding_of(schema)
        assert header_of(binding.reference)[2:].hex().encode() == binding.key
        assert schema.text.encode() == binding.value
        assert read_binding(binding.key, binding.value) == binding


def test_a_registry_id_is_a_key_too() -> None:
    """`registry-id:` and the id in decimal, for frames that say an id."""
    binding = binding_of(CREATED, 2**32 - 1)
    assert binding.key == b"registry-id:4294967295"
    assert read_binding(binding.key, binding.value) == binding
    assert read_key("registry-id:0") == SchemaReference.to_registry_id(0)


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"\xff\xfe",
        KEY.upper(),
        KEY[:-1],
        KEY + b"0",
        KEY + b"\n",
        b"registry-id:",
        b"registry-id:-1",
        b"registry-id:07",
        b"registry-id:4294967296",
        "registry-id:\N{FULLWIDTH DIGIT SEVEN}".encode(),
        b"created",
    ],
)
def test_what_is_no_key_binds_nothing(key: bytes | None) -> None:
    """Another spelling of a fingerprint or of an id is none."""
    assert read_binding(key, VALUE) is Skip.KEY_UNREADABLE


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Skip.NO_VALUE),
        (b"", Skip.NOT_A_SCHEMA),
        (b"\xff", Skip.NOT_A_SCHEMA),
        (b"{", Skip.NOT_A_SCHEMA),
        (b"[" * 100_000, Skip.NOT_A_SCHEMA),
        (b'{"type": "record"}', Skip.NOT_A_SCHEMA),
        (b'"string"', Skip.NOT_A_SCHEMA),
        (b'{"type": "record", "name": "R", "fields": [{"name": "f", "type": "X"}]}', Skip.NOT_A_SCHEMA),
        (b" " * (limits.SCHEMA_BYTES_MAX + 1), Skip.TOO_LARGE),
        (current_schema(Kind.READ).text.encode(), Skip.FORGED_FINGERPRINT),
    ],
)
def test_what_is_no_schema_of_its_key_binds_nothing(value: bytes | None, reason: Skip) -> None:
    """A tombstone, no JSON, no Avro, too large, another schema: named, and no more."""
    assert read_binding(KEY, value) is reason


def test_a_schema_of_another_kind_is_bound_all_the_same() -> None:
    """Whether its kind is known is the reader's question, not the topic's."""
    text = json.dumps(CREATED.document | {"name": "NotificationTeleported"})
    assert read_binding(b"registry-id:7", text.encode()) == SchemaBinding(SchemaReference.to_registry_id(7), text)


def test_a_schema_that_no_decoder_can_be_given_is_unusable() -> None:
    """Ten bytes of such an array state 2^62 items: whoever published it, it binds nothing, and is counted as such."""
    document = CREATED.document
    document["fields"].append({"name": "nothings", "type": {"type": "array", "items": "null"}, "default": []})
    text = json.dumps(document)
    assert read_binding(fingerprint_of_text(text).hex().encode(), text.encode()) is Skip.UNUSABLE
    assert read_binding(b"registry-id:7", text.encode()) is Skip.UNUSABLE


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({}, True),
        ({"name": "NotificationTeleported"}, True),
        ({"name": "notifications.lifecycle.NotificationTeleported", "namespace": "billing"}, True),
        ({"name": "billing.NotificationCreated"}, False),
        ({"namespace": "billing"}, False),
        ({"namespace": "notifications.lifecycle.billing"}, False),
        ({"type": "error"}, False),
        ({"fields": [{"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": -1}}]}, True),
    ],
)
def test_ours_is_what_lies_in_our_namespace(changes: dict[str, object], ours: object) -> None:
    """The namespace of a name with dots is in the name; nothing that can be bound makes the question fail."""
    text = json.dumps(CREATED.document | changes)
    binding = read_binding(b"registry-id:7", text.encode())
    assert isinstance(binding, SchemaBinding)
    assert is_ours(binding) == ours


def test_docs_and_defaults_do_not_change_the_key() -> None:
    """The fingerprint is over the parsing canonical form: the first of two such texts in the topic wins."""
    document = CREATED.document | {"doc": "Another text."}
    other = writer_schema(json.dumps(document))
    assert other.text != CREATED.text
    assert binding_of(other).key == KEY


def test_the_topic_has_one_partition_and_keeps_everything() -> None:
    """One order for all readers; neither time, size nor compaction takes a schema away."""
    spec = schemas_topic_spec(replication_factor=3, min_insync_replicas=2)
    assert (spec.name, spec.partitions, spec.replication_factor) == (SCHEMAS_TOPIC, 1, 3)
    config = spec.config()
    assert {"delete", "-1", "LogAppendTime", "2"} == {
        config["cleanup.policy"],
        config["retention.ms"],
        config["message.timestamp.type"],
        config["min.insync.replicas"],
    }
    assert config["retention.bytes"] == "-1"
